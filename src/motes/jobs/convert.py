"""Turn picks of one program into those of another."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from motes.data.collection import (
    PICKS_SUFFIXES,
    collect,
    image_facts,
    keep_inside,
    own_threshold,
    read_all_picks,
)
from motes.data.image_list import ImageEntry
from motes.data.orientation import look_at_set, typical_spacing
from motes.errors import ImageError, InputError, OutputError, PicksError, did_you_mean
from motes.formats.copick import is_config, read_config
from motes.formats.copick_overlay import renamed, write_into_project, write_overlay
from motes.formats.images import IMAGE_SUFFIX, ImageInfo, image_info
from motes.formats.picks import COPICK, PICKS_FORMATS, Facts, picks_format, write_index, write_picks
from motes.formats.tables import Centre
from motes.jobs.places import coordinate_places, warn_of_mixed_classes
from motes.jobs.telling import Failure, Silent, Teller
from motes.picks import Picks
from motes.units import Length

FLIP_AXES = {"y": -2, "x": -1}
CENTRES = ("relion", "relion-python")

# A large image of pixels of 1 A, for which every format can be read to see what dimension its picks have.
_PRETENDED = Facts((10**9,) * 3, 1.0, 1, 1.0)
_SUFFIXES = {*PICKS_SUFFIXES, *(Path(f"x{entry.suffix}").suffix for entry in PICKS_FORMATS.values())}


@dataclass(frozen=True)
class ConvertOptions:
    """images: give names, sizes and pixel sizes. pixel_size: A/px, counts before the images'.

    box_size: pixels, for formats that store boxes. diameter: of a particle, for those that store it.
    tilt_series_pixel_size: A/px before binning, and centre: where RELION 5 counts from; both for tomograms.
    class_name: of picks that have no class. session: of the files of picks for copick.
    check_flips: refuse picks that fit the mirrored image much better.
    flip: x or y. threshold: lowest score; without it, for what `motes pick` wrote, its own.
    """

    images: Sequence[str] = ()
    pixel_size: float | None = None
    box_size: int | None = None
    tilt_series_pixel_size: float | None = None
    centre: Centre = "relion"
    class_name: str | None = None
    session: str = "0"
    diameter: Length | None = None
    flip: str | None = None
    threshold: float | None = None
    check_flips: bool = True

    @property
    def given(self) -> Facts:
        """What these options say of every image."""
        return Facts(None, self.pixel_size, self.box_size, self.tilt_series_pixel_size, self.centre)


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

    Picks in volumes go into the format that the program has for those, and are not checked for mirroring.
    Picks outside their image are left out; an image with too many of them is among the failures, as when training.
    Raises PicksError for an unknown format, for picks that cannot be read, and where not one image's picks
    could be written; OutputError where out holds something already and overwrite is not set.
    """
    options, teller = options or ConvertOptions(), teller or Silent()
    _check_options(to, options)
    ndim = _dimension(source)
    named, unread = _named_picks(source, options, ndim, teller)
    classes = _classes_of(named)
    named = _cut_all(named, source, options, teller)
    if to == COPICK:
        ready, unfit = _changed_picks(named, options, 3, teller)
        if unfit and not ready:
            raise PicksError(unfit[0].reason)
        result = _into_copick(ready, classes, out, options, overwrite, teller)
        return replace(result, failures=[*unread, *unfit])
    single = out.suffix.lower() in _SUFFIXES and not out.is_dir()
    if single and len(named) != 1:
        raise InputError(
            f"{source} holds picks of {len(named)} images, which do not go into one file {out}; name a folder"
        )
    _check_free(out, overwrite)
    names = [each.output_name for each in named]
    place_of = {names[0]: out} if single else coordinate_places(names, out, to, ndim)
    changed, unfit = _changed_picks(named, options, ndim, teller)
    fitting, mirrored = _not_mirrored(changed, source, options, teller) if ndim == 2 else (changed, {})
    _warn_of_binning(picks_format(to, ndim).name, options, teller)
    warn_of_mixed_classes(to, ndim, _classes_of(fitting), teller)
    result = _write_all(fitting, place_of, to, options, ndim)
    refused = [*unfit, *mirrored, *result.failures]
    if refused and not result.files:
        raise PicksError(refused[0].message)
    indexes = [] if single else _index(result, fitting, out, to, options, ndim, teller)
    return replace(result, indexes=indexes, failures=[*unread, *refused])


def _classes_of(named: Sequence[NamedPicks]) -> list[str]:
    return sorted({str(c) for each in named if each.picks.classes is not None for c in each.picks.classes})


def _into_copick(
    named: Sequence[NamedPicks],
    classes: Sequence[str],
    out: Path,
    options: ConvertOptions,
    overwrite: bool,
    teller: Teller,
) -> ConvertResult:
    """Write picks into the overlay of the copick project whose config is out, or as a new one into a folder.

    classes: of all candidates, those below the threshold too.
    """
    for note in renamed([options.session, *classes, *([options.class_name] if options.class_name else [])]):
        teller.warn(note)
    picks = {each.output_name: each.picks for each in named}
    image_of = {each.output_name: each.image for each in named}

    def voxel_size_of(name: str) -> float | None:
        image = image_of[name]
        return options.pixel_size if image is None else image_facts(image, 3, options.given).pixel_size

    if is_config(out):
        files = write_into_project(
            read_config(out),
            picks,
            voxel_size_of,
            session=options.session,
            unnamed=options.class_name,
            overwrite=overwrite,
            classes=classes,
        )
    else:
        _check_free(out, overwrite)
        files = write_overlay(
            out, picks, voxel_size_of, session=options.session, unnamed=options.class_name, classes=classes
        )
    return ConvertResult(list(dict.fromkeys(file.parent for file in files)), sum(map(len, picks.values())))


def _check_free(out: Path, overwrite: bool) -> None:
    if not overwrite and (out.is_file() or (out.is_dir() and any(out.iterdir()))):
        raise OutputError(f"{out} is there already; give another name, or --overwrite to write into it")


def _check_options(to: str, options: ConvertOptions) -> None:
    writable = [name for name, entry in PICKS_FORMATS.items() if entry.write is not None or name == COPICK]
    if to not in PICKS_FORMATS:
        raise PicksError(f"there is no format {to!r} to convert to.{did_you_mean(to, writable)}")
    if to not in writable:
        raise PicksError(f"{to} can be read but not written; choose one of {', '.join(sorted(writable))}")
    if options.flip is not None and options.flip not in FLIP_AXES:
        raise InputError(f"--flip takes x (left to right) or y (upside down), found {options.flip!r}")
    if options.flip is not None and not options.images:
        raise InputError("--flip needs the sizes of the images; give them with --images")
    if options.centre not in CENTRES:
        raise InputError(f"there is no centre {options.centre!r}.{did_you_mean(options.centre, CENTRES)}")
    bin1 = options.tilt_series_pixel_size
    if bin1 is not None and not 0 < bin1 < np.inf:
        raise InputError(f"--tilt-series-pixel-size is in A/px and above 0, found {bin1:g}")
    if options.box_size is not None and options.box_size < 1:
        raise InputError(f"--box-size is in pixels and at least 1, found {options.box_size}")


def _dimension(source: str) -> int:
    """2 for picks in images, 3 for picks in volumes, by the first that are not empty."""
    loaded = read_all_picks(source, (), 2, _PRETENDED).picks.values()
    return next((picks.ndim for picks in sorted(loaded, key=len, reverse=True)), 2)


def _warn_of_binning(to: str, options: ConvertOptions, teller: Teller) -> None:
    counts = to in ("relion4", "eman-info") or (to == "relion5" and options.centre != "relion")
    if counts and options.tilt_series_pixel_size is None:
        teller.warn(
            f"{to} counts in pixels of the unbinned tilt series, whose size is not known: the tomograms are taken "
            "to be unbinned. If they are not, give --tilt-series-pixel-size"
        )


def _named_picks(
    source: str, options: ConvertOptions, ndim: int, teller: Teller
) -> tuple[list[NamedPicks], list[Failure]]:
    """Picks with the names of their images, as the images are listed, else as the source writes them.

    Candidates are among them. What cannot be read is named beside them.
    """
    if options.images:
        found = collect(options.images, source, ndim, candidates=True, given=options.given)
        images = [entry for entry in found.images if entry.name in found.picks]
        named = [NamedPicks(entry.name, found.picks[entry.name], entry) for entry in images]
        notes, problems = found.notes, found.problems
    else:
        loaded = read_all_picks(source, (), ndim, options.given)
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
    ndim: int,
    teller: Teller,
) -> list[Path]:
    """Write what lists the files of a folder."""
    if to == "relion" and ndim == 2 and not all(IMAGE_SUFFIX.search(each.name) for each in named):
        teller.warn(
            "the picks do not tell the extension of their images, so neither does the index; give --images, "
            "such as the project's micrographs.star"
        )
    failed = {failure.name for failure in result.failures}
    written = [each.name for each in named if each.name not in failed]
    listed = [(name, _from_here(file)) for name, file in zip(written, result.files, strict=True)]
    star = next((name for name in options.images if name.endswith(".star")), None)
    return write_index(out, listed, to, star, ndim=ndim)


def _from_here(path: Path) -> str:
    """As an index lists it: relative to the current folder, where the path lies below it."""
    absolute = path.absolute()
    here = Path.cwd()
    return (absolute.relative_to(here) if absolute.is_relative_to(here) else absolute).as_posix()


def _changed_picks(
    named: Sequence[NamedPicks], options: ConvertOptions, ndim: int, teller: Teller
) -> tuple[list[NamedPicks], list[Failure]]:
    changed, failures = [], []
    for each in named:
        try:
            picks, notes = _changed(each, options, ndim)
        except InputError as error:
            failures.append(Failure(each.name, str(error)))
            continue
        changed.append(replace(each, picks=picks))
        for note in notes:
            teller.warn(note)
    return changed, failures


def _write_all(
    named: Sequence[NamedPicks],
    place_of: Mapping[str, Path],
    to: str,
    options: ConvertOptions,
    ndim: int,
) -> ConvertResult:
    """Write what can be written."""
    written: list[Path] = []
    failures: list[Failure] = []
    total = 0
    for each in named:
        place = place_of[each.output_name]
        try:
            facts = options.given
            if ndim == 3 and each.image is not None:
                facts = image_facts(each.image, ndim, facts)
            write_picks(place, each.picks, format=to, image_name=each.name, facts=facts)
        except InputError as error:
            failures.append(Failure(each.name, str(error)))
            continue
        written.append(place)
        total += len(each.picks)
    return ConvertResult(written, total, failures=failures)


def _changed(named: NamedPicks, options: ConvertOptions, ndim: int) -> tuple[Picks, list[str]]:
    """The picks mirrored, and with the diameter and the class, as the options ask for; how many lay outside the image.

    Repeated ones stay, for further columns may tell them apart. Raises PicksError for picks of another dimension than
    the first, and where too many lie outside.
    """
    picks = named.picks
    if picks.ndim != ndim:
        raise PicksError(
            f"{named.name}: its picks are {picks.ndim}D, where {ndim}D ones are expected; convert them on their own"
        )
    if options.class_name is not None and picks.classes is None:
        picks = replace(picks, classes=np.full(len(picks), options.class_name))
    info = _info(named, options, ndim)
    if options.flip is not None and info is not None:
        axis = FLIP_AXES[options.flip]
        picks = flipped(picks, axis, info.shape[axis])
    if options.diameter is not None:
        diameter = options.diameter.in_pixels(info.pixel_size if info else options.pixel_size)
        picks = replace(picks, diameters=np.full(len(picks), diameter))
    return (picks, []) if info is None else keep_inside(picks, info.shape, named.name)


def _info(named: NamedPicks, options: ConvertOptions, ndim: int) -> ImageInfo | None:
    """What the header of the image says; None where no image is named, or none is there and its size is not needed.

    Raises ImageError.
    """
    if named.image is None:
        return None
    try:
        return image_info(named.image.path, ndim, options.pixel_size or named.image.pixel_size)
    except ImageError:
        if options.flip is not None or options.diameter is not None:
            raise
        return None


def _not_mirrored(
    named: Sequence[NamedPicks], source: str, options: ConvertOptions, teller: Teller
) -> tuple[list[NamedPicks], list[Failure]]:
    """The picks that fit their image, and those that fit its mirror image much better.

    Raises PicksError where the picks of all images together, each with too few to tell, seem mirrored.
    """
    if not options.check_flips or not options.images:
        return list(named), []
    spacing = typical_spacing(each.picks for each in named)
    found = look_at_set(_one_by_one(named, teller), spacing=spacing, pixel_size=options.pixel_size)
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
