"""A micrograph beside its own negative, in which nothing can be a particle: what is found there, noise gives.

Where the scores of a micrograph promise little, they alone do not tell faint particles from noise. The same net looks
at the negative then. Noise is alike in both, and particles are dark in one only, so what the micrograph has more than
its negative is likely particles; dark dirt is in one only, too. Source of the idea: the decoys of Elias and Gygi 2007,
Nature Methods 4, 207-214.

What counts is by how many standard deviations there is more, not how many times as much: 200 candidates for 100 prove
that there are particles, 2 for 1 do not. On a larger area the same small excess, of dirt say, would be more and more
standard deviations, so that counts are those of an area of one size.
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
ENOUGH = 8.0  # standard deviations that prove particles; more say no more of which candidates they are


class Control(BaseModel):
    """When a micrograph is compared with its negative, and what becomes of its scores then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    doubted: float = Field(
        ge=0, le=1, description="it is compared where its own threshold, without limits, is lower than that"
    )
    sure: float = Field(ge=0, le=1, description="a score that is not lowered, whatever the negative says")
    slope: float = Field(gt=0, description="of the log-odds of a score")
    significance: float = Field(
        gt=0,
        description="added to the log-odds for each standard deviation by which there is more than in the negative",
    )
    intercept: float = Field(description="added to the log-odds")
    area: int = Field(
        gt=0,
        description="working px of the micrographs that it was learnt from; larger ones count as one of these",
    )

    def compared(self, scores: ArrayLike, negative: ArrayLike, area: int) -> Scores:
        """Probabilities (n,) for the scores (n,) of a micrograph beside those (m,) of its negative; order stays.

        area: of the micrograph, working px.
        """
        own = np.asarray(scores, dtype=np.float64)
        design = _design(own, negative, min(1.0, self.area / area))
        found = expit(design @ [self.slope, self.significance, self.intercept])
        return np.asarray(np.where(own >= self.sure, np.maximum(found, own), found))


def promises_little(scores: ArrayLike, doubted: float) -> bool:
    """Whether the threshold that suits scores (n,) best lies so low that there may be no particles at all."""
    return bool(np.size(scores)) and AdaptedThreshold(0, 1).of(scores) < doubted


def significance(scores: ArrayLike, negative: ArrayLike, share: float = 1.0) -> Scores:
    """For each score (n,) by how many standard deviations more reach it than in the negative (m,), ENOUGH at most.

    The difference of two counts has a variance of about their sum (Poisson), to which one is added for the sake of
    small ones. A higher score has no less than a lower one, although fewer reach it. share: of the area whose counts
    are compared.
    """
    own, other = (np.sort(np.asarray(each, dtype=np.float64)) for each in (scores, negative))
    reach, others = (len(each) - np.searchsorted(each, own, side="left") for each in (own, other))
    found = share * (reach - others) / np.sqrt(share * (reach + others) + 1)
    rising = np.minimum(np.maximum.accumulate(found), ENOUGH)
    return np.asarray(rising[np.searchsorted(own, scores, side="left")])


def fit_control(
    scores: Sequence[Scores], negatives: Sequence[Scores], is_true: Sequence[NDArray[np.bool_]]
) -> tuple[float, float, float]:
    """Fit slope, significance and intercept to micrographs of which candidates are known to be true or false.

    Each list has one entry a micrograph that promises little: calibrated scores (n,), those of its negative (m,), and
    whether each candidate is true (n,). All are of one size. By maximum likelihood, with Platt's targets. Raises
    PicksError where there is no true or no false candidate, or scores and negatives say nothing.
    """
    true = np.concatenate([np.zeros(0, bool), *is_true])
    if true.all() or not true.any():
        raise PicksError(
            f"found {np.count_nonzero(true)} true and {np.count_nonzero(~true)} false picks in {len(scores)} "
            "micrographs that promise little; both are needed to learn from. Simulate more"
        )
    design = np.concatenate([_design(own, other) for own, other in zip(scores, negatives, strict=True)])
    slope, by_significance, intercept = map(float, most_likely(design, platt_targets(true)))
    if slope <= 0 or by_significance <= 0:
        raise PicksError(
            f"in {len(scores)} micrographs that promise little, true candidates stand out neither by their scores nor "
            "over the negative. Simulate more"
        )
    return slope, by_significance, intercept


def _design(scores: ArrayLike, negative: ArrayLike, share: float = 1.0) -> Scores:
    """Log-odds, significance and 1 for each candidate, (n, 3)."""
    log_odds = np.clip(logit(np.asarray(scores, dtype=np.float64)), -LARGEST, LARGEST)
    return np.stack([log_odds, significance(scores, negative, share), np.ones(len(log_odds))], axis=1)
