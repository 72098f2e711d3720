"""Projections of a volume that is tilted about its y axis.

A voxel at (z, x), counted from the middle of the volume, falls on u = x cos(tilt) + z sin(tilt), counted from the
middle of the detector; y stays as it is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

FLATTEST = 1e-4  # a voxel's shadow is a trapezoid; its slopes are no steeper than this
MARGIN = 16  # px at each side of the detector, for filters that wrap around


def detector_width(shape: Sequence[int]) -> int:
    """How wide (px) a detector has to be to see all of a volume (z, y, x) at any tilt, with a margin."""
    depth, _, width = shape
    return int(fft.next_fast_len(int(np.ceil(np.hypot(depth, width))) + 2 * MARGIN, real=True))


def across_detector(shape: Sequence[int], angle: float, width: int) -> NDArray[np.float64]:
    """Where on the detector (px, 0-based) the voxels of a volume (z, y, x) fall, (z, x); angle in degrees."""
    tilt = np.deg2rad(angle)
    z, x = (np.arange(length) - (length - 1) / 2 for length in (shape[0], shape[2]))
    return np.asarray(z[:, None] * np.sin(tilt) + x[None, :] * np.cos(tilt) + (width - 1) / 2)


def project_volume(
    volume: NDArray[np.float32], angles: NDArray[np.float64], width: int, repeat: bool = False
) -> NDArray[np.float32]:
    """Sums along the beam through a volume (z, y, x) at each tilt (degrees): (tilts, y, width), in voxels.

    Each voxel is a cube of even density and each pixel sums up all that falls on it. repeat: beyond its edges in
    x the specimen goes on, as a copy of itself, in place of empty ice.
    """
    depth, height, across = volume.shape
    columns = np.ascontiguousarray(volume.swapaxes(1, 2)).reshape(depth * across, height)
    projections = np.empty((len(angles), height, width), np.float32)
    for image, angle in zip(projections, angles, strict=True):
        image[:] = (_shadows(volume.shape, float(angle), width, repeat) @ columns).T
    return projections


def _shadows(shape: Sequence[int], angle: float, width: int, repeat: bool) -> sparse.csr_array:
    """How much of each voxel (z, x) falls on each pixel of the detector."""
    centres = across_detector(shape, angle, width).ravel()
    period = shape[2] * float(np.cos(np.deg2rad(angle)))
    copies = int(np.ceil(width / period)) if repeat else 0
    rows, columns, values = [], [], []
    for copy in range(-copies, copies + 1):
        places = centres + copy * period
        seen = np.flatnonzero((places > -2) & (places < width + 1))
        nearest = np.rint(places[seen]).astype(np.intp)
        for pixel in (nearest - 1, nearest, nearest + 1):
            from_centre = pixel - places[seen]
            share = _shadow_before(from_centre + 0.5, angle) - _shadow_before(from_centre - 0.5, angle)
            there = (pixel >= 0) & (pixel < width) & (share > 1e-7)
            rows.append(pixel[there])
            columns.append(seen[there])
            values.append(share[there].astype(np.float32))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(entries, shape=(width, len(centres)))


def _shadow_before(place: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """The part of a voxel's shadow that lies before a place (px from its middle): the integral of a trapezoid."""
    tilt = np.deg2rad(angle)
    long, short = sorted((abs(float(np.cos(tilt))), abs(float(np.sin(tilt)))), reverse=True)
    short = max(short, FLATTEST)
    outer, inner = (long + short) / 2, (long - short) / 2

    def half_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(values, 0) ** 2 / 2

    rising = half_square(place + outer) - half_square(place + inner)
    falling = half_square(place - inner) - half_square(place - outer)
    return np.asarray((rising - falling) / (long * short))
