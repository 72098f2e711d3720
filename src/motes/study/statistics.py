"""What a study may conclude: a mean difference with its interval and test, when images, groups and seeds are samples.

Throughout, d is (images, seeds), one difference for each test image and each seed of training, nan where missing, and
groups is (images,), the label of the group (the protein, the entry) that each image belongs to.
The model: d = mean + group + image in its group + seed + group x seed + rest; all images meet the same seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from motes.study.variance import (
    Sources,
    Variance,
    complete,
    fixed,
    group_means,
    sources_in_samples,
    sources_of,
    variance_of_mean,
)

LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    """A mean difference with its 95 % interval and test, in the unit of the metric; nan where they cannot be had.

    p: two-sided, of no difference. degrees_of_freedom: of the t distribution. method: words for a report, with what
    was left out and what the interval does not cover. groups, images, seeds: how many were used. groups_fixed: the
    result speaks of these groups only.
    """

    value: float
    low: float
    high: float
    p: float
    standard_error: float
    degrees_of_freedom: float
    method: str
    groups: int
    images: int
    seeds: int
    groups_fixed: bool


@dataclass(frozen=True)
class Tested:
    """A two-sided p of no difference, nan where it cannot be had, and how many images it is from."""

    p: float
    n: int


def estimate(d: NDArray[np.float64], groups: ArrayLike, samples: ArrayLike | None = None) -> Effect:
    """Estimate the mean difference: the mean over the images of a group, then over groups with equal weight.

    Interval and test are of the t distribution. FEWEST_GROUPS groups or more are a sample of groups; fewer are fixed,
    and only images and seeds are samples. samples: (seeds,), where nets were trained on several fixed samples of images
    the sample of each column, which has seeds of its own; the mean is over samples with equal weight. Missing values
    are left out as `complete` says. How often the interval holds the true mean is measured by
    benchmarks/interval_coverage.py.
    """
    kept, numbers = complete(d, groups)
    if kept.size == 0:
        return no_values()
    parts = _parts(d, kept, samples)
    table = np.mean([group_means(part, numbers).mean(axis=1) for part in parts], axis=0)
    sources = sources_of(kept, numbers) if samples is None else sources_in_samples(parts, numbers)
    variance = variance_of_mean(sources)
    value, error, half = float(table.mean()), float(np.sqrt(variance.value)), half_width(variance)
    return Effect(
        value,
        value - half,
        value + half,
        p_value(value, error, variance.freedom),
        error,
        variance.freedom,
        "; ".join([*method_words(sources, fixed(numbers)), *left_out(d.shape, kept.shape)]),
        len(table),
        kept.shape[0],
        kept.shape[1],
        fixed(numbers),
    )


def _parts(
    d: NDArray[np.float64], kept: NDArray[np.float64], samples: ArrayLike | None
) -> list[NDArray[np.float64]]:
    """The columns that are left of d, by sample."""
    if samples is None:
        return [kept]
    left = np.asarray(samples)[~np.isnan(d).all(axis=0)]
    return [kept[:, left == sample] for sample in np.unique(left)]


def half_width(variance: Variance) -> float:
    """Give half the width of the t interval."""
    return float(special.stdtrit(variance.freedom, (1 + LEVEL) / 2) * np.sqrt(variance.value))


def no_values() -> Effect:
    """Give the effect of which nothing is known."""
    unknown = float("nan")
    words = "no interval: no values"
    return Effect(unknown, unknown, unknown, unknown, unknown, unknown, words, 0, 0, 0, True)


def p_value(value: float, error: float, freedom: float) -> float:
    """Two-sided p of no difference by the t test; where nothing varies: 1 for no difference, else 0."""
    if error == 0:
        return float(value == 0)
    return float(2 * stats.t.sf(abs(value) / error, freedom))


def method_words(sources: Sources, groups_fixed: bool) -> list[str]:
    """Say what the interval is and what it does not cover."""
    if sources.units is None:
        return ["no interval: a group has one image only"]
    words = [
        "t interval",
        "it speaks of these groups only" if groups_fixed else "groups are taken as a sample",
    ]
    return words if sources.seeds else [*words, "one seed, so it says nothing of other seeds"]


def left_out(given: tuple[int, ...], used: tuple[int, ...]) -> list[str]:
    """Say how many images and seeds were left out; given and used: (images, seeds)."""
    return [
        f"{all_of_them - some} of {all_of_them} {what} left out for missing values"
        for what, all_of_them, some in zip(("images", "seeds"), given, used, strict=True)
        if some < all_of_them
    ]


def in_words(effect: Effect) -> str:
    """Say what the interval allows: higher, lower, or neither."""
    if np.isnan(effect.low):
        return "no interval, so nothing can be said"
    if effect.low <= 0 <= effect.high:
        return "not distinguishable from no difference"
    return "higher" if effect.value > 0 else "lower"


def paired_t(d: NDArray[np.float64], groups: ArrayLike) -> Tested:
    """The paired t test on the images' differences, averaged over seeds.

    It treats images as independent and seeds as fixed, so p is too small where images of a group are alike or seeds
    differ: it stands in a report for comparison. n < 2: p is nan.
    """
    means = image_means(d, groups)
    if len(means) < 2:
        return Tested(float("nan"), len(means))
    error = float(means.std(ddof=1) / np.sqrt(len(means)))
    return Tested(p_value(float(means.mean()), error, len(means) - 1), len(means))


def wilcoxon(d: NDArray[np.float64], groups: ArrayLike) -> Tested:
    """The signed-rank test of Wilcoxon (1945) on the images' differences, averaged over seeds.

    It treats images as independent and seeds as fixed, as `paired_t` does. Images without a difference are left out,
    as he did, but counted in n; where none differs, p is 1. n < 2: p is nan.
    """
    means = image_means(d, groups)
    if len(means) < 2:
        return Tested(float("nan"), len(means))
    changed = means[means != 0]
    return Tested(float(stats.wilcoxon(changed).pvalue) if changed.size else 1.0, len(means))


def image_means(d: NDArray[np.float64], groups: ArrayLike) -> NDArray[np.float64]:
    """Average d over seeds, (images left,); missing values are left out as `complete` says."""
    kept, _ = complete(d, groups)
    return kept.mean(axis=1) if kept.size else np.zeros(0)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p values (tests,) for their number; those that are nan stay nan and do not count. Source: Holm 1979."""
    given = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    rising = known[np.argsort(given[known], kind="stable")]
    still_tested = np.arange(len(rising), 0, -1)
    adjusted[rising] = np.minimum(1, np.maximum.accumulate(given[rising] * still_tested))
    return adjusted
