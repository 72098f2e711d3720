import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import RecipeError
from motes.picking.thresholds import Goal, fit_threshold, parse_goal
from motes.score.metrics import Curve, Ranked, precision_recall_curve


def curve_of(hits, truth, scores=None):
    hits = np.array(hits, dtype=bool)
    scores = np.linspace(0.9, 0.1, len(hits)) if scores is None else np.array(scores)
    return precision_recall_curve([Ranked(scores, hits, ~hits, truth)])


# scores .9 .8 .7 .6 .5 .4 .3 .2 .1
CURVE = curve_of([1, 1, 1, 0, 1, 0, 0, 1, 0], truth=6)


@pytest.mark.parametrize(
    ("goal", "threshold", "precision", "recall"),
    [
        ("f1", 0.45, 4 / 5, 4 / 6),
        ("f2", 0.15, 5 / 8, 5 / 6),
        ("f0.5", 0.65, 1, 3 / 6),
        ("precision=0.8", 0.45, 4 / 5, 4 / 6),
        ("precision=0.81", 0.65, 1, 3 / 6),
        ("recall=0.5", 0.65, 1, 3 / 6),
        ("recall=0.8", 0.15, 5 / 8, 5 / 6),
    ],
)
def test_goals_by_hand(goal, threshold, precision, recall):
    fitted = fit_threshold(CURVE, parse_goal(goal))
    assert fitted.threshold == pytest.approx(threshold)
    assert fitted.precision == pytest.approx(precision)
    assert fitted.recall == pytest.approx(recall)
    assert fitted.f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert fitted.note == ""


def test_a_goal_out_of_reach_gives_the_nearest_and_says_so():
    fitted = fit_threshold(CURVE, Goal("recall", 0.95))
    assert fitted.recall == pytest.approx(5 / 6)
    assert fitted.precision == pytest.approx(5 / 8)
    assert fitted.note == "recall=0.95 cannot be reached; the nearest is recall=0.833"
    fitted = fit_threshold(curve_of([0, 1, 1], truth=2), Goal("precision", 0.9))
    assert fitted.precision == pytest.approx(2 / 3)
    assert "precision=0.9 cannot be reached" in fitted.note


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1), st.integers(1, 20))
def test_the_threshold_takes_exactly_the_picks_of_its_numbers(rows, truth):
    scores = np.array([row[0] / 10 for row in rows])
    hits = np.array([row[1] for row in rows])
    truth += int(hits.sum())
    for goal in (Goal(), Goal("f", 2), Goal("precision", 0.7), Goal("recall", 0.3)):
        fitted = fit_threshold(curve_of(hits, truth, scores), goal)
        taken = scores >= fitted.threshold
        assert fitted.precision == pytest.approx(hits[taken].mean())
        assert fitted.recall == pytest.approx(hits[taken].sum() / truth)


def test_no_other_threshold_has_a_higher_f1():
    assert fit_threshold(CURVE, Goal()).f1 == CURVE.f_beta().max()


def test_the_last_score_itself_is_taken_when_nothing_lies_below():
    assert fit_threshold(curve_of([1], truth=1, scores=[0.4]), Goal()).threshold == 0.4


def test_scores_that_touch_are_still_told_apart():
    high = 0.5
    low = np.nextafter(high, 0)
    assert low < fit_threshold(curve_of([1, 0], truth=1, scores=[high, low]), Goal()).threshold <= high


def test_without_picks_or_truth_the_middle_is_taken_and_said():
    assert "no picks" in fit_threshold(curve_of([], truth=3), Goal()).note
    fitted = fit_threshold(curve_of([0, 0], truth=0), Goal("recall", 0.9))
    assert (fitted.threshold, fitted.recall) == (0.5, None)
    assert "no truth" in fitted.note
    only_ignored = Curve(np.array([0.5]), np.array([0]), np.array([0]), 2)
    assert "no picks" in fit_threshold(only_ignored, Goal()).note


@pytest.mark.parametrize("text", ["f1", "f0.5", "precision=0.9", "recall=0.95"])
def test_goals_are_read_as_they_are_written(text):
    assert str(parse_goal(text)) == text


@pytest.mark.parametrize("text", ["", "f", "f0", "F1.2.3", "recall", "recall=1.5", "accuracy=0.9"])
def test_other_goals_are_refused(text):
    with pytest.raises(RecipeError, match="cannot read the goal"):
        parse_goal(text)
