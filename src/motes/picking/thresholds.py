"""The threshold that serves a goal best, fitted on validation data."""

import math
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motes.errors import RecipeError
from motes.score.metrics import Curve

GoalName = Literal["f", "precision", "recall"]

UNFITTED = 0.5  # where a probability says as much for as against
_GOAL = re.compile(r"\s*(f|precision|recall)\s*=?\s*([0-9.]+)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Goal:
    """What a threshold is to reach.

    name: "f", the highest F score of that beta (1: F1; 2: a missed particle costs more than a false one);
    "precision", the highest recall with at least that precision; "recall", the highest precision with at
    least that recall.
    """

    name: GoalName = "f"
    value: float = 1.0

    def __str__(self) -> str:
        return f"f{self.value:g}" if self.name == "f" else f"{self.name}={self.value:g}"


@dataclass(frozen=True)
class FittedThreshold:
    """A threshold and what it reaches, on the data of the fit unless others are named.

    note: what the user should know, or empty. kept: it was not fitted on these data but comes from another model.
    """

    threshold: float
    precision: float | None
    recall: float | None
    f1: float | None
    note: str = ""
    kept: bool = False


def parse_goal(text: str) -> Goal:
    """Read 'f1', 'f2', 'f0.5', 'precision=0.9' or 'recall=0.95'; RecipeError for anything else."""
    found = _GOAL.fullmatch(text)
    advice = f"cannot read the goal {text!r}; write it as f1, f2, f0.5, precision=0.9 or recall=0.95"
    if found is None:
        raise RecipeError(advice)
    name, number = found.group(1).lower(), found.group(2)
    try:
        value = float(number)
    except ValueError:
        raise RecipeError(advice) from None
    if value <= 0 or (name != "f" and value > 1):
        raise RecipeError(f"{advice}; a precision or recall lies above 0 and is at most 1")
    names: dict[str, GoalName] = {"f": "f", "precision": "precision", "recall": "recall"}
    return Goal(names[name], value)


def fit_threshold(curve: Curve, goal: Goal) -> FittedThreshold:
    """Find the threshold on a precision-recall curve that serves the goal best.

    It lies halfway between the lowest score taken and the next lower one. Where several serve equally well,
    the one that finds most is taken, then the highest. Where the goal cannot be reached, the threshold that
    comes nearest is taken; without picks or truth it is 0.5; the note says so.
    """
    if curve.truth == 0 or np.isnan(curve.precision).all():
        missing = "truth" if curve.truth == 0 else "picks"
        return FittedThreshold(
            UNFITTED, None, None, None, f"no {missing} to fit the threshold on; {UNFITTED} is taken"
        )
    wanted, other = _ranks(curve, goal)
    reached = np.ones(len(wanted), dtype=bool) if goal.name == "f" else wanted >= goal.value
    note = ""
    if reached.any():
        first = np.where(reached, other, -np.inf)
    else:
        first, note = wanted, f"{goal} cannot be reached; the nearest is {goal.name}={wanted.max():.3f}"
    best = _best(first, other if note else curve.recall)
    return FittedThreshold(
        _halfway_down(curve.thresholds, best),
        _number(curve.precision[best]),
        _number(curve.recall[best]),
        _number(curve.f_beta()[best]),
        note,
    )


def _ranks(curve: Curve, goal: Goal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give what must reach the goal's value, and what is then to be as high as possible, each (n,)."""
    # there is no precision where every pick is ignored: such a threshold serves nobody
    precision = np.nan_to_num(curve.precision, nan=-1.0)
    if goal.name == "precision":
        return precision, curve.recall
    if goal.name == "recall":
        return curve.recall, precision
    scores = np.nan_to_num(curve.f_beta(goal.value), nan=-1.0)
    return scores, scores


def _best(first: NDArray[np.float64], second: NDArray[np.float64]) -> int:
    """Find the first index at which first is highest and, among these, second is highest."""
    return int(np.lexsort((np.arange(len(first)), -second, -first))[0])


def _halfway_down(thresholds: NDArray[np.float64], index: int) -> float:
    taken = float(thresholds[index])
    if index + 1 == len(thresholds):
        return taken
    halfway = (taken + float(thresholds[index + 1])) / 2
    return halfway if halfway > thresholds[index + 1] else taken


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
