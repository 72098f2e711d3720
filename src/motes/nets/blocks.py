"""The parts that nets are made of, for images and volumes alike."""

import math
from collections.abc import Callable

from torch import Tensor, nn

from motes.nets.description import NetDescription

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
BATCH_NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
INSTANCE_NORM = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
DROPOUT = {2: nn.Dropout2d, 3: nn.Dropout3d}
LINEAR = {2: "bilinear", 3: "trilinear"}
GROUPS = 8  # of a group norm, or what it has in common with the channels

# In place only where the backward pass needs nothing but the result.
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(inplace=True),
    "silu": nn.SiLU,
    "prelu": nn.PReLU,
    "gelu": nn.GELU,
}


def pointwise(net: NetDescription, channels_in: int, channels_out: int) -> nn.Module:
    """A 1x1 convolution with bias."""
    return CONV[net.ndim](channels_in, channels_out, kernel_size=1)


def find_norm(net: NetDescription, channels: int) -> nn.Module:
    """The norm of the description, with a scale and a shift for each channel; identity for none."""
    if net.norm == "batch":
        return BATCH_NORM[net.ndim](channels)
    if net.norm == "instance":
        return INSTANCE_NORM[net.ndim](channels, affine=True)
    if net.norm == "group":
        return nn.GroupNorm(math.gcd(GROUPS, channels), channels)
    return nn.Identity()


class ConvBlock(nn.Module):
    """Twice: 3x3 convolution, norm, activation; residual: the input is added before the last activation.

    attention: over what the block found; it stands after the second norm, before the input is added (as in
    Hu et al. 2018, doi:10.1109/CVPR.2018.00745), in a plain block at the end. A shortcut between different
    numbers of channels is a 1x1 convolution (He et al. 2016, doi:10.1109/CVPR.2016.90). Dropout of whole
    channels comes last. The layers are named one by one, for initial weights are drawn from their names.
    """

    def __init__(
        self, net: NetDescription, channels_in: int, channels_out: int, attention: nn.Module
    ) -> None:
        super().__init__()
        conv, activation = CONV[net.ndim], ACTIVATIONS[net.activation]
        self.residual = net.block == "residual"
        self.conv1 = conv(channels_in, channels_out, kernel_size=3, padding=1)
        self.norm1 = find_norm(net, channels_out)
        self.activation1 = activation()
        self.conv2 = conv(channels_out, channels_out, kernel_size=3, padding=1)
        self.norm2 = find_norm(net, channels_out)
        self.activation2 = activation()
        self.attention = attention
        same = channels_in == channels_out or not self.residual
        self.shortcut = nn.Identity() if same else pointwise(net, channels_in, channels_out)
        self.dropout = DROPOUT[net.ndim](net.dropout) if net.dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(b, channels_in, [z,] y, x) to (b, channels_out, [z,] y, x)."""
        inner = self.norm2(self.conv2(self.activation1(self.norm1(self.conv1(x)))))
        if self.residual:
            out = self.activation2(self.attention(inner) + self.shortcut(x))
        else:
            out = self.attention(self.activation2(inner))
        dropped: Tensor = self.dropout(out)
        return dropped


def upsampler(net: NetDescription, channels_in: int, channels_out: int) -> nn.Module:
    """From one level to the next finer one: twice the size, channels_out channels."""
    if net.upsampling == "transposed":
        return TRANSPOSED[net.ndim](channels_in, channels_out, kernel_size=2, stride=2)
    # Corners are not aligned: aligned ones would make the value at a pixel depend on the size of the
    # image, and a tile could not equal the whole.
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode=LINEAR[net.ndim], align_corners=False),
        pointwise(net, channels_in, channels_out),
    )
