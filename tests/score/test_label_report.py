import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motes.score.instance_report import score_objects
from motes.score.label_report import LabelImage, Side, cohen_kappa, summarise_labels, symmetrical

SMALL = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


def side(labels: np.ndarray) -> Side:
    numbers = [number for number in np.unique(labels) if number > 0]
    points = np.array([np.argwhere(labels == number).mean(axis=0) for number in numbers])
    sizes = np.array([np.sum(labels == number) for number in numbers], dtype=float)
    return Side(points.reshape(-1, labels.ndim), sizes)


def image(name: str, found: np.ndarray, truth: np.ndarray) -> LabelImage:
    counted = int((truth >= 0).sum())
    return LabelImage(
        score_objects(name, found, truth), side(found), side(truth), np.zeros((0, 2)), truth.shape, counted
    )


def test_kappa_of_a_table_by_hand() -> None:
    # 35 of 50 agree; by chance (25 * 30 + 25 * 20) / 2500 = 0.5 would
    assert float(cohen_kappa([20, 5, 10, 15])) == pytest.approx(0.4)
    assert float(cohen_kappa([3, 0, 0, 4])) == 1
    assert float(cohen_kappa([0, 2, 2, 0])) == -1
    assert math.isnan(float(cohen_kappa([0, 0, 0, 9])))


@settings(max_examples=20)
@given(SMALL, SMALL)
def test_two_raters_may_change_places(first: np.ndarray, second: np.ndarray) -> None:
    one = summarise_labels([image("a", first, second)], raters=True).as_dict()
    other = summarise_labels([image("a", second, first)], raters=True).as_dict()
    signed = [key for key in one if "difference" in key and "absolute" not in key and "ripley" not in key]
    signed += [key for key in one if "limit" in key]
    for key, value in one.items():
        if key not in signed:
            swapped = key.replace("_a", "_#").replace("_b", "_a").replace("_#", "_b")
            swapped = swapped if swapped in other else key
            assert value == pytest.approx(other[swapped], nan_ok=True), key
    assert one["count_difference"] == -other["count_difference"]


@settings(max_examples=20)
@given(SMALL, SMALL, st.permutations([5, 17, 3, 40]))
def test_numbers_of_labels_mean_nothing(found: np.ndarray, truth: np.ndarray, others: list[int]) -> None:
    renamed = np.array([0, *others])[found]
    before, after = (summarise_labels([image("a", each, truth)]).as_dict() for each in (found, renamed))
    assert after == pytest.approx(before, nan_ok=True)


def test_where_nobody_looked_nothing_is_said_of_space() -> None:
    found = np.zeros((12, 12), int)
    for number, (row, column) in enumerate([(1, 1), (6, 2), (3, 9), (10, 10)], start=1):
        found[row, column] = number
    truth = found.copy()
    assert image("a", found, truth).space()["ripley_difference"] == 0
    truth[11, 0] = -1
    assert all(map(math.isnan, image("a", found, truth).space().values()))


def test_names_between_raters_say_nothing_of_right_and_wrong() -> None:
    found = np.array([[1, 1, 0, 2], [0, 0, 0, 2]])
    keys = summarise_labels([image("a", found, found), image("b", found, found * 0)], raters=True).as_dict()
    one_sided = ("precision", "recall", "true", "false", "found", "bias", "error", "total", "threshold")
    assert [key for key in keys if any(word in key for word in one_sided)] == []
    assert {
        "objects_a",
        "objects_b",
        "objects_of_both",
        "objects_only_a",
        "f1_50",
        "pixel_kappa",
    } <= keys.keys()
    assert symmetrical({"count_bias_low": 1, "macro_recall_50": 2}) == {"count_difference_low": 1}
