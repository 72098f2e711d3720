"""Volumes from tilt series, by weighted back-projection."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from motes.simulate.tilt_projection import across_detector

FINER = 2  # filtered projections are drawn so much finer, so that what lies between their pixels is known
CUTOFF, FALL_OFF = 0.35, 0.05  # 1/px: where the ramp begins to fall, and how softly; IMOD's usual values
SECTIONS = 8  # of the volume at once


def back_projected(
    projections: NDArray[np.float32], angles: NDArray[np.float64], shape: Sequence[int]
) -> NDArray[np.float32]:
    """The volume (z, y, x) of that shape from projections (tilts, y, width) at these angles (degrees).

    Weighted back-projection for tilts about the y axis: a ramp filter along x, then each voxel adds up what
    the filtered projections hold where it falls (Radermacher 2006, in Frank (ed.), Electron Tomography, 245).
    The tilts are taken to be evenly spaced. Density comes out in units of its own, where all tilts are there.
    """
    depth, height, across = shape
    width = projections.shape[2]
    rows = _ramped(projections).transpose(0, 2, 1).reshape(-1, height)
    spacing = np.deg2rad(float(np.ptp(angles))) / max(len(angles) - 1, 1)
    volume = np.empty((depth, height, across), np.float32)
    places = np.stack([across_detector(shape, float(angle), width) for angle in angles], axis=-1) * FINER
    for first in range(0, depth, SECTIONS):
        some = places[first : first + SECTIONS]
        found = _between(some, width * FINER, spacing) @ rows
        volume[first : first + SECTIONS] = found.reshape(-1, across, height).swapaxes(1, 2)
    return volume


def _ramped(projections: NDArray[np.float32]) -> NDArray[np.float32]:
    """Projections (tilts, y, width) filtered along x and drawn FINER: (tilts, y, width * FINER)."""
    width = projections.shape[2]
    frequency = np.fft.rfftfreq(width)
    ramp = frequency * np.exp(-0.5 * (np.maximum(frequency - CUTOFF, 0) / FALL_OFF) ** 2) * FINER
    finer = np.empty((*projections.shape[:2], width * FINER), np.float32)
    for image, filtered in zip(projections, finer, strict=True):
        spectrum = fft.rfft(image, axis=1, workers=1) * ramp.astype(np.float32)
        filtered[:] = fft.irfft(spectrum, n=width * FINER, axis=1, workers=1)
    return finer


def _between(places: NDArray[np.float64], width: int, weight: float) -> sparse.csr_array:
    """Linear interpolation at places (z, x, tilts), px: a matrix from all pixels of all tilts to voxels."""
    low = np.clip(np.floor(places), 0, width - 2)
    part = places - low
    first = low.astype(np.int32) + np.arange(places.shape[2], dtype=np.int32) * width
    columns = np.stack([first, first + 1], axis=-1)
    values = np.stack([1 - part, part], axis=-1) * weight
    voxels = places.shape[0] * places.shape[1]
    starts = np.arange(voxels + 1, dtype=np.int32) * 2 * places.shape[2]
    entries = values.astype(np.float32).ravel(), columns.ravel(), starts
    return sparse.csr_array(entries, shape=(voxels, width * places.shape[2]))
