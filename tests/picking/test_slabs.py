"""Picks of slabs are the picks of the whole map, wherever it is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from motes.errors import InputError
from motes.picking.calibration import Calibration, pick_calibrated
from motes.picking.peaks import connected, find_peaks
from motes.picking.picker import Picking, pick_map
from motes.picking.slabs import SlabPicks
from motes.picks import Picks

SHAPES = st.one_of(
    st.tuples(st.integers(1, 3), st.integers(1, 16), st.integers(1, 9)),
    st.tuples(st.integers(1, 2), st.integers(1, 12), st.integers(1, 5), st.integers(1, 5)),
)
# few values make plateaus, which the cuts run through
FLAT = arrays.arrays(np.float32, SHAPES, elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1]))
ROUGH = arrays.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32))
CUTS = st.lists(st.integers(0, 16), max_size=6)


def in_slabs(
    maps: np.ndarray,
    cuts: list[int],
    diameter: float,
    picking: Picking,
    calibration: Calibration | None = None,
) -> list[Picks]:
    found = SlabPicks([diameter] * len(maps), picking, calibration)
    edges = sorted({0, maps.shape[1], *(cut for cut in cuts if cut < maps.shape[1])})
    for start, stop in pairwise(edges):
        found.add(start, maps[:, start:stop])
    return found.picks()


def check_same(found: Picks, expected: Picks) -> None:
    """The same picks in the same order."""
    assert found.points.shape == expected.points.shape
    np.testing.assert_allclose(found.points, expected.points, atol=1e-9)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert found.extra.keys() == expected.extra.keys()
    for name in expected.extra:
        np.testing.assert_array_equal(found.extra[name], expected.extra[name])


@settings(max_examples=200)
@given(st.one_of(FLAT, ROUGH), CUTS, st.floats(0, 6), st.sampled_from([0.05, 0.25, 0.7]))
def test_peaks_of_slabs_are_those_of_the_whole(maps, cuts, distance, floor):
    picking = Picking(minimum_distance=1, floor=floor)
    for found, whole in zip(in_slabs(maps, cuts, distance, picking), maps, strict=True):
        check_same(found, find_peaks(whole, distance, floor))


@settings(max_examples=60)
@given(FLAT, CUTS, st.floats(0.5, 4))
def test_regions_of_slabs_are_those_of_the_whole(maps, cuts, diameter):
    picking = Picking(method="components", component_threshold=0.5)
    for found, whole in zip(in_slabs(maps, cuts, diameter, picking), maps, strict=True):
        expected = pick_map(whole, diameter, picking)
        check_same(found, expected)
        np.testing.assert_allclose(found.diameters, expected.diameters)


@settings(max_examples=40)
@given(ROUGH, CUTS)
def test_scores_are_calibrated_and_the_floor_is_one_of_those(maps, cuts):
    picking, calibration = Picking(floor=0.3), Calibration(slope=0.7, intercept=-0.5)
    maps = np.clip(maps, 1e-6, 1 - 1e-6)
    for found, whole in zip(in_slabs(maps, cuts, 3, picking, calibration), maps, strict=True):
        check_same(found, pick_calibrated(whole, 3, picking, calibration))


@pytest.mark.parametrize("planes", [1, 2, 3, 16, 40])
def test_a_noisy_volume_with_shelves_and_nan(planes):
    rng = np.random.default_rng(planes)
    maps = np.round(0.9 * rng.random((2, 40, 30, 20)), 1).astype(np.float32)
    maps[0, 12:20, 5:9, 5:9] = 1  # a plateau through several cuts
    maps[1, rng.integers(0, 40, 9), rng.integers(0, 30, 9), 3] = np.nan
    found = in_slabs(maps, list(range(0, 40, planes)), 5, Picking(floor=0.2))
    for each, whole in zip(found, maps, strict=True):
        check_same(each, find_peaks(whole, 3, 0.2))
    middle = found[0].points[np.isclose(found[0].points, [15.5, 6.5, 6.5]).all(axis=1)]
    assert len(middle) == 1


def test_a_slab_out_of_turn_is_refused():
    found = SlabPicks([3.0], Picking())
    found.add(0, np.zeros((1, 4, 8), np.float32))
    with pytest.raises(InputError, match="starts at plane 4, found one at 5"):
        found.add(5, np.zeros((1, 4, 8), np.float32))


def test_what_is_kept_of_a_slab_does_not_change_with_it():
    """Whoever hands slabs over may use their memory again."""
    maps = np.random.default_rng(0).random((1, 24, 16), np.float32)
    found, place = SlabPicks([4.0], Picking(minimum_distance=1)), np.empty((1, 4, 16), np.float32)
    for start in range(0, 24, 4):
        place[:] = maps[:, start : start + 4]
        found.add(start, place)
        place[:] = 1
    check_same(found.picks()[0], find_peaks(maps[0], 4, 0.05))


def test_regions_are_numbered_by_their_first_pixels():
    marked = np.array([[0, 1, 0, 0, 1], [0, 0, 1, 0, 1], [1, 0, 0, 0, 0]], dtype=bool)
    assert connected(np.argwhere(marked)).tolist() == [0, 1, 0, 1, 2]
