import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.errors import PicksError
from motes.picks import Picks, empty_picks
from motes.score.matching import Ignored, Matching, match, nothing_ignored
from motes.score.metrics import (
    Counts,
    average_precision,
    count,
    f_beta,
    precision,
    precision_recall_curve,
    rank,
    recall,
)

POINTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=6)


def table(points, scores=None):
    points = np.array(points, dtype=float).reshape(-1, 2)
    return Picks(points, scores=None if scores is None else np.array(scores, dtype=float))


def scored(data, points):
    scores = st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), min_size=len(points), max_size=len(points))
    return table(points, data.draw(scores))


def mask(data, size):
    return np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)


@settings(deadline=None)
@given(POINTS, POINTS, st.integers(0, 4), st.data())
def test_the_curve_has_the_counts_of_the_matching_at_every_threshold(points, truth_points, radius, data):
    picks, truth = scored(data, points), table(truth_points)
    curve = precision_recall_curve([rank(picks, truth, radius)])
    for index, threshold in enumerate(curve.thresholds):
        chosen = picks.above(threshold)
        expected = count(match(chosen, truth, radius), nothing_ignored(chosen, truth))
        assert curve.true_positives[index] == expected.true_positives
        assert curve.false_positives[index] == expected.false_positives


@settings(deadline=None)
@given(POINTS, POINTS, st.integers(0, 4), st.data())
def test_the_curve_agrees_with_the_matching_when_some_are_ignored(points, truth_points, radius, data):
    picks, truth = scored(data, points), table(truth_points)
    ignored = Ignored(mask(data, len(picks)), mask(data, len(truth)))
    curve = precision_recall_curve([rank(picks, truth, radius, ignored)])
    for index, threshold in enumerate(curve.thresholds):
        kept = picks.scores >= threshold
        own = Ignored(ignored.picks[kept], ignored.truth)
        expected = count(match(picks.select(kept), truth, radius, own), own)
        assert curve.true_positives[index] == expected.true_positives
        assert curve.false_positives[index] == expected.false_positives
        assert curve.truth - curve.true_positives[index] == expected.false_negatives


@settings(deadline=None)
@given(POINTS, POINTS, st.data())
def test_the_order_of_picks_and_images_does_not_matter(points, truth_points, data):
    picks, truth = scored(data, points), table(truth_points)
    back = picks.select(np.arange(len(picks))[::-1])
    other = rank(table([[0, 0]], [0.3]), table([[0, 0]]), 1)
    one = precision_recall_curve([rank(picks, truth, 2), other])
    two = precision_recall_curve([other, rank(back, truth, 2)])
    assert one.true_positives.tolist() == two.true_positives.tolist()
    assert average_precision(one) == average_precision(two)


def test_average_precision_by_hand():
    picks = table([[0, 0], [50, 50], [10, 10]], [0.9, 0.8, 0.7])
    truth = table([[0, 0], [10, 10], [20, 20]])
    curve = precision_recall_curve([rank(picks, truth, 1)])
    assert curve.precision.tolist() == [1, 1 / 2, 2 / 3]
    assert curve.recall.tolist() == [1 / 3, 1 / 3, 2 / 3]
    assert average_precision(curve) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)


def test_picks_of_equal_score_enter_together():
    picks, truth = table([[50, 50], [0, 0]], [0.5, 0.5]), table([[0, 0]])
    curve = precision_recall_curve([rank(picks, truth, 1)])
    assert curve.thresholds.tolist() == [0.5]
    assert average_precision(curve) == 0.5


def test_a_perfect_prediction_scores_one():
    truth = table([[1, 2], [30, 40]])
    curve = precision_recall_curve([rank(table(truth.points, [0.2, 0.6]), truth, 0)])
    assert average_precision(curve) == 1
    assert curve.f_beta().max() == 1


def test_average_precision_without_picks_and_without_truth():
    truth = table([[0, 0]])
    assert average_precision(precision_recall_curve([rank(empty_picks(2), truth, 1)])) == 0
    assert np.isnan(
        average_precision(precision_recall_curve([rank(table([[0, 0]], [1]), empty_picks(2), 1)]))
    )


def test_a_pick_without_a_score_cannot_be_ranked():
    with pytest.raises(PicksError, match="needs a score"):
        rank(table([[0, 0]]), table([[0, 0]]), 1)
    with pytest.raises(PicksError, match="needs a score"):
        rank(table([[0, 0]], [np.nan]), table([[0, 0]]), 1)


def test_the_ratios():
    assert precision(3, 1) == 0.75
    assert recall(3, 2) == 0.6
    assert f_beta(3, 1, 2) == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert f_beta(3, 1, 2, beta=2) == pytest.approx(5 * 0.75 * 0.6 / (4 * 0.75 + 0.6))
    assert np.isnan([precision(0, 0), recall(0, 0), f_beta(0, 0, 0)]).all()
    assert f_beta(0, 2, 0) == f_beta(0, 0, 2) == 0


def test_counts_leave_out_what_is_ignored():
    matching = Matching(np.array([[0, 0], [1, 1]]), np.zeros(2))
    ignored = Ignored(np.array([False, False, True, False]), np.array([False, True, True, False]))
    assert count(matching, ignored) == Counts(true_positives=1, false_positives=1, false_negatives=1)
