"""A training that is stopped in the middle of an epoch ends, resumed, with the bytes of one never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

Motes = Callable[..., Any]

STEPS = 24
SHRUNK = (
    "net.widths=[2, 3]",
    "net.dropout=0.1",
    "sampling.size=64",
    "training.batch=4",
    "training.accumulate=2",
    "training.average=0.9",
    f"training.steps={STEPS}",
    "training.epochs=2",
    "training.checkpoint_minutes=0.0001",
)
PROGRAM = "from motes.cli.main import main; main()"
PATIENCE = 120  # s


def train_words(make: Any, root: Path, run: str, *more: str) -> list[str]:
    if not (root / "images").exists():
        make.picked(root)
    words = ["--images", root / "images", "--picks", root / "picks", "--diameter", "48", "--out", root / run]
    return [str(word) for word in ("train", "micrographs", *words, "--threads", 1, *SHRUNK, *more)]


@pytest.fixture(scope="module")
def whole(motes: Motes, make: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, picks and the run that was never stopped."""
    root = tmp_path_factory.mktemp("signals")
    answer = motes(*train_words(make, root, "whole"))
    assert answer.code == 0, answer.err
    return root


def stopped_within_an_epoch(words: list[str], run: Path, number: int) -> subprocess.CompletedProcess[str]:
    """Start a training of its own, and send it a signal as soon as it has written a checkpoint."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    training = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    patience = time.monotonic() + PATIENCE
    while (
        not (run / "checkpoints" / "last.pt").exists()
        and training.poll() is None
        and time.monotonic() < patience
    ):
        time.sleep(0.002)
    training.send_signal(number)
    _, errors = training.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(words, training.returncode, stderr=errors)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130), ("SIGKILL", -9)])
def test_a_stopped_training_goes_on_to_the_same_bytes(
    motes: Motes, make: Any, whole: Path, name: str, code: int
) -> None:
    run = whole / name
    ended = stopped_within_an_epoch(train_words(make, whole, name), run, signal.Signals[name])
    assert ended.returncode == code, ended.stderr
    assert ("stopped; the same command with --resume goes on" in ended.stderr) == (name != "SIGKILL")
    progress = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]
    assert (progress["epochs"], 0 < progress["steps"] < STEPS) == (0, True)
    assert not (run / "model.safetensors").exists()
    assert (run / ".working-images").exists() == (name == "SIGKILL")
    (run / "checkpoints" / ".0badcafe-last.pt").write_bytes(b"cut off")  # as a kill while writing leaves it
    answer = motes(*train_words(make, whole, name, "--resume"))
    assert answer.code == 0, answer.err
    first, second = ((folder / "model.safetensors").read_bytes() for folder in (whole / "whole", run))
    assert first == second
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    assert [path.name for path in run.rglob(".*")] == []
