"""What the pixels of an image and of its mask tell by themselves about how they were made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.data.mask_checks import looks_inverted
from motes.data.regions import label_regions

LONGEST_PERIOD = 16  # px, of the pattern that an enlargement leaves
FEWEST_PER_PLACE = 12  # straight rims of a mask that each place of a period should have by chance
HARDLY_ANY = 0.02  # of these is as good as none
FEWEST_VALUES = 32  # grey values of an image in which one alone tells something
SAME_GREY = 4  # of 255: channels that differ by no more are grey
COLOURED = 12  # of 255: channels that differ by more are a colour


@dataclass(frozen=True)
class Surfaces:
    """How a picture is made up.

    flat: share of its pixels that equal all their neighbours along the axes. lone: share of the other pixels, ground
    (0) apart, that equal none of them, and do not lie alone in the ground, as marked points do.
    """

    flat: float
    lone: float


def surfaces(picture: NDArray[Any]) -> Surfaces:
    """Flat and lone pixels of an image or mask ([z,] y, x).

    A mask of whole objects is flat but for the rims, whose pixels have equals beside them; photographs are flat
    nowhere, and values between object and ground, as interpolation and JPEG make them, stand alone.
    """
    equal, marked_beside = np.zeros(picture.shape, np.uint8), np.zeros(picture.shape, bool)
    for axis in range(picture.ndim):
        low = (slice(None),) * axis + (slice(None, -1),)
        high = (slice(None),) * axis + (slice(1, None),)
        same = picture[low] == picture[high]
        equal[low] += same
        equal[high] += same
        marked_beside[low] |= picture[high] != 0
        marked_beside[high] |= picture[low] != 0
    inside = (slice(1, -1),) * picture.ndim
    inner, values = equal[inside], picture[inside]
    if not inner.size:
        return Surfaces(1.0, 0.0)
    rim = inner < 2 * picture.ndim
    marked = rim & (values != 0)
    alone = int(np.count_nonzero(marked & (inner == 0) & marked_beside[inside]))
    return Surfaces(1 - float(rim.mean()), alone / max(1, int(np.count_nonzero(marked))))


class Steps:
    """Where along the axes masks of one size change, added up over a set: an enlargement leaves places out.

    What is straight along a side of an object counts once: all of it lies there for one reason. Of a mask that was
    enlarged p / q times by nearest neighbour, steps fall on q of p places that return every p px.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._counts: dict[int, NDArray[np.int64]] = {}

    def add(self, mask: NDArray[Any], name: str) -> None:
        """Add a mask ([z,] y, x)."""
        self.names.append(name)
        for axis in range(mask.ndim):
            changes = np.diff((mask > 0).astype(np.int8), axis=axis) != 0
            others = tuple(other for other in range(mask.ndim) if other != axis)
            counts = _runs(changes, others).sum(axis=others)
            known = self._counts.get(axis, np.zeros(0, np.int64))
            size = max(len(known), len(counts))
            self._counts[axis] = np.pad(known, (0, size - len(known))) + np.pad(
                counts, (0, size - len(counts))
            )

    @property
    def enlarged(self) -> float | None:
        """How many times the masks were enlarged along every axis; None where that does not show."""
        if not self._counts:
            return None
        factors = [_factor(counts) for counts in self._counts.values()]
        known = [factor for factor in factors if factor is not None]
        return min(known) if len(known) == len(factors) else None


def _runs(changes: NDArray[np.bool_], others: Sequence[int]) -> NDArray[np.bool_]:
    """The first pixel of each straight run of changes along the other axes."""
    first = changes.copy()
    for other in others:
        first[(slice(None),) * other + (slice(1, None),)] &= ~changes[
            (slice(None),) * other + (slice(None, -1),)
        ]
    return first


def _factor(counts: NDArray[np.int64]) -> float | None:
    """How many times something was enlarged along an axis, by the number of its steps at each place."""
    best = None
    for period in range(2, min(LONGEST_PERIOD, len(counts) // 4) + 1):
        places = np.bincount(np.arange(len(counts)) % period, counts, period)
        usual = places.sum() / period
        left_out = int(np.count_nonzero(places <= HARDLY_ANY * usual))
        if usual >= FEWEST_PER_PLACE and left_out:
            factor = period / (period - left_out)
            best = factor if best is None else max(best, factor)
    return best


def background_marked(mask: NDArray[Any]) -> Literal["no", "maybe", "surely"]:
    """Whether the number at most of the border of a mask ([z,] y, x) stands for the surround of objects.

    surely: they are many, separate and round, and few are cut by the border. maybe: there are many islands in it.
    """
    border = np.ones(mask.shape, dtype=bool)
    border[(slice(1, -1),) * mask.ndim] = False
    values, counts = np.unique(mask[border], return_counts=True)
    value = values[counts.argmax()]
    marked = mask == value
    if value <= 0 or counts.max() < border.sum() / 2 or marked.mean() < 0.3:
        return "no"
    step = -(-max(mask.shape) // 512)
    marked = marked[(slice(None, None, step),) * mask.ndim]
    if looks_inverted(marked):
        return "surely"
    islands, own = ndimage.label(~marked)[1], ndimage.label(marked)[1]
    return "maybe" if islands >= max(5, 3 * own) else "no"


def regions_per_number(mask: NDArray[Any]) -> tuple[int, int]:
    """How many numbers above 0 a mask holds, and how many connected regions of equal number; diagonals connect."""
    whole = np.rint(np.asarray(mask)).astype(np.int64)
    numbers = np.unique(whole[whole > 0])
    if len(numbers) > 0.05 * whole.size:
        return len(numbers), whole.size
    in_turn = np.searchsorted(np.append(0, numbers), np.maximum(whole, 0)).astype(np.int32)
    boxes = ndimage.find_objects(in_turn)
    regions = sum(label_regions(whole[box] == number)[1] for number, box in zip(numbers, boxes, strict=True))
    return len(numbers), regions


def overlaid(colour: NDArray[Any], objects: NDArray[np.bool_]) -> bool:
    """Whether objects or their rims are painted in colour upon an image that is grey by itself.

    colour: (y, x, 3) red, green, blue; objects: (y, x) what the mask marks.
    """
    values = colour.astype(np.float32)
    spread, grey = values.max(axis=-1) - values.min(axis=-1), values.mean(axis=-1)
    rim = objects & ~ndimage.binary_erosion(objects, border_value=1)
    around = ndimage.binary_dilation(objects)
    outside = ~ndimage.binary_dilation(around)
    if not outside.any() or not rim.any() or grey[outside].std() < 1:
        return False
    if (spread[outside] <= SAME_GREY).mean() < 0.97:
        return False
    places = (objects, rim, around & ~objects)
    return any((spread[place] > COLOURED).mean() > 0.9 for place in places if place.any())


def rim_of_one_value(image: NDArray[Any], objects: NDArray[np.bool_]) -> float:
    """Largest share of the pixels along the rims of a mask that have one grey value, less its share inside or beyond.

    Outlines that were drawn into the image give one value that neither side has; saturated objects and black ground
    have it on one side as well. Of images that have only a few values 0 comes back.
    """
    rim = objects & ~ndimage.binary_erosion(objects, border_value=1)
    outer = ndimage.binary_dilation(objects) & ~objects
    elsewhere = image[~(rim | outer)]
    if len(np.unique(elsewhere)) < FEWEST_VALUES:
        return 0.0
    best = 0.0
    sides = [image[side] for side in (objects & ~rim, ~objects & ~outer) if side.any()]
    for line in (rim, outer):
        if line.any():
            values, counts = np.unique(image[line], return_counts=True)
            common = max(float((side == values[counts.argmax()]).mean()) for side in sides)
            best = max(best, float(counts.max() / counts.sum()) - common)
    return best
