"""Scores of several classes: strict and official, of one image and of all together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.picks import Picks
from motes.score.metrics import Counts
from motes.study.class_scores import (
    ClassCounts,
    added,
    class_counts,
    scores_of_class,
    scores_of_image,
    scores_together,
)

DIAMETER = 12.0
AT = np.array([[10.0, 10, 10], [10, 40, 40]])


def picks(points: object) -> Picks:
    return Picks(np.asarray(points, dtype=np.float64).reshape(-1, 3))


def counts(found: int, wrong: int, missed: int) -> ClassCounts:
    return ClassCounts(Counts(found, wrong, missed), Counts(found, wrong, missed))


def test_a_pick_is_right_within_a_quarter_of_the_diameter_and_no_farther() -> None:
    near = class_counts(picks([[10, 10, 13.0]]), picks(AT), DIAMETER)
    assert near == counts(1, 0, 1)
    assert class_counts(picks([[10, 10, 13.001]]), picks(AT), DIAMETER) == counts(0, 1, 2)


def test_a_pick_between_two_particles_finds_both_for_the_challenge_and_one_by_the_strict_count() -> None:
    two = picks([[10, 10, 10], [10, 10, 14]])
    found = class_counts(picks([[10, 10, 12]]), two, DIAMETER)
    assert found.strict == Counts(1, 0, 1)
    assert found.official == Counts(2, -1, 0)
    assert scores_of_class(found)["czii"] == pytest.approx(1.0303, abs=1e-4)
    assert scores_of_class(found)["f4"] == pytest.approx(17 / (17 + 16))


def test_three_picks_on_one_particle_are_two_false_ones() -> None:
    found = class_counts(picks([[10, 10, 10], [10, 10, 11], [10, 11, 10]]), picks(AT[:1]), DIAMETER)
    assert found == counts(1, 2, 0)
    assert scores_of_class(found)["czii"] == pytest.approx(0.8947, abs=1e-4)
    assert scores_of_class(found)["f4"] == pytest.approx(0.8947, abs=1e-4)


def test_planes_are_counted_like_volumes_and_identical_centres_once_by_the_challenge() -> None:
    flat = Picks(AT[:, 1:])
    assert class_counts(flat, flat, DIAMETER) == counts(2, 0, 0)
    twice = class_counts(picks(AT), picks([*AT, AT[0]]), DIAMETER)
    assert (twice.strict, twice.official) == (Counts(2, 0, 1), Counts(2, 0, 0))


def test_an_image_counts_by_the_weights_of_the_classes_that_it_holds() -> None:
    each = {"a": counts(4, 0, 0), "b": counts(0, 3, 5), "c": counts(0, 2, 0), "d": counts(1, 0, 0)}
    weights = {"a": 1.0, "b": 2.0, "c": 7.0, "d": 0.0}
    assert scores_of_image(each, weights) == pytest.approx({"f4": 1 / 3, "czii": 1 / 3})
    assert scores_of_image({"c": counts(0, 2, 0)}, {"c": 1.0}) == {"f4": None, "czii": None}


def test_all_images_together_count_an_absent_class_as_nothing_with_its_weight() -> None:
    each = {"a": counts(4, 0, 0), "b": counts(0, 9, 0)}
    assert scores_together(each, {"a": 5.0, "b": 2.0}) == pytest.approx({"f4": 5 / 7, "czii": 5 / 7})
    assert np.isnan(scores_together(each, {"a": 0.0, "b": 0.0})["f4"])


def test_picks_in_an_image_without_any_particle_are_false_but_not_for_the_challenge() -> None:
    found = class_counts(picks(AT), picks([]), DIAMETER, counts_officially=False)
    assert (found.strict, found.official) == (Counts(0, 2, 0), Counts(0, 0, 0))
    assert class_counts(picks(AT), picks([]), DIAMETER).official == Counts(0, 2, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4))
def test_one_image_of_whole_classes_scores_as_all_together(rows: list[tuple[int, int, int]]) -> None:
    each = {str(n): counts(found + 1, wrong, missed) for n, (found, wrong, missed) in enumerate(rows)}
    weights = {name: 1.0 + int(name) for name in each}
    alone, together = scores_of_image(each, weights), scores_together(each, weights)
    assert alone == pytest.approx(together)
    assert together["f4"] == pytest.approx(together["czii"])
    assert added([each["0"], each["0"]]).strict.true_positives == 2 * each["0"].strict.true_positives
