import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import PicksError
from motes.picks import Picks, empty_picks
from motes.score.classes import class_names, score_by_class
from motes.score.scores import score

RADIUS = {"big": 10.0, "small": 2.0}


def table(*rows, scored=True):
    """Picks of rows (class, y, x[, score])."""
    points = np.array([row[1:3] for row in rows], dtype=float).reshape(-1, 2)
    scores = np.array([row[3] if len(row) > 3 else 1.0 for row in rows]) if scored else None
    return Picks(points, scores, np.array([row[0] for row in rows], dtype=np.str_))


def radii(truth):
    return dict.fromkeys(truth, RADIUS)


def two_images():
    truth = {
        "a": table(("big", 10, 10), ("big", 50, 50), ("small", 30, 30), ("small", 80, 80)),
        "b": table(("big", 10, 10), ("small", 30, 30)),
    }
    picks = {
        "a": table(
            ("big", 10, 19, 0.9), ("big", 50, 50, 0.8), ("small", 30, 33, 0.7), ("small", 80, 80, 0.4)
        ),
        "b": table(("small", 30, 30, 0.9)),
    }
    return picks, truth


def test_each_class_has_its_own_radius_and_counts():
    picks, truth = two_images()
    values = score_by_class(picks, truth, radius=radii(truth), beta=4).as_dict()
    assert [values[f"{key}_big"] for key in ("true_positives", "false_positives", "false_negatives")] == [
        2,
        0,
        1,
    ]
    assert [values[f"{key}_small"] for key in ("true_positives", "false_positives", "false_negatives")] == [
        2,
        1,
        1,
    ]
    assert (values["precision_big"], values["recall_big"]) == (1, pytest.approx(2 / 3))
    assert values["f4_big"] == pytest.approx(17 * 2 / (17 * 2 + 16 * 1))
    assert (values["median_distance_big"], values["median_distance_small"]) == (4.5, 0)
    assert (values["true_positives"], values["truth"]) == (4, 6)


def test_a_class_means_nothing_to_another():
    truth = {"a": table(("big", 10, 10), ("small", 10, 10))}
    values = score_by_class({"a": table(("big", 10, 10))}, truth, radius=radii(truth)).as_dict()
    assert (values["f1_big"], values["f1_small"], values["recall"]) == (1, 0, 0.5)


def test_the_weighted_mean_is_over_classes_not_over_picks():
    picks, truth = two_images()
    values = score_by_class(picks, truth, radius=radii(truth), weights={"small": 3}, beta=4).as_dict()
    for metric in ("precision", "recall", "f1", "f4", "average_precision"):
        by_hand = (values[f"{metric}_big"] + 3 * values[f"{metric}_small"]) / 4
        assert values[f"weighted_{metric}"] == pytest.approx(by_hand)
        assert values[f"weighted_{metric}_low"] <= by_hand <= values[f"weighted_{metric}_high"]
    assert (values["weight_big"], values["weight_small"]) == (1, 3)


def test_a_class_of_weight_zero_does_not_count_in_the_mean():
    picks, truth = two_images()
    values = score_by_class(picks, truth, radius=radii(truth), weights={"small": 0}).as_dict()
    assert values["weighted_f1"] == values["f1_big"]


def test_thresholds_by_class():
    picks, truth = two_images()
    low = score_by_class(picks, truth, radius=radii(truth)).as_dict()
    cut = score_by_class(picks, truth, radius=radii(truth), threshold={"small": 0.6}).as_dict()
    assert (low["picks_small"], cut["picks_small"], cut["picks_big"]) == (3, 2, 2)
    assert cut["threshold_small"] == 0.6
    assert cut["average_precision_small"] == low["average_precision_small"]


def test_what_was_never_picked_counts_as_nothing_found():
    truth = {"a": table(("big", 10, 10), ("small", 30, 30))}
    values = score_by_class({}, truth, radius=radii(truth), beta=4).as_dict()
    assert (values["weighted_recall"], values["weighted_f4"]) == (0, 0)
    assert (values["weighted_precision"], values["undefined_precision_classes"]) == (None, 2)


def test_a_class_that_the_truth_lacks_is_all_false_positives():
    truth = {"a": table(("big", 10, 10))}
    picks = {"a": table(("big", 10, 10), ("small", 10, 10))}
    values = score_by_class(picks, truth, radius=radii(truth)).as_dict()
    assert (values["false_positives_small"], values["f1_small"], values["recall_small"]) == (1, 0, None)
    assert values["weighted_f1"] == 0.5
    assert (values["weighted_recall"], values["undefined_recall_classes"]) == (1, 1)


def test_the_dictionary_is_flat_json_and_holds_the_plain_report():
    picks, truth = two_images()
    report = score_by_class(picks, truth, radius=radii(truth), beta=4)
    values = report.as_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    plain = score(
        picks, truth, radius={n: np.array([RADIUS[c] for c in t.classes]) for n, t in truth.items()}, beta=4
    )
    assert values.items() >= plain.as_dict().items()
    assert report.per_image == plain.per_image


def test_picks_without_scores_have_no_average_precision_of_any_class():
    truth = {name: table(("big", 10, 10), ("small", 30, 30), scored=False) for name in "ab"}
    values = score_by_class(truth, truth, radius=radii(truth)).as_dict()
    assert (values["weighted_f1"], values["weighted_average_precision"]) == (1, None)
    assert values["undefined_average_precision_classes"] == 2


def test_some_picks_with_and_some_without_a_class_are_refused():
    picks, truth = two_images()
    bare = Picks(np.zeros((1, 2)), np.ones(1))
    with pytest.raises(PicksError, match="b: its picks carry no class"):
        score_by_class({**picks, "b": bare}, truth, radius=radii(truth))
    values = score_by_class({**picks, "b": empty_picks(2)}, truth, radius=radii(truth)).as_dict()
    assert values["images_without_picks"] == 0


def test_without_any_class_there_is_nothing_to_tell_apart():
    with pytest.raises(PicksError, match="column `class`"):
        score_by_class({"a": empty_picks(2)}, {"a": empty_picks(2)}, radius={"a": RADIUS})


def test_class_names_are_those_of_all_tables():
    assert class_names({"a": table(("b", 1, 1))}, {"a": table(("a", 1, 1)), "b": empty_picks(2)}) == [
        "a",
        "b",
    ]
    assert class_names({"a": empty_picks(2)}) == []


ROWS = st.lists(
    st.tuples(st.sampled_from(["big", "small"]), st.integers(0, 20), st.integers(0, 20)), max_size=10
)


@given(ROWS, ROWS, ROWS, ROWS)
def test_the_classes_add_up_to_the_whole(first_picks, first_truth, second_picks, second_truth):
    picks, truth = (
        {"a": table(*first_picks), "b": table(*second_picks)},
        {"a": table(*first_truth), "b": table(*second_truth)},
    )
    if not any(map(len, (*picks.values(), *truth.values()))):
        return
    report = score_by_class(picks, truth, radius=radii(truth), bootstrap=20)
    for key in ("true_positives", "false_positives", "false_negatives"):
        parts = [getattr(image.counts, key) for each in report.classes.values() for image in each.images]
        assert sum(parts) == sum(getattr(image.counts, key) for image in report.together.images)
    for value in report.weighted.values():
        assert math.isnan(value.value) or 0 <= value.value <= 1
