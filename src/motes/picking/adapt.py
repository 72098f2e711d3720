"""A threshold for each micrograph, from the scores of its candidates alone."""

import numpy as np
from numpy.typing import ArrayLike


def adapted_threshold(scores: ArrayLike, lowest: float, highest: float) -> float:
    """Give the threshold with the highest expected F1 over candidates (n,) whose scores are probabilities.

    Of the picks that reach t, sum(p) are expected to be true, and of all candidates together sum(p); so the
    expected F1 is 2 sum(p, p >= t) / (count(p >= t) + sum(p)). Adding a candidate raises it as long as its p is
    above half of it; half of the highest is thus the threshold. Source: Lipton, Elkan and Naryanaswamy 2014,
    ECML PKDD, LNCS 8725, 225-239 (arXiv:1402.1892).

    Where that is below `lowest`, even the best F1 is poor, as in a micrograph of noise, whose many weak candidates
    would nearly all be taken: then there is probably nothing, and only what reaches `highest` counts. The same
    holds without candidates.
    """
    falling = -np.sort(-np.asarray(scores, dtype=np.float64))
    if not len(falling):
        return highest
    expected = 2 * np.cumsum(falling) / (np.arange(1, len(falling) + 1) + falling.sum())
    best = float(expected.max()) / 2
    return min(best, highest) if best >= lowest else highest
