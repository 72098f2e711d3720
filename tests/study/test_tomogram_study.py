"""Tomograms in a study: simulated ones, a table of one's own, and a whole study of two nets on two samples."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.cluster.tasks import Task
from motes.data.sources import read_data_rows, read_data_table, write_data_rows
from motes.errors import InputError, RecipeError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.jobs.telling import Silent
from motes.picks import Picks
from motes.recipe_file import load_recipe
from motes.study import run as study_run
from motes.study import search_trials
from motes.study.data import lay_out_data
from motes.study.description import Study
from motes.study.file import arm_recipe, check_study, load_study
from motes.study.folder import Folder
from motes.study.run import Options, Where, run_study
from motes.study.search import run_search
from motes.study.search_description import check_search, load_search
from motes.study.work import work_on

COUNTS = {"train": 2, "validation": 1, "test": 2}
TINY = (
    "classes=[{name: a, diameter: 48, weight: 2}, {name: b, diameter: 48, weight: 1}]",
    "working_pixel_size=none",
    "net.widths=[2,4]",
    "sampling.size=16",
    "training.epochs=1",
    "training.steps=2",
)


def tiny(**values: Any) -> Study:
    nets = {"unet": ["net.name=unet"], "se": ["net.name=se_unet"]}
    given = {
        "name": "s",
        "question": "q",
        "recipe": "tomogram",
        "base": "unet",
        "factors": {"attention": nets},
    }
    more = {"metric": "f4", "seeds": 1, "pilot": None, "changes": TINY, "division": {"samples": 2}}
    return check_study({**given, **more, **values})


def write_volume(folder: Path, name: str, seed: int) -> None:
    """A volume of two blobs of each of two classes, dark on noise."""
    rng = np.random.default_rng(seed)
    points = np.array([[8, 8, 8], [8, 24, 8], [8, 8, 24], [8, 24, 24]]) + rng.uniform(-2, 2, (4, 3))
    grid = np.stack(np.meshgrid(*map(np.arange, (16, 32, 32)), indexing="ij"), axis=-1)
    volume = rng.normal(0, 0.2, (16, 32, 32))
    for point in points:
        volume -= np.exp(-((grid - point) ** 2).sum(axis=-1) / 18)
    write_image(folder / "tomograms" / f"{name}.mrc", volume.astype(np.float32), 4.0)
    picks = Picks(points, classes=np.array(["a", "b", "a", "b"]))
    write_picks(folder / "picks" / f"{name}.csv", picks, format="csv", image_name=f"{name}.mrc")


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """In place of the simulation small volumes; how many were asked for, and with which seed."""
    asked = []

    def write_tomograms(world: Any, out: Path, count: int, seed: int = 0, **_: Any) -> list[Path]:
        asked.append((count, seed))
        for number in range(1, count + 1):
            if not (out / "tomograms" / f"TS_{number:04d}.mrc").is_file():
                write_volume(out, f"TS_{number:04d}", number)
        return [out / "tomograms" / f"TS_{number:04d}.mrc" for number in range(1, count + 1)]

    monkeypatch.setattr("motes.study.tomogram_data.write_tomograms", write_tomograms)
    return asked


def test_simulated_tomograms_are_dealt_out_to_samples_with_one_test(
    tmp_path: Path, simulated: list[tuple[int, int]]
) -> None:
    folder = Folder(tmp_path)
    assert lay_out_data(tiny(data={"tomograms": COUNTS, "seed": 3}), None, folder, Silent()) == 2
    assert simulated == [(8, 3)]
    tables = [{row["group"]: row["split"] for row in read_data_rows(folder.fold(n))} for n in (0, 1)]
    for parts in tables:
        assert sorted(parts.values()) == ["test", "test", "train", "train", "validation"]
    assert {group for group in tables[0] if group in tables[1]} == {"TS_0007", "TS_0008"}
    assert {source.diameter for source in read_data_table(folder.fold(0))} == {None}  # the recipe knows them


@pytest.mark.usefixtures("simulated")
def test_the_smoothed_copies_are_taken_where_they_are_asked_for(tmp_path: Path) -> None:
    write_volume(tmp_path / "data", "TS_0001", 1)
    with pytest.raises(InputError, match=r"tomograms_denoised/TS_0001.mrc does not exist"):
        lay_out_data(tiny(data={"tomograms": COUNTS | {"denoised": True}}), None, Folder(tmp_path), Silent())


@pytest.mark.usefixtures("simulated")
def test_a_world_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for world, words in (
        ({"colour": 1}, "data: colour cannot be 1"),
        ({"density": -1}, "density cannot be -1"),
    ):
        with pytest.raises(RecipeError, match=words):
            lay_out_data(tiny(data={"tomograms": COUNTS, "world": world}), None, Folder(tmp_path), Silent())


def in_this_process(tasks: Sequence[Task], *_: Any) -> None:
    """Do pieces of work here, which saves the start of a process for each."""
    for task in tasks:
        work_on(Folder(Path(task.command[-2])), task.command[-1])


def test_a_study_of_tomograms_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        write_volume(tmp_path, f"t{number}", number)
    rows = [
        {"image": f"{tmp_path}/tomograms/t{n}.mrc", "picks": f"{tmp_path}/picks/t{n}.csv", "group": f"t{n}"}
        for n in range(8)
    ]
    write_data_rows(tmp_path / "data.csv", rows)
    monkeypatch.setattr(study_run, "run_here", in_this_process)
    options = Options(table=tmp_path / "data.csv")
    outcome = run_study(tiny(), tmp_path / "out", Where(processes=1, threads=1), options)
    assert outcome.failed == {}
    assert outcome.plan.runs == 4
    folder = Folder(tmp_path / "out")
    seeds = {load_recipe(str(path)).seed for path in (folder.path / "runs").rglob("recipe.yaml")}
    assert len(seeds) == 2  # one for each sample, the same for both nets
    data = json.loads(folder.results.read_text())
    audit = {row["check"]: (row["outcome"], row["where"]) for row in data["audit"]}
    assert {check: found for check, found in audit.items() if found[0] not in ("same", "declared")} == {}
    assert audit["samples"] == ("same", [])
    (effect,) = data["effects"]
    assert [level["name"] for level in effect["levels"]] == ["unet", "se"]
    assert all(level["minutes"] > 0 for level in effect["levels"])
    arm = data["arms"][0]
    assert set(arm["classes"]) == {"a", "b"}
    assert [set(each["together"]) for each in arm["samples"]] == [{"f4", "czii"}] * 2
    assert {"f4", "czii"} <= set(arm["values"])
    with folder.scores.open() as table:
        scores = list(csv.DictReader(table))
    assert len(scores) == 2 * 2 * 2  # nets, samples, test images
    assert {row["fold"] for row in scores} == {"0", "1"}
    assert all(0 <= float(row["f4"]) <= 1 for row in scores)


@pytest.mark.parametrize(("size", "arms"), [("quick", 4), ("full", 24), ("repeated", 24)])
def test_the_shipped_study_has_its_arms_at_every_size(size: str, arms: int) -> None:
    study = load_study("tomogram-attention", size)
    assert len(study.all_arms) == arms
    assert (study.metric, study.division.samples, study.pilot) == ("f4", 2, None)
    recipes = {name: arm_recipe(study, name) for name in study.all_arms}
    assert {recipe.goal for recipe in recipes.values()} == {"f4"}
    attention = {(recipe.net.skips, recipe.net.encoder_attention) for recipe in recipes.values()}
    assert attention == {("none", "none"), ("gate", "none"), ("none", "se"), ("none", "cbam")}
    cells = {(r.net.name, r.net.channels, r.sampling.shape(3)) for r in recipes.values()}
    assert len(cells) == arms
    assert study.published is not None
    assert study.published.values.keys() == study.published.minutes.keys() == study.all_arms.keys()
    assert study.data is not None
    assert study.data.tomograms is not None


def test_the_published_table_is_the_one_that_was_published() -> None:
    """The mean of each net's twelve trainings, as recomputed from that table."""
    study = load_study("tomogram-attention", "full")
    assert study.published is not None
    means = {
        net: np.mean([study.published.values[arm] for arm in study.all_arms if arm.startswith(f"{net}-")])
        for net in ("unet", "gates", "se", "cbam")
    }
    assert {net: round(float(mean), 3) for net, mean in means.items()} == {
        "unet": 0.590,
        "gates": 0.566,
        "se": 0.623,
        "cbam": 0.644,
    }


def test_a_search_chooses_patch_and_channels_for_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write_volume(tmp_path, f"t{number}", number)
    rows = [
        {"image": f"{tmp_path}/tomograms/t{n}.mrc", "picks": f"{tmp_path}/picks/t{n}.csv", "group": f"t{n}"}
        for n in range(4)
    ]
    write_data_rows(tmp_path / "data.csv", rows)
    sizes, widths = {"choices": [[16, 16, 16], [16, 32, 32]]}, {"choices": [[2, 4], [4, 8]]}
    shipped = load_search("patch-and-channels", "full")
    space = {"sampling.size": sizes, "net.widths": widths}
    division = {"validation": 1, "test": 1}
    asked = shipped.model_dump(mode="json") | {
        "space": space,
        "changes": TINY,
        "trials": 3,
        "division": division,
    }

    def trials_here(tasks: Sequence[Task], *_: Any) -> None:
        for task in tasks:
            search_trials.work_on(search_trials.SearchFolder(Path(task.command[-2])), int(task.command[-1]))

    monkeypatch.setattr("motes.study.search.run_here", trials_here)
    where = Where(processes=1, threads=1)
    found = run_search(check_search(asked), tmp_path / "out", where, tmp_path / "data.csv", Silent())
    assert {trial.state for trial in found.trials} == {"done"}
    best = load_recipe(str(tmp_path / "out" / "best.yaml"))
    assert best.sampling.shape(3) in ((16, 16, 16), (16, 32, 32))
    assert best.net.channels in ((2, 4), (4, 8))
    assert found.best.watched.startswith("best_f")


@pytest.mark.parametrize("size", ["quick", "full"])
def test_the_shipped_search_seeks_patch_and_channels(size: str) -> None:
    search = load_search("patch-and-channels", size)
    assert list(search.space) == ["sampling.size", "net.widths"]
    assert search.data is not None
    assert search.data.tomograms is not None
