"""Examples in a report: an image with what was found and missed, beside its probability map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.figures.pages import data_uri
from motes.figures.pictures import circles, grey, middle_section
from motes.picks import Picks
from motes.score.matching import match, nothing_ignored
from motes.score.metrics import Counts, count, f_beta

LARGEST = 800  # px: what a page shows of an image, to keep its file small
GREYS = 64  # the noise of a micrograph compresses badly; nobody sees more greys in it


@dataclass(frozen=True)
class Example:
    """One image with its map, its accepted picks and its truth, all in the pixels of data.

    data, probability: (y, x) or (z, y, x), at the working scale. diameter: of a particle, px.
    """

    name: str
    data: NDArray[np.float32]
    probability: NDArray[np.float32]
    picks: Picks
    truth: Picks
    diameter: float


@dataclass(frozen=True)
class Marks:
    """Circles of one kind, (n, 3) rows of y, x, radius in pixels of the section that is shown."""

    kind: str
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class ExampleView:
    """What a page shows of an example; image and probability are PNGs inside addresses."""

    name: str
    width: int
    height: int
    image: str
    probability: str
    marks: list[Marks]
    counts: Counts
    f1: float


def f1_of(picks: Picks, truth: Picks, diameter: float) -> float:
    """F1 of one image, a pick counting within half a diameter (px); nan without picks and truth."""
    counts = count(match(picks, truth, diameter / 2), nothing_ignored(picks, truth))
    return float(f_beta(counts.true_positives, counts.false_positives, counts.false_negatives))


def view(example: Example) -> ExampleView:
    """Match the picks of an example with its truth and draw it; of a volume, the middle section."""
    section = middle_section(example.data)
    pairs = match(example.picks, example.truth, example.diameter / 2)
    right = np.isin(np.arange(len(example.picks)), pairs.pairs[:, 0])
    found = np.isin(np.arange(len(example.truth)), pairs.pairs[:, 1])
    groups = {
        "right": example.picks.select(right),
        "wrong": example.picks.select(~right),
        "missed": example.truth.select(~found),
    }
    marks = [
        Marks(kind, drawn[drawn[:, 2] > 0])
        for kind, picks in groups.items()
        for drawn in [circles(picks, example.data.shape, example.diameter)]
    ]
    return ExampleView(
        example.name,
        section.shape[1],
        section.shape[0],
        data_uri(_few_greys(_small(grey(section)))),
        data_uri(_coloured(_small(_bytes(middle_section(example.probability))))),
        marks,
        Counts(int(right.sum()), int((~right).sum()), int((~found).sum())),
        f1_of(example.picks, example.truth, example.diameter),
    )


def _small(picture: PillowImage.Image) -> PillowImage.Image:
    """The picture, its longer side at most LARGEST pixels."""
    factor = LARGEST / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, PillowImage.Resampling.BOX)


def _few_greys(picture: PillowImage.Image) -> PillowImage.Image:
    step = 256 // GREYS
    return picture.point([value // step * 255 // (GREYS - 1) for value in range(256)])


def _bytes(probability: NDArray[np.float32]) -> PillowImage.Image:
    """Probabilities (y, x) as 8-bit values, 255 for 1."""
    return PillowImage.fromarray((np.clip(probability, 0, 1) * 255).astype(np.uint8))


def _coloured(picture: PillowImage.Image) -> PillowImage.Image:
    """8-bit values in the colours of viridis, which fall evenly on every kind of colour vision."""
    from matplotlib import colormaps

    palette = (colormaps["viridis"](np.arange(256))[:, :3] * 255).astype(np.uint8)
    coloured = picture.copy()
    coloured.putpalette(palette.tobytes())
    return coloured
