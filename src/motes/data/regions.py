"""The connected regions of a mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def label_regions(marked: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number the connected regions of what is marked, ([z,] y, x), from 1, and count them; diagonals connect."""
    found: tuple[NDArray[Any], int] = ndimage.label(marked, structure=np.ones((3,) * marked.ndim))
    labels, count = found
    return labels.astype(np.int32, copy=False), int(count)
