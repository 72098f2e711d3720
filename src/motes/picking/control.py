"""A micrograph beside its own negative, in which nothing can be a particle: what is found there, noise gives.

Where the scores of a micrograph promise little, they alone do not tell faint particles from noise. The same net looks
at the negative then. Noise is alike in both, and particles are dark in one only, so what the micrograph has more than
its negative is likely particles; dark dirt is in one only, too. Source of the idea: the decoys of Elias and Gygi 2007,
Nature Methods 4, 207-214.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, logit

from motes.errors import PicksError
from motes.picking.calibration import LARGEST, most_likely, platt_targets
from motes.picks import AdaptedThreshold

Scores = NDArray[np.float64]


class Control(BaseModel):
    """When a micrograph is compared with its negative, and what becomes of its scores then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    doubted: float = Field(
        ge=0, le=1, description="it is compared where its own threshold, without limits, is lower than that"
    )
    sure: float = Field(ge=0, le=1, description="a score that is not lowered, whatever the negative says")
    slope: float = Field(gt=0, description="of the log-odds of a score")
    excess: float = Field(gt=0, description="added to the log-odds, times the excess over the negative there")
    intercept: float = Field(description="added to the log-odds")

    def compared(self, scores: ArrayLike, negative: ArrayLike) -> Scores:
        """Probabilities (n,) for the scores (n,) of a micrograph beside those (m,) of its negative; order stays."""
        own = np.asarray(scores, dtype=np.float64)
        found = expit(_design(own, negative) @ [self.slope, self.excess, self.intercept])
        return np.asarray(np.where(own >= self.sure, np.maximum(found, own), found))


def promises_little(scores: ArrayLike, doubted: float) -> bool:
    """Whether the threshold that suits scores (n,) best lies so low that there may be no particles at all."""
    return bool(np.size(scores)) and AdaptedThreshold(0, 1).of(scores) < doubted


def excess(scores: ArrayLike, negative: ArrayLike) -> Scores:
    """For each score (n,) the logarithm of how many times as many reach it as in the negative (m,).

    One is added to both counts, since a handful of candidates proves little. A higher score has no less than a lower
    one, although fewer reach it.
    """
    own, other = (np.sort(np.asarray(each, dtype=np.float64)) for each in (scores, negative))
    reach, others = (len(each) - np.searchsorted(each, own, side="left") for each in (own, other))
    rising = np.maximum.accumulate(np.log((1 + reach) / (1 + others)))
    return np.asarray(rising[np.searchsorted(own, scores, side="left")])


def fit_control(
    scores: Sequence[Scores], negatives: Sequence[Scores], is_true: Sequence[NDArray[np.bool_]]
) -> tuple[float, float, float]:
    """Fit slope, excess and intercept to micrographs of which candidates are known to be true or false.

    Each list has one entry a micrograph that promises little: calibrated scores (n,), those of its negative (m,), and
    whether each candidate is true (n,). By maximum likelihood, with Platt's targets. Raises PicksError where there is
    no true or no false candidate, or scores and negatives say nothing.
    """
    true = np.concatenate([np.zeros(0, bool), *is_true])
    if true.all() or not true.any():
        raise PicksError(
            f"found {np.count_nonzero(true)} true and {np.count_nonzero(~true)} false picks in {len(scores)} "
            "micrographs that promise little; both are needed to learn from. Simulate more"
        )
    design = np.concatenate([_design(own, other) for own, other in zip(scores, negatives, strict=True)])
    slope, by_excess, intercept = map(float, most_likely(design, platt_targets(true)))
    if slope <= 0 or by_excess <= 0:
        raise PicksError(
            f"in {len(scores)} micrographs that promise little, true candidates stand out neither by their scores nor "
            "over the negative. Simulate more"
        )
    return slope, by_excess, intercept


def _design(scores: ArrayLike, negative: ArrayLike) -> Scores:
    """Log-odds, excess and 1 for each candidate, (n, 3)."""
    log_odds = np.clip(logit(np.asarray(scores, dtype=np.float64)), -LARGEST, LARGEST)
    return np.stack([log_odds, excess(scores, negative), np.ones(len(log_odds))], axis=1)
