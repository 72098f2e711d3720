"""Collections: the images that the user names, and the picks that belong to them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry, find_images, is_hidden
from motes.data.pairing import APPENDED, PICKS_SUFFIX, Pairing, bare_name, pair
from motes.data.project_picks import project_picks
from motes.errors import ImageError, InputError, PicksError
from motes.formats.copick import split_source
from motes.formats.images import IMAGE_SUFFIX, image_info
from motes.formats.picks import NO_FACTS, PICKS_FORMATS, Facts, read_picks
from motes.formats.relion import list_index, read_listed
from motes.formats.star import is_star, read_tables
from motes.formats.tables import read_text, tomogram_name
from motes.picks import AdaptedThreshold, Picks, Threshold, empty_picks

COMMON_SUFFIXES = (".star", ".csv", ".txt", ".tsv", ".json")  # of other tables and of notes, too
PICKS_SUFFIXES = (*COMMON_SUFFIXES, ".box", ".cbox", ".tbl")
# RELION's, which say where everything else is.
INDEXES = ("autopick.star", "manualpick.star", "import_coordinates.star")
# The same picks once more, in one file.
COMBINED = ("particles.star", "particles.tbl", "picks.txt", "picks.csv", "submission.csv")
NO_PICKS = re.compile(
    r"(job|job_pipeline|default_pipeline|micrographs.*|coords_suffix_.*)\.star|summary\.csv"
)
# Of RELION and crYOLO, the indexes of the former too.
COLUMN_OF_COORDINATES = re.compile(r"\s*_(\w*Coordinate|rlnTomoImportParticleFile)")
MOST_READ = 100_000  # bytes that surely tell the format of a file
OUTSIDE_SHARE = 0.1  # of picks; more lie outside their image only by a mistake
OTHER_BINNING = "were they made on another binning, or in Angstrom? Convert them to pixels of the image first"


@dataclass(frozen=True)
class Collection:
    """Images with the picks that were found for them.

    picks: by image name; an image that has no entry is unlabelled. notes: what the user should know.
    problems: coordinate files that cannot be read, by their path below the picks' folder, or by the name of
    the micrograph in an index, and why.
    """

    images: list[ImageEntry]
    picks: dict[str, Picks] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedPicks:
    """What a source of picks holds.

    picks: by the name under which they stand there. problems: files that cannot be read, and why. notes:
    what was passed over.
    """

    picks: dict[str, Picks] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _ImageFacts:
    """Facts of images by the names of their picks, each found without going through all images."""

    def __init__(self, images: Sequence[ImageEntry], ndim: int, given: Facts) -> None:
        self.ndim = ndim
        self.given = given
        self.by_last_part: dict[str, list[ImageEntry]] = {}
        for entry in images:
            self.by_last_part.setdefault(_last_part(entry.name), []).append(entry)

    def of(self, name: str | None) -> Facts:
        """Facts of the image that picks of that name belong to; those given where it is not there."""
        candidates = {entry.name: entry for entry in self.by_last_part.get(_last_part(name or ""), [])}
        key_of = pair(list(candidates), [name or ""], self.ndim).key_of
        return image_facts(candidates[next(iter(key_of))], self.ndim, self.given) if key_of else self.given


def image_facts(entry: ImageEntry, ndim: int, given: Facts) -> Facts:
    """What coordinate files need to know of an image: its shape and pixel size (A/px), beside what is given.

    A pixel size that is given counts before those of the list and the header. Raises ImageError.
    """
    info = image_info(entry.path, ndim, given.pixel_size or entry.pixel_size)
    return replace(given, shape=info.shape, pixel_size=info.pixel_size)


def _last_part(name: str) -> str:
    return tomogram_name(bare_name(name))


def load_picks(
    source: str, images: Sequence[ImageEntry] = (), ndim: int = 2, given: Facts = NO_FACTS
) -> LoadedPicks:
    """All picks of a source, as read_all_picks finds them, but without any problem.

    Raises PicksError where even one of its files cannot be read: for scores, where leaving one out would
    change the result.
    """
    loaded = read_all_picks(source, images, ndim, given)
    if loaded.problems:
        reason = next(iter(loaded.problems.values()))
        raise PicksError(f"{reason} ({len(loaded.problems)} of the files in {source} cannot be read)")
    return loaded


def read_all_picks(
    source: str, images: Sequence[ImageEntry] = (), ndim: int = 2, given: Facts = NO_FACTS
) -> LoadedPicks:
    """Read every coordinate file of a source; one that is damaged costs the others nothing.

    The source is a file for one or many images, a RELION index, a folder with one file for each image, the output
    folder of `motes pick`, or picks of a copick project, as config.json@ribosome:curation/0 (more after spaces).
    Tables in a folder that are of no known format are passed over.
    images and what else is given are needed by formats that store other than pixels. Raises InputError where
    there is no such source, PicksError where nothing in it can be read, or two files hold the picks of one image.
    """
    path = Path(source)
    facts = _ImageFacts(images, ndim, given)
    project = split_source(source)
    if project is not None:
        config, words = project
        return _some_picks(LoadedPicks(*project_picks(config, words.split(), facts.of, bool(images))))
    if path.is_file():
        return _some_picks(_read_one(path, path.parent, facts))
    if not path.is_dir():
        raise InputError(f"{source} does not exist; give a coordinate file or a folder of them")
    path = path / "picks" if (path / "picks").is_dir() else path
    files, others = _coordinate_files(path)
    loaded = LoadedPicks(notes=[f"{file}: no coordinates of a known format, passed over" for file in others])
    if not files:
        found = f" ({loaded.notes[0]})" if others else ""
        raise PicksError(f"{source}: no coordinate file found; expected {', '.join(PICKS_SUFFIXES)}{found}")
    for file in files:
        _join(loaded, _read_one(file, path, facts), file)
    return _some_picks(loaded)


def _some_picks(loaded: LoadedPicks) -> LoadedPicks:
    if loaded.problems and not loaded.picks:
        raise PicksError(next(iter(loaded.problems.values())))
    return loaded


def _join(loaded: LoadedPicks, more: LoadedPicks, file: Path) -> None:
    """Add what was read from a further file."""
    repeated = sorted(loaded.picks.keys() & more.picks.keys())
    if repeated:
        raise PicksError(
            f"{file.parent}: picks of {repeated[0]} stand in two files, {file.name} is the second; "
            "keep one program's files in a folder"
        )
    loaded.picks.update(more.picks)
    loaded.problems.update(more.problems)


def own_threshold(source: str) -> Threshold | None:
    """The threshold that `motes pick` noted down with its picks, by class or by image if it is; None for other picks.

    Its CSV keeps candidates below that, so whoever counts or hands on its picks cuts them off there.
    """
    folder = Path(source)
    if folder.name == "picks" and not (folder / "settings.json").is_file():
        folder = folder.parent
    settings = folder / "settings.json"
    if not (settings.is_file() and (folder / "picks").is_dir()):
        return None
    try:
        every = json.loads(settings.read_text(encoding="utf-8"))
        if every.get("adaptive") is not None:
            lowest, highest = every["adaptive"]
            return AdaptedThreshold(float(lowest), float(highest))
        noted = every["threshold"]
        if isinstance(noted, dict):
            return {str(name): float(value) for name, value in noted.items()}
        return float(noted)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PicksError(f"{settings} holds no threshold; give --threshold, or remove that file") from None


def _coordinate_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """The coordinate files of a folder, and what lies beside them and only looks like one.

    They are its RELION index if it has one, else every file with picks; a table of all picks counts where there is no
    other.
    """
    for name in INDEXES:
        if (folder / name).is_file():
            return [folder / name], []
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICKS_SUFFIXES and p.is_file())
    found = [p for p in found if not is_hidden(p.relative_to(folder)) and not NO_PICKS.fullmatch(p.name)]
    others = {p: _is_something_else(p) for p in found}
    files = [p for p in found if not others[p]]
    return [p for p in files if p.name not in COMBINED] or files, [p for p in found if others[p]]


def _is_something_else(file: Path) -> bool:
    """Whether a file in a folder only looks like coordinates by its name, as a README.txt does, or a STAR file of
    class averages.

    What is empty, binary, or named as only coordinates are, is a damaged file, not another one.
    """
    if file.suffix.lower() not in COMMON_SUFFIXES:
        return False
    try:
        with file.open("rb") as stream:
            text = stream.read(MOST_READ).decode("utf-8-sig", errors="replace")
        if not text.strip() or "\0" in text:
            return False
        if is_star(text):
            return not APPENDED.search(file.stem) and _holds_other_columns(file)
    except OSError:  # it is reported when it is read
        return False
    return not any(entry.matches(file, text) for entry in PICKS_FORMATS.values())


def _holds_other_columns(star: Path) -> bool:
    """Whether a STAR file is whole and has columns, but none of coordinates or of files that hold some."""
    with star.open(encoding="utf-8-sig", errors="replace") as lines:
        if any(COLUMN_OF_COORDINATES.match(line) for line in lines):
            return False
    try:
        return any(read_tables(read_text(star), star).values())
    except PicksError:  # cut off perhaps; it is reported when it is read
        return False


def _read_one(file: Path, root: Path, facts: _ImageFacts) -> LoadedPicks:
    """The picks of one file, or of those that it lists; what cannot be read is among the problems."""
    own_name = file.relative_to(root).as_posix()
    try:
        listed = list_index(file)
        if listed is not None:
            return _read_listed_files(file, listed, facts)
        found = read_picks(file, facts_of=lambda name: facts.of(name or own_name))
    except (PicksError, ImageError) as error:
        return LoadedPicks(problems={own_name: str(error)})
    if not found and file.name not in COMBINED:  # a table of one image, in which nothing was found
        found = {None: empty_picks(facts.ndim)}
    own = _name_of_image(own_name)
    return LoadedPicks({own if name is None else name: picks for name, picks in found.items()})


def _name_of_image(file: str) -> str:
    """The name of the image that a coordinate file is named after: x.mrc of x.mrc.csv, which x.tif.csv is not of."""
    name = PICKS_SUFFIX.sub("", file)
    return name if IMAGE_SUFFIX.search(name) else bare_name(name)


def _read_listed_files(index: Path, listed: dict[str, str], facts: _ImageFacts) -> LoadedPicks:
    loaded = LoadedPicks()
    for name, file in listed.items():
        try:
            loaded.picks[name] = read_listed(index, file, name, facts.of)
        except (PicksError, ImageError) as error:
            loaded.problems[name] = str(error)
    return loaded


def collect(
    image_sources: Sequence[str],
    picks_source: str | None = None,
    ndim: int = 2,
    *,
    candidates: bool = False,
    given: Facts = NO_FACTS,
) -> Collection:
    """Find images and pair them with picks; PicksError where no image has any.

    Of what `motes pick` wrote, the picks above its threshold are taken, with candidates all. given: what counts
    before the headers of the images, where picks are not stored in pixels.
    """
    images = find_images(image_sources, ndim)
    if picks_source is None:
        return Collection(images)
    loaded = read_all_picks(picks_source, images, ndim, given)
    pairing = pair([entry.name for entry in images], loaded.picks, ndim)
    if not pairing.key_of:
        raise PicksError(nothing_paired(images, loaded))
    picks = {name: loaded.picks[key] for name, key in pairing.key_of.items()}
    notes = [*loaded.notes, *_pairing_notes(pairing)]
    notes += [f"left out: {reason}" for reason in loaded.problems.values()]
    return Collection(images, picks if candidates else accepted(picks, picks_source), notes, loaded.problems)


def nothing_paired(images: Sequence[ImageEntry], loaded: LoadedPicks) -> str:
    """What to say where no picks belong to any image."""
    return (
        f"none of the picks belongs to one of the images: images are named like {images[0].name!r}, picks "
        f"like {next(iter(loaded.picks), 'nothing')!r}; the names must agree, rename one of them"
    )


def accepted(picks: Mapping[str, Picks], source: str) -> dict[str, Picks]:
    """Picks of a source by name, without the candidates that `motes pick` notes down below its threshold."""
    threshold = own_threshold(source)
    return dict(picks) if threshold is None else {n: p.above(threshold) for n, p in picks.items()}


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


def too_many_outside(outside: int, count: int) -> bool:
    """Whether so many of an image's picks lie outside it that they cannot be of this image."""
    return outside > max(1, count * OUTSIDE_SHARE)


def keep_inside(picks: Picks, shape: Sequence[int], name: str) -> tuple[Picks, list[str]]:
    """Drop picks outside the image of that name and shape, and say how many.

    Raises PicksError where too many lie outside, which means another pixel size or image.
    """
    inside = inside_image(picks.points, shape)
    outside = int(len(picks) - inside.sum())
    if too_many_outside(outside, len(picks)):
        size = " x ".join(str(n) for n in reversed(shape))
        raise PicksError(
            f"{name}: {outside} of {len(picks)} picks lie outside the image ({size} px, x first); {OTHER_BINNING}"
        )
    notes = [f"{name}: {outside} picks outside the image left out"] if outside else []
    return (picks.select(inside) if outside else picks), notes


def clean_picks(picks: Picks, shape: Sequence[int], name: str) -> tuple[Picks, list[str]]:
    """Drop picks outside the image, as keep_inside does, and repeated ones, and say how many."""
    kept, notes = keep_inside(picks, shape, name)
    _, first = np.unique(kept.points, axis=0, return_index=True)
    repeated = len(kept) - len(first)
    notes += [f"{name}: {repeated} repeated picks left out"] if repeated else []
    return (kept.select(np.sort(first)) if repeated else kept), notes
