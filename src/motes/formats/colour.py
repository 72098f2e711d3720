"""Colour to grey."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow and most viewers use

NOTE = "colour turned into luminance"


def luminance(colour: NDArray[Any]) -> NDArray[Any]:
    """Luminance (..., y, x) of (..., y, x, 3 or 4) red, green, blue (and alpha, ignored); same dtype."""
    grey = np.zeros(colour.shape[:-1])
    for channel, weight in enumerate(_WEIGHTS):
        grey += weight * colour[..., channel]
    if colour.dtype.kind in "iu":
        np.rint(grey, out=grey)
    return grey.astype(colour.dtype)
