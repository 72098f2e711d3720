"""Turn picks of one program into those of another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from motes.data.collection import PICKS_SUFFIXES, collect, own_threshold, read_all_picks
from motes.data.image_list import ImageEntry
from motes.data.orientation import look_at_set, typical_spacing
from motes.errors import InputError, OutputError, PicksError, did_you_mean
from motes.formats.images import IMAGE_SUFFIX, image_info
from motes.formats.picks import PICKS_FORMATS, write_index, write_picks
from motes.jobs.places import coordinate_places
from motes.jobs.telling import Failure, Silent, Teller
from motes.picks import Picks
from motes.units import Length

FLIP_AXES = {"y": -2, "x": -1}


@dataclass(frozen=True)
class ConvertOptions:
    """images: give names, sizes and pixel sizes. pixel_size: A/px, counts before the images'.

    box_size: pixels, for formats that store boxes. diameter: of a particle, for those that store it.
    check_flips: refuse picks that fit the mirrored image much better.
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
    """files: one for each image. indexes: what lists them.

    failures: coordinate files that cannot be read, and images whose picks do not fit.
    """

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
    named, unread = _named_picks(source, options, teller)
    named = _cut_all(named, source, options, teller)
    single = out.suffix.lower() in PICKS_SUFFIXES and not out.is_dir()
    if single and len(named) != 1:
        raise InputError(
            f"{source} holds picks of {len(named)} images, which do not go into one file {out}; name a folder"
        )
    if not overwrite and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OutputError(f"{out} is there already; give another name, or --overwrite to write into it")
    names = [each.output_name for each in named]
    place_of = {names[0]: out} if single else coordinate_places(names, out, to)
    changed, unfit = _changed_picks(named, options)
    fitting, mirrored = _not_mirrored(changed, source, options, teller)
    result = _write_all(fitting, place_of, to, options.box_size)
    refused = [*unfit, *mirrored, *result.failures]
    if refused and not result.files:
        raise PicksError(f"{refused[0].name}: {refused[0].reason}")
    indexes = [] if single else _index(result, fitting, out, to, options, teller)
    return replace(result, indexes=indexes, failures=[*unread, *refused])


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


def _named_picks(
    source: str, options: ConvertOptions, teller: Teller
) -> tuple[list[NamedPicks], list[Failure]]:
    """Picks with the names of their images, as the images are listed, else as the source writes them.

    Candidates are among them. What cannot be read is named beside them.
    """
    if options.images:
        found = collect(options.images, source, options.ndim, candidates=True)
        images = [entry for entry in found.images if entry.name in found.picks]
        named = [NamedPicks(entry.name, found.picks[entry.name], entry) for entry in images]
        notes, problems = found.notes, found.problems
    else:
        loaded = read_all_picks(source, (), options.ndim)
        named = [NamedPicks(name, picks) for name, picks in loaded.picks.items()]
        notes, problems = loaded.notes, loaded.problems
    for note in notes:
        teller.warn(note)
    return named, [Failure(name, reason) for name, reason in problems.items()]


def _cut_all(
    named: Sequence[NamedPicks], source: str, options: ConvertOptions, teller: Teller
) -> list[NamedPicks]:
    """The picks that reach the threshold, given or the source's own, and those without a score."""
    own = own_threshold(source)
    threshold = own if options.threshold is None else options.threshold
    if threshold is None:
        return list(named)
    if options.threshold is None:
        shown = dict(threshold) if isinstance(threshold, Mapping) else threshold
        teller.say(f"picks below {shown}, the threshold they were made with, are left out (--threshold)")
    elif any(_lacks_scores(each.picks) for each in named):
        teller.warn("some picks have no scores; --threshold leaves those as they are")
    return [replace(each, picks=each.picks.above(threshold)) for each in named]


def _lacks_scores(picks: Picks) -> bool:
    return len(picks) > 0 and (picks.scores is None or bool(np.isnan(picks.scores).any()))


def _index(
    result: ConvertResult,
    named: Sequence[NamedPicks],
    out: Path,
    to: str,
    options: ConvertOptions,
    teller: Teller,
) -> list[Path]:
    """Write what lists the files of a folder."""
    if to == "relion" and not all(IMAGE_SUFFIX.search(each.name) for each in named):
        teller.warn(
            "the picks do not tell the extension of their images, so neither does the index; give --images, "
            "such as the project's micrographs.star"
        )
    failed = {failure.name for failure in result.failures}
    written = [each.name for each in named if each.name not in failed]
    listed = [(name, _from_here(file)) for name, file in zip(written, result.files, strict=True)]
    star = next((name for name in options.images if name.endswith(".star")), None)
    return write_index(out, listed, to, star)


def _from_here(path: Path) -> str:
    """As an index lists it: relative to the current folder, where the path lies below it."""
    absolute = path.absolute()
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def _changed_picks(
    named: Sequence[NamedPicks], options: ConvertOptions
) -> tuple[list[NamedPicks], list[Failure]]:
    changed, failures = [], []
    for each in named:
        try:
            changed.append(replace(each, picks=_changed(each, options)))
        except InputError as error:
            failures.append(Failure(each.name, str(error)))
    return changed, failures


def _write_all(
    named: Sequence[NamedPicks],
    place_of: Mapping[str, Path],
    to: str,
    box_size: int | None,
) -> ConvertResult:
    """Write what can be written."""
    written: list[Path] = []
    failures: list[Failure] = []
    total = 0
    for each in named:
        place = place_of[each.output_name]
        try:
            write_picks(place, each.picks, format=to, image_name=each.name, box_size=box_size)
        except InputError as error:
            failures.append(Failure(each.name, str(error)))
            continue
        written.append(place)
        total += len(each.picks)
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


def _not_mirrored(
    named: Sequence[NamedPicks], source: str, options: ConvertOptions, teller: Teller
) -> tuple[list[NamedPicks], list[Failure]]:
    """The picks that fit their image, and those that fit its mirror image much better.

    Raises PicksError where the picks of all images together, each with too few to tell, seem mirrored.
    """
    if not options.check_flips or not options.images:
        return list(named), []
    spacing = typical_spacing(each.picks for each in named)
    found = look_at_set(
        _one_by_one(named, teller), spacing=spacing, ndim=options.ndim, pixel_size=options.pixel_size
    )
    for name, reason in found.unchecked.items():
        teller.warn(f"{name}: the orientation of its picks was not checked: {reason}")
    found.refuse_pooled(source)
    fitting = [each for each in named if each.name not in found.mirrored]
    return fitting, [Failure(name, evidence.message) for name, evidence in found.mirrored.items()]


def _one_by_one(named: Sequence[NamedPicks], teller: Teller) -> Iterator[tuple[ImageEntry, Picks]]:
    with teller.progress("checking orientation", len(named), "images") as done:
        for number, each in enumerate(named):
            if each.image is not None:
                yield each.image, each.picks
            done(number + 1)


def flipped(picks: Picks, axis: int, size: int) -> Picks:
    """Picks of the image mirrored along an axis of that size (px): pixel 0 becomes the last one."""
    points = picks.points.copy()
    points[:, axis] = size - 1 - points[:, axis]
    return replace(picks, points=points)
