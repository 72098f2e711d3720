"""The diameter of the particles in images: estimated where it is not known, and checked where it is given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry
from motes.data.normalise import fill_bad_pixels, normalise
from motes.data.scale import resample, working_shape
from motes.errors import ImageError, MotesError
from motes.image import Image
from motes.jobs.device import choose_device
from motes.nets.folded import folded
from motes.nets.model_file import DEFAULT, Model, ModelDescription, load_model, model_path
from motes.picking.calibration import pick_calibrated
from motes.picking.diameter import STEP, DiameterEstimate, Rung, estimate_diameter, ladder, pooled, rung
from motes.predict.maps import class_maps, probability_maps
from motes.train.precision import chosen_precision
from motes.train.settings import Training
from motes.units import Length

SIDE = 320  # px of the part of an image that is looked at, at the working scale
MOST_IMAGES = 3
SMALLEST = 10.0  # px; smaller particles are not looked for
ROW = (5, 200)  # nor such of which fewer or more would fit in a row
NEAR, FAR = 3, 6  # steps of the ladder, down and up from a diameter that does not seem to fit, least and most
CHECKED_IMAGES = 3
MISFIT = 1.7  # times that a diameter is off before the user is told; the net itself copes with 1.4


@dataclass(frozen=True)
class SeenDiameter:
    """An estimate in px and, where the pixel size is known, in A, each with a range; images: how many say so."""

    px: float
    px_low: float
    px_high: float
    angstrom: float | None
    angstrom_low: float | None
    angstrom_high: float | None
    images: int

    def __str__(self) -> str:
        if self.angstrom is None:
            return f"{self.px:.3g} px ({self.px_low:.3g} to {self.px_high:.3g} px)"
        return (
            f"{self.angstrom:.3g} A ({self.angstrom_low:.3g} to {self.angstrom_high:.3g} A; {self.px:.3g} px)"
        )

    @property
    def option(self) -> str:
        """How it is typed."""
        return f"--diameter {self.px:.3g}px" if self.angstrom is None else f"--diameter {self.angstrom:.3g}"


def estimate(entries: Sequence[ImageEntry], pixel_size: float | None = None) -> SeenDiameter | None:
    """Estimate the diameter with the model that ships; None where too few particles stand out.

    A few of the images are looked at; those that cannot be read are passed over. Raises ModelError where there is
    no such model.
    """
    device = choose_device()
    model = load_model(model_path(DEFAULT), str(device))
    precision = model_precision(model, device)
    model = replace(model, net=folded(model.net, precision))
    chosen = [entries[n] for n in np.unique(np.linspace(0, len(entries) - 1, MOST_IMAGES).astype(int))]
    ladders: list[list[Rung]] = []
    known: float | None = None
    diameters: list[float] = []
    for image in _read_alike(chosen, pixel_size):
        known, diameters = image.pixel_size, diameters or _every_diameter(image)
        ladders.append([look_at(model, precision, image, each) for each in diameters])
    found = estimate_diameter(pooled(ladders))
    return _told(found, known, len(ladders)) if found is not None and found.clear else None


def misfit(
    model: Model,
    precision: torch.dtype,
    entries: Sequence[ImageEntry],
    given: Length,
    pixel_size: float | None = None,
) -> SeenDiameter | None:
    """The diameter that would fit, where the one that is given clearly does not; else None.

    Where the first image speaks against it, three must do so together.
    """
    images = _read_alike(entries[:CHECKED_IMAGES], pixel_size)
    first = next(images, None)
    if first is None:
        return None
    ladders = [_climb(model, precision, first, given)]
    if not _speaks_against(given, first.pixel_size, ladders):
        return None
    tried = [each.diameter for each in ladders[0]]
    ladders += [[look_at(model, precision, image, each) for each in tried] for image in images]
    found = estimate_diameter(pooled(ladders))
    if found is None or not _speaks_against(given, first.pixel_size, ladders):
        return None
    return _told(found, first.pixel_size, len(ladders))


def checks_diameters(description: ModelDescription) -> bool:
    """Whether a model was trained on particles of misjudged size, so that it can judge a diameter."""
    worlds = description.recipe.get("worlds", {}).get("use", False)
    return bool(worlds) and len(description.classes) == 1 and description.working_diameter is not None


def model_precision(model: Model, device: torch.device) -> torch.dtype:
    """The number format in which a model predicts on a device."""
    return chosen_precision(Training.model_validate(model.description.recipe.get("training", {})), device)


def look_at(model: Model, precision: torch.dtype, image: Image, diameter: float) -> Rung:
    """How many particles are found in the middle of an image if they are taken to be diameter px across."""
    described = model.description
    working = described.working_diameter or diameter
    factor = working / diameter
    part = middle(image, SIDE / factor)
    try:
        pixels, _ = fill_bad_pixels(part, image.name)
        data = normalise(resample(pixels, working_shape(pixels.shape, factor)), described.normalisation)
    except ImageError:  # nothing to see there
        return rung(diameter, part.size, ())
    maps = class_maps(probability_maps(model.net, described.net, data, precision=precision), described.net)
    scores = pick_calibrated(maps[0], working, described.picking, described.calibration).scores
    return rung(diameter, part.size, () if scores is None else scores)


def middle(image: Image, side: float) -> NDArray[Any]:
    """The square of that side (px) in the middle of an image (y, x), or as much of it as there is."""
    corners = [max(0, int((size - side) / 2)) for size in image.shape]
    return image.data[
        tuple(slice(corner, size - corner) for corner, size in zip(corners, image.shape, strict=True))
    ]


def _read_alike(entries: Sequence[ImageEntry], pixel_size: float | None) -> Iterator[Image]:
    """The images that can be read, without those whose pixel size is not that of the first."""
    first = None
    for entry in entries:
        try:
            image = entry.read(2, pixel_size)
        except (MotesError, OSError):  # whoever picks or inspects it says so
            continue
        first = first or image
        if image.pixel_size == first.pixel_size:
            yield image


def _every_diameter(image: Image) -> list[float]:
    """All diameters (px) that particles in an image may have."""
    side = min(image.shape)
    return ladder(max(SMALLEST, side / ROW[1]), max(SMALLEST, side / ROW[0]))


def _climb(model: Model, precision: torch.dtype, image: Image, given: Length) -> list[Rung]:
    """Try diameters below and above one that is given, until it is the best or little speaks for the last ones.

    One that is too small for any particle is not tried; the ladder starts from the smallest then.
    """
    if given.unit == "A" and image.pixel_size is None:  # picking says so
        return []
    px, most = max(given.in_pixels(image.pixel_size), SMALLEST), min(image.shape) / ROW[0]
    seen: dict[int, Rung] = {}
    for steps in range(1, FAR + 1):
        for step in range(-steps, steps + 1):
            if step not in seen and SMALLEST <= px * STEP**step <= most:
                seen[step] = look_at(model, precision, image, px * STEP**step)
        rungs = [seen[step] for step in sorted(seen)]
        found = estimate_diameter(rungs)
        if found is not None and found.enough and found.best.diameter == px:
            break
        if steps >= NEAR and (found is None or not found.enough or found.closed):
            break
    return rungs


def _speaks_against(given: Length, pixel_size: float | None, ladders: Sequence[Sequence[Rung]]) -> bool:
    """Whether what was seen in images of that pixel size is clear, and far from the diameter that is given."""
    found = estimate_diameter(pooled(ladders))
    if found is None or not found.clear:
        return False
    times = found.diameter / given.in_pixels(pixel_size)
    return max(times, 1 / times) >= MISFIT


def _told(found: DiameterEstimate, pixel_size: float | None, images: int) -> SeenDiameter:
    """An estimate with its units."""

    def angstrom(px: float) -> float | None:
        return None if pixel_size is None else round(px * pixel_size, 1)

    px, low, high = (round(each, 1) for each in (found.diameter, found.low, found.high))
    return SeenDiameter(px, low, high, angstrom(px), angstrom(low), angstrom(high), images)
