"""Scores of several classes together, weighed as the challenge for tomograms does: strict, and in its own way."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.picks import Picks
from motes.score.czii import CziiParticle, CziiRules, CziiScore, czii_score
from motes.score.matching import match, nothing_ignored
from motes.score.metrics import Counts, count, f_beta, ratio

Weights = Mapping[str, float]

BETA = CziiRules().beta
REACH = (
    CziiRules().distance_multiplier / 2
)  # diameters from a particle's centre, within which a pick is right
NOTHING = Counts(0, 0, 0)


@dataclass(frozen=True)
class ClassCounts:
    """One class in one image, or in several together.

    strict: picks and particles paired one to one. official: as the challenge counts (motes.score.czii).
    """

    strict: Counts = NOTHING
    official: Counts = NOTHING


def class_counts(picks: Picks, truth: Picks, diameter: float, counts_officially: bool = True) -> ClassCounts:
    """Count one class in one image; picks and truth (n, ndim) and the diameter in the same pixels.

    counts_officially: the challenge leaves out images without a particle of any class.
    """
    strict = count(match(picks, truth, REACH * diameter), nothing_ignored(picks, truth))
    return ClassCounts(strict, _official(picks, truth, diameter) if counts_officially else NOTHING)


def _official(picks: Picks, truth: Picks, diameter: float) -> Counts:
    """The challenge refuses identical true centres; here they count once."""
    if not len(truth):
        return Counts(0, len(picks), 0)
    rules = CziiRules(particles={"one": CziiParticle(radius=diameter / 2, weight=1)})
    found, true = {"one": _in_space(picks)}, {"one": np.unique(_in_space(truth), axis=0)}
    return czii_score({"image": found}, {"image": true}, rules, bootstrap=0).counts["one"]


def _in_space(picks: Picks) -> NDArray[np.float64]:
    """The centres as (n, 3): those of a plane lie at z = 0."""
    return np.pad(picks.points, ((0, 0), (3 - picks.ndim, 0)))


def scores_of_image(counts: Mapping[str, ClassCounts], weights: Weights) -> dict[str, float | None]:
    """F4 and the challenge's score of one image: means by weight over the classes that it holds; None without any."""
    held = {name: each for name, each in counts.items() if _held(each)}
    total = sum(weights[name] for name in held)
    if not total:
        return {"f4": None, "czii": None}
    strict = sum(weights[name] * strict_f(each.strict) for name, each in held.items())
    return {"f4": strict / total, "czii": _officially(held, {name: weights[name] for name in held})}


def scores_together(counts: Mapping[str, ClassCounts], weights: Weights) -> dict[str, float]:
    """F4 and the challenge's score of the counts of all images together, as the challenge does it.

    A class of which there is no particle counts as 0, with its weight; nan where all weights are 0.
    """
    total = sum(weights.values())
    if not total:
        return {"f4": float("nan"), "czii": float("nan")}
    held = {name: each for name, each in counts.items() if _held(each)}
    strict = sum(weights[name] * strict_f(each.strict) for name, each in held.items())
    return {"f4": strict / total, "czii": _officially(held, weights)}


def scores_of_class(counts: ClassCounts) -> dict[str, float]:
    """F4, precision, recall and the challenge's F of one class; nan where they are not defined."""
    found, wrong, missed = _three(counts.strict)
    return {
        "f4": strict_f(counts.strict) if _held(counts) else float("nan"),
        "precision": float(ratio(found, found + wrong)),
        "recall": float(ratio(found, found + missed)),
        "czii": _score({"one": counts}, {"one": 1.0}).f("one") if _held(counts) else float("nan"),
    }


def added(counts: list[ClassCounts]) -> ClassCounts:
    """The counts of several images together."""
    strict, official = ([getattr(each, kind) for each in counts] for kind in ("strict", "official"))
    return ClassCounts(_summed(strict), _summed(official))


def strict_f(counts: Counts) -> float:
    """F4 of one class that some image holds."""
    return float(f_beta(*_three(counts), BETA))


def _held(counts: ClassCounts) -> bool:
    return counts.strict.true_positives + counts.strict.false_negatives > 0


def _officially(counts: Mapping[str, ClassCounts], weights: Weights) -> float:
    return _score(counts, weights).score


def _score(counts: Mapping[str, ClassCounts], weights: Weights) -> CziiScore:
    """The challenge's own arithmetic; distances no longer matter once there are counts."""
    rules = CziiRules(particles={name: CziiParticle(radius=1, weight=each) for name, each in weights.items()})
    return CziiScore(rules, (), {name: each.official for name, each in counts.items()}, {})


def _summed(counts: list[Counts]) -> Counts:
    return Counts(*(sum(column) for column in zip(*map(_three, counts), strict=True))) if counts else NOTHING


def _three(counts: Counts) -> tuple[int, int, int]:
    return counts.true_positives, counts.false_positives, counts.false_negatives
