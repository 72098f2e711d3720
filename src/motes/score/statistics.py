"""Bootstrap over images: how much a value would change with other images of the same kind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from motes.score.metrics import Ranked, group_ends, pooled, ratio

CELLS_AT_ONCE = 2_000_000  # bounds the memory of one block of resamples (16 MB an array)


def resample_images(images: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """Draw as many images as there are, with replacement; how often each was drawn, (resamples, images)."""
    drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=resamples)
    return drawn.astype(np.float64)


def resampled_mean(draws: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average values (images,) over each resample, to (resamples,); those that are nan are left out."""
    known = np.isfinite(values)
    return ratio(draws @ np.where(known, values, 0.0), draws @ known.astype(np.float64))


def resampled_average_precision(draws: NDArray[np.float64], images: Sequence[Ranked]) -> NDArray[np.float64]:
    """Give average precision of the pooled picks of each resample (resamples,); nan without truth."""
    scores, hits, misses, owners = pooled(images)
    ends = group_ends(scores)
    truth = draws @ np.array([image.truth for image in images], dtype=np.float64)
    totals = np.zeros(len(draws))
    rows = max(1, CELLS_AT_ONCE // max(1, scores.size))
    for first in range(0, len(draws), rows):
        weights = draws[first : first + rows][:, owners]
        found = np.cumsum(weights * hits, axis=1)[:, ends]
        counted = np.cumsum(weights * (hits | misses), axis=1)[:, ends]
        rises = np.diff(found, axis=1, prepend=0.0)
        totals[first : first + rows] = (rises * np.nan_to_num(ratio(found, counted))).sum(axis=1)
    return ratio(totals, truth)


def percentile_interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Give the central part of resampled values (resamples,), nan left out; nan where none is left.

    Source: Efron 1979, the percentile interval.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
