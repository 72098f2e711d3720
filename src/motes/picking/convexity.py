"""Whether objects that a way of middling depth divides are one: where they make one convex shape, they are.

Round things are convex, and where several touch they leave notches between them. Points on the rim of the shapes in
question are gathered tile by tile, so that the result is the same for all tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from motes.picking.basins import Joined, merged


@dataclass
class Rims:
    """Gathers sizes and points on the rims of shapes, which have numbers from 0, from tiles."""

    sizes: NDArray[np.int64]
    owners: list[NDArray[np.int32]] = field(default_factory=list)
    points: list[NDArray[np.intp]] = field(default_factory=list)

    def add(self, numbers: NDArray[np.int32], corner: Sequence[int]) -> None:
        """Take a tile of numbers from 1 ([z,] y, x), 0 where there is no shape; corner: of the tile in the image."""
        self.sizes += np.bincount(numbers.ravel(), minlength=len(self.sizes) + 1)[1:]
        ends = numbers > 0
        ends[..., 1:-1] &= (numbers[..., 1:-1] != numbers[..., :-2]) | (
            numbers[..., 1:-1] != numbers[..., 2:]
        )
        self.owners.append(numbers[ends] - np.int32(1))
        self.points.append(np.argwhere(ends) + np.array(corner))

    def convexities(self) -> NDArray[np.float64]:
        """The share of its convex hull that each shape (n,) fills, at most 1."""
        owners, points = np.concatenate(self.owners), np.concatenate(self.points)
        order = np.argsort(owners, kind="stable")
        parts = np.split(points[order], np.cumsum(np.bincount(owners, minlength=len(self.sizes)))[:-1])
        hulls = np.array([ConvexHull(middles_of_sides(part)).volume for part in parts], dtype=np.float64)
        return np.minimum(1, self.sizes / hulls)


def middles_of_sides(pixels: NDArray[np.intp]) -> NDArray[np.float64]:
    """The middles of all sides of pixels (n, ndim): their hull has about the size of what a smooth rim surrounds."""
    steps = np.eye(pixels.shape[1]) / 2
    return np.concatenate([pixels + sign * step for step in steps for sign in (-1, 1)])


@dataclass(frozen=True)
class Groups:
    """Objects that only ways of middling depth divide.

    owner: (m,) index of the object with the highest summit of the group that each object belongs to. open: (n,) those
    owners whose group has several objects.
    """

    owner: NDArray[np.int64]
    open: NDArray[np.intp]

    def numbers(self, found: Joined) -> NDArray[np.int32]:
        """The place in `open`, from 1, of the group of each basin of all tiles; 0 where it is of no open group."""
        place = np.zeros(len(found) + 1, np.int32)
        place[self.open + 1] = np.arange(1, len(self.open) + 1)
        group = np.concatenate([[0], self.owner + 1])
        return np.asarray(place[group][found.numbers])

    def joined(self, found: Joined, is_one: NDArray[np.bool_]) -> Joined:
        """The objects where each open group (n,) is one object or stays several."""
        several = np.isin(self.owner, self.open[~is_one])
        return found.merged(np.where(several, np.arange(len(found)), self.owner))


def groups_of(found: Joined, sure_depth: float) -> Groups:
    """The groups of objects between which no way goes down by more than that share of the lower summit."""
    owner = merged(found.tops, found.pairs, found.ways, sure_depth)
    return Groups(owner, np.flatnonzero(np.bincount(owner, minlength=len(found)) > 1))
