"""Examples in a report: an image with what was found and missed, beside its probability map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.data.sampling import Pixels
from motes.figures.pages import data_uri
from motes.figures.pictures import (
    CLASS_COLOURS,
    circles,
    class_sections,
    coloured,
    grey,
    middle_section,
    planes_of,
    section,
)
from motes.picks import Picks
from motes.score.matching import match, nothing_ignored
from motes.score.metrics import Counts, count, f_beta

LARGEST = 512  # px: what a page shows of an image, to keep its file small
SHADES = 16  # of a class, from grey to its colour
MOST_PLANES = 2  # of a volume; they cost most of the page's size
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
    """One image with its maps and its picks by class, all in the pixels of data.

    data, probability: (y, x) or (z, y, x), at the working scale; of several classes the highest probability. maps:
    (classes, [z,] y, x), shown in the colours of the classes in place of probability. planes: of a volume, those
    that these arrays consist of; None: all. A probability (y, x) of a volume is that of its middle plane, which alone
    is then shown.
    """

    name: str
    data: Pixels
    probability: Pixels
    classes: Sequence[ClassPicks]
    maps: Pixels | None = None
    planes: tuple[int, ...] | None = None

    @property
    def shown(self) -> list[int] | list[None]:
        """The planes of a volume that are shown; [None] for an image."""
        if self.probability.ndim < self.data.ndim:
            return [self.data.shape[0] // 2]
        return list(self.planes) if self.planes else shown_planes(self.data.shape, self.classes)


@dataclass(frozen=True)
class Marks:
    """Circles of one kind (right, wrong, missed) and class, (n, 3) rows of y, x, radius in px of what is shown."""

    kind: str
    class_number: int
    class_name: str
    rows: NDArray[np.float64]


@dataclass(frozen=True)
class SectionView:
    """An image, or one plane of a volume, counted from 0; image and probability are PNGs inside addresses."""

    plane: int | None
    image: str
    probability: str
    marks: list[Marks]


@dataclass(frozen=True)
class ExampleView:
    """What a page shows of an example.

    counts: by class. f1: the mean over the classes that have one. coloured: probabilities are in the colours of the
    classes.
    """

    name: str
    width: int
    height: int
    sections: list[SectionView]
    counts: dict[str, Counts]
    f1: float
    coloured: bool = False

    @property
    def image(self) -> str:
        """Of the first section."""
        return self.sections[0].image

    @property
    def probability(self) -> str:
        """Of the first section."""
        return self.sections[0].probability

    @property
    def marks(self) -> list[Marks]:
        """Of the first section."""
        return self.sections[0].marks


def shown_planes(shape: Sequence[int], classes: Sequence[ClassPicks]) -> list[int] | list[None]:
    """The planes of a volume that show most of its picks and of its truth; [None] for an image."""
    marked = [(picks, each.diameter) for each in classes for picks in (each.picks, each.truth)]
    return planes_of(shape, marked, MOST_PLANES)


def cut_example(name: str, data: Pixels, maps: Pixels, classes: Sequence[ClassPicks]) -> Example:
    """An example of which only the planes that will be shown are read and kept.

    data: (y, x) or (z, y, x). maps: (classes, [z,] y, x).
    """
    chosen = shown_planes(data.shape, classes)
    cut = np.stack([section(data, plane) for plane in chosen])
    cut_maps = np.stack([class_sections(maps, plane) for plane in chosen], axis=1)
    planes = tuple(plane for plane in chosen if plane is not None)
    if not planes:
        cut, cut_maps = cut[0], cut_maps[:, 0]
    return Example(
        name, cut, cut_maps.max(axis=0), classes, cut_maps if len(cut_maps) > 1 else None, planes or None
    )


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
    """Match the picks of an example with its truth and draw it; of a volume, the planes that are shown."""
    groups = [_groups(each) for each in example.classes]
    height, width = example.data.shape[-2:]
    return ExampleView(
        name=example.name,
        width=width,
        height=height,
        sections=[
            _section_view(example, groups, number, plane) for number, plane in enumerate(example.shown)
        ],
        counts={
            each.name: Counts(*(len(picks) for picks in group.values()))
            for each, group in zip(example.classes, groups, strict=True)
        },
        f1=mean_f1(example.classes),
        coloured=example.maps is not None,
    )


def _section_view(
    example: Example, groups: Sequence[Mapping[str, Picks]], number: int, plane: int | None
) -> SectionView:
    """One plane of an example, the number-th that is shown."""
    place = number if example.planes else plane  # in the arrays
    data = section(example.data, place)
    marks = []
    for order, (each, group) in enumerate(zip(example.classes, groups, strict=True)):
        for kind, picks in group.items():
            drawn = circles(
                picks, data.shape if plane is None else (plane + 1, *data.shape), each.diameter, plane
            )
            marks.append(Marks(kind, order, each.name, drawn[drawn[:, 2] > 0]))
    if example.maps is None:
        of_volume = example.probability.ndim == 3
        beside = probability_picture(section(example.probability, place if of_volume else None))
    else:
        beside = data_uri(few_colours(small(coloured(data, class_sections(example.maps, place)))))
    return SectionView(plane, data_uri(few_greys(small(grey(data)))), beside, marks)


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


def few_colours(picture: PillowImage.Image) -> PillowImage.Image:
    """A picture of `coloured` in dimmed greys and SHADES of each class, so that rare classes keep theirs."""
    greys = [(value, value, value) for value in range(0, 128, 4)]
    below = np.array([greys[len(greys) // 2]], dtype=np.float64)
    shares = np.arange(1, SHADES + 1)[:, None] / SHADES
    shades = [below * (1 - shares) + np.array([colour]) * shares for colour in CLASS_COLOURS]
    palette = PillowImage.new("P", (1, 1))
    palette.putpalette(np.concatenate([greys, *shades]).round().astype(np.uint8).tobytes())
    return picture.quantize(palette=palette, dither=PillowImage.Dither.NONE)


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
