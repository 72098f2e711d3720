"""Precision, recall, F scores and average precision.

Where a denominator is zero the value is nan here, and null in reports: an image without picks has no
precision, one without truth no recall and no average precision, one with neither no F score.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.errors import PicksError
from motes.picks import Picks
from motes.score.matching import Ignored, Matching, Radius, candidate_pairs, gains, nothing_ignored


@dataclass(frozen=True)
class Counts:
    """What was found, found wrongly, and missed."""

    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True)
class Ranked:
    """The picks of one image as the precision-recall curve needs them.

    scores: (n,). hits: (n,) bool, adding this pick to those of higher score makes one more true positive.
    misses: (n,) bool, it makes one more false positive; with ignored picks it may make neither.
    truth: the number of truths that count.
    """

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    misses: NDArray[np.bool_]
    truth: int


@dataclass(frozen=True)
class Curve:
    """Counts at every threshold where they change: the picks with score >= threshold.

    thresholds: (n,) distinct scores, falling. true_positives, false_positives: (n,). truth: their number.
    """

    thresholds: NDArray[np.float64]
    true_positives: NDArray[np.intp]
    false_positives: NDArray[np.intp]
    truth: int

    @property
    def precision(self) -> NDArray[np.float64]:
        """(n,), nan where every pick is ignored."""
        return precision(self.true_positives, self.false_positives)

    @property
    def recall(self) -> NDArray[np.float64]:
        """(n,), nan where there is no truth."""
        return recall(self.true_positives, self.truth - self.true_positives)

    def f_beta(self, beta: float = 1.0) -> NDArray[np.float64]:
        """(n,), nan where there is neither truth nor a pick that counts."""
        return f_beta(self.true_positives, self.false_positives, self.truth - self.true_positives, beta)

    def reached(self, threshold: float) -> int:
        """How many of the n have at least that threshold: the last of them holds what is picked with it."""
        return int(np.count_nonzero(self.thresholds >= threshold))


def precision(true_positives: ArrayLike, false_positives: ArrayLike) -> NDArray[np.float64]:
    """Give the part of the picks that is right; nan without picks."""
    found = np.asarray(true_positives, dtype=np.float64)
    return ratio(found, found + np.asarray(false_positives))


def recall(true_positives: ArrayLike, false_negatives: ArrayLike) -> NDArray[np.float64]:
    """Give the part of the truth that is found; nan without truth."""
    found = np.asarray(true_positives, dtype=np.float64)
    return ratio(found, found + np.asarray(false_negatives))


def f_beta(
    true_positives: ArrayLike, false_positives: ArrayLike, false_negatives: ArrayLike, beta: float = 1.0
) -> NDArray[np.float64]:
    """Give the F score, in which recall weighs beta times as much as precision; beta 1: F1.

    nan where there is neither a pick nor truth; 0 where only one is missing. Source: van Rijsbergen 1979.
    """
    found = (1 + beta**2) * np.asarray(true_positives, dtype=np.float64)
    return ratio(found, found + beta**2 * np.asarray(false_negatives) + np.asarray(false_positives))


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide numerator by denominator, same shape; nan where the denominator is zero."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    result = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def count(matching: Matching, ignored: Ignored) -> Counts:
    """Count one image.

    A pair whose truth is ignored counts for nothing; nor does a pick that found nothing and is ignored.
    """
    found = int(np.count_nonzero(~ignored.truth[matching.pairs[:, 1]]))
    wrong = ~ignored.picks
    wrong[matching.pairs[:, 0]] = False
    return Counts(found, int(np.count_nonzero(wrong)), int(np.count_nonzero(~ignored.truth)) - found)


def rank(picks: Picks, truth: Picks, radius: Radius, ignored: Ignored | None = None) -> Ranked:
    """Add the picks by falling score; say which make a true and which a false positive.

    radius: pixels, inclusive; one value or one for each truth. The counts at every threshold are those of the
    maximum matching (see match) of the picks that reach it. Raises PicksError where scores are missing.
    """
    if picks.scores is None or np.isnan(picks.scores).any():
        raise PicksError("average precision needs a score (a number) for every pick; some have none")
    skip = ignored or nothing_ignored(picks, truth)
    near = candidate_pairs(picks, truth, radius)
    order = np.argsort(-picks.scores, kind="stable")
    hits = gains(near.select(~skip.truth[near.truth]), order, len(truth))
    if skip.picks.any() or skip.truth.any():
        # a counted pick is excused by any truth, provided that ignored picks leave it to them
        excused = gains(near.select(~skip.picks[near.pick]), order, len(truth))
    else:
        excused = hits
    return Ranked(picks.scores, hits, ~excused & ~skip.picks, int(np.count_nonzero(~skip.truth)))


def precision_recall_curve(images: Sequence[Ranked]) -> Curve:
    """Give the curve of the picks of all images together; picks of equal score enter together."""
    scores, hits, misses, _ = pooled(images)
    ends = group_ends(scores)
    found = np.cumsum(hits, dtype=np.intp)[ends]
    wrong = np.cumsum(misses, dtype=np.intp)[ends]
    return Curve(scores[ends], found, wrong, sum(image.truth for image in images))


def average_precision(curve: Curve) -> float:
    """Sum precision times the rise of recall over the thresholds, not interpolated; nan without truth.

    The definition of scikit-learn's average_precision_score, with recall over all truth.
    """
    if curve.truth == 0:
        return float("nan")
    # where every pick is ignored there is no precision, and no rise either
    rises = np.diff(curve.true_positives, prepend=0) * np.nan_to_num(curve.precision)
    return float(rises.sum()) / curve.truth


def pooled(
    images: Sequence[Ranked],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.intp]]:
    """Join scores, hits, misses and image index of all picks (n,), by falling score."""
    scores = np.concatenate([np.zeros(0), *(image.scores for image in images)])
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([np.zeros(0, dtype=bool), *(image.hits for image in images)])
    misses = np.concatenate([np.zeros(0, dtype=bool), *(image.misses for image in images)])
    owners = np.repeat(np.arange(len(images)), [len(image.scores) for image in images])
    return scores[order], hits[order], misses[order], owners[order]


def group_ends(scores: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find the index of the last of each run of equal scores; scores (n,) are sorted."""
    if scores.size == 0:
        return np.zeros(0, dtype=np.intp)
    return np.append(np.flatnonzero(scores[1:] != scores[:-1]), scores.size - 1).astype(np.intp)
