"""What the camera does to an image: transfer, efficiency, gain, hot pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motes.physics.fourier import frequency_axes, frequency_radius


def modulation_transfer(shape: Sequence[int], spread: float = 0.3) -> NDArray[np.float64]:
    """Modulation transfer function of a camera with square pixels, on the real Fourier grid of shape.

    The aperture of a pixel (a sinc along each axis; McMullan et al. 2009, Ultramicroscopy 109, 1126) times
    a Gaussian for the spread of the signal of one electron (standard deviation in px). 1 at zero frequency,
    falling everywhere.
    """
    axes = frequency_axes(shape, 1.0)
    aperture = np.ones(1)
    for axis in axes:
        aperture = aperture * np.sinc(axis)
    return np.asarray(aperture * np.exp(-2 * (np.pi * spread * frequency_radius(axes)) ** 2))


def gain(shape: Sequence[int], variation: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gain left over after correction: a factor a pixel, mean 1, variation its standard deviation.

    Half of the variance belongs to whole columns (last axis), as readout electronics leave it.
    """
    half = variation / np.sqrt(2)
    pixels = rng.standard_normal(tuple(shape), dtype=np.float32)
    columns = rng.standard_normal(shape[-1], dtype=np.float32)
    return np.asarray(1 + half * pixels + half * columns, dtype=np.float32)


def with_hot_pixels(
    image: NDArray[np.float32], fraction: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A copy in which that fraction of the pixels (any shape) stands 5 to 20 deviations above the mean."""
    hot = image.copy()
    count = round(fraction * image.size)
    where = rng.choice(image.size, size=count, replace=False)
    hot.flat[where] = image.mean() + image.std() * rng.uniform(5, 20, size=count)
    return hot
