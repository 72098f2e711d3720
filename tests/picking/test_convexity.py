"""One convex shape is one object where the way between its summits leaves it open."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from motes.picking.convexity import Rims
from motes.picking.instances import Splitting, find_instances
from motes.picking.tiling import windows_of


def ball(shape, centre, radius):
    grid = np.indices(shape) - np.reshape(centre, (-1, *[1] * len(shape)))
    return (grid**2).sum(axis=0) <= radius**2


def convexities(numbers, tile=1000):
    rims = Rims(np.zeros(numbers.max(), np.int64))
    for window in windows_of(numbers.shape, tile):
        rims.add(numbers[window], [side.start for side in window])
    return rims.convexities()


@pytest.mark.parametrize(("ndim", "radius"), [(2, 3.4), (2, 6.3), (2, 20), (3, 6.3)])
def test_discs_and_balls_are_convex_and_two_that_touch_are_not(ndim, radius):
    side = int(2 * radius + 6)
    shape, middle = (side,) * (ndim - 1) + (2 * side,), (side / 2 - 0.3,) * (ndim - 1)
    one, other = (ball(shape, (*middle, x), radius) for x in (radius + 2.2, 3 * radius + 3.1))
    assert convexities(one.astype(np.int32))[0] > 0.95
    assert convexities((one | other).astype(np.int32))[0] < 0.9


def test_boxes_fill_their_hull_and_an_l_does_not():
    labels = np.zeros((40, 60), np.int32)
    labels[3:13, 4:30] = 1
    labels[20:40, 40:60] = 2
    labels[20:30, 50:60] = 0
    found = convexities(labels)
    assert found[0] == pytest.approx(1, abs=0.01)
    hull = 400 - 10 * 10 / 2
    assert found[1] == pytest.approx(300 / hull, abs=0.02)


@pytest.mark.parametrize("pixels", [[(2, 3)], [(2, 3), (2, 4)], [(1, 1), (2, 2), (3, 3)]])
def test_shapes_of_few_pixels_have_a_convexity(pixels):
    labels = np.zeros((6, 6), np.int32)
    labels[tuple(np.array(pixels).T)] = 1
    assert 0 < convexities(labels)[0] <= 1


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), tile=st.integers(1, 30), ndim=st.sampled_from([2, 3]))
def test_tiles_give_the_convexities_of_the_whole(seed, tile, ndim):
    shape = (23, 31) if ndim == 2 else (9, 10, 14)
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), 1.5)
    numbers = ndimage.label(noise > np.median(noise))[0].astype(np.int32)
    assert convexities(numbers, tile) == pytest.approx(convexities(numbers))


def two_summits(width, between):
    """A map (40, 80) that rises to 1 in two places, 30 px apart, and to a share of that between them."""
    x = np.arange(80.0)
    line = np.interp(x, [0, 25, 40, 55, 79], [0.2, 1, between, 1, 0.2])
    return np.broadcast_to(line, (width, 80)).astype(np.float32)


def objects(interior, between, **changes):
    splitting = Splitting(separator="distance", smoothing=0, **{"depth": 0.1, **changes})
    return find_instances(interior.astype(np.float32), splitting, two_summits(40, between)).max()


def ellipse():
    y, x = np.indices((40, 80))
    return ((x - 40) / 36) ** 2 + ((y - 20) / 16) ** 2 <= 1


def pair_of_discs():
    return ball((40, 80), (20, 25), 15) | ball((40, 80), (20, 55), 15)


def test_shape_decides_where_the_way_is_of_middling_depth():
    assert objects(ellipse(), 0.8) == 1
    assert objects(pair_of_discs(), 0.8) == 2


def test_a_deep_way_divides_whatever_the_shape_and_a_shallow_one_joins():
    assert objects(ellipse(), 0.5) == 2
    assert objects(pair_of_discs(), 0.95) == 1


def test_shape_can_be_left_out():
    assert objects(ellipse(), 0.8, sure_depth=0.1) == 2
    assert objects(pair_of_discs(), 0.8, convexity=0) == 1


def test_a_cluster_that_is_not_convex_comes_apart_whole():
    """Of three discs in a corner no two are joined, though two of them may make a convex shape."""
    discs = [ball((40, 80), centre, 10) for centre in ((12, 20), (12, 40), (28, 40))]
    distance = np.max(
        [np.where(disc, 0.6 + 0.4 * ndimage.distance_transform_edt(disc) / 10, 0) for disc in discs], 0
    )
    bridges = ndimage.binary_closing(np.any(discs, 0), iterations=3)
    height = np.where(bridges, np.maximum(distance, 0.65), 0).astype(np.float32)
    splitting = Splitting(separator="distance", smoothing=0, depth=0.1)
    labels = find_instances(bridges.astype(np.float32), splitting, height)
    assert labels.max() == 3
    centres = [labels[12, 20], labels[12, 40], labels[28, 40]]
    assert all(one != other for one, other in pairwise(sorted(centres)))
