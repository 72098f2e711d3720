"""Images that are one picture twice: as it is, on another grey scale, turned, or cut a little."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from motes.data.mask_fit import turned, turns

SIDE = {2: 64, 3: 24}  # px of the small picture that is compared
COARSE = 8.0  # times smaller than the picture is what changes too slowly to count
ALIKE = 0.6  # correlation of two pictures of one thing; different fields of beads, nuclei or particles stay below 0.33
CANDIDATE = 0.35  # of the thumbnails of such pictures
MOST_IN_FULL = 40  # images; of more only those are compared whose thumbnails are alike
THUMBNAIL = {2: 16, 3: 8}
FARTHEST = 0.15  # of the side may one be cut or moved


@dataclass(frozen=True)
class LookAlike:
    """Two images, by number, that show one thing; correlation: of the two, turned: whether one had to be.

    grain: correlation of what is finer than objects. Chance gives 0; pictures of a few like objects may be alike by
    these, but only a copy has the same noise.
    """

    first: int
    second: int
    correlation: float
    turned: bool
    grain: float


@dataclass(frozen=True)
class SmallPicture:
    """An image at a fixed number of pixels, without what changes slowly, of norm 1; thumbnail: smaller still.

    grain: less the median of the pixels around, which follows the rims of objects; of norm 1.
    """

    pixels: NDArray[np.float32]
    thumbnail: NDArray[np.float32]
    grain: NDArray[np.float32]


def small_picture(pixels: NDArray[np.float32]) -> SmallPicture:
    """Of an image ([z,] y, x)."""
    ndim = pixels.ndim
    small = _shrunk(pixels, SIDE[ndim])
    grain = _unit(small - ndimage.median_filter(small, 3, mode="nearest"))
    return SmallPicture(small, _shrunk(pixels, THUMBNAIL[ndim]), grain)


def _shrunk(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Area means on a grid of side^ndim, without what is coarse, of norm 1; small images are stretched."""
    sums = pixels
    for axis, size in enumerate(pixels.shape):
        edges = np.linspace(0, size, side + 1)
        total = np.concatenate(
            [np.zeros_like(sums.take([0], axis)), sums.cumsum(axis, dtype=np.float64)], axis
        )
        low = np.floor(edges).astype(int).clip(0, size - 1)
        share = edges - low
        shape = [1] * pixels.ndim
        shape[axis] = -1
        share = share.reshape(shape)
        at_edges = total.take(low, axis) * (1 - share) + total.take(low + 1, axis) * share
        sums = np.diff(at_edges, axis=axis)
    return _unit(sums - ndimage.gaussian_filter(sums, side / COARSE, mode="nearest"))


def _unit(fine: NDArray[Any]) -> NDArray[np.float32]:
    fine = fine - fine.mean()
    return np.asarray(fine / max(float(np.linalg.norm(fine)), 1e-30), dtype=np.float32)


def look_alikes(pictures: list[SmallPicture]) -> Iterator[LookAlike]:
    """All pairs that show one thing, the first of each named first."""
    if len(pictures) < 2:
        return
    flat = np.stack([each.thumbnail.ravel() for each in pictures])
    every_turn = list(turns(pictures[0].thumbnail.shape))
    transforms = np.stack([fft.rfftn(each.pixels) for each in pictures])
    for number in range(len(pictures) - 1):
        rest = slice(number + 1, None)
        alike = np.zeros(len(pictures) - number - 1)
        for turn in every_turn:
            own = turned(pictures[number].thumbnail, turn).ravel()
            alike = np.maximum(alike, np.abs(flat[rest] @ own))
        wanted = alike > (0 if len(pictures) <= MOST_IN_FULL else CANDIDATE)
        others = np.flatnonzero(wanted) + number + 1
        if len(others):
            yield from _compared(number, others, pictures, transforms)


def _compared(
    number: int,
    others: NDArray[np.intp],
    pictures: list[SmallPicture],
    transforms: NDArray[np.complex64],
) -> Iterator[LookAlike]:
    best, turn = _best(pictures[number].pixels, transforms[others])
    for other, value, is_turned in zip(others, best, turn > 0, strict=True):
        if value > ALIKE:
            grain = _best(pictures[number].grain, fft.rfftn(pictures[other].grain)[None])[0][0]
            yield LookAlike(number, int(other), float(value), bool(is_turned), float(grain))


def _best(
    picture: NDArray[np.float32], others: NDArray[np.complex64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Highest correlation of a picture, turned and moved, with each of the others, by their transforms; which turn."""
    shape = picture.shape
    near = np.arange(-int(FARTHEST * shape[0]), int(FARTHEST * shape[0]) + 1)
    peaks = []
    for turn in turns(shape):
        own = np.conj(fft.rfftn(turned(picture, turn)))
        curves = fft.irfftn(own * others, s=shape, axes=range(1, len(shape) + 1))
        close = np.abs(curves[np.ix_(np.arange(len(others)), *[near] * len(shape))])
        peaks.append(close.reshape(len(others), -1).max(axis=1))
    return np.max(peaks, axis=0), np.argmax(peaks, axis=0)
