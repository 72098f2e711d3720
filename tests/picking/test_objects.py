import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.errors import RecipeError
from motes.picking.objects import find_components


@pytest.mark.parametrize(("ndim", "radius"), [(2, 20), (3, 12)])
def test_a_disc_or_ball_has_its_centre_and_diameter(ndim, radius):
    grid = np.indices((51,) * ndim)
    ball = ((grid - 25) ** 2).sum(axis=0) <= radius**2
    found = find_components(ball.astype(np.float32), 0.5, 1)
    assert found.points == pytest.approx(np.full((1, ndim), 25.0))
    assert found.diameters == pytest.approx([2 * radius], rel=0.01)
    assert found.extra["size"].tolist() == [ball.sum()]
    for axis in "zyx"[-ndim:]:
        assert found.extra[f"box_{axis}0"].tolist() == [25 - radius]
        assert found.extra[f"box_{axis}1"].tolist() == [25 + radius + 1]


def test_two_regions_by_falling_score():
    probability = np.zeros((10, 20), np.float32)
    probability[2, 3:5] = [0.6, 0.9]
    probability[5:7, 10:12] = 0.95
    found = find_components(probability, 0.5, 1)
    assert found.scores == pytest.approx([0.95, 0.9])
    assert found.points == pytest.approx(np.array([[5.5, 10.5], [2, 3.6]]))
    assert len(find_components(probability, 0.5, 3)) == 1


def test_diagonals_connect():
    assert len(find_components(np.eye(4, dtype=np.float32), 0.5, 1)) == 1


@pytest.mark.parametrize("ndim", [2, 3])
def test_an_empty_map_has_no_regions(ndim):
    found = find_components(np.zeros((8,) * ndim, np.float32), 0.5, 1)
    assert found.points.shape == (0, ndim)
    assert "box_x0" in found.extra


@settings(deadline=None)
@given(st.integers(0, 2**16 - 1), st.integers(1, 6))
def test_sizes_and_boxes_hold_every_pixel(bits, minimum):
    probability = np.array([bits >> k & 1 for k in range(16)], dtype=np.float32).reshape(4, 4)
    found = find_components(probability, 0.5, 1)
    assert found.extra["size"].sum() == probability.sum()
    for k, (y, x) in enumerate(found.points):
        assert found.extra["box_y0"][k] <= y < found.extra["box_y1"][k]
        assert found.extra["box_x0"][k] <= x < found.extra["box_x1"][k]
    kept = find_components(probability, 0.5, minimum)
    assert len(kept) == np.count_nonzero(found.extra["size"] >= minimum)


def test_a_threshold_of_zero_is_refused():
    with pytest.raises(RecipeError, match="above 0"):
        find_components(np.zeros((4, 4), np.float32), 0, 1)
