"""Logits and target of a batch, brought into the form that every loss wants."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import adaptive_max_pool2d, adaptive_max_pool3d, log_softmax, logsigmoid

from motes.errors import TrainingError

Total = Callable[[Tensor], Tensor]
"""The sum over all processes of a tensor of local sums; in one process the tensor itself.

Its gradient is that of the local sum, so that the gradients of the processes add up to the whole's.
"""


@dataclass(frozen=True)
class Pixels:
    """A batch as lists over classes, background first; one logit a pixel is two classes as well.

    logits: (b, outputs, ...) float32, 0 where ignored. shares: for each class (b, ...) how much of a pixel
    belongs to it, bool or float32, 0 where ignored. counts: (b, ...) bool, False where ignored.
    """

    logits: Tensor
    shares: tuple[Tensor, ...]
    counts: Tensor
    total: Total

    @property
    def classes(self) -> int:
        """The number of classes, background included."""
        return len(self.shares)

    @cached_property
    def log_probabilities(self) -> tuple[Tensor, ...]:
        """For each class (b, ...)."""
        if self.logits.shape[1] == 1:
            return logsigmoid(-self.logits[:, 0]), logsigmoid(self.logits[:, 0])
        return log_softmax(self.logits, 1).unbind(1)

    @property
    def probabilities(self) -> tuple[Tensor, ...]:
        """For each class (b, ...) that has a logit; of one logit the particles' alone."""
        if self.logits.shape[1] == 1:
            return (self.logits[:, 0].sigmoid(),)
        return tuple(log_probability.exp() for log_probability in self.log_probabilities)

    @cached_property
    def sizes(self) -> Tensor:
        """(classes,) how many pixels of the global batch belong to each class."""
        return self.total(torch.stack([share.sum(dtype=torch.float32) for share in self.shares]))


def read_pixels(logits: Tensor, target: Tensor, total: Total) -> Pixels:
    """Make out the classes of a target.

    logits: (b, outputs, ...). target: for one output (b, 1, ...) in [0, 1]; for several (b, 1, ...) with the
    number of the class, or (b, outputs, ...) with shares that add up to 1. Negative: ignored.
    Raises TrainingError where the shapes do not fit.
    """
    outputs = logits.shape[1]
    fitting = target.shape[1] in (1, outputs) and target.shape[2:] == logits.shape[2:]
    if not fitting or len(target) != len(logits):
        raise TrainingError(
            f"a target of shape {tuple(target.shape)} does not fit logits of shape {tuple(logits.shape)}"
        )
    counts = (target >= 0).all(dim=1)
    shares: tuple[Tensor, ...]
    if outputs == 1:
        particle = target[:, 0].float()
        shares = (torch.where(counts, 1 - particle, 0), torch.where(counts, particle, 0))
    elif target.shape[1] == 1:
        shares = tuple(target[:, 0] == number for number in range(outputs))
    else:
        shares = tuple(torch.where(counts, share.float(), 0) for share in target.unbind(1))
    return Pixels(torch.where(counts[:, None], logits.float(), 0), shares, counts, total)


def sum_in(values: Tensor, share: Tensor) -> Tensor:
    """The sum of values in a share of the pixels; both (b, ...), the share bool or float."""
    if share.dtype == torch.bool:
        return torch.where(share, values, 0).sum()
    return (values * share).sum()


def pool_target(target: Tensor, size: tuple[int, ...]) -> Tensor:
    """A target at the size ((z,) y, x) of a coarser map, by the maximum, so that small particles stay.

    Of class numbers the highest stands. Of shares each particle's highest, scaled to at most 1 together, and
    the rest is background. Ignored is what holds no particle and something that is ignored.
    """
    if tuple(target.shape[2:]) == size:
        return target
    particles = target if target.shape[1] == 1 else target[:, 1:]
    highest = _pool(particles.clamp(min=0), size)
    ignored = _pool((target < 0).any(dim=1, keepdim=True).to(target.dtype), size) > 0
    ignored &= (highest == 0).all(dim=1, keepdim=True)
    if target.shape[1] > 1:
        highest = highest / highest.sum(dim=1, keepdim=True).clamp(min=1)
        highest = torch.cat([1 - highest.sum(dim=1, keepdim=True), highest], dim=1)
    return torch.where(ignored, -1, highest)


def _pool(values: Tensor, size: tuple[int, ...]) -> Tensor:
    pooled: Tensor = {2: adaptive_max_pool2d, 3: adaptive_max_pool3d}[len(size)](values, size)
    return pooled
