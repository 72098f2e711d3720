"""Pick particles in any number of images with a model."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.ahead import made_ahead
from motes.data.image_list import ImageEntry, find_images
from motes.data.working import WorkingImage, to_working_scale
from motes.errors import ModelError, MotesError, UnitError
from motes.figures.pictures import save_picture
from motes.formats.images import write_image
from motes.formats.picks import read_picks, write_index, write_picks
from motes.image import Image
from motes.jobs.device import choose_device
from motes.jobs.diameter import checks_diameters, misfit, model_precision
from motes.jobs.pick_folder import claim, csv_file, take_stock
from motes.jobs.places import coordinate_places
from motes.jobs.summary import ImageSummary, earlier_rows, mean_score, write_summary
from motes.jobs.telling import Failure, Silent, Teller
from motes.nets.model_file import Model, load_model, model_path, started_from
from motes.picking.calibration import pick_calibrated
from motes.picking.picker import Picking, to_full_size
from motes.picking.quality import Verdict, signs
from motes.picks import AdaptedThreshold, Picks, Threshold, empty_picks
from motes.predict.maps import class_maps, probability_maps
from motes.units import Length

NO_DIAMETER = (
    "this model does not say how large the particles are; give --diameter 150 (Angstrom) or 60px. Where you do not "
    "know, `motes inspect IMAGES` estimates it"
)


@dataclass(frozen=True)
class PickOptions:
    """What the user chose; None leaves it to the model or the image.

    formats: names of formats written beside CSV. box_size: pixels. project: the folder that paths in an
    index are relative to. micrographs_star: where the images come from, for RELION 3.1's suffix file.
    """

    threshold: float | None = None
    method: Literal["peaks", "components"] | None = None
    pixel_size: float | None = None
    diameter: Length | None = None
    formats: tuple[str, ...] = ()
    box_size: int | None = None
    project: Path = Path()
    save_maps: bool = False
    pictures: bool = False


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


@dataclass(frozen=True)
class Picker:
    """A model with the user's choices, ready for one image after the other.

    places: by format and output name of an image, the coordinate file beside its CSV.
    """

    model: Model
    options: PickOptions
    out: Path
    precision: torch.dtype
    places: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)

    @property
    def threshold(self) -> Threshold:
        """The user's, or else the model's own: by image where it adapts, by class where there are several."""
        described = self.model.description
        if self.options.threshold is not None:
            return self.options.threshold
        if described.adaptive is not None:
            return AdaptedThreshold(*described.adaptive)
        return (
            described.thresholds if len(described.classes) > 1 else described.thresholds[described.classes[0]]
        )

    @property
    def picking(self) -> Picking:
        """How picks are found: the model's own way, unless the user chose the method."""
        own, method = self.model.description.picking, self.options.method
        return own if method is None else Picking.model_validate({**own.model_dump(), "method": method})

    def read(self, entry: ImageEntry) -> "ReadImage | MotesError":
        """Read an image and bring it to the working scale; an error comes back as a value."""
        described = self.model.description
        try:
            image = entry.read(described.net.ndim, self.options.pixel_size)
            diameters = self.diameters_in(image)
            working = to_working_scale(image, max(diameters), described.scale, described.normalisation)
        except MotesError as error:
            return error
        except OSError as error:
            return MotesError(f"{entry.name}: cannot be read ({error})")
        return ReadImage(entry, working, diameters, image.pixel_size)

    def diameters_in(self, image: Image) -> list[float]:
        """The diameter of each class in pixels of an image; UnitError where it is not known."""
        lengths = [self.options.diameter] if self.options.diameter else self.model.description.lengths
        if not lengths:
            raise UnitError(NO_DIAMETER)
        return [length.in_pixels(image.pixel_size) for length in lengths]

    def pick(self, image: "ReadImage") -> tuple[Picks, NDArray[np.float32]]:
        """Candidates in pixels of the full-size image, and the maps (classes, [z,] y, x) at the working scale."""
        described = self.model.description
        maps = class_maps(
            probability_maps(self.model.net, described.net, image.working.data, precision=self.precision)
        )
        found = [self.pick_class(image, map_, number) for number, map_ in enumerate(maps)]
        return joined_picks(found, described.classes), maps

    def pick_class(self, image: "ReadImage", probability: NDArray[np.float32], number: int) -> Picks:
        """Candidates of one class in pixels of the full-size image."""
        diameter = image.diameters[number]
        enlarged = float(np.mean(image.working.factors))
        calibration = self.model.description.calibration
        found = pick_calibrated(probability, diameter * enlarged, self.picking, calibration)
        full = to_full_size(found, image.working.factors)
        inside = np.all((full.points >= 0) & (full.points <= np.array(image.working.full_shape) - 1), axis=1)
        kept = full.select(inside)
        if kept.diameters is None:
            kept = replace(kept, diameters=np.full(len(kept), round(diameter, 3)))
        return kept

    def quality(self, image: "ReadImage", picks: Picks) -> Verdict | None:
        """What a micrograph with these candidates is worth; None for a volume."""
        if image.working.data.ndim != 2:
            return None
        enlarged = float(np.mean(image.working.factors))
        accepted = picks.above(self.threshold).scaled(image.working.factors)
        return signs(image.working.data, accepted, max(image.diameters) * enlarged).verdict

    def write(self, image: "ReadImage", picks: Picks, maps: NDArray[np.float32]) -> None:
        """Write all that belongs to one image, the CSV last: where it stands, the image is done."""
        name = image.entry.output_name
        accepted = picks.above(self.threshold)
        for format_name, places in self.places.items():
            write_picks(
                places[name],
                accepted,
                format=format_name,
                image_name=image.entry.name,
                box_size=self.options.box_size,
            )
        if self.options.save_maps:
            size = image.pixel_size and image.pixel_size / float(np.mean(image.working.factors))
            classes = self.model.description.classes
            for class_name, map_ in zip(classes, maps, strict=True):
                place = f"{name}.mrc" if len(classes) == 1 else f"{name}.{class_name}.mrc"
                write_image(self.out / "maps" / place, map_, size)
        if self.options.pictures:
            save_picture(
                self.out / "pictures" / f"{name}.png",
                image.working.data,
                accepted.scaled(image.working.factors),
                image.diameters[0] * float(np.mean(image.working.factors)),
            )
        write_picks(csv_file(self.out, image.entry), picks, format="csv", image_name=image.entry.name)


@dataclass(frozen=True)
class ReadImage:
    """An image at its working scale. diameters: of each class in pixels of the full-size image."""

    entry: ImageEntry
    working: WorkingImage
    diameters: list[float]
    pixel_size: float | None


def joined_picks(by_class: Sequence[Picks], names: Sequence[str]) -> Picks:
    """The picks of all classes, each with the name of its own; of one class they carry none."""
    if len(by_class) == 1:
        return by_class[0]
    points = np.concatenate([picks.points for picks in by_class])
    scores = np.concatenate([picks.scores for picks in by_class if picks.scores is not None])
    diameters = np.concatenate([picks.diameters for picks in by_class if picks.diameters is not None])
    classes = np.repeat(np.array(names, dtype=np.str_), [len(picks) for picks in by_class])
    return Picks(points, scores, classes, diameters)


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
    entries = _images_to_pick(sources, picker.model.description.net.ndim, out)
    claim(out, _settings(picker, started_from(str(model)).sha256), overwrite)
    everything = [*entries, *take_stock(out, entries)]
    picker = replace(picker, places=_places(everything, out, options.formats))
    earlier = earlier_rows(out)
    rows = {e.name: _row_from_csv(e, picker, earlier) for e in everything if csv_file(out, e).is_file()}
    to_do = [entry for entry in entries if entry.name not in rows]
    if len(to_do) < len(entries):
        teller.say(
            f"{len(entries) - len(to_do)} of {len(entries)} images are done already; picking the others"
        )
    for entry in everything:
        if entry.name in rows:
            _complete(picker, entry)
    _warn_of_misfit(picker, to_do, teller)
    try:
        _pick_all(picker, to_do, rows, teller)
    finally:
        ordered = [rows[entry.name] for entry in everything if entry.name in rows]
        write_summary(out, ordered)
    return PickResult(out, ordered, _write_indexes(picker, everything, rows, sources))


def make_picker(model: Model, options: PickOptions, out: Path, device: torch.device) -> Picker:
    """A model with the user's choices; ModelError for a choice that it cannot take, PicksError as _check_formats."""
    described = model.description
    if options.diameter is not None and len(described.classes) > 1:
        raise ModelError(
            f"--diameter is one length, but this model finds {', '.join(described.classes)}, each with its own "
            "diameter; leave the option out"
        )
    if options.diameter is None and not described.lengths:
        raise ModelError(NO_DIAMETER)
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise ModelError(f"--threshold is a probability between 0 and 1, found {options.threshold:g}")
    _check_formats(options, described.net.ndim)
    return Picker(model, options, out, model_precision(model, device))


def _images_to_pick(sources: Sequence[str], ndim: int, out: Path) -> list[ImageEntry]:
    """The images, without those that motes itself has written below the output folder."""
    entries = find_images(sources, ndim)
    own = out.absolute()
    return [entry for entry in entries if not entry.path.absolute().is_relative_to(own)]


def _places(entries: Sequence[ImageEntry], out: Path, formats: Sequence[str]) -> dict[str, dict[str, Path]]:
    names = [entry.output_name for entry in entries]
    return {name: coordinate_places(names, out / name, name) for name in formats}


def _check_formats(options: PickOptions, ndim: int) -> None:
    """Raise PicksError, before any work is done, for a format that cannot be written with these options."""
    with tempfile.TemporaryDirectory() as folder:
        for format_name in options.formats:
            path = Path(folder) / "check"
            write_picks(
                path, empty_picks(ndim), format=format_name, image_name="x", box_size=options.box_size
            )


def _warn_of_misfit(picker: Picker, entries: Sequence[ImageEntry], teller: Teller) -> None:
    """Say so where the diameter that was given clearly does not fit what is seen."""
    given = picker.options.diameter
    if given is None or not entries or not checks_diameters(picker.model.description):
        return
    better = misfit(picker.model, picker.precision, entries, given, picker.options.pixel_size)
    if better is not None:
        teller.warn(
            f"the diameter {given} does not fit what is seen in {better.images} images, where particles seem to be "
            f"about {better} across; compare with `{better.option}`"
        )


def _pick_all(
    picker: Picker, entries: Sequence[ImageEntry], rows: dict[str, ImageSummary], teller: Teller
) -> None:
    with teller.progress("picking", len(entries), "images") as done:
        started = time.monotonic()
        for number, image in enumerate(made_ahead(picker.read, entries)):
            entry = entries[number]
            if isinstance(image, MotesError):
                rows[entry.name] = ImageSummary(entry.name, status=str(image))
                teller.warn(f"left out: {image}")
            else:
                picks, maps = picker.pick(image)
                picker.write(image, picks, maps)
                seconds = round(time.monotonic() - started, 3)
                rows[entry.name] = _row(picker, image, picks, seconds)
            started = time.monotonic()
            done(number + 1)


def _row(picker: Picker, image: ReadImage, picks: Picks, seconds: float) -> ImageSummary:
    return replace(
        _counts(image.entry.name, picks, picker.threshold),
        quality=picker.quality(image, picks),
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
    if not missing:
        return
    picks = next(iter(read_picks(csv_file(picker.out, entry)).values()))
    accepted = picks.above(picker.threshold)
    for name, place in missing.items():
        write_picks(place, accepted, format=name, image_name=entry.name, box_size=picker.options.box_size)


def _settings(picker: Picker, model_hash: str) -> dict[str, Any]:
    """What must be the same for picks to lie in one folder."""
    options = picker.options
    return {
        "model": model_hash,
        **_noted(picker.threshold),
        "method": picker.picking.method,
        "pixel_size": options.pixel_size,
        "diameter": None if options.diameter is None else str(options.diameter),
        "formats": list(options.formats),
        "box_size": options.box_size,
        "save_maps": options.save_maps,
        "pictures": options.pictures,
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
        written += write_index(picker.out / format_name, listed, format_name, star)
    return written
