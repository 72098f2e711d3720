"""What a micrograph is worth at a glance: from its pixels at the working scale and the candidates found in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from motes.picks import Picks

Verdict = Literal["ok", "crowded", "few particles", "much ice or carbon", "probably nothing"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # from good to bad

NOTHING = 0.002  # share of the area that true picks cover, below which there is probably nothing
FEW = 0.02  # the same, below which there are few
MUCH = 0.08  # share of the area that is unusual
NEAR = 0.75  # diameters to the next pick, below which two particles overlap
CROWDED = 1 / 3  # share of the picks that are nearer than that
CLEAR = 5.0  # times the usual spread, from which on ground is unusual
NORMAL_THIRD = 0.4307  # a third of normally distributed values lie within so many standard deviations
LEAST_SHADE = 0.3  # standard deviations of the image that unusual ground differs at least
LEAST_ROUGHNESS = 0.4  # the same for the logarithm of the local variance
PARTICLES = 2.0  # areas of a particle; smaller patches do not count


@dataclass(frozen=True)
class Signs:
    """What a verdict rests on.

    unusual: share of the area that is unlike the rest, without what picks cover. covered: share of the area that
    the picks expected to be true cover. overlapping: share of the picks that are too near to the next one.
    """

    unusual: float
    covered: float
    overlapping: float

    @property
    def verdict(self) -> Verdict:
        """The worst that holds."""
        if self.covered < NOTHING:
            return "probably nothing"
        if self.unusual > MUCH:
            return "much ice or carbon"
        if self.covered < FEW:
            return "few particles"
        return "crowded" if self.overlapping > CROWDED else "ok"


def signs(image: NDArray[np.float32], picks: Picks, diameter: float) -> Signs:
    """Look at a micrograph and the picks that reached its threshold.

    image: (y, x) at the working scale, any grey scale. picks: in its pixels; scores are probabilities, without
    them all count as true. diameter: of a particle, px.
    """
    true = float(len(picks) if picks.scores is None else picks.scores.sum())
    step = max(1, int(diameter / 5))
    unusual = unusual_ground(image, diameter, step)
    explained = near((picks.points + 0.5) / step - 0.5, unusual.shape, 0.75 * diameter / step)
    patches = large_patches(unusual & ~explained, PARTICLES * np.pi / 4 * (diameter / step) ** 2)
    return Signs(
        unusual=float(patches.mean()),
        covered=true * np.pi / 4 * diameter**2 / image.size,
        overlapping=overlapping_share(picks.points, NEAR * diameter),
    )


def unusual_ground(image: NDArray[np.float32], diameter: float, step: int) -> NDArray[np.bool_]:
    """Find where an image (y, x) is much darker, brighter or rougher than most of it.

    diameter: of a particle, px. Shade and roughness are means over about a particle, beside a slope across the
    image; they are unusual from 5 times their usual spread on. Returns squares of `step` px, (y / step, x / step).
    """
    values = image / max(float(image.std()), 1e-12)
    fine = values - ndimage.gaussian_filter(values, diameter / 8)
    reach = diameter / 2 / step
    shade = ndimage.gaussian_filter(binned(values, step), reach)
    roughness = np.log(ndimage.gaussian_filter(binned(fine**2, step), reach) + 1e-6)
    return outlying(shade, LEAST_SHADE) | outlying(roughness, LEAST_ROUGHNESS)


def binned(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """Means over squares of `step` px of an image (y, x), without what is left over at its ends."""
    rows, columns = (side // step for side in image.shape)
    squares = image[: rows * step, : columns * step].reshape(rows, step, columns, step)
    return np.asarray(squares.mean(axis=(1, 3)))


def outlying(field: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    """Find where a field (y, x) leaves its usual range by more than `least`, as it is or beside its slope.

    Beside the slope, because that hides ice; as it is, because carbon over half of an image is like a slope.
    """
    found = np.zeros(field.shape, dtype=bool)
    for each in (field, without_slope(field)):
        middle, spread = usual_range(each)
        found |= np.abs(each - middle) > max(CLEAR * spread, least)
    return found


def without_slope(field: NDArray[np.float32], rounds: int = 5) -> NDArray[np.float32]:
    """Subtract a plane from a field (y, x), fitted without what lies far from it."""
    y, x = np.indices(field.shape).reshape(2, -1)
    terms = np.stack([np.ones(field.size), y, x], axis=1)
    values = field.ravel()
    kept = np.ones(field.size, dtype=bool)
    for _ in range(rounds):
        rest = values - terms @ np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
        middle, spread = usual_range(rest)
        kept = np.abs(rest - middle) <= 2.5 * spread + 1e-6
    return np.asarray(rest.reshape(field.shape), dtype=np.float32)


def usual_range(values: NDArray[Any]) -> tuple[float, float]:
    """Give the middle and the spread of most values (any shape), from the densest third of them.

    Ice and carbon lie outside of it, even where they are more than a third of all. Of normally distributed values
    the spread is the standard deviation. Source: the shorth (Andrews et al. 1972, Robust Estimates of Location).
    """
    rising = np.sort(values, axis=None)
    third = len(rising) // 3
    widths = rising[third:] - rising[: len(rising) - third]
    first = int(np.argmin(widths))
    return float(rising[first] + rising[first + third]) / 2, float(widths[first]) / (2 * NORMAL_THIRD)


def large_patches(found: NDArray[np.bool_], area: float) -> NDArray[np.bool_]:
    """Keep the connected patches (y, x) of at least that area, px."""
    labels, count = ndimage.label(found)
    large = np.bincount(labels.ravel(), minlength=count + 1) >= area
    large[0] = False
    return np.asarray(large[labels])


def near(points: NDArray[np.float64], shape: Sequence[int], distance: float) -> NDArray[np.bool_]:
    """Find the pixels (y, x) within a distance (px) of a point (n, 2)."""
    if not len(points):
        return np.zeros(shape, dtype=bool)
    free = np.ones(shape, dtype=bool)
    free[tuple(np.clip(np.rint(points).astype(np.intp), 0, np.array(shape) - 1).T)] = False
    return np.asarray(ndimage.distance_transform_edt(free) <= distance)


def overlapping_share(points: NDArray[np.float64], distance: float) -> float:
    """Give the share of points (n, 2) that are nearer than a distance (px) to another one."""
    if len(points) < 2:
        return 0.0
    nearest = KDTree(points).query(points, k=2)[0][:, 1]
    return float((nearest < distance).mean())
