"""Kinds of particles that are hard to pick, as far as the truth tells: faint, overlapping, in ice, at the edge."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from motes.jobs.parts import Prepared

KINDS = {
    "low contrast": "signal-to-noise ratio below half the median of its group",
    "overlap": "another particle within a diameter",
    "ice": "partly covered by contamination or carbon",
    "edge": "cut by the edge of the image",
}
FAINT = 0.5  # of the median signal-to-noise ratio of a group
WHOLE = 0.999  # visibility of a particle of which nothing is hidden


def kinds_of(images: Sequence[Prepared]) -> list[dict[str, NDArray[np.bool_]]]:
    """For each image and each of KINDS that its truth tells: which of its particles are of that kind, (n,) bool."""
    medians = _median_contrast(images)
    return [_kinds(image, medians.get(image.group)) for image in images]


def _kinds(image: Prepared, median: float | None) -> dict[str, NDArray[np.bool_]]:
    points = image.labelled.points
    diameters = np.array(image.working)[image.labelled.class_of_points()]
    edge = at_edge(points, diameters / 2, image.labelled.data.shape)
    found = {"overlap": overlapping(points, diameters), "edge": edge}
    contrast, visibility = trait(image, "snr"), trait(image, "visibility")
    if median is not None and contrast is not None:
        found["low contrast"] = contrast < FAINT * median
    if visibility is not None:
        found["ice"] = (visibility < WHOLE) & ~edge
    return found


def trait(image: Prepared, name: str) -> NDArray[np.float64] | None:
    """A column of numbers that the truth of an image has, (n,); None where it has none, or holds other things."""
    column = image.traits.get(name)
    if column is None or column.dtype.kind not in "fiu" or len(column) != len(image.labelled.points):
        return None
    return np.asarray(column, dtype=np.float64)


def at_edge(
    points: NDArray[np.float64], radii: NDArray[np.float64], shape: Sequence[int]
) -> NDArray[np.bool_]:
    """Which particles reach out of an image, (n,); points (n, ndim) and radii (n,) in px."""
    low, high = points - radii[:, None], points + radii[:, None]
    return np.asarray(np.any((low < -0.5) | (high > np.array(shape) - 0.5), axis=1))


def overlapping(points: NDArray[np.float64], diameters: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which particles have another within their diameter; points (n, ndim), diameters (n,) px."""
    if len(points) < 2:
        return np.zeros(len(points), dtype=bool)
    nearest = KDTree(points).query(points, k=2)[0][:, 1]
    return np.asarray(nearest < diameters)


def _median_contrast(images: Sequence[Prepared]) -> Mapping[str, float]:
    """The median signal-to-noise ratio of the particles of each group whose truth tells it."""
    ratios: dict[str, list[NDArray[np.float64]]] = {}
    for image in images:
        contrast = trait(image, "snr")
        if contrast is not None:
            ratios.setdefault(image.group, []).append(contrast)
    joined = {group: np.concatenate(each) for group, each in ratios.items()}
    return {group: float(np.median(each)) for group, each in joined.items() if len(each)}
