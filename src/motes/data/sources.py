"""What to train on: one or several sets of images with their picks or masks, as options or a table say."""

import csv
import glob
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from motes.errors import InputError, UnitError, did_you_mean
from motes.units import Length, parse_length

Part = Literal["", "train", "validation", "test"]

COLUMNS = ("image", "picks", "masks", "group", "split", "pixel_size", "diameter", "weight")
PARTS: dict[str, Part] = {
    "": "",
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class DataSource:
    """One set of images with what marks the particles in them.

    images: words as find_images takes them. picks, masks: one of the two. group: what is never divided
    between training and validation; empty: each image by itself. part: empty where the seed is to choose.
    pixel_size: A/px, before the headers'. weight: how often crops are drawn from this set relative to others.
    """

    images: tuple[str, ...]
    picks: str | None = None
    masks: str | None = None
    group: str = ""
    part: Part = ""
    pixel_size: float | None = None
    diameter: Length | None = None
    weight: float = 1.0

    @property
    def labels(self) -> str:
        """Where the labels are."""
        return str(self.masks or self.picks)


def named_by_options(
    images: Sequence[str], picks: str | None, masks: str | None, part: Part = ""
) -> list[DataSource]:
    """The one set that options of the command line name, or none; InputError where they are incomplete."""
    prefix = "--validation-" if part == "validation" else "--"
    if not images and picks is None and masks is None:
        return []
    if not images or (picks is None) == (masks is None):
        given = "both" if picks is not None and masks is not None else "neither" if images else "no images"
        raise InputError(
            f"{prefix}images goes with either {prefix}picks or {prefix}masks; found {given}. Several data sets "
            "are listed in a table, with --data"
        )
    return [DataSource(tuple(images), picks, masks, part=part)]


def read_data_table(path: Path) -> list[DataSource]:
    """Read a table of data sets: image, picks or masks, group, split, pixel_size, diameter, weight.

    A row may name one image, a folder, a glob or a store; its images share its weight equally. Paths are
    relative to the table's folder. Rows that name single images and agree in all else become one set.
    Raises InputError, naming row and column, for what cannot be read.
    """
    rows = _rows(path)
    sources = [_source(path, number, row) for number, row in enumerate(rows, start=2)]
    if not sources:
        raise InputError(f"{path} has no rows; expected one for each image or set of images")
    return list(_joined(sources))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            header = [name.strip() for name in reader.fieldnames or []]
            rows = [{(k or "").strip(): (v or "").strip() for k, v in row.items() if k} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table ({error}); give a CSV file with --data") from None
    unknown = [name for name in header if name not in COLUMNS]
    if unknown:
        raise InputError(f"{path}: there is no column {unknown[0]!r}.{did_you_mean(unknown[0], COLUMNS)}")
    if "image" not in header or not {"picks", "masks"} & set(header):
        raise InputError(f"{path}: found columns {', '.join(header)}; expected image, and picks or masks")
    return [row for row in rows if any(row.values())]


def _source(path: Path, number: int, row: Mapping[str, str]) -> DataSource:
    where = f"{path}, row {number}"
    labels = [name for name in ("picks", "masks") if row.get(name)]
    if not row.get("image") or len(labels) != 1:
        raise InputError(f"{where}: expected an image, and either picks or masks; found {dict(row)}")
    part = PARTS.get(row.get("split", "").lower())
    if part is None:
        raise InputError(f"{where}: split is {row['split']!r}; expected train, validation, test or nothing")
    beside = {name: _beside(path, row.get(name, "")) for name in ("image", "picks", "masks")}
    weight = _number(where, row, "weight")
    return DataSource(
        images=(str(beside["image"]),),
        picks=beside["picks"],
        masks=beside["masks"],
        group=row.get("group", ""),
        part=part,
        pixel_size=_number(where, row, "pixel_size"),
        diameter=_length(where, row.get("diameter", "")),
        weight=1.0 if weight is None else weight,
    )


def _beside(table: Path, written: str) -> str | None:
    """A path as seen from the table's folder."""
    return str(table.parent / written) if written else None


def _number(where: str, row: Mapping[str, str], column: str) -> float | None:
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise InputError(f"{where}: {column} is {text!r}; expected a number above 0")
    return value


def _length(where: str, text: str) -> Length | None:
    try:
        return parse_length(text) if text else None
    except UnitError as error:
        raise InputError(f"{where}: {error}") from None


def _joined(sources: Iterable[DataSource]) -> Iterable[DataSource]:
    """Rows of single images that agree in all but the image, as one; the weights add up."""
    singles: dict[DataSource, list[str]] = {}
    for source in sources:
        (word,) = source.images
        single = not glob.has_magic(word) and Path(word).is_file() and not word.endswith(".star")
        if single:
            singles.setdefault(replace(source, images=()), []).append(word)
        else:
            yield source
    for source, words in singles.items():
        yield replace(source, images=tuple(words), weight=source.weight * len(words))
