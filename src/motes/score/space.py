"""Points in space: whether they are scattered at random, in clusters, or evenly.

Points are (n, ndim), in any unit, (z,) y, x; everything comes back in that unit. They are compared with complete
spatial randomness: as many points, each anywhere in the box. Objects that cannot overlap look more even than that at
distances under their diameter.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from motes.errors import InputError

PAIRS = 1_000_000  # looked at together; bounds the memory
NEIGHBOURS = 100  # of each point within the largest radius, where no radii are given
RADII = 50

# The mean distance to the nearest neighbour of points at random: without a border at density 1, and what each unit of
# border adds, (b + c n^(-1/ndim)). Two dimensions: Donnelly 1978, as in spatstat. Three: the integral over the
# half-space that gives Donnelly's 0.0514 in the plane gives 0.0304; c is fitted to simulated boxes, where the whole is
# good to 1 % from 20 points on.
NEAREST = {2: (0.5, 0.0514, 0.0412), 3: (0.5539603, 0.0304, 0.020)}

Points = NDArray[np.float64]
Indices = NDArray[np.intp]
Correction = Literal["translation", "isotropic"]


@dataclass(frozen=True)
class Box:
    """The window in which points were looked for: its corners, (z,) y, x, in the unit of the points."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high) or len(self.low) not in (2, 3) or not (self.sides > 0).all():
            raise InputError(f"a box has two or three sides longer than 0, found {self.low} to {self.high}")

    @property
    def sides(self) -> NDArray[np.float64]:
        """(ndim,)."""
        return np.asarray(self.high, dtype=np.float64) - np.asarray(self.low, dtype=np.float64)

    @property
    def volume(self) -> float:
        """In two dimensions the area."""
        return float(self.sides.prod())

    @property
    def border(self) -> float:
        """The circumference, or in three dimensions the surface."""
        return float(2 * (self.volume / self.sides).sum())


@dataclass(frozen=True)
class Randomness:
    """Ripley's L beside that of points at random.

    radii, observed, low, high: (r,). low and high hold at each radius by itself 95 % of the simulations; to leave
    them somewhere is no proof. p_value is one for all radii together.
    """

    radii: NDArray[np.float64]
    observed: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: float


@dataclass(frozen=True)
class ClarkEvans:
    """The mean distance to the nearest neighbour, that of points at random, and their ratio.

    index: under 1 in clusters, over 1 where points keep apart (up to 2.149, a triangular grid in the plane).
    p_value: two-sided, from simulations; nan without them. nan for fewer than two points.
    """

    index: float
    mean_distance: float
    expected: float
    p_value: float


def image_box(shape: Sequence[int], pixel_size: float = 1.0) -> Box:
    """Give the box of an image of that shape, for points in pixels times pixel_size.

    An integer is the centre of a pixel, so the image begins half a pixel before 0.
    """
    return Box(tuple([-0.5 * pixel_size] * len(shape)), tuple((side - 0.5) * pixel_size for side in shape))


def default_radii(count: int, box: Box, steps: int = RADII) -> NDArray[np.float64]:
    """Give radii (steps,) for that many points: equal steps up to where L is worth looking at.

    The largest is a quarter of the shortest side, as in spatstat, or less where 100 neighbours lie nearer.
    """
    unit = math.pi if len(box.low) == 2 else 4 / 3 * math.pi
    crowded = (NEIGHBOURS * box.volume / (unit * max(count, 1))) ** (1 / len(box.low))
    return np.linspace(0, min(float(box.sides.min()) / 4, crowded), steps + 1)[1:]


def ripley_k(
    points: ArrayLike, box: Box, radii: ArrayLike, correction: Correction = "translation"
) -> NDArray[np.float64]:
    """Estimate Ripley's K at each of the radii (r,), rising: further points within r of a point, over the density.

    |W| / (n (n - 1)) times the sum over ordered pairs within r of a weight that makes up for the border of the box W:
    |W| over the overlap of W with itself moved from the one point to the other (translation; Ohser 1983), or a whole
    circle around the one point through the other over the part of it inside W (isotropic; Ripley 1977; images only).
    spatstat's Kest gives the same. nan for fewer than two points. Raises InputError where points lie outside, or a
    radius is over half of the shortest side.
    """
    where, distances = _checked(points, box), _checked_radii(radii, box)
    if correction == "isotropic" and len(box.low) != 2:
        raise InputError("the isotropic correction is for two dimensions; use 'translation' for volumes")
    count = len(where)
    if count < 2:
        return np.full(distances.shape, math.nan)
    sums = np.zeros(len(distances) + 1)
    for first, second, apart in _near(where, float(distances[-1])):
        if correction == "isotropic":
            weights = _circle_weight(where[first], apart, box) + _circle_weight(where[second], apart, box)
        else:
            weights = 2 * _shift_weight(where, first, second, box)
        sums += np.bincount(np.searchsorted(distances, apart), weights=weights, minlength=len(sums))
    return np.cumsum(sums[:-1]) * box.volume / (count * (count - 1))


def ripley_l(
    points: ArrayLike, box: Box, radii: ArrayLike, correction: Correction = "translation"
) -> NDArray[np.float64]:
    """Give Ripley's L: the radius of the disc or ball that K fills; at random it is r. Arguments as in ripley_k.

    Source: Besag 1977.
    """
    k = ripley_k(points, box, radii, correction)
    return np.asarray(np.sqrt(k / math.pi) if len(box.low) == 2 else np.cbrt(3 * k / (4 * math.pi)))


def compare_with_random(
    points: ArrayLike,
    box: Box,
    radii: ArrayLike | None = None,
    correction: Correction = "translation",
    *,
    simulations: int = 199,
    seed: int = 0,
) -> Randomness:
    """Put Ripley's L of the points beside that of simulated points, as many, anywhere in the box.

    radii: (r,), rising, or those of default_radii. The p-value is the rank of the greatest |L - r| among those of the
    simulations (Barnard 1963; Besag & Diggle 1977). Each simulation takes as long as the points themselves. All nan
    for fewer than two points. Raises InputError for fewer than 39 simulations, and as ripley_k does.
    """
    if simulations < 39:
        raise InputError(f"an envelope of 95 % needs 39 simulations or more, found {simulations}")
    where = _checked(points, box)
    distances = _checked_radii(default_radii(len(where), box) if radii is None else radii, box)
    observed = ripley_l(where, box, distances, correction)
    if len(where) < 2:
        return Randomness(distances, observed, observed, observed, math.nan)
    random = np.random.default_rng(seed)
    drawn = [
        ripley_l(_scattered(len(where), box, random), box, distances, correction) for _ in range(simulations)
    ]
    rank = (simulations + 1) // 40  # so many of the simulations lie outside on each side, this one included
    ordered = np.sort(drawn, axis=0)
    greatest = np.abs(np.array(drawn) - distances).max(axis=1)
    beyond = np.count_nonzero(greatest >= np.abs(observed - distances).max())
    return Randomness(
        distances, observed, ordered[rank - 1], ordered[-rank], (1 + beyond) / (1 + simulations)
    )


def nearest_distances(points: ArrayLike) -> NDArray[np.float64]:
    """Give the distance from each point (n, ndim) to the nearest other, (n,); nan for a single point."""
    where = np.asarray(points, dtype=np.float64)
    if len(where) < 2:
        return np.full(len(where), math.nan)
    return np.asarray(KDTree(where).query(where, k=2)[0][:, 1], dtype=np.float64)


def clark_evans(points: ArrayLike, box: Box, *, simulations: int = 199, seed: int = 0) -> ClarkEvans:
    """Give the index of Clark and Evans, with what is expected at random corrected for the border of the box.

    Source: Clark & Evans 1954; the correction of Donnelly 1978 (see NEAREST for three dimensions), and the
    p-value as in spatstat's clarkevans.test. Raises InputError where points lie outside.
    """
    where = _checked(points, box)
    if len(where) < 2:
        return ClarkEvans(math.nan, math.nan, math.nan, math.nan)
    found, expected = float(nearest_distances(where).mean()), _expected_nearest(len(where), box)
    random = np.random.default_rng(seed)
    drawn = np.array(
        [nearest_distances(_scattered(len(where), box, random)).mean() for _ in range(simulations)]
    )
    tail = 1 + min(np.count_nonzero(drawn >= found), np.count_nonzero(drawn <= found))
    p_value = min(1.0, float(2 * tail / (1 + simulations))) if simulations else math.nan
    return ClarkEvans(found / expected, found, expected, p_value)


def _expected_nearest(count: int, box: Box) -> float:
    """The mean distance to the nearest neighbour of that many points at random in the box."""
    ndim = len(box.low)
    bulk, border, few = NEAREST[ndim]
    spacing = math.pow(box.volume / count, 1 / ndim)
    return bulk * spacing + (border + few * math.pow(count, -1 / ndim)) * box.border / box.volume * spacing**2


def _near(points: Points, radius: float) -> Iterator[tuple[Indices, Indices, NDArray[np.float64]]]:
    """All pairs of points within the radius, each once, as indices (e,) and (e,) and distance (e,), in parts."""
    tree = KDTree(points)
    order = np.asarray(tree.indices)  # neighbours of each other
    ends = np.cumsum(tree.query_ball_point(points[order], radius, return_length=True)) // PAIRS
    for part in np.split(order, np.flatnonzero(np.diff(ends)) + 1):
        found = KDTree(points[part]).sparse_distance_matrix(tree, radius, output_type="ndarray")
        first, second = part[found["i"]], found["j"]
        once = np.flatnonzero(first < second)
        yield first[once], second[once], found["v"][once]


def _shift_weight(points: Points, first: Indices, second: Indices, box: Box) -> NDArray[np.float64]:
    """The box over its overlap with itself moved from one point to another, for pairs (e,) of points."""
    weight = np.ones(len(first))
    for column, side in zip(points.T, box.sides.tolist(), strict=True):
        weight *= 1 - np.abs(column[first] - column[second]) / side
    return np.asarray(1 / weight)


def _circle_weight(points: Points, radii: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    """One over the part inside the box of the circle around each point (e, 2) with its radius (e,).

    Each side that is nearer than the radius cuts an arc off; two arcs that overlap do so beyond a corner.
    """
    low, high = points - box.low, np.asarray(box.high) - points
    weight = np.ones(len(points))
    cut = np.flatnonzero(np.minimum(low, high).min(axis=1) < radii)  # the others keep their whole circle
    sides = np.stack([low[cut], high[cut]]) / radii[cut, None]
    beyond = np.arccos(np.minimum(sides, 1))  # half of the arc beyond each side, (low or high, e, axis)
    outside = 2 * beyond.sum(axis=(0, 2))
    for one, other in product((0, 1), repeat=2):
        outside -= np.maximum(beyond[one, :, 0] + beyond[other, :, 1] - math.pi / 2, 0)
    weight[cut] = 2 * math.pi / (2 * math.pi - outside)
    return weight


def _scattered(count: int, box: Box, random: np.random.Generator) -> Points:
    return np.asarray(box.low) + random.random((count, len(box.low))) * box.sides


def _checked(points: ArrayLike, box: Box) -> Points:
    where = np.asarray(points, dtype=np.float64)
    if not where.size:
        return np.zeros((0, len(box.low)))
    if where.ndim != 2 or where.shape[1] != len(box.low):
        raise InputError(f"expected points (n, {len(box.low)}) for this box, found shape {where.shape}")
    outside = ~((where >= box.low) & (where <= box.high)).all(axis=1)
    if outside.any():
        raise InputError(
            f"{np.count_nonzero(outside)} points lie outside of the box {box.low} to {box.high}, the first at "
            f"{where[outside][0].tolist()}; give box and points in one unit"
        )
    return where


def _checked_radii(radii: ArrayLike, box: Box) -> NDArray[np.float64]:
    distances = np.atleast_1d(np.asarray(radii, dtype=np.float64))
    if not distances.size or not (distances[0] >= 0 and (np.diff(distances) > 0).all()):
        raise InputError("radii have to rise, from 0 or more")
    if distances[-1] > box.sides.min() / 2:
        raise InputError(
            f"the largest radius, {distances[-1]:g}, is more than half of the box's shortest side "
            f"({box.sides.min():g}); pairs so far apart say little"
        )
    return distances
