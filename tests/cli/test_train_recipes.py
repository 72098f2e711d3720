"""Every recipe that ships trains from the command line, on a few small images of its kind."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motes.formats.csv_table import read
from motes.nets.build import parameter_count
from motes.nets.model_file import load_model
from motes.recipe_file import load_recipe, shipped_recipes

Motes = Callable[..., Any]

SHORT = ("training.batch=2", "training.steps=2", "training.epochs=2")
NARROW = (*SHORT, "net.widths=[2, 3, 4]")
PICKED = {"micrographs": ("sampling.size=48",), "patches-128": ("sampling.size=64",)}
STORED = ("fair-standard", "fair-attention")
LABELLED = {
    "beads-unet": "pixel_iou",
    "beads-attention": "pixel_iou",
    "beads-attention-residual": "pixel_iou",
    "sparse-objects": "pixel_iou",
    "objects": "best_f1",
}
VOLUMES = ("tomogram",)
SIMULATED = ("general",)
METRICS = ("pixel_precision", "pixel_recall", "pixel_f1", "pixel_iou", "pixel_auc")


def rows_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def check_run(run: Path, epochs: int = 2) -> dict[str, Any]:
    """See that a run folder holds all that was promised; gives its summary."""
    summary = json.loads((run / "summary.json").read_text())
    hashes = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in summary["sha256"]}
    kept = {path.relative_to(run).as_posix() for path in run.rglob("*.safetensors")}
    model = load_model(run / "model.safetensors")
    cost = summary["cost"]
    assert summary["epochs"] == epochs
    assert summary["sha256"] == hashes
    assert set(hashes) == kept >= {"model.safetensors"}
    assert cost["parameters"] == parameter_count(model.net)
    assert cost["operations"] > 0
    assert cost["seconds_per_image"] >= 0
    assert cost["peak_memory"] > 2**20
    assert summary["model_epoch"] <= epochs
    assert [row["epoch"] for row in rows_of(run)] == list(range(1, epochs + 1))
    written = {path.name for path in run.iterdir()}
    assert {"recipe.yaml", "data.csv", "report.html", "history.csv", "summary.csv"} <= written
    assert not any(path.name.startswith(".") for path in run.iterdir())
    assert load_recipe(str(run / "recipe.yaml")).model_dump(mode="json") == model.description.recipe
    return summary


def test_every_shipped_recipe_is_tried_here() -> None:
    assert sorted([*PICKED, *STORED, *LABELLED, *VOLUMES, *SIMULATED]) == sorted(shipped_recipes())


@pytest.mark.parametrize("name", PICKED)
def test_on_images_with_picks(motes: Motes, make: Any, tmp_path: Path, name: str) -> None:
    images, picks = make.picked(tmp_path)
    run = tmp_path / "run"
    words = ("--images", images, "--picks", picks, "--diameter", "48", "--out", run, "--threads", 1)
    answer = motes("train", name, *words, *NARROW, *PICKED[name])
    assert answer.code == 0, answer.err
    summary = check_run(run)
    assert summary["watched"] == "best_f1"
    assert {"best_f1", "average_precision", *METRICS} <= set(rows_of(run)[-1])
    assert f"model: {run / 'model.safetensors'}" in answer.out


@pytest.mark.parametrize("name", STORED)
def test_on_stores_of_images_and_masks(motes: Motes, make: Any, tmp_path: Path, name: str) -> None:
    train = make.stores(tmp_path / "train", seed=0)
    val = make.stores(tmp_path / "val", count=2, seed=50)
    run = tmp_path / "run"
    words = ["--images", train[0], "--masks", train[1]]
    words += ["--validation-images", val[0], "--validation-masks", val[1], "--out", run]
    answer = motes("train", name, *words, "--threads", 1, *NARROW, "sampling.size=32")
    assert answer.code == 0, answer.err
    summary = check_run(run)
    assert summary["watched"] == "pixel_f1"
    assert [set(METRICS) <= set(row) for row in rows_of(run)] == [
        False,
        True,
    ]  # each ten epochs, and the last
    assert set(METRICS) <= set(summary["best"])
    table = (run / "data.csv").read_text()
    assert [table.count(",train,"), table.count(",validation,")] == [5, 2]


@pytest.mark.parametrize("name", LABELLED)
def test_on_label_images(motes: Motes, make: Any, tmp_path: Path, name: str) -> None:
    images, masks = make.label_images(tmp_path)
    run = tmp_path / "run"
    words = ("--images", images, "--masks", masks, "--out", run, "--threads", 1)
    kind = "masks.kind=binary"
    answer = motes("train", name, *words, *NARROW, "sampling.size=32", kind)
    assert answer.code == 0, answer.err
    assert check_run(run)["watched"] == LABELLED[name]
    assert set(METRICS) <= set(rows_of(run)[0])


def test_on_tomograms_and_then_pick(motes: Motes, make: Any, tmp_path: Path) -> None:
    names = load_recipe("tomogram").class_names
    images, picks = make.picked(tmp_path, (32, 48, 48), 3, 10.0, classes=names[:4])
    run = tmp_path / "run"
    words = ("--images", images, "--picks", picks, "--out", run, "--threads", 1)
    answer = motes("train", "tomogram", *words, *NARROW, "sampling.size=[16, 32, 32]", "net.widths=[2, 4]")
    assert answer.code == 0, answer.err
    check_run(run)
    assert re.search(rf"^validation, {names[0]}: F1 ", answer.out, re.MULTILINE)
    described = load_model(run / "model.safetensors").description
    assert described.classes == list(described.thresholds) == names
    answer = motes(
        "pick", images, "--model", run / "model.safetensors", "--out", tmp_path / "out", "--threads", 1
    )
    assert answer.code == 0, answer.err
    table = tmp_path / "out" / "picks" / "0.mrc.csv"
    (found,) = read(table, table.read_text()).values()
    assert found.ndim == 3
    assert set(found.classes) <= set(names)
    assert len(found) > 0
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert set(settings["threshold"]) == set(names)


@pytest.mark.parametrize("name", SIMULATED)
def test_on_simulated_micrographs_without_end(motes: Motes, tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    small = (
        "worlds.side=128",
        "worlds.validated=2",
        "worlds.together=4",
        "worlds.crops_each=4",
        "worlds.empty=0",
    )
    words = (*NARROW, "training.batch=4", "training.epochs=1", "sampling.size=64", *small)
    answer = motes("train", name, "--out", run, "--threads", 1, *words)
    assert answer.code == 0, answer.err
    summary = check_run(run, epochs=1)
    assert summary["watched"] == "best_f1"
    assert {"best_f1", "average_precision", *METRICS} <= set(rows_of(run)[-1])
    assert "on 4 simulated micrographs" in answer.err
    trained = load_model(run / "model.safetensors").description.trained_on
    assert [each.part for each in trained] == ["train", "validation", "validation"]
    answer = motes("train", name, "--images", tmp_path, "--picks", tmp_path, "--out", tmp_path / "other")
    assert answer.code == 1
    assert "trains on simulated micrographs (worlds.use), but images are given too" in answer.err
