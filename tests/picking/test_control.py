"""Weak candidates beside those of the negative: more than noise gives makes them likelier, fewer less so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import PicksError
from motes.picking.control import Control, excess, fit_control

SCORES = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=40).map(np.array)
CONTROL = Control(below=0.4, slope=0.8, excess=0.9, intercept=-1.5)


@given(SCORES, SCORES)
def test_excess_turns_its_sign_with_the_negative(scores, negative) -> None:
    assert excess(scores, negative) == pytest.approx(-excess(negative, scores))


@given(SCORES)
def test_an_image_like_its_negative_has_no_excess(scores) -> None:
    assert excess(scores, scores) == 0


def test_excess_is_the_logarithm_of_a_ratio() -> None:
    """Sixty candidates of 1/2 and none in the negative: squares of 15 and 0, and 1 beside each."""
    assert excess(np.full(60, 0.5), []) == pytest.approx(np.log(16))


@given(SCORES, SCORES)
def test_the_order_of_candidates_stays(scores, negative) -> None:
    found = CONTROL.compared(scores, negative)
    assert np.all((found > 0) & (found < 1))
    assert np.all(np.diff(found[np.argsort(scores)]) >= 0)


def test_the_more_an_image_has_than_its_negative_the_likelier_are_its_candidates() -> None:
    scores = np.full(50, 0.3)
    found = [CONTROL.compared(scores, np.full(others, 0.3))[0] for others in (80, 50, 20, 0)]
    assert found == sorted(found)
    assert found[-1] > 3 * found[0]


def test_only_weak_candidates_ask_for_the_negative() -> None:
    assert CONTROL.is_needed(np.full(100, 0.2))
    assert not CONTROL.is_needed([0.95] * 40 + [0.1] * 100)
    assert not CONTROL.is_needed([])
    assert not CONTROL.is_needed(None)


def test_the_line_that_made_the_truth_is_found_again() -> None:
    """Scores of many micrographs, noise in each, and in half of them true candidates as often as a line says."""
    rng = np.random.default_rng(3)
    scores, negatives, true = [], [], []
    for number in range(400):
        negatives.append(rng.uniform(0.02, 0.35, rng.poisson(60)))
        scores.append(rng.uniform(0.02, 0.35, rng.poisson(60 + 40 * (number % 2))))
        true.append(rng.random(len(scores[-1])) < CONTROL.compared(scores[-1], negatives[-1]))
    sure = [np.full(30, 0.95)] * 5  # not weak: no part of it
    found = fit_control(
        [*scores, *sure], [*negatives, *sure], [*true, *[np.zeros(30, bool)] * 5], CONTROL.below
    )
    assert found.slope == pytest.approx(CONTROL.slope, abs=0.1)
    assert found.excess == pytest.approx(CONTROL.excess, abs=0.1)
    assert found.intercept == pytest.approx(CONTROL.intercept, abs=0.2)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    weak, negative = np.full(20, 0.2), np.full(20, 0.2)
    with pytest.raises(PicksError, match="0 true and 20 false picks in 1 micrographs"):
        fit_control([weak, np.full(9, 0.99)], [negative] * 2, [np.zeros(20, bool), np.ones(9, bool)], 0.4)
    mixed = np.linspace(0.05, 0.3, 40)
    with pytest.raises(PicksError, match="do not score higher"):
        fit_control([mixed], [mixed], [mixed < 0.1], 0.4)
