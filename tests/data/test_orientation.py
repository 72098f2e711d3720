import numpy as np
import pytest

from motes.data.orientation import check_orientation, orientation_evidence
from motes.errors import PicksError

DIAMETER = 12


def noisy_image_with_particles(seed=0, contrast=1.0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(300, 280)).astype(np.float32)
    points = rng.uniform(15, 265, (80, 2))
    rows, columns = np.mgrid[:300, :280]
    for y, x in points:
        image -= contrast * ((rows - y) ** 2 + (columns - x) ** 2 < (DIAMETER / 2) ** 2)
    return image, points


def test_picks_on_particles_pass():
    image, points = noisy_image_with_particles()
    check_orientation(image, points, DIAMETER, "x.mrc")
    evidence = orientation_evidence(image, points, DIAMETER)
    assert evidence is not None
    assert evidence.as_given > 5
    assert max(evidence.flipped.values()) < 2


@pytest.mark.parametrize(("axis", "words"), [(0, "upside down"), (1, "left to right")])
def test_flipped_picks_are_refused_and_the_flip_is_named(axis, words):
    image, points = noisy_image_with_particles()
    points[:, axis] = image.shape[axis] - 1 - points[:, axis]
    with pytest.raises(PicksError, match=f"x.mrc: the picks seem to be {words}.*--flip"):
        check_orientation(image, points, DIAMETER, "x.mrc")


def test_particles_too_faint_to_see_are_no_evidence_for_a_flip():
    image, points = noisy_image_with_particles(contrast=0)
    check_orientation(image, points, DIAMETER, "x.mrc")


def test_a_handful_of_picks_is_not_enough_to_tell():
    image, points = noisy_image_with_particles()
    assert orientation_evidence(image, points[:5], DIAMETER) is None
