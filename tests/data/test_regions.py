"""The connected regions of a mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from motes.data.regions import label_regions, regions_of_mask
from motes.errors import ImageError


@pytest.mark.parametrize("ndim", [2, 3])
def test_what_touches_at_a_corner_is_one_region(ndim: int) -> None:
    marked = np.zeros((4,) * ndim, bool)
    marked[(0,) * ndim] = marked[(1,) * ndim] = marked[(3,) * ndim] = True
    labels, count = label_regions(marked)
    assert count == 2
    assert labels[(0,) * ndim] == labels[(1,) * ndim] != labels[(3,) * ndim]


@given(arrays(bool, array_shapes(min_dims=2, max_dims=3, max_side=7)))
def test_all_that_is_marked_is_numbered_from_one_and_neighbours_alike(marked: NDArray[np.bool_]) -> None:
    labels, count = label_regions(marked)
    assert labels.dtype == np.int32
    assert np.array_equal(labels > 0, marked)
    assert set(np.unique(labels[marked])) == set(range(1, count + 1))
    for axis in range(marked.ndim):
        first, second = (np.moveaxis(labels, axis, 0)[cut] for cut in (slice(1, None), slice(None, -1)))
        both = (first > 0) & (second > 0)
        assert np.array_equal(first[both], second[both])


@given(
    arrays(
        np.int8, array_shapes(min_dims=2, max_dims=3, max_side=7), elements={"min_value": -1, "max_value": 1}
    )
)
def test_a_mask_of_one_value_is_numbered_by_regions_whatever_the_value(mask: NDArray[np.int8]) -> None:
    numbers = regions_of_mask(np.where(mask > 0, 255, mask.astype(np.int16)), "a", "")
    assert np.array_equal(np.sign(numbers), mask)
    assert np.array_equal(np.maximum(numbers, 0), label_regions(mask > 0)[0])


def test_a_mask_of_several_values_is_refused_with_what_to_do() -> None:
    with pytest.raises(ImageError, match=r"a\.png: 2 different values above 0, .*its own, say so; "):
        regions_of_mask(np.array([[0, 1], [2, -1]]), "a.png", "say so")
