"""Scores that are probabilities, and how low a threshold on them may go: both fitted on known picks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, logit

from motes.errors import PicksError
from motes.picking.picker import Picking, pick_map
from motes.picks import AdaptedThreshold, Picks

MOST_STEPS = 100  # Newton's method needs about ten
LARGEST = 20.0  # log-odds that a fit looks at; a score in single precision has no more than 17
RIDGE = 1e-9  # keeps the fit from failing where all scores are the same


class Calibration(BaseModel):
    """A line on the log-odds of a score, after which the score is the probability that the pick is true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float = Field(gt=0, description="of the log-odds; below 1 where the net is too sure of itself")
    intercept: float = Field(
        description="added to the log-odds; below 0 where the net calls too much a particle"
    )


def calibrated(scores: ArrayLike, calibration: Calibration) -> NDArray[np.float64]:
    """Turn scores of a net (n,) into probabilities (n,); their order stays.

    Source: Platt 1999, Advances in Large Margin Classifiers, 61-74.
    """
    log_odds = logit(np.asarray(scores, dtype=np.float64))
    return np.asarray(expit(calibration.slope * log_odds + calibration.intercept))


def uncalibrated(probability: float, calibration: Calibration) -> float:
    """Give the score of the net that becomes this probability, both between 0 and 1."""
    return float(expit((logit(probability) - calibration.intercept) / calibration.slope))


def pick_calibrated(
    probability: NDArray[np.float32], diameter: float, picking: Picking, calibration: Calibration | None
) -> Picks:
    """Find candidates in a map as pick_map does, with calibrated scores; the floor is one of those.

    probability: ([z,] y, x), as the net gives it. diameter: pixels of the map. calibration: None leaves scores.
    """
    if calibration is None:
        return pick_map(probability, diameter, picking)
    floor = uncalibrated(picking.floor, calibration)
    found = pick_map(probability, diameter, picking.model_copy(update={"floor": floor}))
    return found if found.scores is None else replace(found, scores=calibrated(found.scores, calibration))


def fit_calibration(scores: ArrayLike, is_true: ArrayLike) -> Calibration:
    """Fit the line to scores of a net (n,) in [0, 1], and whether each pick is true (n,), by maximum likelihood.

    Newton's method with halved steps. Sources: Platt 1999; Lin, Lin and Weng 2007,
    Machine Learning 68, 267-276. Raises PicksError where one of the two kinds is missing, or true picks do not
    score higher than false ones.
    """
    log_odds = np.clip(logit(np.asarray(scores, dtype=np.float64)), -LARGEST, LARGEST)
    true = np.asarray(is_true, dtype=bool)
    count = np.array([np.count_nonzero(~true), np.count_nonzero(true)])
    if not count.all():
        raise PicksError(
            f"found {count[1]} true and {count[0]} false picks; scores can be calibrated only where there are both"
        )
    target = platt_targets(true)
    slope, intercept = map(float, most_likely(np.stack([log_odds, np.ones_like(log_odds)], axis=1), target))
    if slope <= 0:
        raise PicksError(
            "true picks do not score higher than false ones, so their scores cannot be calibrated"
        )
    return Calibration(slope=slope, intercept=intercept)


def fit_lowest(empty: Sequence[NDArray[np.float64]], highest: float, recognised: float) -> float:
    """The `lowest` of an AdaptedThreshold below which that share of images without particles would have theirs.

    empty: calibrated scores (n,) of what was found in each of them. highest: of the threshold. Raises PicksError
    without images.
    """
    if not len(empty):
        raise PicksError("found no image without particles; the lowest threshold is fitted on such images")
    wanted = AdaptedThreshold(0, highest)
    own = [wanted.of(each) if len(each) else 0.0 for each in empty]
    return float(np.quantile(own, recognised))


def calibration_error(scores: ArrayLike, is_true: ArrayLike, bins: int = 10) -> float:
    """Give the mean gap between scores (n,) and the part of the picks that is true (n,), over bins of equal width.

    Each bin counts by its picks; nan without picks. The expected calibration error of Naeini, Cooper and
    Hauskrecht 2015, AAAI, 2901-2907.
    """
    found = np.asarray(scores, dtype=np.float64)
    if not len(found):
        return float("nan")
    own = np.minimum((found * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(own, weights=found - np.asarray(is_true, dtype=np.float64))
    return float(np.abs(gaps).sum() / len(found))


def platt_targets(is_true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n + 1) / (n + 2) and 1 / (n + 2), n of each kind, in place of 1 and 0.

    They keep a fit finite where true and false picks are wholly apart. Source: Platt 1999.
    """
    true, false = np.count_nonzero(is_true), np.count_nonzero(~is_true)
    return np.where(is_true, (true + 1) / (true + 2), 1 / (false + 2))


def most_likely(design: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (k,) of the columns of a design (n, k) whose logistic comes nearest to the targets (n,)."""
    weights = np.zeros(design.shape[1])
    for _ in range(MOST_STEPS):
        chance = expit(design @ weights)
        gradient = design.T @ (chance - target)
        curvature = (design.T * (chance * (1 - chance))) @ design + RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, gradient)
        while _loss(design @ (weights - step), target) > _loss(design @ weights, target):
            step /= 2
        weights -= step
        if np.abs(step).max() < 1e-10:
            break
    return weights


def _loss(line: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Negative log-likelihood of targets (n,) under the logistic of a line (n,)."""
    return float((np.logaddexp(0, line) - target * line).sum())
