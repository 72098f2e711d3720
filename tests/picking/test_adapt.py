import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.picking.adapt import adapted_threshold

scores = st.lists(st.floats(0.01, 1), min_size=1, max_size=12).map(np.array)


def expected_f1(found, threshold):
    taken = found[found >= threshold]
    return 2 * taken.sum() / (len(taken) + found.sum())


def test_by_hand():
    # taking 0.9, 0.8 gives 2 * 1.7 / (2 + 2.1), taking 0.4 too 2 * 2.1 / (3 + 2.1), which is less
    assert adapted_threshold([0.4, 0.9, 0.8], 0, 1) == pytest.approx(1.7 / 4.1)
    # among others that are no better the same 0.4 is worth taking: 2 * 1.4 / (3 + 1.4)
    assert adapted_threshold([0.4, 0.5, 0.5], 0, 1) == pytest.approx(1.4 / 4.4)


@given(scores)
def test_no_other_threshold_has_a_higher_expected_f1(found):
    best = max(expected_f1(found, threshold) for threshold in found)
    assert expected_f1(found, adapted_threshold(found, 0, 1)) == pytest.approx(best)


@given(scores, st.floats(0, 0.4), st.floats(0.4, 1))
def test_the_limits_hold(found, lowest, highest):
    threshold = adapted_threshold(found, lowest, highest)
    free = adapted_threshold(found, 0, 1)
    assert lowest <= threshold <= highest
    assert threshold == (min(free, highest) if free >= lowest else highest)


@given(scores)
def test_it_is_never_above_one_half(found):
    assert adapted_threshold(found, 0, 1) <= 0.5


@given(scores, st.randoms())
def test_the_order_of_the_candidates_plays_no_part(found, random):
    shuffled = random.sample(list(found), len(found))
    assert adapted_threshold(shuffled, 0, 1) == pytest.approx(adapted_threshold(found, 0, 1))


def test_noise_is_not_taken_for_particles():
    noise = np.append(np.full(500, 0.1), 0.6)
    assert adapted_threshold(noise, 0, 1) < 0.1  # all of it, were there no limit
    assert adapted_threshold(noise, 0.3, 0.8) == 0.8
    particles = np.append(noise, np.full(100, 0.9))
    assert 0.3 < adapted_threshold(particles, 0.3, 0.8) < 0.5


def test_without_candidates_the_highest():
    assert adapted_threshold([], 0.2, 0.5) == 0.5
