"""Tables and pictures of the objects in label images, whatever program wrote them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry, find_images
from motes.data.mask_checks import check_values
from motes.data.mask_pairs import collect_masks
from motes.data.masks import FilePixels, whole
from motes.data.normalise import Normalisation
from motes.data.regions import label_regions, regions_of_mask
from motes.data.sampling import Pixels
from motes.errors import ImageError, InputError, MotesError, OutputError
from motes.figures.object_pictures import save_object_picture
from motes.formats.colour import NOTE as COLOUR
from motes.formats.images import is_store_of_images
from motes.formats.stores import ChunkCache, open_store
from motes.image import sides
from motes.jobs.object_files import (
    OUTLINE_FORMATS,
    ObjectValues,
    Row,
    check_apart,
    check_outline_formats,
    joined_values,
    object_values,
    table_file,
    without_objects,
    write_object_table,
    write_objects,
    write_rows,
)
from motes.jobs.telling import Failure, Silent, Teller
from motes.output import write_text
from motes.picking.instances import Keeping
from motes.picking.measure_objects import measure_objects
from motes.picking.object_table import ObjectTable
from motes.units import Length

SETTINGS = "measured.json"
OBJECTS, SUMMARY = "objects.csv", "summary.csv"
FEW = 20  # objects, up to which it is looked whether they lie in many pieces
SCATTERED = 0.05  # share of its box that an object fills; the pixels of one grey value fill less
MOST_NAMES = 3

Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class MeasureOptions:
    """What the user chose.

    pixel_size: A/px, counts before the headers. formats: of OUTLINE_FORMATS. binary: label images are masks, whose
    connected regions (also over corners) are the objects. smallest, largest: diameter of the disc or ball of the same
    size. circularity: least. edge: whether objects at the edge of an image stay. ndim: 3 for volumes.
    """

    pixel_size: float | None = None
    formats: tuple[str, ...] = ()
    binary: bool = False
    smallest: Length | None = None
    largest: Length | None = None
    circularity: float = 0
    edge: bool = True
    pictures: bool = True
    ndim: int = 2

    def keeping(self, pixel_size: float | None) -> Keeping:
        """Which objects stay in an image with that pixel size (A/px); UnitError where a length needs one."""
        smallest = 0.0 if self.smallest is None else self.smallest.in_pixels(pixel_size)
        largest = None if self.largest is None else self.largest.in_pixels(pixel_size)
        if largest is not None and largest < smallest:
            raise InputError(
                f"--largest {self.largest} is less than --smallest {self.smallest}; no object would stay"
            )
        return Keeping(smallest=smallest, largest=largest, circularity=self.circularity, edge=self.edge)


@dataclass(frozen=True)
class MeasureResult:
    """What was done. rows: those of summary.csv, an image each. totals: of all images, one flat object."""

    out: Path
    rows: list[Row]
    totals: Row
    failures: list[Failure]


@dataclass(frozen=True)
class _Pair:
    """A label image and the image that it belongs to, None without one; not read yet."""

    name: str
    labels: Pixels
    labels_name: str
    image: Pixels | None = None

    @property
    def output_name(self) -> str:
        """The name as a path that stays inside an output folder."""
        return ImageEntry(self.name, Path()).output_name

    @property
    def pixel_size(self) -> float | None:
        """A/px that a list or a header gives, of the image before the label image."""
        files = [each for each in (self.image, self.labels) if isinstance(each, FilePixels)]
        sizes = [each.entry.pixel_size or each.info.pixel_size for each in files]
        return next((size for size in sizes if size is not None), None)


@dataclass(frozen=True)
class _Measured:
    """What is left of an image that is done. mask: whether its one object seems to be many."""

    row: Row
    values: ObjectValues
    mask: bool


def measure_labels(
    labels: str,
    images: str | None,
    out: Path,
    options: MeasureOptions | None = None,
    *,
    overwrite: bool = False,
    teller: Teller | None = None,
) -> MeasureResult:
    """Measure the objects of label images, and write tables, pictures and outlines.

    labels, images: a file, a folder, a quoted glob or a store, paired as masks are for training; without images there
    are no intensities. A bad image is named and costs no other. What an earlier call with the same words has written
    to out is written anew. Raises InputError where nothing belongs together, OutputError for a folder that holds
    other files, what other words gave (without overwrite), or the label images.
    """
    options, teller = options or MeasureOptions(), teller or Silent()
    check_outline_formats(options.formats)
    pairs = _pairs(labels, images, options.ndim, teller)
    check_apart([pair.output_name for pair in pairs])
    _claim(out, [labels, *([] if images is None else [images])], options, overwrite)
    rows: list[Row] = []
    done: list[_Measured] = []
    failures: list[Failure] = []
    with teller.progress("measuring", len(pairs), "images") as tell:
        for number, pair in enumerate(pairs, start=1):
            try:
                done.append(_measure(pair, out, options))
                rows.append(done[-1].row)
            except (MotesError, OSError) as error:
                failures.append(Failure(pair.name, str(error)))
                rows.append({"image": pair.name, "status": str(error)})
                teller.warn(f"left out: {pair.name}: {error}")
            tell(number)
    _warn_of_masks([str(each.row["image"]) for each in done if each.mask], teller)
    names = {pair.name: pair.output_name for pair in pairs}
    write_object_table(out / OBJECTS, [table_file(out, names[str(each.row["image"])]) for each in done])
    write_rows(out / SUMMARY, sorted(rows, key=lambda row: row["status"] != "done"))
    return MeasureResult(out, rows, _totals(done, len(failures)), failures)


def _pairs(labels: str, images: str | None, ndim: int, teller: Teller) -> list[_Pair]:
    if images is None:
        pairs = _alone(labels, ndim)
    else:
        one_each = Path(labels).is_file() and Path(images).is_file()
        source = [labels] if one_each and not images.endswith(".star") else labels
        found = collect_masks([images], source, "instances", Normalisation(), ndim)
        for note in found.notes:
            teller.warn(note)
        pairs = [_Pair(each.name, each.mask, each.mask_name, each.image) for each in found.images]
    files = [pair.labels for pair in pairs if isinstance(pair.labels, FilePixels)]
    for each in files:
        if ndim == 2 and each.entry.section == 1:
            teller.say(
                f"{each.entry.path} holds several sections, each measured as an image; with --volumes it is one volume"
            )
    return pairs


def _alone(labels: str, ndim: int) -> list[_Pair]:
    """Label images without images, named after themselves."""
    if is_store_of_images(Path(labels)):
        store = open_store(Path(labels), ndim)
        names = [f"{number + 1:06d}@{store.path.name}" for number in range(len(store))]
        return [_Pair(name, store.image(number), name) for number, name in enumerate(names)]
    cache = ChunkCache()
    return [
        _Pair(entry.name, FilePixels(entry, ndim, cache), entry.name) for entry in find_images([labels], ndim)
    ]


def _claim(out: Path, sources: Sequence[str], options: MeasureOptions, overwrite: bool) -> None:
    """Note down what is measured, and remove what an earlier call has written; see measure_labels."""
    for source in sources:
        if Path(source).resolve().is_relative_to(out.resolve()):
            raise OutputError(f"{source} lies in {out}, where the results go; give another folder as --out")
        if Path(source).is_dir() and out.resolve().is_relative_to(Path(source).resolve()):
            raise OutputError(
                f"{out} lies in {source}, so that the results would be read as its images; give a folder beside it as "
                "--out"
            )
    settings = {"sources": [str(Path(source).resolve()) for source in sources], **_noted(options)}
    kept = out / SETTINGS
    if kept.is_file():
        before = json.loads(kept.read_text(encoding="utf-8"))
        changed = [name for name, value in settings.items() if before.get(name) != value]
        if changed and not overwrite and (out / SUMMARY).is_file():
            raise OutputError(
                f"{out} holds what was measured with another {', '.join(changed)}; "
                "give another --out, or --overwrite to replace it"
            )
        for folder in ("picks", "labels", "pictures", *OUTLINE_FORMATS):
            shutil.rmtree(out / folder, ignore_errors=True)
        for name in (OBJECTS, SUMMARY):
            (out / name).unlink(missing_ok=True)
    elif out.exists() and any(out.iterdir()):
        raise OutputError(f"{out} holds other files; give a new or empty folder as --out")
    write_text(kept, json.dumps(settings, indent=2) + "\n")


def _noted(options: MeasureOptions) -> dict[str, Any]:
    lengths = {
        name: None if value is None else str(value)
        for name, value in (("smallest", options.smallest), ("largest", options.largest))
    }
    return {**asdict(options), "formats": list(options.formats), **lengths}


def _measure(pair: _Pair, out: Path, options: MeasureOptions) -> _Measured:
    """Measure one image and write its files."""
    labels, image = _read(pair, options.binary)
    pixel_size = pair.pixel_size if options.pixel_size is None else options.pixel_size
    keeping = options.keeping(pixel_size)
    table = measure_objects(labels, image)
    _refuse_grey_values(table, pair.labels_name)
    mask = not options.binary and _is_mask(labels, table)
    stays = keeping.stays(table)
    if not stays.all():
        labels = without_objects(labels, table.labels[stays])
        table = measure_objects(labels, image)  # what they touched may be gone
    name = pair.output_name
    if options.pictures:
        save_object_picture(out / "pictures" / f"{name}.png", labels, image)
    write_objects(
        out,
        name,
        labels,
        table,
        pixel_size=pixel_size,
        formats=options.formats,
        with_labels=options.binary or keeping != Keeping(),
        image_name=pair.name,
    )
    values = object_values(table, labels.shape, pixel_size)
    facts: Row = {"image": pair.name, "status": "done", "pixel_size": pixel_size}
    return _Measured(facts | values.summary(), values, mask)


def _read(pair: _Pair, binary: bool) -> tuple[Labels, NDArray[Any] | None]:
    """Label image and image; ImageError where the one is no label image, or they differ in size."""
    if isinstance(pair.labels, FilePixels) and pair.labels.info.note == COLOUR:
        raise ImageError(
            f"{pair.labels_name}: a picture in colours or with a palette, where each pixel holds the number of its "
            "object; save it as a grey PNG or TIFF"
        )
    if pair.image is not None and tuple(pair.image.shape) != tuple(pair.labels.shape):
        raise ImageError(
            f"the image is {sides(pair.image.shape)} px and its label image {pair.labels_name} "
            f"{sides(pair.labels.shape)} px; both must be of one size, write the labels again at that of the image"
        )
    labels = whole(pair.labels)
    check_values(labels, "instances", 1, pair.labels_name)
    if labels.dtype.kind not in "iu":
        labels = labels.astype(np.int64)
    return (
        regions_of_mask(labels, pair.labels_name, "leave --binary out") if binary else labels,
        None if pair.image is None else whole(pair.image),
    )


def _refuse_grey_values(table: ObjectTable, name: str) -> None:
    """Raise ImageError where the numbers are surely the grey values of a picture."""
    boxes = np.prod(table.boxes[:, :, 1] - table.boxes[:, :, 0], axis=1)
    if len(table) > FEW and table.touching.mean() > 0.95 and np.median(table.sizes / boxes) < SCATTERED:
        raise ImageError(
            f"{name}: the pixels of each number lie scattered over the picture, as grey values do and objects do not; "
            "give the label images first, then the images"
        )


def _is_mask(labels: Labels, table: ObjectTable) -> bool:
    """Whether a few numbers stand for many separate regions, as in masks and in pictures of classes."""
    if not 0 < len(table) <= FEW:
        return False
    regions = label_regions(labels > 0)[1]
    return regions > (1 if len(table) == 1 else 2 * len(table))


def _warn_of_masks(names: Sequence[str], teller: Teller) -> None:
    if names:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        teller.warn(
            f"{', '.join(names[:MOST_NAMES])}{more}: one number stands for many separate regions, as in a mask, and "
            "was measured as one object; --binary gives each connected region of a mask a number of its own"
        )


def _totals(done: Sequence[_Measured], failed: int) -> Row:
    """One flat object: what summary.csv says of one image, of all together."""
    totals: Row = {"images": len(done), "failed": failed}
    if not done:
        return totals | {"objects": 0}
    counts = np.array([len(each.values.sizes) for each in done], dtype=np.float64)
    totals |= joined_values([each.values for each in done]).summary()
    deviation = float(counts.std(ddof=1)) if len(counts) > 1 else None
    return totals | {"per_image_mean": float(counts.mean()), "per_image_sd": deviation}
