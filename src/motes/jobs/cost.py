"""What a training cost, and what the model will cost: for the report, and for whoever compares nets."""

import hashlib
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from motes.nets.build import parameter_count
from motes.nets.cost import net_operations
from motes.output import write_text
from motes.recipe import Recipe
from motes.train.checkpoint import Progress
from motes.train.validate import Validator

SUMMARY = "summary.json"


@dataclass(frozen=True)
class TrainingCost:
    """operations: of one forward pass over one crop, multiply-adds counted as two. seconds_per_image: to
    predict one validation image of that shape. peak_memory: bytes, of the process, or on the GPU.
    """

    parameters: int
    crop: tuple[int, ...]
    operations: int
    image: tuple[int, ...]
    seconds_per_image: float
    peak_memory: int
    device: str
    threads: int


def training_cost(net: nn.Module, recipe: Recipe, validator: Validator) -> TrainingCost:
    """Measure a trained net on its first validation image."""
    device = next(net.parameters()).device
    crop = recipe.sampling.shape(recipe.net.ndim)
    data = validator.images[0].data
    pixels = np.asarray(data[(slice(None),) * data.ndim], dtype=np.float32)
    started = time.monotonic()
    validator.maps(net, pixels)
    seconds = time.monotonic() - started
    return TrainingCost(
        parameters=parameter_count(net),
        crop=crop,
        operations=net_operations(recipe.net, crop),
        image=tuple(pixels.shape),
        seconds_per_image=round(seconds, 4),
        peak_memory=peak_memory(device),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        threads=torch.get_num_threads(),
    )


def peak_memory(device: torch.device) -> int:
    """The most memory, in bytes, that this process has had on the device so far."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024  # Linux counts in KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def keep_summary(run: Path, cost: TrainingCost, progress: Progress, watch: str, used: int) -> None:
    """Write RUN/summary.json: the best epoch and its metrics, the cost, and the checksum of each file of weights.

    used: the epoch, counted from 1, whose weights became the model.
    """
    watched = progress.watched(watch)
    best = progress.rows[watched.index(max(watched))]
    files = [run / "model.safetensors", *sorted((run / "checkpoints").glob("[!.]*.safetensors"))]
    summary = {
        "epochs": progress.epochs,
        "stopped": progress.stopped,
        "watched": watch,
        "best_epoch": best["epoch"],
        "best": best,
        "model_epoch": used,
        "cost": asdict(cost),
        "sha256": {path.relative_to(run).as_posix(): file_hash(path) for path in files},
    }
    write_text(run / SUMMARY, json.dumps(summary, indent=1) + "\n")


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
