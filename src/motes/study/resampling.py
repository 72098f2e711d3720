"""The hierarchical bootstrap: what a mean difference would have been with other groups, images and seeds.

d (images, seeds) and groups (images,) are as in motes.study.statistics.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.score.statistics import CELLS_AT_ONCE
from motes.study.variance import complete, fixed


def hierarchical_bootstrap(
    d: NDArray[np.float64], groups: ArrayLike, resamples: int = 2000, seed: int = 0
) -> NDArray[np.float64]:
    """Draw groups, images within each drawn group, and seeds, all with replacement; the mean of each, (resamples,).

    A resample has one draw of seeds for all its images. Fewer than FEWEST_GROUPS groups are fixed: they are not drawn.
    Missing values are left out as `complete` says; nan where nothing is left, or a fixed group has one image.
    percentile_interval makes an interval of the means, to stand beside that of `estimate` and never in its place:
    benchmarks/interval_coverage.py finds it too narrow where groups or seeds are few, no better where they are many.
    Source: Davison and Hinkley 1997, section 3.8, for nested samples; Owen 2007 for crossed ones.
    """
    kept, numbers = complete(d, groups)
    if kept.size == 0 or (fixed(numbers) and np.bincount(numbers).min() < 2):
        return np.full(resamples, np.nan)
    random = np.random.default_rng(seed)
    rows = max(1, CELLS_AT_ONCE // len(kept))
    blocks = [min(rows, resamples - first) for first in range(0, resamples, rows)]
    return np.concatenate(
        [
            resampled_means(
                kept, image_weights(numbers, block, random), seed_weights(kept.shape[1], block, random)
            )
            for block in blocks
        ]
    )


def image_weights(
    numbers: NDArray[np.intp], resamples: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Draw groups, then images within each; the weight of each image in the mean, (resamples, images).

    numbers: (images,) the number of each image's group. All groups have the same weight; of a group as many images are
    drawn as it has, anew each time that the group is drawn.
    """
    sizes = np.bincount(numbers)
    if fixed(numbers):
        times = np.ones((resamples, len(sizes)), dtype=np.int64)
    else:
        times = random.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=resamples)
    weights = np.empty((resamples, len(numbers)))
    for group, size in enumerate(sizes):
        drawn = random.multinomial(times[:, group] * size, np.full(size, 1 / size))
        weights[:, numbers == group] = drawn / (size * len(sizes))
    return weights


def seed_weights(seeds: int, resamples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw as many seeds as there are; the weight of each in the mean, (resamples, seeds)."""
    return random.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds


def resampled_means(
    d: NDArray[np.float64], images: NDArray[np.float64], seeds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average d (images, seeds) with the weights of each resample, (resamples, images) and (resamples, seeds)."""
    means: NDArray[np.float64] = ((images @ d) * seeds).sum(axis=1)
    return means
