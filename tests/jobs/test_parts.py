"""On which images of a run it is fitted how objects are outlined."""

from dataclasses import replace

import numpy as np
import pytest

from motes.data.crops import Labelled
from motes.jobs.parts import Parts, Prepared, spread
from motes.train.validate import ENOUGH_TO_FIT

BLANK = Labelled(np.zeros((8, 8), np.float32), np.zeros((0, 2)))


def images(kind: str, count: int) -> list[Prepared]:
    return [Prepared(f"{kind}{number}", BLANK, "", None) for number in range(count)]


@pytest.mark.parametrize(
    ("trained", "validated", "added"),
    [(40, 2, ENOUGH_TO_FIT - 2), (4, 2, 4), (40, ENOUGH_TO_FIT, 0), (40, ENOUGH_TO_FIT + 3, 0)],
)
def test_few_validation_images_are_joined_by_training_images(
    trained: int, validated: int, added: int
) -> None:
    parts = Parts(images("train", trained), images("validation", validated), [])
    assert parts.to_fit_on[:validated] == parts.validation
    assert len(parts.to_fit_on) == validated + added
    assert all(image in parts.train for image in parts.to_fit_on[validated:])


def test_training_images_that_are_validated_on_too_count_once() -> None:
    once = images("train", 3)
    assert Parts(once, once, []).to_fit_on == once


def test_those_beside_hold_objects_and_are_spread_over_all() -> None:
    trained = [replace(image, objects=number % 2) for number, image in enumerate(images("train", 40))]
    beside = Parts(trained, images("validation", 2), []).to_fit_on[2:]
    numbers = [int(image.name.removeprefix("train")) for image in beside]
    assert len(numbers) == ENOUGH_TO_FIT - 2
    assert all(number % 2 for number in numbers)
    assert (numbers[0], numbers[-1]) == (1, 39)


def test_images_are_spread_evenly_over_all() -> None:
    ten = images("", 10)
    assert [each.name for each in spread(ten, 4)] == ["0", "3", "6", "9"]
    assert [each.name for each in spread(ten[:2], 4)] == ["0", "1"]
    assert spread([], 4) == []
