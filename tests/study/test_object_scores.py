"""Outlined objects against the true ones, on maps whose objects are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from motes.data.sampling import Labelled
from motes.picking.instances import Keeping, Splitting
from motes.picking.outlining import Outlining
from motes.study.object_scores import Labels, centres_of, find_objects, object_scores, true_objects

OUTLINING = Outlining(Splitting(smoothing=0), Keeping())
CENTRES = ((10, 10), (10, 30), (30, 10), (30, 30))


def discs(centres: tuple[tuple[int, int], ...], radius: float = 5) -> Labels:
    y, x = np.mgrid[:40, :40]
    labels = np.zeros((40, 40), np.int32)
    for number, (cy, cx) in enumerate(centres, 1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = number
    return labels


def map_of(labels: Labels, confidences: tuple[float, ...]) -> NDArray[np.float32]:
    return np.array([0, *confidences], np.float32)[labels][None]


def test_objects_that_are_the_true_ones_score_one_and_are_counted_right() -> None:
    labels = discs(CENTRES)
    found = find_objects(map_of(labels, (0.9, 0.9, 0.9, 0.9)), labels, OUTLINING)
    assert object_scores(found, 0.5) == {"object_f1": 1, "object_count_error": 0}
    assert sorted(map(tuple, found.picks.points.round().astype(int).tolist())) == sorted(CENTRES)


def test_a_threshold_leaves_out_what_is_less_sure() -> None:
    labels = discs(CENTRES)
    found = find_objects(map_of(labels, (0.9, 0.8, 0.7, 0.6)), labels, OUTLINING)
    assert object_scores(found, 0.65) == {"object_f1": pytest.approx(6 / 7), "object_count_error": 0.25}
    assert object_scores(found, 0.95) == {"object_f1": 0, "object_count_error": 1}


def test_an_object_of_less_than_half_overlap_is_wrong_and_its_own_is_missed() -> None:
    truth = discs(CENTRES)
    found = find_objects(
        map_of(discs(((10, 10), (10, 30), (30, 10), (30, 35))), (0.9,) * 4), truth, OUTLINING
    )
    assert object_scores(found, 0.5) == {"object_f1": pytest.approx(3 / 4), "object_count_error": 0}


def test_where_the_truth_is_not_known_objects_count_neither_way() -> None:
    truth = discs(CENTRES)
    truth[20:] = -1
    found = find_objects(map_of(discs(CENTRES), (0.9, 0.9, 0.8, 0.8)), truth, OUTLINING)
    assert object_scores(found, 0.5) == {"object_f1": 1, "object_count_error": 0}


def test_an_image_without_objects_has_no_score() -> None:
    nothing = np.zeros((40, 40), np.int32)
    found = find_objects(map_of(discs(CENTRES), (0.9,) * 4), nothing, OUTLINING)
    assert object_scores(found, 0.5) == {"object_f1": None, "object_count_error": None}


def test_centres_of_numbered_objects_are_those_of_objects_that_touch_too() -> None:
    touching = discs(((10, 10), (10, 20)))
    image = Labelled(np.zeros((40, 40), np.float32), np.zeros((0, 2)), labels=touching)
    centres = centres_of(true_objects(image))
    assert len(centres) == 2
    assert centres.diameters == pytest.approx([10, 10], abs=0.6)
