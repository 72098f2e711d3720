"""The U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28), for images and volumes alike."""

import torch
from torch import Tensor, nn

from motes.nets.attention import Gate, block_attention, bottleneck_attention
from motes.nets.blocks import POOL, ConvBlock, pointwise, upsampler
from motes.nets.description import NetDescription


class UNet(nn.Module):
    """Image in, one logit a pixel and output channel out, same size.

    Input (b, inputs, [z,] y, x), sides multiples of net.multiple; output (b, outputs, [z,] y, x). With deep
    supervision, in training, a list: that, then as many coarser maps, each half as large as the one before.
    At width 64, depth 5, 2D, one channel in and out it has exactly 31,042,369 parameters, and 31,393,901
    with gates on its skips.
    """

    def __init__(self, net: NetDescription) -> None:
        super().__init__()
        self.net = net
        levels = net.channels
        inputs = (net.inputs, *levels[:-1])
        self.encoder = nn.ModuleList(
            ConvBlock(net, a, b, block_attention(net.encoder_attention, net, b))
            for a, b in zip(inputs, levels, strict=True)
        )
        self.pool = POOL[net.ndim](kernel_size=2)
        self.bottleneck = bottleneck_attention(net)
        steps = list(zip(levels[1:], levels[:-1], strict=True))
        self.up = nn.ModuleList(upsampler(net, coarse, fine) for coarse, fine in steps)
        self.gates = nn.ModuleList(_gates(net))
        self.decoder = nn.ModuleList(
            ConvBlock(net, 2 * fine, fine, block_attention(net.decoder_attention, net, fine))
            for _, fine in steps
        )
        self.head = pointwise(net, levels[0], net.outputs)
        coarser = levels[1 : 1 + net.deep_supervision]
        self.coarser_heads = nn.ModuleList(pointwise(net, each, net.outputs) for each in coarser)

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits of the same size as x; in training with deep supervision, of several sizes, finest first."""
        decoded = self._decode(self._encode(x))
        logits: Tensor = self.head(decoded[-1])
        if not (self.training and len(self.coarser_heads)):
            return logits
        coarser = decoded[-2 : -2 - len(self.coarser_heads) : -1]
        return [logits, *(head(x) for head, x in zip(self.coarser_heads, coarser, strict=True))]

    def _encode(self, x: Tensor) -> list[Tensor]:
        """What each level found on the way down, finest first."""
        found: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else self.pool(x))
            found.append(x)
        found[-1] = self.bottleneck(x)
        return found

    def _decode(self, found: list[Tensor]) -> list[Tensor]:
        """What each level found on the way up, coarsest first, beginning with the bottleneck."""
        decoded = [found[-1]]
        for level in reversed(range(len(self.up))):
            skip, signal = found[level], self.up[level](decoded[-1])
            if len(self.gates):
                several = self.net.gate_scales == "several"
                skip = self.gates[level](skip, signal, decoded[-2::-1] if several else [])
            decoded.append(self.decoder[level](torch.cat([skip, signal], dim=1)))
        return decoded


def _gates(net: NetDescription) -> list[nn.Module]:
    """One gate for each skip, finest first; none where there are none."""
    if net.skips == "none":
        return []
    several = net.gate_scales == "several"
    return [
        Gate(net, channels, net.channels[level + 2 :] if several else ())
        for level, channels in enumerate(net.channels[:-1])
    ]


def unet_reach(net: NetDescription) -> int | None:
    """How far, in pixels, an input pixel can influence an output pixel: 107 for five levels.

    Counted through the net from an output pixel back to the input, for every alignment of that pixel on
    the coarsest grid. A tile cut with that much surround gives the same result as the whole image. Shortcuts,
    gates and dropout look no further than the convolutions do. None where statistics or attention go over the
    whole image.
    """
    attentions = (net.encoder_attention, net.decoder_attention, net.bottleneck)
    if net.norm in ("instance", "group") or any(each != "none" for each in attentions):
        return None
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
