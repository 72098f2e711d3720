"""What the readers and writers of coordinate tables share: columns of text to numbers, rows by image."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motes.errors import OutputError, PicksError
from motes.formats.images import IMAGE_SUFFIX
from motes.output import replacing
from motes.picks import Picks

Centre = Literal["relion", "relion-python"]


@dataclass(frozen=True)
class Facts:
    """What is known of an image, for formats that store something else than pixels; None where it is not known.

    shape: (z,) y, x. pixel_size: A/px of the image. box_size: pixels. tilt_series_pixel_size: A/px of the unbinned
    tilt series that a tomogram was made from; where it is not known, that of the tomogram counts, which is
    binning 1. centre: which point of a tomogram RELION 5's coordinates are counted from.
    """

    shape: tuple[int, ...] | None = None
    pixel_size: float | None = None
    box_size: int | None = None
    tilt_series_pixel_size: float | None = None
    centre: Centre = "relion"


NO_FACTS = Facts()
FactsOf = Callable[
    [str | None], Facts
]  # of the image by the name in a coordinate file, None where it names none
PicksByImage = dict[str | None, Picks]
Columns = Mapping[str, Sequence[str]]

MISSING = ("", "<NA>", "None", "NA")

# Leading zeros, underscores (which Python allows in numbers), or digits that float64 may not hold.
_CODE = re.compile(r"\s*[+-]?(0\d.*|\d{16,}\s*|.*_.*)")

# What programs add to the name of a tilt series: RELION rec_, IMOD _rec, AreTomo _Vol, Warp _10.00Apx, EMAN2 _info.
_RECONSTRUCTED = re.compile(r"(_(full_rec|rec|Vol|info|bin\d+|\d+(\.\d+)?Apx))+$")


def read_text(path: Path) -> str:
    """Read the text of a coordinate file; old programs write names that are not UTF-8. Raises PicksError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PicksError(f"{path}: cannot be read ({error.strerror or error})") from None
    if b"\0" in content:
        raise PicksError(f"{path}: a binary file, where coordinates as text are expected")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def numbers(values: Sequence[str], column: str, path: Path) -> NDArray[np.float64]:
    """Turn a column (n,) into numbers, nan where nothing stands; PicksError names a row that is none."""
    try:
        return np.array(values, dtype=np.float64)
    except ValueError:
        return np.array([_number(text, column, row, path) for row, text in enumerate(values, start=1)])


def _number(text: str, column: str, row: int, path: Path) -> float:
    if text.strip() in MISSING:
        return np.nan
    try:
        return float(text)
    except ValueError:
        raise PicksError(f"{path}: {column} in row {row} is {text!r}, where a number is expected") from None


def optional_numbers(
    columns: Columns, name: str | None, path: Path, none: float = np.nan
) -> NDArray[np.float64] | None:
    """Turn a column (n,) into numbers; None where it is absent or nothing stands in it.

    none: the number that stands for nothing, which becomes nan.
    """
    if name is None or name not in columns:
        return None
    values = numbers(columns[name], name, path)
    values[values == none] = np.nan
    return None if len(values) and np.isnan(values).all() else values


def numbers_or_text(values: Sequence[str]) -> NDArray[np.float64] | NDArray[np.str_]:
    """Keep a further column (n,): float64 where all values are numbers, text otherwise.

    What a number would not give back is text: a code such as 007 or 2024_01, and whole numbers of more than 15
    digits, of which float64 does not hold all.
    """
    text = np.array(values, dtype=np.str_)
    found = None if any(map(_CODE.fullmatch, values)) else as_numbers(text)
    return text if found is None else found


def as_numbers(column: NDArray[Any]) -> NDArray[np.float64] | None:
    """A further column (n,) as numbers, whether they are kept so or as text; None where one is none."""
    try:
        return np.asarray(column, dtype=np.float64)
    except ValueError:
        return None


def points(coordinates: Sequence[NDArray[np.float64]], path: Path) -> NDArray[np.float64]:
    """(n, ndim) centres from columns in array order (z,) y, x; PicksError with a row that is not finite."""
    table = np.stack(coordinates, axis=1) if len(coordinates[0]) else np.zeros((0, len(coordinates)))
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        found = ", ".join(f"{value:g}" for value in table[bad[0], ::-1])
        raise PicksError(
            f"{path}: the coordinates in row {bad[0] + 1} are not finite numbers ({found}, x first); "
            f"correct or remove it ({len(bad)} such rows)"
        )
    return table


def scores_or(picks: Picks, none: float) -> NDArray[np.float64]:
    """(n,) scores, and where a pick has none the number that stands for that in a format."""
    scores = np.full(len(picks), np.nan) if picks.scores is None else picks.scores
    return np.where(np.isnan(scores), none, scores)


def by_image(picks: Picks, names: Sequence[str] | None) -> PicksByImage:
    """Split picks by image, in the order of the file; all under None where it names no images."""
    if names is None:
        return {None: picks}
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows_of.setdefault(name, []).append(row)
    return {name: picks.select(rows) for name, rows in rows_of.items()}


def text_of(value: float) -> str:
    """Write a number in the fewest digits that give it back exactly, whole numbers without a point."""
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def without_image_suffix(name: str) -> str:
    """Strip from the name of an image the extension of an image format; other dots stay."""
    return IMAGE_SUFFIX.sub("", name)


def tomogram_name(name: str) -> str:
    """The name of a tilt series from that of its tomogram: rec_TS_01_10.00Apx.mrc in a folder is TS_01."""
    bare = without_image_suffix(PurePosixPath(name).name).removesuffix(".tomostar")
    return _RECONSTRUCTED.sub("", bare.removeprefix("rec_")) or bare


def check_tomogram_names(names: Sequence[str]) -> None:
    """Raise OutputError where two tomograms would have one name in the tables of other programs."""
    owner: dict[str, str] = {}
    for name in names:
        other = owner.setdefault(tomogram_name(name), name)
        if other != name:
            raise OutputError(
                f"{other} and {name} would both be the tomogram {tomogram_name(name)!r} in files of other programs; "
                "rename one of them, or pick them into different folders"
            )


def corner_boxes(picks: Picks, box_size: int | None, path: Path) -> NDArray[np.float64]:
    """(n, 2) corners x, y (the lowest) of boxes around the picks, as the formats with boxes want them.

    Raises PicksError where the box size is not known, and for picks in volumes.
    """
    require_2d(picks, path)
    if box_size is None:
        raise PicksError(f"{path}: this format stores boxes; give their size in pixels with --box-size")
    return picks.points[:, ::-1] - box_size / 2


def require_2d(picks: Picks, path: Path) -> None:
    """Raise PicksError for picks in volumes, where a format holds those in micrographs only."""
    if picks.ndim != 2:
        raise PicksError(f"{path}: this format holds picks in 2D images, these are {picks.ndim}D; write csv")


def require_3d(picks: Picks, path: Path) -> None:
    """Raise PicksError for picks in 2D images, where a format holds those in tomograms only."""
    if picks.ndim != 3:
        raise PicksError(f"{path}: this format holds picks in tomograms, these are {picks.ndim}D; write csv")


def known_pixel_size(facts: Facts, path: Path) -> float:
    """A/px of the image; PicksError, which names the option, where it is not known."""
    if facts.pixel_size is None:
        raise PicksError(
            f"{path}: its format counts in Angstrom or in pixels of another binning, and the pixel size of the image "
            "is not known: no image is given, or its header does not say (0 and 1 mean that). Give --pixel-size"
        )
    return facts.pixel_size


def known_shape(facts: Facts, path: Path) -> NDArray[np.float64]:
    """(z, y, x) of the volume; PicksError, which names the option, where it is not known."""
    if facts.shape is None or len(facts.shape) != 3:
        raise PicksError(
            f"{path}: its format counts from the centre of the tomogram, so the size of that is needed; give the "
            "tomograms with --images"
        )
    return np.array(facts.shape, dtype=np.float64)


def locate(index: Path, listed: str) -> Path:
    """Find a file listed relative to the project: from here, else from the folders above the index."""
    for folder in (Path(), *index.absolute().parents):
        if listed and (folder / listed).is_file():
            return folder / listed
    raise PicksError(
        f"{index}: lists {listed[:200]!r}, which is not there; run from the project's folder, where its "
        "paths start"
    )


def write_joined(table: Path, files: Sequence[Path]) -> None:
    """Join tables with equal headers, one after the other; those without rows add nothing.

    Raises PicksError where headers differ.
    """
    header = empty = ""
    with replacing(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        for file in files:
            first, *rows = file.read_text(encoding="utf-8").splitlines() or [""]
            empty = empty or first
            if rows and header and first != header:
                raise PicksError(f"{file}: its columns ({first!r}) differ from those before it ({header!r})")
            if rows and not header:
                header = first
                out.write(f"{header}\n")
            out.writelines(f"{row}\n" for row in rows)
        if not header:
            out.write(f"{empty}\n")
