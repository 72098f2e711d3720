"""Checkpoints: all that is needed to go on as if nothing had happened, and the weights of chosen epochs."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from motes.errors import TrainingError
from motes.output import replacing
from motes.train.alarms import values_of
from motes.train.shown import Shown

LAST = Path("checkpoints") / "last.pt"


@dataclass
class Progress:
    """How far a training has come; with weights and optimiser, all that changes.

    epochs: finished. steps, losses, seconds, waited, shown: of the epoch begun; seconds with waiting, waited
    for data. rows: the metrics of each validated epoch. hard: places to show again, as the image's
    number and a point. stopped: why it ended early.
    """

    epochs: int = 0
    steps: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    waited: float = 0.0
    shown: Shown = field(default_factory=Shown)
    rows: list[dict[str, float | None]] = field(default_factory=list)
    hard: list[list[float]] = field(default_factory=list)
    stopped: str = ""

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.epochs += 1
        self.steps, self.losses, self.seconds, self.waited = 0, [], 0.0, 0.0
        self.shown = Shown()

    def watched(self, metric: str) -> list[float]:
        """That metric at each validation; minus infinity where it is not defined."""
        return values_of(self.rows, metric)


@dataclass(frozen=True)
class Trainee:
    """What training changes: the net, its optimiser, and the running average of its weights, if any.

    forward: the net, or what torch.compile has made of it.
    """

    net: nn.Module
    forward: Callable[[Tensor], Any]
    optimiser: Optimizer
    average: AveragedModel | None = None

    @property
    def net_in_use(self) -> nn.Module:
        """The net to validate and to keep: the average where there is one."""
        return self.net if self.average is None else self.average.module


def save_checkpoint(run: Path, trainee: Trainee, progress: Progress) -> None:
    """Write RUN/checkpoints/last.pt in one step."""
    state = {
        "net": trainee.net.state_dict(),
        "optimiser": trainee.optimiser.state_dict(),
        "average": None if trainee.average is None else trainee.average.state_dict(),
        "progress": asdict(progress),
    }
    with replacing(run / LAST) as temporary:
        torch.save(state, temporary)


def load_checkpoint(run: Path, trainee: Trainee) -> Progress:
    """Bring everything to the last checkpoint; a fresh Progress where there is none.

    Nothing but tensors and plain values is unpickled. Raises TrainingError for a checkpoint that is
    damaged or belongs to another net.
    """
    path = run / LAST
    if not path.is_file():
        return Progress()
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        trainee.net.load_state_dict(state["net"])
        trainee.optimiser.load_state_dict(state["optimiser"])
        if trainee.average is not None:
            trainee.average.load_state_dict(state["average"])
        kept = state["progress"]
        return Progress(**{**kept, "shown": Shown(**kept["shown"])})
    except (
        pickle.UnpicklingError,
        RuntimeError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        EOFError,
        OSError,
    ) as error:
        raise TrainingError(
            f"{path} cannot be used to go on ({error}); remove the run folder and train again"
        ) from None


def best_place(run: Path, epoch: int) -> Path:
    """Where the weights of one of the best epochs lie."""
    return run / "checkpoints" / f"best-{epoch:04d}.safetensors"


def snapshot_place(run: Path, epoch: int) -> Path:
    """Where the weights of a snapshot lie."""
    return run / "checkpoints" / f"snapshot-{epoch:04d}.safetensors"


def save_weights(path: Path, net: nn.Module) -> None:
    """Write the weights of a net, and nothing else, in one step."""
    with replacing(path) as temporary:
        save_file(plain_weights(net), temporary)


def load_weights(path: Path, net: nn.Module) -> None:
    """Read weights back into a net; TrainingError where they are missing or damaged."""
    try:
        net.load_state_dict(load_file(path))
    except Exception as error:  # safetensors has no common base of what it raises
        raise TrainingError(
            f"{path} cannot be read ({error}); remove the run folder and train again"
        ) from None


def plain_weights(net: nn.Module) -> dict[str, Tensor]:
    """Weights by name, each in a memory of its own and in the usual order of its axes."""
    return {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in sorted(net.state_dict().items())
    }


def drop_all_but(run: Path, epochs: Sequence[int]) -> None:
    """Remove the weights of epochs that are no longer among the best.

    To be called when the checkpoint that ranks them so is written: until then a resumed run may want them.
    """
    kept = {best_place(run, epoch) for epoch in epochs}
    for path in (run / "checkpoints").glob("best-*.safetensors"):
        if path not in kept:
            path.unlink()
