"""Our nets as they run where nothing is learned: the same logits up to rounding, several times faster.

What costs time beside the convolutions is memory that is gone through once more, and memory that is asked for
anew. So norms become part of the convolutions before them; squeeze and excitation scales a map while it is copied
beside the other half of a skip; halving is two or three comparisons; the channels lie last throughout.
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from motes.nets.attention import Gate, NonLocal, SqueezeExcitation
from motes.nets.blocks import ConvBlock
from motes.nets.unet import UNet

FOLDS = ("batch", "none")  # norms that are a scale and a shift once training is over

# By kind of module, each convolution with the norm that follows it.
PAIRS: dict[type[nn.Module], Sequence[tuple[str, str]]] = {
    ConvBlock: (("conv1", "norm1"), ("conv2", "norm2")),
    Gate: (("skip", "skip_norm"), ("signal", "signal_norm"), ("psi", "psi_norm")),
    NonLocal: (("out", "norm"),),
}


def folded(net: nn.Module, precision: torch.dtype) -> nn.Module:
    """A copy of a net in eval mode to predict with in that precision; the net itself where it cannot be folded.

    Ours can where their norm is batch or none; of borrowed ones little is known.
    """
    if not isinstance(net, UNet) or net.net.norm not in FOLDS or net.training:
        return net
    return FoldedUNet(net, precision)


class FoldedUNet(nn.Module):
    """A U-Net to predict with. Input and output as of UNet, in float32 and in the precision.

    It keeps the memory where skips are joined from one call to the next, so one thread at a time may use it.
    """

    def __init__(self, net: UNet, precision: torch.dtype) -> None:
        super().__init__()
        self.precision = precision
        self.parts = _in_precision(_without_norms(net), precision)
        self.joined: dict[int, Tensor] = {}

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        """Logits (b, outputs, [z,] y, x) of (b, inputs, [z,] y, x), contiguous in memory."""
        found = self._encode(_channels_last(x.to(self.precision)))
        return _pointwise(self.parts.head, self._decode(found))

    def _encode(self, x: Tensor) -> list["Scaled"]:
        found: list[Scaled] = []
        for level, block in enumerate(self.parts.encoder):
            found.append(_block(block, x if level == 0 else found[-1].halved()))
        found[-1] = Scaled(self.parts.bottleneck(found[-1].whole()))
        return found

    def _decode(self, found: list["Scaled"]) -> Tensor:
        decoded = [found[-1].whole()]
        for level in reversed(range(len(self.parts.up))):
            skip, signal = found[level], self.parts.up[level](decoded[-1])
            if len(self.parts.gates):
                several = self.parts.net.gate_scales == "several"
                coarser = decoded[-2::-1] if several else []
                skip = Scaled(self.parts.gates[level](skip.whole(), signal, coarser))
            decoded.append(_block(self.parts.decoder[level], self._join(level, skip, signal)).whole())
        return decoded[-1]

    def _join(self, level: int, skip: "Scaled", signal: Tensor) -> Tensor:
        """Both beside each other, in memory that is used again: to get 30 MB anew takes as long as to fill them."""
        channels = skip.map.shape[1]
        shape = (skip.map.shape[0], channels + signal.shape[1], *signal.shape[2:])
        kept = self.joined.get(level)
        if kept is None or kept.shape != shape or kept.device != signal.device:
            kept = self.joined[level] = _channels_last(signal.new_empty(shape))
        skip.copy_into(kept[:, :channels])
        kept[:, channels:] = signal
        return kept


class Scaled:
    """A map (b, channels, [z,] y, x), to be multiplied by a number for each channel, or by none."""

    def __init__(self, map_: Tensor, scale: Tensor | None = None) -> None:
        self.map = map_
        self.scale = None if scale is None else scale.reshape(*scale.shape, *[1] * (map_.ndim - 2))

    def whole(self) -> Tensor:
        """The map, scaled in place."""
        if self.scale is not None:
            self.map.mul_(self.scale)
            self.scale = None
        return self.map

    def halved(self) -> Tensor:
        """The highest of each 2 x 2 (x 2) places; scaled after that, for no scale is below 0."""
        half = self.map
        for axis in range(2, half.ndim):
            pairs = half.reshape(*half.shape[:axis], -1, 2, *half.shape[axis + 1 :])
            half = torch.maximum(pairs.select(axis + 1, 0), pairs.select(axis + 1, 1))
        return half if self.scale is None else half.mul_(self.scale)

    def copy_into(self, place: Tensor) -> None:
        """Scaled on the way."""
        if self.scale is None:
            place.copy_(self.map)
        else:
            torch.mul(self.map, self.scale, out=place)


def _block(block: nn.Module, x: Tensor) -> Scaled:
    """What a block whose norms are folded finds; dropout does nothing any more."""
    assert isinstance(block, ConvBlock)
    inner = block.conv2(block.activation1(block.conv1(x)))
    if block.residual:
        attended = _attended(block.attention, inner).whole()
        return Scaled(block.activation2(attended + block.shortcut(x)))
    return _attended(block.attention, block.activation2(inner))


def _attended(attention: nn.Module, x: Tensor) -> Scaled:
    if isinstance(attention, SqueezeExcitation):
        return Scaled(x, torch.sigmoid(attention.mlp(channel_means(x).to(x.dtype))))
    return Scaled(attention(x))


def channel_means(x: Tensor) -> Tensor:
    """The means (b, channels) of (b, channels, [z,] y, x), in float32.

    Rows of pixels with all their channels are added up first: long vectors, where channels alone would be short.
    """
    rows = x.movedim(1, -1).flatten(-2)  # (b, [z,] y, x * channels)
    summed = rows.sum(dim=-2).float().reshape(x.shape[0], -1, x.shape[1])
    means: Tensor = summed.mean(dim=1) / x.shape[-2]
    return means


def _pointwise(head: nn.Module, x: Tensor) -> Tensor:
    """A 1x1 convolution as a matrix product, with each channel of the result in one piece."""
    assert isinstance(head, nn.Conv2d | nn.Conv3d)
    assert head.bias is not None
    weights, bias = head.weight.flatten(1), head.bias[:, None]
    logits = x.new_empty((x.shape[0], len(weights), *x.shape[2:]))
    for one, found in zip(x.movedim(1, -1).flatten(1, -2), logits.flatten(2), strict=True):
        torch.addmm(bias, weights, one.t(), out=found)
    return logits


def _without_norms(net: UNet) -> UNet:
    """A copy whose batch norms are in the convolutions before them."""
    copied = copy.deepcopy(net).eval()
    for part in list(copied.modules()):
        for conv, norm in PAIRS.get(type(part), ()):
            _fold(part, conv, part, norm)
        if isinstance(part, Gate):
            for number in range(len(part.coarser)):
                _fold(part.coarser, str(number), part.coarser_norm, str(number))
    return copied


def _fold(owner: nn.Module, conv: str, norm_owner: nn.Module, norm: str) -> None:
    own = getattr(norm_owner, norm)
    if isinstance(own, _BatchNorm):
        setattr(owner, conv, fuse_conv_bn_eval(getattr(owner, conv), own))
        setattr(norm_owner, norm, nn.Identity())


def _in_precision(net: UNet, precision: torch.dtype) -> UNet:
    """Weights in that precision, with the channels last; a norm that is left over keeps its own."""
    for part in net.modules():
        if not isinstance(part, _BatchNorm):
            for values in part.parameters(recurse=False):
                values.data = _channels_last(values.data.to(precision))
    return net.requires_grad_(False)


def _channels_last(x: Tensor) -> Tensor:
    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    return x.to(memory_format=layouts[x.ndim]) if x.ndim in layouts else x
