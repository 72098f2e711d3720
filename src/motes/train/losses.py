"""Losses on logits and targets, over the whole batch of all processes; negative targets are ignored.

Every term is computed from sums over pixels that go through total, never from means over images or
processes: an image without particles then changes nothing but its share of the sums.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from motes.errors import RecipeError
from motes.train.losses_description import LossDescription
from motes.train.losses_pixels import Pixels, Total, pool_target, read_pixels, sum_in

__all__ = [
    "LOSSES",
    "Logits",
    "Loss",
    "LossDescription",
    "Total",
    "check_class_weights",
    "find_loss",
    "with_separator",
]

Logits = Tensor | list[Tensor]
Loss = Callable[[Logits, Tensor, Total], Tensor]
Term = Callable[[Pixels, LossDescription], Tensor]

LEAST = 1e-6  # a power below 1 has no finite slope at 0
TINY = 1e-30  # a denominator of 0 belongs to a numerator of 0


def bce(pixels: Pixels, description: LossDescription) -> Tensor:
    """Cross-entropy, the mean over the pixels that count, weighted by class; of several classes of softmax."""
    return -_weighted_mean(pixels, _class_sums(pixels, pixels.log_probabilities, description), description)


def focal(pixels: Pixels, description: LossDescription) -> Tensor:
    """Cross-entropy times alpha (1 - p)^gamma, the mean over the pixels that count.

    p: the probability of the right class, alpha: focal_alpha for particles of any class, 1 - focal_alpha for
    background; a soft target is the mean over what it may be. Source: Lin et al. 2017.
    """
    losses = [
        (-log_chance.expm1()).clamp(min=TINY) ** description.focal_gamma * log_chance
        for log_chance in pixels.log_probabilities
    ]
    sums = _class_sums(pixels, losses, description)
    alpha = description.focal_alpha
    if alpha is not None:
        sums = torch.cat([(1 - alpha) * sums[:1], alpha * sums[1:]])
    return -_weighted_mean(pixels, sums, description)


def dice(pixels: Pixels, description: LossDescription) -> Tensor:
    """1 - (2 TP + epsilon) / (P + T + epsilon) of soft sums over the batch; see _overlap_mean.

    P: sum of the probabilities, T: of the target, TP: of their product. Source: Milletari et al. 2016, with
    plain sums in the denominator.
    """
    right, wrong, missed = _overlap(pixels)
    return _overlap_mean(pixels, (wrong + missed) / (2 * right + wrong + missed + description.epsilon))


def tversky(pixels: Pixels, description: LossDescription) -> Tensor:
    """1 - (TP + epsilon) / (TP + a FP + b FN + epsilon) of soft sums over the batch; see _overlap_mean.

    a: tversky_false_positives, b: tversky_false_negatives. Source: Salehi et al. 2017.
    """
    return _overlap_mean(pixels, _tversky_losses(pixels, description))


def focal_tversky(pixels: Pixels, description: LossDescription) -> Tensor:
    """(1 - Tversky index)^focal_tversky_gamma; see _overlap_mean.

    The power is written as it is used: 0.75 here is gamma = 4/3 of the paper, which takes 1/gamma.
    Source: Abraham and Khan 2019, with the mean over classes for their sum.
    """
    losses = _tversky_losses(pixels, description).clamp(min=LEAST)
    return _overlap_mean(pixels, losses**description.focal_tversky_gamma)


LOSSES: dict[str, Term] = {
    "bce": bce,
    "focal": focal,
    "dice": dice,
    "tversky": tversky,
    "focal_tversky": focal_tversky,
}


def find_loss(description: LossDescription) -> Loss:
    """The loss that a description describes.

    It takes logits (b, outputs, ...) of any float type, or a list of them, finest first, whose weights are 1,
    1/2, 1/4, ..., scaled to add up to 1; a target as read_pixels says, pooled by pool_target for coarser
    logits; and total. It is computed in float32, and 0 with a gradient of 0 where no pixel counts.
    """
    terms = [(weight, LOSSES[name]) for name, weight in description.terms.items()]

    def loss_of_map(logits: Tensor, target: Tensor, total: Total) -> Tensor:
        pixels = read_pixels(logits, target, total)
        return torch.stack([weight * term(pixels, description) for weight, term in terms]).sum()

    def loss(logits: Logits, target: Tensor, total: Total) -> Tensor:
        maps = [logits] if isinstance(logits, Tensor) else logits
        losses = []
        for coarser, level in enumerate(maps):
            target = pool_target(target, tuple(level.shape[2:])) if coarser else target
            losses.append(0.5**coarser * loss_of_map(level, target, total))
        return torch.stack(losses).sum() / (2 - 0.5 ** (len(maps) - 1))

    return loss


def with_separator(loss: Loss) -> Loss:
    """A loss of interiors, plus the cross-entropy of the map that tells neighbours apart.

    It takes logits (b, 2, ...), or a list of them, and targets (b, 2, ...) in [0, 1], as object_targets gives them.
    """
    separating = find_loss(LossDescription.model_validate("bce"))

    def both(logits: Logits, target: Tensor, total: Total) -> Tensor:
        maps = [logits] if isinstance(logits, Tensor) else logits
        interior = loss([each[:, :1] for each in maps], target[:, :1], total)
        return interior + separating([each[:, 1:] for each in maps], target[:, 1:], total)

    return both


def check_class_weights(description: LossDescription, outputs: int) -> None:
    """RecipeError where class_weights does not list one weight for each class of a net with these outputs."""
    expected = max(2, outputs)
    weights = description.class_weights
    if isinstance(weights, list) and len(weights) != expected:
        raise RecipeError(
            f"class_weights lists {len(weights)} weights, but there are {expected} classes with the background, "
            "which comes first; give one for each"
        )


def _class_sums(pixels: Pixels, values: Sequence[Tensor], description: LossDescription) -> Tensor:
    """(classes,) the sum of each class's values, (b, ...), in the pixels that belong to it.

    Smoothing gives a part of each pixel to all classes alike.
    """
    sums = torch.stack([sum_in(value, share) for value, share in zip(values, pixels.shares, strict=True)])
    smoothing = description.label_smoothing
    if not smoothing:
        return sums
    everywhere = torch.stack([sum_in(value, pixels.counts) for value in values])
    return (1 - smoothing) * sums + smoothing / pixels.classes * everywhere


def _weighted_mean(pixels: Pixels, sums: Tensor, description: LossDescription) -> Tensor:
    """The mean over the pixels that count, from this process's sums of each class, (classes,).

    Divided by the weights of all pixels, so that only the ratios of the weights matter.
    """
    weights = _class_weights(pixels, description)
    return (weights * pixels.total(sums)).sum() / (weights * pixels.sizes).sum().clamp(min=TINY)


def _class_weights(pixels: Pixels, description: LossDescription) -> Tensor:
    """(classes,); balanced: one over the pixels of the class, 0 for a class that does not occur."""
    sizes = pixels.sizes
    if description.class_weights == "balanced":
        return torch.where(sizes > 0, 1 / sizes.clamp(min=TINY), 0)
    if description.class_weights == "none":
        return torch.ones_like(sizes)
    check_class_weights(description, pixels.logits.shape[1])
    return torch.tensor(description.class_weights, dtype=sizes.dtype, device=sizes.device)


def _overlap(pixels: Pixels) -> tuple[Tensor, Tensor, Tensor]:
    """TP, FP and FN of each class, (classes,): soft sums over the global batch.

    Of one logit the background's follow from the particles'.
    """
    chances = pixels.probabilities
    shares = pixels.shares[-len(chances) :]
    sums = [sum_in(chance, share) for chance, share in zip(chances, shares, strict=True)]
    sums += [sum_in(chance, pixels.counts) for chance in chances]
    right, found = pixels.total(torch.stack(sums)).view(2, -1)
    wrong = (found - right).clamp(min=0)
    missed = (pixels.sizes[-len(chances) :] - right).clamp(min=0)
    if len(chances) == 1:
        right = torch.cat([pixels.sizes[:1] - wrong, right])
        wrong, missed = torch.cat([missed, wrong]), torch.cat([wrong, missed])
    return right, wrong, missed


def _tversky_losses(pixels: Pixels, description: LossDescription) -> Tensor:
    """(classes,) 1 - Tversky index of each."""
    right, wrong, missed = _overlap(pixels)
    errors = description.tversky_false_positives * wrong + description.tversky_false_negatives * missed
    return errors / (right + errors + description.epsilon)


def _overlap_mean(pixels: Pixels, losses: Tensor) -> Tensor:
    """One number from the losses of the classes, (classes,), background first.

    Several classes: the mean over those that occur in the batch, background included. So a perfect prediction
    has no loss whatever is absent, and what is found of an absent class is missed by the others.
    One class: the particles' loss; the background's where the batch holds no particle, for which the same
    can be said.
    """
    occurs = pixels.sizes > 0
    if pixels.logits.shape[1] == 1:
        return torch.where(occurs[1], losses[1], losses[0])
    return torch.where(occurs, losses, 0).sum() / occurs.sum().clamp(min=1)
