"""MixUp and CutMix: what neighbours in a batch, 2k and 2k + 1, give each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from motes.data.augment import Augmentation, as_seed
from motes.data.paint import IGNORED


@dataclass(frozen=True)
class Pair:
    """What was drawn for two crops.

    own: the share that each keeps of itself, 1 without MixUp. box: what they exchange, None without CutMix.
    """

    own: float
    box: tuple[slice, ...] | None


def draw_pair(augmentation: Augmentation, shape: Sequence[int], rng: np.random.Generator) -> Pair:
    """Draw for a pair of crops of that shape; the same number of draws, whatever is switched on.

    MixUp's share is from Beta(alpha, alpha) (Zhang et al. 2018, ICLR); so is CutMix's share of the crop,
    which a box around a random place has before what lies outside is cut off (Yun et al. 2019, ICCV).
    """
    up, up_seed, cut, cut_seed = rng.random(4)
    middles = rng.random(len(shape)) * shape
    own = 1.0
    if up < augmentation.mixup:
        own = float(
            np.random.default_rng(as_seed(up_seed)).beta(augmentation.mixup_alpha, augmentation.mixup_alpha)
        )
    box = None
    if cut < augmentation.cutmix:
        kept = np.random.default_rng(as_seed(cut_seed)).beta(
            augmentation.cutmix_alpha, augmentation.cutmix_alpha
        )
        halves = np.array(shape) * (1 - kept) ** (1 / len(shape)) / 2
        lows, highs = np.maximum(middles - halves, 0), np.minimum(middles + halves, shape)
        box = tuple(slice(round(low), round(high)) for low, high in zip(lows, highs, strict=True))
    return Pair(own, box)


def mix(crops: Tensor, targets: Tensor, pairs: Sequence[Pair]) -> None:
    """Mix crops (b, 1, ...) and their targets (b, channels, ...) in place.

    pairs: one for each two neighbours; an odd last crop stays. Ignored where either target is.
    """
    for number, pair in enumerate(pairs):
        both = slice(2 * number, 2 * number + 2)
        if pair.own < 1:
            _blend(crops[both], targets[both], pair.own)
        if pair.box is not None:
            exchanged = (slice(None), slice(None), *pair.box)
            for values in (crops[both], targets[both]):
                values[exchanged] = values[exchanged].flip(0)


def _blend(crops: Tensor, targets: Tensor, own: float) -> None:
    """MixUp of two crops and their targets, in place."""
    ignored = (targets < 0).any(dim=0, keepdim=True)
    for values in (crops, targets):
        values.copy_(values * own + values.flip(0) * (1 - own))
    targets.masked_fill_(ignored, IGNORED)


def class_shares(targets: Tensor, outputs: int) -> Tensor:
    """Shares of the classes, (b, outputs, ...), of class numbers (b, 1, ...); -1 stays in all channels."""
    numbers = torch.arange(outputs, device=targets.device).reshape(1, -1, *[1] * (targets.ndim - 2))
    return (targets == numbers).to(targets.dtype).masked_fill_(targets < 0, IGNORED)
