"""The connected regions of a mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from motes.data.regions import label_regions


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
