"""Tilt series: which angles, in which order, and what the beam has done to the specimen by then."""

import numpy as np
from numpy.typing import NDArray


def tilt_angles(reach: float, step: float) -> NDArray[np.float64]:
    """The tilts from -reach to reach (degrees), step apart and symmetric about 0, in growing order."""
    number = int(np.floor(reach / step + 1e-9))
    return np.arange(-number, number + 1, dtype=np.float64) * step


def dose_before(angles: NDArray[np.float64], dose: float) -> NDArray[np.float64]:
    """What the specimen has received (e/A^2) before each tilt, where every tilt gets `dose` (e/A^2).

    angles: (n,) degrees. The order is dose-symmetric, from low tilts to high ones and from side to side
    (Hagen et al. 2017, J. Struct. Biol. 197, 191).
    """
    order = np.lexsort((angles < 0, np.abs(angles)))
    before = np.empty(len(angles))
    before[order] = dose * np.arange(len(angles))
    return before


def damage_envelope(frequency: NDArray[np.floating], dose: float) -> NDArray[np.float64]:
    """What is left of the amplitudes of protein after a dose (e/A^2, at 300 kV); frequency in 1/A, any shape.

    exp(-N / 2 Nc) with the critical dose Nc = 0.245 s^-1.665 + 2.81 (Grant & Grigorieff 2015, eLife 4, e06980).
    """
    critical = 0.245 * np.maximum(frequency, 1e-9) ** -1.665 + 2.81
    return np.asarray(np.exp(-dose / (2 * critical)))
