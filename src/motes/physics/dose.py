"""From dose to electrons counted."""

import numpy as np
from numpy.typing import NDArray


def electrons_per_pixel(dose: float, pixel_size: float) -> float:
    """Electrons that arrive at a pixel where nothing is in the way; dose in e/A^2, pixel_size in A/px."""
    return dose * pixel_size**2


def counted(expected: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """Electrons counted where so many are expected: Poisson, any shape; below zero counts as zero."""
    return np.asarray(rng.poisson(np.maximum(expected, 0)), dtype=np.float32)
