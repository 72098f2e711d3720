"""Collections: the images that the user names, and the picks that belong to them."""

import glob
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from motes.data.pairing import Pairing, bare_name, pair
from motes.errors import InputError, MotesError, PicksError
from motes.formats.images import image_info, is_image, read_image
from motes.formats.picks import read_picks
from motes.formats.relion import read_micrographs_star
from motes.image import Image
from motes.picks import Picks, empty_picks

PICKS_SUFFIXES = (".star", ".box", ".cbox", ".csv", ".txt", ".tsv")
INDEX_NAMES = ("autopick.star", "coords_suffix_autopick.star", "picks.txt", "picks.csv")


@dataclass(frozen=True)
class ImageEntry:
    """One image of a collection, not yet read.

    name: as the user's list writes it, or the path below the folder that was named. section: which image
    of a stack, from 0. pixel_size: A/px where the list itself gives it.
    """

    name: str
    path: Path
    section: int = 0
    pixel_size: float | None = None

    def read(self, ndim: int = 2, pixel_size: float | None = None) -> Image:
        """Read the image; a pixel size given here counts before the list's and the header's."""
        return read_image(
            self.path,
            ndim=ndim,
            section=self.section,
            pixel_size=pixel_size or self.pixel_size,
            name=self.name,
        )

    @property
    def output_name(self) -> str:
        """The name as a path that stays inside an output folder."""
        parts = [part for part in PurePosixPath(self.name).parts if part not in ("/", ".")]
        return str(PurePosixPath(*("_" if part == ".." else part for part in parts)))


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


def find_images(sources: Sequence[str], ndim: int = 2) -> list[ImageEntry]:
    """The images that a user's words stand for: files, globs, folders, RELION micrographs.star files.

    Raises InputError where there are none, or two would have the same name.
    """
    listed: list[ImageEntry] = []
    files: list[tuple[Path, Path]] = []
    for source in sources:
        if source.endswith(".star"):
            listed += _from_star(Path(source))
        else:
            files += _files_of(source)
    shared = _common_folder([base for _, base in files])
    for path, _ in files:
        listed += _sections(path, path.absolute().relative_to(shared).as_posix(), ndim)
    if not listed:
        raise InputError(f"no image found in {', '.join(sources)}; expected MRC, TIFF, PNG or JPEG files")
    unique = {entry.name: entry for entry in listed}
    if len(unique) < len(listed) and len({(e.path, e.section) for e in listed}) > len(unique):
        raise InputError("two of the images have the same name; name the folder above them instead")
    return list(unique.values())


def _from_star(star: Path) -> list[ImageEntry]:
    if not star.is_file():
        raise InputError(f"{star} does not exist")
    places = [Path.cwd(), *star.absolute().parents]
    entries = []
    for micrograph in read_micrographs_star(star):
        section, _, name = micrograph.name.rpartition("@")
        path = next((p / name for p in places if (p / name).exists()), Path(name))
        number = int(section) - 1 if section.isdigit() else 0
        entries.append(ImageEntry(micrograph.name, path, number, micrograph.pixel_size))
    return entries


def _files_of(source: str) -> list[tuple[Path, Path]]:
    """Image files, each with the folder that its name is counted from."""
    path = Path(source)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if not _hidden(p.relative_to(path)) and is_image(p))
        return [(p, path.absolute()) for p in found]
    if path.exists():
        return [(path, path.absolute().parent)]
    if glob.has_magic(source):
        fixed = re.split(r"[*?\[]", source, maxsplit=1)[0]
        base = Path(fixed if fixed.endswith("/") else str(Path(fixed).parent)).absolute()
        matching = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - may be absolute, unlike Path.glob
        return [(Path(p), base) for p in matching if Path(p).is_file()]
    raise InputError(f"{source} does not exist; give a file, a folder, a quoted glob or a micrographs.star")


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _common_folder(folders: Sequence[Path]) -> Path:
    folders = list(dict.fromkeys(folders))
    if not folders:
        return Path.cwd()
    return next(p for p in [folders[0], *folders[0].parents] if all(f.is_relative_to(p) for f in folders))


def _sections(path: Path, name: str, ndim: int) -> list[ImageEntry]:
    """One entry, or one for each image of a stack, named as RELION does: 000001@stack.mrcs."""
    try:
        sections = image_info(path, ndim).sections
    except MotesError:  # it is reported when it is read, and costs the other images nothing
        sections = 1
    if sections == 1:
        return [ImageEntry(name, path)]
    return [ImageEntry(f"{number + 1:06d}@{name}", path, number) for number in range(sections)]


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
    """Coordinate files below a folder; an index beside the files that it lists is left out."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICKS_SUFFIXES and p.is_file())
    found = [p for p in found if not _hidden(p.relative_to(folder))]
    return [p for p in found if p.name not in INDEX_NAMES] or found


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
    if not found and file.name not in INDEX_NAMES:  # a table of one image, in which nothing was found
        found = {None: empty_picks(ndim)}
    return {bare_name(own_name) if name is None else name: picks for name, picks in found.items()}


def collect(image_sources: Sequence[str], picks_source: str | None = None, ndim: int = 2) -> Collection:
    """Find images and pair them with picks; PicksError where no image has any."""
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
    picks = {name: loaded.picks[key] for name, key in pairing.key_of.items()}
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
