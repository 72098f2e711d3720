"""Several pictures on one sheet, with a line above each row and a key of colours below."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]

GROUND: Colour = (60, 64, 67)
INK: Colour = (255, 255, 255)
TEXT = 16  # px
GAP = 8  # px between panels, and around the key


def joined_panels(
    rows: Sequence[tuple[str, Sequence[PillowImage.Image]]], key: Sequence[tuple[Colour, str]]
) -> PillowImage.Image:
    """One picture of rows of panels of one size, each with the line above it, and a key of colours and words below."""
    wide = max(sum(panel.width + GAP for panel in panels) - GAP for _, panels in rows)
    lines = _lines(key, wide)
    above = [TEXT + GAP if text else 0 for text, _ in rows]
    heights = [line + panels[0].height + GAP for line, (_, panels) in zip(above, rows, strict=True)]
    key_height = len(lines) * (TEXT + GAP)
    sheet = PillowImage.new("RGB", (wide, sum(heights) - GAP + key_height + (GAP if lines else 0)), GROUND)
    canvas = ImageDraw.Draw(sheet)
    top = 0
    for line, height, (text, panels) in zip(above, heights, rows, strict=True):
        if text:
            canvas.text((GAP, top + GAP // 2), text, fill=INK, font=_font())
        for number, panel in enumerate(panels):
            sheet.paste(panel, (number * (panel.width + GAP), top + line))
        top += height
    for line_of_key in lines:
        _write_key(canvas, line_of_key, top)
        top += TEXT + GAP
    return sheet


def _write_key(canvas: ImageDraw.ImageDraw, line: Sequence[tuple[Colour, str]], top: int) -> None:
    left = GAP
    for colour, words in line:
        canvas.rectangle((left, top, left + TEXT, top + TEXT), fill=colour)
        canvas.text((left + TEXT + GAP, top - 2), words, fill=INK, font=_font())
        left += _width(words)


def _lines(key: Sequence[tuple[Colour, str]], wide: int) -> list[list[tuple[Colour, str]]]:
    """The key in lines that are no wider than the picture, as far as words allow."""
    lines: list[list[tuple[Colour, str]]] = []
    left = wide
    for colour, words in key:
        if left + _width(words) > wide or not lines:
            lines.append([])
            left = GAP
        lines[-1].append((colour, words))
        left += _width(words)
    return lines


def _width(words: str) -> int:
    return TEXT + GAP + int(_font().getlength(words)) + 3 * GAP


@cache
def _font() -> ImageFont.FreeTypeFont:
    """A font with Greek letters, as in names of proteins; it comes with matplotlib."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), TEXT)
