import resource
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from motes.data.collection import collect
from motes.data.normalise import Normalisation
from motes.data.working import to_working_scale
from motes.errors import PicksError, UnitError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.image import Image
from motes.jobs.prepare import (
    content_hash,
    mapped,
    picked_diameter,
    prepare,
    sorted_into_classes,
    working_diameters,
)
from motes.jobs.telling import Silent
from motes.picks import Picks
from motes.recipe import Recipe
from motes.recipe_file import load_recipe
from motes.units import Length


def recipe(**split) -> Recipe:
    return load_recipe("micrographs", [f"split.{key}={value}" for key, value in split.items()])


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
    assert picked_diameter(collection, recipe()) == expected


def test_picks_without_diameters_tell_none(tmp_path):
    one_image(tmp_path, 2.0, None)
    collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
    assert picked_diameter(collection, recipe()) is None


def test_images_and_points_come_at_the_working_scale(tmp_path):
    one_image(tmp_path, 2.0, None)
    collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
    halved = load_recipe("micrographs", ["working_diameter=15"])
    (ready,), failures = prepare(collection, halved, [Length(60, "A")], tmp_path / "store", Silent())
    assert failures == []
    assert ready.shape == (50, 45)
    assert ready.points.tolist() == [[24.75, 19.75], [9.75, 14.75]]
    assert (ready.diameters, ready.pixel_size) == ((30,), 2.0)
    (labelled,) = mapped(tmp_path / "store", [ready], weight=0.5)
    assert labelled.data.shape == (50, 45)
    assert labelled.weight == 0.5


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
        ready, failures = prepare(collection, recipe(), [Length(15, "px")], tmp_path / "store", Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert failures == []
    assert len(ready) == 60
    alone = to_working_scale(collection.images[7].read(), 15, recipe().scale, Normalisation())
    assert np.array_equal(mapped(tmp_path / "store", ready, 1.0)[7].data, alone.data)


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
    prepare(collection, recipe(), [Length(12, "px")], tmp_path / "store", listener)
    assert [("another binning" in message) for message in listener.heard] == [True] * (binning - 1)


def test_a_working_diameter_is_that_of_the_image_that_the_net_sees():
    image = Image(np.zeros((90, 90), dtype=np.float32), 2.0, "a.mrc")
    as_it_is = load_recipe("micrographs", ["working_diameter=none"])
    assert working_diameters(image, as_it_is, [Length(60, "A")]) == (30,)
    fixed = load_recipe("micrographs", ["working_pixel_size=5"])
    assert working_diameters(image, fixed, [Length(60, "A")]) == (12,)
    assert working_diameters(image, fixed, [Length(30, "px")]) == (12,)
    with pytest.raises(UnitError, match="pixel size is not known"):
        working_diameters(replace(image, pixel_size=None), as_it_is, [Length(60, "A")])


def test_a_bad_first_image_costs_the_others_nothing_where_images_stay_as_they_are(tmp_path):
    one_image(tmp_path, 2.0, None)
    (tmp_path / "images" / "0.mrc").write_bytes(b"junk")
    (tmp_path / "picks" / "0.csv").write_text("x,y\n5,5\n")
    collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
    as_it_is = load_recipe("micrographs", ["working_diameter=none"])
    ready, failures = prepare(collection, as_it_is, [Length(60, "A")], tmp_path / "store", Silent())
    assert [image.working for image in ready] == [(30,)]
    assert [failure.name for failure in failures] == ["0.mrc"]


def test_an_image_is_known_by_its_pixels_whatever_its_file_and_picks(tmp_path):
    found = []
    for pixel_size, points in ((2.0, "50,40\n"), (3.0, "50,40\n20,20\n")):
        one_image(tmp_path, pixel_size, None)
        (tmp_path / "picks" / "a.csv").write_text("x,y\n" + points)
        collection = collect([str(tmp_path / "images")], str(tmp_path / "picks"))
        (ready,), _ = prepare(collection, recipe(), [Length(30, "px")], tmp_path / "store", Silent())
        found.append(ready)
    assert found[0].sha256 != found[1].sha256
    assert found[0].image_sha256 == found[1].image_sha256


def picks_of(*classes: str) -> Picks:
    return Picks(np.arange(2.0 * len(classes)).reshape(-1, 2), classes=np.array(classes))


def test_picks_are_sorted_into_the_classes_of_the_recipe():
    kept, numbers, notes = sorted_into_classes(picks_of("b", "a", "c", "b"), ["a", "b"], "x.mrc")
    assert kept.points.tolist() == [[0, 1], [2, 3], [6, 7]]
    assert numbers.tolist() == [1, 0, 1]
    assert notes == ["x.mrc: picks of c left out, not in the recipe's classes"]


def test_one_class_takes_those_of_its_name_or_else_all():
    assert len(sorted_into_classes(picks_of("a", "b"), ["a"], "x")[0]) == 1
    assert len(sorted_into_classes(picks_of("a", "b"), ["particle"], "x")[0]) == 2
    assert len(sorted_into_classes(Picks(np.zeros((3, 2))), ["particle"], "x")[0]) == 3
    with pytest.raises(PicksError, match="name no class"):
        sorted_into_classes(Picks(np.zeros((3, 2))), ["a", "b"], "x")


def test_a_tomogram_in_a_folder_of_chunks_is_known_by_all_of_them(tmp_path):
    (tmp_path / "tomo.zarr/0").mkdir(parents=True)
    chunk = tmp_path / "tomo.zarr/0/0"
    chunk.write_bytes(b"one")
    picks = Picks(np.zeros((1, 3)))
    before = content_hash(tmp_path / "tomo.zarr", picks)
    assert content_hash(tmp_path / "tomo.zarr", picks) == before
    chunk.write_bytes(b"two")
    assert content_hash(tmp_path / "tomo.zarr", picks) != before
