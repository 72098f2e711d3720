"""A micrograph beside its own negative, in which nothing can be a particle: what is found there, noise gives.

Where all candidates of a micrograph are weak, their scores alone do not tell faint particles from noise. The same net
looks at the negative then. Noise is alike in both, and particles are dark in one only, so what the micrograph has more
than its negative is particles. Source of the idea: the decoys of Elias and Gygi 2007, Nature Methods 4, 207-214.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, logit

from motes.errors import PicksError
from motes.picking.calibration import LARGEST, most_likely
from motes.picks import AdaptedThreshold

Scores = NDArray[np.float64]


class Control(BaseModel):
    """When a micrograph is compared with its negative, and what becomes of its scores then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    below: float = Field(
        ge=0, le=1, description="it is compared where its own threshold, without limits, is lower than that"
    )
    slope: float = Field(gt=0, description="of the log-odds of a score")
    excess: float = Field(
        description="added to the log-odds, times the logarithm of how many times more there is"
    )
    intercept: float = Field(description="added to the log-odds")

    def is_needed(self, scores: ArrayLike | None) -> bool:
        """Whether candidates with these calibrated scores (n,) are all too weak to speak for themselves."""
        return scores is not None and bool(np.size(scores)) and all_weak(scores, self.below)

    def compared(self, scores: ArrayLike, negative: ArrayLike) -> Scores:
        """Probabilities (n,) for the scores (n,) of a micrograph beside those (m,) of its negative; order stays."""
        weights = np.array([self.slope, self.excess, self.intercept])
        return np.asarray(expit(_design(scores, negative) @ weights))


def all_weak(scores: ArrayLike, below: float) -> bool:
    """Whether the threshold that suits scores (n,) best lies so low that there may be no particles at all."""
    return AdaptedThreshold(0, 1).of(scores) < below


def excess(scores: ArrayLike, negative: ArrayLike) -> float:
    """The logarithm of how many times as much as in its negative (m,) is found in a micrograph (n,).

    Each candidate counts by the square of its score, so that the many that are next to nothing do not decide. One sure
    pick is added to both, since a handful of candidates proves little.
    """
    own, other = (1 + float((np.asarray(each, dtype=np.float64) ** 2).sum()) for each in (scores, negative))
    return float(np.log(own / other))


def fit_control(
    scores: Sequence[Scores], negatives: Sequence[Scores], is_true: Sequence[NDArray[np.bool_]], below: float
) -> Control:
    """Fit what becomes of scores to micrographs of which candidates are known to be true or false.

    Each list has one entry a micrograph: calibrated scores (n,), those of its negative (m,), and whether each candidate
    is true (n,). Only micrographs that would be compared count. By maximum likelihood. Raises PicksError where these
    have no true or no false candidate, or where the scores say nothing.
    """
    weak = [number for number, own in enumerate(scores) if len(own) and all_weak(own, below)]
    true = np.concatenate([np.zeros(0, bool), *(is_true[number] for number in weak)])
    if true.all() or not true.any():
        raise PicksError(
            f"found {np.count_nonzero(true)} true and {np.count_nonzero(~true)} false picks in {len(weak)} micrographs "
            "with weak candidates only; both are needed to learn from. Simulate more"
        )
    design = np.concatenate([_design(scores[number], negatives[number]) for number in weak])
    slope, by_excess, intercept = map(float, most_likely(design, true.astype(np.float64)))
    if slope <= 0:
        raise PicksError("among weak candidates true ones do not score higher than false ones")
    return Control(below=below, slope=slope, excess=by_excess, intercept=intercept)


def _design(scores: ArrayLike, negative: ArrayLike) -> Scores:
    """Log-odds, excess and 1 for each candidate, (n, 3)."""
    log_odds = np.clip(logit(np.asarray(scores, dtype=np.float64)), -LARGEST, LARGEST)
    return np.stack(
        [log_odds, np.full(len(log_odds), excess(scores, negative)), np.ones(len(log_odds))], axis=1
    )
