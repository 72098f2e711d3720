"""Beads in a study: simulated images, a series of densities, and two whole studies of a few seconds."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.cluster.tasks import Task
from motes.data.sources import read_data_rows
from motes.errors import InputError, RecipeError
from motes.formats.images import read_image
from motes.jobs import training_report
from motes.jobs.telling import Silent
from motes.study import run as study_run
from motes.study.data import lay_out_data
from motes.study.description import Study
from motes.study.file import arm_recipe, check_study, load_study
from motes.study.folder import Folder
from motes.study.run import Options, Where, run_study
from motes.study.search_description import check_search, load_search
from motes.study.work import work_on

COUNTS = {"train": 2, "validation": 1, "test": 2}
WORLD = {"size": 32, "beads": 3, "diameter": 8, "dirt": 0}
SERIES = {"beads": {**COUNTS, "densities": [1, 2, 4]}, "world": {"size": 32, "diameter": 8, "dirt": 0}}
TINY = (
    "masks.kind=instances",
    "net.width=2",
    "net.depth=2",
    "sampling.size=32",
    "training.batch=2",
    "training.steps=2",
    "training.epochs=2",
)


def tiny(**values: Any) -> Study:
    given = {"name": "s", "question": "q", "recipe": "beads-unet", "base": "a", "arms": {"a": {}, "b": {}}}
    more = {"metric": "pixel_iou", "seeds": 1, "pilot": None, "changes": TINY}
    return check_study({**given, **more, "data": {"beads": COUNTS, "world": WORLD}, **values})


def test_simulated_beads_are_images_with_numbered_beads_in_their_parts(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert lay_out_data(tiny(), None, folder, Silent()) == 1
    rows = read_data_rows(folder.fold(0))
    assert [row["split"] for row in rows] == ["train", "train", "validation", "test", "test"]
    assert len({row["group"] for row in rows}) == 5
    assert all(row["masks"] and not row["picks"] and not row["diameter"] for row in rows)
    labels = read_image(Path(rows[0]["masks"])).data
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_a_series_has_a_fold_for_each_density_with_images_of_its_own(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert lay_out_data(tiny(data=SERIES), None, folder, Silent()) == 3
    tables = [read_data_rows(folder.fold(number)) for number in range(3)]
    for density, rows in zip((1, 2, 4), tables, strict=True):
        assert [row["split"] for row in rows] == ["train", "train", "validation", "test", "test"]
        for row in rows:
            assert read_image(Path(row["masks"])).data.max() == density
    assert len({row["group"] for rows in tables for row in rows}) == 15


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": {"beads": COUNTS, "world": {"colour": 1}}}, "data: colour cannot be 1"),
        ({"data": {"beads": COUNTS, "world": {"size": 64, "beads": 500}}}, "do not lie side by side"),
    ],
)
def test_a_world_that_cannot_be_is_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        lay_out_data(tiny(**changed), None, Folder(tmp_path), Silent())


RULE = {"claimed": -0.6, "rule": "36 times more, a tenth"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"data": {"beads": COUNTS, "tomograms": COUNTS}}, "tomograms and beads"),
        ({"data": {"beads": COUNTS, "vary": {"gap": [1, 2]}}}, "beads vary by their world alone"),
        ({"data": {**SERIES, "world": WORLD}}, "both say how many beads"),
        ({"data": {"beads": {**COUNTS, "densities": [3, 3]}}}, "densities is 3, 3"),
        ({"data": SERIES, "division": {"samples": 2}}, "division of each density"),
        ({"trend": RULE}, "names 0 densities; name 3 or more"),
    ],
)
def test_data_that_contradict_themselves_are_refused(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        tiny(**changed)


def test_a_search_takes_images_of_one_density() -> None:
    search = load_search("dense-sweeps", "quick").model_dump(mode="json")
    with pytest.raises(RecipeError, match=r"densities are for studies"):
        check_search({**search, "data": SERIES})


def test_a_combination_of_levels_may_have_changes_of_its_own() -> None:
    factors = {"net": {"a": [], "b": ["net.width=3"]}, "rate": {"x": ["training.learning_rate=0.1"], "y": []}}
    own = {"b-x": ["training.learning_rate=0.01"]}
    study = tiny(arms={}, factors=factors, combinations=own, base="a-x")
    rates = {name: arm_recipe(study, name).training.learning_rate for name in study.all_arms}
    assert rates == {"a-x": 0.1, "a-y": 1e-4, "b-x": 0.01, "b-y": 1e-4}
    assert arm_recipe(study, "b-x").net.width == 3
    with pytest.raises(RecipeError, match=r"'b-z', which is no combination"):
        tiny(arms={}, factors=factors, combinations={"b-z": []}, base="a-x")


def in_this_process(tasks: Sequence[Task], *_: Any) -> None:
    """Do pieces of work here, which saves the start of a process for each."""
    for task in tasks:
        work_on(Folder(Path(task.command[-2])), task.command[-1])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_run, "run_here", in_this_process)
    # the page of each training, which takes two thirds of the time
    monkeypatch.setattr(training_report, "write_training_report", lambda *_, **__: None)


def small(name: str, **values: Any) -> Study:
    """A shipped study with tiny images and trainings."""
    shipped = load_study(name, "quick", TINY)
    return check_study({**shipped.model_dump(mode="json"), **values})


def ran(study: Study, out: Path) -> dict[str, Any]:
    outcome = run_study(study, out, Where(processes=1, threads=1), Options())
    assert outcome.failed == {}
    found: dict[str, Any] = json.loads(outcome.folder.results.read_text())
    failed = [row for row in found["audit"] if row["outcome"] not in ("same", "declared")]
    assert failed == []
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_dense_objects_from_images_to_the_page(tmp_path: Path) -> None:
    study = small("dense-objects", data={"beads": COUNTS, "world": WORLD}, seeds=[0])
    found = ran(study, tmp_path)
    assert len(found["arms"]) == 6
    declared = {name for row in found["audit"] for name in row["declared_by"]}
    assert {"training.batch", "training.patience"} <= declared
    assert [effect["factors"] for effect in found["effects"]] == [["net"], ["column"], ["net", "column"]]
    assert all(arm["epochs"][0] == 2 for arm in found["arms"])
    values = found["arms"][0]["values"]
    assert {"pixel_iou", "object_f1", "object_count_error"} <= set(values)
    assert {row["particles"] for row in found["manifest"]} == {3}
    page = (tmp_path / "report.html").read_text()
    for words in ("Training against validation", "Before and after: ", "published epochs", "learning rate"):
        assert words in page
    assert "previous best 0.143" in page
    with (tmp_path / "scores.csv").open() as table:
        assert {"object_f1", "object_count_error"} <= set(next(csv.DictReader(table)))


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_a_series_of_densities_is_answered_in_words(tmp_path: Path) -> None:
    rates = {f"{rate:g}": {"changes": [f"training.learning_rate={rate}"]} for rate in (0.001, 0.01, 0.1)}
    found = ran(small("object-density", data=SERIES, seeds=[0], arms=rates, base="0.001"), tmp_path)
    trend = found["trend"]
    assert [row["objects"] for row in trend["rows"]] == [1, 2, 4]
    assert trend["tried"] == [0.001, 0.01, 0.1]
    assert all(0.001 <= row["best"]["value"] <= 0.1 for row in trend["rows"])
    assert found["answer"].startswith(trend["words"])
    assert "log10(objects)" in trend["words"]
    assert trend["verdict"] in ("holds", "does not hold", "cannot be told")
    page = (tmp_path / "report.html").read_text()
    assert "Best learning rate by number of objects" in page
    assert "on images of 3 densities, each with a division of its own" in page


def test_a_rule_about_densities_takes_no_table(tmp_path: Path) -> None:
    (tmp_path / "data.csv").touch()
    options = Options(table=tmp_path / "data.csv")
    with pytest.raises(InputError, match=r"leave out --data"):
        run_study(small("object-density"), tmp_path / "out", Where(processes=1, threads=1), options)


@pytest.mark.parametrize("size", ["quick", "full"])
def test_the_columns_of_dense_objects_are_the_published_ones(size: str) -> None:
    study = load_study("dense-objects", size)
    recipes = {name: arm_recipe(study, name) for name in study.all_arms}
    assert [(r.net.skips, r.net.block) for r in list(recipes.values())[::2]] == [
        ("none", "plain"),
        ("gate", "plain"),
        ("gate", "residual"),
    ]
    rates = {name: recipe.training.learning_rate for name, recipe in recipes.items()}
    assert rates.pop("unet-sparse") == 1e-3
    assert set(rates.values()) == {1e-4}
    for name, recipe in recipes.items():
        dense = name.endswith("-dense")
        own = (
            recipe.training.batch,
            recipe.net.dropout,
            recipe.loss.formula,
            recipe.training.schedule,
            recipe.training.patience,
        )
        assert own == ((32, 0.3, "dice", "plateau", 20) if dense else (8, 0, "focal", "constant", 0))


@pytest.mark.parametrize(("size", "ratio"), [("quick", 75), ("full", 100)])
def test_the_densities_of_the_series_span_the_rule(size: str, ratio: float) -> None:
    study = load_study("object-density", size)
    assert study.data is not None
    densities = study.data.densities
    assert densities[-1] / densities[0] == ratio > 36
    assert study.trend is not None
    assert study.trend.claimed == pytest.approx(-np.log10(10) / np.log10(36), abs=1e-3)
    fields = {arm_recipe(study, name).training.learning_rate for name in study.all_arms}
    assert len(fields) == len(study.all_arms)


@pytest.mark.parametrize("size", ["quick", "full"])
def test_the_sweeps_have_the_published_values(size: str) -> None:
    search = load_search("dense-sweeps", size)
    assert {key: sought.choices for key, sought in search.space.items()} == {
        "net.dropout": (0.3, 0.2, 0.1),
        "training.learning_rate": (5e-5, 1e-4, 1.5e-4),
        "training.batch": (32, 48, 64),
        "loss.formula": ("dice", "0.7 dice + 0.3 focal"),
    }
