"""Painting targets: from points to the map that the net should give."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

IGNORED = -1.0  # a target that does not count: outside of the image, or marked so by a mask
MOST_AT_ONCE = 2**20  # pixels of all windows that are painted in one go

Shape = Literal["disc", "gaussian", "voxel"]


class Target(BaseModel):
    """What is painted around each centre."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shape: Shape = Field("disc", description="disc (ball in 3D), Gaussian, or the single pixel at the centre")
    radius: float = Field(
        0.5,
        gt=0,
        le=2,
        description="of the disc as a fraction of the particle's radius; for a Gaussian, two sigma",
    )


@dataclass(frozen=True)
class Marks:
    """Particles to paint into a batch of maps.

    points: (n, ndim) centres in px of their map, array order; they may lie outside. map_of: (n,) int64, the
    number of the map. radii: (n,) painted radius, px. classes: (n,) int64 from 0. largest: no radius is larger.
    """

    points: Tensor
    map_of: Tensor
    radii: Tensor
    classes: Tensor
    largest: float


def paint(
    points: NDArray[np.float64],
    shape: tuple[int, ...],
    diameters: float | Sequence[float],
    target: Target,
    classes: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Paint the particles of one image.

    points: (n, ndim) centres in pixels of the array, in array order; they may lie outside. shape: of the
    array. diameters: of the particles in pixels, one number or one for each class. classes: (n,) index into
    diameters, None for all of the first. Returns what paint_marks says, of that shape.
    """
    sizes = np.atleast_1d(np.asarray(diameters, dtype=np.float64))
    kinds = np.zeros(len(points), dtype=np.int64) if classes is None else np.asarray(classes, dtype=np.int64)
    radii = target.radius * sizes[kinds] / 2
    marks = Marks(
        points=torch.from_numpy(np.asarray(points, dtype=np.float64)),
        map_of=torch.zeros(len(points), dtype=torch.int64),
        radii=torch.from_numpy(radii),
        classes=torch.from_numpy(kinds),
        largest=float(radii.max(initial=0)),
    )
    painted: NDArray[np.float32] = paint_marks(marks, 1, shape, target.shape, len(sizes) > 1)[0].numpy()
    return painted


def paint_marks(marks: Marks, count: int, shape: Sequence[int], kind: Shape, several: bool = False) -> Tensor:
    """Paint particles into `count` maps: (count, *shape) float32, on the device of the marks.

    One class: values in [0, 1], and where particles overlap the larger one stands. Several: class numbers,
    0 for background and k + 1 for class k; where they overlap, the nearest centre in units of its radius
    wins. Only the windows that particles reach are computed; the order of the particles changes nothing.
    """
    size = math.prod(shape)
    device = marks.points.device
    # One value more than there are pixels takes what lies outside, so that nothing has to be selected.
    nearest = torch.full((count * size + 1,), math.inf, device=device)
    for index, square, _ in _windows(marks, count, shape, kind):
        nearest.scatter_reduce_(0, index, square, "amin")
    if several:
        painted = torch.zeros_like(nearest)
        for index, square, rows in _windows(marks, count, shape, kind):
            winning = torch.where(square <= nearest[index], index, count * size)
            numbers = (marks.classes[rows] + 1).to(painted.dtype)
            painted.scatter_reduce_(0, winning, numbers.repeat_interleave(len(index) // len(numbers)), "amax")
    elif kind == "gaussian":
        painted = nearest.mul_(-2).exp_()
    else:
        painted = (nearest < math.inf).float()
    return painted[:-1].reshape(count, *shape)


def _windows(
    marks: Marks, count: int, shape: Sequence[int], kind: Shape
) -> Iterator[tuple[Tensor, Tensor, slice]]:
    """The pixels that each particle reaches, some particles at a time.

    Gives flat pixel numbers (those outside are count * size), squared distances in units of the painted
    radius, and which particles they are of. A disc reaches its radius, a Gaussian four sigma along each axis.
    """
    largest = {"disc": marks.largest, "gaussian": 2 * marks.largest, "voxel": -0.5}[kind]
    width = math.floor(2 * largest) + 2  # one more than fits, for rounding
    step = max(1, MOST_AT_ONCE // width ** len(shape))
    for first in range(0, len(marks.points), step):
        rows = slice(first, first + step)
        yield *_reached(marks, rows, width, (count, *shape), kind), rows


def _reached(
    marks: Marks, rows: slice, width: int, shape: tuple[int, ...], kind: Shape
) -> tuple[Tensor, Tensor]:
    """Flat pixel numbers in an array of shape (maps, (z,) y, x), and squared distances, of some particles."""
    points, radii = marks.points[rows], marks.radii[rows]
    extent = radii * (2 if kind == "gaussian" else 1)
    steps = torch.arange(width, device=points.device, dtype=points.dtype)
    index = marks.map_of[rows].reshape(-1, *[1] * points.shape[1])
    square: Tensor = torch.zeros((), device=points.device, dtype=points.dtype)
    within: Tensor = torch.ones((), device=points.device, dtype=torch.bool)
    for axis, length in enumerate(shape[1:]):
        centre = points[:, axis : axis + 1]
        low = torch.floor(centre + 0.5) if kind == "voxel" else torch.ceil(centre - extent[:, None])
        at = low + steps
        fits = (at >= 0) & (at < length)
        if kind != "voxel":
            fits &= at <= centre + extent[:, None]
        view = (len(points), *[width if other == axis else 1 for other in range(len(shape) - 1)])
        square = square + ((at - centre) ** 2).reshape(view)
        within = within & fits.reshape(view)
        index = index * length + at.long().reshape(view)
    square = square / (radii**2).reshape(-1, *[1] * points.shape[1])
    if kind == "disc":
        within = within & (square <= 1)
    index = torch.where(within, index, math.prod(shape))
    return index.flatten(), square.float().flatten()
