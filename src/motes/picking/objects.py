"""Picks as the connected components of a probability map."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.data.regions import label_regions
from motes.errors import RecipeError
from motes.picks import Picks

AXES = ("z", "y", "x")


def find_components(probability: NDArray[np.float32], threshold: float, minimum_size: int) -> Picks:
    """Find the connected regions where a map reaches the threshold, by falling score; diagonals connect.

    probability: (y, x) or (z, y, x); threshold: above 0; minimum_size: pixels, smaller regions are left out.
    A pick is at the centre of mass of the probability, its score is the highest probability, its diameter
    (px) that of the disc or ball of the same size. Extra columns: size (pixels), and the bounding box as
    box_y0, box_y1, box_x0, box_x1 (and z), pixel indices, the second of each one past the last pixel.
    Raises RecipeError where the threshold would make the background a region.
    """
    if not threshold > 0:
        raise RecipeError(f"the threshold for regions must be above 0, found {threshold:g}")
    labels, regions = label_regions(probability >= threshold)
    pixels = np.argwhere(labels)
    own = labels[tuple(pixels.T)].astype(np.intp) - 1
    values = probability[tuple(pixels.T)].astype(np.float64)
    sizes = np.bincount(own, minlength=regions)
    mass = np.bincount(own, weights=values, minlength=regions)
    moments = [np.bincount(own, weights=axis * values, minlength=regions) for axis in pixels.T]
    scores = np.zeros(regions)
    np.maximum.at(scores, own, values)
    found = Picks(
        points=np.stack(moments, axis=1) / mass[:, None],
        scores=scores,
        diameters=equivalent_diameter(sizes, probability.ndim),
        extra={"size": sizes, **_boxes(labels)},
    )
    order = np.argsort(-scores, kind="stable")
    return found.select(order[sizes[order] >= minimum_size])


def equivalent_diameter(sizes: NDArray[np.intp], ndim: int) -> NDArray[np.float64]:
    """Give the diameters (px) of the discs or balls of these sizes (n,) in pixels."""
    per_unit_diameter = math.pi / 4 if ndim == 2 else math.pi / 6
    diameters: NDArray[np.float64] = (sizes / per_unit_diameter) ** (1 / ndim)
    return diameters


def _boxes(labels: NDArray[np.int32]) -> dict[str, NDArray[np.intp]]:
    """Give the bounding box of each region, one column (n,) for each side."""
    slices = ndimage.find_objects(labels)
    columns = {}
    for axis, name in enumerate(AXES[-labels.ndim :]):
        columns[f"box_{name}0"] = np.array([box[axis].start for box in slices], dtype=np.intp)
        columns[f"box_{name}1"] = np.array([box[axis].stop for box in slices], dtype=np.intp)
    return columns
