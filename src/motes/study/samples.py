"""Samples: disjoint draws of what is trained on, with one test set. What every net reached, by image, sample and seed.

A sample is a fold, whose trainings have seeds of their own. FEWEST_SAMPLES samples or more are a sample of samples:
their means over seeds are the repeats. Fewer are fixed, and the seeds within each are the repeats. With one seed the
samples are the repeats whatever their number, since nothing else says how much another training would differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.study.variance import FEWEST_GROUPS

FEWEST_SAMPLES = FEWEST_GROUPS  # as of groups, two say next to nothing of others

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """A test image in a fold."""

    fold: int
    group: str
    name: str


@dataclass(frozen=True)
class Repeats:
    """Values as the statistics take them.

    values: (images, repeats), nan where missing. groups: (images,). samples, seeds: how many have a value. words: what
    is to be said of them; empty without samples. sample_of: (repeats,) the sample of each, where samples are fixed.
    """

    values: Values
    groups: NDArray[np.str_]
    samples: int
    seeds: int
    words: str = ""
    sample_of: NDArray[np.intp] | None = None

    @property
    def averaged(self) -> Values:
        """Values (images, seeds), of fixed samples their mean seed by seed."""
        if self.sample_of is None:
            return self.values
        table = self.values.reshape(len(self.values), len(np.unique(self.sample_of)), -1)
        return np.asarray(table.mean(axis=1))


def distinct(places: Sequence[Place]) -> list[tuple[str, str]]:
    """Group and name of each test image once, in the order of first appearance."""
    return list(dict.fromkeys((place.group, place.name) for place in places))


def by_sample(values: Values, places: Sequence[Place], samples: int) -> Values:
    """Values (places, seeds) as (images, samples, seeds), the images as in `distinct`; nan where missing."""
    row_of = {image: row for row, image in enumerate(distinct(places))}
    table = np.full((len(row_of), samples, values.shape[1]), np.nan)
    for place, line in zip(places, values, strict=True):
        table[row_of[place.group, place.name], place.fold] = line
    return table


def repeats_of(values: Values, places: Sequence[Place], samples: int) -> Repeats:
    """Values (places, seeds) of one study as repeats; samples: 1 where the folds are none, and each place counts."""
    trained = int((~np.isnan(values)).any(axis=0).sum())
    if samples == 1:
        return Repeats(values, _groups([place.group for place in places]), 1, trained)
    table = by_sample(values, places, samples)
    groups = _groups([group for group, _ in distinct(places)])
    there = (~np.isnan(table)).any(axis=(0, 2))
    count = int(there.sum())
    if samples >= FEWEST_SAMPLES or values.shape[1] == 1:
        words = "trainings on other samples are the repeats"
        return Repeats(_over_seeds(table), groups, count, trained, words)
    words = "it speaks of these samples only"
    if 0 < count < samples:
        words += f"; {samples - count} of {samples} samples left out for missing values"
    kept = table[:, there] if count else table
    sample_of = np.repeat(np.arange(kept.shape[1]), kept.shape[2])
    return Repeats(kept.reshape(len(kept), -1), groups, count, trained, words, sample_of)


def repeats_planned(samples: int, seeds: int) -> int:
    """How many repeats a study of so many samples and seeds has, by the same rule."""
    return samples if samples >= FEWEST_SAMPLES or (samples > 1 and seeds == 1) else seeds


def _over_seeds(table: Values) -> Values:
    """The mean over the seeds that a sample was trained with, (images, samples); nan where an image misses one."""
    means = np.full(table.shape[:2], np.nan)
    for sample in range(table.shape[1]):
        trained = table[:, sample][:, ~np.isnan(table[:, sample]).all(axis=0)]
        if trained.shape[1]:
            means[:, sample] = trained.mean(axis=1)
    return means


def _groups(names: Sequence[str]) -> NDArray[np.str_]:
    return np.array(names, dtype=np.str_)
