"""Examples of a training with masks: an image with the outlines of truth and prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import binary_erosion

from motes.figures.examples import GREYS, LARGEST, probability_picture, small
from motes.figures.pages import data_uri
from motes.figures.pictures import CLASS_COLOURS, grey, middle_section
from motes.score.metrics import f_beta

COLOURS = tuple("#" + bytes(colour).hex() for colour in CLASS_COLOURS)
BLUE, ORANGE = COLOURS[:2]
MOST_ZOOM = 4


@dataclass(frozen=True)
class Regions:
    """The pixels of one class, each bool as the data: found, true, and those whose class is known."""

    name: str
    found: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True)
class MaskExample:
    """One image with its map and its regions by class.

    data, probability: (y, x) or (z, y, x); of several classes the highest probability.
    """

    name: str
    data: NDArray[np.float32]
    probability: NDArray[np.float32]
    classes: Sequence[Regions]


@dataclass(frozen=True)
class MaskExampleView:
    """What a page shows of an example; pictures are (PNG inside an address, what it shows)."""

    name: str
    pictures: list[tuple[str, str]]
    f1: float


def pixel_f1(regions: Regions) -> float:
    """F1 of the pixels of one class whose class is known; nan where none is found and none is true."""
    found, truth = regions.found & regions.known, regions.truth & regions.known
    both = int(np.count_nonzero(found & truth))
    return float(f_beta(both, int(np.count_nonzero(found)) - both, int(np.count_nonzero(truth)) - both))


def mean_pixel_f1(classes: Sequence[Regions]) -> float:
    """The mean F1 over the classes that have one; nan where none has."""
    values = [pixel_f1(each) for each in classes]
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def mask_view(example: MaskExample) -> MaskExampleView:
    """Draw an example; of a volume, the middle section.

    One class: truth in blue and prediction in orange on one picture. Several: a picture each, a colour for
    each class.
    """
    found = [each.found for each in example.classes]
    truth = [each.truth for each in example.classes]
    if len(example.classes) == 1:
        pictures = [(outlined(example.data, [*truth, *found]), "The image with outlines")]
    else:
        pictures = [
            (outlined(example.data, truth), "The image with the outlines of the masks"),
            (outlined(example.data, found), "The image with the outlines of what was found"),
        ]
    pictures.append((probability_picture(example.probability), "The probability"))
    return MaskExampleView(example.name, pictures, mean_pixel_f1(example.classes))


def outlined(data: NDArray[np.float32], regions: Sequence[NDArray[np.bool_]]) -> str:
    """A PNG, inside an address, of an image with the outlines of regions, each in its colour of COLOURS.

    data, regions: (y, x), or (z, y, x) of which the middle section is shown. A small image is enlarged, for
    its outlines to be thin.
    """
    picture = small(grey(middle_section(data)))
    zoom = max(1, min(MOST_ZOOM, LARGEST // max(picture.size)))
    size = (picture.width * zoom, picture.height * zoom)
    numbers = np.asarray(picture.resize(size, PillowImage.Resampling.BILINEAR)) // (256 // GREYS)
    for number, region in enumerate(regions):
        numbers[_outline(middle_section(region), size)] = GREYS + number % len(COLOURS)
    drawn = PillowImage.fromarray(numbers)
    drawn.putpalette(_palette())
    return data_uri(drawn)


def _outline(region: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The outermost pixels of a region (y, x), on a picture of a size (x, y); a region on the rim stays open there."""
    flat = PillowImage.fromarray(region.astype(np.uint8) * 255).resize(size, PillowImage.Resampling.BOX)
    inside = np.asarray(flat) >= 128
    outermost: NDArray[np.bool_] = inside & ~binary_erosion(inside, border_value=1)
    return outermost


def _palette() -> bytes:
    """GREYS greys, then COLOURS."""
    greys = [(level * 255 // (GREYS - 1),) * 3 for level in range(GREYS)]
    colours = [tuple(bytes.fromhex(colour[1:])) for colour in COLOURS]
    return bytes(value for colour in [*greys, *colours] for value in colour)
