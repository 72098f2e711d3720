"""Where particles lie in a micrograph."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRIES = 60


def place(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    distances: NDArray[np.float64],
    blocked: NDArray[np.bool_],
    rng: np.random.Generator,
    sticking: float = 0.0,
) -> NDArray[np.float64]:
    """Centres thrown at random and kept where they fit (random sequential adsorption), (m, ndim), px.

    low, high: corners of the area. distances: (n,) px, what each new centre keeps from those before it.
    blocked: image in which true pixels take no centre; outside of it nothing is blocked. sticking: how
    likely a centre is thrown at one that lies already. A centre that finds no place after some tries is left
    out, so that m may be less than n.
    """
    placed = np.zeros((0, len(low)))
    for distance in distances:
        candidates = rng.uniform(low, high, size=(TRIES, len(low)))
        if sticking and len(placed) and rng.uniform() < sticking:
            candidates = _beside(placed, distance, rng)
            candidates = candidates[((candidates >= low) & (candidates <= high)).all(axis=1)]
        gaps = np.linalg.norm(candidates[:, None] - placed[None], axis=-1)
        free = (gaps >= distance).all(axis=1) & ~sampled(blocked, candidates)
        if free.any():
            placed = np.vstack([placed, candidates[free.argmax()]])
    return placed


def _beside(placed: NDArray[np.float64], distance: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Places (TRIES, ndim) at a distance (px), or a little more, from ones (n, ndim) that are taken."""
    directions = rng.normal(size=(TRIES, placed.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    away = distance * rng.uniform(1.0, 1.1, size=(TRIES, 1))
    return np.asarray(placed[rng.integers(len(placed), size=TRIES)] + away * directions)


def sampled(mask: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The mask's value at each point (n, ndim), px; false outside of it."""
    index = np.round(points).astype(np.intp)
    inside = ((index >= 0) & (index < mask.shape)).all(axis=1)
    values = np.zeros(len(points), dtype=bool)
    values[inside] = mask[tuple(index[inside].T)]
    return values


def clump(
    centre: NDArray[np.float64],
    diameter: float,
    rng: np.random.Generator,
    steps: tuple[float, float] = (0.5, 0.9),
) -> NDArray[np.float64]:
    """Centres (n, ndim) of an aggregate: 6 to 15 particles of that diameter, each so many diameters from another."""
    points = np.array([centre])
    for _ in range(rng.integers(5, 15)):
        direction = rng.normal(size=len(centre))
        step = direction / np.linalg.norm(direction) * rng.uniform(*steps) * diameter
        points = np.vstack([points, points[rng.integers(len(points))] + step])
    return points


def add_patch(canvas: NDArray[np.float32], patch: NDArray[np.float32], corner: NDArray[np.intp]) -> None:
    """Add a patch to a canvas in place, its first pixel at corner; what does not fit is cut off."""
    inner, outer = overlap(canvas.shape, patch.shape, corner)
    canvas[outer] += patch[inner]


def fraction_seen(centre: NDArray[np.float64], radius: float, covered: NDArray[np.float32]) -> float:
    """The fraction, 0 to 1, of a disc or ball (px) that is inside the image and not covered.

    covered: the image, 0 where free and 1 where hidden. The fraction is counted on pixels.
    """
    low = np.floor(centre - radius).astype(np.intp)
    shape = tuple(np.ceil(centre + radius).astype(np.intp) + 1 - low)
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    squared = sum((axis + a - c) ** 2 for axis, a, c in zip(axes, low, centre, strict=True))
    disc = (squared <= radius**2).astype(np.float32)
    inner, outer = overlap(covered.shape, shape, low)
    free = float((disc[inner] * (1 - covered[outer])).sum())
    return free / max(float(disc.sum()), 1.0)


def overlap(
    canvas: Sequence[int], patch: Sequence[int], corner: NDArray[np.intp]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The part of a patch at corner that is on the canvas: its slices in the patch and in the canvas."""
    inner, outer = [], []
    for size, length, start in zip(canvas, patch, corner.tolist(), strict=True):
        first, last = min(max(0, start), size), min(max(0, start + length), size)
        outer.append(slice(first, last))
        inner.append(slice(first - start, last - start))
    return tuple(inner), tuple(outer)
