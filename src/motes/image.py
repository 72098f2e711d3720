"""An image as every room sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Image:
    """A microscope image or volume.

    data: (y, x) or (z, y, x), in the order and with the type stored in the file; row 0 is the file's
    first row. It may be a memory map. pixel_size: A/px, None where it is not known. name: as the user's
    list of images writes it, folders and extension included.
    """

    data: NDArray[Any]
    pixel_size: float | None
    name: str

    @property
    def shape(self) -> tuple[int, ...]:
        """(y, x) or (z, y, x)."""
        return self.data.shape

    @property
    def ndim(self) -> int:
        """2 for a micrograph, 3 for a volume."""
        return self.data.ndim

    def as_float32(self) -> NDArray[np.float32]:
        """The pixels in memory as float32, same shape."""
        return np.ascontiguousarray(self.data, dtype=np.float32)


def sides(shape: Sequence[int]) -> str:
    """The sides of an image for people, as 2160 x 3840, in array order."""
    return " x ".join(str(side) for side in shape)
