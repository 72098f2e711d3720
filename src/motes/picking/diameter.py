"""How large particles are, from how many a net finds when it is told one diameter after the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP = 1.2  # from one diameter that is tried to the next
SURE = 0.5  # score from which on a pick counts
SIZE_WEIGHT = 1.5  # power of the diameter: the parts of a particle are more than it, but smaller
OTHER_TOP = 0.6  # of the highest evidence; a coarser top that reaches it is preferred
HALF = 0.5  # of the particles are still found where the range of diameters ends
TOO_LARGE = 1.13  # the middle of that range over the true diameter, on simulated micrographs
ACCURACY = 1.3  # the estimate is right within this factor in nine of ten simulated micrographs
FEWEST = 20.0  # particles
LEAST_COVERED = 0.1  # share of the area


@dataclass(frozen=True)
class Rung:
    """What was found when particles were taken to be `diameter` px across.

    expected: how many particles, the sum of the probabilities of the sure picks. area: that was looked at, px of
    the image as it is.
    """

    diameter: float
    expected: float
    area: float

    @property
    def density(self) -> float:
        """Particles per px."""
        return self.expected / self.area

    @property
    def covered(self) -> float:
        """The share of the area that they cover."""
        return self.density * math.pi / 4 * self.diameter**2


@dataclass(frozen=True)
class DiameterEstimate:
    """A diameter with the range in which the true one lies in nine of ten cases, px, and what it rests on."""

    diameter: float
    particles: float
    covered: float

    @property
    def low(self) -> float:
        """The lower end of the range."""
        return self.diameter / ACCURACY

    @property
    def high(self) -> float:
        """The upper end of the range."""
        return self.diameter * ACCURACY

    @property
    def clear(self) -> bool:
        """Whether enough was found to rely on it."""
        return self.particles >= FEWEST and self.covered >= LEAST_COVERED


def ladder(lowest: float, highest: float) -> list[float]:
    """Diameters from the lowest to the highest, each a factor 1.2 above the one before."""
    steps = max(0, math.floor(math.log(highest / lowest) / math.log(STEP) + 1e-9))
    return [lowest * STEP**step for step in range(steps + 1)]


def pooled(ladders: Sequence[Sequence[Rung]]) -> list[Rung]:
    """What several images say together; the diameters of their ladders must be the same."""
    return [
        Rung(rungs[0].diameter, sum(rung.expected for rung in rungs), sum(rung.area for rung in rungs))
        for rungs in zip(*ladders, strict=True)
    ]


def estimate_diameter(rungs: Sequence[Rung]) -> DiameterEstimate | None:
    """Give the middle of the range of diameters over which the same particles are found; None where none are.

    rungs: by rising diameter. A net that was trained on particles of misjudged size finds them as long as what it
    is told is nearly right. Told much too small a diameter it finds their parts, and far more of them: so the
    range is the one around the highest density * diameter^1.5, and ends where half of the particles are lost or
    that evidence rises again.
    """
    density = np.array([rung.density for rung in rungs])
    place = np.log([rung.diameter for rung in rungs])
    evidence = density * np.exp(SIZE_WEIGHT * place)
    if not evidence.any():
        return None
    top = coarsest_top(evidence)
    ends = [_end(place, density, evidence, top, step) for step in (-1, 1)]
    found = rungs[top]
    return DiameterEstimate(math.exp(sum(ends) / 2) / TOO_LARGE, found.expected, found.covered)


def coarsest_top(evidence: NDArray[np.float64]) -> int:
    """Find the last local maximum of the evidence (n,) that is nearly as high as the highest."""
    framed = np.pad(evidence, 1, constant_values=-np.inf)
    top = (evidence >= framed[:-2]) & (evidence >= framed[2:]) & (evidence >= OTHER_TOP * evidence.max())
    return int(np.flatnonzero(top)[-1])


def _end(
    place: NDArray[np.float64],
    density: NDArray[np.float64],
    evidence: NDArray[np.float64],
    top: int,
    step: int,
) -> float:
    """Logarithm of the diameter at which the range around the top ends, going down (step -1) or up (1)."""
    least = HALF * density[top]
    at = top
    while 0 <= at + step < len(place):
        after = at + step
        if density[after] < least:
            part = (density[at] - least) / (density[at] - density[after])
            return float(place[at] + part * (place[after] - place[at]))
        if evidence[after] > evidence[at]:
            break
        at = after
    return float(place[at])
