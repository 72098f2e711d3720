"""Attention: over channels and places within a block, on the skips, and between all places of a level.

Every array is (b, channels, [z,] y, x), and comes out in the shape that it came in.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from motes.nets.blocks import CONV, find_norm, pointwise
from motes.nets.description import NetDescription

REDUCTION = 16  # channels to one of the inner layer, as in Hu et al. and Woo et al.
LEAST_INNER = 4  # channels of that layer in a narrow net: with one, most images would find it dead
HEAD = 64  # channels of one head of self-attention (Vaswani et al. 2017, arXiv:1706.03762)
WINDOW = 7  # pixels of CBAM's convolution over places


class SqueezeExcitation(nn.Module):
    """Weighs channels by their means (Hu et al. 2018, doi:10.1109/CVPR.2018.00745)."""

    def __init__(self, _net: NetDescription, channels: int) -> None:
        super().__init__()
        self.mlp = _inner_layers(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Each channel times a number in (0, 1)."""
        return x * _as_channels(torch.sigmoid(self.mlp(_mean(x))), x)


class Cbam(nn.Module):
    """Weighs channels, then places, by their means and maxima (Woo et al. 2018, doi:10.1007/978-3-030-01234-2_1)."""

    def __init__(self, net: NetDescription, channels: int) -> None:
        super().__init__()
        self.mlp = _inner_layers(channels)
        self.places = CONV[net.ndim](2, 1, kernel_size=WINDOW, padding=WINDOW // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Each channel, then each place, times a number in (0, 1)."""
        highest = x.flatten(2).amax(dim=2)
        x = x * _as_channels(torch.sigmoid(self.mlp(_mean(x)) + self.mlp(highest)), x)
        seen = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        weighed: Tensor = x * torch.sigmoid(self.places(seen))
        return weighed


class EfficientChannels(nn.Module):
    """Weighs channels by a convolution along their means (ECA, Wang et al. 2020, doi:10.1109/CVPR42600.2020.01155).

    The kernel is the odd number next to log2(channels) / 2 + 1/2, equation 12 there.
    """

    def __init__(self, _net: NetDescription, channels: int) -> None:
        super().__init__()
        width = int(math.log2(channels) / 2 + 0.5)
        width += 1 - width % 2
        self.along = nn.Conv1d(1, 1, kernel_size=width, padding=width // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Each channel times a number in (0, 1)."""
        return x * _as_channels(torch.sigmoid(self.along(_mean(x)[:, None])[:, 0]), x)


class Gate(nn.Module):
    """Lets through of a skip what the coarser level asks for (Oktay et al. 2018, arXiv:1804.03999).

    alpha = sigmoid(psi(relu(W_x skip + W_g signal))); out comes alpha * skip. W_x, W_g and psi are 1x1
    convolutions with bias, each followed by a norm; between them lie half the channels. The signal is the
    up-sampled map of the coarser level, as large as the skip. coarser: channels of further levels that the gate
    listens to, by a 1x1 convolution and a norm each, brought to size by repeating pixels.
    """

    def __init__(self, net: NetDescription, channels: int, coarser: Sequence[int] = ()) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.skip = pointwise(net, channels, inner)
        self.skip_norm = find_norm(net, inner)
        self.signal = pointwise(net, channels, inner)
        self.signal_norm = find_norm(net, inner)
        self.coarser = nn.ModuleList(pointwise(net, each, inner) for each in coarser)
        self.coarser_norm = nn.ModuleList(find_norm(net, inner) for _ in coarser)
        self.psi = pointwise(net, inner, 1)
        self.psi_norm = find_norm(net, 1)

    def forward(self, skip: Tensor, signal: Tensor, coarser: Sequence[Tensor]) -> Tensor:
        """skip, signal: (b, channels, [z,] y, x); coarser: a quarter of that size, an eighth, and so on."""
        heard = self.skip_norm(self.skip(skip)) + self.signal_norm(self.signal(signal))
        layers = zip(self.coarser, self.coarser_norm, coarser, strict=True)
        for halvings, (conv, norm, x) in enumerate(layers, start=2):
            heard = heard + functional.interpolate(norm(conv(x)), scale_factor=float(2**halvings))
        alpha = torch.sigmoid(self.psi_norm(self.psi(functional.relu(heard))))
        return alpha * skip


class SelfAttention(nn.Module):
    """Each place asks all others, by several heads, and adds what it hears (Vaswani et al. 2017, arXiv:1706.03762).

    The input is normalised first. Heads have 64 channels where these divide, else there is one.
    """

    def __init__(self, net: NetDescription, channels: int) -> None:
        super().__init__()
        self.heads = channels // HEAD if channels % HEAD == 0 else 1
        self.norm = find_norm(net, channels)
        self.query = pointwise(net, channels, channels)
        self.key = pointwise(net, channels, channels)
        self.value = pointwise(net, channels, channels)
        self.out = pointwise(net, channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """The input plus what each place heard."""
        normal = self.norm(x)
        heard = _attend(self.query(normal), self.key(normal), self.value(normal), self.heads)
        added: Tensor = x + self.out(heard)
        return added


class NonLocal(nn.Module):
    """The embedded Gaussian block of Wang et al. 2018 (doi:10.1109/CVPR.2018.00813), with half the channels inside.

    Two departures: products are divided by the root of their length, for with our initial weights the softmax
    would else begin saturated; and the last norm's scale begins at 1, as everywhere here, not at 0.
    """

    def __init__(self, net: NetDescription, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 1)
        self.query = pointwise(net, channels, inner)
        self.key = pointwise(net, channels, inner)
        self.value = pointwise(net, channels, inner)
        self.out = pointwise(net, inner, channels)
        self.norm = find_norm(net, channels)

    def forward(self, x: Tensor) -> Tensor:
        """The input plus what each place heard."""
        heard = _attend(self.query(x), self.key(x), self.value(x), heads=1)
        added: Tensor = x + self.norm(self.out(heard))
        return added


Part = Callable[[NetDescription, int], nn.Module]

IN_BLOCKS: dict[str, Part] = {"se": SqueezeExcitation, "cbam": Cbam, "eca": EfficientChannels}
BETWEEN_PLACES: dict[str, Part] = {"self_attention": SelfAttention, "non_local": NonLocal}


def block_attention(kind: str, net: NetDescription, channels: int) -> nn.Module:
    """What a block's attention is; identity for none."""
    return nn.Identity() if kind == "none" else IN_BLOCKS[kind](net, channels)


def bottleneck_attention(net: NetDescription) -> nn.Module:
    """Attention between the places of the coarsest level; identity for none."""
    kind = net.bottleneck
    return nn.Identity() if kind == "none" else BETWEEN_PLACES[kind](net, net.channels[-1])


def _inner_layers(channels: int) -> nn.Sequential:
    inner = max(channels // REDUCTION, LEAST_INNER)
    return nn.Sequential(nn.Linear(channels, inner), nn.ReLU(inplace=True), nn.Linear(inner, channels))


def _mean(x: Tensor) -> Tensor:
    """(b, channels, [z,] y, x) to the means (b, channels)."""
    return x.flatten(2).mean(dim=2)


def _as_channels(weights: Tensor, x: Tensor) -> Tensor:
    """(b, channels), shaped to multiply (b, channels, [z,] y, x)."""
    return weights.reshape(*weights.shape, *[1] * (x.ndim - 2))


def _attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention between places; (b, heads * c, [z,] y, x) each, and so the result."""

    def split(x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], heads, x.shape[1] // heads, -1).transpose(2, 3)

    heard = functional.scaled_dot_product_attention(split(query), split(key), split(value))
    return heard.transpose(2, 3).flatten(1, 2).reshape(query.shape)
