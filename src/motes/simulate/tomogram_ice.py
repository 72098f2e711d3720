"""The ice of a tomogram as it fills: what lies where, and where there is still room."""

import numpy as np
from numpy.typing import NDArray

from motes.simulate.placement import overlap
from motes.simulate.tomogram_world import TomogramWorld


class Ice:
    """The volume as it fills: density, what is taken, and where along z there is ice (px)."""

    def __init__(self, world: TomogramWorld) -> None:
        self.density = np.zeros(world.size, np.float32)
        self.taken = np.zeros(world.size, dtype=bool)
        middle, half = (world.size[0] - 1) / 2, world.ice_thickness / world.voxel_size / 2
        self.low, self.high = middle - half, middle + half

    def corners(self, radius: float, inset: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where centres may be (z, y, x): radius px within the ice, inset px within the edges."""
        _, y, x = self.density.shape
        low = np.array([self.low + radius, inset, inset])
        return low, np.maximum(np.array([self.high - radius, y - 1 - inset, x - 1 - inset]), low)

    def is_free(self, mask: NDArray[np.bool_], corner: NDArray[np.intp]) -> bool:
        """Whether nothing lies where the mask is true."""
        inner, outer = overlap(self.taken.shape, mask.shape, corner)
        return not (self.taken[outer] & mask[inner]).any()

    def add(self, density: NDArray[np.float32], taken: NDArray[np.bool_], corner: NDArray[np.intp]) -> None:
        """Put something in; what reaches beyond the volume is cut off."""
        inner, outer = overlap(self.taken.shape, taken.shape, corner)
        self.density[outer] += density[inner]
        self.taken[outer] |= taken[inner]
