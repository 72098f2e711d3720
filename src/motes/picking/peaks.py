"""Picks as the peaks of a probability map, whole or in parts: what parts give is joined at the end."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from motes.picking.suppress import suppress
from motes.picks import Picks, empty_picks


@dataclass(frozen=True)
class Tops:
    """The pixels of a map without a higher neighbour, in the order of the map.

    pixels: (n, ndim). values: (n,). shifts: (n, ndim), the way to the summit of the parabolas. shelves: (n,), whether
    a neighbour has the same value and a higher neighbour of its own.
    """

    pixels: NDArray[np.intp]
    values: NDArray[np.float32]
    shifts: NDArray[np.float64]
    shelves: NDArray[np.bool_]


def find_peaks(
    probability: NDArray[np.float32],
    minimum_distance: float,
    threshold: float,
    maximum: int | None = None,
) -> Picks:
    """Find the local maxima of a map that reach the threshold, no two closer than the distance.

    probability: (y, x) or (z, y, x); nan is never a peak. minimum_distance: pixels of the map. maximum: the
    number of picks to keep, None for all. The picks come by falling score. A local maximum is a pixel, or a
    flat region, without a higher neighbour (diagonals included); a flat region gives one pick in its middle.
    Positions are refined by the parabola through the neighbours along each axis; the score is the probability
    at the peak pixel. Of maxima that are too close together, the higher stays (see suppress).
    """
    tops = find_tops(framed([probability]), threshold)
    return peaks_of([tops], minimum_distance, threshold, maximum)


def framed(
    parts: Sequence[NDArray[np.float32]], *, first: bool = True, last: bool = True
) -> NDArray[np.float32]:
    """Put parts ([z,] y, x), one after the other along the first axis, into a frame of -inf, which nan becomes too.

    first, last: whether the frame closes there too.
    """
    planes = sum(len(part) for part in parts)
    whole = np.full(
        (planes + first + last, *(side + 2 for side in parts[0].shape[1:])), -np.inf, dtype=np.float32
    )
    inner = whole[(slice(int(first), int(first) + planes), *[slice(1, -1)] * (whole.ndim - 1))]
    np.concatenate(parts, out=inner)
    np.copyto(inner, -np.inf, where=np.isnan(inner))
    return whole


def find_tops(
    whole: NDArray[np.float32], threshold: float, *, before: int = 1, after: int = 1, start: int = 0
) -> Tops:
    """Find the tops of a map ([z,] y, x) in a frame of -inf, of values that reach the threshold.

    before, after: planes along the first axis that are only looked at: 1 of the frame, or 2 of the map. start: the
    number in the map of the first plane that is asked for.
    """
    flat, steps = whole.reshape(-1), _steps(whole.shape)
    plane = flat.size // len(whole)
    found = np.flatnonzero(flat[plane:-plane] >= threshold) + plane
    for step in steps:
        found = found[flat[found] >= flat[found + step]]
    top = np.zeros(flat.size, dtype=bool)
    top[found] = True
    found = found[(found >= before * plane) & (found < flat.size - after * plane)]
    shelves = np.zeros(len(found), dtype=bool)
    for step in steps:
        shelves |= (flat[found + step] == flat[found]) & ~top[found + step]
    pixels = np.stack(np.unravel_index(found, whole.shape), axis=1)
    corner = np.array([before - start, *[1] * (whole.ndim - 1)])
    return Tops(pixels - corner, flat[found], _parabolic_shift(whole, pixels), shelves)


def peaks_of(
    parts: Sequence[Tops], minimum_distance: float, threshold: float, maximum: int | None = None
) -> Picks:
    """Join the tops of all parts of a map, in its order, to peaks; otherwise as find_peaks."""
    pixels, values, shifts, shelves = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("pixels", "values", "shifts", "shelves")
    )
    own = connected(pixels)
    # a flat region that runs on beside something higher is a shelf on its slope
    stays = ~np.isin(own, own[shelves])
    if not stays.any():
        return empty_picks(pixels.shape[1])
    _, labels = np.unique(own[stays], return_inverse=True)
    count = np.bincount(labels)
    refined = pixels[stays] + shifts[stays]
    centres = np.stack([np.bincount(labels, weights=axis) / count for axis in refined.T], axis=1)
    scores = np.zeros(len(count))
    scores[labels] = values[stays]
    # tops were compared with the digits of the map, which may be fewer than the threshold has
    found = np.flatnonzero(scores >= threshold)
    order = found[np.argsort(-scores[found], kind="stable")]
    kept = suppress(Picks(centres[order], scores=scores[order]), minimum_distance)
    return kept.select(np.arange(len(kept))[:maximum])


def connected(pixels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the connected regions that pixels (n, ndim), in the order of their map, belong to: (n,).

    Diagonals connect. The regions come in the order of their first pixels.
    """
    number = np.arange(len(pixels))
    if len(pixels) < 2:
        return number
    shape = tuple(pixels.max(axis=0) + 3)
    places = np.ravel_multi_index(tuple((pixels + 1).T), shape)
    pairs = [np.stack([number, number])]
    for step in _steps(shape):
        if step > 0:
            beside = np.minimum(np.searchsorted(places, places + step), len(places) - 1)
            met = places[beside] == places + step
            pairs.append(np.stack([number[met], beside[met]]))
    rows, columns = np.concatenate(pairs, axis=1)
    graph = sparse.coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(pixels),) * 2)
    _, own = sparse.csgraph.connected_components(graph, directed=False)
    _, first, labels = np.unique(own, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.intp)
    ranks[np.argsort(first)] = np.arange(len(first))
    return ranks[labels]


def _steps(shape: Sequence[int]) -> list[int]:
    """The ways from a pixel to its neighbours in a flattened array of that shape."""
    widths = np.cumprod([1, *shape[:0:-1]])[::-1]
    around = product((-1, 0, 1), repeat=len(shape))
    return [int(np.dot(offset, widths)) for offset in around if any(offset)]


def _parabolic_shift(framed: NDArray[np.float32], pixels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Give the way from each pixel (n, ndim) to the summit of the parabolas through it and its neighbours.

    There is one parabola an axis. 0 along an axis where a neighbour is outside the map or not lower; never
    more than half a pixel.
    """
    shift = np.zeros(pixels.shape)
    peak = framed[tuple(pixels.T)].astype(np.float64)
    for axis, step in enumerate(np.eye(framed.ndim, dtype=np.intp)):
        before = framed[tuple((pixels - step).T)].astype(np.float64)
        after = framed[tuple((pixels + step).T)].astype(np.float64)
        summit = np.isfinite(before) & np.isfinite(after) & (before < peak) & (after < peak)
        low, top, high = before[summit], peak[summit], after[summit]
        shift[summit, axis] = (high - low) / (2 * (2 * top - low - high))
    return shift
