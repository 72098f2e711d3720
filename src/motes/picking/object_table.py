"""What is known of each object of a label image, as columns."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.picking.objects import AXES, equivalent_diameter
from motes.picks import Picks

ANGSTROM_PER_MICROMETRE = 1e4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ObjectTable:
    """The objects of a label image, by rising label; lengths are pixels.

    labels: (n,) as in the image. points: (n, ndim) centres, array order, an integer is the centre of a pixel. sizes:
    (n,) pixels. boxes: (n, ndim, 2) first pixel and one past the last along each axis. rims: (n,) length of the
    border in 2D, its area in 3D. touching: (n,) whether a pixel of another object lies beside one of it, diagonals
    included. at_edge: (n,) whether it reaches the edge of the image, and may go on beyond. intensities: (n,) mean
    grey value, contrasts: (n,) that less the mean of the ground around it, nan where there is none; confidences:
    (n,) mean of the map that it was found in. These three are None where no such image is given. spreads: (n,) mean
    standard deviation of that map between views of the image, None without views; doubts: (n,) in [0, 1], see
    motes.picking.doubt; None where they were not asked for.
    """

    labels: NDArray[np.int64]
    points: Floats
    sizes: NDArray[np.int64]
    boxes: NDArray[np.int64]
    rims: Floats
    touching: NDArray[np.bool_]
    at_edge: NDArray[np.bool_]
    intensities: Floats | None = None
    contrasts: Floats | None = None
    confidences: Floats | None = None
    spreads: Floats | None = None
    doubts: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return int(self.points.shape[1])

    @property
    def diameters(self) -> Floats:
        """(n,) px of the discs or balls of the same size."""
        return equivalent_diameter(self.sizes.astype(np.intp), self.ndim)

    @property
    def circularities(self) -> Floats:
        """(n,) 4 pi area / perimeter^2, in 3D the sphericity pi^(1/3) (6 volume)^(2/3) / surface.

        1 for discs and balls, less for all else (a square 0.89, a line near 0). It is up to 5 % off on discs of
        18 px, up to 12 % on those of 8 px, and may be above 1.
        """
        if self.ndim == 2:
            return np.asarray(4 * math.pi * self.sizes / self.rims**2)
        return np.asarray(math.pi ** (1 / 3) * (6 * self.sizes) ** (2 / 3) / self.rims)

    def select(self, index: NDArray[Any]) -> "ObjectTable":
        """The objects at an integer or boolean index, in that order."""

        def chosen(values: NDArray[Any] | None) -> Any:
            return None if values is None else values[index]

        return ObjectTable(**{each.name: chosen(getattr(self, each.name)) for each in fields(self)})

    def to_picks(self, pixel_size: float | None = None) -> Picks:
        """The objects as picks: the confidence is the score; all other columns are extra.

        pixel_size: A/px; with it there are columns in micrometres too: x_um, y_um (, z_um) from the centre of the
        first pixel, diameter_um, and area_um2 or volume_um3.
        """
        extra: dict[str, NDArray[Any]] = {"label": self.labels, "size": self.sizes}
        for axis, name in enumerate(AXES[-self.ndim :]):
            extra[f"box_{name}0"], extra[f"box_{name}1"] = self.boxes[:, axis].T
        extra |= {"rim": self.rims, "circularity": self.circularities}
        extra |= {"touching": self.touching.astype(np.int64), "at_edge": self.at_edge.astype(np.int64)}
        measured = {
            "intensity": self.intensities,
            "contrast": self.contrasts,
            "spread": self.spreads,
            "doubt": self.doubts,
        }
        extra |= {name: values for name, values in measured.items() if values is not None}
        if pixel_size is not None:
            extra |= self._in_micrometres(pixel_size / ANGSTROM_PER_MICROMETRE)
        return Picks(self.points, self.confidences, None, self.diameters, extra)

    def _in_micrometres(self, unit: float) -> dict[str, Floats]:
        names = AXES[-self.ndim :]
        columns: dict[str, Any] = {
            f"{name}_um": self.points[:, axis] * unit for axis, name in enumerate(names)
        }
        columns["diameter_um"] = self.diameters * unit
        columns["area_um2" if self.ndim == 2 else "volume_um3"] = (
            self.sizes.astype(np.float64) * unit**self.ndim
        )
        return columns
