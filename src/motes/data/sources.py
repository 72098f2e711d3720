"""What to train on: one or several sets of images with their picks or masks, as options or a table say."""

import csv
import glob
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from motes.data.collection import Collection, LoadedPicks, accepted, collect, nothing_paired, read_all_picks
from motes.data.image_list import ImageEntry, find_images
from motes.data.pairing import pair
from motes.errors import InputError, PicksError, UnitError, did_you_mean
from motes.formats.picks import NO_FACTS, Facts
from motes.output import write_text
from motes.picks import Picks
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

    images: words as find_images takes them. picks, masks: one of the two; of several, each is the file of the
    image in the same place. group: what is never divided between training and validation; empty: each image
    by itself. part: empty where the seed is to choose. pixel_size: A/px, before the headers'. weight: how
    often crops are drawn from this set relative to others.
    """

    images: tuple[str, ...]
    picks: str | tuple[str, ...] | None = None
    masks: str | tuple[str, ...] | None = None
    group: str = ""
    part: Part = ""
    pixel_size: float | None = None
    diameter: Length | None = None
    weight: float = 1.0

    @property
    def labels(self) -> str:
        """Where the labels are, in words."""
        where = self.masks or self.picks or ""
        if isinstance(where, str):
            return where
        return where[0] if len(where) == 1 else f"{where[0]} and {len(where) - 1} more"


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
    relative to the table's folder. Rows that name single images become one set, where they agree in all but
    the image and the file of its labels.
    Raises InputError, naming row and column, for what cannot be read.
    """
    rows = _rows(path)
    sources = [_source(path, number, row) for number, row in enumerate(rows, start=2)]
    if not sources:
        raise InputError(f"{path} has no rows; expected one for each image or set of images")
    return list(_joined(sources))


def read_data_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table of data sets as they are, with absolute paths; every column is there.

    Raises InputError as read_data_table.
    """
    rows = _rows(path)
    for number, row in enumerate(rows, start=2):
        _source(path, number, row)
    paths = ("image", "picks", "masks")
    return [
        {name: row.get(name, "") for name in COLUMNS}
        | {name: str((path.parent / row[name]).absolute()) for name in paths if row.get(name)}
        for row in rows
    ]


def write_data_rows(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table that read_data_table reads; OutputError where it cannot be written."""
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, table.getvalue())


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
    """Rows of single images that agree in all but image and labels file, as one; the weights add up."""
    singles: dict[DataSource, list[DataSource]] = {}
    for source in sources:
        if _is_one_image(source.images[0]):
            singles.setdefault(_without_files(source), []).append(source)
        else:
            yield source
    for shared, rows in singles.items():
        images = tuple(row.images[0] for row in rows)
        _check_named_once(images)
        yield replace(
            shared,
            images=images,
            picks=tuple(str(row.picks) for row in rows) if shared.picks == () else shared.picks,
            masks=tuple(str(row.masks) for row in rows) if shared.masks == () else shared.masks,
            weight=shared.weight * len(rows),
        )


def _is_one_image(word: str) -> bool:
    return not glob.has_magic(word) and Path(word).is_file() and not word.endswith((".star", ".json"))


def _without_files(source: DataSource) -> DataSource:
    """What rows of one set have in common: all but the image, and but the labels where they are a file."""
    own = Path(source.labels).is_file()
    picks = () if own and source.picks is not None else source.picks
    masks = () if own and source.masks is not None else source.masks
    return replace(source, images=(), picks=picks, masks=masks)


def _check_named_once(images: Sequence[str]) -> None:
    repeated = [image for image, count in Counter(images).items() if count > 1]
    if repeated:
        raise InputError(
            f"{repeated[0]} stands in several rows of the table; give each image one row, and a weight to draw "
            "from it more often"
        )


def collect_picks(source: DataSource, ndim: int = 2, given: Facts = NO_FACTS) -> Collection:
    """The images of a set and their picks, as collect finds them, or each from its own file.

    given: what counts before the headers of the images, where picks are not stored in pixels.

    An own file that is damaged costs the other images nothing. Raises InputError and PicksError as collect.
    """
    if source.picks is None or isinstance(source.picks, str):
        return collect(source.images, source.picks, ndim, given=given)
    images = find_images(source.images, ndim)
    file_of = {Path(image): file for image, file in zip(source.images, source.picks, strict=True)}
    images_of: dict[str, list[ImageEntry]] = {}
    for entry in images:
        images_of.setdefault(file_of[entry.path], []).append(entry)
    collection = Collection(images)
    for file, entries in images_of.items():
        try:
            loaded = read_all_picks(file, entries, ndim, given)
        except PicksError as error:
            loaded = LoadedPicks(problems={entries[0].name: str(error)})
        found = _picks_of(entries, loaded, ndim)
        without = [entry.name for entry in entries if entry.name not in found]
        collection.picks.update(accepted(found, file))
        collection.problems.update(loaded.problems)
        collection.notes.extend([*loaded.notes, *(f"left out: {why}" for why in loaded.problems.values())])
        if without and not loaded.problems:
            collection.notes.append(f"without picks in {file}, left out: {', '.join(without)}")
    if not collection.picks and not collection.problems:
        raise PicksError(nothing_paired(images, loaded))
    return collection


def _picks_of(entries: Sequence[ImageEntry], loaded: LoadedPicks, ndim: int) -> dict[str, Picks]:
    """Picks of one file by image; picks of one image in a file of one image's own need no common name."""
    if len(entries) == len(loaded.picks) == 1:
        return {entries[0].name: next(iter(loaded.picks.values()))}
    key_of = pair([entry.name for entry in entries], loaded.picks, ndim).key_of
    return {name: loaded.picks[key] for name, key in key_of.items()}
