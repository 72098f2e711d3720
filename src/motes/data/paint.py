"""Painting targets: from points to the map that the net should give."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field


class Target(BaseModel):
    """What is painted around each centre."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shape: Literal["disc", "gaussian", "voxel"] = Field(
        "disc", description="disc (ball in 3D), Gaussian, or the single pixel at the centre"
    )
    radius: float = Field(
        0.5,
        gt=0,
        le=2,
        description="of the disc as a fraction of the particle's radius; for a Gaussian, two sigma",
    )


def paint(
    points: NDArray[np.float64], shape: tuple[int, ...], diameter: float, target: Target
) -> NDArray[np.float32]:
    """Paint particles of one class into an array.

    points: (n, ndim) centres in pixels of the array, in array order; they may lie outside. shape: of the
    array. diameter: of the particles in pixels. Returns values in [0, 1]; where particles overlap the
    larger value stands.
    """
    painted = np.zeros(shape, dtype=np.float32)
    radius = target.radius * diameter / 2
    extent = {"disc": radius, "gaussian": 2 * radius, "voxel": 0.5}[target.shape]
    reaches_in = np.all((points >= -extent - 0.5) & (points <= np.array(shape) + extent - 0.5), axis=1)
    for point in points[reaches_in]:
        if target.shape == "voxel":
            index = tuple(np.floor(point + 0.5).astype(int))
            if all(0 <= i < n for i, n in zip(index, shape, strict=True)):
                painted[index] = 1
        else:
            _paint_one(painted, point, radius, extent, target.shape)
    return painted


def _paint_one(
    painted: NDArray[np.float32],
    point: NDArray[np.float64],
    radius: float,
    extent: float,
    kind: Literal["disc", "gaussian"],
) -> None:
    """Paint one particle in the window that it reaches: all of a disc, four sigma of a Gaussian."""
    low = np.maximum(np.ceil(point - extent), 0).astype(int)
    high = np.minimum(np.floor(point + extent) + 1, painted.shape).astype(int)
    if np.any(low >= high):
        return
    axes = [(np.arange(a, b) - p) ** 2 for a, b, p in zip(low, high, point, strict=True)]
    square = sum(np.ix_(*axes), np.float64(0))
    values = square <= radius**2 if kind == "disc" else np.exp(-2 * square / radius**2)
    window = painted[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    np.maximum(window, values, out=window)
