"""Picks: a table of particle centres, the common currency of the house."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.errors import PicksError


@dataclass(frozen=True)
class AdaptedThreshold:
    """A threshold for each image, from the scores of its candidates alone, which have to be probabilities."""

    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"each image's own threshold ({self.lowest:g} to {self.highest:g})"

    def of(self, scores: ArrayLike) -> float:
        """The threshold with the highest expected F1 over all candidates (n,) of an image, to six digits.

        Of the picks that reach t, sum(p) are expected to be true, and of all candidates together sum(p); so the
        expected F1 is 2 sum(p, p >= t) / (count(p >= t) + sum(p)). Adding a candidate raises it as long as its p is
        above half of it; half of the highest is thus the threshold. Source: Lipton, Elkan and Naryanaswamy 2014,
        ECML PKDD, LNCS 8725, 225-239 (arXiv:1402.1892).

        Where that is below `lowest`, even the best F1 is poor, as in a micrograph of noise, whose many weak
        candidates would nearly all be taken: then there is probably nothing, and only what reaches `highest`
        counts. The same holds without candidates.
        """
        falling = -np.sort(-np.asarray(scores, dtype=np.float64))
        if not len(falling):
            return self.highest
        expected = 2 * np.cumsum(falling) / (np.arange(1, len(falling) + 1) + falling.sum())
        best = float(expected.max()) / 2
        return round(min(best, self.highest), 6) if best >= self.lowest else self.highest


Threshold = float | Mapping[str, float] | AdaptedThreshold  # for all picks, for each class, or for each image


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

        A threshold by class holds for the picks of each class; those of other classes all stay. One by image needs
        all candidates of the image.
        """
        if self.scores is None:
            return self
        if isinstance(threshold, AdaptedThreshold):
            threshold = threshold.of(self.scores)
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


def joined(every: Sequence[Picks]) -> Picks:
    """Picks of one image one after the other.

    A score that is missing is nan; of the other columns those are kept that all of them have.
    """
    scores = [np.full(len(each), np.nan) if each.scores is None else each.scores for each in every]
    shared = [name for name in every[0].extra if all(name in each.extra for each in every)]
    return Picks(
        np.concatenate([each.points for each in every]),
        None if all(each.scores is None for each in every) else np.concatenate(scores),
        _together([each.classes for each in every]),
        _together([each.diameters for each in every]),
        {name: np.concatenate([each.extra[name] for each in every]) for name in shared},
    )


def _together(columns: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [column for column in columns if column is not None]
    return np.concatenate(known) if len(known) == len(columns) else None
