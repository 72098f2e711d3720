import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.errors import InputError
from motes.score.space import (
    Box,
    clark_evans,
    compare_with_random,
    default_radii,
    image_box,
    nearest_distances,
    ripley_k,
    ripley_l,
)

SQUARE, FLAT, DEEP = Box((0, 0), (1, 1)), Box((0, 0), (30, 80)), Box((0, 0, 0), (10, 20, 30))

# Centres of 42 biological cells, in thousandths of a square's side (Ripley 1977; `cells` of spatstat).
CELLS_X = """350 487 637 775 825 87 237 400 575 737 62 212 325 450 650 900 337 462 600 800 938 150 350 562 725 862 987
62 175 337 462 525 737 862 237 637 775 900 175 350 462 625"""
CELLS_Y = """25 87 50 25 125 187 150 162 212 237 362 337 287 287 362 262 462 425 475 387 400 500 600 575 512 525 512
750 650 750 750 650 687 637 787 812 850 775 912 962 900 950"""


def cells():
    return np.array([CELLS_Y.split(), CELLS_X.split()], dtype=float).T / 1000


def scattered(count, box, seed):
    return np.random.default_rng(seed).random((count, len(box.low))) * box.sides


def clustered(seed):
    random = np.random.default_rng(seed)
    parents = random.uniform(0.1, 0.9, (12, 2))
    return np.repeat(parents, 10, axis=0) + random.uniform(-0.03, 0.03, (120, 2))


def spaced(seed):
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2)
    return (grid + 0.5 + np.random.default_rng(seed).uniform(-0.15, 0.15, grid.shape)) / 10


def test_the_cells_as_spatstat_sees_them():
    # spatstat.explore 3.0-6, Kest(cells) and clarkevans(cells)
    radii = [0.0505, 0.1005, 0.1505, 0.2005, 0.2495]  # distances that do not occur
    moved = [0, 0.001303853594713, 0.053982903647219, 0.133809846584281, 0.186619922525268]
    circles = [0, 0.001161440185830, 0.052368417549524, 0.126672161050080, 0.172765268131692]
    assert ripley_k(cells(), SQUARE, radii) == pytest.approx(moved, abs=1e-12)
    assert ripley_k(cells(), SQUARE, radii, "isotropic") == pytest.approx(circles, abs=1e-12)
    result = clark_evans(cells(), SQUARE)
    assert result.index == pytest.approx(1.560425606, abs=1e-8)
    assert result.mean_distance / (0.5 / np.sqrt(42)) == pytest.approx(1.671679515, abs=1e-8)
    assert result.p_value == pytest.approx(0.01)


def test_points_in_an_oblong_box_as_spatstat_sees_them():
    # Kest, nndist and clarkevans of the same points
    points = scattered(60, FLAT, 1)
    moved = [10.053317489000, 45.730788012067, 121.918809332635, 315.522486978699, 448.935621785529]
    circles = [9.4915254237288, 44.0861145154578, 116.3669492439592, 313.1904071067118, 449.6439163334251]
    assert ripley_k(points, FLAT, [2, 4, 6, 10, 12]) == pytest.approx(moved)
    assert ripley_k(points, FLAT, [2, 4, 6, 10, 12], "isotropic") == pytest.approx(circles)
    assert nearest_distances(points).mean() == pytest.approx(3.3293347619724)
    assert clark_evans(points, FLAT, simulations=0).index == pytest.approx(0.98786077451311)


def test_points_in_a_volume_as_spatstat_sees_them():
    # K3est divides by n^2 where Kest, and this, divide by n (n - 1)
    points = scattered(80, DEEP, 2)
    moved = [6.0369842591123, 27.5839474856037, 95.2844761377555, 266.9899452784316, 506.5570278447635]
    assert ripley_k(points, DEEP, [1, 2, 3, 4, 5]) * 79 / 80 == pytest.approx(moved)
    assert nearest_distances(points).mean() == pytest.approx(2.6233460742824)


def test_two_points_by_hand():
    points = [[0.2, 0.5], [0.5, 0.5]]
    # one pair, both ways: |W| / 2 * 2 / (0.7 * 1)
    assert ripley_k(points, SQUARE, [0.2, 0.3001]) == pytest.approx([0, 1 / 0.7])
    # the circle around the first loses 2 arccos(0.2 / 0.3) beyond the left side, that around the second nothing
    part = 1 - 2 * np.arccos(2 / 3) / (2 * np.pi)
    assert ripley_k(points, SQUARE, [0.3001], "isotropic") == pytest.approx([(1 + 1 / part) / 2])


def test_points_at_the_same_place_are_two():
    for correction in ("translation", "isotropic"):
        assert ripley_k([[0, 0.5], [0, 0.5]], SQUARE, [0, 0.1], correction) == pytest.approx([1, 1])


def test_a_circle_in_a_corner_by_hand():
    # both are 0.1 from the sides, radius 0.4: beyond the corner two arcs overlap
    points = [[0.1, 0.1], [0.1, 0.5]]
    beyond = np.arccos(0.25)
    corner = 1 - (4 * beyond - (2 * beyond - np.pi / 2)) / (2 * np.pi)
    side = 1 - 2 * beyond / (2 * np.pi)
    expected = (1 / corner + 1 / side) / 2
    assert ripley_k(points, SQUARE, [0.4001], "isotropic") == pytest.approx([expected])


@pytest.mark.parametrize(
    ("box", "correction"), [(FLAT, "translation"), (FLAT, "isotropic"), (DEEP, "translation")]
)
def test_at_random_l_is_the_radius(box, correction):
    radii = box.sides.min() * np.array([0.1, 0.25, 0.4])
    drawn = [ripley_k(scattered(100, box, seed), box, radii, correction) for seed in range(300)]
    exact = np.pi * radii**2 if len(box.low) == 2 else 4 / 3 * np.pi * radii**3
    error = np.std(drawn, axis=0) / np.sqrt(300)
    assert (np.abs(np.mean(drawn, axis=0) - exact) < 4 * error).all()
    assert (error < 0.06 * exact).all()


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.sampled_from(["translation", "isotropic"]))
def test_unit_place_axes_and_order_do_not_matter(seed, unit, correction):
    points, radii = scattered(30, FLAT, seed), np.array([3.0, 7.0, 11.0])
    plain = ripley_l(points, FLAT, radii, correction)
    box = Box((5 * unit, -3 * unit), (35 * unit, 77 * unit))
    moved = ripley_l((points[::-1] + np.array([5, -3])) * unit, box, radii * unit * (1 + 1e-9), correction)
    turned = ripley_l(points[:, ::-1], Box((0, 0), (80, 30)), radii, correction)
    assert moved == pytest.approx(plain * unit)
    assert turned == pytest.approx(plain)


@pytest.mark.parametrize(("count", "tolerance"), [(20, 0.015), (100, 0.01), (500, 0.01)])
@pytest.mark.parametrize("box", [Box((0, 0), (1, 3)), Box((0, 0, 0), (1, 1, 2))])
def test_at_random_the_index_of_clark_and_evans_is_one(box, count, tolerance):
    drawn = [
        clark_evans(scattered(count, box, seed), box, simulations=0).index for seed in range(20_000 // count)
    ]
    assert np.mean(drawn) == pytest.approx(1, abs=tolerance)


def test_clusters_and_grids_are_told_from_chance():
    radii = np.linspace(0.02, 0.25, 20)
    crowd = compare_with_random(clustered(0), SQUARE, radii, simulations=99)
    assert (crowd.observed[:5] > crowd.high[:5]).all()
    assert crowd.p_value == pytest.approx(0.01)
    grid = compare_with_random(spaced(0), SQUARE, radii, simulations=99)
    assert (grid.observed[1:4] < grid.low[1:4]).all()
    assert grid.p_value == pytest.approx(0.01)
    assert clark_evans(clustered(0), SQUARE).index < 0.6
    assert clark_evans(spaced(0), SQUARE).index > 1.4


def test_chance_is_called_clustered_no_more_often_than_it_should():
    values = []
    for seed in range(60):
        points = scattered(25, SQUARE, seed)
        values.append(
            compare_with_random(points, SQUARE, [0.05, 0.1, 0.2], simulations=39, seed=seed + 1000).p_value
        )
    assert 0 <= np.mean(np.array(values) <= 0.05) <= 0.15
    assert np.mean(values) == pytest.approx(0.5, abs=0.15)


def test_the_envelope_is_repeatable_and_holds_95_percent():
    points = scattered(30, SQUARE, 3)
    one = compare_with_random(points, SQUARE, simulations=199, seed=5)
    other = compare_with_random(points, SQUARE, simulations=199, seed=5)
    assert np.array_equal(one.low, other.low)
    assert one.p_value == other.p_value
    fresh = np.array([ripley_l(scattered(30, SQUARE, seed), SQUARE, one.radii) for seed in range(500, 800)])
    inside = ((fresh >= one.low) & (fresh <= one.high))[:, 20:].mean()
    assert inside == pytest.approx(0.95, abs=0.025)


def test_distances_on_a_grid():
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 3.0
    assert nearest_distances(grid) == pytest.approx(np.full(20, 3.0))
    deep = np.array([[0, 0, 0], [0, 0, 2], [5, 0, 0]])
    assert nearest_distances(deep) == pytest.approx([2, 2, 5])
    assert nearest_distances([[1, 1], [1, 1], [4, 5]]).tolist() == [0, 0, 5]


def test_few_points():
    for points in ([], [[0.5, 0.5]]):
        assert np.isnan(ripley_k(points, SQUARE, [0.1, 0.2])).all()
        assert np.isnan(nearest_distances(np.array(points).reshape(-1, 2))).all()
        assert np.isnan(clark_evans(points, SQUARE).index)
        assert np.isnan(compare_with_random(points, SQUARE).p_value)


def test_the_box_of_an_image_holds_its_pixels():
    box = image_box((20, 30), 0.5)
    assert box.volume == pytest.approx(20 * 30 * 0.25)
    assert box.low == (-0.25, -0.25)
    assert box.high == (9.75, 14.75)
    assert box.border == pytest.approx(50)
    assert image_box((2, 3, 4)).border == pytest.approx(2 * (6 + 8 + 12))


def test_default_radii():
    assert default_radii(42, SQUARE)[-1] == pytest.approx(0.25)
    radii = default_radii(100_000, SQUARE)
    assert len(radii) == 50
    assert 100_000 * np.pi * radii[-1] ** 2 == pytest.approx(100)
    assert radii[0] == pytest.approx(radii[-1] / 50)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: ripley_k([[0.5, 1.5]], SQUARE, [0.1]), "1 points lie outside"),
        (lambda: ripley_k([[0.5, 0.5, 0.5]], SQUARE, [0.1]), r"\(n, 2\)"),
        (lambda: ripley_k(cells(), SQUARE, [0.6]), "half of the box's shortest side"),
        (lambda: ripley_k(cells(), SQUARE, [0.2, 0.1]), "have to rise"),
        (lambda: ripley_k(scattered(5, DEEP, 0), DEEP, [1], "isotropic"), "two dimensions"),
        (lambda: compare_with_random(cells(), SQUARE, simulations=19), "39 simulations"),
        (lambda: Box((0, 0), (1, 0)), "longer than 0"),
    ],
)
def test_what_cannot_be_is_refused(attempt, words):
    with pytest.raises(InputError, match=words):
        attempt()


def test_many_points_in_parts_are_as_in_one(monkeypatch):
    points = scattered(300, FLAT, 7)
    whole = ripley_k(points, FLAT, [3, 9, 14])
    monkeypatch.setattr("motes.score.space.PAIRS", 500)
    assert ripley_k(points, FLAT, [3, 9, 14]) == pytest.approx(whole)


def test_a_hundred_thousand_points_take_seconds():
    points = scattered(100_000, SQUARE, 0)
    began = time.process_time()
    assert nearest_distances(points).mean() == pytest.approx(0.5 / np.sqrt(100_000), rel=0.01)
    radii = default_radii(100_000, SQUARE)
    assert ripley_l(points, SQUARE, radii) == pytest.approx(radii, rel=0.02)
    assert time.process_time() - began < 8
