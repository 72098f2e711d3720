import numpy as np
import pytest

from motes.data.image_list import ImageEntry
from motes.data.orientation import (
    WORKING_DIAMETER,
    OrientationPool,
    check_orientation,
    diameter_in,
    look_at_set,
    orientation_evidence,
    typical_spacing,
)
from motes.errors import PicksError, UnitError
from motes.formats.images import write_image
from motes.image import Image
from motes.picks import Picks
from motes.units import Length

DIAMETER = 12


def noisy_image_with_particles(seed=0, contrast=1.0):
    rng = np.random.default_rng(seed)
    image = rng.normal(size=(300, 280)).astype(np.float32)
    points = rng.uniform(15, 265, (80, 2))
    for y, x in points:
        top, left = int(y) - DIAMETER, int(x) - DIAMETER
        rows, columns = np.mgrid[top : top + 2 * DIAMETER, left : left + 2 * DIAMETER]
        disc = (rows - y) ** 2 + (columns - x) ** 2 < (DIAMETER / 2) ** 2
        image[top : top + 2 * DIAMETER, left : left + 2 * DIAMETER] -= contrast * disc
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


def upside_down(image, points):
    return np.column_stack([image.shape[0] - 1 - points[:, 0], points[:, 1]])


def pool_of(turned, contrast=1.0, each=6):
    pool = OrientationPool(DIAMETER)
    for seed in range(8):
        image, points = noisy_image_with_particles(seed, contrast)
        points = points[:each]
        pool.add(image, upside_down(image, points) if turned else points, f"{seed}.mrc")
    return pool


def test_images_with_a_handful_of_picks_tell_together():
    pool = pool_of(turned=True)
    assert pool.names == [f"{seed}.mrc" for seed in range(8)]
    assert pool.evidence is not None
    assert pool.evidence.suspect == "upside down"
    right = pool_of(turned=False).evidence
    assert right is not None
    assert right.suspect is None
    assert right.as_given > 3


def test_a_pool_of_noise_or_of_too_few_picks_accuses_nobody():
    noise = pool_of(turned=True, contrast=0).evidence
    assert noise is not None
    assert not noise.clear
    assert pool_of(turned=True, each=1).evidence is None


def test_an_image_that_tells_on_its_own_is_not_pooled():
    pool = OrientationPool(DIAMETER)
    image, points = noisy_image_with_particles()
    evidence = pool.add(image, points, "a.mrc")
    assert evidence == orientation_evidence(image, points, DIAMETER)
    assert pool.names == []
    assert pool.evidence is None


def test_a_pool_of_one_image_is_that_image():
    image, points = noisy_image_with_particles(contrast=0)
    pool = OrientationPool(DIAMETER)
    assert pool.add(image, points, "a.mrc") == pool.evidence


@pytest.mark.parametrize("known", [True, False], ids=["diameter", "spacing"])
def test_a_set_is_looked_at_with_or_without_a_diameter(tmp_path, known):
    labelled = []
    for seed in range(6):
        image, points = noisy_image_with_particles(seed, contrast=2)
        points = points if seed == 0 else points[:6]
        write_image(tmp_path / f"{seed}.mrc", image, 2.0)
        labelled.append(
            (ImageEntry(f"{seed}.mrc", tmp_path / f"{seed}.mrc"), Picks(upside_down(image, points)))
        )
    (tmp_path / "5.mrc").write_bytes(b"")
    if known:
        found = look_at_set(labelled, Length(2 * DIAMETER, "A"))
    else:
        assert look_at_set(labelled).pooled == []
        found = look_at_set(labelled, spacing=typical_spacing([labelled[0][1]]))
    assert list(found.mirrored) == ["0.mrc"]
    assert list(found.unchecked) == ["5.mrc"]
    assert found.pooled == ["1.mrc", "2.mrc", "3.mrc", "4.mrc"]
    with pytest.raises(PicksError, match=r"set: 4 images with few .* upside down.*--flip y"):
        found.refuse_pooled("set")
    with pytest.raises(PicksError, match=r"set: 0.mrc: .*--flip y"):
        found.refuse("set")


def test_the_spacing_is_the_distance_to_the_next_pick_but_never_enlarges():
    far = Picks(np.array([[0.0, 0], [0, 30], [0, 60], [0, 60]]))
    assert typical_spacing([far, Picks(np.array([[5.0, 5]]))]) == 30
    assert typical_spacing([Picks(far.points / 10)]) == WORKING_DIAMETER
    assert typical_spacing([Picks(np.array([[5.0, 5]]))]) is None


def test_the_diameter_given_counts_before_that_of_the_picks():
    image = Image(np.zeros((9, 9)), 2.0, "a.mrc")
    picks = Picks(np.zeros((3, 2)), diameters=np.array([10, 12, np.nan]))
    assert diameter_in(image, picks, Length(60, "A")) == 30
    assert diameter_in(image, picks, None) == 11
    assert diameter_in(image, Picks(np.zeros((3, 2))), None) is None
    with pytest.raises(UnitError, match="--pixel-size"):
        diameter_in(Image(image.data, None, "a.mrc"), picks, Length(60, "A"))
