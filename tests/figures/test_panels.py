"""Panels side by side with a key below."""

import numpy as np
from PIL import Image as PillowImage

from motes.figures.panels import GAP, GROUND, TEXT, joined_panels

RED, BLUE = (200, 0, 0), (0, 0, 200)


def panel(colour: tuple[int, int, int], width: int = 200, height: int = 40) -> PillowImage.Image:
    return PillowImage.new("RGB", (width, height), colour)


def test_panels_stand_beside_each_other_and_rows_below() -> None:
    sheet = np.asarray(joined_panels([("", [panel(RED), panel(BLUE)]), ("", [panel(BLUE), panel(RED)])], []))
    assert sheet.shape == (2 * 40 + GAP, 2 * 200 + GAP, 3)
    assert (sheet[:40, :200] == RED).all()
    assert (sheet[:40, 200 + GAP :] == BLUE).all()
    assert (sheet[40 + GAP :, 200 + GAP :] == RED).all()
    assert (sheet[40 : 40 + GAP] == GROUND).all()


def test_a_line_above_a_row_moves_it_down() -> None:
    sheet = np.asarray(joined_panels([("z = 3", [panel(RED)])], []))
    assert sheet.shape[0] == TEXT + GAP + 40
    assert (sheet[TEXT + GAP :] == RED).all()
    assert (sheet[: TEXT + GAP] != GROUND).any()


def test_every_class_of_the_key_has_its_colour_in_as_many_lines_as_it_takes() -> None:
    names = [f"protein number {number}" for number in range(5)]
    colours = [(10 * number, 255 - 10 * number, 7) for number in range(5)]
    sheet = np.asarray(joined_panels([("", [panel(RED)])], list(zip(colours, names, strict=True))))
    assert sheet.shape == (40 + GAP + 5 * (TEXT + GAP), 200, 3)
    for colour in colours:
        assert (sheet == colour).all(axis=2).sum() == (TEXT + 1) ** 2


def test_greek_letters_have_a_shape_of_their_own() -> None:
    drawn = [
        np.asarray(joined_panels([(word, [panel(RED)])], []))[: TEXT + GAP] for word in ("\u03b2", "\u03b3")
    ]
    assert (drawn[0] != drawn[1]).any()
