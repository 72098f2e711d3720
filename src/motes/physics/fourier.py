"""Filters in Fourier space, on images and volumes alike."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft


def frequency_axes(shape: Sequence[int], pixel_size: float) -> tuple[NDArray[np.float64], ...]:
    """Spatial frequencies along each axis of a real Fourier transform, array order (z,) y, x.

    One array an axis in 1/A (1/px with pixel_size 1), shaped to broadcast against the transform of an
    image of that shape, whose last axis has shape[-1] // 2 + 1 entries.
    """
    axes = [np.fft.fftfreq(length, pixel_size) for length in shape[:-1]]
    axes.append(np.fft.rfftfreq(shape[-1], pixel_size))
    return tuple(np.meshgrid(*axes, indexing="ij", sparse=True))


def frequency_radius(axes: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Length of the frequency vector (1/A) everywhere on the grid that frequency_axes gave."""
    squared = np.zeros(1)
    for axis in axes:
        squared = squared + axis**2
    return np.asarray(np.sqrt(squared))


def filtered(image: NDArray[np.float32], transfer: NDArray[np.floating]) -> NDArray[np.float32]:
    """An image (any dimension) multiplied in Fourier space by a transfer function; edges wrap around.

    transfer: real, on the grid of frequency_axes(image.shape, ...). Returns float32 of the image's shape.
    """
    spectrum = fft.rfftn(image, workers=1)
    spectrum *= transfer
    return np.asarray(fft.irfftn(spectrum, s=image.shape, workers=1), dtype=np.float32)


def coloured_noise(
    shape: Sequence[int], amplitude: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Gaussian noise whose amplitude spectrum is the given one; amplitude 1 everywhere has variance 1.

    amplitude: on the grid of frequency_axes(shape, ...). Returns float32 of that shape.
    """
    return filtered(rng.standard_normal(tuple(shape), dtype=np.float32), amplitude)
