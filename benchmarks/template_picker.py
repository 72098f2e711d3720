"""The plain baseline for tomograms: one mean subvolume for each class, matched everywhere, no training.

The template of a class is the mean of the subvolumes at its true centres in the training tomograms, so that it has
their noise-free shape, their missing wedge and their contrast. It is compared with every place of a tomogram by the
normalised cross-correlation inside a ball (Roseman 2003, Ultramicroscopy 94, 225); candidates are its maxima.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from motes.picking.peaks import find_peaks
from motes.picks import Picks

REACH = 0.75  # the ball that is compared, in diameters: the particle and a rim of what is around it
APART = 0.5  # between two candidates of a class, diameters


@dataclass(frozen=True)
class Template:
    """A mean subvolume (z, y, x), zero mean and unit norm inside its ball, and the ball."""

    density: NDArray[np.float32]
    ball: NDArray[np.float32]
    diameter: float


def make_template(
    volumes: Sequence[NDArray[np.float32]], points: Sequence[NDArray[np.float64]], diameter: float
) -> Template:
    """Average the subvolumes at points (n, 3) of volumes (z, y, x); diameter in voxels."""
    reach = round(REACH * diameter)
    boxes = [box for volume, each in zip(volumes, points, strict=True) for box in _boxes(volume, each, reach)]
    distance = np.linalg.norm(np.indices((2 * reach + 1,) * 3) - reach, axis=0)
    ball = (distance <= reach).astype(np.float32)
    mean = np.mean(boxes, axis=0)
    density = (mean - (mean * ball).sum() / ball.sum()) * ball
    return Template((density / np.linalg.norm(density)).astype(np.float32), ball, diameter)


def _boxes(volume: NDArray[np.float32], points: NDArray[np.float64], reach: int) -> list[NDArray[np.float32]]:
    """The subvolumes around points that lie whole in the volume."""
    at = np.rint(points).astype(int)
    whole = np.all((at >= reach) & (at < np.array(volume.shape) - reach), axis=1)
    return [volume[tuple(slice(c - reach, c + reach + 1) for c in centre)] for centre in at[whole]]


def correlation(volume: NDArray[np.float32], template: Template) -> NDArray[np.float32]:
    """The normalised cross-correlation of a volume (z, y, x) with a template at each place, -1 to 1."""
    padded = [size + template.ball.shape[0] for size in volume.shape]
    shape = [fft.next_fast_len(size, real=True) for size in padded]
    spectrum, squares = (fft.rfftn(each, shape, workers=2) for each in (volume, volume**2))
    count = template.ball.sum()

    def matched(pattern: NDArray[np.float32], of: NDArray[np.complex64]) -> NDArray[np.float32]:
        found = fft.irfftn(of * fft.rfftn(pattern, shape, workers=2).conj(), shape, workers=2)
        reach = pattern.shape[0] // 2
        moved = np.roll(found, (reach,) * 3, axis=(0, 1, 2))
        return moved[tuple(slice(size) for size in volume.shape)]

    mean = matched(template.ball, spectrum) / count
    spread = np.sqrt(np.maximum(matched(template.ball, squares) / count - mean**2, 1e-6))
    return np.clip(matched(template.density, spectrum) / (spread * np.sqrt(count)), -1, 1).astype(np.float32)


def candidates(volume: NDArray[np.float32], templates: Mapping[str, Template]) -> Picks:
    """The candidates of all classes in a tomogram, scored by their correlation; each place has its best class."""
    best: list[Picks] = []
    maps = {name: correlation(volume, template) for name, template in templates.items()}
    highest = np.max(list(maps.values()), axis=0)
    for name, template in templates.items():
        own = np.where(maps[name] >= highest, maps[name], 0)
        found = find_peaks(own, APART * template.diameter, 0.05)
        best.append(Picks(found.points, found.scores, np.full(len(found), name)))
    return Picks(
        np.concatenate([each.points for each in best]),
        np.concatenate([each.scores for each in best if each.scores is not None]),
        np.concatenate([each.classes for each in best if each.classes is not None]),
    )
