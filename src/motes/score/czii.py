"""The official metric of the CZII challenge for picks in tomograms, number for number.

Source: https://www.kaggle.com/code/metric/czi-cryoet-84969, after cellcanvas/album-catalog
`solutions/copick/compare-picks/solution.py`. It is not a one-to-one matching: a true particle is found where any
pick of its type is near, and false positives are the picks less the particles found. So a pick between two
particles finds both, and then precision and F exceed 1. The strict scores (scores.py) have no such cases.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial import KDTree

from motes.errors import PicksError, did_you_mean
from motes.score.metrics import Counts
from motes.score.statistics import percentile_interval, resample_images

Points = Mapping[str, NDArray[np.float64]]


class CziiParticle(BaseModel):
    """One type of particle in the challenge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    radius: float = Field(gt=0, description="A")
    weight: float = Field(ge=0, description="how much it counts in the score")


def _official() -> dict[str, CziiParticle]:
    table = {
        "apo-ferritin": (60, 1),
        "beta-amylase": (65, 0),
        "beta-galactosidase": (90, 2),
        "ribosome": (150, 1),
        "thyroglobulin": (130, 2),
        "virus-like-particle": (135, 1),
    }
    return {name: CziiParticle(radius=radius, weight=weight) for name, (radius, weight) in table.items()}


class CziiRules(BaseModel):
    """What the metric takes as given; the defaults are those of the challenge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: dict[str, CziiParticle] = Field(default_factory=_official, min_length=1)
    distance_multiplier: float = Field(0.5, gt=0, description="a pick may be so many radii away")
    beta: float = Field(4.0, gt=0, description="recall weighs so many times as much as precision")

    def radius(self, name: str) -> float:
        """How near a pick of a type must be, A, inclusive."""
        return self.particles[name].radius * self.distance_multiplier

    def check(self, names: Iterable[str], what: str) -> None:
        """Raise PicksError for a type that the challenge does not have."""
        for name in names:
            if name not in self.particles:
                raise PicksError(
                    f"{what} have particles of type {name!r}, which the metric does not know."
                    f"{did_you_mean(name, self.particles)}"
                )


@dataclass(frozen=True)
class CziiScore:
    """The official score with its parts.

    experiments: the tomograms that count, those with any true particle. counts: by type, of those in the truth,
    all tomograms together; false positives may be fewer than none. low, high: by name, score among them, ends of
    the 95 % interval over tomograms, nan for a single one.
    """

    rules: CziiRules
    experiments: tuple[str, ...]
    counts: Mapping[str, Counts]
    intervals: Mapping[str, tuple[float, float]]

    @property
    def score(self) -> float:
        """The weighted mean of F; a type that the truth lacks counts as 0, with its weight."""
        return _weighted({name: self.f(name) for name in self.counts}, self.rules)

    def precision(self, name: str) -> float:
        """Of one type; 0 without picks."""
        counts = self.counts[name]
        return _share(counts.true_positives, counts.true_positives + counts.false_positives)

    def recall(self, name: str) -> float:
        """Of one type."""
        counts = self.counts[name]
        return _share(counts.true_positives, counts.true_positives + counts.false_negatives)

    def f(self, name: str) -> float:
        """F of one type, from 0 to a little more than 1."""
        return _f(self.precision(name), self.recall(name), self.rules.beta)

    def as_dict(self) -> dict[str, float | None]:
        """Give one flat dictionary for JSON: score, czii_f4_<type> with _low and _high, then the counts."""
        flat: dict[str, float | None] = {"score": self.score}
        flat |= _ends("score", self.intervals["score"])
        for name, counts in self.counts.items():
            key = f"czii_f{self.rules.beta:g}_{name}"
            flat |= {key: self.f(name), **_ends(key, self.intervals[name])}
            flat |= {
                f"czii_precision_{name}": self.precision(name),
                f"czii_recall_{name}": self.recall(name),
                f"czii_true_positives_{name}": counts.true_positives,
                f"czii_false_positives_{name}": counts.false_positives,
                f"czii_false_negatives_{name}": counts.false_negatives,
            }
        return {**flat, "czii_tomograms": len(self.experiments)}


def czii_score(
    picks: Mapping[str, Points],
    truth: Mapping[str, Points],
    rules: CziiRules | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> CziiScore:
    """Score picks as the challenge does.

    picks, truth: by tomogram and type, (n, 3) centres in A, z, y, x. Tomograms without a true particle do not
    count, nor do picks of a type that the truth nowhere has. bootstrap: resamples of the tomograms for the
    intervals, none for fewer than two.

    Raises PicksError for unknown types, for identical true centres in one tomogram, and without any truth.
    """
    rules = rules or CziiRules()
    experiments = tuple(name for name, points in truth.items() if any(map(len, points.values())))
    if not experiments:
        raise PicksError("there is no truth to score against: no tomogram has a particle")
    kept = {name: picks.get(name, {}) for name in experiments}
    _check(kept, {name: truth[name] for name in experiments}, rules)
    types = list(dict.fromkeys(t for name in experiments for t, found in truth[name].items() if len(found)))
    table = np.array(
        [
            [_count(kept[name].get(t), truth[name].get(t), rules.radius(t)) for t in types]
            for name in experiments
        ]
    )
    totals = {t: Counts(*map(int, table[:, column].sum(axis=0))) for column, t in enumerate(types)}
    draws = resample_images(len(experiments), bootstrap if len(experiments) > 1 else 0, seed)
    return CziiScore(rules, experiments, totals, _intervals(draws, table, types, rules))


def _check(picks: Mapping[str, Points], truth: Mapping[str, Points], rules: CziiRules) -> None:
    for what, tables in (("picks", picks), ("truth", truth)):
        rules.check(dict.fromkeys(t for points in tables.values() for t in points), what)
    for name, points in truth.items():
        joined = np.concatenate([np.zeros((0, 3)), *(found for found in points.values() if len(found))])
        unique, times = np.unique(joined, axis=0, return_counts=True)
        if len(unique) < len(joined):
            z, y, x = unique[times > 1][0]
            raise PicksError(
                f"{name}: the truth has two particles at x {x:g}, y {y:g}, z {z:g} A, which the official metric "
                "refuses; remove one of them"
            )


def _count(
    picks: NDArray[np.float64] | None, truth: NDArray[np.float64] | None, radius: float
) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of one type in one tomogram."""
    if picks is None or truth is None or not len(picks) or not len(truth):
        return 0, 0 if picks is None else len(picks), 0 if truth is None else len(truth)
    # In the same order of axes and by the same trees as the official code, so that not even rounding differs.
    near = KDTree(picks[:, ::-1]).query_ball_tree(KDTree(truth[:, ::-1]), r=radius)
    hit = len({index for indices in near for index in indices})
    return hit, len(picks) - hit, len(truth) - hit


def _share(part: int, whole: int) -> float:
    return part / whole if whole > 0 else 0.0


def _f(precision: float, recall: float, beta: float) -> float:
    if precision + recall <= 0:
        return 0.0
    return (1 + beta**2) * (precision * recall) / (beta**2 * precision + recall)


def _weighted(f: Mapping[str, float], rules: CziiRules) -> float:
    """The sum of weight times F over the weights of all types, added up in the order of the official code."""
    total = 0.0
    for name, value in f.items():
        total += value * rules.particles[name].weight
    return total / sum(particle.weight for particle in rules.particles.values())


def _intervals(
    draws: NDArray[np.float64], table: NDArray[np.int64], types: Sequence[str], rules: CziiRules
) -> dict[str, tuple[float, float]]:
    """The interval of each F and of the score; draws: (resamples, tomograms), table: (tomograms, types, 3).

    A type that a resample lacks counts as 0, as it does in the score.
    """
    found, wrong, missed = np.moveaxis(np.tensordot(draws, table.astype(np.float64), axes=1), 2, 0)
    square = rules.beta**2
    # precision and recall multiplied out; where picks are missing, nothing is found
    below = found + wrong + square * (found + missed)
    f = np.divide((1 + square) * found, below, out=np.zeros_like(found), where=found > 0)
    weights = np.array([rules.particles[name].weight for name in types])
    scores = f @ weights / sum(particle.weight for particle in rules.particles.values())
    values = {"score": scores, **{name: f[:, column] for column, name in enumerate(types)}}
    return {name: percentile_interval(column) for name, column in values.items()}


def _ends(key: str, interval: tuple[float, float]) -> dict[str, float | None]:
    low, high = (None if value != value else value for value in interval)
    return {f"{key}_low": low, f"{key}_high": high}
