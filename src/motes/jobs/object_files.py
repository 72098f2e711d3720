"""The files that objects are written to: a table, labels and outlines of each image, and tables of all of them."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.errors import ImageError, InputError, OutputError, did_you_mean
from motes.formats import geojson, imagej_roi
from motes.formats.images import IMAGE_SUFFIX, write_image
from motes.formats.outlines import Outline, trace_outlines
from motes.formats.picks import write_picks
from motes.output import replacing, write_text
from motes.picking.measure_objects import TILE
from motes.picking.object_table import ANGSTROM_PER_MICROMETRE, Floats, ObjectTable
from motes.picking.tiling import windows_of
from motes.picks import Picks
from motes.score.space import nearest_distances

OUTLINE_FORMATS = ("geojson", "imagej")
_SUFFIXES = {"labels": ".tif", "geojson": geojson.SUFFIX, "imagej": imagej_roi.SUFFIX}
_MILLIMETRE = 1e7  # A

Row = dict[str, str | int | float | None]


def write_objects(
    out: Path,
    name: str,
    labels: NDArray[np.integer[Any]],
    table: ObjectTable,
    *,
    pixel_size: float | None = None,
    formats: Sequence[str] = (),
    with_labels: bool = True,
    image_name: str | None = None,
) -> Picks:
    """Write the objects of one image, the CSV last: where it stands, the image is done.

    OUT/picks/NAME.csv; of the others an image's extension gives way: OUT/labels/NAME.tif, OUT/geojson/NAME.geojson,
    OUT/imagej/NAME.zip. name: output name of the image, with folders. labels: ([z,] y, x), the objects of the table
    and no others, with any numbers, which all files keep. pixel_size: A/px. formats: of OUTLINE_FORMATS; of a volume
    there is an outline for each section of an object. image_name: in the table, where it is another. Gives back the
    rows of the CSV. Raises InputError for another format, ImageError for numbers beyond 32 bits, PicksError where a
    format cannot hold an outline, OutputError where a file cannot be written.
    """
    check_outline_formats(formats)
    picks = table.to_picks(pixel_size)
    if with_labels:
        write_image(object_file(out, "labels", name), _stored(labels, name), pixel_size)
    numbered = _numbered_by_row(labels, table.labels) if formats else labels
    if "geojson" in formats:
        outlines = _outlines(numbered, table)
        geojson.write_geojson(object_file(out, "geojson", name), outlines, _measurements(picks))
    if "imagej" in formats:
        named = (
            replace(each, label=int(table.labels[each.label - 1])) for each in _outlines(numbered, table)
        )
        imagej_roi.write_rois(object_file(out, "imagej", name), named)
    write_picks(table_file(out, name), picks, format="csv", image_name=image_name or name)
    return picks


def table_file(out: Path, name: str) -> Path:
    """OUT/picks/NAME.csv."""
    return out / "picks" / f"{name}.csv"


def object_file(out: Path, kind: str, name: str) -> Path:
    """The file of an image for labels, or a format of OUTLINE_FORMATS."""
    return out / kind / f"{IMAGE_SUFFIX.sub('', name)}{_SUFFIXES[kind]}"


def check_outline_formats(formats: Sequence[str]) -> None:
    """Raise InputError for a format that there is not."""
    for each in formats:
        if each not in OUTLINE_FORMATS:
            raise InputError(
                f"there is no format {each!r} for outlines.{did_you_mean(each, OUTLINE_FORMATS)}"
            )


def check_apart(names: Sequence[str]) -> None:
    """Raise OutputError where the objects of two images would be written to one file."""
    owner: dict[str, str] = {}
    for name in names:
        other = owner.setdefault(IMAGE_SUFFIX.sub("", name), name)
        if other != name:
            raise OutputError(
                f"the objects of {other} and {name} would both be written to {object_file(Path(), 'labels', name)}; "
                "rename one of the images, or put them into different folders"
            )


def _stored(labels: NDArray[np.integer[Any]], name: str) -> NDArray[np.integer[Any]]:
    """Labels as the smallest whole numbers that hold them and that other programs read."""
    low, high = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if high >= 2**32:
        raise ImageError(
            f"{name}: an object has the number {high}, but label images hold 32 bits; number the objects anew"
        )
    kind = np.uint16 if high < 2**16 else np.int32 if high < 2**31 else np.uint32
    return np.asarray(np.maximum(labels, 0) if low < 0 else labels, dtype=kind)


def _numbered_by_row(
    labels: NDArray[np.integer[Any]], numbers: NDArray[np.int64]
) -> NDArray[np.integer[Any]]:
    """Labels 1 to n in the order of the rows of a table whose numbers (n,) rise."""
    if np.array_equal(numbers, np.arange(1, len(numbers) + 1)):
        return labels
    rows = np.zeros(labels.shape, np.int32)
    for window in windows_of(labels.shape, TILE[labels.ndim]):
        rows[window] = _rows(labels[window], numbers)
    return rows


def _rows(labels: NDArray[np.integer[Any]], numbers: NDArray[np.int64]) -> NDArray[np.int32]:
    """The place of each label in rising numbers (n,), from 1; 0 for those that are not there."""
    rows = np.zeros(labels.shape, np.int32)
    inside = np.isin(labels, numbers)
    rows[inside] = np.searchsorted(numbers, labels[inside]) + 1
    return rows


def without_objects(labels: NDArray[np.integer[Any]], kept: NDArray[np.int64]) -> NDArray[np.integer[Any]]:
    """A copy of labels ([z,] y, x) that holds the objects with these rising numbers (n,) only."""
    left = np.zeros_like(labels)
    for window in windows_of(labels.shape, TILE[labels.ndim]):
        left[window] = np.where(_rows(labels[window], kept) > 0, labels[window], 0)
    return left


def _outlines(numbered: NDArray[np.integer[Any]], table: ObjectTable) -> Iterator[Outline]:
    """The outlines of all objects, numbered by their row from 1, as they are traced."""
    for some in trace_outlines(numbered, table.boxes if numbered.ndim == 2 else None):
        yield from some


def _measurements(picks: Picks) -> dict[str, NDArray[Any]]:
    """What is known of each object beside its outline; nan is left out by the writer."""
    columns: dict[str, NDArray[Any]] = {
        name: values for name, values in picks.extra.items() if not name.startswith("box_")
    }
    if picks.diameters is not None:
        columns["diameter"] = picks.diameters
    if picks.scores is not None:
        columns["confidence"] = picks.scores
    return columns


@dataclass(frozen=True)
class ObjectValues:
    """What a summary of one image, or of many, is made of; arrays (n,) have one value an object.

    pixels: of the images. size: the same in mm^ndim. diameters, nearest (distance from centre to centre): px;
    diameters_um, nearest_um: micrometres. What is not known of every image is None.
    """

    ndim: int
    pixels: int
    size: float | None
    sizes: NDArray[np.int64]
    diameters: Floats
    nearest: Floats
    circularities: Floats
    touching: NDArray[np.bool_]
    at_edge: NDArray[np.bool_]
    diameters_um: Floats | None
    nearest_um: Floats | None
    intensities: Floats | None
    contrasts: Floats | None

    def summary(self) -> Row:
        """Counts, shares, densities, means, medians and standard deviations, by name; None where undefined."""
        area, per = ("mm2", "megapixel") if self.ndim == 2 else ("mm3", "megavoxel")
        count = len(self.sizes)
        row: Row = {
            "objects": count,
            "coverage": float(self.sizes.sum()) / self.pixels,
            f"per_{per}": count / self.pixels * 1e6,
            f"per_{area}": None if self.size is None else count / self.size,
        }
        lengths = {"diameter": self.diameters, "diameter_um": self.diameters_um}
        for name, values in lengths.items():
            row |= _spread(name, values)
        row |= {
            "circularity_mean": _mean(self.circularities),
            "circularity_median": _median(self.circularities),
        }
        row |= {"touching": _mean(self.touching), "at_edge": _mean(self.at_edge)}
        row |= {"nearest_mean": _mean(self.nearest), "nearest_um_mean": _mean(self.nearest_um)}
        return row | {"intensity_mean": _mean(self.intensities), "contrast_mean": _mean(self.contrasts)}


def object_values(table: ObjectTable, shape: Sequence[int], pixel_size: float | None) -> ObjectValues:
    """What the summary of one image of a shape ([z,] y, x) is made of; pixel_size: A/px."""
    pixels, nearest = math.prod(shape), nearest_distances(table.points)
    micrometres = None if pixel_size is None else pixel_size / ANGSTROM_PER_MICROMETRE
    return ObjectValues(
        table.ndim,
        pixels,
        None if pixel_size is None else pixels * (pixel_size / _MILLIMETRE) ** table.ndim,
        table.sizes,
        table.diameters,
        nearest,
        table.circularities,
        table.touching,
        table.at_edge,
        None if micrometres is None else table.diameters * micrometres,
        None if micrometres is None else nearest * micrometres,
        table.intensities,
        table.contrasts,
    )


def joined_values(parts: Sequence[ObjectValues]) -> ObjectValues:
    """The values of all images together; at least one."""
    sizes = [part.size for part in parts]
    columns: dict[str, Any] = {}
    for name in list(ObjectValues.__dataclass_fields__)[3:]:
        values = [getattr(part, name) for part in parts]
        columns[name] = None if any(each is None for each in values) else np.concatenate(values)
    return ObjectValues(
        parts[0].ndim,
        sum(part.pixels for part in parts),
        None if None in sizes else sum(size for size in sizes if size is not None),
        **columns,
    )


def _spread(name: str, values: Floats | None) -> Row:
    """Mean, median and standard deviation of the sample."""
    several = values is not None and len(values) > 1
    deviation = float(np.std(values, ddof=1)) if several and values is not None else None
    return {f"{name}_mean": _mean(values), f"{name}_median": _median(values), f"{name}_sd": deviation}


def _mean(values: NDArray[Any] | None) -> float | None:
    known = _known(values)
    return float(known.mean()) if len(known) else None


def _median(values: NDArray[Any] | None) -> float | None:
    known = _known(values)
    return float(np.median(known)) if len(known) else None


def _known(values: NDArray[Any] | None) -> Floats:
    numbers = np.zeros(0) if values is None else np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV with the columns of all rows, numbers to six digits; nothing stands where nothing is known."""
    text = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _shown(value) for name, value in row.items()} for row in rows)
    write_text(path, text.getvalue())


def _shown(value: Any) -> Any:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def write_object_table(path: Path, tables: Sequence[Path]) -> None:
    """Join the CSV files of images into one with a row for each object, line by line, with the columns of all."""
    names: dict[str, None] = {"image": None}
    for table in tables:
        with table.open(encoding="utf-8", newline="") as file:
            names |= dict.fromkeys(next(csv.reader(file), []))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as joined:
        writer = csv.DictWriter(joined, list(names), restval="", lineterminator="\n")
        writer.writeheader()
        for table in tables:
            with table.open(encoding="utf-8", newline="") as file:
                writer.writerows(csv.DictReader(file))
