"""Sets of images and masks that are as they should be, though unusual, raise no alarm."""

import numpy as np
import pytest

from motes.data.mask_evidence import Steps
from motes.jobs.inspect_masks import MaskOptions, inspect_masks
from motes.jobs.mask_look import look_at_masks
from planted_mask_faults import MaskSet


def discs(rng, count, radius, side=64):
    """Numbered discs that lie apart, one in each place of a grid of four by four."""
    y, x = np.mgrid[:side, :side]
    mask = np.zeros((side, side), np.uint16)
    places = rng.choice(16, count, replace=False)
    for number, place in enumerate(places, start=1):
        cy, cx = (np.array(divmod(place, 4)) + 0.5) * side / 4 + rng.uniform(-2, 2, 2)
        mask[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = number
    return mask


def image_of(rng, mask, contrast=60):
    return (100 + contrast * (mask > 0) + rng.normal(0, 10, mask.shape)).clip(0, 255).astype(np.uint8)


def wrong(tmp_path, masks, kind, contrast=60):
    rng = np.random.default_rng(1)
    images = [image_of(rng, mask, contrast) for mask in masks]
    faults = look_at_masks(MaskSet(images, masks).save(tmp_path), kind)[1]
    return [fault.kind for fault in faults if fault.unusable]


def test_marked_points_are_not_interpolated(tmp_path):
    rng = np.random.default_rng(0)
    assert wrong(tmp_path, [discs(rng, 10, 0.8) for _ in range(4)], "instances", 150) == []


def test_saturated_objects_are_not_drawn(tmp_path):
    rng = np.random.default_rng(0)
    assert wrong(tmp_path, [discs(rng, 10, 6) for _ in range(4)], "instances", 300) == []


def test_images_without_objects_are_a_note_however_many(tmp_path):
    rng = np.random.default_rng(0)
    masks = [discs(rng, 8, 5) if number % 2 else np.zeros((64, 64), np.uint16) for number in range(8)]
    assert wrong(tmp_path, masks, "instances") == []


def test_classes_of_one_region_each_are_no_instances_where_one_is_missing(tmp_path):
    rng = np.random.default_rng(0)
    assert wrong(tmp_path, [discs(rng, 5 + number % 2, 6) for number in range(6)], "classes") == []


@pytest.mark.parametrize("times", [1, 4])
def test_rectangles_are_not_enlarged_unless_they_are(times):
    rng, steps = np.random.default_rng(0), Steps()
    for number in range(8):
        mask = np.zeros((128 // times, 128 // times), np.uint8)
        for _ in range(12 if times > 1 else 1):
            y, x, height, width = rng.integers((0, 0, 6, 6), (90, 90, 36, 36)) // times
            mask[y : y + height, x : x + width] = 1
        steps.add(np.kron(mask, np.ones((times, times), np.uint8)), f"{number}")
    assert steps.enlarged == (None if times == 1 else pytest.approx(4))


def test_nothing_is_recommended_where_only_test_images_can_be_used(tmp_path):
    rng = np.random.default_rng(0)
    masks = [discs(rng, 8, 5) for _ in range(4)]
    images = [image_of(rng, mask) for mask in masks]
    masks[:3] = [mask[::2, ::2] for mask in masks[:3]]
    sources = MaskSet(images, masks, parts=["train", "train", "train", "test"]).save(tmp_path)
    found = inspect_masks(sources, MaskOptions("instances"))
    assert [fault.kind for fault in found.faults] == ["resized"]
    assert found.recommendation is None
