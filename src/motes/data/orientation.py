"""Whether picks lie on particles, or would if the image were flipped.

Programs disagree on where the first row of a file is. The mean of many patches cut at true centres shows
the particle; cut at mirrored places it shows nothing but the mean of noise. Where single images have too
few picks to tell, the patches of a whole set do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from motes.data.image_list import ImageEntry
from motes.data.normalise import Normalisation
from motes.data.working import Scale, to_working_scale
from motes.errors import MotesError, PicksError
from motes.image import Image
from motes.picks import Picks
from motes.units import Length

FLIPS = {"upside down": -2, "left to right": -1}
FEWEST_PICKS = 10
MOST_PICKS = 400  # of one image
CLEAR = 3.0  # times what noise gives
WORKING_DIAMETER = 20  # px, to which images are brought for this check


@dataclass(frozen=True)
class OrientationEvidence:
    """Strength of the mean patch: 1 is what noise gives, more is a particle."""

    as_given: float
    flipped: Mapping[str, float]

    @property
    def clear(self) -> bool:
        """Whether a particle is seen, in one way or the other."""
        return max(self.as_given, *self.flipped.values()) > CLEAR

    @property
    def suspect(self) -> str | None:
        """The flip under which the picks fit much better than as given, if there is one."""
        best = max(self.flipped, key=lambda flip: self.flipped[flip])
        return best if self.flipped[best] > CLEAR * max(self.as_given, 1) else None

    @property
    def message(self) -> str:
        """What speaks for the suspected flip, and what to do about it."""
        flip = str(self.suspect)
        return (
            f"the picks seem to be {flip}: the mean patch at the picks has a strength of {self.as_given:.1f}, "
            f"at the flipped picks {self.flipped[flip]:.1f} (noise gives 1). Convert them with "
            f"`motes convert ... --flip {'y' if flip == 'upside down' else 'x'}`, or pass "
            "--no-orientation-check if you are sure"
        )


@dataclass(frozen=True)
class _PatchSums:
    """Sums over patches, and over their squares, all of one shape."""

    count: int
    total: NDArray[np.float64]
    squares: NDArray[np.float64]

    def __add__(self, other: "_PatchSums") -> "_PatchSums":
        return _PatchSums(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def strength(self) -> float:
        """Mean square of the mean patch over what independent noise of the same patches would give."""
        if self.count < FEWEST_PICKS:
            return 1.0
        mean = self.total / self.count
        expected = (self.squares / self.count - mean**2).mean() / self.count
        return float(np.square(mean).mean() / max(expected, 1e-12))


_NOTHING = _PatchSums(0, np.zeros(()), np.zeros(()))


class OrientationPool:
    """What the images of a set say together, of those in which no particle shows on its own.

    diameter: of a particle at the working scale, px. spacing: px of the full-size images, the scale of those
    whose particles have no known diameter. names: of the images that were pooled.
    """

    def __init__(self, diameter: float = WORKING_DIAMETER, spacing: float | None = None) -> None:
        self.diameter = diameter
        self.spacing = spacing
        self.names: list[str] = []
        self._picks = 0
        self._sums = dict.fromkeys((None, *FLIPS), _NOTHING)

    def add(
        self, data: NDArray[np.float32], points: NDArray[np.float64], name: str
    ) -> OrientationEvidence | None:
        """Evidence of one image, None where it has too few picks; it joins the pool if it shows nothing.

        data: normalised image at the working scale; points: (n, ndim) on it.
        """
        sums = _sums_by_flip(data, points, self.diameter)
        evidence = _evidence(sums, len(points))
        if evidence is None or not evidence.clear:
            self.names.append(name)
            self._picks += len(points)
            self._sums = {flip: self._sums[flip] + sums[flip] for flip in sums}
        return evidence

    def add_image(self, image: Image, picks: Picks, diameter: float | None) -> OrientationEvidence | None:
        """Bring an image to the working scale and add it; None where nothing can be told.

        diameter: of a particle, px; where it is not known, the spacing serves as a scale.
        Raises UnitError for a diameter that cannot be right, ImageError for an image that cannot be used.
        """
        scale = self.spacing if diameter is None else diameter
        if not len(picks) or scale is None or (diameter is None and scale > min(image.shape)):
            return None
        working = to_working_scale(image, scale, Scale(self.diameter), Normalisation())
        return self.add(working.data, picks.scaled(working.factors).points, image.name)

    @property
    def evidence(self) -> OrientationEvidence | None:
        """What the pooled images say together; None where even all of them have too few picks."""
        return _evidence(self._sums, self._picks)


@dataclass(frozen=True)
class SetOrientation:
    """The orientation of the picks of a set of images.

    mirrored: images whose picks fit the mirrored image much better. pooled: the images that do not tell on
    their own. together: what these say. unchecked: images that cannot be used for this, and why.
    """

    mirrored: dict[str, OrientationEvidence]
    pooled: list[str]
    together: OrientationEvidence | None
    unchecked: dict[str, str]

    def refuse(self, source: str) -> None:
        """Raise PicksError for the first image whose picks seem to be mirrored, or for the pooled ones."""
        for name, evidence in self.mirrored.items():
            refuse_flipped(evidence, f"{source}: {name}")
        self.refuse_pooled(source)

    def refuse_pooled(self, source: str) -> None:
        """Raise PicksError where the picks of the pooled images seem to be mirrored."""
        refuse_flipped(self.together, f"{source}: {pooled_text(self.pooled)}")


def look_at_set(
    labelled: Iterable[tuple[ImageEntry, Picks]],
    diameter: Length | None = None,
    spacing: float | None = None,
    *,
    ndim: int = 2,
    pixel_size: float | None = None,
) -> SetOrientation:
    """Look at picks on their images, one image in memory at a time.

    diameter: of a particle, where the picks do not carry it. spacing: px, the scale where no diameter is
    known; without one such images are passed over. pixel_size: A/px, counts before the images' own.
    """
    pool = OrientationPool(spacing=spacing)
    mirrored: dict[str, OrientationEvidence] = {}
    unchecked: dict[str, str] = {}
    for entry, picks in labelled:
        if not len(picks) or (diameter is None and picks.diameters is None and spacing is None):
            continue
        try:
            image = entry.read(ndim, pixel_size)
            evidence = pool.add_image(image, picks, diameter_in(image, picks, diameter))
        except (MotesError, OSError) as error:
            unchecked[entry.name] = str(error)
            continue
        if evidence is not None and evidence.suspect is not None:
            mirrored[entry.name] = evidence
    return SetOrientation(mirrored, pool.names, pool.evidence, unchecked)


def diameter_in(image: Image, picks: Picks, given: Length | None) -> float | None:
    """A particle's diameter in px of an image: the one given, or the median of the picks'; None if unknown.

    Raises UnitError where the one given needs a pixel size that the image does not have.
    """
    if given is not None:
        return given.in_pixels(image.pixel_size)
    if picks.diameters is None or not np.isfinite(picks.diameters).any():
        return None
    return float(np.nanmedian(picks.diameters))


def typical_spacing(sets: Iterable[Picks]) -> float | None:
    """Median distance, in px, from a pick to the next one in its image; None where no image has two.

    It is a scale for images whose particles have no known diameter, and never so small that an image would
    have to be enlarged.
    """
    distances = [np.zeros(0)]
    for picks in sets:
        unique = np.unique(picks.points, axis=0)
        if len(unique) > 1:
            distances.append(cKDTree(unique).query(unique, k=2)[0][:, 1])
    found = np.concatenate(distances)
    return max(float(np.median(found)), float(WORKING_DIAMETER)) if len(found) else None


def orientation_evidence(
    data: NDArray[np.float32], points: NDArray[np.float64], diameter: float
) -> OrientationEvidence | None:
    """Compare picks as given with mirrored ones; None where there are too few to tell.

    data: normalised image at the working scale; points: (n, ndim) on it; diameter: px on it.
    """
    return _evidence(_sums_by_flip(data, points, diameter), len(points))


def check_orientation(
    data: NDArray[np.float32], points: NDArray[np.float64], diameter: float, name: str
) -> None:
    """Raise PicksError where the picks of an image fit its mirror image much better."""
    refuse_flipped(orientation_evidence(data, points, diameter), name)


def pooled_text(names: Sequence[str]) -> str:
    """What to call the images of a pool."""
    return f"{len(names)} images with few or faint particles, taken together"


def refuse_flipped(evidence: OrientationEvidence | None, name: str) -> None:
    """Raise PicksError, beginning with the name of an image or a set, where there is a probable flip."""
    if evidence is not None and evidence.suspect is not None:
        raise PicksError(f"{name}: {evidence.message}")


def _evidence(sums: dict[str | None, _PatchSums], picks: int) -> OrientationEvidence | None:
    if picks < FEWEST_PICKS:
        return None
    return OrientationEvidence(sums[None].strength, {flip: sums[flip].strength for flip in FLIPS})


def _sums_by_flip(
    data: NDArray[np.float32], points: NDArray[np.float64], diameter: float
) -> dict[str | None, _PatchSums]:
    """The patches at the picks as given (None) and under each flip."""
    chosen = points[:: max(1, -(-len(points) // MOST_PICKS))]
    sums: dict[str | None, _PatchSums] = {None: _sum_patches(data, chosen, diameter)}
    for flip, axis in FLIPS.items():
        mirrored = chosen.copy()
        mirrored[:, axis] = data.shape[axis] - 1 - mirrored[:, axis]
        sums[flip] = _sum_patches(data, mirrored, diameter)
    return sums


def _sum_patches(data: NDArray[np.float32], points: NDArray[np.float64], diameter: float) -> _PatchSums:
    """Sum the patches that lie wholly in the image, each with its own mean taken off."""
    half = max(1, round(diameter * 0.75))
    centres = np.floor(points + 0.5).astype(int)
    fits = np.all((centres >= half) & (centres < np.array(data.shape) - half), axis=1)
    if not fits.any():
        return _NOTHING
    patches = np.stack(
        [data[tuple(slice(c - half, c + half + 1) for c in centre)] for centre in centres[fits]]
    )
    patches = patches - patches.mean(axis=tuple(range(1, patches.ndim)), keepdims=True)
    total = patches.sum(axis=0, dtype=np.float64)
    return _PatchSums(len(patches), total, np.square(patches).sum(axis=0, dtype=np.float64))
