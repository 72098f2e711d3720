"""Images and picks to stores of images and masks, all of one size, to train on with --masks."""

import csv
import hashlib
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import Collection, clean_picks, collect
from motes.data.image_list import ImageEntry
from motes.data.normalise import Normalisation, fill_bad_pixels, normalise
from motes.data.orientation import OrientationPool, look_at_set, refuse_flipped
from motes.data.paint import Target, paint
from motes.data.scale import resample, working_shape
from motes.data.working import check_diameter
from motes.errors import ImageError, InputError, PicksError, UnitError
from motes.formats.images import image_info
from motes.jobs.prepare import picked_diameter
from motes.jobs.store_folder import StoreFolder
from motes.jobs.telling import Failure, Silent, Teller
from motes.picks import Picks
from motes.recipe_file import load_recipe
from motes.units import Length

IGNORED = -1
ROWS = ("row", "image", "group", "particles", "scale", "offset_y", "offset_x", "height", "width")
MOST_LOOKED_AT = 20  # images, for whether the picks of all of them are mirrored


@dataclass(frozen=True)
class StoreOptions:
    """What the user chose. size: side of the stored images, px. tiles: full resolution, cut into pieces.

    radius: of the discs in the masks, in px of the image as stored or in Angstrom; None: half the diameter.
    diameter: of the particle; None: what the picks carry. pixel_size: A/px, before the headers'.
    """

    size: int = 768
    tiles: bool = False
    radius: Length | None = None
    diameter: Length | None = None
    pixel_size: float | None = None
    check_flips: bool = True


@dataclass(frozen=True)
class StoreResult:
    """rows: images in the stores. particles: in all of them. failures: images left out."""

    images: Path
    masks: Path
    rows: int
    particles: int
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class StoreRow:
    """One image of the stores, and where it comes from.

    pixels: (size, size) float32 in [0, 1]; mask: (size, size) int8, 1 particle, 0 background, -1 beyond the
    image. scale: px of the row for one px of the image as stored. offset_y, offset_x: in px of the image as
    stored. height, width: what the image fills of the row, px.
    """

    pixels: NDArray[np.float32]
    mask: NDArray[np.int8]
    particles: int
    scale: float
    offset_y: int
    offset_x: int
    height: int
    width: int


def prepare_store(
    images: Sequence[str],
    picks: str,
    out: Path,
    options: StoreOptions | None = None,
    teller: Teller | None = None,
) -> StoreResult:
    """Write OUT/images.zarr, OUT/masks.zarr and OUT/index.csv; the same command again does what is missing.

    Each image is brought whole into size x size pixels, its longer side filling them and the rest padded, or
    with tiles cut into such pieces. Raises InputError where no image can be used, OutputError for a folder
    that holds something else or was begun with other options, PicksError where all picks seem mirrored.
    """
    options, teller = options or StoreOptions(), teller or Silent()
    collection = collect(images, picks)
    for note in collection.notes:
        teller.say(note)
    job = _Job(collection, options, *_lengths(collection, options))
    folder = StoreFolder.claim(out, _settings(job), options.size)
    identities = {entry.name: _identity(entry, collection.picks[entry.name]) for entry in job.labelled}
    missing = folder.missing(identities)
    if missing and options.check_flips:
        _refuse_mirrored([entry for entry in job.labelled if entry.name in missing], job, picks)
    failures = [Failure(name, reason) for name, reason in collection.problems.items()]
    with teller.progress("preparing", len(job.labelled), "images") as done:
        for number, entry in enumerate(job.labelled):
            if entry.name in missing:
                failures += _do_one(entry, missing[entry.name], job, folder, teller)
            done(number + 1)
    if not folder.records:
        raise InputError(f"no image could be prepared: {failures[0].reason}")
    folder.finish(_index(folder.records))
    particles = sum(int(record["particles"]) for record in folder.records)
    return StoreResult(folder.images, folder.masks, len(folder.records), particles, failures)


@dataclass(frozen=True)
class _Job:
    """What is to be done. diameter: of the particle, radius: of its disc."""

    collection: Collection
    options: StoreOptions
    diameter: Length
    radius: Length

    @property
    def labelled(self) -> list[ImageEntry]:
        """The images that have picks."""
        return [entry for entry in self.collection.images if entry.name in self.collection.picks]


def _lengths(collection: Collection, options: StoreOptions) -> tuple[Length, Length]:
    """Diameter of the particle and radius of its disc; one follows from the other where it is not given."""
    diameter = options.diameter
    if diameter is None and options.radius is not None:
        diameter = Length(2 * options.radius.value, options.radius.unit)
    if diameter is None:
        diameter = picked_diameter(collection, load_recipe("micrographs", pixel_size=options.pixel_size))
    if diameter is None:
        raise UnitError(
            "the particle's diameter is not known: give --diameter 150 (Angstrom) or --diameter 60px, or the "
            "radius of the discs, as --radius 20 (px); the picks carry none"
        )
    return diameter, options.radius or Length(diameter.value / 2, diameter.unit)


def _settings(job: _Job) -> dict[str, Any]:
    """All that decides what is written, apart from images and picks."""
    options = job.options
    return {
        "size": options.size,
        "tiles": options.tiles,
        "radius": str(job.radius),
        "pixel_size": options.pixel_size,
        "mask_type": "int8" if any(_is_padded(entry, options) for entry in job.labelled) else "uint8",
    }


def _is_padded(entry: ImageEntry, options: StoreOptions) -> bool:
    """Whether a row of this image has something beyond it, which only a signed mask can say."""
    try:
        shape = image_info(entry.path).shape
    except ImageError:  # it is reported when it is read
        return False
    if options.tiles:
        return min(shape) < options.size
    return working_shape(shape, options.size / max(shape)) != (options.size, options.size)


def _identity(entry: ImageEntry, picks: Picks) -> str:
    """What tells that an image file and the picks in it are still the same."""
    try:
        status = entry.path.stat()
        file = f"{status.st_size} {status.st_mtime_ns} {entry.section} "
    except OSError:  # it is reported when it is read
        file = ""
    return hashlib.sha256(file.encode() + np.ascontiguousarray(picks.points).tobytes()).hexdigest()


def _refuse_mirrored(entries: Sequence[ImageEntry], job: _Job, source: str) -> None:
    """Raise PicksError where images with few or faint particles, taken together, have mirrored picks."""
    sample = entries[:: -(-len(entries) // MOST_LOOKED_AT)]
    pairs = [(entry, job.collection.picks[entry.name]) for entry in sample]
    look_at_set(pairs, job.diameter, pixel_size=job.options.pixel_size).refuse_pooled(source)


def _do_one(
    entry: ImageEntry, identity: str, job: _Job, folder: StoreFolder, teller: Teller
) -> list[Failure]:
    """Put one image into the stores, or say why that is not possible; it costs the others nothing."""
    try:
        rows, notes = _rows_of(entry, job)
    except (InputError, OSError) as error:
        teller.warn(f"left out: {error}")
        return [Failure(entry.name, str(error))]
    _write(folder, entry, identity, rows)
    for note in notes:
        teller.say(note)
    return []


def _rows_of(entry: ImageEntry, job: _Job) -> tuple[list[StoreRow], list[str]]:
    """The rows that one image gives, and what the user should know."""
    picks, options = job.collection.picks[entry.name], job.options
    image = entry.read(2, options.pixel_size)
    if picks.ndim != image.ndim:
        raise PicksError(f"{entry.name}: the image has {image.ndim} dimensions, its picks have {picks.ndim}")
    picks, notes = clean_picks(picks, image.shape, entry.name)
    radius_px = job.radius.in_pixels(image.pixel_size)
    check_diameter(2 * radius_px, image.shape, entry.name)
    if options.check_flips:
        diameter_px = job.diameter.in_pixels(image.pixel_size)
        refuse_flipped(OrientationPool().add_image(image, picks, diameter_px), entry.name)
    pixels, bad = fill_bad_pixels(image.data, entry.name)
    if bad:
        notes.append(f"{entry.name}: {bad} NaN or infinite pixels masked")
    if not options.tiles:
        pixels = resample(pixels, working_shape(image.shape, options.size / max(image.shape)))
    factors = [new / old for new, old in zip(pixels.shape, image.shape, strict=True)]
    points = picks.scaled(factors).points
    scale = float(np.mean(factors))
    grey = between_0_and_1(pixels, entry.name)
    return list(_cut(grey, points, radius_px * scale, options.size, scale)), notes


def between_0_and_1(pixels: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Clip the extremes as normalise does, then map what is left to [0, 1]; the same shape."""
    values = normalise(pixels, Normalisation(), name)
    low, high = float(values.min()), float(values.max())
    return np.asarray(np.clip((values - low) / (high - low), 0, 1), dtype=np.float32)


def _cut(
    grey: NDArray[np.float32], points: NDArray[np.float64], radius: float, size: int, scale: float
) -> Iterator[StoreRow]:
    """Pieces of an image that cover it: one, padded at the end, where it fits into size x size."""
    for top, left in itertools.product(*(tile_starts(side, size) for side in grey.shape)):
        part = grey[top : top + size, left : left + size]
        height, width = part.shape
        pixels = np.full((size, size), grey.mean(), dtype=np.float32)
        pixels[:height, :width] = part
        mask = np.full((size, size), IGNORED, dtype=np.int8)
        moved = points - [top, left]
        mask[:height, :width] = paint(moved, part.shape, 2 * radius, Target(shape="disc", radius=1)) > 0
        inside = np.all((moved >= -0.5) & (moved < np.array(part.shape) - 0.5), axis=1)
        yield StoreRow(pixels, mask, int(inside.sum()), scale, top, left, height, width)


def tile_starts(side: int, size: int) -> list[int]:
    """Where pieces of a size begin that cover a side; the last one is moved inwards, so that it lies inside."""
    return [max(0, min(start, side - size)) for start in range(0, side, size)]


def _write(folder: StoreFolder, entry: ImageEntry, identity: str, rows: Sequence[StoreRow]) -> None:
    """Put an image's rows into the stores, and note them down only then."""
    group = str(PurePosixPath(entry.output_name).parent)
    arrays = ("pixels", "mask")
    records: list[dict[str, Any]] = []
    for row in rows:
        number = len(folder.records) + len(records)
        folder.write(number, row.pixels, row.mask)
        known = {key: getattr(row, key) for key in StoreRow.__dataclass_fields__ if key not in arrays}
        known["scale"] = round(row.scale, 6)
        records.append({"row": number, "image": entry.name, "group": "" if group == "." else group, **known})
    folder.note_down(entry.name, identity, records)


def _index(records: Sequence[dict[str, Any]]) -> str:
    table = io.StringIO()
    writer = csv.DictWriter(table, ROWS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return table.getvalue()
