"""Dynamo's tables (.tbl): a row of numbers for each particle (Dynamo's wiki, Table; package dynamotable).

Columns, counted from 1: 4 to 6 a shift, 7 to 9 angles, 10 a correlation, 20 the number of the tomogram, 22 that of the
class, 24 to 26 x, y, z in pixels of the tomogram that was used. A particle is at x + shift. That x is taken as the
number of a voxel from 0, an integer being its centre: so do the converters to RELION (dynamo2relion: (x + dx) *
binning) and to copick, without a shift of their own. Dynamo runs in MATLAB, where the first voxel has the number 1,
but no document of it says that its tables count so; if they do, all picks lie one voxel further on.

Numbers stand for names. NAME.doc beside NAME.tbl lists the tomograms, a number and a file in each line, as Dynamo
does; motes also writes NAME_classes.doc, which lists the names of classes in the same way.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.formats.tables import (
    Facts,
    FactsOf,
    PicksByImage,
    as_numbers,
    by_image,
    locate,
    points,
    require_3d,
    text_of,
)
from motes.output import write_text
from motes.picks import Picks, empty_picks

SUFFIX = ".tbl"
JOINED = "particles.tbl"

_TAG, _ALIGNED, _SCORE, _TOMOGRAM, _CLASS = 0, 1, 9, 19, 21
_SHIFT, _PLACE = slice(3, 6), slice(23, 26)
_WIDTH = 35
_KEPT = {
    6: "tdrot", 7: "tilt", 8: "narot", 10: "cc2", 12: "ftype", 13: "ymintilt", 14: "ymaxtilt", 15: "xmintilt",
    16: "xmaxtilt", 20: "reg", 22: "annotation", 30: "otag", 31: "npar", 33: "ref", 34: "sref",
}  # fmt: skip


def matches(path: Path, text: str) -> bool:
    """Whether the first row has numbers, at least 26; an empty .tbl is a tomogram without particles."""
    if not text.strip():
        return path.suffix.lower() == SUFFIX
    return _row(text.strip().splitlines()[0]) is not None


def read(path: Path, text: str, _facts_of: FactsOf | None) -> PicksByImage:
    """Read the particles of one or many tomograms, these under the names that NAME.doc gives them.

    Scores are there where any differs from 0, classes likewise. Raises PicksError for rows that are none, and for
    several tomograms without their names.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        row = _row(line)
        if line.strip() and row is None:
            raise PicksError(
                f"{path}: line {number} is {line[:80]!r}, where at least 26 numbers are expected"
            )
        if row is not None:
            rows.append(row)
    if not rows:
        return {None: empty_picks(3)}
    if len({len(row) for row in rows}) > 1:
        raise PicksError(f"{path}: its rows have different numbers of columns")
    table = np.array(rows)
    with np.errstate(invalid="ignore"):  # what is not finite is named below
        placed = table[:, _PLACE] + table[:, _SHIFT]
    score, classes = table[:, _SCORE], table[:, _CLASS]
    picks = Picks(
        points([placed[:, 2], placed[:, 1], placed[:, 0]], path),
        score if score.any() else None,
        _names(classes, _classes_file(path)) if classes.any() else None,
        extra={name: table[:, n] for n, name in _KEPT.items() if n < table.shape[1] and table[:, n].any()},
    )
    return by_image(picks, _tomograms(table[:, _TOMOGRAM], path))


def _row(line: str) -> list[float] | None:
    """The numbers of a row; Dynamo writes some columns as complex numbers, whose real part counts."""
    words = line.replace(",", " ").split()
    try:
        return [complex(word.replace("i", "j")).real for word in words] if len(words) >= 26 else None
    except ValueError:
        return None


def _tomograms(numbers: NDArray[np.float64], path: Path) -> list[str] | None:
    """The name of each row's tomogram, None where the table is of one without a name."""
    names = path.with_suffix(".doc")
    if names.is_file():
        return [str(name) for name in _names(numbers, names)]
    if len(set(numbers)) > 1:
        raise PicksError(
            f"{path}: particles of {len(set(numbers))} tomograms, known by numbers only; list their names in "
            f"{names.name} beside it, a number and a file name in each line"
        )
    return None


def _names(numbers: NDArray[np.float64], listed: Path) -> NDArray[np.str_]:
    """Names by number, as a file lists them; the number itself where it does not."""
    known: dict[str, str] = {}
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if not line.strip():
                continue
            number, *name = line.split(maxsplit=1)  # by spaces or tabs
            known[number] = name[0].strip() if name else ""
    return np.array([known.get(text_of(n)) or text_of(n) for n in numbers], dtype=np.str_)


def _classes_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}_classes.doc")


def write(path: Path, picks: Picks, _image_name: str, _facts: Facts) -> None:
    """Write one tomogram's picks, with 0 as its number, and the names of their classes beside it, where they have any.

    Raises PicksError for picks in 2D images.
    """
    require_3d(picks, path)
    table = np.zeros((len(picks), _WIDTH))
    table[:, _TAG] = np.arange(1, len(picks) + 1)
    table[:, _ALIGNED] = 1
    table[:, _PLACE] = picks.points[:, ::-1]
    if picks.scores is not None:
        table[:, _SCORE] = picks.scores
    for column, name in _KEPT.items():
        values = as_numbers(picks.extra[name]) if name in picks.extra else None
        if values is not None:
            table[:, column] = values
    if picks.classes is not None:
        numbers = _numbered(picks.classes)
        table[:, _CLASS] = [numbers[str(name)] for name in picks.classes]
        _write_names(_classes_file(path), numbers)
    _write_table(path, table)


def _numbered(names: Sequence[str] | NDArray[np.str_]) -> dict[str, int]:
    return {str(name): number for number, name in enumerate(sorted(set(names)), start=1)}


def _write_names(path: Path, numbers: Mapping[str, int]) -> None:
    write_text(path, "".join(f"{number} {name}\n" for name, number in numbers.items()))


def _write_table(path: Path, table: NDArray[np.float64]) -> None:
    write_text(path, "".join(" ".join(map(text_of, row)) + "\n" for row in table))


def write_index(
    folder: Path, entries: Sequence[tuple[str, str]], _micrographs_star: str | None
) -> list[Path]:
    """Write all picks as one table, particles.tbl, with particles.doc, the tomograms, and the names of classes."""
    joined = folder / JOINED
    tables, classes = [], []
    for number, (_, file) in enumerate(entries, start=1):
        place = locate(joined, file)
        rows = [_row(line) for line in place.read_text(encoding="utf-8").splitlines() if line.strip()]
        table = np.array(rows, dtype=np.float64).reshape(-1, _WIDTH)
        table[:, _TOMOGRAM] = number
        classes += (
            [*_names(table[:, _CLASS], _classes_file(place))] if table[:, _CLASS].any() else [""] * len(table)
        )
        tables.append(table)
    whole = np.concatenate([np.zeros((0, _WIDTH)), *tables])
    whole[:, _TAG] = np.arange(1, len(whole) + 1)
    numbers = _numbered([name for name in classes if name])
    whole[:, _CLASS] = [numbers.get(name, 0) for name in classes]
    listed = joined.with_suffix(".doc")
    _write_names(listed, {name: number for number, (name, _) in enumerate(entries, start=1)})
    written = [joined, listed]
    if numbers:
        _write_names(_classes_file(joined), numbers)
        written.append(_classes_file(joined))
    _write_table(joined, whole)
    return written
