"""Plots of found objects beside true ones, or of those of two raters: counts, sizes, and how well outlines fit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.figures.plots import (
    FAINT,
    FIRST,
    INK,
    PAGE_COLOURS,
    SECOND,
    as_svg,
    empty_figure,
    plot_style,
    whole_numbers,
)
from motes.output import write_text
from motes.score.counts import Agreement
from motes.score.scores import Value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A file of its own stands on white paper, and has no page to take its colours from.
PAPER_COLOURS = {INK: "#1b1d1f", FAINT: "#6a7075", FIRST: "#0072b2", SECOND: "#c25400"}
BINS = 24  # of a histogram, at most
SIDES = ("found", "true")
LINES = ("-", "--", ":")


@dataclass(frozen=True)
class OverIou:
    """A metric at each IoU that a pair has to reach: what it is called, and values by that threshold."""

    name: str
    values: Mapping[float, Value]


def bland_altman(counts: Agreement, sides: tuple[str, str] = SIDES) -> str:
    """SVG of the difference of two counts over their mean, an image a point, with bias and limits of agreement.

    The bands are 95 % intervals of the three lines, which a single image does not have. sides: what the two are
    called. Source of the picture: Bland & Altman 1986, Lancet 327, 307.
    """
    with plot_style():
        figure = empty_figure(5.6, 3.6)
        axes = figure.subplots()
        axes.axhline(0, color=FAINT, lw=0.6)
        limits = counts.limits
        _level(axes, limits.bias, "bias", FIRST, "-")
        if limits.upper.value > limits.lower.value:  # else all three are one line
            _level(axes, limits.upper, "upper limit", SECOND, "--")
            _level(axes, limits.lower, "lower limit", SECOND, "--")
        axes.plot(counts.means, counts.differences, "o", color=INK, mfc="none", ls="none", ms=4.5)
        axes.set(
            title="counts: 95 % of the differences are expected between the limits",
            xlabel=f"objects in an image (mean of {sides[0]} and {sides[1]})",
            ylabel=f"{sides[0]} - {sides[1]}",
        )
        whole_numbers([axes])
        return as_svg(figure)


def size_histograms(
    found: ArrayLike, truth: ArrayLike, sides: tuple[str, str] = SIDES, unit: str = "px"
) -> str:
    """SVG of how many objects there are of each diameter, found (n,) and true (m,), in that unit."""
    ours, theirs = np.asarray(found, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    with plot_style():
        figure = empty_figure(5.6, 3.2)
        axes = figure.subplots()
        edges = _edges(np.concatenate([ours, theirs]))
        for values, name, colour, line in ((ours, sides[0], FIRST, "-"), (theirs, sides[1], SECOND, "--")):
            heights = np.histogram(values, edges)[0]
            axes.stairs(heights, edges, color=colour, ls=line, lw=1.8, label=f"{name} ({len(values)})")
        axes.set(
            title="sizes", xlabel=f"diameter of a disc or ball of the same size, {unit}", ylabel="objects"
        )
        axes.set_ylim(0, None)
        axes.legend(loc="best")
        return as_svg(figure)


def iou_curves(metrics: list[OverIou]) -> str:
    """SVG of each metric (three at most) over the IoU that a pair has to reach, with bands of 95 % intervals."""
    with plot_style():
        figure = empty_figure(5.6, 3.6)
        axes = figure.subplots()
        for metric, colour, line in zip(metrics, (FIRST, SECOND, INK), LINES, strict=False):
            at = sorted(metric.values)
            value, low, high = (
                np.array([getattr(metric.values[each], end) for each in at])
                for end in ("value", "low", "high")
            )
            axes.plot(at, value, color=colour, ls=line, marker="o", label=metric.name)
            axes.fill_between(at, low, high, color=colour, alpha=0.15, lw=0)
        axes.set(
            title="how well outlines have to fit",
            xlabel="IoU that a pair of objects has to reach",
            ylabel="score",
            ylim=(0, 1.02),
        )
        axes.legend(loc="lower left")
        return as_svg(figure)


def save_svg(path: Path, svg: str) -> None:
    """Write a plot as a file of its own, on white, in one step; svg: as the functions here give it."""
    for stand_in, colour in PAPER_COLOURS.items():
        svg = svg.replace(PAGE_COLOURS[stand_in], colour)
    start = svg.index(">") + 1
    paper = '\n<rect width="100%" height="100%" fill="#ffffff"/>'
    write_text(path, f'<?xml version="1.0" encoding="utf-8"?>\n{svg[:start]}{paper}{svg[start:]}')


def _level(axes: "Axes", value: Value, name: str, colour: str, line: str) -> None:
    """A horizontal line with its interval as a band, where they are defined, and its name with the number."""
    if math.isnan(value.value):
        return
    axes.axhline(value.value, color=colour, ls=line)
    if not math.isnan(value.low):
        axes.axhspan(value.low, value.high, color=colour, alpha=0.12, lw=0)
    axes.annotate(
        f"{name} {value.value:.1f}",
        (1.01, value.value),
        xycoords=("axes fraction", "data"),
        color=INK,
        fontsize=8,
        va="center",
        annotation_clip=False,
    )


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of bins of one width for all values; one bin around a single value, or none."""
    if not values.size:
        return np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    return np.linspace(low, high, min(BINS, max(4, math.isqrt(values.size))) + 1)
