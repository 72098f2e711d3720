"""Picks: a table of particle centres, the common currency of the house."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.errors import PicksError

Threshold = float | Mapping[str, float]  # one for all picks, or one for each class


@dataclass(frozen=True)
class Picks:
    """Particle centres in one image.

    points: (n, ndim) float64 in pixels of the full-size image as stored, 0-based, array order (z,) y, x;
    an integer is the centre of a pixel. scores: (n,) figures of merit, None where there are none.
    classes: (n,) names, None where there is one class only. diameters: (n,) pixels, None where unknown.
    extra: further columns that travel along, each (n,).
    """

    points: NDArray[np.float64]
    scores: NDArray[np.float64] | None = None
    classes: NDArray[np.str_] | None = None
    diameters: NDArray[np.float64] | None = None
    extra: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] not in (2, 3):
            raise PicksError(f"points must be (n, 2) or (n, 3), found shape {self.points.shape}")
        columns = {"scores": self.scores, "classes": self.classes, "diameters": self.diameters, **self.extra}
        for name, values in columns.items():
            if values is not None and values.shape != (len(self.points),):
                raise PicksError(f"{name} must have one value a pick ({len(self)}), found {values.shape}")

    def __len__(self) -> int:
        return len(self.points)

    @property
    def ndim(self) -> int:
        """2 in micrographs, 3 in volumes."""
        return int(self.points.shape[1])

    def select(self, index: ArrayLike) -> "Picks":
        """The picks at an integer or boolean index, in that order, with all their columns."""
        chosen = np.asarray(index)
        if chosen.size == 0:
            chosen = chosen.astype(np.intp)

        def take(values: NDArray[Any] | None) -> NDArray[Any] | None:
            return None if values is None else values[chosen]

        return Picks(
            self.points[chosen],
            take(self.scores),
            take(self.classes),
            take(self.diameters),
            {name: values[chosen] for name, values in self.extra.items()},
        )

    def above(self, threshold: "Threshold") -> "Picks":
        """The picks whose score reaches the threshold; those without a score (None, nan) all stay.

        A threshold by class holds for the picks of each class; those of other classes all stay.
        """
        if self.scores is None:
            return self
        if isinstance(threshold, Mapping):
            classes = np.full(len(self), "") if self.classes is None else self.classes
            least = np.array([threshold.get(str(name), -np.inf) for name in classes])
            return self.select(~(self.scores < least))
        return self.select(~(self.scores < threshold))

    def scaled(self, factor: float | Sequence[float]) -> "Picks":
        """The picks on an image resampled by a factor (one, or one per axis in array order).

        Pixel centres are integers, so x goes to (x + 0.5) * factor - 0.5. Diameters take the mean factor.
        """
        factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), (self.ndim,))
        diameters = None if self.diameters is None else self.diameters * float(np.mean(factors))
        return replace(self, points=(self.points + 0.5) * factors - 0.5, diameters=diameters)


def empty_picks(ndim: int) -> Picks:
    """No picks, in an image of that dimension."""
    return Picks(np.zeros((0, ndim)), scores=np.zeros(0))
