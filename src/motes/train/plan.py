"""A training as data: everything that the loop needs beside the net."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from motes.data.crops import Patches
from motes.train.losses import Loss
from motes.train.mining import Mine, Place
from motes.train.processes import ALONE, Processes
from motes.train.settings import Training
from motes.train.shown import Shown

Row = dict[str, float | None]


class Source(Protocol):
    """Whatever makes batches: `cut` on the processor, ahead of time, `finish` where the net is."""

    def cut(self, seed: int, epoch: int, numbers: Sequence[int]) -> Patches:
        """What the crops of these numbers need from their images."""

    def finish(self, patches: Patches, device: torch.device) -> tuple[Tensor, Tensor]:
        """The crops and their targets."""

    def with_hard(self, places: Sequence[Place]) -> "Source":
        """The same, that also shows these places."""


@dataclass(frozen=True)
class Plan:
    """A training, as data. run: its folder. steps: in an epoch.

    validate: a net's metrics on the validation images. on_epoch: takes the row of each epoch before it is
    kept in a checkpoint, so that a run killed between the two does the epoch's end again rather than lose
    its record. on_shown: takes the number of an epoch, its steps, and what was shown in it, just before that.
    on_step: takes how many steps are done. mine: finds hard negatives for the next epoch.
    """

    run: Path
    source: Source
    training: Training
    loss: Loss
    seed: int
    steps: int
    validate: Callable[[nn.Module], Mapping[str, float | None]]
    on_epoch: Callable[[Row], None] = lambda _: None
    on_shown: Callable[[int, int, Shown], None] = lambda _epoch, _steps, _shown: None
    on_step: Callable[[int], None] = lambda _: None
    mine: Mine | None = None
    processes: Processes = field(default=ALONE)
