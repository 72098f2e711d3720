"""Tables with a header: motes' own CSV, and whatever has columns for x and y.

Coordinates are centres in pixels of the image, 0-based, row 0 the file's first row.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from itertools import dropwhile
from pathlib import Path

import numpy as np

from motes.errors import PicksError
from motes.formats.tables import (
    Facts,
    FactsOf,
    PicksByImage,
    by_image,
    locate,
    numbers,
    numbers_or_text,
    optional_numbers,
    points,
    text_of,
    write_joined,
)
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".csv"

_HEAD = 10_000  # characters that surely hold the header

# Names without case and punctuation; where several are there the first counts.
_ALIASES = {
    "image": ("image", "imagename", "micrograph", "micrographname", "rlnmicrographname", "filename"),
    "x": ("x", "xcoord", "xcoordinate", "coordinatex", "rlncoordinatex", "centerx", "xcenter", "xpx"),
    "y": ("y", "ycoord", "ycoordinate", "coordinatey", "rlncoordinatey", "centery", "ycenter", "ypx"),
    "z": ("z", "zcoord", "zcoordinate", "coordinatez", "rlncoordinatez", "centerz", "zcenter", "zpx"),
    "score": ("score", "confidence", "probability", "rlnautopickfigureofmerit", "figureofmerit", "fom"),
    "class": ("class", "classname"),
    "diameter": ("diameter", "diameterpx"),
}


def matches(_path: Path, text: str) -> bool:
    """Whether the header has names for x and y."""
    return {"x", "y"} <= _roles(header_of(text)).keys()


def header_of(text: str) -> list[str]:
    """The names of the columns; none where the text is no table."""
    return next(iter(_split(text[:_HEAD])), [])


def read(
    path: Path, text: str, _facts_of: FactsOf | None = None, known_as: Mapping[str, str] = {}
) -> PicksByImage:
    """Read picks by column name: x and y are needed, z makes them 3D, other columns are kept as they are.

    Lines that start with # are comments above the header; below it where the first column holds a coordinate, or
    where they have not a value for each column, as a row of the image #1.mrc has.
    known_as: what columns are called here, by their names in the file, where that is not what a table calls them.
    Raises PicksError for a missing column, a row of another length, or a coordinate that is no number.
    """
    stored, *rows = _split(text) or [[]]
    header = [known_as.get(name, name) for name in stored]
    roles = _roles(header)
    if not {"x", "y"} <= roles.keys():
        raise PicksError(f"{path}: no columns x and y; the columns there are: {', '.join(header) or 'none'}")
    axes = [roles[axis] for axis in "zyx" if axis in roles]
    named = header[0] not in axes  # a number never starts with #, while a name may
    rows = [row for row in rows if not row[0].startswith("#") or (named and len(row) == len(header))]
    _check_lengths(rows, len(header), path)
    values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in header]
    columns = dict(zip(header, values, strict=True))
    classes = np.array(columns[roles["class"]], dtype=np.str_) if "class" in roles else None
    extra = {name: numbers_or_text(column) for name, column in columns.items() if name not in roles.values()}
    picks = Picks(
        points([numbers(columns[name], name, path) for name in axes], path),
        optional_numbers(columns, roles.get("score"), path),
        classes,
        optional_numbers(columns, roles.get("diameter"), path),
        extra,
    )
    return by_image(picks, columns[roles["image"]] if "image" in roles else None)


def _check_lengths(rows: Sequence[Sequence[str]], expected: int, path: Path) -> None:
    for number, row in enumerate(rows, start=1):
        if len(row) != expected:
            raise PicksError(
                f"{path}: row {number} has {len(row)} values, its header has {expected}; the row starts with "
                f"{','.join(row)[:40]!r}"
            )


def _split(text: str) -> list[list[str]]:
    """Rows of values without empty ones and comments (#) above the header; that shows the separator."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    separator = max(",\t;", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))
    except csv.Error:
        return []
    filled = [row for row in rows if any(value.strip() for value in row)]
    kept = list(dropwhile(lambda row: row[0].startswith("#"), filled))
    return [[name.strip() for name in kept[0]], *kept[1:]] if kept else []


def _roles(header: Sequence[str]) -> dict[str, str]:
    """Which column plays which part: role to column name."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(header)}
    found = {
        role: [plain[alias] for alias in aliases if alias in plain] for role, aliases in _ALIASES.items()
    }
    return {role: names[0] for role, names in found.items() if names}


def write(path: Path, picks: Picks, image_name: str, _facts: Facts) -> None:
    """Write motes' own CSV: image, x, y, (z,) and score, class, diameter and further columns as there are.

    Numbers come back exactly. Without picks there is no column `image`: a table with that column and no
    row speaks of no image at all, this file still speaks of the one it is named after.
    """
    columns: dict[str, list[str]] = {"image": [image_name] * len(picks)} if len(picks) else {}
    for axis, name in enumerate("xyz"[: picks.ndim]):
        columns[name] = [text_of(value) for value in picks.points[:, picks.ndim - 1 - axis]]
    more = {"score": picks.scores, "class": picks.classes, "diameter": picks.diameters, **picks.extra}
    for name, values in more.items():
        if values is not None:
            columns[name] = [text_of(v) if values.dtype.kind in "iuf" else str(v) for v in values]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_text(path, text.getvalue())


def write_index(
    folder: Path,
    entries: Sequence[tuple[str, str]],
    _micrographs_star: str | None,
) -> list[Path]:
    """Write all picks as one table, picks.csv."""
    table = folder / "picks.csv"
    write_joined(table, [locate(table, file) for _, file in entries])
    return [table]
