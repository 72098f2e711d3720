import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from motes.errors import ImageError, RecipeError
from motes.picking.instances import Keeping, Splitting, depth_inside, find_instances, segment
from motes.picking.tiling import grown, windows_of
from motes.simulate.bead_world import BeadWorld
from motes.simulate.beads import simulate_beads


def discs(shape, centres, radius):
    grid = np.indices(shape).reshape(len(shape), 1, *shape)
    places = np.array(centres, dtype=float).T.reshape(len(shape), -1, *([1] * len(shape)))
    return ((grid - places) ** 2).sum(axis=0) <= radius**2


def noise(seed, shape, sigma):
    values = ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)
    return ((values - values.min()) / np.ptp(values)).astype(np.float32)


@pytest.mark.parametrize("ndim", [2, 3])
def test_touching_discs_and_balls_are_two_objects(ndim):
    centres = [(12,) * ndim, (12,) * (ndim - 1) + (27,)]
    one, two = discs((25,) * (ndim - 1) + (40,), centres, 8)
    labels = find_instances((one | two).astype(np.float32), Splitting())
    assert labels.dtype == np.int32
    assert set(np.unique(labels)) == {0, 1, 2}
    assert (labels[one & ~two] == 1).mean() > 0.99
    assert (labels[two & ~one] == 2).mean() > 0.99
    assert ((labels > 0) == (one | two)).all()


@pytest.mark.parametrize(("apart", "objects"), [(3, 1), (15, 2)])
def test_a_waist_splits_only_where_it_is_deep(apart, objects):
    one, two = discs((30, 50), [(15, 15), (15, 15 + apart)], 9)
    assert find_instances((one | two).astype(np.float32), Splitting()).max() == objects


def test_a_ring_and_a_long_rod_stay_one_object():
    shapes = np.zeros((60, 120), bool)
    big, hole = discs((60, 60), [(29, 29), (29, 29)], 25)[0], discs((60, 60), [(29, 29)], 15)[0]
    shapes[:, :60] = big & ~hole
    shapes[25:35, 65:115] = True
    assert find_instances(shapes.astype(np.float32), Splitting()).max() == 2


def test_a_sure_boundary_splits_what_its_shape_does_not():
    square = np.zeros((30, 50), np.float32)
    square[5:25, 5:45] = 1
    between = np.zeros_like(square)
    between[:, 24:26] = 1
    assert find_instances(square, Splitting()).max() == 1
    labels = find_instances(square, Splitting(separator="boundary"), between)
    assert labels.max() == 2
    assert (labels[5:25, 5:24] == 1).all()
    assert (labels[5:25, 26:45] == 2).all()


def test_a_map_of_distances_splits_in_any_unit():
    one, two = discs((30, 50), [(15, 14), (15, 33)], 10)
    distance = np.maximum(ndimage.distance_transform_edt(one), ndimage.distance_transform_edt(two))
    interior = (one | two).astype(np.float32)
    splitting = Splitting(separator="distance")
    labels = find_instances(interior, splitting, distance)
    assert labels.max() == 2
    assert np.array_equal(labels, find_instances(interior, splitting, distance / 16))


def test_an_object_without_height_is_still_one():
    interior = np.zeros((9, 9), np.float32)
    interior[2:6, 2:6] = 1
    assert find_instances(interior, Splitting(separator="distance"), np.zeros((9, 9))).max() == 1


def test_the_beads_of_a_dense_image_come_back_from_their_mask():
    truth = simulate_beads(BeadWorld(touching=0.6), 0, 0).labels
    labels = find_instances((truth > 0).astype(np.float32), Splitting())
    shared = np.histogram2d(
        truth.ravel(), labels.ravel(), [np.arange(111) - 0.5, np.arange(labels.max() + 2) - 0.5]
    )[0]
    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0) - shared
    assert labels.max() == 109
    assert ((shared / union)[1:, 1:].max(axis=1) > 0.8).all()


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    tile=st.integers(1, 40),
    separator=st.sampled_from(["none", "boundary", "distance"]),
    sigma=st.sampled_from([0.7, 1.5, 3]),
    flat=st.booleans(),
)
def test_tiles_give_the_objects_of_the_whole_image(seed, height, width, tile, separator, sigma, flat):
    interior = noise(seed, (height + 1, width + 1), sigma)
    other = None if separator == "none" else noise(seed + 1, interior.shape, sigma)
    if flat:  # with many equal neighbours
        interior = np.rint(interior * 4) / 4
        other = None if other is None else np.rint(other * 4) / 4
    splitting = Splitting(
        separator=separator, reach=5, threshold=0.3, depth=0.05, smoothing=0 if flat else 0.8
    )
    whole = find_instances(interior, splitting, other)
    assert np.array_equal(whole, find_instances(interior, splitting, other, tile=tile, threads=2))


def test_tiles_of_a_volume_give_the_objects_of_the_whole():
    interior = noise(3, (18, 25, 22), 1.5)
    whole = find_instances(interior, Splitting(reach=4))
    assert whole.max() > 5
    for tile in (7, 11):
        assert np.array_equal(whole, find_instances(interior, Splitting(reach=4), tile=tile))


def test_every_object_is_connected_and_all_numbers_are_used():
    labels = find_instances(noise(5, (60, 70), 2), Splitting(smoothing=0.5, depth=0.05))
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    for number in range(1, labels.max() + 1):
        assert ndimage.label(labels == number, np.ones((3, 3)))[1] == 1


def test_an_object_larger_than_a_tile_comes_out_once_and_whole():
    disc = discs((150, 150), [(70, 80)], 60)[0]
    labels = find_instances(disc.astype(np.float32), Splitting(), tile=32)
    assert np.array_equal(labels, disc.astype(np.int32))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 1000),
    reach=st.integers(1, 20),
    ndim=st.sampled_from([2, 3]),
    share=st.floats(0.3, 0.999),
)
def test_depth_is_the_distance_to_the_nearest_pixel_outside(seed, reach, ndim, share):
    shape = (31, 40) if ndim == 2 else (9, 12, 11)
    inside = np.random.default_rng(seed).random(shape) < share
    inside[(0,) * ndim] = False
    expected = np.minimum(ndimage.distance_transform_edt(inside), reach)
    assert depth_inside(inside, reach) == pytest.approx(expected, abs=1e-5)


def test_a_whole_image_inside_is_as_deep_as_the_reach():
    assert (depth_inside(np.ones((5, 6), bool), 200) == 200).all()


def test_an_empty_map_has_no_objects():
    found = segment(np.zeros((12, 10), np.float32), Splitting(), Keeping())
    assert not found.labels.any()
    assert len(found.table) == 0


def map_of_three():
    interior = np.zeros((60, 100), np.float32)
    interior[discs((60, 100), [(30, 20)], 12)[0]] = 0.9
    interior[discs((60, 100), [(30, 55)], 4)[0]] = 0.8
    interior[28:31, 70:100] = 0.7
    return interior


@pytest.mark.parametrize(
    ("keeping", "kept"),
    [
        ({}, [0.9, 0.8, 0.7]),
        ({"smallest": 15}, [0.9]),
        ({"largest": 15}, [0.8, 0.7]),
        ({"circularity": 0.7}, [0.9, 0.8]),
        ({"confidence": 0.75}, [0.9, 0.8]),
        ({"edge": False}, [0.9, 0.8]),
        ({"confidence": 1}, []),
    ],
)
def test_objects_are_kept_by_size_shape_confidence_and_place(keeping, kept):
    interior = map_of_three()
    found = segment(interior, Splitting(), Keeping(**keeping), image=interior)
    assert sorted(found.table.confidences, reverse=True) == pytest.approx(kept)
    assert found.table.labels.tolist() == list(range(1, len(kept) + 1))
    assert np.unique(found.labels[found.labels > 0]).tolist() == found.table.labels.tolist()


def test_what_touched_a_removed_object_touches_no_more():
    interior = np.zeros((40, 60), np.float32)
    interior[discs((40, 60), [(20, 20)], 12)[0]] = 1
    interior[discs((40, 60), [(20, 36)], 4)[0]] = 1
    assert segment(interior, Splitting(), Keeping()).table.touching.tolist() == [True, True]
    assert segment(interior, Splitting(), Keeping(smallest=15)).table.touching.tolist() == [False]


def test_the_result_can_go_into_a_memory_map(tmp_path):
    interior = map_of_three()
    out = np.memmap(tmp_path / "labels", np.int32, "w+", shape=interior.shape)
    told = []
    labels = find_instances(interior, Splitting(), out=out, tile=50, tell=lambda *step: told.append(step))
    assert labels is out
    assert out.max() == 3
    assert told[-1] == (8, 8)


def test_maps_that_do_not_go_together_are_refused():
    interior = np.zeros((5, 6), np.float32)
    with pytest.raises(ImageError, match=r"\(5, 6\) px and that of what separates \(5, 5\)"):
        find_instances(interior, Splitting(separator="boundary"), interior[:, :5])
    with pytest.raises(RecipeError, match="'boundary', but no map"):
        find_instances(interior, Splitting(separator="boundary"))
    with pytest.raises(RecipeError, match="'none', but a map"):
        find_instances(interior, Splitting(), interior)


def test_windows_cover_each_pixel_once_and_grow_within_the_image():
    seen = np.zeros((13, 7), int)
    for window in windows_of(seen.shape, 5):
        seen[window] += 1
        outer, inner = grown(window, seen.shape, 3)
        assert np.shares_memory(seen[outer][inner], seen[window])
        assert seen[outer][inner].shape == seen[window].shape
    assert (seen == 1).all()
