"""How an axis is cut into windows: exactly, with all around that a net looks at, or overlapping, to be blended.

Every cut has weights along its axis, and those of all cuts add up to 1 at each pixel. A window is one cut of each
axis, its weight the product of theirs. So nothing needs to be divided once all windows are added up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGMA = 0.125  # standard deviation of the weights, as a share of a side; MONAI's inferers have the same
LEAST_WEIGHT = 1e-3  # of a window's edge, before weights are made to add up to 1
MARGIN = 2  # coarsest pixels of empty ground around an image, as crops that reach over its edge have it


@dataclass(frozen=True)
class Cut:
    """What a window covers along one axis, in px of the image.

    start, length: what the net sees; that may reach beyond the image. kept: what counts of it, always within.
    weights: (kept,).
    """

    start: int
    length: int
    kept: slice
    weights: NDArray[np.float32]

    @property
    def kept_in_seen(self) -> slice:
        """Where that lies in what the net sees."""
        return slice(self.kept.start - self.start, self.kept.stop - self.start)


def exact_cuts(size: int, side: int, halo: int, multiple: int) -> tuple[Cut, ...]:
    """Tiles that answer for `side` px each, and see so much more; around the image lies empty ground.

    They begin on a multiple of the net's coarsest pixel, `multiple`, so
    that every pooling sees what it would see in the whole.
    """
    margin = MARGIN * multiple
    cuts = []
    for start, stop, first, last in tiles(with_margin(size, multiple), side, halo):
        kept = slice(max(first - margin, 0), min(last - margin, size))
        if kept.stop > kept.start:
            ones = np.ones(kept.stop - kept.start, dtype=np.float32)
            cuts.append(Cut(start - margin, stop - start, kept, ones))
    return tuple(cuts)


def tiles(size: int, side: int, halo: int) -> list[tuple[int, int, int, int]]:
    """Start and stop of what is seen, and of what is answered for, of tiles that cover an axis from 0 on."""
    starts = range(0, size, side)
    return [
        (max(start - halo, 0), min(start + side + halo, size), start, min(start + side, size))
        for start in starts
    ]


def with_margin(size: int, multiple: int) -> int:
    """A side of the whole image with its margin, px."""
    return -(-size // multiple) * multiple + 2 * MARGIN * multiple


def divisions(size: int, multiple: int) -> list[int]:
    """The sides, in multiples, of 1, 2, 3, ... tiles that cover an axis; each once, the largest first."""
    units = -(-size // multiple)
    return sorted({-(-units // count) * multiple for count in range(1, units + 1)}, reverse=True)


def blended_cuts(size: int, side: int, overlap: float, multiple: int) -> tuple[Cut, ...]:
    """Windows evenly spread over an axis, their neighbours overlapping by that share or a little more."""
    if size <= side:
        return (Cut(0, -(-size // multiple) * multiple, slice(0, size), np.ones(size, dtype=np.float32)),)
    step = max(1, int(side * (1 - overlap)))
    count = -(-(size - side) // step) + 1
    starts = np.rint(np.linspace(0, size - side, count)).astype(int)
    weights = gaussian_weights(side)
    total = np.zeros(size)
    for start in starts:
        total[start : start + side] += weights
    return tuple(
        Cut(
            int(at),
            side,
            slice(int(at), int(at) + side),
            (weights / total[at : at + side]).astype(np.float32),
        )
        for at in starts
    )


def gaussian_weights(side: int) -> NDArray[np.float64]:
    """Weights (side,) along a window, 1 in its middle.

    As in MONAI's sliding_window_inference, but for the least weight: there it is one of the whole window.
    """
    away = np.arange(side) - (side - 1) / 2
    weights: NDArray[np.float64] = np.maximum(np.exp(-0.5 * (away / (SIGMA * side)) ** 2), LEAST_WEIGHT)
    return weights
