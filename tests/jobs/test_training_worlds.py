"""Training on simulated micrographs without end: what a run takes in place of images, and that it can be stopped."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from motes.data.crops import CropSource
from motes.data.sources import DataSource
from motes.errors import InputError
from motes.jobs import training_worlds
from motes.jobs.telling import Silent
from motes.jobs.train import TrainingData, crop_source, run_plan, train
from motes.jobs.training_worlds import (
    EXAMPLES,
    VALIDATION,
    crop_maker,
    micrographs,
    told_worlds,
    trained_on_worlds,
    world_parts,
)
from motes.nets.model_file import load_model
from motes.recipe import Recipe
from motes.recipe_file import load_recipe
from motes.simulate.endless import WorldSource, labelled_world
from motes.simulate.worlds import Worlds

TINY = (
    "worlds.side=128", "worlds.validated=2", "worlds.together=4", "worlds.crops_each=4", "worlds.empty=0",
    "worlds.makers=1", "training.batch=4", "training.epochs=2", "training.steps=3", "net.widths=[2, 3]",
    "training.validate_every=1", "sampling.size=64", "training.checkpoint_minutes=1e-9", "training.average=0.5",
)  # fmt: skip
NO_DATA = TrainingData([])


class KilledError(Exception):
    """Stands for a signal that ends the process."""


@dataclass(frozen=True)
class Killer(Silent):
    """Kills a training after so many crops."""

    crops: int

    @contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        """Show nothing."""

        def done(number: int) -> None:
            if title == "training" and number >= self.crops:
                raise KilledError

        yield done


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate in this process: to start another one takes longer than all micrographs here."""

    @contextmanager
    def threads(_: Worlds) -> Iterator[Executor]:
        with ThreadPoolExecutor(1) as pool:
            try:
                yield pool
            finally:
                pool.shutdown(cancel_futures=True)

    monkeypatch.setattr(training_worlds, "world_makers", threads)


def tiny(*changes: str) -> Recipe:
    return load_recipe("general", [*TINY, *changes])


def test_a_run_has_examples_of_its_series_and_validates_on_others() -> None:
    recipe = tiny("seed=3")
    parts = world_parts([], recipe, Silent())
    assert [image.name for image in parts.train] == [f"world_{n + 1}" for n in range(EXAMPLES)]
    assert [image.name for image in parts.validation] == [f"world_{VALIDATION + n + 1}" for n in range(2)]
    assert parts.working == (22,)
    assert not parts.masked
    for number, image in zip((0, VALIDATION + 1), (parts.train[0], parts.validation[1]), strict=True):
        made = labelled_world(recipe.worlds, 3, number, recipe.normalisation)
        assert np.array_equal(image.labelled.data[:, :], made.data[:, :])
        assert np.array_equal(image.labelled.points, made.points)
        assert image.particles == len(made.points)
    hashes = {image.sha256 for image in [*parts.train, *parts.validation]}
    assert len(hashes) == EXAMPLES + 2
    assert not hashes & {image.sha256 for image in world_parts([], tiny("seed=4"), Silent()).train}


def test_images_beside_simulated_ones_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"general trains on simulated micrographs .* but images are given too"
    ):
        world_parts([DataSource(("a.mrc",), picks="a.csv")], tiny(), Silent())


@pytest.mark.parametrize(
    ("start", "advised"), [("own/model.safetensors", "own/model.safetensors"), (None, "default")]
)
def test_who_gives_images_is_told_a_command_that_takes_them(start: str | None, advised: str) -> None:
    recipe = tiny().model_copy(update={"start": start})
    with pytest.raises(InputError, match=rf"`motes train micrographs \.\.\. --start {advised}`$"):
        world_parts([DataSource(("a.mrc",), picks="a.csv")], recipe, Silent())
    assert not load_recipe("micrographs", start="default").worlds.use


def test_crops_come_from_the_series_only_where_the_recipe_says_so(tmp_path: Path) -> None:
    recipe = tiny()
    parts = world_parts([], recipe, Silent())
    plan = run_plan(recipe, parts, tmp_path)
    with crop_maker(recipe, plan) as source:
        assert isinstance(source, WorldSource)
        assert source.crops == 3 * 4
        assert (source.stream.seed, source.stream.worlds) == (recipe.seed, recipe.worlds)
        crops, targets = source.finish(source.cut(0, 0, range(4)), "cpu")
        assert crops.shape == targets.shape == (4, 1, 64, 64)
    with crop_maker(tiny("worlds.use=false"), plan) as source:
        assert source is plan.source
        assert isinstance(source, CropSource)
    other = replace(plan, source=WorldSource(None, crop_source(recipe, parts), 1))  # type: ignore[arg-type]
    with crop_maker(recipe, other) as source:
        assert source is other.source


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ((), 2 * 4),  # 12 crops an epoch, of a group that gives 16
        (("training.steps=4",), 2 * 4),
        (("training.steps=5",), 2 * 8),
        (("training.epochs=5", "training.batch=16"), 5 * 12),
    ],
)
def test_the_micrographs_of_a_training_are_counted(changes: tuple[str, ...], count: int) -> None:
    assert micrographs(tiny(*changes)) == count
    assert told_worlds(tiny(*changes)) == f"{count} simulated micrographs (1 processes make them)"


def test_the_model_says_what_it_was_trained_on() -> None:
    recipe = tiny()
    parts = world_parts([], recipe, Silent())
    series, *validation = trained_on_worlds(recipe, parts)
    assert (series.image, series.particles, series.part) == ("8 simulated micrographs", None, "train")
    assert [(each.image, each.part) for each in validation] == [
        (f"world_{VALIDATION + n + 1}", "validation") for n in range(2)
    ]
    assert trained_on_worlds(recipe, parts)[0] == series
    for other in (tiny("seed=1"), tiny("worlds.snr=0.5")):
        assert trained_on_worlds(other, parts)[0].sha256 != series.sha256


def test_a_killed_training_ends_with_the_same_bytes(tmp_path: Path) -> None:
    recipe, within_the_second_epoch = tiny(), Killer(16)
    whole = train(recipe, NO_DATA, tmp_path / "whole", threads=1)
    with pytest.raises(KilledError):
        train(recipe, NO_DATA, tmp_path / "part", threads=1, teller=within_the_second_epoch)
    assert not (tmp_path / "part" / "model.safetensors").exists()
    resumed = train(recipe, NO_DATA, tmp_path / "part", resume=True, threads=1)
    assert resumed.model.read_bytes() == whole.model.read_bytes()
    rows = [json.loads(line) for line in (tmp_path / "part" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    model = load_model(resumed.model)
    assert model.description.working_diameter == 22
    assert model.description.trained_on[0].image == "8 simulated micrographs"
    assert Recipe.model_validate(model.description.recipe).worlds == recipe.worlds
