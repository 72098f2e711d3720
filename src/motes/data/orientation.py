"""Whether picks lie on particles, or would if the image were flipped.

Programs disagree on where the first row of a file is. The mean of many patches cut at true centres shows
the particle; cut at mirrored places it shows nothing but the mean of noise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError

FLIPS = {"upside down": -2, "left to right": -1}
FEWEST_PICKS = 10
MOST_PICKS = 400


@dataclass(frozen=True)
class OrientationEvidence:
    """Strength of the mean patch: 1 is what noise gives, more is a particle."""

    as_given: float
    flipped: dict[str, float]

    @property
    def suspect(self) -> str | None:
        """The flip under which the picks fit much better than as given, if there is one."""
        best = max(self.flipped, key=lambda flip: self.flipped[flip])
        clear = self.flipped[best] > 3 * self.as_given and self.flipped[best] > 3
        return best if clear else None


def orientation_evidence(
    data: NDArray[np.float32], points: NDArray[np.float64], diameter: float
) -> OrientationEvidence | None:
    """Compare picks as given with mirrored ones; None where there are too few to tell.

    data: normalised image at the working scale; points: (n, ndim) on it; diameter: px on it.
    """
    if len(points) < FEWEST_PICKS:
        return None
    chosen = points[:: -(-len(points) // MOST_PICKS)]
    flipped = {}
    for flip, axis in FLIPS.items():
        mirrored = chosen.copy()
        mirrored[:, axis] = data.shape[axis] - 1 - mirrored[:, axis]
        flipped[flip] = _strength(data, mirrored, diameter)
    return OrientationEvidence(_strength(data, chosen, diameter), flipped)


def check_orientation(
    data: NDArray[np.float32], points: NDArray[np.float64], diameter: float, name: str
) -> None:
    """Raise PicksError where the picks of an image fit its mirror image much better."""
    evidence = orientation_evidence(data, points, diameter)
    if evidence is not None and evidence.suspect is not None:
        raise PicksError(
            f"{name}: the picks seem to be {evidence.suspect}: the mean patch at the picks has a strength of "
            f"{evidence.as_given:.1f}, at the flipped picks {evidence.flipped[evidence.suspect]:.1f} "
            "(noise gives 1). Convert them with `motes convert ... --flip "
            f"{'y' if evidence.suspect == 'upside down' else 'x'}`, or pass --no-orientation-check "
            "if you are sure"
        )


def _strength(data: NDArray[np.float32], points: NDArray[np.float64], diameter: float) -> float:
    """Mean square of the mean patch over what independent noise of the same patches would give."""
    half = max(1, round(diameter * 0.75))
    centres = np.floor(points + 0.5).astype(int)
    fits = np.all((centres >= half) & (centres < np.array(data.shape) - half), axis=1)
    if fits.sum() < FEWEST_PICKS:
        return 1.0
    patches = np.stack(
        [data[tuple(slice(c - half, c + half + 1) for c in centre)] for centre in centres[fits]]
    )
    patches = patches - patches.mean(axis=tuple(range(1, patches.ndim)), keepdims=True)
    expected = patches.var(axis=0).mean() / len(patches)
    return float(np.square(patches.mean(axis=0)).mean() / max(expected, 1e-12))
