import resource
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from motes.data.collection import collect
from motes.data.normalise import Normalisation
from motes.data.working import to_working_scale
from motes.errors import UnitError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.jobs.prepare import prepare, resolve_diameter, validation_names
from motes.jobs.telling import Silent
from motes.picks import Picks
from motes.recipe import Recipe, load_recipe
from motes.units import Length

NAMES = [f"{folder}/{number}.mrc" for folder in "ABC" for number in range(4)]


def recipe(**split) -> Recipe:
    return load_recipe("micrographs", [f"split.{key}={value}" for key, value in split.items()])


def kept_out(names: list[str], chosen: Recipe) -> set[str]:
    return validation_names(names, set(names), chosen)


def test_a_share_of_the_images_is_kept_for_validation():
    assert len(kept_out(NAMES, recipe(validation=0.25))) == 3
    assert kept_out(NAMES, recipe(validation=0)) == set()


def test_one_image_is_kept_even_of_a_few_and_one_is_left_to_train_on():
    assert len(kept_out(NAMES[:3], recipe(validation=0.1))) == 1
    assert len(kept_out(NAMES[:2], recipe(validation=0.9))) == 1
    assert kept_out(NAMES[:1], recipe(validation=0.5)) == set()


def test_folders_are_never_divided():
    chosen = kept_out(NAMES, recipe(validation=0.3, by="folder"))
    assert len({Path(name).parent for name in chosen}) == 1
    assert len(chosen) == 4


def test_an_image_without_particles_stays_with_its_folder():
    without = {"A/0.mrc", "B/0.mrc", "C/0.mrc"}
    chosen = validation_names(NAMES, set(NAMES) - without, recipe(validation=0.3, by="folder"))
    assert len(chosen) == 4
    assert len(chosen & without) == 1


@pytest.mark.parametrize("seed", range(6))
def test_both_parts_get_particles(seed):
    labelled = {NAMES[0], NAMES[5]}
    chosen = validation_names(NAMES, labelled, load_recipe("micrographs", [f"seed={seed}", "validation=0.1"]))
    assert len(chosen & labelled) == 1
    many = validation_names(NAMES, labelled, load_recipe("micrographs", [f"seed={seed}", "validation=0.9"]))
    assert len(many & labelled) == 1
    assert validation_names(NAMES, {NAMES[0]}, load_recipe("micrographs", [f"seed={seed}"])) == set()


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    assert kept_out(NAMES[::-1], recipe()) == kept_out(NAMES, recipe())
    other = [kept_out(NAMES, load_recipe("micrographs", [f"seed={seed}"])) for seed in range(5)]
    assert len({frozenset(names) for names in other}) > 1


def one_image(folder: Path, pixel_size: float | None, diameters: list[float] | None) -> None:
    rng = np.random.default_rng(0)
    write_image(folder / "images" / "a.mrc", rng.normal(size=(100, 90)).astype(np.float32), pixel_size)
    picks = Picks(
        np.array([[50.0, 40], [20, 30]]), diameters=None if diameters is None else np.array(diameters)
    )
    write_picks(folder / "picks" / "a.csv", picks, format="csv", image_name="a.mrc")


@pytest.mark.parametrize(
    ("pixel_size", "expected"), [(2.0, Length(60, "A")), (None, Length(30, "px"))], ids=["known", "unknown"]
)
def test_the_diameter_comes_from_the_picks_in_angstrom_where_that_is_possible(tmp_path, pixel_size, expected):
    one_image(tmp_path, pixel_size, [28.0, 32])
    collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
    assert resolve_diameter(recipe(), collection) == expected


def test_without_any_diameter_the_option_is_named(tmp_path):
    one_image(tmp_path, 2.0, None)
    collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
    with pytest.raises(UnitError, match="--diameter 150"):
        resolve_diameter(recipe(), collection)


def test_images_and_points_come_at_the_working_scale(tmp_path):
    one_image(tmp_path, 2.0, None)
    collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
    halved = load_recipe("micrographs", ["working_diameter=15"])
    (prepared,), failures = prepare(collection, halved, Length(60, "A"), tmp_path / "store", Silent())
    assert failures == []
    assert prepared.labelled.data.shape == (50, 45)
    assert prepared.labelled.points.tolist() == [[24.75, 19.75], [9.75, 14.75]]
    assert (prepared.diameter, prepared.pixel_size) == (30, 2.0)


def test_any_number_of_images_takes_one_open_file(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for number in range(60):
        write_image(
            tmp_path / "images" / f"{number:02d}.mrc", rng.normal(size=(40, 40)).astype(np.float32), 2.0
        )
        (tmp_path / f"{number:02d}.csv").write_text("x,y\n20,20\n")
    collection = collect([str(tmp_path / "images")], str(tmp_path))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + 12, hard))
    try:
        prepared, failures = prepare(collection, recipe(), Length(15, "px"), tmp_path / "store", Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert failures == []
    assert len(prepared) == 60
    alone = to_working_scale(collection.images[7].read(), 15, recipe().working_diameter, Normalisation())
    assert np.array_equal(prepared[7].labelled.data, alone.data)


@dataclass(frozen=True)
class Listener(Silent):
    """Keeps what it is warned of."""

    heard: list[str] = field(default_factory=list)

    def warn(self, message: str) -> None:
        self.heard.append(message)


@pytest.mark.parametrize("binning", [1, 2])
def test_picks_of_another_binning_are_noticed(tmp_path, binning):
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 280, (70, 2))
    rows, columns = np.mgrid[:300, :300]
    image = rng.normal(size=(300, 300)).astype(np.float32)
    for y, x in points:
        image -= (rows - y) ** 2 + (columns - x) ** 2 < 36
    write_image(tmp_path / "images" / "a.mrc", image, 2.0)
    write_picks(tmp_path / "a.csv", Picks(points / binning), format="csv", image_name="a.mrc")
    listener = Listener()
    collection = collect([str(tmp_path / "images")], str(tmp_path / "a.csv"))
    prepare(collection, recipe(), Length(12, "px"), tmp_path / "store", listener)
    assert [("another binning" in message) for message in listener.heard] == [True] * (binning - 1)
