"""Precision, recall, F1, IoU and ROC AUC of pixels, from any number of them in bounded memory.

The pixels are counted in bins of their probability's log-odds. Equal steps in log-odds keep apart what a sure
net says: 0.9999 and 0.999999 are as far from each other as 0.5 and 0.99. 0.5 is the edge of a bin, so that
counts there are exact; any other threshold is taken to the nearest edge (at most 0.00006 away).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motes.errors import InputError
from motes.score.metrics import Counts, Curve, f_beta, precision, ratio, recall

PER_UNIT = 2048  # bins in one unit of log-odds: the AUC of logits that spread over only 0.02 is good to 1e-4
LOWEST = -88  # log-odds of the smallest normal float32 are -87.3
HIGHEST = 40  # those of the largest float64 below 1 are 36.7
BINS = (HIGHEST - LOWEST) * PER_UNIT
BLOCK = 1 << 17  # pixels; what is computed in between stays in the processor's cache

METRICS = ("precision", "recall", "f1", "iou", "auc")


class Best(NamedTuple):
    """The highest F1 and the threshold that gives it; both None where there is no pixel of a particle."""

    f1: float | None
    threshold: float | None


class Macro(NamedTuple):
    """A mean over classes: those that have a value, and how many have none."""

    mean: float | None
    undefined: int


def _no_pixels() -> NDArray[np.int64]:
    return np.zeros((3, BINS), dtype=np.int64)


@dataclass
class PixelCounts:
    """How many pixels of one class have which probability.

    pixels: (3, bins) of background, particle, and those that do not count, by rising probability. Counts of
    several processes are added as they are. A metric is None where its denominator is zero.
    """

    pixels: NDArray[np.int64] = field(default_factory=_no_pixels)

    def add(self, probabilities: NDArray[np.floating[Any]], truth: NDArray[Any]) -> None:
        """Count more pixels.

        probabilities: any shape, in [0, 1]. truth: the same shape, particle from 0.5 on, ignored below 0.
        Raises InputError where the shapes differ, or a probability is not one.
        """
        if probabilities.shape != truth.shape:
            raise InputError(
                f"probabilities of shape {probabilities.shape} do not fit a truth of shape {truth.shape}"
            )
        given, true = probabilities.reshape(-1), truth.reshape(-1)
        table = self.pixels.reshape(-1)
        for first in range(0, given.size, BLOCK):
            part = slice(first, first + BLOCK)
            row = (true[part] >= 0.5) + 2 * (true[part] < 0)
            np.add.at(table, row * BINS + _bins(given[part]), 1)

    def __add__(self, other: "PixelCounts") -> "PixelCounts":
        return PixelCounts(self.pixels + other.pixels)

    def counts(self, threshold: float = 0.5) -> Counts:
        """Count the pixels whose probability is at least the threshold as found."""
        edge = _edge(threshold)
        background, particle = self.pixels[0], self.pixels[1]
        found = int(particle[edge:].sum())
        return Counts(found, int(background[edge:].sum()), int(particle.sum()) - found)

    def precision(self, threshold: float = 0.5) -> float | None:
        """The part of the pixels found that is right; None where none is found."""
        counts = self.counts(threshold)
        return _value(precision(counts.true_positives, counts.false_positives))

    def recall(self, threshold: float = 0.5) -> float | None:
        """The part of the particles' pixels that is found; None where there is none."""
        counts = self.counts(threshold)
        return _value(recall(counts.true_positives, counts.false_negatives))

    def f1(self, threshold: float = 0.5) -> float | None:
        """2 TP / (2 TP + FP + FN), the same as Dice; None where nothing is found and nothing is there."""
        counts = self.counts(threshold)
        return _value(f_beta(counts.true_positives, counts.false_positives, counts.false_negatives))

    def iou(self, threshold: float = 0.5) -> float | None:
        """TP / (TP + FP + FN), Jaccard's; None where nothing is found and nothing is there."""
        counts = self.counts(threshold)
        union = counts.true_positives + counts.false_positives + counts.false_negatives
        return _value(ratio(counts.true_positives, union))

    @property
    def auc(self) -> float | None:
        """Area under the ROC curve: how often a particle's pixel is above one of the background.

        Ties, which here are pixels of one bin, count half (Mann and Whitney 1947). None where one of the two
        has no pixels.
        """
        background, particle = self.pixels[:2].astype(np.float64)
        below = np.cumsum(background) - background / 2
        return _value(ratio((particle * below).sum(), particle.sum() * background.sum()))

    def best_f1(self) -> Best:
        """The highest F1 of all thresholds, and the highest threshold that gives it."""
        wrong, found = np.cumsum(self.pixels[1::-1, ::-1], axis=1)[::-1]
        if not found[-1]:
            return Best(None, None)
        f1 = np.nan_to_num(f_beta(found, wrong, found[-1] - found))
        best = int(f1.argmax())
        return Best(float(f1[best]), _threshold(BINS - 1 - best))

    def called(self, threshold: float = 0.5) -> float | None:
        """The share of the pixels that count which is found; None without any."""
        counted = self.pixels[:2]
        return _value(ratio(counted[:, _edge(threshold) :].sum(), counted.sum()))

    def curve(self) -> Curve:
        """Precision and recall of pixels at the start of every bin that holds some."""
        held = np.flatnonzero(self.pixels[:2].sum(axis=0))[::-1]
        wrong, found = np.cumsum(self.pixels[:2, held], axis=1)
        thresholds = np.array([_threshold(int(edge)) for edge in held])
        return Curve(thresholds, found.astype(np.intp), wrong.astype(np.intp), int(self.pixels[1].sum()))

    def metrics(self, threshold: float = 0.5) -> dict[str, float | None]:
        """Each of METRICS by its name."""
        return {
            "precision": self.precision(threshold),
            "recall": self.recall(threshold),
            "f1": self.f1(threshold),
            "iou": self.iou(threshold),
            "auc": self.auc,
        }


def macro_mean(values: Iterable[float | None]) -> Macro:
    """The mean over classes of a metric; classes without a value are left out, and counted."""
    everything = list(values)
    defined = [value for value in everything if value is not None]
    mean = math.fsum(defined) / len(defined) if defined else None
    return Macro(mean, len(everything) - len(defined))


def _bins(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """The bin of each probability, (n,); 1 has a bin of its own, as has 0 with all that float32 hardly knows.

    Rounding down before the offset is added keeps the largest number below 0.5 out of the bin that starts
    there: float32 cannot hold both the offset and so small a difference.
    """
    exact = probabilities.dtype == np.float64
    values = probabilities if exact else probabilities.astype(np.float32, copy=False)
    if not (values.min() >= 0 and values.max() <= 1):
        raise InputError(
            f"expected probabilities from 0 to 1, found values from {values.min()} to {values.max()}; "
            "are they logits, or not finite?"
        )
    kind = values.dtype.type
    odds = np.maximum(values, np.finfo(np.float32).tiny, dtype=kind)
    odds /= np.maximum(1 - values, np.finfo(kind).eps / 4, dtype=kind)
    steps = np.log(odds, out=odds)
    steps *= PER_UNIT
    bins: NDArray[np.intp] = np.floor(steps, out=steps).astype(np.intp)
    bins -= LOWEST * PER_UNIT
    return bins


def _edge(threshold: float) -> int:
    """The first bin that counts as found at a threshold in [0, 1]."""
    if not 0 <= threshold <= 1:
        raise InputError(f"a threshold on probabilities is from 0 to 1, found {threshold}")
    if threshold == 0:
        return 0
    if threshold == 1:
        return _bin_of(1)
    log_odds = math.log(threshold) - math.log1p(-threshold)
    return max(round((log_odds - LOWEST) * PER_UNIT), 0)


def _threshold(edge: int) -> float:
    """The probability at which a bin starts."""
    return 1 / (1 + math.exp(-(edge / PER_UNIT + LOWEST))) if edge > _bin_of(0) else 0.0


def _bin_of(probability: int) -> int:
    return int(_bins(np.array([probability], dtype=np.float32))[0])


def _value(number: NDArray[np.float64]) -> float | None:
    return None if np.isnan(number) else float(number)
