"""A micrograph at its working scale: what the net sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.data.normalise import Normalisation, fill_bad_pixels, normalise
from motes.data.scale import resample, working_shape
from motes.errors import UnitError
from motes.image import Image


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


def to_working_scale(
    image: Image, diameter: float, working_diameter: float, how: Normalisation
) -> WorkingImage:
    """Resample and normalise an image whose particles are diameter px across.

    Raises UnitError for a diameter that cannot be right, ImageError for an image that cannot be used.
    """
    check_diameter(diameter, image.shape, image.name)
    pixels, bad = fill_bad_pixels(image.data, image.name)
    data = resample(pixels, working_shape(image.shape, working_diameter / diameter))
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
