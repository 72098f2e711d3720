"""On which images of a run it is fitted how objects are outlined."""

import numpy as np
import pytest

from motes.data.crops import Labelled
from motes.jobs.parts import Parts, Prepared
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
    assert parts.to_fit_on == parts.validation + parts.train[:added]


def test_training_images_that_are_validated_on_too_count_once() -> None:
    once = images("train", 3)
    assert Parts(once, once, []).to_fit_on == once
