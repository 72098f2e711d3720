"""Pick particles in any number of images with a model."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from motes.data.ahead import made_ahead
from motes.data.collection import image_facts
from motes.data.image_list import ImageEntry, find_images
from motes.errors import MotesError
from motes.formats.copick import read_config, split_source
from motes.formats.copick_overlay import Overlay, check_run_names, renamed, write_overlay_config
from motes.formats.picks import COPICK, Facts, read_picks, write_index, write_picks
from motes.formats.tables import check_tomogram_names
from motes.jobs.device import choose_device
from motes.jobs.diameter import checks_diameters, misfit
from motes.jobs.object_files import OUTLINE_FORMATS, check_apart
from motes.jobs.pick_folder import claim, csv_file, take_stock
from motes.jobs.pick_options import PickOptions
from motes.jobs.picker import Found, Picker, ReadImage, make_picker
from motes.jobs.places import coordinate_places, warn_of_mixed_classes
from motes.jobs.summary import ImageSummary, earlier_rows, mean_score, write_summary
from motes.jobs.telling import Failure, Silent, Teller
from motes.nets.model_file import load_model, model_path, started_from
from motes.picks import AdaptedThreshold, Picks, Threshold
from motes.predict.windows import Plan, Windows

__all__ = ["PickOptions", "PickResult", "pick"]

FEW = 10  # times that a net looks, up to which it is not worth while to time it first
WASTEFUL = 10  # times that a pixel is computed, from which on the user is told of a cheaper way


@dataclass(frozen=True)
class PickResult:
    """What was done: a row for each image, and the index files."""

    out: Path
    rows: list[ImageSummary]
    indexes: list[Path] = field(default_factory=list)

    @property
    def failures(self) -> list[Failure]:
        """The images that could not be picked."""
        return [Failure(row.image, row.status) for row in self.rows if row.picks is None]


def pick(
    sources: Sequence[str],
    model: str | Path,
    out: Path,
    options: PickOptions | None = None,
    *,
    overwrite: bool = False,
    device: str | None = None,
    threads: int | None = None,
    teller: Teller | None = None,
) -> PickResult:
    """Pick every image that is not done yet; a bad image is named in the summary and costs no other.

    model: a model file, or the word for the one that ships. Raises OutputError where the folder holds picks made
    with another model or other options, ModelError for options that the model cannot take.
    """
    options, teller = options or PickOptions(), teller or Silent()
    chosen = choose_device(device, threads)
    picker = make_picker(load_model(model_path(str(model)), str(chosen)), options, out, chosen)
    ndim = picker.model.description.net.ndim
    entries = _images_to_pick(sources, ndim, out)
    claim(out, _settings(picker, started_from(str(model)).sha256), overwrite)
    everything = [*entries, *take_stock(out, entries)]
    if picker.outlining is not None:
        check_apart([entry.output_name for entry in everything])
    formats = picker.options.formats or ()
    picker = replace(picker, places=_places(everything, out, formats, ndim))
    for name in picker.places:
        warn_of_mixed_classes(name, ndim, picker.model.description.classes, teller)
    if COPICK in formats:
        picker = replace(picker, overlay=_overlay(picker, everything, teller))
    earlier = earlier_rows(out)
    rows = {e.name: _row_from_csv(e, picker, earlier) for e in everything if picker.has_done(e)}
    to_do = [entry for entry in entries if entry.name not in rows]
    if len(to_do) < len(entries):
        teller.say(
            f"{len(entries) - len(to_do)} of {len(entries)} images are done already; picking the others"
        )
    for entry in everything:
        if entry.name in rows:
            _complete(picker, entry)
    write_summary(out, _in_order(everything, rows))  # no row of an image that is done again outlives a kill
    _warn_of_misfit(picker, to_do, teller)
    try:
        _pick_all(picker, to_do, rows, teller)
    finally:
        ordered = _in_order(everything, rows)
        write_summary(out, ordered)
    return PickResult(out, ordered, _write_indexes(picker, everything, rows, sources))


def _in_order(entries: Sequence[ImageEntry], rows: Mapping[str, ImageSummary]) -> list[ImageSummary]:
    """The rows of those images that have one."""
    return [rows[entry.name] for entry in entries if entry.name in rows]


def _images_to_pick(sources: Sequence[str], ndim: int, out: Path) -> list[ImageEntry]:
    """The images, without those that motes itself has written below the output folder."""
    entries = find_images(sources, ndim)
    own = out.absolute()
    return [entry for entry in entries if not entry.path.absolute().is_relative_to(own)]


def _places(
    entries: Sequence[ImageEntry], out: Path, formats: Sequence[str], ndim: int
) -> dict[str, dict[str, Path]]:
    names = [entry.output_name for entry in entries]
    if ndim == 3 and set(formats) - {COPICK}:
        check_tomogram_names(names)
    others = (COPICK, *OUTLINE_FORMATS)
    return {name: coordinate_places(names, out / name, name, ndim) for name in formats if name not in others}


def _overlay(picker: Picker, entries: Sequence[ImageEntry], teller: Teller) -> Overlay:
    check_run_names([entry.output_name for entry in entries])
    for note in renamed(picker.model.description.classes):
        teller.warn(note)
    return Overlay(picker.out / COPICK, tuple(picker.model.description.classes))


def _warn_of_misfit(picker: Picker, entries: Sequence[ImageEntry], teller: Teller) -> None:
    """Say so where the diameter that was given clearly does not fit what is seen."""
    given = picker.options.diameter
    if given is None or not entries or not checks_diameters(picker.model.description):
        return
    seer = picker.seer
    better = misfit(
        replace(picker.model, net=seer.net), seer.precision, entries, given, picker.options.pixel_size
    )
    if better is not None:
        teller.warn(
            f"the diameter {given} does not fit what is seen in {better.images} images, where particles seem to be "
            f"about {better} across; compare with `{better.option}`"
        )


def _pick_all(
    picker: Picker, entries: Sequence[ImageEntry], rows: dict[str, ImageSummary], teller: Teller
) -> None:
    plans: dict[tuple[int, ...], Plan] = {}
    with _progress_of_images(picker, len(entries), teller) as done:
        started = time.monotonic()
        for number, image in enumerate(made_ahead(picker.read, entries)):
            entry = entries[number]
            if isinstance(image, MotesError):
                rows[entry.name] = ImageSummary(entry.name, status=str(image))
                teller.warn(f"left out: {image}")
            else:
                shape = image.working.data.shape
                if shape not in plans:
                    plans[shape] = _told_plan(picker, image, teller)
                title = f"{entry.name} ({number + 1} of {len(entries)})"
                with _progress_of_windows(picker, title, plans[shape], teller) as seen:
                    found = picker.pick(image, plans[shape], seen)
                picker.write(image, found)
                seconds = round(time.monotonic() - started, 3)
                rows[entry.name] = _row(picker, image, found, seconds)
            started = time.monotonic()
            done(number + 1)


Progress = AbstractContextManager[Callable[[int], None]]


def _ignored(_: int) -> None:
    """Nobody is told."""


def _progress_of_images(picker: Picker, count: int, teller: Teller) -> Progress:
    """Of micrographs; volumes take so long that each has its own."""
    flat = picker.model.description.net.ndim == 2
    return teller.progress("picking", count, "images") if flat else nullcontext(_ignored)


def _progress_of_windows(picker: Picker, title: str, plan: Plan, teller: Teller) -> Progress:
    flat = picker.model.description.net.ndim == 2
    return nullcontext(_ignored) if flat else teller.progress(title, plan.windows, "windows")


def _told_plan(picker: Picker, image: ReadImage, teller: Teller) -> Plan:
    """The windows of images of that shape; of volumes, one window is timed and the user told what it will take."""
    plan = picker.plan(image.working.data.shape)
    if image.working.data.ndim == 2:
        return plan
    if plan.windows > FEW * plan.together:
        plan = plan.timed(picker.seer.seconds_a_window(plan))
    teller.say(f"{image.entry.name}: {plan}")
    if plan.blend == "exact" and plan.redundancy > WASTEFUL:
        teller.say(
            "these windows equal the whole volume, but compute most of it over and over; `--blend gaussian` computes "
            "less, and what it gives differs a little"
        )
    return plan


def _row(picker: Picker, image: ReadImage, found: Found, seconds: float) -> ImageSummary:
    return replace(
        _counts(image.entry.name, found.picks, picker.threshold),
        quality=picker.quality(image, found.picks, found.doubt),
        doubt=None if found.doubt is None else round(found.doubt, 4),
        beside_negative="yes" if found.beside_negative else None,
        pixel_size=image.pixel_size,
        bad_pixels=image.working.bad_pixels,
        seconds=seconds,
    )


def _counts(name: str, picks: Picks, threshold: Threshold) -> ImageSummary:
    """What candidates and their threshold say of an image."""
    accepted = picks.above(threshold)
    if isinstance(threshold, AdaptedThreshold) and picks.scores is not None:
        threshold = threshold.of(picks.scores)
    return ImageSummary(
        name,
        "done",
        len(accepted),
        len(picks),
        threshold if isinstance(threshold, float | int) else None,
        mean_score(accepted),
    )


def _row_from_csv(entry: ImageEntry, picker: Picker, earlier: Mapping[str, ImageSummary]) -> ImageSummary:
    """The row of an image that an earlier call has done."""
    if entry.name in earlier:
        return earlier[entry.name]
    found = read_picks(csv_file(picker.out, entry))
    picks = next(iter(found.values()))
    return _counts(entry.name, picks, picker.threshold)


def _complete(picker: Picker, entry: ImageEntry) -> None:
    """Write the coordinate files of an image that is done, where they are missing or belong elsewhere now."""
    missing = {name: places[entry.output_name] for name, places in picker.places.items()}
    missing = {name: place for name, place in missing.items() if not place.is_file()}
    laid_down = picker.overlay is None or picker.overlay.has(entry.output_name)
    if not missing and laid_down:
        return
    picks = next(iter(read_picks(csv_file(picker.out, entry)).values()))
    accepted = picks.above(picker.threshold)
    facts = _facts_of(picker, entry)
    for name, place in missing.items():
        write_picks(place, accepted, format=name, image_name=entry.name, facts=facts)
    if picker.overlay is not None and not laid_down:
        picker.overlay.write(entry.output_name, accepted, facts.pixel_size)


def _facts_of(picker: Picker, entry: ImageEntry) -> Facts:
    """What its coordinate files need to know; of an image that is gone since, what the options say."""
    given = Facts(pixel_size=picker.options.pixel_size, box_size=picker.options.box_size)
    try:
        return image_facts(entry, picker.model.description.net.ndim, given)
    except MotesError:
        return given


def _settings(picker: Picker, model_hash: str) -> dict[str, Any]:
    """What must be the same for picks to lie in one folder."""
    options = picker.options
    return {
        "model": model_hash,
        **_noted(picker.threshold),
        "method": picker.picking.method,
        "pixel_size": options.pixel_size,
        "diameter": None if options.diameter is None else str(options.diameter),
        "formats": list(options.formats or ()),
        "box_size": options.box_size,
        "save_maps": options.save_maps,
        "pictures": options.pictures,
        **_noted_windows(options.windows),
    }


def _noted_windows(windows: Windows) -> dict[str, Any]:
    """How images were cut, None where that was left open; folders of before say nothing, which is the same."""
    patch = windows.patch
    return {
        "patch": patch if patch is None or isinstance(patch, int) else "x".join(map(str, patch)),
        "overlap": windows.overlap,
        "blend": windows.blend,
        "views": windows.views if windows.views > 1 else None,
    }


def _noted(threshold: Threshold) -> dict[str, Any]:
    """A threshold as whoever reads the folder later needs it."""
    if isinstance(threshold, AdaptedThreshold):
        return {"threshold": None, "adaptive": [threshold.lowest, threshold.highest]}
    return {"threshold": threshold, "adaptive": None}


def _write_indexes(
    picker: Picker, entries: Sequence[ImageEntry], rows: Mapping[str, ImageSummary], sources: Sequence[str]
) -> list[Path]:
    """One index for each format that has one, naming each image exactly as the user's list does."""
    project = picker.options.project.absolute()
    done = [entry for entry in entries if entry.name in rows and rows[entry.name].picks is not None]
    star = next((source for source in sources if source.endswith(".star")), None)
    written = []
    for format_name, places in picker.places.items():
        listed = []
        for entry in done:
            path = places[entry.output_name].absolute()
            shown = path.relative_to(project) if path.is_relative_to(project) else path
            listed.append((entry.name, shown.as_posix()))
        ndim = picker.model.description.net.ndim
        written += write_index(picker.out / format_name, listed, format_name, star, ndim=ndim)
    if picker.overlay is not None and done:
        projects = (read_config(found[0]) for found in map(split_source, sources) if found is not None)
        written.append(
            write_overlay_config(picker.overlay.root, _radii(picker, done[0]), next(projects, None))
        )
    return written


def _radii(picker: Picker, entry: ImageEntry) -> dict[str, float | None]:
    """The radius of each class, A; None where it is known in pixels only, and the pixel size is not."""
    described = picker.model.description
    lengths = [picker.options.diameter] if picker.options.diameter else described.lengths
    size = _facts_of(picker, entry).pixel_size
    known = [each.value if each.unit == "A" else size and each.value * size for each in lengths]
    return {name: each and round(each / 2, 3) for name, each in zip(described.classes, known, strict=True)}
