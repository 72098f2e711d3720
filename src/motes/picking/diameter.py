"""How large particles are, from how surely a net finds them when it is told one diameter after the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

STEP = 1.4  # from one diameter that is tried to the next
SURE = 0.5  # score from which on a pick counts
MOST_SURE = 0.999  # score beyond which it counts no more
ENDS = 0.3  # of the highest evidence is left where the range of diameters ends
TOO_LARGE = 1.1  # the middle of that range over the true diameter
ACCURACY = 1.4  # a clear estimate is right within this factor in nine of ten micrographs
FEWEST = 20.0  # particles
LEAST_COVERED = 0.05  # share of the area
LEAST_SURENESS = 2.2  # log-odds of the median pick, 9 to 1


@dataclass(frozen=True)
class Rung:
    """What was found when particles were taken to be `diameter` px across.

    expected: how many particles, the sum of the probabilities of the sure picks. sureness: the median of their
    log-odds. area: that was looked at, px of the image as it is.
    """

    diameter: float
    expected: float
    sureness: float
    area: float

    @property
    def evidence(self) -> float:
        """How much speaks for this diameter: sure picks above all, many of them, and large ones."""
        return self.sureness**3 * self.expected / self.area * self.diameter

    @property
    def covered(self) -> float:
        """The share of the area that the particles cover."""
        return self.expected / self.area * math.pi / 4 * self.diameter**2


@dataclass(frozen=True)
class DiameterEstimate:
    """A diameter, px, the rung with most evidence, and whether the ladder went on to where there is little."""

    diameter: float
    best: Rung
    closed: bool

    @property
    def low(self) -> float:
        """The lower end of the range in which the true one lies in nine of ten cases."""
        return self.diameter / ACCURACY

    @property
    def high(self) -> float:
        """The upper end of that range."""
        return self.diameter * ACCURACY

    @property
    def enough(self) -> bool:
        """Whether enough was found, and surely enough, to say something."""
        best = self.best
        many = best.expected >= FEWEST and best.covered >= LEAST_COVERED
        return many and best.sureness >= LEAST_SURENESS

    @property
    def clear(self) -> bool:
        """Whether it can be relied on."""
        return self.enough and self.closed


def ladder(lowest: float, highest: float) -> list[float]:
    """Diameters from the lowest to at least the highest, each a factor 1.4 above the one before."""
    steps = max(0, math.ceil(math.log(highest / lowest) / math.log(STEP) - 1e-9))
    return [lowest * STEP**step for step in range(steps + 1)]


def rung(diameter: float, area: float, scores: ArrayLike) -> Rung:
    """What picks say whose scores (n,) are probabilities."""
    found = np.asarray(scores, dtype=np.float64)
    sure = found[found >= SURE]
    if not len(sure):
        return Rung(diameter, 0.0, 0.0, area)
    return Rung(diameter, float(sure.sum()), float(np.median(logit(np.minimum(sure, MOST_SURE)))), area)


def pooled(ladders: Sequence[Sequence[Rung]]) -> list[Rung]:
    """What several images say together; the diameters of their ladders must be the same."""
    return [_together(rungs) for rungs in zip(*ladders, strict=True)]


def _together(rungs: Sequence[Rung]) -> Rung:
    expected = sum(each.expected for each in rungs)
    sureness = sum(each.expected * each.sureness for each in rungs) / expected if expected else 0.0
    return Rung(rungs[0].diameter, expected, sureness, sum(each.area for each in rungs))


def estimate_diameter(rungs: Sequence[Rung]) -> DiameterEstimate | None:
    """Give the middle of the range of diameters for which much speaks; None where nothing speaks for any.

    rungs: by rising diameter. A net that was trained on particles of misjudged size is sure of them as long as what
    it is told is about right. Told too small a diameter it finds their parts, of which it is less sure.
    """
    evidence = np.array([each.evidence for each in rungs])
    if not evidence.any():
        return None
    top = int(np.argmax(evidence))
    place = np.log([each.diameter for each in rungs])
    (low, below), (high, above) = (_end(place, evidence, top, step) for step in (-1, 1))
    return DiameterEstimate(math.exp((low + high) / 2) / TOO_LARGE, rungs[top], below and above)


def _end(
    place: NDArray[np.float64], evidence: NDArray[np.float64], top: int, step: int
) -> tuple[float, bool]:
    """Where most of the evidence is lost, going down (step -1) or up (1) from the top; False where it never is.

    place: logarithms of the diameters.
    """
    least = ENDS * evidence[top]
    at = top
    while 0 <= at + step < len(place):
        after = at + step
        if evidence[after] < least:
            part = (evidence[at] - least) / (evidence[at] - evidence[after])
            return float(place[at] + part * (place[after] - place[at])), True
        at = after
    return float(place[at]), False
