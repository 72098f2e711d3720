"""Picks as the peaks of a probability map."""

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.picking.suppress import suppress
from motes.picks import Picks, empty_picks


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
    framed = np.pad(np.nan_to_num(probability, nan=-np.inf), 1, constant_values=-np.inf)
    pixels, labels = _tops(framed, threshold)
    if not len(pixels):
        return empty_picks(probability.ndim)
    count = np.bincount(labels)
    refined = pixels + _parabolic_shift(framed, pixels) - 1
    centres = np.stack([np.bincount(labels, weights=axis) / count for axis in refined.T], axis=1)
    scores = np.zeros(len(count))
    scores[labels] = framed[tuple(pixels.T)]
    # the mask of tops compared with the digits of the map, which may be fewer than the threshold has
    found = np.flatnonzero(scores >= threshold)
    order = found[np.argsort(-scores[found], kind="stable")]
    kept = suppress(Picks(centres[order], scores=scores[order]), minimum_distance)
    return kept.select(np.arange(len(kept))[:maximum])


def _tops(framed: NDArray[np.float32], threshold: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find the pixels (n, ndim) of all local maxima, and the number (n,) of the maximum each belongs to."""
    highest = ndimage.maximum_filter(framed, size=3, mode="nearest")
    top = (framed == highest) & (framed >= threshold) & (framed > -np.inf)
    labels, regions = ndimage.label(top, structure=np.ones((3,) * framed.ndim))
    pixels = np.argwhere(top)
    own = labels[tuple(pixels.T)].astype(np.intp)
    # a flat region that runs on beside something higher is a shelf on its slope
    shelf = np.zeros(regions + 1, dtype=bool)
    shelf[own[_runs_on(framed, top, pixels)]] = True
    stays = ~shelf[own]
    _, numbers = np.unique(own[stays], return_inverse=True)
    return pixels[stays], numbers


def _runs_on(
    framed: NDArray[np.float32], top: NDArray[np.bool_], pixels: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Say whether a neighbour of each pixel (n,) has the same value and is no top itself."""
    values = framed[tuple(pixels.T)]
    found = np.zeros(len(pixels), dtype=bool)
    for offset in product((-1, 0, 1), repeat=framed.ndim):
        beside = tuple((pixels + offset).T)
        found |= (framed[beside] == values) & ~top[beside]
    return found


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
