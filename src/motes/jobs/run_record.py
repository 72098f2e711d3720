"""What a run leaves behind so that others can see how it was done: a line an epoch, and the start in one file.

RUN/metrics.jsonl holds what each epoch brought, RUN/shown.jsonl the hashes of what the net was shown in it,
RUN/record.json the initial weights as hashes and, for each time the run was started, machine and versions.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import motes
from motes.output import write_text
from motes.train.checkpoint import LAST, plain_weights
from motes.train.precision import chosen_precision
from motes.train.processes import Processes
from motes.train.settings import Training
from motes.train.shown import Shown

METRICS = "metrics.jsonl"
SHOWN = "shown.jsonl"
RECORD = "record.json"
APART = ("cli", "cluster", "figures")  # parts of the package that compute nothing of a training or a test
LIBRARIES = ("scipy", "gemmi", "mrcfile", "tifffile", "imagecodecs", "pillow", "zarr", "safetensors", "monai")


def versions() -> dict[str, str]:
    """The versions that are kept in a model file, by name."""
    return {
        "motes": motes.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


@cache
def library_versions() -> dict[str, str]:
    """All versions that may matter to a result, by name; libraries that are not installed are left out."""
    found = versions()
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def code_hash() -> str:
    """SHA-256 of the package's modules that compute: equal for the same code, whatever its version."""
    digest = hashlib.sha256()
    package = Path(str(resources.files("motes")))
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package)
        if place.parts[0] not in APART:
            digest.update(place.as_posix().encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()


def weight_hashes(net: nn.Module) -> dict[str, str]:
    """For each weight its shape and SHA-256, as '64x1x3x3 5f2c...'; of trained weights, not of running statistics."""
    trained = {name for name, _ in net.named_parameters()}
    return {
        name: f"{'x'.join(map(str, tensor.shape))} {hashlib.sha256(tensor.numpy().tobytes()).hexdigest()}"
        for name, tensor in plain_weights(net).items()
        if name in trained
    }


def keep_start(
    run: Path, net: nn.Module, training: Training, device: torch.device, processes: Processes
) -> None:
    """Note in RUN/record.json how a run starts: its weights before the first step, and the machine of each start.

    A run that has no checkpoint begins anew, and so does its record.
    """
    record = read_record(run) if (run / LAST).is_file() else None
    record = record or {"initial_weights": weight_hashes(net), "starts": []}
    start = {
        **computed_by(device, chosen_precision(training, device)),
        "compile": training.compile,
        "processes": processes.count,
    }
    record["starts"] = [*record["starts"], start]
    write_text(run / RECORD, json.dumps(record, indent=1) + "\n")


def computed_by(device: torch.device, precision: torch.dtype) -> dict[str, Any]:
    """The kind of machine that computes, the code, and the versions of what it stands on."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "precision": str(precision).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "code": code_hash(),
        "versions": library_versions(),
    }


def read_record(run: Path) -> dict[str, Any] | None:
    """What RUN/record.json holds; None where there is none."""
    path = run / RECORD
    if not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def keep_shown(run: Path, epoch: int, steps: int, shown: Shown) -> None:
    """Put an epoch's line into RUN/shown.jsonl."""
    keep_line(run / SHOWN, {"epoch": epoch, "steps": steps, **asdict(shown)})


def keep_line(path: Path, row: Mapping[str, Any]) -> None:
    """Put one epoch's line into a file of lines, in place of any that an interrupted try left there."""
    kept = [line for line in read_lines(path) if line["epoch"] < row["epoch"]]
    write_text(path, "".join(json.dumps(line) + "\n" for line in [*kept, row]))


def read_lines(path: Path) -> Sequence[dict[str, Any]]:
    """The rows of a file of lines; none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
