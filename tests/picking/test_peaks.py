import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from motes.picking.peaks import find_peaks


def gaussians(shape, centres, heights, sigma=3.0):
    """Paint the highest of several Gaussians at each pixel."""
    grid = np.stack(np.indices(shape), axis=-1)
    total = np.zeros(shape)
    for centre, height in zip(centres, heights, strict=True):
        squares = ((grid - np.array(centre)) ** 2).sum(axis=-1)
        total = np.maximum(total, height * np.exp(-squares / (2 * sigma**2)))
    return total.astype(np.float32)


@pytest.mark.parametrize(
    ("shape", "centres"),
    [((40, 60), [(10, 12), (30, 50), (0, 59)]), ((20, 30, 40), [(5, 6, 7), (15, 20, 30), (0, 0, 39)])],
)
def test_painted_gaussians_are_found_exactly(shape, centres):
    found = find_peaks(gaussians(shape, centres, [0.9, 0.8, 0.7]), 6, 0.5)
    assert found.points.tolist() == [list(centre) for centre in centres]
    assert found.scores == pytest.approx([0.9, 0.8, 0.7])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(8, 12), min_size=2, max_size=3))
def test_positions_between_pixels(centre):
    found = find_peaks(gaussians((21,) * len(centre), [centre], [1.0]), 6, 0.5)
    assert len(found) == 1
    assert found.points[0] == pytest.approx(centre, abs=0.02)


MAPS = arrays.arrays(
    np.float32,
    st.one_of(st.tuples(st.integers(1, 12), st.integers(1, 12)), st.tuples(*[st.integers(1, 5)] * 3)),
    elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)


@settings(deadline=None)
@given(MAPS, st.floats(1, 5))
def test_no_two_are_too_close_and_all_reach_the_threshold(probability, distance):
    found = find_peaks(probability, distance, 0.5)
    apart = np.linalg.norm(found.points[:, None] - found.points, axis=2)
    assert (apart[~np.eye(len(found), dtype=bool)] >= distance).all()
    assert (found.scores >= 0.5).all()
    assert (np.diff(found.scores) <= 0).all()
    assert (found.points > -0.5).all()
    assert (found.points < np.array(probability.shape) - 0.5).all()


@settings(deadline=None)
@given(MAPS)
def test_the_highest_pixel_gives_a_peak_wherever_the_map_is_not_empty(probability):
    found = find_peaks(probability, 2, 0.25)
    assert found.scores[:1].tolist() == ([] if probability.max() < 0.25 else [probability.max()])


@settings(deadline=None)
@given(MAPS)
def test_turning_the_map_turns_the_picks(probability):
    # no suppression: among equal scores it keeps whichever comes first
    plain = find_peaks(probability, 0, 0.25).points
    turned = find_peaks(np.swapaxes(probability, -1, -2)[..., ::-1], 0, 0.25).points
    back = turned.copy()
    back[:, -2], back[:, -1] = probability.shape[-2] - 1 - turned[:, -1], turned[:, -2]
    assert np.allclose(sorted(plain.round(6).tolist()), sorted(back.round(6).tolist()))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_flat_top_gives_one_pick_in_its_middle(ndim):
    grid = np.indices((31,) * ndim) - 15
    disc = ((grid**2).sum(axis=0) <= 64).astype(np.float32)
    assert find_peaks(disc, 3, 0.5).points.tolist() == [[15.0] * ndim]


def test_a_constant_map_gives_one_pick_or_none():
    assert find_peaks(np.full((9, 5), 0.5, np.float32), 2, 0.5).points.tolist() == [[4, 2]]
    assert len(find_peaks(np.full((9, 5), 0.5, np.float32), 2, 0.6)) == 0


def test_a_shelf_beside_a_summit_is_no_peak():
    line = np.array([[0, 5, 5, 5, 5, 5, 5, 9, 0]], dtype=np.float32) / 10
    found = find_peaks(np.repeat(line, 3, axis=0), 2, 0.1)
    assert found.scores == pytest.approx([0.9])


def test_of_two_near_peaks_the_higher_stays():
    probability = gaussians((40, 40), [(20, 15), (20, 25)], [0.8, 0.9], sigma=2)
    assert len(find_peaks(probability, 9.5, 0.5)) == 2
    assert find_peaks(probability, 10.5, 0.5).points.tolist() == [[20, 25]]


def test_the_maximum_number_keeps_the_best():
    probability = gaussians((40, 40), [(10, 10), (30, 30)], [0.8, 0.9])
    assert find_peaks(probability, 5, 0.5, maximum=1).scores == pytest.approx([0.9])
    assert len(find_peaks(probability, 5, 0.5, maximum=0)) == 0


def test_the_threshold_is_that_of_the_scores():
    probability = np.zeros((5, 5), np.float32)
    probability[2, 2] = 0.7  # a little less than 0.7 in float32
    assert len(find_peaks(probability, 2, 0.7)) == len(find_peaks(probability, 2, 0).above(0.7)) == 0


def test_nan_is_no_peak_and_hides_none():
    probability = gaussians((30, 30), [(15, 15)], [0.9])
    probability[14, 14] = np.nan
    probability[0, 0] = np.nan
    found = find_peaks(probability, 5, 0.5)
    assert len(found) == 1
    assert found.points[0] == pytest.approx([15, 15], abs=0.5)
