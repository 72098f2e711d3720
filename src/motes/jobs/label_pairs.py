"""Label images brought together for scoring: what a source holds, paired by name, read as numbers of objects."""

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motes.data.collection import MOST_READ, PICKS_SUFFIXES, load_picks
from motes.data.image_list import ImageEntry, begin_with_volume, find_images
from motes.data.mask_pairs import APPENDED
from motes.data.pairing import bare_name, pair
from motes.data.regions import regions_of_mask
from motes.errors import ImageError, InputError
from motes.formats.colour import NOTE as COLOUR
from motes.formats.copick import split_source
from motes.formats.images import image_info, is_image
from motes.formats.picks import PICKS_FORMATS
from motes.formats.stores import is_store
from motes.formats.tiff import SUFFIXES as TIFF
from motes.jobs.telling import Teller
from motes.picks import Picks

ValueKind = Literal["instances", "binary"]
Labels = NDArray[np.integer[Any]]

LOOKED_AT = 20  # files of a folder, which are of one kind
MOST_NAMES = 3
LABELS, PICKS = "labels", "picks"  # folders that `motes pick` and `motes simulate` write


@dataclass(frozen=True)
class Held:
    """What a source holds: label images, as find_images takes them, and picks, as load_picks does; None without."""

    labels: str | None
    picks: str | None


@dataclass(frozen=True)
class LabelPairs:
    """Label images of two sources, found and true, that belong together.

    pairs: by the name of the truth; None where nothing was found. without_truth: names of what was found that has no
    truth. picks: by the name of the truth, the table of what was found. ndim: 2, or 3 for volumes.
    """

    pairs: dict[str, tuple[ImageEntry | None, ImageEntry]]
    without_truth: list[str]
    picks: dict[str, Picks]
    ndim: int


def what_is_held(source: str) -> Held:
    """Say whether a source is label images, picks, or a folder with both, as `motes pick` writes one."""
    path = Path(source)
    if split_source(source) is not None:
        return Held(None, source)
    if path.is_dir() and not is_store(path):
        return _held_in_folder(path)
    files = [path] if path.exists() else [Path(name) for name in sorted(glob.glob(source))]  # noqa: PTH207
    images = any(is_store(file) or is_image(file) for file in files[:LOOKED_AT])
    return Held(source, None) if images else Held(None, source)


def are_objects(found: str, truth: str, asked: bool = False) -> bool:
    """Whether found and truth are to be scored as objects with outlines, not as picks.

    They are where the truth is label images, and nothing else. A folder that holds centres as well counts as picks,
    unless asked for outlines, or unless label images alone were found. Raises InputError where one side has outlines
    and the other only centres.
    """
    ours, theirs = what_is_held(found), what_is_held(truth)
    only_outlines = ours.labels is not None and ours.picks is None
    if asked or (theirs.labels is not None and (theirs.picks is None or only_outlines)):
        for what, source, held in (("what was found", found, ours), ("the truth", truth, theirs)):
            if held.labels is None:
                raise InputError(_without_outlines(what, source))
        return True
    if only_outlines and Path(truth).exists():
        raise InputError(
            f"{found} holds label images and {truth} centres; give the true label images, or, to score centres alone, "
            "a table of the centres of what was found, as `motes measure` writes it"
        )
    return False


def _held_in_folder(folder: Path) -> Held:
    if (folder / PICKS).is_dir() or (folder / LABELS).is_dir():
        labels = folder / LABELS
        picks = str(folder) if (folder / PICKS).is_dir() else None
        return Held(str(labels) if labels.is_dir() and _has_images(labels) else None, picks)
    picks = str(folder) if any(map(_tells_centres, _tables_below(folder))) else None
    return Held(str(folder) if _has_images(folder) else None, picks)


def _without_outlines(what: str, source: str) -> str:
    if not (Path(source).exists() or glob.has_magic(source) or split_source(source)):
        return f"{source} does not exist; give a file, a folder or a quoted glob of label images"
    return (
        f"objects cannot be compared, because {what} in {source} is not label images; give TIFF, PNG or MRC images of "
        "the objects' numbers on both sides, or, to score centres alone, picks on both sides (`motes measure` writes "
        "the centres of label images as a table)"
    )


def pair_labels(found: str, truth: str, teller: Teller, *, volumes: bool = False) -> LabelPairs:
    """Find the label images of two sources that belong together by name, or, of one file each, by order.

    As in training `_mask`, `_labels` and the like at the end of a name do not count. volumes: several pages of a TIFF
    are z. Raises InputError where no names agree or two images would be one, PicksError where picks beside what was
    found cannot be read.
    """
    ours, theirs = what_is_held(found), what_is_held(truth)
    labels, true_labels = ours.labels or found, theirs.labels or truth
    ndim = 3 if volumes or begin_with_volume([true_labels]) else 2
    entries, true_entries = find_images([labels], ndim), find_images([true_labels], ndim)
    if ndim == 2:
        _tell_pages(true_entries, teller)
    if _is_one_file(labels) and _is_one_file(true_labels):
        pairs = _by_order(entries, true_entries, labels, true_labels)
        left_over: list[str] = []
    else:
        pairs, left_over = _by_name(entries, true_entries, labels, true_labels, ndim)
    return LabelPairs(pairs, left_over, _tables(ours, pairs, ndim), ndim)


def read_labels(entry: ImageEntry, ndim: int, kind: ValueKind) -> Labels:
    """Read ([z,] y, x) numbers of objects, 0 for background; what is below 0 stays.

    kind: instances, as they are; binary, each connected region of what is above 0 is an object, diagonals connect.
    Raises ImageError for colours, for what are no whole numbers, and for a binary mask of several values.
    """
    if image_info(entry.path, ndim).note == COLOUR:
        raise ImageError(
            f"{entry.name}: in colours or with a palette, where numbers are expected; save it as a grey PNG or TIFF"
        )
    values = _whole_numbers(np.asarray(entry.read(ndim).data), entry.name)
    if kind == "instances":
        return values
    return regions_of_mask(
        values,
        entry.name,
        "say --objects instances, or found-binary or truth-binary where only the other side are masks",
    )


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _whole_numbers(values: NDArray[Any], name: str) -> Labels:
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
            raise ImageError(
                f"{name}: its values are not whole numbers, so it is no label image; is it the image itself, or a "
                "probability map?"
            )
        return values.astype(np.int64)
    return values.astype(np.uint8) if values.dtype.kind == "b" else values


def _tells_centres(file: Path) -> bool:
    """Whether a file is of a known format of coordinates."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as stream:
            text = stream.read(MOST_READ)
    except OSError:  # it is reported when it is read
        return False
    return any(known.matches(file, text) for known in PICKS_FORMATS.values())


def _tables_below(folder: Path) -> list[Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICKS_SUFFIXES)
    return list(islice((path for path in found if path.is_file()), LOOKED_AT))


def _has_images(folder: Path) -> bool:
    return any(is_image(path) for path in folder.rglob("*"))


def _is_one_file(source: str) -> bool:
    return Path(source).is_file() or is_store(Path(source))


def _tell_pages(entries: Sequence[ImageEntry], teller: Teller) -> None:
    pages = [entry.path.name for entry in entries if entry.section and entry.path.name.lower().endswith(TIFF)]
    if pages:
        teller.warn(
            f"each page of {named(list(dict.fromkeys(pages)))} is scored as an image of its own; if the pages are the "
            "layers of one volume, add --volumes"
        )


def _by_order(
    entries: Sequence[ImageEntry], true_entries: Sequence[ImageEntry], found: str, truth: str
) -> dict[str, tuple[ImageEntry | None, ImageEntry]]:
    if len(entries) != len(true_entries):
        raise InputError(
            f"{found} holds {len(entries)} label images and {truth} {len(true_entries)}; two files are compared image "
            "by image and must hold equally many"
        )
    return {true.name: (own, true) for own, true in zip(entries, true_entries, strict=True)}


def _by_name(
    entries: Sequence[ImageEntry], true_entries: Sequence[ImageEntry], found: str, truth: str, ndim: int
) -> tuple[dict[str, tuple[ImageEntry | None, ImageEntry]], list[str]]:
    """Pairs by the name of the truth, and the names of what was found that has none."""
    own, true = _by_image(entries, found), _by_image(true_entries, truth)
    pairing = pair(list(true), own, ndim)
    if not pairing.key_of:
        raise InputError(
            f"no label image of {found} belongs to one of {truth}: they are named like {entries[0].name!r} and "
            f"{true_entries[0].name!r}; the names must agree"
        )
    pairs = {entry.name: (own.get(pairing.key_of.get(name, "")), entry) for name, entry in true.items()}
    return pairs, [own[key].name for key in pairing.left_over]


def _by_image(entries: Sequence[ImageEntry], source: str) -> dict[str, ImageEntry]:
    """Label images by the name of the image that they belong to."""
    found: dict[str, ImageEntry] = {}
    for entry in entries:
        name = APPENDED.sub("", bare_name(entry.name))
        if name in found:
            raise InputError(
                f"{source}: {found[name].name} and {entry.name} are both labels of {name}; keep one of them"
            )
        found[name] = entry
    return found


def _tables(
    held: Held, pairs: dict[str, tuple[ImageEntry | None, ImageEntry]], ndim: int
) -> dict[str, Picks]:
    """By the name of the truth, the picks that lie beside the label images that were found."""
    if held.picks is None or held.labels == held.picks:
        return {}
    loaded = load_picks(held.picks, (), ndim).picks
    name_of = {bare_name(own.name): name for name, (own, _) in pairs.items() if own is not None}
    return {name_of[own]: loaded[key] for own, key in pair(list(name_of), loaded, ndim).key_of.items()}
