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
from motes.picking.diameter import STEP, DiameterEstimate, Rung, estimate_diameter, ladder, pooled, rung
from motes.predict.maps import class_maps, probability_maps
from motes.train.loop import chosen_precision
from motes.train.settings import Training
from motes.units import Length

SIDE = 384  # px of the part of an image that is looked at, at the working scale
MOST_IMAGES = 3
SMALLEST = 10.0  # px; smaller particles are not looked for
ROW = (5, 200)  # nor such of which fewer or more would fit in a row
NEAR, FAR = 4, 6  # steps of the ladder, down and up from a diameter that is given
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
    look = _look(model, model_precision(model, device), _read_alike(chosen, pixel_size), _every_diameter)
    return look.told if look.found is not None and look.found.clear else None


def misfit(
    model: Model,
    precision: torch.dtype,
    entries: Sequence[ImageEntry],
    given: Length,
    pixel_size: float | None = None,
) -> SeenDiameter | None:
    """The diameter that would fit, where the one that is given clearly does not; else None.

    Where the first image speaks against it, three must do so together, and more diameters are tried.
    """
    images = _read_alike(entries[:1], pixel_size)
    first = _look(model, precision, images, lambda image: _around(image, given, NEAR))
    if (
        first.found is None
        or not first.found.enough
        or (first.found.closed and not first.speaks_against(given))
    ):
        return None
    images = _read_alike(entries[:CHECKED_IMAGES], pixel_size)
    more = _look(model, precision, images, lambda image: _around(image, given, FAR))
    clear = more.found is not None and more.found.clear
    return more.told if clear and more.speaks_against(given) else None


def checks_diameters(description: ModelDescription) -> bool:
    """Whether a model was trained on particles of misjudged size, so that it can judge a diameter."""
    worlds = description.recipe.get("worlds", {}).get("use", False)
    return bool(worlds) and len(description.classes) == 1 and description.working_diameter is not None


def model_precision(model: Model, device: torch.device) -> torch.dtype:
    """The number format in which a model predicts on a device."""
    return chosen_precision(Training.model_validate(model.description.recipe.get("training", {})), device)


@dataclass(frozen=True)
class _Look:
    """What images of one pixel size say together; images: how many."""

    found: DiameterEstimate | None
    pixel_size: float | None
    images: int

    def speaks_against(self, given: Length) -> bool:
        """Whether the estimate is far from a diameter that is given."""
        if self.found is None:
            return False
        times = self.found.diameter / given.in_pixels(self.pixel_size)
        return max(times, 1 / times) >= MISFIT

    @property
    def told(self) -> SeenDiameter | None:
        """The estimate with its units."""
        if self.found is None:
            return None
        px, low, high = (round(each, 1) for each in (self.found.diameter, self.found.low, self.found.high))
        return SeenDiameter(
            px, low, high, self._angstrom(px), self._angstrom(low), self._angstrom(high), self.images
        )

    def _angstrom(self, px: float) -> float | None:
        return None if self.pixel_size is None else round(px * self.pixel_size, 1)


def _look(
    model: Model,
    precision: torch.dtype,
    images: Iterable[Image],
    diameters: Callable[[Image], list[float]],
) -> _Look:
    """Try diameters on each image; which ones, the first image says."""
    ladders: list[list[Rung]] = []
    pixel_size: float | None = None
    tried: list[float] = []
    for image in images:
        pixel_size, tried = image.pixel_size, tried or diameters(image)
        ladders.append([look_at(model, precision, image, each) for each in tried])
    return _Look(estimate_diameter(pooled(ladders)), pixel_size, len(ladders))


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
    maps = class_maps(probability_maps(model.net, described.net, data, precision=precision))
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


def _around(image: Image, given: Length, steps: int) -> list[float]:
    """Diameters (px) below and above one that is given; none where it is not known in px, as picking will say."""
    if given.unit == "A" and image.pixel_size is None:
        return []
    wanted = [given.in_pixels(image.pixel_size) * STEP**step for step in range(-steps, steps + 1)]
    return [each for each in wanted if SMALLEST <= each <= min(image.shape) / ROW[0]]
