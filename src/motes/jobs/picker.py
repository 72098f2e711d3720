"""A model with the user's choices, ready to pick one image after the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry
from motes.data.sampling import Pixels
from motes.data.working import WorkingImage, to_working_scale
from motes.errors import ModelError, MotesError, UnitError
from motes.figures.object_pictures import save_object_picture
from motes.figures.pictures import save_picture
from motes.formats.copick_overlay import Overlay, known_size
from motes.formats.picks import Facts, write_picks
from motes.image import Image
from motes.jobs.diameter import model_precision
from motes.jobs.object_files import OUTLINE_FORMATS, object_file, write_objects
from motes.jobs.outliner import Seen, outline
from motes.jobs.pick_folder import csv_file
from motes.jobs.pick_maps import VolumesInFiles, kept_maps, map_files
from motes.jobs.pick_options import (
    PickOptions,
    check_formats,
    check_outlines,
    check_thresholds,
    usual_formats,
)
from motes.nets.folded import folded
from motes.nets.model_file import Model
from motes.picking.control import promises_little
from motes.picking.doubt import Look, look
from motes.picking.instances import Instances
from motes.picking.outlining import Outlining
from motes.picking.picker import Picking, to_full_size
from motes.picking.quality import Verdict, signs
from motes.picking.slabs import SlabPicks
from motes.picks import AdaptedThreshold, Picks, Threshold, joined
from motes.predict.ensemble import trained_crop
from motes.predict.stream import Seer, stream_maps
from motes.predict.windows import Plan

NO_DIAMETER = (
    "this model does not say how large the particles are; give --diameter 150 (Angstrom) or 60px. Where you do not "
    "know, `motes inspect IMAGES` estimates it"
)


@dataclass(frozen=True)
class Found:
    """What was found in one image.

    picks: candidates in pixels of the full-size image. maps: (classes, [z,] y, x), where a picture shows them.
    objects: of a model that outlines, those that are sure enough; the picks are their rows. doubt: of the image then.
    beside_negative: whether the negative of the image had a say in the scores.
    """

    picks: Picks
    maps: Pixels | None = None
    objects: Instances | None = None
    doubt: float | None = None
    beside_negative: bool = False


@dataclass(frozen=True)
class Picker:
    """A model with the user's choices, ready for one image after the other.

    places: by format and output name of an image, the coordinate file beside its CSV. overlay: where picks for copick
    lie, a file for each class. seer: the model's net, made ready to predict.
    """

    model: Model
    options: PickOptions
    out: Path
    seer: Seer
    places: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    overlay: Overlay | None = None

    @property
    def threshold(self) -> Threshold:
        """The user's, or else the model's own: by image where it adapts, by class where there are several."""
        described, given = self.model.description, self.options
        if given.threshold is not None and not given.thresholds:
            return given.threshold
        if given.threshold is None and not given.thresholds and described.adaptive is not None:
            return AdaptedThreshold(*described.adaptive)
        alike = {} if given.threshold is None else dict.fromkeys(described.classes, given.threshold)
        chosen = {**described.thresholds, **alike, **given.thresholds}
        return chosen if len(described.classes) > 1 else chosen[described.classes[0]]

    @property
    def picking(self) -> Picking:
        """How picks are found: the model's own way, unless the user chose the method."""
        own, method = self.model.description.picking, self.options.method
        return own if method is None else Picking.model_validate({**own.model_dump(), "method": method})

    @property
    def outlining(self) -> Outlining | None:
        """How objects are outlined; None for a model that does not, or where the user chose another method."""
        return self.model.description.outlining if self.options.method is None else None

    def has_done(self, entry: ImageEntry) -> bool:
        """Whether the picks of an image are there, and where objects are outlined their labels and outlines too."""
        files = [csv_file(self.out, entry)]
        if self.outlining is not None:
            kinds = ["labels", *(each for each in self.options.formats or () if each in OUTLINE_FORMATS)]
            files += [object_file(self.out, kind, entry.output_name) for kind in kinds]
        return all(file.is_file() for file in files)

    def read(self, entry: ImageEntry) -> "ReadImage | MotesError":
        """Read an image and bring it to the working scale; an error comes back as a value."""
        described = self.model.description
        try:
            image = entry.read(described.net.ndim, self.options.pixel_size)
            if self.overlay is not None:
                known_size(entry.name, image.pixel_size)
            diameters = self.diameters_in(image)
            diameter = max(diameters, default=None)
            working = to_working_scale(image, diameter, described.scale, described.normalisation)
        except MotesError as error:
            return error
        except OSError as error:
            return MotesError(f"{entry.name}: cannot be read ({error})")
        pixels = None if self.outlining is None else image.data
        return ReadImage(entry, working, diameters, image.pixel_size, pixels)

    def diameters_in(self, image: Image) -> list[float]:
        """The diameter of each class in pixels of an image; UnitError where it has to be known, and is not."""
        lengths = [self.options.diameter] if self.options.diameter else self.model.description.lengths
        if not lengths and self.outlining is None:
            raise UnitError(NO_DIAMETER)
        return [length.in_pixels(image.pixel_size) for length in lengths]

    def plan(self, shape: Sequence[int]) -> Plan:
        """The windows of an image of a shape ([z,] y, x) at the working scale; RecipeError where they cannot be."""
        return self.seer.plan(shape, self.options.windows, trained_crop(self.model.description))

    def pick(self, image: "ReadImage", plan: Plan, done: Callable[[int], None] | None = None) -> Found:
        """Find what is in an image; done: told how many windows have been seen.

        Nothing holds all maps of a volume at a time, but for outlines.
        """
        if self.outlining is not None:
            return self._outlined(image, plan, self.outlining, done)
        described, options, flat = self.model.description, self.options, image.working.data.ndim == 2
        files = map_files(self.out, image.entry.output_name, described.classes) if options.save_maps else []
        found = self._slab_picks(image)
        in_memory = options.pictures and flat and len(described.classes) > 1
        size = image.pixel_size and image.pixel_size / image.enlarged
        with kept_maps(files, size, in_memory=in_memory) as kept:
            for slab in stream_maps(self.seer, image.working.data, plan, done):
                maps = slab.maps[
                    : len(described.classes)
                ]  # not what separates the objects of a net that outlines
                found.add(slab.start, maps)
                kept.add(maps)
        by_class = [
            self.in_full_size(image, picks, size)
            for picks, size in zip(found.picks(), image.diameters, strict=True)
        ]
        shown = VolumesInFiles(files) if files and options.pictures and not flat else kept.whole
        return self._controlled(Found(_of_all_classes(by_class, described.classes), shown), image, plan)

    def _controlled(self, found: Found, image: "ReadImage", plan: Plan) -> Found:
        """What was found; where scores of one class promise little, with those that the negative has had a say in."""
        control, scores = self.model.description.control, found.picks.scores
        if control is None or scores is None or not promises_little(scores, control.doubted):
            return found
        settled = control.compared(scores, self._negative_scores(image, plan), image.working.data.size)
        return replace(found, picks=replace(found.picks, scores=settled), beside_negative=True)

    def _negative_scores(self, image: "ReadImage", plan: Plan) -> NDArray[np.float64]:
        """The scores (n,) of what is found in the negative of an image, by a model of one class."""
        (diameter,) = image.diameters
        found = self._slab_picks(image)
        for slab in stream_maps(self.seer, -image.working.data, plan):
            found.add(slab.start, slab.maps)
        (picks,) = (self.in_full_size(image, each, diameter) for each in found.picks())
        return np.zeros(0) if picks.scores is None else picks.scores

    def _slab_picks(self, image: "ReadImage") -> SlabPicks:
        """What takes the maps of an image slab by slab."""
        diameters = [diameter * image.enlarged for diameter in image.diameters]
        return SlabPicks(diameters, self.picking, self.model.description.calibration)

    def _outlined(
        self, image: "ReadImage", plan: Plan, outlining: Outlining, done: Callable[[int], None] | None
    ) -> Found:
        assert image.pixels is not None
        seen = Seen(image.entry.output_name, image.working.data, image.pixels, image.pixel_size)
        least = self.threshold
        assert isinstance(least, float | int)
        found = outline(
            self.seer,
            seen,
            plan,
            outlining.sure(least),
            self.out,
            save_maps=self.options.save_maps,
            done=done,
        )
        picks = found.objects.table.to_picks(image.pixel_size)
        return Found(picks, objects=found.objects, doubt=found.doubt)

    def in_full_size(self, image: "ReadImage", found: Picks, diameter: float) -> Picks:
        """Candidates of one class in pixels of the full-size image, where the particles are diameter px across."""
        full = to_full_size(found, image.working.factors)
        inside = np.all((full.points >= 0) & (full.points <= np.array(image.working.full_shape) - 1), axis=1)
        kept = full.select(inside)
        if kept.diameters is None:
            kept = replace(kept, diameters=np.full(len(kept), round(diameter, 3)))
        return kept

    def quality(self, image: "ReadImage", picks: Picks, doubt: float | None = None) -> Verdict | Look | None:
        """What a micrograph with these candidates is worth; of outlined objects, whether to look at it; else None.

        doubt: of an image with outlined objects.
        """
        if doubt is not None:
            return look(doubt)
        if image.working.data.ndim != 2 or self.outlining is not None:
            return None
        accepted = picks.above(self.threshold).scaled(image.working.factors)
        return signs(image.working.data, accepted, max(image.diameters) * image.enlarged).verdict

    def write(self, image: "ReadImage", found: Found) -> None:
        """Write what belongs to one image beside its maps, the CSV last: where it stands, the image is done."""
        name, picks = image.entry.output_name, found.picks
        accepted = picks.above(self.threshold)
        for format_name, places in self.places.items():
            write_picks(
                places[name],
                accepted,
                format=format_name,
                image_name=image.entry.name,
                facts=Facts(image.working.full_shape, image.pixel_size, self.options.box_size),
            )
        if self.overlay is not None:
            self.overlay.write(name, accepted, image.pixel_size)
        if found.objects is not None:
            self._write_objects(image, found.objects)
            return
        if self.options.pictures:
            classes = self.model.description.classes
            save_picture(
                self.out / "pictures" / f"{name}.png",
                image.working.data,
                accepted.scaled(image.working.factors),
                {each: size * image.enlarged for each, size in zip(classes, image.diameters, strict=True)},
                maps=found.maps,
            )
        write_picks(csv_file(self.out, image.entry), picks, format="csv", image_name=image.entry.name)

    def _write_objects(self, image: "ReadImage", found: Instances) -> None:
        name = image.entry.output_name
        if self.options.pictures:
            save_object_picture(self.out / "pictures" / f"{name}.png", found.labels, image.pixels)
        write_objects(
            self.out,
            name,
            found.labels,
            found.table,
            pixel_size=image.pixel_size,
            formats=[each for each in self.options.formats or () if each in OUTLINE_FORMATS],
            image_name=image.entry.name,
        )


@dataclass(frozen=True)
class ReadImage:
    """An image at its working scale. diameters: of each class in pixels of the full-size image.

    pixels: as stored, ([z,] y, x), kept for the intensities of objects.
    """

    entry: ImageEntry
    working: WorkingImage
    diameters: list[float]
    pixel_size: float | None
    pixels: NDArray[Any] | None = None

    @property
    def enlarged(self) -> float:
        """How many times as large as stored it is at the working scale."""
        return float(np.mean(self.working.factors))


def _of_all_classes(by_class: Sequence[Picks], names: Sequence[str]) -> Picks:
    """The picks of all classes, each with the name of its own; of one class they carry none."""
    if len(by_class) == 1:
        return by_class[0]
    named = [
        replace(picks, classes=np.full(len(picks), name)) for picks, name in zip(by_class, names, strict=True)
    ]
    return joined(named)


def make_picker(model: Model, options: PickOptions, out: Path, device: torch.device) -> Picker:
    """A model with the user's choices; ModelError for a choice that it cannot take, PicksError as check_formats."""
    described = model.description
    if options.diameter is not None and len(described.classes) > 1:
        raise ModelError(
            f"--diameter is one length, but this model finds {', '.join(described.classes)}, each with its own "
            "diameter; leave the option out"
        )
    outlines = described.outlining is not None and options.method is None
    if options.diameter is None and not described.lengths and not outlines:
        raise ModelError(NO_DIAMETER)
    check_thresholds(options, described.classes)
    check_outlines(options, outlines)
    if options.formats is None:
        options = replace(options, formats=usual_formats(described, options))
    check_formats(options, described.net.ndim, described.classes)
    precision = model_precision(model, device)
    spread = outlines and options.windows.views > 1
    seer = Seer(folded(model.net, precision), described.net, precision, spread=spread)
    picker = Picker(model, options, out, seer)
    picker.plan(
        (described.net.multiple,) * described.net.ndim
    )  # says so at once where windows cannot be cut so
    return picker
