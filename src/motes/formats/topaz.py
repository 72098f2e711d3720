"""Topaz's coordinate tables: tab between, image names without extension, several images in a file.

Centres in pixels of the image, row 0 the first row (Bepler et al. 2019, Nat. Methods 16; topaz README).
Topaz writes log-odds as scores; they are kept as they are.
"""

from collections.abc import Sequence
from pathlib import Path

from motes.formats import csv_table
from motes.formats.tables import (
    Facts,
    FactsOf,
    PicksByImage,
    locate,
    require_2d,
    text_of,
    without_image_suffix,
    write_joined,
)
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".txt"

_COLUMNS = ["image_name", "x_coord", "y_coord"]


def matches(_path: Path, text: str) -> bool:
    """Whether the first line has Topaz's column names, separated by tabs."""
    return text.lstrip().partition("\n")[0].split("\t")[:3] == _COLUMNS


def read(path: Path, text: str, _facts_of: FactsOf | None) -> PicksByImage:
    """Read the picks of each image, under its name without extension. Raises PicksError."""
    return csv_table.read(path, text)


def write(path: Path, picks: Picks, image_name: str, _facts: Facts) -> None:
    """Write one image's picks; folders in its name stay, so that equal names in two folders differ."""
    require_2d(picks, path)
    rows = [[without_image_suffix(image_name), text_of(x), text_of(y)] for y, x in picks.points]
    header = _COLUMNS
    if picks.scores is not None:
        header = [*_COLUMNS, "score"]
        rows = [[*row, text_of(score)] for row, score in zip(rows, picks.scores, strict=True)]
    write_text(path, "".join("\t".join(row) + "\n" for row in [header, *rows]))


def write_index(
    folder: Path,
    entries: Sequence[tuple[str, str]],
    _micrographs_star: str | None,
) -> list[Path]:
    """Write all picks as one table, picks.txt, as Topaz itself does."""
    table = folder / "picks.txt"
    write_joined(table, [locate(table, file) for _, file in entries])
    return [table]
