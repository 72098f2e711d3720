"""Whether masks lie on what they mark, or as a whole beside it.

Image and mask are correlated under every shift. One image may correlate best anywhere by chance; a set of
images, or of pieces of one, does so at a common shift only when the masks are shifted.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from motes.errors import ImageError

MOST_IMAGES = 100  # looked at, evenly spread over the set
FEWEST_PIECES = 8
ENOUGH_PIECES = 16
LONGEST_SIDE = {2: 1024, 3: 192}  # px after binning
FARTHEST = 128  # binned px
CLEAR = 4.0  # times the noise of the correlation
CONSISTENT = 8.0  # times its standard error is the gain over all pieces
BETTER = 0.6  # at no shift there must be less than this share of the best correlation


class ShiftPool:
    """Correlations of images with their masks, added up over a set.

    count: how many images there will be. All lengths inside are in binned pixels.
    """

    def __init__(self, count: int) -> None:
        self.every = -(-count // MOST_IMAGES)
        self.wanted_pieces = ENOUGH_PIECES / max(1, -(-count // max(1, self.every)))
        self.factor = 0
        self.reach = 0
        self.names: list[str] = []
        self._seen = 0
        self._curves: dict[str, list[NDArray[np.float32]]] = {"grey values": [], "edges": []}

    def add(self, pixels: NDArray[np.float32], objects: NDArray[np.bool_], name: str) -> None:
        """Add an image, normalised, and where its objects are; both ([z,] y, x), of any one size."""
        self._seen += 1
        if (self._seen - 1) % self.every:
            return
        splits = max(1, math.ceil(self.wanted_pieces ** (1 / pixels.ndim) - 1e-9))
        if not self.factor:
            self.factor = -(-max(pixels.shape) // LONGEST_SIDE[pixels.ndim])
            self.reach = min(FARTHEST, min(pixels.shape) // self.factor // splits // 4)
        self.names.append(name)
        image, mask = binned(pixels, self.factor), binned(objects.astype(np.float32), self.factor)
        for piece in _pieces(image.shape, splits):
            self._add_piece(image[piece], mask[piece])

    def _add_piece(self, image: NDArray[np.float32], mask: NDArray[np.float32]) -> None:
        if min(image.shape) < max(2 * self.reach, 16) or not 0 < mask.mean() < 0.9 or image.std() == 0:
            return
        radius = typical_radius(mask)
        smooth = max(1.0, radius / 3)
        pairs = {
            "grey values": (image, mask),
            "edges": (
                ndimage.gaussian_gradient_magnitude(image, smooth),
                ndimage.gaussian_gradient_magnitude(mask, smooth),
            ),
        }
        for kind, (first, second) in pairs.items():
            self._curves[kind].append(shift_correlation(first, second, self.reach, 3 * radius))

    @property
    def suspect(self) -> tuple[int, ...] | None:
        """By how many px of the images the masks are shifted, (z,) y, x; None unless that is sure."""
        shifts = {}
        for kind, curves in self._curves.items():
            if len(curves) >= FEWEST_PIECES:
                shifts[kind] = common_shift(np.stack(curves), either_sign=kind == "grey values")
        found = [shift for shift in shifts.values() if shift is not None]
        if not found or any(not any(shift) for shift in found):
            return None
        if max(math.dist(found[0], other) for other in found) > 2:
            return None
        return tuple(step * self.factor for step in found[0])

    def refuse(self) -> None:
        """Raise ImageError where the masks are shifted."""
        shift = self.suspect
        if shift is None:
            return
        back = [
            f"{-step:+d} px in {axis}" for axis, step in zip("zyx"[-len(shift) :], shift, strict=True) if step
        ]
        raise ImageError(
            f"the masks seem to be shifted against their images: over {len(self.names)} images, beginning with "
            f"{self.names[0]}, they fit best when moved by {', '.join(back)}; move them so and write them again, "
            "or pass --no-orientation-check if you are sure"
        )


def common_shift(curves: NDArray[np.float32], *, either_sign: bool) -> tuple[int, ...] | None:
    """The shift at which all pieces correlate; zeros where that is no shift, None where nothing is clear.

    curves: (piece, 2 reach + 1, ...) correlations by shift, none in the middle. either_sign: whether objects
    may be darker than their surround.
    """
    pooled = curves.mean(axis=0, dtype=np.float64)
    pooled -= np.median(pooled)
    sign = -1.0 if either_sign and -pooled.min() > pooled.max() else 1.0
    pooled *= sign
    peak = tuple(map(int, np.unravel_index(int(pooled.argmax()), pooled.shape)))
    middle = tuple(side // 2 for side in pooled.shape)
    shift = tuple(p - m for p, m in zip(peak, middle, strict=True))
    noise = 1.4826 * float(np.median(np.abs(pooled)))
    if pooled[peak] < CLEAR * noise:
        return None
    if abs(pooled[middle]) > BETTER * pooled[peak] or max(map(abs, shift)) < 2:
        return (0,) * len(shift)
    if any(abs(step) == m for step, m in zip(shift, middle, strict=True)):
        return None
    # Particles keep apart, so that a mask on its particle may fit the space around it better, but then on
    # both sides alike.
    opposite = tuple(m - step for step, m in zip(shift, middle, strict=True))
    surely = all(_gains(sign * curves, peak, other) for other in (middle, opposite))
    return shift if surely else None


def _gains(curves: NDArray[np.float32], place: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether the pieces agree that the correlation at one place is higher than at another."""
    gain = np.array([curve[place] - curve[other] for curve in curves], dtype=np.float64)
    return bool(gain.mean() > CONSISTENT * gain.std(ddof=1) / math.sqrt(len(gain)))


def shift_correlation(
    image: NDArray[np.float32], mask: NDArray[np.float32], reach: int, coarsest: float
) -> NDArray[np.float32]:
    """How well a mask fits an image when it is taken to be moved by a shift, for every shift up to reach.

    image, mask: ([z,] y, x) of one shape. coarsest: px, what changes more slowly than this does not count.
    Returns (2 reach + 1, ...), no shift in the middle; the value at s is the sum over x of image(x) mask(x + s),
    tapered at the borders, over the norms of both.
    """
    taper = _taper(image.shape)
    first, second = (_without_mean(each, taper) for each in (image, mask))
    frequencies = np.meshgrid(
        *[np.fft.fftfreq(side) for side in image.shape[:-1]], np.fft.rfftfreq(image.shape[-1]), indexing="ij"
    )
    square = sum((f**2 for f in frequencies), np.zeros(()))
    kept = 1 - np.exp(-2 * (np.pi * coarsest) ** 2 * square)
    product = np.conj(fft.rfftn(first)) * fft.rfftn(second) * kept
    curve = fft.irfftn(product, s=image.shape) / max(
        float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-30
    )
    window = np.ix_(*[np.arange(-reach, reach + 1) % side for side in image.shape])
    return np.asarray(curve[window], dtype=np.float32)


def _without_mean(array: NDArray[np.float32], taper: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((array - np.average(array, weights=taper)) * taper, dtype=np.float32)


def _taper(shape: Sequence[int]) -> NDArray[np.float32]:
    """1 inside, falling as a cosine to 0 over the outer eighth of each side."""
    taper = np.ones((), dtype=np.float32)
    for side in shape:
        distance = np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5)
        ramp = np.clip(distance / (side / 8), 0, 1)
        taper = np.multiply.outer(taper, (0.5 - 0.5 * np.cos(np.pi * ramp)).astype(np.float32))
    return taper


def typical_radius(mask: NDArray[np.float32]) -> float:
    """Radius, in px, of the balls that a mask with as much content and surface would consist of.

    Content over surface is r / 2 of discs and r / 3 of balls. The surface is counted as steps between
    neighbours, which a round one crosses 4 / pi (2D) or 3 / 2 (3D) times as often as it has area.
    """
    steps = sum(float(np.abs(np.diff(mask, axis=axis)).sum()) for axis in range(mask.ndim))
    surface = steps / {2: 4 / math.pi, 3: 1.5}[mask.ndim]
    return max(1.0, mask.ndim * float(mask.sum()) / max(surface, 1e-9))


def binned(array: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Means of blocks of factor pixels along each axis; what is left over at the end is cut off."""
    if factor == 1:
        return array
    sides = [side // factor for side in array.shape]
    cut = array[tuple(slice(0, side * factor) for side in sides)]
    blocks = cut.reshape([n for side in sides for n in (side, factor)])
    return np.asarray(blocks.mean(axis=tuple(range(1, 2 * array.ndim, 2))), dtype=np.float32)


def _pieces(shape: Sequence[int], splits: int) -> list[tuple[slice, ...]]:
    """An even grid of windows that cover a shape."""
    edges = [np.linspace(0, side, splits + 1).astype(int) for side in shape]
    return [
        tuple(slice(int(e[i]), int(e[i + 1])) for e, i in zip(edges, index, strict=True))
        for index in np.ndindex(*[splits] * len(shape))
    ]
