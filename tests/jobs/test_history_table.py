"""A training as tables, for a spreadsheet and for a page that compares several."""

import csv
import json
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

from motes.errors import InputError
from motes.jobs.history_table import (
    TrainingSummary,
    stability,
    training_summary,
    write_history,
    write_summaries,
    write_training_summary,
)
from motes.recipe_file import load_recipe

SCORES = [0.1, None, 0.5, 0.7, 0.6, None]


def a_run(folder: Path, name: str = "micrographs", **more: Any) -> Path:
    """A run of six epochs, of which the third, fourth ... were validated, as training leaves it."""
    folder.mkdir(parents=True)
    rows = [
        {"epoch": n, "loss": 1 / n, "learning_rate": 0.001, "seconds": 2.5}
        | ({} if n == 2 else {"pixel_iou": score, "pixels_called": 0.1 * n})
        for n, score in enumerate(SCORES, start=1)
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.yaml").write_text(load_recipe(name, ["net.width=4"]).as_yaml())
    summary = {
        "epochs": 6,
        "stopped": "",
        "watched": "pixel_iou",
        "best_epoch": 4,
        "best": rows[3],
        "model_epoch": 4,
        "cost": {"parameters": 1234},
    }
    (folder / "summary.json").write_text(json.dumps(summary | more))
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_history_has_a_row_for_each_epoch_and_nothing_where_nothing_is_known(tmp_path: Path) -> None:
    rows = rows_of(write_history(a_run(tmp_path / "run")))
    assert list(rows[0]) == ["epoch", "loss", "learning_rate", "seconds", "pixel_iou", "pixels_called"]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["pixel_iou"] for row in rows] == ["0.1", "", "0.5", "0.7", "0.6", ""]
    assert [row["pixels_called"] == "" for row in rows] == [False, True, False, False, False, False]
    assert [float(row["loss"]) for row in rows] == [1 / n for n in range(1, 7)]


def test_columns_that_appear_late_are_all_there(tmp_path: Path) -> None:
    lines = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "best_f1": 0.5}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert write_history(tmp_path) == tmp_path / "history.csv"
    assert (tmp_path / "history.csv").read_text() == "epoch,loss,best_f1\n1,2.0,\n2,1.0,0.5\n"


def test_the_summary_is_one_row_with_the_best_epoch_and_the_spread(tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", stopped="pixel_iou has not improved in the last 2 validations")
    (row,) = rows_of(write_training_summary(run))
    assert row == {
        "recipe": "micrographs",
        "net": training_summary([run])[0].net,
        "parameters": "1234",
        "watched": "pixel_iou",
        "best_epoch": "4",
        "best": "0.7",
        "pixel_iou": "0.7",
        "pixel_f1": "",
        "best_f1": "",
        "stability": str(round(statistics.stdev([0.7, 0.6]), 6)),
        "epochs": "6",
        "seconds": "15.0",
        "stopped": "pixel_iou has not improved in the last 2 validations",
        "model": "model.safetensors",
    }
    assert "width 4" in row["net"]


def test_stability_is_of_the_last_ten_validations_and_of_no_more_than_half() -> None:
    assert stability([0.0] * 30 + [0.5] * 10) == 0
    assert stability([0.0] * 20 + [0.8, 0.9] * 5) == round(statistics.stdev([0.8, 0.9] * 5), 6)
    assert stability([0.0, 0.1, None, 0.9, 0.9]) == 0
    assert stability([0.1, 0.9, 0.8]) is None
    assert stability([None, 0.4]) is None
    assert stability([]) is None


def test_several_runs_make_one_table(tmp_path: Path) -> None:
    names = ("micrographs", "patches-128")
    runs = [a_run(tmp_path / name, name) for name in names]
    rows = training_summary(runs)
    assert [row.recipe for row in rows] == list(names)
    assert [row.model for row in rows] == [str(run / "model.safetensors") for run in runs]
    table = rows_of(write_summaries(tmp_path / "all.csv", rows))
    assert list(table[0]) == list(TrainingSummary.__dataclass_fields__)
    assert [row["recipe"] for row in table] == list(names)


def test_a_run_that_has_not_ended_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no metrics\.jsonl with a finished epoch"):
        write_history(tmp_path)
    run = a_run(tmp_path / "run")
    (run / "summary.json").unlink()
    with pytest.raises(InputError, match=r"run holds no summary.json.*--resume"):
        write_training_summary(run)


def test_the_tables_of_a_real_run(tiny: Any, tmp_path: Path) -> None:
    """Of a run of one epoch."""
    run = shutil.copytree(tiny.root / "run", tmp_path / "run")
    (row,) = rows_of(write_history(run))
    assert float(row["best_f1"]) >= 0
    (told,) = rows_of(write_training_summary(run))
    assert (told["recipe"], told["epochs"], told["stability"]) == ("micrographs", "1", "")
    assert told["best"] == told["best_f1"] == row["best_f1"]
    assert int(told["parameters"]) > 0
