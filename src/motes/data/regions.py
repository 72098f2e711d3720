"""The connected regions of a mask."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.errors import ImageError

IGNORED = -1  # a pixel of a mask that does not count


def label_regions(marked: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number the connected regions of what is marked, ([z,] y, x), from 1, and count them; diagonals connect."""
    found: tuple[NDArray[Any], int] = ndimage.label(marked, structure=np.ones((3,) * marked.ndim))
    labels, count = found
    return labels.astype(np.int32, copy=False), int(count)


def regions_of_mask(mask: NDArray[Any], name: str, if_numbered: str) -> NDArray[np.int32]:
    """Number the connected regions of a binary mask ([z,] y, x) from 1; 0 beside them, -1 where the mask is below 0.

    Raises ImageError for a mask of several values above 0; if_numbered: what to do where these are objects' numbers.
    """
    marked = mask > 0
    highest = mask.max(initial=0)
    if np.any(mask[marked] != highest):
        raise ImageError(
            f"{name}: {len(np.unique(mask[marked]))} different values above 0, where a binary mask has one; if each "
            f"object has a number of its own, {if_numbered}; values in between come from resizing or JPEG, cut them "
            "off at one half"
        )
    return np.where(mask < 0, np.int32(IGNORED), label_regions(marked)[0])
