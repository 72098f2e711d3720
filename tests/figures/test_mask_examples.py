"""Examples with masks: outlines of truth and prediction."""

import base64
import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.figures.mask_examples import (
    COLOURS,
    MaskExample,
    Regions,
    mask_view,
    mean_pixel_f1,
    outlined,
    pixel_f1,
)


def square(low: int, high: int, shape: tuple[int, ...] = (20, 20)) -> NDArray[np.bool_]:
    region = np.zeros(shape, dtype=bool)
    region[..., low:high, low:high] = True
    return region


def regions(
    found: NDArray[np.bool_], truth: NDArray[np.bool_], known: NDArray[np.bool_] | None = None
) -> Regions:
    return Regions("particle", found, truth, np.ones_like(truth) if known is None else known)


def opened(address: str) -> PillowImage.Image:
    header, _, content = address.partition(",")
    assert header == "data:image/png;base64"
    return PillowImage.open(io.BytesIO(base64.b64decode(content)))


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_f1_of_pixels_counts_each_pixel() -> None:
    assert pixel_f1(regions(square(5, 10), square(5, 10))) == 1
    assert pixel_f1(regions(square(0, 5), square(10, 15))) == 0
    assert pixel_f1(regions(square(0, 10), square(0, 5))) == pytest.approx(2 * 25 / (100 + 25))
    assert math.isnan(pixel_f1(regions(square(0, 0), square(0, 0))))


def test_pixels_whose_class_is_not_known_do_not_count() -> None:
    assert pixel_f1(regions(square(0, 10), square(0, 5), square(0, 5))) == 1


def test_the_mean_is_over_classes_that_have_a_value() -> None:
    empty = regions(square(0, 0), square(0, 0))
    assert mean_pixel_f1([empty, regions(square(0, 4), square(0, 4))]) == 1
    assert math.isnan(mean_pixel_f1([empty]))


def test_an_outline_is_drawn_around_its_region_and_leaves_the_inside() -> None:
    data = np.linspace(0, 1, 512 * 512, dtype=np.float32).reshape(512, 512)
    picture = opened(outlined(data, [square(100, 200, (512, 512))])).convert("RGB")
    assert picture.size == (512, 512)
    assert picture.getpixel((100, 150)) == rgb(COLOURS[0])
    assert picture.getpixel((199, 150)) == rgb(COLOURS[0])
    assert picture.getpixel((150, 150)) != rgb(COLOURS[0])
    assert picture.getpixel((99, 150)) != rgb(COLOURS[0])


def test_a_small_image_is_enlarged_and_a_large_one_made_smaller() -> None:
    assert opened(outlined(np.zeros((20, 30), dtype=np.float32), [square(2, 9, (20, 30))])).size == (120, 80)
    assert opened(outlined(np.zeros((600, 1200), dtype=np.float32), [])).size == (512, 256)


def test_one_class_is_shown_on_one_picture_and_several_on_one_each() -> None:
    data = np.zeros((20, 20), dtype=np.float32)
    one = regions(square(3, 9), square(4, 8))
    shown = mask_view(MaskExample("a", data, data, [one]))
    assert len(shown.pictures) == 2
    assert shown.f1 == pytest.approx(2 * 16 / (36 + 16))
    colours = {colour for _, colour in opened(shown.pictures[0][0]).convert("RGB").getcolors() or []}
    assert {rgb(COLOURS[0]), rgb(COLOURS[1])} <= colours
    assert len(mask_view(MaskExample("a", data, data, [one, one])).pictures) == 3


def test_a_volume_is_shown_by_its_middle_section() -> None:
    data = np.zeros((5, 20, 30), dtype=np.float32)
    region = np.zeros(data.shape, dtype=bool)
    region[2, 5:15, 5:15] = True
    shown = mask_view(MaskExample("a", data, data, [regions(region, region)]))
    assert opened(shown.pictures[0][0]).size == (120, 80)
    assert opened(shown.pictures[1][0]).size == (30, 20)
    assert shown.f1 == 1
