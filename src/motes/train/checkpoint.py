"""Checkpoints: all that is needed to go on as if nothing had happened."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from motes.errors import TrainingError
from motes.output import replacing

LAST = Path("checkpoints") / "last.pt"


def save_checkpoint(run: Path, net: nn.Module, optimiser: Optimizer, epochs_done: int) -> None:
    """Write RUN/checkpoints/last.pt in one step."""
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "epochs_done": epochs_done}
    with replacing(run / LAST) as temporary:
        torch.save(state, temporary)


def load_checkpoint(run: Path, net: nn.Module, optimiser: Optimizer) -> int:
    """Bring net and optimiser to the last checkpoint; how many epochs were done, 0 without one.

    Nothing but tensors and plain values is unpickled. Raises TrainingError for a checkpoint that is
    damaged or belongs to another net.
    """
    path = run / LAST
    if not path.is_file():
        return 0
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
    except (pickle.UnpicklingError, RuntimeError, KeyError, ValueError, EOFError, OSError) as error:
        raise TrainingError(
            f"{path} cannot be used to go on ({error}); remove the run folder and train again"
        ) from None
    return int(state["epochs_done"])
