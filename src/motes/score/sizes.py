"""Sizes against sizes: two distributions of diameters, and the diameters of matched objects."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.errors import InputError
from motes.score.counts import Limits, limits_of_agreement
from motes.score.metrics import ratio


@dataclass(frozen=True)
class SizeComparison:
    """Two sets of diameters, found and true, in the unit they came in.

    mean_bias, median_bias: found minus true. relative_mean_bias: over the true mean. wasserstein: mean distance that
    the one distribution has to be moved to become the other. kolmogorov_smirnov: the greatest difference of the two
    cumulative distributions, 0 to 1. All nan where one of the sets is empty.
    """

    found: int
    truth: int
    mean_bias: float
    relative_mean_bias: float
    median_bias: float
    wasserstein: float
    kolmogorov_smirnov: float


@dataclass(frozen=True)
class PairedSizes:
    """The diameters of matched objects: errors in the unit they came in, nan without pairs.

    limits: bias (found minus true) and limits of agreement. mean_absolute_error, root_mean_square_error.
    relative_error: mean of |found - true| / true.
    """

    pairs: int
    limits: Limits
    mean_absolute_error: float
    root_mean_square_error: float
    relative_error: float


def compare_sizes(found: ArrayLike, truth: ArrayLike) -> SizeComparison:
    """Compare the diameters found (n,) with the true ones (m,), all objects, matched or not.

    Raises InputError where a diameter is not a number.
    """
    ours, theirs = _checked(found, "found"), _checked(truth, "true")
    if not ours.size or not theirs.size:
        return SizeComparison(ours.size, theirs.size, *[math.nan] * 5)
    bias = float(ours.mean() - theirs.mean())
    return SizeComparison(
        found=ours.size,
        truth=theirs.size,
        mean_bias=bias,
        relative_mean_bias=float(ratio(bias, theirs.mean())),
        median_bias=float(np.median(ours) - np.median(theirs)),
        wasserstein=wasserstein(ours, theirs),
        kolmogorov_smirnov=kolmogorov_smirnov(ours, theirs),
    )


def compare_pairs(found: ArrayLike, truth: ArrayLike) -> PairedSizes:
    """Compare the diameters of matched objects, found and true, (k,) each, in the same order.

    Objects that were missed or invented do not appear here. Raises InputError where the two differ in length, or a
    diameter is not a number.
    """
    ours, theirs = _checked(found, "found"), _checked(truth, "true")
    if ours.size != theirs.size:
        raise InputError(
            f"pairs of diameters need two lists of one length, found {ours.size} and {theirs.size}"
        )
    errors = ours - theirs
    return PairedSizes(
        pairs=errors.size,
        limits=limits_of_agreement(errors),
        mean_absolute_error=_mean(np.abs(errors)),
        root_mean_square_error=math.sqrt(_mean(errors**2)),
        relative_error=_mean(ratio(np.abs(errors), theirs)),
    )


def wasserstein(first: ArrayLike, second: ArrayLike) -> float:
    """Give the Wasserstein distance (earth mover's) of two samples, (n,) and (m,), in their unit; nan if one is empty.

    The area between the two cumulative distributions. Source: Vallender 1974.
    """
    one, two = _checked(first, "first"), _checked(second, "second")
    if not one.size or not two.size:
        return math.nan
    values, apart = _cumulative_difference(one, two)
    return float((np.abs(apart[:-1]) * np.diff(values)).sum())


def kolmogorov_smirnov(first: ArrayLike, second: ArrayLike) -> float:
    """Give the statistic of Kolmogorov and Smirnov of two samples, (n,) and (m,); nan if one is empty.

    The greatest difference between the two cumulative distributions. No p-value: objects of one image are not
    independent of each other.
    """
    one, two = _checked(first, "first"), _checked(second, "second")
    if not one.size or not two.size:
        return math.nan
    return float(np.abs(_cumulative_difference(one, two)[1]).max())


def _cumulative_difference(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All values, rising, and at each the difference of the two cumulative distributions."""
    values = np.sort(np.concatenate([first, second]))
    parts = [
        np.searchsorted(np.sort(sample), values, side="right") / sample.size for sample in (first, second)
    ]
    return values, parts[0] - parts[1]


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan


def _checked(sizes: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(sizes, dtype=np.float64).reshape(-1)
    if not np.isfinite(values).all():
        raise InputError(f"some of the {name} sizes are not numbers; leave those objects out")
    return values
