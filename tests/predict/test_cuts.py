"""Every pixel of an axis is counted once, whichever way it is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.predict.cuts import Cut, blended_cuts, divisions, exact_cuts, gaussian_weights, with_margin

MULTIPLES = st.sampled_from([1, 2, 8, 16])


def added_up(cuts: tuple[Cut, ...], size: int) -> np.ndarray:
    total = np.zeros(size)
    for cut in cuts:
        assert 0 <= cut.kept.start < cut.kept.stop <= size
        inside = cut.kept_in_seen
        assert 0 <= inside.start < inside.stop <= cut.length
        total[cut.kept] += cut.weights
    return total


@given(st.integers(1, 700), st.integers(1, 12), st.floats(0, 0.75), MULTIPLES)
def test_weights_of_blended_windows_add_up_to_one(size, units, overlap, multiple):
    side = units * multiple
    cuts = blended_cuts(size, side, overlap, multiple)
    np.testing.assert_allclose(added_up(cuts, size), 1, atol=1e-5)
    assert all(cut.length % multiple == 0 and cut.length <= max(side, multiple) for cut in cuts)
    starts = [cut.start for cut in cuts]
    assert starts == sorted(set(starts))
    assert max(np.diff(starts), default=0) <= max(1, side * (1 - overlap)) + 1
    if len(cuts) > 1:
        assert (cuts[0].start, cuts[-1].start + side) == (0, size)


@given(st.integers(1, 700), st.integers(1, 12), st.integers(0, 5), MULTIPLES)
def test_exact_tiles_answer_for_each_pixel_once_and_see_their_surround(size, units, around, multiple):
    side, halo = units * multiple, around * multiple
    cuts = exact_cuts(size, side, halo, multiple)
    np.testing.assert_array_equal(added_up(cuts, size), 1)
    first, last = -2 * multiple, with_margin(size, multiple) - 2 * multiple
    for cut in cuts:
        assert cut.start % multiple == cut.length % multiple == 0
        assert cut.start <= max(first, cut.kept.start - halo)
        assert cut.start + cut.length >= min(last, cut.kept.stop + halo)


def test_a_tomogram_has_as_many_windows_as_elsewhere():
    """11 x 9 x 9 at an overlap of one half, the count that sliding windows of the same step give."""
    assert [len(blended_cuts(size, side, 0.5, 8)) for size, side in ((184, 32), (630, 128))] == [11, 9]


def test_the_weights_are_gaussian_and_never_nothing():
    weights = gaussian_weights(33)
    assert weights[16] == 1
    assert weights[16 + 4] == pytest.approx(np.exp(-0.5 * (4 / (0.125 * 33)) ** 2))
    np.testing.assert_array_equal(weights, weights[::-1])
    assert weights.min() == 1e-3


def test_divisions_are_the_sides_of_so_many_tiles():
    assert divisions(100, 16) == [112, 64, 48, 32, 16]
