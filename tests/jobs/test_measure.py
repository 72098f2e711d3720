"""What a training will cost, measured on a few steps of a tiny one."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motes.data.sources import DataSource, read_data_rows, read_data_table, write_data_rows
from motes.errors import InputError, ModelError
from motes.formats.picks import write_picks
from motes.jobs import measure
from motes.jobs.measure import STEPS, Measured, measure_training
from motes.jobs.train import TrainingData, train
from motes.jobs.training_data import STORE
from motes.output import write_text
from motes.picks import Picks
from motes.recipe import Recipe
from motes.recipe_file import load_recipe
from motes.study.folder import Folder
from motes.study.work import work_on
from motes.train import validate

CPU = torch.device("cpu")
TINY = ("sampling.size=32", "training.batch=2", "training.steps=2", "working_diameter=12")
OURS = "net.widths=[2, 3]"
NO_PARTICLE = "no validation image holds a particle, so there is nothing to fit a threshold on"


def tiny(*changes: str, net: str = OURS) -> Recipe:
    return load_recipe("micrographs", [net, *TINY, *changes])


def table(root: Path, make: Any, particles: bool = True) -> Path:
    """Two images to train on, two to validate on; particles: whether the last two hold any."""
    images, picks = make.picked(root, shape=(48, 48), count=4)
    for n in () if particles else (2, 3):
        nothing = Picks(np.zeros((0, 2)))
        write_picks(picks / f"{n}.csv", nothing, format="csv", image_name=f"{n}.mrc")
    rows = [
        {"image": f"{images}/{n}.mrc", "picks": f"{picks}/{n}.csv", "diameter": "48", "split": part}
        for n, part in enumerate(("train", "train", "validation", "validation"))
    ]
    write_data_rows(root / "data.csv", rows)
    return root / "data.csv"


def measured(root: Path, make: Any, *changes: str) -> Measured:
    return measure_training(tiny(*changes), read_data_table(table(root, make)), root / "run", CPU)


def test_a_whole_training_takes_its_start_its_steps_and_its_looks() -> None:
    assert Measured(start=3.0, step=0.25, image=0.5, steps=40, looks=12).seconds == 3 + 40 * 0.25 + 12 * 0.5


def test_every_time_is_measured_and_all_steps_are_counted(make: Any, tmp_path: Path) -> None:
    found = measured(tmp_path, make, "epochs=7")
    assert min(found.start, found.step, found.image) > 0
    assert (found.steps, found.looks) == (7 * 2, (7 + 2) * 2)


@pytest.mark.parametrize(
    ("changes", "steps", "looks"),
    [
        (["training.steps=none"], 5, 14),  # an epoch sees both images in one step
        (["training.steps=none", "training.batch=1"], 10, 14),
        (["training.validate_every=2"], 10, 10),  # validated after the epochs 2, 4 and 5
        (["training.accumulate=2"], 10, 14),
    ],
)
def test_steps_and_looks_are_those_of_the_recipe(
    make: Any, tmp_path: Path, changes: list[str], steps: int, looks: int
) -> None:
    found = measured(tmp_path, make, "epochs=5", *changes)
    assert (found.steps, found.looks) == (steps, looks)


def test_a_training_takes_the_steps_and_the_looks_that_were_counted(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images that it validates on, with those of the report; the one on which the cost is taken is apart."""
    changes = ("epochs=3", "training.validate_every=2")
    found = measured(tmp_path, make, *changes)
    looked: list[int] = []

    def counted(predict: Callable[..., Any]) -> Callable[..., Any]:
        def count_and_predict(*values: Any, **named: Any) -> Any:
            looked.append(1)
            return predict(*values, **named)

        return count_and_predict

    for name in ("stream_maps", "probability_maps"):
        monkeypatch.setattr(validate, name, counted(getattr(validate, name)))
    train(
        tiny(*changes), TrainingData(read_data_table(tmp_path / "data.csv")), tmp_path / "trained", threads=1
    )
    shown = [json.loads(line) for line in (tmp_path / "trained" / "shown.jsonl").read_text().splitlines()]
    assert (sum(line["steps"] for line in shown), len(looked) - 1) == (found.steps, found.looks)


def test_the_first_step_warms_up_and_is_not_timed(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = measure.train_step  # type: ignore[attr-defined]
    taken: list[int] = []

    def slow_at_first(*values: Any) -> Any:
        time.sleep(0.1 if taken else 1.0)
        taken.append(1)
        return step(*values)

    monkeypatch.setattr(measure, "train_step", slow_at_first)
    found = measured(tmp_path, make)
    assert len(taken) == STEPS + 1
    assert 0.1 <= found.step < 0.3  # s; the first one would make it 0.35


def test_nothing_but_working_images_is_left_in_the_run_folder(make: Any, tmp_path: Path) -> None:
    measured(tmp_path, make)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [STORE]


def test_of_images_with_masks_nothing_at_all_is_left(make: Any, tmp_path: Path) -> None:
    images, masks = make.stores(tmp_path, count=5)
    recipe = load_recipe("fair-standard", [OURS, "sampling.size=32", "training.batch=2", "training.steps=2"])
    found = measure_training(recipe, [DataSource((str(images),), masks=str(masks))], tmp_path / "run", CPU)
    assert min(found.start, found.step, found.image) > 0
    assert not (tmp_path / "run").exists()


def study_of_one(root: Path, make: Any, particles: bool = True) -> Folder:
    """A folder of a study in which an arm can be measured."""
    folder = Folder(root / "study")
    write_data_rows(folder.fold(0), read_data_rows(table(root, make, particles)))
    write_text(folder.arm("one"), tiny("epochs=3").as_yaml())
    write_text(folder.settings, json.dumps({"device": "cpu", "threads": 1}))
    return folder


def test_a_study_keeps_the_numbers_and_the_working_images_go(make: Any, tmp_path: Path) -> None:
    folder = study_of_one(tmp_path, make)
    work_on(folder, "measure/one")
    done = json.loads(folder.done("measure/one").read_text())
    assert (done["steps"], done["looks"]) == (6, 10)
    assert done["seconds"] == done["start"] + 6 * done["step"] + 10 * done["image"]
    assert not folder.place("measure/one").exists()
    assert not list(folder.path.rglob(STORE))


def test_validation_images_without_a_particle_are_refused(make: Any, tmp_path: Path) -> None:
    sources = read_data_table(table(tmp_path, make, particles=False))
    with pytest.raises(
        InputError, match=f"{NO_PARTICLE}; let another group, one with particles, be validated"
    ):
        measure_training(tiny(), sources, tmp_path / "run", CPU)


def test_a_study_says_why_an_arm_cannot_be_measured(make: Any, tmp_path: Path) -> None:
    folder = study_of_one(tmp_path, make, particles=False)
    work_on(folder, "measure/one")
    assert folder.failed("measure/one").read_text().startswith(NO_PARTICLE)
    assert not folder.place("measure/one").exists()


@pytest.mark.parametrize(
    ("net", "weights", "words"),
    [
        (OURS, "junk.pth", "unet has no encoder that weights can be loaded into"),
        ("net.name=resnet18_unet", "none.pth", "none.pth does not exist"),
        ("net.name=resnet18_unet", "junk.pth", "junk.pth cannot be read as weights"),
    ],
)
def test_weights_that_do_not_fit_are_refused_as_in_training(
    make: Any, tmp_path: Path, net: str, weights: str, words: str
) -> None:
    if net != OURS:
        pytest.importorskip("monai")
    (tmp_path / "junk.pth").write_text("404: Not Found")
    recipe = tiny(f"encoder_weights={tmp_path / weights}", net=net)
    sources = read_data_table(table(tmp_path, make))
    with pytest.raises(ModelError, match=words) as refused:
        measure_training(recipe, sources, tmp_path / "run", CPU)
    with pytest.raises(ModelError) as training:
        train(recipe, TrainingData(sources), tmp_path / "trained", threads=1)
    assert str(refused.value) == str(training.value)
