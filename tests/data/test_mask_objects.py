"""How many objects a mask marks, and masks that say instances and are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from motes.data.mask_objects import OneNumber, check_numbered, count_objects, one_number
from motes.errors import ImageError


def squares(values: list[int], dtype: type = np.uint16) -> NDArray[np.uint16]:
    """A mask with a square of 2 x 2 px of each value, apart from each other."""
    mask = np.zeros((5, 3 * len(values) + 1), dtype)
    for number, value in enumerate(values):
        mask[1:3, 3 * number + 1 : 3 * number + 3] = value
    return mask


@given(st.lists(st.integers(1, 300), max_size=8))
def test_instances_are_counted_by_number_and_others_by_region(values: list[int]) -> None:
    assert count_objects(squares(values), "instances") == len(set(values))
    assert count_objects(squares([1] * len(values)), "binary") == len(values)


def test_what_is_ignored_is_no_object_and_regions_are_of_one_class() -> None:
    mask = squares([1, 2, 2]).astype(np.int16)
    mask[4] = -1
    assert count_objects(mask, "classes") == 3
    touching = np.array([[1, 1, 2, 2, 0, 1]])
    assert count_objects(touching, "classes") == 3
    assert count_objects(touching > 0, "binary") == 2
    assert count_objects(np.eye(4, dtype=np.uint8), "binary") == 1  # diagonals connect
    assert count_objects(np.zeros((3, 3, 3), bool), "binary") == 0


def test_a_volume_is_counted_in_the_same_way() -> None:
    volume = np.zeros((5, 5, 5), np.uint8)
    volume[0, 0, 0] = volume[1, 1, 1] = volume[4, 4, 4] = 1
    assert count_objects(volume, "binary") == 2


def test_one_number_is_told_from_several() -> None:
    assert one_number(squares([255, 255, 255]), "m") == OneNumber("m", 255, 3)
    assert one_number(squares([254, 255]), "m") is None
    assert one_number(squares([3.0], np.float32), "m") == OneNumber("m", 3, 1)


def found(*masks: list[int]) -> list[OneNumber | None]:
    return [one_number(squares(values), f"{number}.png") for number, values in enumerate(masks)]


@pytest.mark.parametrize("white", [255, 65535])
def test_black_and_white_masks_are_no_instances(white: int) -> None:
    """Even one of them: its objects have no numbers."""
    with pytest.raises(
        ImageError, match=rf"1.png: the mask holds 0 and {white}, and {white} is given to 2 separate"
    ):
        check_numbered(found([1, 2, 3], [white, white]))
    with pytest.raises(
        ImageError, match=rf"given to one region.*mask // {white}\) and say masks.kind=binary"
    ):
        check_numbered(found([white], [white]))


def test_masks_with_one_object_each_or_of_a_crop_accuse_nobody() -> None:
    assert check_numbered(found([1], [1])) == ""
    assert check_numbered(found([255])) == ""
    assert check_numbered(found([255], [7, 8])) == ""
    assert check_numbered(found([1, 2], [4, 4])) == ""  # one object in two pieces
    assert check_numbered([]) == ""


def test_masks_of_0_and_1_as_instances_are_noted() -> None:
    note = check_numbered(found([1], [1, 1, 1]))
    assert "in 1.png 3 regions are 1" in note
    assert "say masks.kind=binary" in note
