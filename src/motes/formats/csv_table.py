"""Tables with a header: motes' own CSV, and whatever has columns for x and y.

Coordinates are centres in pixels of the image, 0-based, row 0 the file's first row.
"""

import csv
import io
import re
from collections.abc import Sequence
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
    """Whether the first line has names for x and y."""
    return {"x", "y"} <= _roles(_split(text[:_HEAD])[:1]).keys()


def read(path: Path, text: str, _facts_of: FactsOf | None = None) -> PicksByImage:
    """Read picks by column name: x and y are needed, z makes them 3D, other columns are kept as they are.

    Raises PicksError for a missing column, a row of another length, or a coordinate that is no number.
    """
    header, *rows = _split(text) or [[]]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise PicksError(f"{path}: row {number} has {len(row)} values, its header has {len(header)}")
    roles = _roles([header])
    if not {"x", "y"} <= roles.keys():
        raise PicksError(f"{path}: no columns x and y; the columns there are: {', '.join(header) or 'none'}")
    values = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in header]
    columns = dict(zip(header, values, strict=True))
    axes = [roles[axis] for axis in "zyx" if axis in roles]
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


def _split(text: str) -> list[list[str]]:
    """Rows of values without those that are empty or start with #; the first line shows the separator."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    separator = max(",\t;", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True))
    except csv.Error:
        return []
    kept = [row for row in rows if any(value.strip() for value in row) and not row[0].startswith("#")]
    return [[name.strip() for name in kept[0]], *kept[1:]] if kept else []


def _roles(header: Sequence[Sequence[str]]) -> dict[str, str]:
    """Which column plays which part: role to column name."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for row in header for name in reversed(row)}
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
