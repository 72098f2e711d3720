"""The variance of a mean over crossed images and seeds, estimated from mean squares.

d (images, seeds) and groups (images,) are as in motes.study.statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

FEWEST_GROUPS = 3  # two groups say next to nothing of other groups: they are fixed
CAUTION = 0.75  # of 0.5 to 0.95, what brings the coverage of benchmarks/interval_coverage.py closest to 95 %


@dataclass(frozen=True)
class Variance:
    """An estimated variance and its degrees of freedom."""

    value: float
    freedom: float


@dataclass(frozen=True)
class Sources:
    """The variance of the mean as seen from each side.

    units: from the spread between groups, or between the images of fixed groups; None where one of these has one image.
    seeds: from the spread between seeds. rest: from what neither explains, and both contain. None with one seed.
    """

    units: Variance | None
    seeds: Variance | None
    rest: Variance | None


@dataclass(frozen=True)
class TrainingSpread:
    """Standard deviations of what trainings reach, in the unit of the metric; nan where they cannot be had.

    samples: between disjoint samples of training images, beyond what seeds explain; with one seed the seeds are in it.
    seeds: between seeds on one sample. tables: how many it is averaged over.
    """

    samples: float
    seeds: float
    tables: int


def training_spread(tables: Sequence[NDArray[np.float64]]) -> TrainingSpread:
    """Estimate from tables (samples, seeds) of means over the test images how much trainings differ.

    Mean squares of seeds nested in samples, averaged over the tables; tables with missing values are left out. What
    comes out negative is 0. Source: Searle, Casella and McCulloch 1992, chapter 4.
    """
    whole = [table for table in tables if table.size and not np.isnan(table).any()]
    if not whole:
        return TrainingSpread(float("nan"), float("nan"), 0)
    samples, seeds = whole[0].shape
    of_seeds = of_samples = float("nan")
    if seeds > 1:
        of_seeds = float(np.mean([table.var(axis=1, ddof=1).mean() for table in whole]))
    if samples > 1:
        of_samples = float(np.mean([table.mean(axis=1).var(ddof=1) for table in whole]))
        of_samples -= np.nan_to_num(of_seeds) / seeds
    found = np.sqrt(np.maximum([of_samples, of_seeds], 0))
    return TrainingSpread(float(found[0]), float(found[1]), len(whole))


def complete(d: NDArray[np.float64], groups: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Leave out the seeds that are missing for every image, then the images that miss any other seed.

    Returns what is left of d, and the number of each image's group (images left,), counted from 0 without a gap.
    """
    trained = d[:, ~np.isnan(d).all(axis=0)]
    whole = ~np.isnan(trained).any(axis=1)
    return trained[whole], np.unique(np.asarray(groups)[whole], return_inverse=True)[1]


def fixed(numbers: NDArray[np.intp]) -> bool:
    """Whether the groups, numbered from 0, are too few to be a sample of groups."""
    return bool(numbers.max() + 1 < FEWEST_GROUPS)


def by_group(d: NDArray[np.float64], numbers: NDArray[np.intp]) -> list[NDArray[np.float64]]:
    """Part d by group: (images of the group, seeds) each."""
    return [d[numbers == group] for group in range(numbers.max() + 1)]


def group_means(d: NDArray[np.float64], numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Average d over the images of each group, to (groups, seeds)."""
    return np.stack([table.mean(axis=0) for table in by_group(d, numbers)])


def sources_of_rows(table: NDArray[np.float64]) -> Sources:
    """Give the sources for the mean of a table (rows, seeds) of at least two rows, both of them samples.

    The rows are the means of random groups, which hold all that images and the rest add, or the images of one group.
    """
    rows, seeds = table.shape
    units = Variance(float(table.mean(axis=1).var(ddof=1)) / rows, rows - 1)
    if seeds == 1:
        return Sources(units, None, None)
    freedom = (rows - 1) * (seeds - 1)
    rest = float(np.sum(unexplained(table) ** 2)) / freedom
    return Sources(units, seen_from_seeds(table), Variance(rest / table.size, freedom))


def unexplained(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the means of the rows and columns of a table do not explain, in its shape."""
    left: NDArray[np.float64] = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    return left


def sources_of(d: NDArray[np.float64], numbers: NDArray[np.intp]) -> Sources:
    """Give the sources for the mean of d: of random groups by their means, of fixed ones image by image."""
    return sources_in_groups(d, numbers) if fixed(numbers) else sources_of_rows(group_means(d, numbers))


def sources_in_samples(parts: Sequence[NDArray[np.float64]], numbers: NDArray[np.intp]) -> Sources:
    """Give the sources for the mean over fixed samples of training images, each part (images, its own seeds).

    Units are the same in all samples, and are seen from their means over these; seeds differ from sample to sample, and
    are seen in each. A sample with one seed tells nothing of seeds.
    """
    means = np.mean([part.mean(axis=1) for part in parts], axis=0)[:, None]
    within = [sources_of(part, numbers) for part in parts]
    seeds, rests = (
        [each for each in found if each] for found in zip(*((s.seeds, s.rest) for s in within), strict=True)
    )
    units = sources_of(means, numbers).units
    if not seeds or not rests:
        return Sources(units, None, None)
    return Sources(units, *(shrunk(of_the_mean(some), len(some) / len(parts)) for some in (seeds, rests)))


def shrunk(variance: Variance, times: float) -> Variance:
    """Give a variance so many times as large."""
    return Variance(times * variance.value, variance.freedom)


def sources_in_groups(d: NDArray[np.float64], numbers: NDArray[np.intp]) -> Sources:
    """Give the sources for the mean of fixed groups, each with its own spread of images and rest."""
    tables = by_group(d, numbers)
    if any(len(table) < 2 for table in tables):
        return Sources(None, None, None)
    within = [sources_of_rows(table) for table in tables]
    units = of_the_mean([part.units for part in within if part.units])
    if d.shape[1] == 1:
        return Sources(units, None, None)
    rest = of_the_mean([part.rest for part in within if part.rest])
    return Sources(units, seen_from_seeds(group_means(d, numbers)), rest)


def seen_from_seeds(table: NDArray[np.float64]) -> Variance:
    """Give the variance of the mean of a table (rows, seeds) from the spread between its seeds."""
    seeds = table.shape[1]
    return Variance(float(table.mean(axis=0).var(ddof=1)) / seeds, seeds - 1)


def of_the_mean(parts: Sequence[Variance]) -> Variance:
    """Give the variance of the mean of independent values from the variance of each."""
    total = sum(part.value for part in parts)
    return Variance(total / len(parts) ** 2, satterthwaite(total, parts))


def variance_of_mean(sources: Sources) -> Variance:
    """Join the sources to one variance; nan where there are no units.

    A side that shows no more than the rest has no spread of its own: it is pooled with the rest, or left to the other
    side (as restricted maximum likelihood does; Thompson 1962). Two sides that show more add up, less the rest that
    both contain. Their degrees of freedom are Satterthwaite's, with each side at its upper limit: three seeds often
    show far less than their true spread, and would then be taken for less important than they are.
    """
    if sources.units is None:
        return Variance(float("nan"), float("nan"))
    if sources.seeds is None or sources.rest is None:
        return sources.units
    sides = [sources.units, sources.seeds]
    shown = [side for side in sides if side.value > sources.rest.value]
    if not shown:
        return pooled([*sides, sources.rest])
    if len(shown) == 1:
        return shown[0]
    limits = [upper_limit(side) for side in sides]
    freedom = satterthwaite(sum(side.value for side in limits) - sources.rest.value, limits)
    return Variance(sum(side.value for side in sides) - sources.rest.value, freedom)


def upper_limit(variance: Variance) -> Variance:
    """Give the value that the true variance is below with a probability of CAUTION."""
    quantile = float(stats.chi2.ppf(1 - CAUTION, variance.freedom))
    return Variance(variance.value * variance.freedom / quantile, variance.freedom)


def satterthwaite(total: float, parts: Sequence[Variance]) -> float:
    """Give the degrees of freedom of a total of variances. Source: Satterthwaite 1946."""
    if total == 0:
        return sum(part.freedom for part in parts)
    return 1 / sum((part.value / total) ** 2 / part.freedom for part in parts)


def pooled(parts: Sequence[Variance]) -> Variance:
    """Average variances that are of the same size, by their degrees of freedom."""
    freedom = sum(part.freedom for part in parts)
    return Variance(sum(part.value * part.freedom for part in parts) / freedom, freedom)
