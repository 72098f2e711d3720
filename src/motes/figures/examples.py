"""Examples in a report: an image with what was found and missed, beside its probability map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.figures.pages import data_uri
from motes.figures.pictures import circles, grey, middle_section
from motes.picks import Picks
from motes.score.matching import match, nothing_ignored
from motes.score.metrics import Counts, count, f_beta

LARGEST = 512  # px: what a page shows of an image, to keep its file small
GREYS = 64  # the noise of a micrograph compresses badly; nobody sees more greys in it


@dataclass(frozen=True)
class ClassPicks:
    """The accepted picks of one class in an image, and its truth; diameter: of a particle, px."""

    name: str
    picks: Picks
    truth: Picks
    diameter: float


@dataclass(frozen=True)
class Example:
    """One image with its map and its picks by class, all in the pixels of data.

    data, probability: (y, x) or (z, y, x), at the working scale; of several classes the highest probability.
    """

    name: str
    data: NDArray[np.float32]
    probability: NDArray[np.float32]
    classes: Sequence[ClassPicks]


@dataclass(frozen=True)
class Marks:
    """Circles of one kind (right, wrong, missed) and class, (n, 3) rows of y, x, radius in px of what is shown."""

    kind: str
    class_number: int
    class_name: str
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class ExampleView:
    """What a page shows of an example; image and probability are PNGs inside addresses.

    counts: by class. f1: the mean over the classes that have one.
    """

    name: str
    width: int
    height: int
    image: str
    probability: str
    marks: list[Marks]
    counts: dict[str, Counts]
    f1: float


def f1_of(picks: Picks, truth: Picks, diameter: float) -> float:
    """F1 of one image, a pick counting within half a diameter (px); nan without picks and truth."""
    counts = count(match(picks, truth, diameter / 2), nothing_ignored(picks, truth))
    return float(f_beta(counts.true_positives, counts.false_positives, counts.false_negatives))


def mean_f1(classes: Sequence[ClassPicks]) -> float:
    """The mean F1 over the classes that have one; nan where none has."""
    values = [f1_of(each.picks, each.truth, each.diameter) for each in classes]
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def view(example: Example) -> ExampleView:
    """Match the picks of an example with its truth and draw it; of a volume, the middle section."""
    section = middle_section(example.data)
    marks: list[Marks] = []
    counts = {}
    for number, each in enumerate(example.classes):
        groups = _groups(each)
        counts[each.name] = Counts(*(len(picks) for picks in groups.values()))
        for kind, picks in groups.items():
            drawn = circles(picks, example.data.shape, each.diameter)
            marks.append(Marks(kind, number, each.name, drawn[drawn[:, 2] > 0]))
    return ExampleView(
        name=example.name,
        width=section.shape[1],
        height=section.shape[0],
        image=data_uri(few_greys(small(grey(section)))),
        probability=probability_picture(example.probability),
        marks=marks,
        counts=counts,
        f1=mean_f1(example.classes),
    )


def _groups(found: ClassPicks) -> dict[str, Picks]:
    """The picks that are right and those that are wrong, and the truth that is missed, in this order."""
    pairs = match(found.picks, found.truth, found.diameter / 2)
    right = np.isin(np.arange(len(found.picks)), pairs.pairs[:, 0])
    met = np.isin(np.arange(len(found.truth)), pairs.pairs[:, 1])
    return {
        "right": found.picks.select(right),
        "wrong": found.picks.select(~right),
        "missed": found.truth.select(~met),
    }


def probability_picture(probability: NDArray[np.float32]) -> str:
    """A map, or a volume's middle section, in the colours of viridis, as a PNG inside an address."""
    return data_uri(_coloured(few_greys(small(_bytes(middle_section(probability))))))


def small(picture: PillowImage.Image) -> PillowImage.Image:
    """The picture, its longer side at most LARGEST pixels."""
    factor = LARGEST / max(picture.size)
    if factor >= 1:
        return picture
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, PillowImage.Resampling.BOX)


def few_greys(picture: PillowImage.Image) -> PillowImage.Image:
    """The picture in no more than GREYS greys."""
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
