"""Several processes, started by torchrun, train one net."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from motes.train.processes import Processes

Motes = Callable[..., Any]

SHRUNK = (
    "net.widths=[2, 3]",
    "sampling.size=32",
    "training.batch=4",
    "training.steps=3",
    "training.epochs=1",
)


def train_words(make: Any, folder: Path, run: str, *changes: str) -> list[str]:
    if not (folder / "images.zarr").exists():
        make.stores(folder)
    words = ["--images", folder / "images.zarr", "--masks", folder / "masks.zarr", "--out", folder / run]
    more = ["--device", "cpu", "--threads", 1, *SHRUNK, "precision=float32", *changes]
    return [str(word) for word in ("train", "fair-standard", *words, *more)]


def under_torchrun(words: list[str]) -> subprocess.CompletedProcess[str]:
    """The command in two processes of one torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("motes")
    torchrun = [
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        str(port),
        "--no-python",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *torchrun, program, *words],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )


def first_row(run: Path) -> dict[str, Any]:
    (line,) = (run / "metrics.jsonl").read_text().splitlines()
    return json.loads(line)


@pytest.mark.slow
def test_they_write_one_run_folder_and_say_whose_batch_norm_is(make: Any, tmp_path: Path) -> None:
    ended = under_torchrun(train_words(make, tmp_path, "run"))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("model: ") == 1
    assert (
        ended.stderr.count(
            "2 processes, each with its share of every batch; batch norm is each process's own"
        )
        == 1
    )
    assert ended.stderr.count("epoch 1 of 1") == 1
    expected = {
        "recipe.yaml",
        "data.csv",
        "metrics.jsonl",
        "shown.jsonl",
        "record.json",
        "checkpoints",
        "model.safetensors",
        "summary.json",
        "history.csv",
        "summary.csv",
    }
    assert {path.name for path in (tmp_path / "run").iterdir()} == expected | {"report.html"}
    assert first_row(tmp_path / "run")["epoch"] == 1


@pytest.mark.slow
def test_without_batch_norm_they_do_what_one_does(motes: Motes, make: Any, tmp_path: Path) -> None:
    ended = under_torchrun(train_words(make, tmp_path, "two", "net.norm=none"))
    assert ended.returncode == 0, ended.stderr
    assert "batch norm" not in ended.stderr
    alone = motes(*train_words(make, tmp_path, "one", "net.norm=none"))
    assert alone.code == 0, alone.err
    two, one = (first_row(tmp_path / run) for run in ("two", "one"))
    timing = {"seconds", "crops_per_second", "waiting"}
    assert two.keys() == one.keys()
    for key in two.keys() - timing:
        assert two[key] == pytest.approx(one[key], abs=1e-4), key


class Two(Processes):
    """The first of two processes, as long as it has nothing to say to the other."""

    def once(self, work: Callable[[], Any]) -> Any:
        return work()


def test_a_batch_that_cannot_be_shared(
    motes: Motes, make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = train_words(make, tmp_path, "run")
    with monkeypatch.context() as patched:
        patched.setattr("motes.jobs.train.joined", lambda _: nullcontext(Two(rank=0, count=2)))
        refused = motes(*words, "training.batch=3")
    assert refused.code == 1
    assert "training.batch is 3, which cannot be divided among 2 processes in 1 parts" in refused.err
    assert "make it a multiple of 2" in refused.err
    answer = motes(*words, "training.batch=2")
    assert answer.code == 0, answer.err
