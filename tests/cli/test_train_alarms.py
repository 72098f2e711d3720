"""A training that goes wrong stops and says why; one that no longer improves stops early."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

Motes = Callable[..., Any]

WILD = ("optimiser=sgd", "training.clip=1e30", "learning_rate=1e30", "precision=float32")
SHRUNK = ("net.widths=[2, 3]", "sampling.size=32", "training.batch=2", "training.steps=2", "validate_every=1")


@pytest.fixture(scope="module")
def stores(make: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make.stores(tmp_path_factory.mktemp("stores"))


def train(motes: Motes, stores: tuple[Path, Path], run: Path, *changes: str) -> Any:
    words = ("--images", stores[0], "--masks", stores[1], "--out", run, "--threads", 1)
    return motes("train", "fair-standard", *words, *SHRUNK, *changes)


def last_line(answer: Any) -> str:
    return answer.err.splitlines()[-1]


def test_a_net_that_calls_nothing_or_everything_is_given_up(
    motes: Motes, stores: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    dying = ("learning_rate=30", "net.norm=none", "training.schedule=constant")
    answer = train(motes, stores, run, *dying, "training.epochs=20", "precision=float32")
    assert answer.code == 1
    assert last_line(answer).startswith("motes: the net calls ")
    for piece in ("pixel a particle, 5 validations in a row", "learning_rate", f"kept in {run}"):
        assert piece in last_line(answer)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    progress = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]
    assert {row["pixels_called"] for row in rows[-5:]} in ({0}, {1})
    assert [row["epoch"] for row in rows] == list(range(1, progress["epochs"] + 1))
    assert 5 <= len(rows) < 20
    assert not (run / "model.safetensors").exists()


def test_weights_that_grow_without_end_leave_the_last_checkpoint(
    motes: Motes, stores: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    growing = (
        "learning_rate=1e-2",
        "training.weight_decay=1e4",
        "training.warmup=0",
    )  # 100 times larger a step
    answer = train(motes, stores, run, *growing, "training.epochs=20", "precision=float32")
    assert answer.code == 1
    assert "Try a lower learning_rate, or precision=float32" in last_line(answer)
    assert last_line(answer).endswith(f"The last checkpoint is kept in {run}")
    rows = (run / "metrics.jsonl").read_text().splitlines()
    progress = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]
    assert 1 <= len(rows) == progress["epochs"] < 20


def test_a_loss_that_is_no_number_at_once(motes: Motes, stores: tuple[Path, Path], tmp_path: Path) -> None:
    answer = train(motes, stores, tmp_path / "run", *WILD)
    assert answer.code == 1
    assert "motes: the loss became nan at step 2. Try a lower learning_rate" in last_line(answer)
    assert "There was no checkpoint yet" in last_line(answer)
    again = train(motes, stores, tmp_path / "run", "training.epochs=1")  # nothing is lost by other words
    assert again.code == 0, again.err


def test_weights_that_explode_in_the_last_step_of_an_epoch(
    motes: Motes, stores: tuple[Path, Path], tmp_path: Path
) -> None:
    answer = train(motes, stores, tmp_path / "run", *WILD, "training.steps=1")
    assert answer.code == 1
    assert "not finite numbers on the validation images. Try a lower learning_rate" in last_line(answer)


def test_patience_ends_a_training_that_no_longer_improves(
    motes: Motes, stores: tuple[Path, Path], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    answer = train(motes, stores, run, "training.epochs=30", "learning_rate=1e-12", "training.patience=3")
    assert answer.code == 0, answer.err
    assert "stopped early: pixel_f1 has not improved in the last 3 validations" in answer.out
    summary = json.loads((run / "summary.json").read_text())
    assert summary["stopped"] == "pixel_f1 has not improved in the last 3 validations"
    assert summary["epochs"] == summary["best_epoch"] + 3 < 30
    assert summary["model_epoch"] == summary["best_epoch"]
