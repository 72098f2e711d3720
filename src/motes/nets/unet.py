"""The U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28), for images and volumes alike."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

CONV = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}


class NetDescription(BaseModel):
    """All that is needed to build a net again; kept in the model file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("unet", description="which net, a name in the table of build.py")
    ndim: Literal[2, 3] = Field(2, description="2 for micrographs, 3 for volumes")
    inputs: int = Field(1, ge=1, description="channels of the input image")
    outputs: int = Field(1, ge=1, description="maps that come out: 1 for one class, else classes + 1")
    width: int = Field(64, ge=1, le=1024, description="channels of the first level; each level doubles them")
    depth: int = Field(5, ge=1, le=8, description="levels, the bottleneck included")
    upsampling: Literal["transposed", "linear"] = Field(
        "transposed", description="transposed convolution, or linear interpolation and a 1x1 convolution"
    )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each level, from full resolution down to the bottleneck."""
        return tuple(self.width * 2**level for level in range(self.depth))

    @property
    def multiple(self) -> int:
        """The sides of an input must be multiples of this."""
        return 1 << (self.depth - 1)


class ConvBlock(nn.Sequential):
    """Twice: 3x3 convolution, batch norm, ReLU."""

    def __init__(self, ndim: int, channels_in: int, channels_out: int) -> None:
        super().__init__(
            CONV[ndim](channels_in, channels_out, kernel_size=3, padding=1),
            NORM[ndim](channels_out),
            nn.ReLU(inplace=True),
            CONV[ndim](channels_out, channels_out, kernel_size=3, padding=1),
            NORM[ndim](channels_out),
            nn.ReLU(inplace=True),
        )


def upsampler(net: NetDescription, channels_in: int, channels_out: int) -> nn.Module:
    """From one level to the next finer one: twice the size, channels_out channels."""
    if net.upsampling == "transposed":
        return TRANSPOSED[net.ndim](channels_in, channels_out, kernel_size=2, stride=2)
    # Corners are not aligned: aligned ones would make the value at a pixel depend on the size of the
    # image, and a tile could not equal the whole.
    mode = {2: "bilinear", 3: "trilinear"}[net.ndim]
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode=mode, align_corners=False),
        CONV[net.ndim](channels_in, channels_out, kernel_size=1),
    )


class UNet(nn.Module):
    """Image in, one logit a pixel and output channel out, same size.

    Input (batch, inputs, [z,] y, x), sides multiples of net.multiple; output (batch, outputs, [z,] y, x).
    At width 64, depth 5, 2D, one channel in and out it has exactly 31,042,369 parameters.
    """

    def __init__(self, net: NetDescription) -> None:
        super().__init__()
        self.net = net
        fine_to_coarse = net.channels
        inputs = (net.inputs, *fine_to_coarse[:-1])
        self.encoder = nn.ModuleList(
            ConvBlock(net.ndim, a, b) for a, b in zip(inputs, fine_to_coarse, strict=True)
        )
        self.pool = POOL[net.ndim](kernel_size=2)
        steps = list(zip(fine_to_coarse[1:], fine_to_coarse[:-1], strict=True))
        self.up = nn.ModuleList(upsampler(net, coarse, fine) for coarse, fine in steps)
        self.decoder = nn.ModuleList(ConvBlock(net.ndim, 2 * fine, fine) for _, fine in steps)
        self.head = CONV[net.ndim](net.width, net.outputs, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the same size as x."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        for level in reversed(range(len(self.up))):
            x = self.decoder[level](torch.cat([skips[level], self.up[level](x)], dim=1))
        logits: Tensor = self.head(x)
        return logits


def unet_reach(net: NetDescription) -> int:
    """How far, in pixels, an input pixel can influence an output pixel: 107 for five levels.

    Counted through the net from an output pixel back to the input, for every alignment of that pixel on
    the coarsest grid. A tile cut with that much surround gives the same result as the whole image.
    """
    period = net.multiple
    return max(max(p - low, high - p) for p in range(period) for low, high in [_span(net, p)])


def _span(net: NetDescription, pixel: int) -> tuple[int, int]:
    """The first and last input pixel that the output at one pixel depends on, along one axis."""
    convolutions = 2  # each 3x3: one pixel to either side, two to a block
    blur = 1 if net.upsampling == "linear" else 0
    low = high = pixel
    spans = []
    for _ in range(net.depth - 1):
        low, high = low - convolutions, high + convolutions
        spans.append((low, high))
        low, high = (low - blur) // 2, (high + blur) // 2
    for skip_low, skip_high in [*reversed(spans), (pixel, pixel)]:
        low, high = low - convolutions, high + convolutions
        if (skip_low, skip_high) != (pixel, pixel):
            low, high = min(2 * low, skip_low), max(2 * high + 1, skip_high)
    return low, high
