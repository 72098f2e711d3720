"""Test images that are kept to be shown: what comes back from their file, and which are kept."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from motes.data.sampling import Labelled
from motes.jobs.parts import Prepared
from motes.picks import Picks
from motes.study.examine import Ensemble, Examination
from motes.study.shown_images import MOST, in_section, keep_shown_images, kept_numbers, read_shown_images

SHAPE = (9, 12)


def prepared(name: str, data: NDArray[np.float32], points: object, diameter: float = 6.0) -> Prepared:
    truth = np.array(points, dtype=np.float64).reshape(-1, data.ndim)
    return Prepared(name, Labelled(data, truth), "", len(truth), working=(diameter, 20.0))


def examination(maps: Mapping[int, NDArray[np.float32]], picks: list[list[Picks]]) -> Examination:
    return Examination(Ensemble("plain/0", ("plain/0",)), {}, [], [], picks, dict(maps), [])


def points(count: int, ndim: int = 2, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0, 9, (count, ndim))


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    """Of five images the fourth and the second are kept, in this order."""
    rng = np.random.default_rng(0)
    images = [
        prepared(f"{n}/x", rng.normal(0, 3, SHAPE).astype(np.float32), points(n, seed=n), 6.25 + n)
        for n in range(5)
    ]
    picks = [[Picks(points(2 * n, seed=n), scores=np.linspace(0, 1, 2 * n))] for n in range(5)]
    maps = {n: rng.random((1, *SHAPE), dtype=np.float32) for n in (3, 1)}
    keep_shown_images(tmp_path / "x.npz", images, examination(maps, picks))
    read = read_shown_images(tmp_path / "x.npz")
    assert [each.name for each in read] == ["3/x", "1/x"]
    assert [each.diameter for each in read] == [9.25, 7.25]
    for number, each in zip((3, 1), read, strict=True):
        data = images[number].labelled.data
        assert each.data.dtype == each.probability.dtype == np.float32
        np.testing.assert_array_equal(each.data, np.asarray(data).astype(np.float16))
        np.testing.assert_allclose(each.probability, maps[number][0], rtol=0, atol=0.501 / 255)
        np.testing.assert_array_equal(each.truth.points, images[number].labelled.points)
        np.testing.assert_array_equal(each.picks.points, picks[number][0].points)


def test_certain_pixels_stay_certain(tmp_path: Path) -> None:
    maps = np.zeros((1, *SHAPE), np.float32)
    maps[0, :4] = 1
    images = [prepared("x", np.zeros(SHAPE, np.float32), [])]
    keep_shown_images(tmp_path / "x.npz", images, examination({0: maps}, [[Picks(points(0))]]))
    (read,) = read_shown_images(tmp_path / "x.npz")
    np.testing.assert_array_equal(read.probability, maps[0])
    assert len(read.truth) == len(read.picks) == 0


def test_of_several_classes_the_first_ones_picks_are_kept_and_the_highest_of_the_maps(tmp_path: Path) -> None:
    centres = points(4)
    labelled = Labelled(np.zeros(SHAPE, np.float32), centres, classes=np.array([0, 1, 1, 0]))
    image = Prepared("x", labelled, "", 4, working=(6.0, 20.0))
    picks = [[Picks(points(3, seed=1)), Picks(points(5, seed=2))]]
    maps = np.stack([np.full(SHAPE, 0.2, np.float32), np.full(SHAPE, 0.6, np.float32)])
    keep_shown_images(tmp_path / "x.npz", [image], examination({0: maps}, picks))
    (read,) = read_shown_images(tmp_path / "x.npz")
    np.testing.assert_array_equal(read.truth.points, centres[[0, 3]])
    np.testing.assert_array_equal(read.picks.points, picks[0][0].points)
    assert read.probability == pytest.approx(np.full(SHAPE, 0.6))
    assert read.diameter == 6.0


def test_of_a_volume_the_middle_section_is_kept_with_the_picks_that_it_cuts(tmp_path: Path) -> None:
    """Of 7 sections the middle one is number 3; particles 4 px across reach less than 2 px from their centres."""
    volume = np.repeat(np.arange(7, dtype=np.float32), 20).reshape(7, 4, 5)
    truth = [[3, 1, 1], [4.75, 1, 2], [5, 1, 3], [1.25, 2, 4], [1, 3, 3], [6, 0, 0]]
    image = prepared("v", volume, truth, 4.0)
    picks = Picks(np.array([[2.0, 3, 1], [5.5, 0, 0]]), scores=np.array([0.9, 0.8]))
    keep_shown_images(tmp_path / "x.npz", [image], examination({0: volume[None] / np.float32(10)}, [[picks]]))
    (read,) = read_shown_images(tmp_path / "x.npz")
    np.testing.assert_array_equal(read.data, np.full((4, 5), 3, np.float32))
    assert read.probability == pytest.approx(np.full((4, 5), 0.3), abs=0.501 / 255)
    assert read.truth.points.tolist() == [[1, 1], [1, 2], [2, 4]]
    assert read.picks.points.tolist() == [[3, 1]]


@given(st.integers(1, 40), st.lists(st.integers(-10, 200), max_size=8), st.integers(1, 40))
def test_a_section_cuts_what_is_less_than_a_radius_away(
    depth: int, quarters: list[int], diameter: int
) -> None:
    """Exact, since all heights are quarters of a pixel."""
    centres = np.array([[quarter / 4, n, 2 * n] for n, quarter in enumerate(quarters)]).reshape(-1, 3)
    away = np.abs(centres[:, 0] - depth // 2)
    expected = centres[away < diameter / 2, 1:]
    np.testing.assert_array_equal(in_section(Picks(centres), (depth, 50, 50), float(diameter)), expected)


def test_a_flat_image_cuts_all_its_picks() -> None:
    np.testing.assert_array_equal(in_section(Picks(points(5)), SHAPE, 6.0), points(5))


def test_nothing_kept_is_nothing_read(tmp_path: Path) -> None:
    assert read_shown_images(tmp_path / "none.npz") == []
    keep_shown_images(tmp_path / "x.npz", [], examination({}, []))
    assert read_shown_images(tmp_path / "x.npz") == []
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


@given(st.integers(0, 2000))
def test_kept_images_are_spread_evenly_over_all(images: int) -> None:
    kept = kept_numbers(images)
    assert len(kept) == min(images, MOST)
    assert kept[:1] + kept[-1:] == ([0, images - 1] if images else [])
    steps = {after - before for before, after in pairwise(kept)}
    assert not steps or (min(steps) >= 1 and max(steps) - min(steps) <= 1)
