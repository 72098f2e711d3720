import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.data import paint as module
from motes.data.paint import Target, paint


def points(*rows):
    return np.array(rows, dtype=np.float64)


def test_a_disc_has_the_area_of_a_disc():
    painted = paint(points([50.3, 49.8]), (100, 100), 60, Target(radius=1))
    assert painted.sum() == pytest.approx(np.pi * 30**2, rel=0.01)
    assert set(np.unique(painted)) == {0, 1}


def test_a_ball_has_the_volume_of_a_ball():
    painted = paint(points([20, 20, 20]), (40, 40, 40), 24, Target(radius=1))
    assert painted.sum() == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)


def test_the_edge_of_a_disc_belongs_to_it():
    painted = paint(points([5, 5]), (11, 11), 6, Target(radius=1))
    assert painted[5, 8] == 1
    assert painted[5, 9] == 0


def test_a_gaussian_is_one_at_its_centre_and_falls_as_it_should():
    painted = paint(points([10, 10]), (21, 21), 20, Target(shape="gaussian", radius=0.8))
    assert painted[10, 10] == 1
    assert painted[10, 14] == pytest.approx(np.exp(-0.5))  # one sigma is half of 0.8 * 10 px


def test_a_voxel_is_one_pixel():
    painted = paint(points([2.4, 3.6]), (5, 5), 20, Target(shape="voxel"))
    assert painted.sum() == 1
    assert painted[2, 4] == 1


@pytest.mark.parametrize("shape", ["disc", "gaussian", "voxel"])
def test_particles_outside_paint_only_what_reaches_in(shape):
    target = Target(shape=shape, radius=1)
    assert paint(points([-100, 5], [5, 500]), (10, 10), 8, target).sum() == 0
    assert (paint(points([-1, 5]), (10, 10), 8, target).sum() > 0) == (shape != "voxel")


def test_no_particles_paint_nothing():
    assert paint(np.zeros((0, 2)), (4, 4), 8, Target()).sum() == 0
    assert paint(np.zeros((0, 3)), (4, 4, 4), (8, 9), Target()).sum() == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 25)), max_size=6),
    st.sampled_from(["disc", "gaussian"]),
)
def test_painting_equals_the_distance_to_the_nearest_centre(centres, shape):
    target = Target(shape=shape, radius=0.5)
    at = np.array(centres, dtype=np.float64).reshape(-1, 2)
    painted = paint(at, (20, 20), 16, target)
    expected = np.zeros((20, 20), dtype=np.float32)
    rows, columns = np.mgrid[:20, :20]
    for y, x in at:
        square = (rows - y) ** 2 + (columns - x) ** 2
        inside = square <= 16 if shape == "disc" else (abs(rows - y) <= 8) & (abs(columns - x) <= 8)
        value = np.where(inside, 1.0 if shape == "disc" else np.exp(-2 * square / 16), 0)
        expected = np.maximum(expected, value.astype(np.float32))
    np.testing.assert_allclose(painted, expected, atol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from([2, 3]))
def test_of_several_classes_the_nearest_centre_in_units_of_its_radius_wins(seed, ndim):
    rng = np.random.default_rng(seed)
    at, classes = rng.uniform(-4, 20, (12, ndim)), rng.integers(0, 3, 12)
    radii = np.array([2.0, 4.0, 7.0])
    painted = paint(at, (16,) * ndim, tuple(2 * radii), Target(radius=1), classes)
    where = np.moveaxis(np.indices((16,) * ndim), 0, -1)
    distances = np.linalg.norm(where[..., None, :] - at, axis=-1) / radii[classes]
    expected = np.where(distances.min(axis=-1) <= 1, classes[distances.argmin(axis=-1)] + 1, 0)
    assert np.array_equal(painted, expected)
    shuffled = rng.permutation(12)
    again = paint(at[shuffled], (16,) * ndim, tuple(2 * radii), Target(radius=1), classes[shuffled])
    assert np.array_equal(painted, again)


def test_one_of_several_classes_has_its_number():
    painted = paint(points([5, 5]), (11, 11), (4, 6), Target(shape="voxel"), np.array([1]))
    assert painted[5, 5] == painted.sum() == 2


def test_many_particles_are_painted_some_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    at, classes = rng.uniform(0, 100, (200, 2)), rng.integers(0, 2, 200)
    at_once = paint(at, (100, 100), (6, 9), Target(radius=1), classes)
    monkeypatch.setattr(module, "MOST_AT_ONCE", 300)
    assert np.array_equal(at_once, paint(at, (100, 100), (6, 9), Target(radius=1), classes))
