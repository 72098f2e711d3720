"""What a planned study could find: the spread seen in a pilot, and the smallest difference that would show.

d (images, seeds) and groups (images,) are as in motes.study.statistics.
"""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from motes.errors import InputError
from motes.study.statistics import LEVEL, half_width
from motes.study.variance import (
    FEWEST_GROUPS,
    Sources,
    Variance,
    by_group,
    complete,
    group_means,
    unexplained,
    variance_of_mean,
)

IMAGINED = 2000  # analyses of a planned study: its power is known to about 0.01


@dataclass(frozen=True)
class Spread:
    """Standard deviations of what makes differences vary, in the unit of the metric; nan where a pilot cannot tell.

    What cannot be told apart is in the coarser one: with one image in each group, images are in groups, and the
    rest in groups_by_seeds; with one group, groups_by_seeds is in seeds; with one seed, it is in groups, and the rest
    in images.
    """

    groups: float
    images: float
    seeds: float
    groups_by_seeds: float
    rest: float


def spread(d: NDArray[np.float64], groups: ArrayLike) -> Spread:
    """Estimate the components from mean squares; those that come out negative are 0.

    Groups of unequal size enter by their means. Missing values are left out as `complete` says.
    Source: Searle, Casella and McCulloch 1992, chapter 4; Yates 1934 for the means of unequal groups.
    """
    kept, numbers = complete(d, groups)
    if kept.size == 0:
        return Spread(*[float("nan")] * 5)
    images, rest = components_within(by_group(kept, numbers))
    of_groups, seeds, cells = components(group_means(kept, numbers))
    left = np.mean(1 / np.bincount(numbers))  # of images and rest, in the means of groups
    of_groups -= np.nan_to_num(images) * left
    if numbers.max() == 0:
        seeds -= np.nan_to_num(rest) * left
    cells -= np.nan_to_num(rest) * left
    return Spread(*np.sqrt(np.maximum([of_groups, images, seeds, cells, rest], 0)).tolist())


def components(table: NDArray[np.float64]) -> tuple[float, float, float]:
    """Give the variances of rows, columns and the rest of a table (rows, columns); nan where there is one only."""
    rows, columns = table.shape
    of_rows = of_columns = rest = float("nan")
    if rows > 1 and columns > 1:
        rest = float(np.sum(unexplained(table) ** 2)) / ((rows - 1) * (columns - 1))
    if rows > 1:
        of_rows = float(table.mean(axis=1).var(ddof=1) - np.nan_to_num(rest) / columns)
    if columns > 1:
        of_columns = float(table.mean(axis=0).var(ddof=1) - np.nan_to_num(rest) / rows)
    return of_rows, of_columns, rest


def components_within(tables: list[NDArray[np.float64]]) -> tuple[float, float]:
    """Give the variances of images and the rest in groups of (images, seeds), averaged by degrees of freedom."""
    several = [table for table in tables if len(table) > 1]
    if not several:
        return float("nan"), float("nan")
    found = np.array([components(table) for table in several])
    images, _, rest = np.average(found, axis=0, weights=[len(table) - 1 for table in several])
    return float(images), float(rest)


def detectable(spread: Spread, groups: int, images_per_group: int, seeds: int, power: float = 0.8) -> float:
    """Give the smallest true difference that the test of `estimate` finds with that power, in the unit of the metric.

    Fewer than FEWEST_GROUPS groups are fixed. Many analyses of such a study are imagined, with mean squares drawn
    from the chi-square distributions of the model. nan where the pilot does not know a spread that matters, and for
    plans that allow no interval: one seed, or fixed groups of one image. Raises InputError for a power outside of
    0.05 to 1.
    """
    if not 1 - LEVEL < power < 1:
        raise InputError(
            f"a power of {power} was asked for; give one above {1 - LEVEL:.2f} and below 1, as 0.8"
        )
    planned = planned_sources(spread, groups, images_per_group, seeds)
    if planned.units is None or planned.seeds is None or planned.rest is None:
        return float("nan")
    error = np.sqrt(planned.units.value + planned.seeds.value - planned.rest.value)
    if np.isnan(error) or error == 0:
        return float(error)
    halves = half_widths(planned.units, planned.seeds, planned.rest)

    def excess_power(difference: float) -> float:
        found = stats.norm.cdf((difference - halves) / error) + stats.norm.cdf((-difference - halves) / error)
        return float(found.mean()) - power

    return float(optimize.brentq(excess_power, 0, halves.max() + 10 * error))


def planned_sources(spread: Spread, groups: int, images: int, seeds: int) -> Sources:
    """Give the true variances of the mean in a planned study, as seen from each side."""
    of_groups, of_images, of_seeds, of_cells, of_rest = np.square(astuple(spread))
    fixed = groups < FEWEST_GROUPS
    freedom = groups * (images - 1) if fixed else groups - 1
    if min(freedom, images, seeds - 1) < 1:
        return Sources(None, None, None)
    # what the pilot does not know of cells and rest, and of images in random groups, is in a coarser component
    rest = np.nan_to_num(of_rest) / (groups * images * seeds)
    cells = np.nan_to_num(of_cells) / (groups * seeds)
    if fixed:
        units, both = of_images / (groups * images), rest
    else:
        units, both = of_groups / groups + np.nan_to_num(of_images) / (groups * images), rest + cells
    return Sources(
        Variance(float(units + both), freedom),
        Variance(float(of_seeds / seeds + cells + rest), seeds - 1),
        Variance(float(both), freedom * (seeds - 1)),
    )


def half_widths(*sides: Variance) -> NDArray[np.float64]:
    """Draw mean squares around the true variances; half the width of the interval from each, (IMAGINED,)."""
    random = np.random.default_rng(0)
    drawn = [side.value * random.chisquare(side.freedom, IMAGINED) / side.freedom for side in sides]
    halves = []
    for values in zip(*drawn, strict=True):
        seen = [Variance(value, side.freedom) for value, side in zip(values, sides, strict=True)]
        halves.append(half_width(variance_of_mean(Sources(*seen))))
    return np.array(halves)
