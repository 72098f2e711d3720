"""Shapes as signed distances: their volume, their place, and how far those that are drawn reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.simulate.shapes import RANDOM_SHAPES, Points, Shape, ball, build_shape, disc, filled, moved, tube

SIDE, STEP = 57, 3.0  # of the grid on which a shape of 100 A is looked at, A
AXIS = ((np.arange(SIDE) - SIDE // 2) * STEP).astype(np.float32)
GRID = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), axis=-1).reshape(-1, 3)
# How far a drawn shape reaches from its centre at most, in radii.
REACH = {"random_ring": 1.26, "random_tube": 1.04, "random_belt": 1.33, "random_arms": 1.16}


def inside(shape: Shape) -> Points:
    """The points (n, 3) of the grid within a shape of 100 A."""
    return GRID[shape(GRID) <= 0]


@pytest.mark.parametrize(
    ("shape", "volume"),
    [
        (disc(40, 8), np.pi * 16**2 * 8 + np.pi**2 * 16 * 4**2 + 4 / 3 * np.pi * 4**3),
        (tube(30, 24, 6), np.pi * (12**2 - 6**2) * 30),
    ],
    ids=["disc", "tube"],
)
def test_solids_have_their_volume(shape: Shape, volume: float) -> None:
    assert filled(shape, 45, 1.0).sum() == pytest.approx(volume, rel=0.02)


def test_a_tube_is_open_and_a_disc_is_flat() -> None:
    points = np.array([[0, 0, 0], [0, 0, 14], [10, 0, 0], [0, 10, 14], [10, 0, 16], [13, 0, 0]], float)
    assert (tube(30, 24, 6)(points) <= 0).tolist() == [False, False, True, True, False, False]
    points = np.array([[0, 0, 3.9], [0, 0, 4.1], [19.9, 0, 0], [20.1, 0, 0], [19, 0, 3]], float)
    assert (disc(40, 8)(points) <= 0).tolist() == [True, False, True, False, False]


@given(st.tuples(*[st.floats(-20, 20)] * 3), st.floats(1, 30))
def test_a_moved_shape_is_the_same_about_another_point(by: tuple[float, float, float], radius: float) -> None:
    points = np.random.default_rng(0).uniform(-40, 40, (50, 3))
    np.testing.assert_allclose(moved(ball(radius), by)(points), ball(radius, by)(points), atol=1e-5)


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(sorted(RANDOM_SHAPES)), st.integers(0, 10_000))
def test_a_drawn_shape_reaches_no_further_than_its_kind_may(name: str, seed: int) -> None:
    """Solids, shells and rods stay within the diameter asked for; stacks of rings, tubes, belts and arms may not."""
    points = inside(build_shape(name, 100, np.random.default_rng(seed)))
    reached = np.linalg.norm(points, axis=1).max()
    assert 30 < reached <= 50 * REACH.get(name, 1.0) + 1e-3


@pytest.mark.parametrize("name", RANDOM_SHAPES)
def test_drawn_shapes_differ_and_come_again_with_their_seed(name: str) -> None:
    points = np.random.default_rng(0).uniform(-60, 60, (200, 3))
    one, again, other = (
        build_shape(name, 100, np.random.default_rng(seed))(points) for seed in (1, 1, 2)
    )  # fmt: skip
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(sorted(RANDOM_SHAPES)), st.floats(20, 500))
def test_a_drawn_shape_grows_with_its_diameter(name: str, diameter: float) -> None:
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (200, 3))
    unit, large = (build_shape(name, size, np.random.default_rng(3)) for size in (1.0, diameter))
    np.testing.assert_allclose(large(points * diameter), unit(points) * diameter, atol=1e-4 * diameter)
