"""How well masks fit their images: as they are, moved, turned, or those of other images.

Grey values and edges of an image are correlated with those of a mask, both in what is as fine as the objects. A
mask on its objects correlates; everywhere else, turned and on other images it does so by chance, which gives the
noise that each correlation is measured by.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.signal.windows import tukey

from motes.data.mask_shift import binned, typical_radius

RADIUS = {2: 5, 3: 3}  # px of an object after binning
SIDE = {2: 256, 3: 64}  # px at most of what is looked at, in the middle, after binning
MOST_IMAGES = 100  # of one size that are compared with each other's masks
MOST_KEPT = 400  # of all sizes; each takes up to 1 MB
NEAR = 1  # px after binning within which a mask is in its place

Turn = tuple[bool, ...]  # which axes are reversed, and last whether y and x change places
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fit:
    """How well one mask fits one image, in units of chance.

    own: as it is. moved: at the best shift, which is shift, (z,) y, x px of the image, how the mask lies from its
    objects; opposite: at the contrary of that shift. turned: by turn, without those that do not keep the size.
    """

    name: str
    own: float
    moved: float
    shift: tuple[int, ...]
    opposite: float
    turned: dict[Turn, float]

    @property
    def best_turn(self) -> Turn:
        """The turn that fits best."""
        return max(self.turned, key=lambda turn: self.turned[turn])


@dataclass
class FitPool:
    """Fits of the images of a set, added one by one; masks and images are kept small for comparing all with all."""

    factor: int = 0
    fits: list[Fit] = field(default_factory=list)
    _kept: dict[tuple[int, ...], list["_Kept"]] = field(default_factory=dict)

    def add(self, pixels: Floats, objects: NDArray[np.bool_], name: str) -> None:
        """Add an image, normalised, and where its objects are; both ([z,] y, x)."""
        ndim = pixels.ndim
        if not self.factor:
            self.factor = max(1, int(typical_radius(objects.astype(np.float32)) / RADIUS[ndim]))
        pair = prepared(pixels, objects, self.factor)
        if pair is None:
            return
        self.fits.append(_fit(pair, name, self.factor))
        kept = self._kept.setdefault(pair.shape, [])
        if len(kept) < MOST_IMAGES and sum(map(len, self._kept.values())) < MOST_KEPT:
            kept.append(_Kept(name, pair, self.fits[-1].own))

    def owners(self) -> dict[str, tuple[str, float, float]]:
        """For images whose mask is not the one that fits best: the image whose mask does, its fit, that of the own."""
        found = {}
        for kept in self._kept.values():
            if len(kept) < 2:
                continue
            fits = _all_with_all(kept)
            for number, row in enumerate(fits):
                best = int(row.argmax())
                if best != number:
                    found[kept[number].name] = (kept[best].name, float(row[best]), float(row[number]))
        return found


@dataclass(frozen=True)
class Pair:
    """An image and its mask as their grey values and edges, tapered, of norm 1; the mask without what is coarse."""

    image: tuple[Floats, Floats]
    mask: tuple[Floats, Floats]

    @property
    def shape(self) -> tuple[int, ...]:
        """After binning and cutting."""
        return tuple(self.image[0].shape)


@dataclass(frozen=True)
class _Kept:
    name: str
    pair: Pair
    own: float


def prepared(pixels: Floats, objects: NDArray[np.bool_], factor: int) -> Pair | None:
    """What is correlated of an image and a mask ([z,] y, x); None where there is too little of it."""
    image, mask = (_middle(binned(each, factor)) for each in (pixels, objects.astype(np.float32)))
    if min(image.shape) < 8 or not 0 < mask.mean() < 1 or image.std() == 0:
        return None
    radius = typical_radius(mask)
    smooth = max(1.0, radius / 3)
    edges = [ndimage.gaussian_gradient_magnitude(each, smooth) for each in (image, mask)]
    taper = _taper(image.shape)
    coarsest = 3 * radius
    return Pair(
        (_unit(image, taper), _unit(edges[0], taper)),
        (_unit(_fine(mask, coarsest), taper), _unit(_fine(edges[1], coarsest), taper)),
    )


def fit_of(pixels: Floats, objects: NDArray[np.bool_], factor: int) -> float:
    """How well a mask fits an image, in units of chance, as it is; 0 where that cannot be told."""
    pair = prepared(pixels, objects, factor)
    if pair is None:
        return 0.0
    found = _surfaces(pair, next(turns(pair.shape)), _transforms(pair))
    noise = [max(1.4826 * float(np.median(np.abs(each))), 1e-9) for each in found]
    return _near(_score(*found, noise), [side // 2 for side in found[0].shape])


def _middle(array: Floats) -> Floats:
    """The middle of an array, which all turns of it share."""
    most = SIDE[array.ndim]
    cut = [max(0, side - most) for side in array.shape]
    return array[tuple(slice(c // 2, side - (c - c // 2)) for c, side in zip(cut, array.shape, strict=True))]


def _fine(array: Floats, coarsest: float) -> Floats:
    return np.asarray(array - ndimage.gaussian_filter(array, coarsest, mode="nearest"), dtype=np.float32)


def _unit(array: Floats, taper: Floats) -> Floats:
    tapered = (array - np.average(array, weights=taper)) * taper
    return np.asarray(tapered / max(float(np.linalg.norm(tapered)), 1e-30), dtype=np.float32)


def _taper(shape: Sequence[int]) -> Floats:
    taper = np.ones((), dtype=np.float32)
    for side in shape:
        taper = np.multiply.outer(taper, tukey(side + 2, 0.25)[1:-1].astype(np.float32))
    return taper


def turns(shape: Sequence[int]) -> Iterator[Turn]:
    """All ways to reverse axes and to exchange y and x that keep a shape; the first changes nothing."""
    for exchanged in (False, True) if shape[-1] == shape[-2] else (False,):
        for reversed_ in product((False, True), repeat=len(shape)):
            yield (*reversed_, exchanged)


def turned(array: NDArray[np.float32], turn: Turn) -> NDArray[np.float32]:
    """An array ([z,] y, x) turned: y and x exchanged first, then axes reversed."""
    *reversed_, exchanged = turn
    if exchanged:
        array = array.swapaxes(-1, -2)
    return array[tuple(slice(None, None, -1 if back else 1) for back in reversed_)]


def _fit(pair: Pair, name: str, factor: int) -> Fit:
    seen = _transforms(pair)
    surfaces = {turn: _surfaces(pair, turn, seen) for turn in turns(pair.shape)}
    noise = [
        max(1.4826 * float(np.median([np.median(np.abs(each[kind])) for each in surfaces.values()])), 1e-9)
        for kind in (0, 1)
    ]
    scores = {turn: _score(*each, noise) for turn, each in surfaces.items()}
    as_it_is, *others = scores
    own, peak = scores[as_it_is], int(scores[as_it_is].argmax())
    reach = tuple(side // 2 for side in own.shape)
    place = np.unravel_index(peak, own.shape)
    shift = tuple(int(p) - r for p, r in zip(place, reach, strict=True))
    opposite = tuple(r - s for r, s in zip(reach, shift, strict=True))
    return Fit(
        name,
        _near(own, reach),
        float(own.flat[peak]),
        tuple(step * factor for step in shift),
        _near(own, opposite),
        {turn: _near(scores[turn], reach) for turn in others},
    )


def _transforms(pair: Pair) -> list[NDArray[np.complex64]]:
    return [np.conj(fft.rfftn(image)) for image in pair.image]


def _surfaces(pair: Pair, turn: Turn, seen: Sequence[NDArray[np.complex64]]) -> tuple[Floats, Floats]:
    """Correlations of grey values and of edges by shift, none in the middle, up to a quarter of each side."""
    shape = pair.shape
    found = []
    for image, mask in zip(seen, pair.mask, strict=True):
        curve = fft.irfftn(image * fft.rfftn(turned(mask, turn)), s=shape)
        window = np.ix_(*[np.arange(-(side // 4), side // 4 + 1) % side for side in shape])
        found.append(np.asarray(curve[window], dtype=np.float32))
    return found[0], found[1]


def _score(grey: Floats, edges: Floats, noise: Sequence[float]) -> Floats:
    """Both correlations together, in units of chance; objects may be dark or bright, but edges lie on edges."""
    return np.asarray(np.hypot(grey / noise[0], np.maximum(edges, 0) / noise[1]), dtype=np.float32)


def _near(scores: Floats, place: Sequence[int]) -> float:
    window = tuple(slice(max(0, p - NEAR), p + NEAR + 1) for p in place)
    return float(scores[window].max())


def _all_with_all(kept: Sequence[_Kept]) -> NDArray[np.float64]:
    """(n, n) how well each image (row) fits each mask, in units of chance."""
    scores = []
    for kind in (0, 1):
        images = np.stack([each.pair.image[kind].ravel() for each in kept])
        masks = np.stack([each.pair.mask[kind].ravel() for each in kept])
        found = (images @ masks.T).astype(np.float64)
        strange = found[~np.eye(len(kept), dtype=bool)]
        noise = 1.4826 * float(np.median(np.abs(strange - np.median(strange)))) if len(strange) > 12 else 0.0
        scores.append(found / max(noise, 1 / math.sqrt(images.shape[1])))
    return np.hypot(scores[0], np.maximum(scores[1], 0))
