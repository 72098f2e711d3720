"""Resampling to the working pixel size, exact in where each pixel goes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def resample(array: NDArray[np.float32], shape: Sequence[int]) -> NDArray[np.float32]:
    """Bring an array of any dimension to another shape, one axis after the other.

    Linear interpolation where an axis grows; where it shrinks the same triangle is widened by the factor,
    which keeps noise above the new Nyquist frequency out. The pixel at x lands at (x + 0.5) s - 0.5 with
    s = new size / old size, for each axis on its own.
    """
    for axis, size in enumerate(shape):
        if size != array.shape[axis]:
            moved = np.moveaxis(array, axis, 0)
            flat = moved.reshape(moved.shape[0], -1)
            flat = resampling_matrix(moved.shape[0], size) @ flat
            array = np.moveaxis(flat.reshape(size, *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(array)


def resampling_matrix(size: int, new_size: int) -> sparse.csr_array:
    """(new_size, size) weights, each row a triangle around its source position, summing to 1."""
    step = size / new_size
    half_width = max(step, 1.0)
    centres = (np.arange(new_size) + 0.5) * step - 0.5
    first = np.ceil(centres - half_width).astype(np.int64)
    columns = first[:, None] + np.arange(int(2 * half_width) + 1)
    weights = np.clip(1 - np.abs(columns - centres[:, None]) / half_width, 0, None)
    weights[(columns < 0) | (columns >= size)] = 0
    weights /= weights.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(new_size), columns.shape[1])
    entries = (weights.astype(np.float32).ravel(), (rows, np.clip(columns, 0, size - 1).ravel()))
    matrix = sparse.csr_array(entries, shape=(new_size, size))
    matrix.eliminate_zeros()
    return matrix


def working_shape(shape: Sequence[int], factor: float) -> tuple[int, ...]:
    """The shape of an image resampled by a factor, at least one pixel along each axis."""
    return tuple(max(1, round(size * factor)) for size in shape)
