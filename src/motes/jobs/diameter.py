"""The diameter of the particles in images: estimated where it is not known, and checked where it is given."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
from motes.nets.model_file import DEFAULT, Model, ModelDescription, load_model, model_path
from motes.picking.calibration import pick_calibrated
from motes.picking.diameter import STEP, SURE, DiameterEstimate, Rung, estimate_diameter, ladder, pooled
from motes.predict.maps import class_maps, probability_maps
from motes.train.loop import chosen_precision
from motes.train.settings import Training
from motes.units import Length

SIDE = 384  # px of the part of an image that is looked at, at the working scale
MOST_IMAGES = 3
SMALLEST = 10.0  # px; smaller particles are not looked for
ROW = (5, 200)  # nor such of which fewer or more would fit in a row
AROUND = 6  # steps of the ladder, down and up from a diameter that is given
CHECKED_IMAGES = 3
MISFIT = 1.5  # times that a diameter is off before the user is told; the net itself copes with 1.4


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
    chosen = [entries[n] for n in np.unique(np.linspace(0, len(entries) - 1, MOST_IMAGES).astype(int))]
    return _look(model, model_precision(model, device), _read_alike(chosen, pixel_size), _every_diameter)


def misfit(
    model: Model,
    precision: torch.dtype,
    entries: Sequence[ImageEntry],
    diameter: Length,
    pixel_size: float | None = None,
) -> SeenDiameter | None:
    """The diameter that would fit, where the one that is given clearly does not; else None.

    Where the first image speaks against it, the first three must do so together.
    """

    def around(image: Image) -> list[float]:
        if diameter.unit == "A" and image.pixel_size is None:  # picking says so
            return []
        given = diameter.in_pixels(image.pixel_size)
        wanted = [given * STEP**step for step in range(-AROUND, AROUND + 1)]
        return [each for each in wanted if SMALLEST <= each <= min(image.shape) / ROW[0]]

    seen = None
    for count in (1, CHECKED_IMAGES):
        images = list(_read_alike(entries[:count], pixel_size))
        seen = _look(model, precision, images, around)
        if seen is None:
            return None
        given = diameter.in_pixels(images[0].pixel_size)
        if max(seen.px / given, given / seen.px) < MISFIT:
            return None
    return seen


def checks_diameters(description: ModelDescription) -> bool:
    """Whether a model was trained on particles of misjudged size, so that it can judge a diameter."""
    worlds = description.recipe.get("worlds", {}).get("use", False)
    return bool(worlds) and len(description.classes) == 1 and description.working_diameter is not None


def model_precision(model: Model, device: torch.device) -> torch.dtype:
    """The number format in which a model predicts on a device."""
    return chosen_precision(Training.model_validate(model.description.recipe.get("training", {})), device)


def _look(
    model: Model,
    precision: torch.dtype,
    images: Iterable[Image],
    diameters: Callable[[Image], list[float]],
) -> SeenDiameter | None:
    """What images of one pixel size say together; diameters: those to try, from the first image."""
    ladders: list[list[Rung]] = []
    pixel_size: float | None = None
    tried: list[float] = []
    for image in images:
        pixel_size, tried = image.pixel_size, tried or diameters(image)
        ladders.append([look_at(model, precision, image, each) for each in tried])
    found = estimate_diameter(pooled(ladders)) if tried else None
    return None if found is None or not found.clear else _with_units(found, pixel_size, len(ladders))


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
        return Rung(diameter, 0.0, part.size)
    maps = class_maps(probability_maps(model.net, described.net, data, precision=precision))
    scores = pick_calibrated(maps[0], working, described.picking, described.calibration).scores
    return Rung(diameter, 0.0 if scores is None else float(scores[scores >= SURE].sum()), part.size)


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


def _with_units(found: DiameterEstimate, pixel_size: float | None, images: int) -> SeenDiameter:
    def angstrom(px: float) -> float | None:
        return None if pixel_size is None else round(px * pixel_size, 1)

    return SeenDiameter(
        px=round(found.diameter, 1),
        px_low=round(found.low, 1),
        px_high=round(found.high, 1),
        angstrom=angstrom(found.diameter),
        angstrom_low=angstrom(found.low),
        angstrom_high=angstrom(found.high),
        images=images,
    )
