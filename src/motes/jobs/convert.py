"""Turn picks of one program into those of another."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from motes.data.collection import PICKS_SUFFIXES, collect, load_picks, own_threshold
from motes.data.image_list import ImageEntry
from motes.data.normalise import Normalisation
from motes.data.orientation import FEWEST_PICKS, check_orientation
from motes.data.pairing import IMAGE_SUFFIX
from motes.data.working import to_working_scale
from motes.errors import InputError, OutputError, PicksError, did_you_mean
from motes.formats.images import image_info
from motes.formats.picks import PICKS_FORMATS, write_index, write_picks
from motes.jobs.places import coordinate_places
from motes.jobs.telling import Failure, Silent, Teller
from motes.picks import Picks
from motes.units import Length

WORKING_DIAMETER = 20  # px, for the check of flipped picks
FLIP_AXES = {"y": -2, "x": -1}


@dataclass(frozen=True)
class ConvertOptions:
    """images: give names, sizes and pixel sizes. pixel_size: A/px, counts before the images'.

    box_size: pixels, for formats that store boxes. diameter: of a particle, for those that store it.
    check_flips: refuse picks that fit the mirrored image much better, where their diameter is known.
    flip: x or y. threshold: lowest score; without it, for what `motes pick` wrote, its own.
    """

    images: Sequence[str] = ()
    pixel_size: float | None = None
    box_size: int | None = None
    diameter: Length | None = None
    flip: str | None = None
    threshold: float | None = None
    check_flips: bool = True
    ndim: int = 2


@dataclass(frozen=True)
class ConvertResult:
    """files: one for each image. indexes: what lists them. failures: images whose picks do not fit."""

    files: list[Path]
    picks: int
    indexes: list[Path] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class NamedPicks:
    """Picks under the name of their image, as the index will write it, and the image where it is known."""

    name: str
    picks: Picks
    image: ImageEntry | None = None

    @property
    def output_name(self) -> str:
        """The name as a path that stays inside an output folder."""
        return (self.image or ImageEntry(self.name, Path(self.name))).output_name


def convert(
    source: str,
    out: Path,
    to: str,
    options: ConvertOptions | None = None,
    *,
    overwrite: bool = False,
    teller: Teller | None = None,
) -> ConvertResult:
    """Read picks of any known format and write them in another: a folder, or a file for one image.

    Raises PicksError for an unknown format, for picks that cannot be read, and where not one image's picks
    could be written; OutputError where out holds something already and overwrite is not set.
    """
    options, teller = options or ConvertOptions(), teller or Silent()
    _check_options(to, options)
    named = _named_picks(source, options, teller)
    _tell_cut(named, source, options, teller)
    single = out.suffix.lower() in PICKS_SUFFIXES and not out.is_dir()
    if single and len(named) != 1:
        raise InputError(
            f"{source} holds picks of {len(named)} images, which do not go into one file {out}; name a folder"
        )
    if not overwrite and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OutputError(f"{out} is there already; give another name, or --overwrite to write into it")
    if not single:
        _tell_names(named, to, teller)
    names = [each.output_name for each in named]
    places = [out] if single else list(coordinate_places(names, out, to).values())
    result = _write_all(named, places, to, options, own_threshold(source))
    if single:
        return result
    star = next((name for name in options.images if name.endswith(".star")), None)
    listed = [
        (each.name, _from_here(place))
        for each, place in zip(named, places, strict=True)
        if place in result.files
    ]
    return replace(result, indexes=write_index(out, listed, to, star))


def _check_options(to: str, options: ConvertOptions) -> None:
    writable = [name for name, entry in PICKS_FORMATS.items() if entry.write is not None]
    if to not in PICKS_FORMATS:
        raise PicksError(f"there is no format {to!r} to convert to.{did_you_mean(to, writable)}")
    if to not in writable:
        raise PicksError(f"{to} can be read but not written; choose one of {', '.join(sorted(writable))}")
    if options.flip is not None and options.flip not in FLIP_AXES:
        raise InputError(f"--flip takes x (left to right) or y (upside down), found {options.flip!r}")
    if options.flip is not None and not options.images:
        raise InputError("--flip needs the sizes of the images; give them with --images")
    if options.box_size is not None and options.box_size < 1:
        raise InputError(f"--box-size is in pixels and at least 1, found {options.box_size}")


def _named_picks(source: str, options: ConvertOptions, teller: Teller) -> list[NamedPicks]:
    """Picks with the names of their images: as the images are listed, else as the source writes them."""
    if not options.images:
        loaded = load_picks(source, (), options.ndim)
        return [NamedPicks(name, picks) for name, picks in loaded.items()]
    collection = collect(options.images, source, options.ndim)
    for note in collection.notes:
        teller.warn(note)
    images = [entry for entry in collection.images if entry.name in collection.picks]
    return [NamedPicks(entry.name, collection.picks[entry.name], entry) for entry in images]


def _tell_cut(named: Sequence[NamedPicks], source: str, options: ConvertOptions, teller: Teller) -> None:
    threshold = own_threshold(source)
    if options.threshold is None and threshold is not None:
        teller.say(
            f"picks below {threshold:g}, the threshold they were made with, are left out (--threshold)"
        )
    if options.threshold is not None and any(n.picks.scores is None and len(n.picks) for n in named):
        teller.warn("some picks have no scores; --threshold leaves those as they are")


def _tell_names(named: Sequence[NamedPicks], to: str, teller: Teller) -> None:
    if to == "relion" and not all(IMAGE_SUFFIX.search(each.name) for each in named):
        teller.warn(
            "the picks do not tell the extension of their images, so neither does the index; give --images, "
            "such as the project's micrographs.star"
        )


def _from_here(path: Path) -> str:
    """As an index lists it: relative to the current folder, where the path lies below it."""
    absolute = path.absolute()
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def _write_all(
    named: Sequence[NamedPicks],
    places: Sequence[Path],
    to: str,
    options: ConvertOptions,
    own: float | None,
) -> ConvertResult:
    """Write what can be written; PicksError where nothing can."""
    threshold = own if options.threshold is None else options.threshold
    written: list[Path] = []
    failures: list[Failure] = []
    total = 0
    for each, place in zip(named, places, strict=True):
        try:
            picks = _changed(each, options)
            _check_flips(each, picks, options)
            picks = picks if threshold is None else picks.above(threshold)
            write_picks(place, picks, format=to, image_name=each.name, box_size=options.box_size)
        except InputError as error:
            failures.append(Failure(each.name, str(error)))
            continue
        written.append(place)
        total += len(picks)
    if failures and not written:
        raise PicksError(failures[0].reason)
    return ConvertResult(written, total, failures=failures)


def _changed(named: NamedPicks, options: ConvertOptions) -> Picks:
    """The picks mirrored, and with the diameter, as the options ask for."""
    picks = named.picks
    info = None
    if named.image is not None and (options.flip is not None or options.diameter is not None):
        info = image_info(named.image.path, options.ndim, options.pixel_size or named.image.pixel_size)
    if options.flip is not None and info is not None:
        axis = FLIP_AXES[options.flip]
        picks = flipped(picks, axis, info.shape[axis])
    if options.diameter is not None:
        diameter = options.diameter.in_pixels(info.pixel_size if info else options.pixel_size)
        picks = replace(picks, diameters=np.full(len(picks), diameter))
    return picks


def _check_flips(named: NamedPicks, picks: Picks, options: ConvertOptions) -> None:
    """Raise PicksError where picks with a known diameter fit the mirror image of their image much better."""
    if named.image is None or picks.diameters is None:
        return
    if len(picks) < FEWEST_PICKS or not options.check_flips:
        return
    image = named.image.read(options.ndim, options.pixel_size)
    working = to_working_scale(image, float(np.median(picks.diameters)), WORKING_DIAMETER, Normalisation())
    points = picks.scaled(working.factors).points
    check_orientation(working.data, points, WORKING_DIAMETER, named.name)


def flipped(picks: Picks, axis: int, size: int) -> Picks:
    """Picks of the image mirrored along an axis of that size (px): pixel 0 becomes the last one."""
    points = picks.points.copy()
    points[:, axis] = size - 1 - points[:, axis]
    return replace(picks, points=points)
