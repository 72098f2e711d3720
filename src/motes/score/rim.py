"""The rim of an image, where a particle is cut and annotators disagree."""

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.picks import Picks


def in_rim(picks: Picks, shape: tuple[int, ...], width: float) -> NDArray[np.bool_]:
    """Say whether each centre (n,) lies closer than width (pixels) to an edge of the image.

    shape: (z,) y, x. The edges run half a pixel outside the centres of the outermost pixels, so that a rim of
    10 holds the 10 outermost pixels of each side. Raises PicksError where the dimensions differ.
    """
    if not len(picks):
        return np.zeros(0, dtype=bool)
    if len(shape) != picks.ndim:
        raise PicksError(f"picks have {picks.ndim} coordinates, but their image has the shape {shape}")
    to_low = picks.points + 0.5
    to_high = np.asarray(shape, dtype=np.float64) - to_low
    nearest = np.minimum(to_low, to_high).min(axis=1)
    return np.asarray(nearest < width, dtype=bool)
