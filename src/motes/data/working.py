"""A micrograph at its working scale: what the net sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.data.normalise import Normalisation, fill_bad_pixels, normalise
from motes.data.scale import resample, working_shape
from motes.errors import UnitError
from motes.image import Image

ALIKE = 0.005  # a change of size by less is left out: nobody sees it, and resampling would smooth the noise


@dataclass(frozen=True)
class WorkingImage:
    """An image resampled so that its particles have the recipe's working diameter, and normalised.

    data: (y, x) or (z, y, x) float32. factors: working size / full size along each axis. full_shape: the
    shape of the file. bad_pixels: how many were NaN or infinite.
    """

    data: NDArray[np.float32]
    factors: tuple[float, ...]
    full_shape: tuple[int, ...]
    bad_pixels: int


@dataclass(frozen=True)
class Scale:
    """How large an image is made before the net sees it: by one of the two, or left as it is.

    diameter: what a particle's diameter becomes, px. pixel_size: what the pixel size becomes, A/px.
    """

    diameter: float | None = None
    pixel_size: float | None = None

    def factor(self, image: Image, diameter: float | None) -> float:
        """Working size / full size of an image whose particles are diameter px across, where that is known.

        1 where the two hardly differ, as for tomograms of 10.012 A per voxel at 10 A. Raises UnitError where what is
        needed is not known, or cannot be right.
        """
        if diameter is not None:
            check_diameter(diameter, image.shape, image.name)
        factor = self._exact_factor(image, diameter)
        return 1.0 if abs(factor - 1) <= ALIKE else factor

    def _exact_factor(self, image: Image, diameter: float | None) -> float:
        if self.pixel_size is not None:
            if image.pixel_size is None:
                raise UnitError(
                    f"{image.name} has no pixel size, and is to be brought to {self.pixel_size:g} A/px; give it "
                    "with --pixel-size"
                )
            return image.pixel_size / self.pixel_size
        if self.diameter is None:
            return 1.0
        if diameter is None:
            raise UnitError(
                f"{image.name}: the particle's diameter is not known; give --diameter 150 (Angstrom) or 60px"
            )
        return self.diameter / diameter


def to_working_scale(image: Image, diameter: float | None, scale: Scale, how: Normalisation) -> WorkingImage:
    """Resample and normalise an image whose particles are diameter px across (None: not known).

    Raises UnitError for a size that cannot be right, ImageError for an image that cannot be used.
    """
    factor = scale.factor(image, diameter)
    pixels, bad = fill_bad_pixels(image.data, image.name)
    data = resample(pixels, working_shape(image.shape, factor))
    factors = tuple(new / old for new, old in zip(data.shape, image.shape, strict=True))
    return WorkingImage(normalise(data, how, image.name), factors, image.shape, bad)


def check_diameter(diameter: float, shape: Sequence[int], name: str) -> None:
    """Raise UnitError for a particle of 3 px or less, or larger than the image."""
    hint = "check --diameter and --pixel-size: plain numbers are Angstrom and A/px, pixels are written 60px"
    if diameter <= 3:
        raise UnitError(f"{name}: the particle would be {diameter:.3g} px across, too small to find; {hint}")
    if diameter > min(shape):
        size = " x ".join(str(n) for n in shape)
        raise UnitError(
            f"{name}: the particle would be {diameter:.4g} px across, larger than the image ({size}); {hint}"
        )
