"""EMAN's .box: corner x, corner y, width and height in pixels, no header (EMAN2, e2boxer.py)."""

from pathlib import Path

import numpy as np

from motes.errors import PicksError
from motes.formats.tables import Facts, FactsOf, PicksByImage, corner_boxes, points, text_of
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".box"


def matches(path: Path, text: str) -> bool:
    """Whether the first row has four numbers (five in EMAN1); an empty .box is an image without particles."""
    if not text.strip():
        return path.suffix.lower() == SUFFIX
    words = text.strip().splitlines()[0].split()
    return len(words) in (4, 5) and _numbers(words) is not None


def read(path: Path, text: str, _facts_of: FactsOf | None) -> PicksByImage:
    """Read the centres of boxes: a box of 10 at (3, 4) has its centre at (8, 9). Raises PicksError."""
    rows = []
    for line, content in enumerate(text.splitlines(), start=1):
        words = content.split()
        row = _numbers(words[:4])
        if words and (row is None or len(row) < 4):
            raise PicksError(f"{path}: line {line} is {content!r}, where x, y, width and height are expected")
        if row:
            rows.append(row)
    x, y, width, height = np.array(rows).reshape(-1, 4).T
    if (width < 0).any() or (height < 0).any():
        raise PicksError(f"{path}: boxes of negative size; width and height are the third and fourth column")
    return {None: Picks(points([y + height / 2, x + width / 2], path))}


def write(path: Path, picks: Picks, _image_name: str, facts: Facts) -> None:
    """Write square boxes of the facts' box size around the picks; scores have no place here."""
    lines = [
        f"{text_of(x)}\t{text_of(y)}\t{facts.box_size}\t{facts.box_size}\n"
        for x, y in corner_boxes(picks, facts.box_size, path)
    ]
    write_text(path, "".join(lines))


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None
