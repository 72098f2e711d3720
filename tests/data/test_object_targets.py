import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from motes.data.object_targets import depth_inside, object_targets, on_rim, relative_depth


def disc(side: int, radius: float, ndim: int = 2) -> torch.Tensor:
    """(1, 1, ...) with a disc or ball of number 1 in the middle."""
    steps = np.arange(side) - (side - 1) / 2
    squares = np.add.outer(steps**2, steps**2)
    if ndim == 3:
        squares = np.add.outer(steps**2, squares)
    return torch.from_numpy((squares <= radius**2).astype(np.float32))[None, None]


def two_squares() -> torch.Tensor:
    """Objects 1 and 2 of 6 x 5 pixels that touch along a side."""
    numbers = torch.zeros(1, 1, 10, 14)
    numbers[..., 2:8, 2:7], numbers[..., 2:8, 7:12] = 1, 2
    return numbers


def test_the_interior_is_where_numbers_are():
    numbers = torch.tensor([[[[0.0, 7], [-1, 2]]]])
    assert object_targets(numbers, "none").tolist() == [[[[0, 1], [0, 1]]]]


def test_a_rim_has_both_sides_and_runs_between_objects_that_touch():
    rim = on_rim(two_squares())[0, 0]
    assert rim[5, 6]
    assert rim[5, 7]
    assert rim[5, 1]
    assert rim[5, 2]
    assert not rim[5, 0]
    assert not rim[3:7, 3:6].any()
    assert not rim[3:7, 8:11].any()


def test_depth_rises_from_the_rim_and_falls_between_objects_that_touch():
    depth = relative_depth(two_squares())[0, 0]
    assert depth[5].tolist() == pytest.approx([0, 0, *([1 / 3, 2 / 3, 1, 2 / 3, 1 / 3] * 2), 0, 0])


def test_the_edge_of_a_crop_is_no_rim():
    whole = torch.ones(1, 1, 4, 6)
    whole[..., 5] = 0
    assert depth_inside(whole)[0, 0, 2].tolist() == [5, 4, 3, 2, 1, 0]
    assert not on_rim(whole)[..., :4].any()


@pytest.mark.parametrize(("ndim", "side", "radius"), [(2, 51, 20), (3, 31, 11)])
def test_depth_is_the_distance_from_the_outermost_pixels_and_one(ndim, side, radius):
    numbers = disc(side, radius, ndim)
    inside = numbers[0, 0].numpy() > 0
    outermost = inside & ~ndimage.binary_erosion(inside)
    expected = np.where(inside, ndimage.distance_transform_edt(~outermost) + 1, 0)
    np.testing.assert_allclose(depth_inside(numbers)[0, 0], expected, rtol=1e-6)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["boundary", "distance"]))
def test_crops_and_numbers_do_not_depend_on_each_other(seed, separator):
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.standard_normal((2, 24, 24)), (0, 2, 2)) > 0.05
    numbers = np.stack([ndimage.label(each)[0] for each in blobs]).astype(np.float32)[:, None]
    together = object_targets(torch.from_numpy(numbers), separator)
    for row in range(2):
        alone = object_targets(torch.from_numpy(numbers[row : row + 1]), separator)
        assert torch.equal(together[row : row + 1], alone)
    shuffled = np.concatenate([[0], 1 + rng.permutation(int(numbers.max()))])[numbers.astype(int)]
    assert torch.equal(object_targets(torch.from_numpy(shuffled.astype(np.float32)), separator), together)
    assert together.min() >= 0
    assert together.max() <= 1


def test_each_object_has_a_deepest_pixel_of_one_whatever_its_size():
    numbers = torch.zeros(1, 1, 20, 20)
    numbers[..., 2:5, 2:5], numbers[..., 8:17, 8:17] = 1, 2
    depth = relative_depth(numbers)
    assert depth[..., 3, 3] == depth[..., 12, 12] == 1
    assert not relative_depth(torch.zeros(1, 1, 8, 8)).any()


@pytest.mark.parametrize("separator", ["boundary", "distance"])
def test_a_crop_within_one_object_has_an_end_and_no_rim(separator):
    numbers = torch.ones(2, 1, 12, 12)
    numbers[1, :, :, 6:] = 0
    targets = object_targets(numbers, separator)
    assert (targets[0, 1] == (separator == "distance")).all()
    assert torch.equal(targets[1:], object_targets(numbers[1:], separator))


def test_what_is_not_known_is_no_rim():
    numbers = torch.zeros(1, 1, 9, 9)
    numbers[..., :3], numbers[..., 7:] = 1, -1
    assert on_rim(numbers)[0, 0, 4].tolist() == [False, False, True, True, *[False] * 5]
    numbers[..., 3:7] = 1
    numbers[..., 0] = 0
    assert depth_inside(numbers)[0, 0, 4].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 0]
