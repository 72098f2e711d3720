"""Objects of two label images, matched by their overlap (IoU), and their scores.

Where a denominator is zero the value is nan, as everywhere in this room; StarDist gives 0 there. Background is 0;
pixels where the truth is negative do not count, and neither does an unmatched object that lies mostly there.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from motes.errors import InputError
from motes.score.metrics import (
    Counts,
    Curve,
    Ranked,
    f_beta,
    precision,
    ratio,
    recall,
)

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
METRICS = (
    "precision",
    "recall",
    "f1",
    "accuracy",
    "mean_true_score",
    "mean_matched_score",
    "panoptic_quality",
)
PIXEL_METRICS = ("pixel_precision", "pixel_recall", "pixel_dice", "pixel_iou")
BLOCK = 1 << 22  # pixels looked at together; bounds the memory
SPARSE = 8  # labels up to so many times the number of runs are looked up in a table, others sorted

Labels = NDArray[np.integer[Any]] | NDArray[np.bool_]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Overlaps:
    """Which objects of two label images lie on each other, and by how much.

    found (n,), truth (m,): labels, rising. found_sizes, truth_sizes: pixels that count. pairs: (e, 2) indices into
    found and truth of all that overlap, sorted; shared: (e,) pixels. excused: (n,) bool, more than half of the
    object lies where the truth does not count. pixels: objects against background, all taken together.
    """

    found: NDArray[np.int64]
    truth: NDArray[np.int64]
    found_sizes: Indices
    truth_sizes: Indices
    pairs: Indices
    shared: Indices
    excused: NDArray[np.bool_]
    pixels: Counts

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair (e,), the nearest float64 to the exact fraction."""
        both = self.found_sizes[self.pairs[:, 0]] + self.truth_sizes[self.pairs[:, 1]]
        return ratio(self.shared, both - self.shared)


def find_overlaps(found: Labels, truth: Labels) -> Overlaps:
    """Compare two label images in one pass over their pixels.

    found, truth: the same shape, any dimension, whole numbers, 0 for background; labels may have gaps. Raises
    InputError where shapes or types do not fit, or a label of what was found is negative.
    """
    _check(found, truth)
    runs = list(_runs(found, truth)) or [np.zeros((3, 0), dtype=np.int64)]
    found_run, truth_run, lengths = np.concatenate(runs, axis=1)
    if (found_run < 0).any():
        raise InputError(f"labels of objects start at 1, found {found_run.min()} among those to be scored")
    counted = truth_run >= 0
    hidden = _tally(found_run[~counted], lengths[~counted])
    found_run, truth_run, lengths = found_run[counted], truth_run[counted], lengths[counted]
    labels, sizes, index = _tally(found_run, lengths)
    truths, truth_sizes, truth_index = _tally(truth_run, lengths)
    both = (found_run > 0) & (truth_run > 0)
    keys, shared, _ = _tally(index[both] * max(len(truths), 1) + truth_index[both] + 1, lengths[both])
    pairs = np.stack(np.divmod(keys - 1, max(len(truths), 1)), axis=1).astype(np.intp)
    _, here, there = np.intersect1d(labels, hidden[0], assume_unique=True, return_indices=True)
    excused = np.zeros(len(labels), dtype=bool)
    excused[here] = hidden[1][there] > sizes[here]
    right = int(shared.sum())
    pixels = Counts(right, int(sizes.sum()) - right, int(truth_sizes.sum()) - right)
    return Overlaps(labels, truths, sizes, truth_sizes, pairs, shared, excused, pixels)


def match_objects(overlaps: Overlaps, threshold: float = 0.5, *, inclusive: bool = True) -> Indices:
    """Match objects one to one: as many pairs as possible, then the greatest sum of IoU.

    Returns the matched ones of overlaps.pairs as indices (k,), rising. threshold: IoU that a pair has to reach, or
    to exceed if not inclusive; above 0. The same pairs count as in StarDist's `matching`, which is inclusive; above
    0.5 no object has two candidates. Raises InputError where the threshold is not in (0, 1].
    """
    if not 0 < threshold <= 1:
        raise InputError(f"a threshold for IoU is above 0 and at most 1, found {threshold:g}")
    iou = overlaps.iou
    good = np.flatnonzero(iou >= threshold if inclusive else iou > threshold)
    contested = _contested(overlaps.pairs[good])
    chosen = _assign(overlaps.pairs[good[contested]], iou[good[contested]])
    return np.sort(np.concatenate([good[~contested], good[contested][chosen]]))


def count_objects(
    overlaps: Overlaps, thresholds: Sequence[float] = THRESHOLDS, *, inclusive: bool = True
) -> NDArray[np.float64]:
    """Give true positives, false positives, false negatives and the sum of matched IoU at each threshold, (t, 4)."""
    rows = []
    for threshold in thresholds:
        matched = match_objects(overlaps, threshold, inclusive=inclusive)
        wrong = ~overlaps.excused
        wrong[overlaps.pairs[matched, 0]] = False
        missed = len(overlaps.truth) - len(matched)
        rows.append([len(matched), np.count_nonzero(wrong), missed, overlaps.iou[matched].sum()])
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def object_metrics(table: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Give each of METRICS from counts (..., 4) as count_objects makes them, each (...).

    The names are those of StarDist's `matching` (Weigert et al. 2020): accuracy is TP / (TP + FP + FN), which the
    2018 Data Science Bowl called average precision; mean_matched_score is the mean IoU of the matched pairs,
    mean_true_score their summed IoU over all true objects. panoptic_quality is that of Kirillov et al. 2019.
    """
    found, wrong, missed, iou = np.moveaxis(table, -1, 0)
    return {
        "precision": precision(found, wrong),
        "recall": recall(found, missed),
        "f1": f_beta(found, wrong, missed),
        "accuracy": ratio(found, found + wrong + missed),
        "mean_true_score": ratio(iou, found + missed),
        "mean_matched_score": ratio(iou, found),
        "panoptic_quality": ratio(iou, found + wrong / 2 + missed / 2),
    }


def pixel_metrics(table: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Give each of PIXEL_METRICS from true positives, false positives, false negatives (..., 3) of pixels.

    pixel_iou is Jaccard's index; pixel_dice is the same as the F1 of pixels.
    """
    found, wrong, missed = np.moveaxis(table, -1, 0)
    return {
        "pixel_precision": precision(found, wrong),
        "pixel_recall": recall(found, missed),
        "pixel_dice": f_beta(found, wrong, missed),
        "pixel_iou": ratio(found, found + wrong + missed),
    }


def data_science_bowl(overlaps: Overlaps) -> float:
    """Score one image as the 2018 Data Science Bowl: the mean of TP / (TP + FP + FN) over THRESHOLDS.

    A pair has to exceed the threshold there, not only to reach it. nan where there is neither truth nor an object
    found. The challenge averages over images. Source: Caicedo et al. 2019, Nature Methods 16, 1247.
    """
    return float(np.mean(object_metrics(count_objects(overlaps, inclusive=False))["accuracy"]))


def rank_objects(overlaps: Overlaps, confidences: NDArray[np.float64], threshold: float = 0.5) -> Ranked:
    """Take the objects by falling confidence; each takes the free truth of highest IoU that reaches the threshold.

    confidences: (n,), of overlaps.found. Source: the evaluation of COCO (Lin et al. 2014). Raises InputError where
    a confidence is not a number.
    """
    if confidences.shape != overlaps.found.shape or np.isnan(confidences).any():
        raise InputError(f"each of {len(overlaps.found)} objects needs a confidence, a number")
    iou = overlaps.iou
    good = np.flatnonzero(iou >= threshold)
    found, truth = overlaps.pairs[good].T
    order = np.lexsort((-iou[good], found, -confidences[found]))
    hits, taken = np.zeros(len(overlaps.found), dtype=bool), np.zeros(len(overlaps.truth), dtype=bool)
    for index, other in zip(found[order].tolist(), truth[order].tolist(), strict=True):
        if not hits[index] and not taken[other]:
            hits[index] = taken[other] = True
    return Ranked(confidences, hits, ~hits & ~overlaps.excused, len(overlaps.truth))


def rank_labels(found: Labels, confidences: NDArray[np.float64], truth: Labels) -> Ranked:
    """Rank the objects 1 to n of a label image, confidences (n,), against a true one, as rank_objects.

    An object that lies wholly where the truth is not known (-1) counts neither way.
    """
    overlaps = find_overlaps(found, truth)
    return rank_objects(overlaps, confidences[overlaps.found - 1])


def interpolated_average_precision(curve: Curve) -> float:
    """Average, over the recalls 0, 0.01, ... 1, the best precision at that recall or above; nan without truth.

    The definition of COCO. That of this house is not interpolated (metrics.average_precision); it is a little lower.
    """
    if curve.truth == 0:
        return math.nan
    best = np.maximum.accumulate(np.nan_to_num(curve.precision)[::-1])[::-1]
    reached = np.searchsorted(curve.recall, np.linspace(0, 1, 101))
    return float(np.append(best, 0.0)[reached].mean())


def _runs(found: Labels, truth: Labels) -> Iterator[NDArray[np.int64]]:
    """Label found, label of truth and length (3, n) of runs of equal pixels, without plain background."""
    if not found.size:
        return
    rows = max(1, BLOCK * len(found) // found.size)
    for first in range(0, len(found), rows):
        ours, theirs = found[first : first + rows].reshape(-1), truth[first : first + rows].reshape(-1)
        changes = np.flatnonzero((ours[1:] != ours[:-1]) | (theirs[1:] != theirs[:-1])) + 1
        starts = np.concatenate([[0], changes])
        columns = (ours[starts], theirs[starts], np.diff(starts, append=ours.size))
        run = np.stack([column.astype(np.int64) for column in columns])
        yield run[:, (run[0] != 0) | (run[1] != 0)]


def _tally(
    values: NDArray[np.int64], lengths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Indices, Indices]:
    """The distinct values above 0, rising; the summed length of each; and the place of each value, -1 for others."""
    values, names = np.maximum(values, 0), None
    if values.max(initial=0) > SPARSE * (values.size + 1):
        names, values = np.unique(np.append(values, 0), return_inverse=True)
        values = values[:-1]
    sums = np.bincount(values, weights=lengths, minlength=1).astype(np.intp)
    sums[0] = 0
    held = np.flatnonzero(sums)
    place = np.full(len(sums), -1)
    place[held] = np.arange(len(held))
    return held if names is None else names[held], sums[held], place[values]


def _contested(pairs: Indices) -> NDArray[np.bool_]:
    """Say for each pair (e, 2) whether one of its two objects is in another pair too."""
    counts = [np.bincount(column)[column] for column in pairs.T]
    return np.asarray(np.maximum(*counts) > 1, dtype=bool)


def _assign(pairs: Indices, iou: NDArray[np.float64]) -> Indices:
    """Find the greatest number of pairs (e, 2) without a common object, then of greatest IoU; indices (k,).

    Beside the truths each object found has a place of its own, where it goes if it stays alone; that costs more than
    all pairs can differ in. Costs are at least 1, because the solver takes 0 for a missing pair.
    """
    if not len(pairs):
        return np.zeros(0, dtype=np.intp)
    (rows, found), (columns, truth) = (np.unique(column, return_inverse=True) for column in pairs.T)
    alone = np.arange(len(rows))
    costs = np.concatenate([2.0 - iou, np.full(len(rows), min(len(rows), len(columns)) + 2.0)])
    places = (np.concatenate([found, alone]), np.concatenate([truth, len(columns) + alone]))
    graph = coo_matrix((costs, places), shape=(len(rows), len(columns) + len(rows))).tocsr()
    chosen, place = min_weight_full_bipartite_matching(graph)
    mate = np.full(len(rows), -1)
    mate[chosen] = place
    return np.flatnonzero(mate[found] == truth)


def _check(found: Labels, truth: Labels) -> None:
    if found.shape != truth.shape:
        raise InputError(f"label images of shape {found.shape} and {truth.shape} cannot be compared")
    for name, labels in (("found", found), ("true", truth)):
        if labels.ndim == 0 or labels.dtype.kind not in "biu":
            raise InputError(
                f"the {name} labels must be an image of whole numbers, found {labels.dtype} of shape "
                f"{labels.shape}; a mask has to be split into objects first"
            )
