"""Projection of density maps along the beam, in many orientations, by central slices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from motes.simulate.structures import Structure

PADDING = 2
_POINTS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class FourierMap:
    """The Fourier transform of a structure about its centre, ready to be sliced.

    values: (z, y, x) complex64 cube, zero frequency at index 0, times the volume of a voxel. step: 1/A
    between neighbours. reach: the highest frequency it holds, 1/A.
    """

    values: NDArray[np.complex64]
    step: float
    reach: float


def fourier_map(structure: Structure) -> FourierMap:
    """The padded transform of a structure, as spline coefficients."""
    side = fft.next_fast_len(PADDING * len(structure.density))
    values = fft.fftn(structure.density.astype(np.float32), s=(side,) * 3, workers=1)
    for axis, centre in enumerate(structure.centre):
        values *= _along(axis, np.exp(2j * np.pi * np.fft.fftfreq(side) * centre)).astype(np.complex64)
    values *= structure.voxel_size**3
    values = ndimage.spline_filter(values, order=3, output=np.complex64, mode="grid-wrap")
    return FourierMap(values, 1 / (side * structure.voxel_size), 0.5 / structure.voxel_size)


def _along(axis: int, values: NDArray[np.generic]) -> NDArray[np.generic]:
    shape = [1, 1, 1]
    shape[axis] = -1
    return values.reshape(shape)


def project(
    structure: FourierMap,
    rotations: NDArray[np.float64],
    offsets: NDArray[np.float64],
    side: int,
    pixel_size: float,
) -> NDArray[np.float32]:
    """Line integrals of the density through rotated structures, (n, side, side) y, x; unit A.

    rotations: (n, 3, 3), on x, y, z (see orientations). offsets: (n, 2) y, x in px, where the particle's
    centre lies relative to index (side // 2, side // 2). pixel_size: A/px. Nothing beyond the map's own
    resolution appears. Central slice theorem with trilinear interpolation in a transform padded twice
    (Scheres 2012, J. Struct. Biol. 180, 519).
    """
    images = [np.zeros((0, side, side), np.float32)]
    step = max(1, _POINTS_AT_ONCE // (side * (side // 2 + 1)))
    for start in range(0, len(rotations), step):
        some = slice(start, start + step)
        slices = _slices(structure, rotations[some], side, pixel_size)
        slices *= _shifts(offsets[some] + side // 2, side)
        images.append(fft.irfft2(slices, s=(side, side), workers=1) / np.float32(pixel_size**2))
    return np.concatenate(images, dtype=np.float32)


def _slices(
    structure: FourierMap, rotations: NDArray[np.float64], side: int, pixel_size: float
) -> NDArray[np.complex64]:
    y = np.fft.fftfreq(side, pixel_size)[:, None]
    x = np.fft.rfftfreq(side, pixel_size)[None, :]
    plane = np.stack(np.broadcast_arrays(x, y), axis=-1)
    inside = np.hypot(y, x) < structure.reach
    # Row vectors times R are R transposed times columns: from the micrograph's frame to the structure's.
    where = np.einsum("pi,nij->jnp", plane[inside], rotations[:, :2]) / structure.step
    found = ndimage.map_coordinates(structure.values, where[::-1], order=3, mode="grid-wrap", prefilter=False)
    slices = np.zeros((len(rotations), *inside.shape), np.complex64)
    slices[:, inside] = found
    return slices


def _shifts(places: NDArray[np.float64], side: int) -> NDArray[np.complex64]:
    y = np.fft.fftfreq(side)[None, :, None] * places[:, 0, None, None]
    x = np.fft.rfftfreq(side)[None, None, :] * places[:, 1, None, None]
    return np.asarray(np.exp(-2j * np.pi * (y + x)), dtype=np.complex64)
