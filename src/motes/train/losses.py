"""Losses on logits and painted targets; pixels whose target is negative are ignored."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from motes.errors import RecipeError, did_you_mean

Loss = Callable[[Tensor, Tensor], Tensor]


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy, the mean over all pixels that are not ignored.

    logits, target: the same shape; target in [0, 1], or negative where it is to be ignored. Without any
    pixel that counts the loss is 0.
    """
    counts = target >= 0
    each = binary_cross_entropy_with_logits(logits, target.clamp(min=0), reduction="none")
    return (each * counts).sum() / counts.sum().clamp(min=1)


LOSSES: dict[str, Loss] = {"bce": bce}


def find_loss(name: str) -> Loss:
    """The loss of that name; RecipeError where there is none."""
    try:
        return LOSSES[name]
    except KeyError:
        raise RecipeError(f"there is no loss called {name!r}.{did_you_mean(name, LOSSES)}") from None
