import numpy as np
import pytest

from motes.data.paint import Target, paint
from motes.picking.picker import Picking, pick_map, to_full_size
from motes.picks import Picks

CENTRES = np.array([[20.0, 20.0], [20, 60], [60, 40]])


def discs() -> np.ndarray:
    return 0.9 * paint(CENTRES, (80, 80), 20, Target(radius=0.5))


@pytest.mark.parametrize("method", ["peaks", "components"])
def test_both_methods_find_what_was_painted(method):
    found = pick_map(discs(), 20, Picking(method=method))
    assert sorted(map(tuple, found.points.tolist())) == sorted(map(tuple, CENTRES.tolist()))
    assert found.scores is not None
    np.testing.assert_allclose(found.scores, 0.9, rtol=1e-6)


def test_a_component_too_small_for_a_particle_is_left_out():
    speck = discs()
    speck[5, 5] = 0.99
    assert len(pick_map(speck, 20, Picking(method="components"))) == 3
    assert len(pick_map(speck, 20, Picking(method="peaks"))) == 4


def test_no_two_picks_are_closer_than_the_minimum_distance():
    noise = np.random.default_rng(0).random((100, 100)).astype(np.float32)
    found = pick_map(noise, 20, Picking(minimum_distance=0.6)).points
    apart = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e9 * np.eye(len(found))
    assert apart.min() >= 12


def test_boxes_and_sizes_grow_with_the_image():
    found = pick_map(discs(), 20, Picking(method="components"))
    full = to_full_size(found, (0.5, 0.25))
    first = np.argmin(full.points.sum(axis=1))
    assert full.points[first].tolist() == [(20 + 0.5) * 2 - 0.5, (20 + 0.5) * 4 - 0.5]
    assert full.extra["box_y0"][first] == 30
    assert full.extra["box_y1"][first] == 52
    assert full.extra["box_x0"][first] == 60
    assert full.extra["size"][first] == 8 * found.extra["size"][0]


def test_picks_without_boxes_only_move():
    assert to_full_size(Picks(np.array([[1.0, 1.0]])), (0.5, 0.5)).points.tolist() == [[2.5, 2.5]]
