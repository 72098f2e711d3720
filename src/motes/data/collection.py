"""Collections: the images that the user names, and the picks that belong to them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry, find_images, is_hidden
from motes.data.pairing import Pairing, bare_name, pair
from motes.errors import InputError, PicksError
from motes.formats.images import image_info
from motes.formats.picks import read_picks
from motes.picks import Picks, empty_picks

PICKS_SUFFIXES = (".star", ".box", ".cbox", ".csv", ".txt", ".tsv")
INDEXES = ("autopick.star", "manualpick.star")  # RELION's, which say where everything else is
COMBINED = ("particles.star", "picks.txt", "picks.csv")  # the same picks once more, in one file
NO_PICKS = re.compile(
    r"(job|job_pipeline|default_pipeline|micrographs.*|coords_suffix_.*)\.star|summary\.csv"
)


@dataclass(frozen=True)
class Collection:
    """Images with the picks that were found for them.

    picks: by image name; an image that has no entry is unlabelled. notes: what the user should know.
    problems: coordinate files that cannot be read, by their path below the picks' folder, and why.
    """

    images: list[ImageEntry]
    picks: dict[str, Picks] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedPicks:
    """What a source of picks holds.

    picks: by the name under which they stand there. problems: files that cannot be read, and why.
    """

    picks: dict[str, Picks]
    problems: dict[str, str] = field(default_factory=dict)


def load_picks(source: str, images: Sequence[ImageEntry] = (), ndim: int = 2) -> dict[str, Picks]:
    """All picks of a source, by the name under which they stand there, as read_all_picks finds them.

    Raises PicksError where even one of its files cannot be read: for scores, where leaving one out would
    change the result.
    """
    loaded = read_all_picks(source, images, ndim)
    if loaded.problems:
        reason = next(iter(loaded.problems.values()))
        raise PicksError(f"{reason} ({len(loaded.problems)} of the files in {source} cannot be read)")
    return loaded.picks


def read_all_picks(source: str, images: Sequence[ImageEntry] = (), ndim: int = 2) -> LoadedPicks:
    """Read every coordinate file of a source; one that is damaged costs the others nothing.

    The source is a file for one or many images, a RELION index, a folder with one file for each image, or
    the output folder of `motes pick`. images are needed by formats that count rows from below. Raises
    InputError where there is no such source, PicksError where nothing in it can be read, or two files hold
    the picks of one image.
    """
    path = Path(source)
    if path.is_file():
        return LoadedPicks(_read_one(path, path.parent, images, ndim))
    if not path.is_dir():
        raise InputError(f"{source} does not exist; give a coordinate file or a folder of them")
    path = path / "picks" if (path / "picks").is_dir() else path
    files = _coordinate_files(path)
    if not files:
        raise PicksError(f"{source}: no coordinate file found; expected {', '.join(PICKS_SUFFIXES)}")
    picks: dict[str, Picks] = {}
    problems: dict[str, str] = {}
    for file in files:
        try:
            found = _read_one(file, path, images, ndim)
        except PicksError as error:
            problems[file.relative_to(path).as_posix()] = str(error)
            continue
        repeated = picks.keys() & found.keys()
        if repeated:
            raise PicksError(
                f"{source}: picks of {sorted(repeated)[0]} stand in two files, {file.name} is the second; "
                "keep one program's files in a folder"
            )
        picks |= found
    if problems and not picks:
        raise PicksError(next(iter(problems.values())))
    return LoadedPicks(picks, problems)


def own_threshold(source: str) -> float | None:
    """The threshold that `motes pick` noted down with its picks; None for picks of other origin.

    Its CSV keeps candidates below that, so whoever counts or hands on its picks cuts them off there.
    """
    settings = Path(source) / "settings.json"
    if not (settings.is_file() and (Path(source) / "picks").is_dir()):
        return None
    try:
        return float(json.loads(settings.read_text(encoding="utf-8"))["threshold"])
    except (ValueError, KeyError, TypeError):
        raise PicksError(
            f"{settings} holds no threshold; give --threshold, or name {source}/picks in place of {source}"
        ) from None


def _coordinate_files(folder: Path) -> list[Path]:
    """The coordinate files of a folder: its RELION index if it has one, else every file with picks."""
    for name in INDEXES:
        if (folder / name).is_file():
            return [folder / name]
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICKS_SUFFIXES and p.is_file())
    found = [p for p in found if not is_hidden(p.relative_to(folder)) and not NO_PICKS.fullmatch(p.name)]
    return [p for p in found if p.name not in COMBINED] or found


def _read_one(file: Path, root: Path, images: Sequence[ImageEntry], ndim: int) -> dict[str, Picks]:
    """The picks of one file; where it names no image, it belongs to the image it is named after."""
    own_name = file.relative_to(root).as_posix()

    def shape_of(name: str | None) -> tuple[int, ...]:
        pairing = pair([entry.name for entry in images], [name or own_name])
        entry = next((entry for entry in images if entry.name in pairing.key_of), None)
        if entry is None:
            raise PicksError(f"{file}: needs the height of its image to count rows; give --images")
        return image_info(entry.path, ndim).shape

    found = read_picks(file, shape_of=shape_of if images else None)
    if not found and file.name not in (
        *INDEXES,
        *COMBINED,
    ):  # a table of one image, in which nothing was found
        found = {None: empty_picks(ndim)}
    return {bare_name(own_name) if name is None else name: picks for name, picks in found.items()}


def collect(image_sources: Sequence[str], picks_source: str | None = None, ndim: int = 2) -> Collection:
    """Find images and pair them with picks; PicksError where no image has any.

    Of what `motes pick` wrote, the picks above its threshold are taken.
    """
    images = find_images(image_sources, ndim)
    if picks_source is None:
        return Collection(images)
    loaded = read_all_picks(picks_source, images, ndim)
    pairing = pair([entry.name for entry in images], loaded.picks)
    if not pairing.key_of:
        raise PicksError(
            f"none of the picks belongs to one of the images: images are named like "
            f"{images[0].name!r}, picks like {next(iter(loaded.picks), 'nothing')!r}; the names must agree"
        )
    threshold = own_threshold(picks_source) or 0.0
    picks = {name: loaded.picks[key].above(threshold) for name, key in pairing.key_of.items()}
    notes = [*_pairing_notes(pairing), *(f"left out: {reason}" for reason in loaded.problems.values())]
    return Collection(images, picks, notes, loaded.problems)


def _pairing_notes(pairing: Pairing) -> list[str]:
    notes = []
    if pairing.unlabelled:
        notes.append(f"without picks, left out: {', '.join(pairing.unlabelled)}")
    if pairing.left_over:
        notes.append(f"picks without an image, left out: {', '.join(pairing.left_over)}")
    return notes


def inside_image(points: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.bool_]:
    """Which points (n, ndim), in pixels and array order, lie on a pixel of an image of that shape; (n,)."""
    limits = np.asarray(shape) - 0.5
    return np.asarray(np.all((points >= -0.5) & (points <= limits), axis=1))


def clean_picks(picks: Picks, shape: Sequence[int], name: str) -> tuple[Picks, list[str]]:
    """Drop picks outside the image and repeated ones, and say how many.

    Raises PicksError where more than one in ten lies outside, which means another pixel size or image.
    """
    inside = inside_image(picks.points, shape)
    outside = int(len(picks) - inside.sum())
    if outside > max(1, len(picks) / 10):
        size = " x ".join(str(n) for n in reversed(shape))
        raise PicksError(
            f"{name}: {outside} of {len(picks)} picks lie outside the image ({size} px, x first); were they "
            "made on another binning, or in Angstrom? Convert them to pixels of this image first"
        )
    kept = picks.select(inside)
    _, first = np.unique(kept.points, axis=0, return_index=True)
    repeated = len(kept) - len(first)
    notes = [f"{name}: {outside} picks outside the image left out"] if outside else []
    notes += [f"{name}: {repeated} repeated picks left out"] if repeated else []
    return (kept.select(np.sort(first)) if repeated else kept), notes
