"""The page on images with masks that are to be trained on: what is there, what is wrong, which recipe fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.figures.mask_examples import outlined
from motes.figures.pages import write_page
from motes.figures.pictures import middle_section
from motes.figures.plots import FAINT, FIRST, SECOND, as_svg, empty_figure, plot_style

BINS = 24
MOST_ROWS = 500  # of the table of images; --json has them all
CROP = 6  # diameters that a crop is wide
LEAST_CROP = 64  # px


@dataclass(frozen=True)
class MaskPicture:
    """An image with the outline of its mask, and a crop of it, each a PNG inside an address.

    crop: empty where the image is no larger than it would be.
    """

    name: str
    words: str
    whole: str
    crop: str = ""


@dataclass(frozen=True)
class FaultShown:
    """Something wrong, its evidence as (what, value), and pictures of it. images: the names of all."""

    message: str
    images: Sequence[str]
    evidence: Sequence[tuple[str, str]]
    unusable: bool
    pictures: Sequence[MaskPicture] = ()


@dataclass(frozen=True)
class Histogram:
    """Values of one quantity, with the range (least, most) of the domain that they are compared with."""

    title: str
    unit: str
    values: NDArray[np.float64]
    domain: tuple[float, float] | None = None


@dataclass(frozen=True)
class AdviceShown:
    """One row of the recommendation. changed: whether the recipe has another value."""

    field: str
    value: str
    reason: str
    changed: bool


@dataclass(frozen=True)
class MaskReport:
    """All that the page tells.

    found: sentences. rows: (what, value) of the whole set. domain: what recipe the data are compared with, in words,
    empty where none is known. images: rows by the columns of the table, most suspicious first.
    """

    answer: str
    faults: Sequence[FaultShown]
    found: Sequence[str]
    rows: Sequence[tuple[str, str]]
    histograms: Sequence[Histogram]
    examples: Sequence[MaskPicture]
    domain: str
    differences: Sequence[str]
    recipe: str
    reason: str
    advice: Sequence[AdviceShown]
    command: str
    columns: Sequence[str]
    images: Sequence[Sequence[str]]
    title: str = "Images and masks before training"


def write_mask_report(path: Path, report: MaskReport) -> None:
    """Write the page as one HTML file; OutputError where it cannot be written."""
    kept = [each for each in report.histograms if len(each.values)]
    write_page(
        path,
        "mask_report.html",
        title=report.title,
        report=report,
        histograms=[(each.title, histogram(each)) for each in kept],
        banded=any(each.domain is not None for each in kept),
        most_rows=MOST_ROWS,
    )


def histogram(shown: Histogram) -> str:
    """SVG of how often each value occurs, the range of the domain shaded, the median as a line."""
    with plot_style():
        figure = empty_figure(3.4, 2.3)
        axes = figure.subplots()
        if shown.domain is not None:
            low, high = shown.domain
            axes.axvspan(low, high, color=SECOND, alpha=0.25, lw=0)
            if low == high:
                axes.axvline(low, color=SECOND, lw=2.5, alpha=0.6)
        axes.hist(shown.values, bins=_bins(shown.values).tolist(), color=FIRST)
        axes.axvline(float(np.median(shown.values)), color=FAINT, lw=1, ls="--")
        axes.set(title=shown.title, xlabel=shown.unit)
        return as_svg(figure)


def _bins(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins of equal width from the least to the highest value; more bins for more values."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.linspace(low - 0.5, high + 0.5, 4)
    return np.linspace(low, high, min(BINS, max(5, len(values))) + 1)


def mask_picture(
    name: str, words: str, image: NDArray[np.float32], mask: NDArray[np.signedinteger[Any]], diameter: float
) -> MaskPicture:
    """Draw an image with the outlines of its mask, of objects that touch each its own, and a crop.

    image, mask: ([z,] y, x), of a volume the middle section is shown; mask: whole numbers, 0 and below are no object.
    The crop lies around the object nearest to the middle. diameter: of the objects, px; nan where it is not known.
    Where both are not of one size there is no outline, and the mask stands in place of the crop.
    """
    flat, marks = middle_section(image), middle_section(mask)
    if flat.shape != marks.shape:
        return MaskPicture(name, words, outlined(flat, []), outlined(marks.astype(np.float32), []))
    regions = apart(marks)
    none = np.zeros_like(regions)  # takes the first colour, and orange is plainer on grey
    side = int(max(LEAST_CROP, CROP * diameter)) if np.isfinite(diameter) else LEAST_CROP
    window = tuple(_stretch(at, side, size) for at, size in zip(_centre(regions), flat.shape, strict=True))
    smaller = any(part.stop - part.start < 0.75 * size for part, size in zip(window, flat.shape, strict=True))
    crop = outlined(flat[window], [none[window], regions[window]]) if smaller else ""
    return MaskPicture(name, words, outlined(flat, [none, regions]), crop)


def apart(marks: NDArray[np.signedinteger[Any]]) -> NDArray[np.bool_]:
    """Pixels of objects (y, x), with a line of none between two objects that touch."""
    inside = marks > 0
    for axis in range(marks.ndim):
        ahead = np.moveaxis(marks, axis, 0)
        border = (ahead[:-1] != ahead[1:]) & (ahead[:-1] > 0) & (ahead[1:] > 0)
        np.moveaxis(inside, axis, 0)[:-1][border] = False
    return inside


def _centre(regions: NDArray[np.bool_]) -> tuple[int, ...]:
    """The pixel of an object nearest to the middle, or the middle."""
    middle = np.array(regions.shape) // 2
    places = np.argwhere(regions)
    if not len(places):
        return tuple(int(each) for each in middle)
    nearest = places[int(((places - middle) ** 2).sum(axis=1).argmin())]
    return tuple(int(each) for each in nearest)


def _stretch(at: int, side: int, size: int) -> slice:
    start = max(0, min(at - side // 2, size - side))
    return slice(start, min(size, start + side))
