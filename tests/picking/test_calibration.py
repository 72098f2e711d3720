import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from motes.errors import PicksError
from motes.picking.calibration import (
    Calibration,
    calibrated,
    calibration_error,
    fit_calibration,
    fit_lowest,
    uncalibrated,
)
from motes.picks import AdaptedThreshold

lines = st.builds(Calibration, slope=st.floats(0.5, 5), intercept=st.floats(-3, 3))
scores = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


def made(slope: float, intercept: float, count: int, seed: int = 0):
    """Scores whose picks are true as often as the line on their log-odds says."""
    rng = np.random.default_rng(seed)
    found = expit(rng.normal(0, 2, count))
    return found, rng.random(count) < expit(slope * logit(found) + intercept)


def test_by_hand():
    assert calibrated([0.5, 0.8], Calibration(slope=1, intercept=0)) == pytest.approx([0.5, 0.8])
    # odds of 4 to the power of 2, doubled
    assert calibrated([0.8], Calibration(slope=2, intercept=np.log(2))) == pytest.approx([32 / 33])
    assert calibrated([0.0, 1.0], Calibration(slope=2, intercept=1)).tolist() == [0, 1]


@given(scores, lines)
def test_the_order_stays(found, line):
    assert (np.diff(calibrated(np.sort(found), line)) >= 0).all()


@given(st.floats(0.01, 0.99), lines)
def test_the_way_back(probability, line):
    assert calibrated(uncalibrated(probability, line), line) == pytest.approx(probability)


def test_a_known_line_is_found():
    found = fit_calibration(*made(0.6, -1.2, 40_000))
    assert (found.slope, found.intercept) == (pytest.approx(0.6, abs=0.03), pytest.approx(-1.2, abs=0.05))


def test_it_is_the_maximum_of_the_likelihood():
    """Of many picks Platt's targets are as good as 0 and 1, and the fit is plain logistic regression."""
    values, true = made(1.7, 0.4, 20_000)
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(values)[:, None], true)
    found = fit_calibration(values, true)
    assert found.slope == pytest.approx(other.coef_[0, 0], rel=2e-3)
    assert found.intercept == pytest.approx(other.intercept_[0], abs=5e-3)


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.02, 0.5))
def test_kinds_that_are_wholly_apart_give_a_finite_line(false, true, gap):
    values = np.concatenate([np.linspace(0, 0.5 - gap, false), np.linspace(0.5 + gap, 1, true)])
    found = fit_calibration(values, np.arange(false + true) >= false)
    low, high = calibrated([0.5 - gap, 0.5 + gap], found)
    assert 0 < found.slope < 1e3
    assert low < high


def test_scores_of_zero_and_one_can_be_fitted():
    found = fit_calibration([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1])
    assert calibrated([0.0, 1.0], found).tolist() == [0, 1]
    assert np.isfinite([found.slope, found.intercept]).all()


@pytest.mark.parametrize("true", [[True, True], [False, False], []])
def test_one_kind_alone_cannot_be_fitted(true):
    with pytest.raises(PicksError, match=f"{sum(true)} true and {len(true) - sum(true)} false"):
        fit_calibration(np.linspace(0.2, 0.8, len(true)), true)


def test_scores_that_fall_with_the_truth_cannot_be_fitted():
    with pytest.raises(PicksError, match="do not score higher"):
        fit_calibration([0.9, 0.8, 0.3, 0.2], [False, False, True, True])


def test_a_falling_line_is_no_calibration():
    with pytest.raises(ValidationError):
        Calibration(slope=-1, intercept=0)


def test_error_by_hand():
    # the bin of 0.1 holds no true pick, that of 0.8 one of two
    assert calibration_error([0.1, 0.8, 0.8], [False, True, False], 2) == pytest.approx(0.1 / 3 + 0.6 / 3)
    assert calibration_error([1.0, 0.0], [True, False]) == 0
    assert np.isnan(calibration_error([], []))


def test_after_a_fit_the_error_is_small():
    values, true = made(0.5, -1, 20_000)
    others, whether = made(0.5, -1, 20_000, seed=1)
    assert calibration_error(others, whether) > 0.1
    assert calibration_error(calibrated(others, fit_calibration(values, true)), whether) < 0.02


def test_the_threshold_goes_as_low_as_empty_images_allow():
    """Of n candidates of one probability p the best expected F1 takes all; its half is n p / (n + n p)."""
    noise = [np.full(20, 0.2), np.full(20, 0.1), np.full(20, 0.05)]
    thresholds = [p / (1 + p) for p in (0.2, 0.1, 0.05)]
    assert fit_lowest(noise, 0.9, recognised=1) == pytest.approx(thresholds[0], abs=1e-6)
    assert fit_lowest(noise, 0.9, recognised=0.5) == pytest.approx(thresholds[1], abs=1e-6)
    assert fit_lowest([np.zeros(0)], 0.9, recognised=1) == 0


@given(st.lists(scores, min_size=1, max_size=9), st.floats(0, 1))
def test_so_many_empty_images_get_the_highest_threshold(empty, share):
    threshold = AdaptedThreshold(fit_lowest(empty, 0.9, share) + 1e-6, 0.9)
    assert np.mean([threshold.of(each) == 0.9 for each in empty]) >= share - 1 / len(empty)


def test_empty_images_are_needed():
    with pytest.raises(PicksError, match="without particles"):
        fit_lowest([], 0.9, 1)
