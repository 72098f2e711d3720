"""The plots of what a study found: values and differences with their intervals, steps, interactions."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product
from math import isfinite
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from motes.figures.pages import shown
from motes.figures.plots import (
    ARMS,
    FAINT,
    FIRST,
    INK,
    SECOND,
    as_svg,
    empty_figure,
    plot_style,
)
from motes.figures.study_results import Arm, Comparison, Interval
from motes.figures.study_tables import value_of
from motes.figures.study_words import metric_words, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 8.4  # inches
LETTERS = 40  # of a name, before it goes on in the next line
LINE = 0.6  # of a row's height: each further line of a name
DISTINCT = ("higher", "lower")  # words of a comparison that found a difference
FEW_STEPS, MANY_STEPS = 5, 14  # of a ladder, up to which their names lie flat, or slanted
MOST_ROWS = 30  # of a forest plot, that still fit on a sheet of paper
LINES = ("-", "--", "-.", ":")
Named = tuple[str, Interval]


def values_plot(
    arms: Sequence[Arm],
    base: str,
    metric: str,
    targets: Mapping[str, float],
    published: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """SVG of the value of a metric by arm with its interval, ensembles below, targets as dashed lines.

    published: by arm, what others found: short upright lines.
    """
    nets, ensembles = [arm for arm in arms if not arm.ensemble], [arm for arm in arms if arm.ensemble]
    places = _rows([arm.name for arm in nets], [arm.name for arm in ensembles])
    with plot_style():
        figure = empty_figure(WIDTH, _height(places))
        axes = figure.subplots()
        for arm, place in zip([*nets, *ensembles], places, strict=True):
            colour, marker = _look(arm, base)
            draw_interval(axes, place, value_of(arm, metric), colour, marker)
            _beside(axes, place, shown(value_of(arm, metric).value))
            of_others = (published or {}).get(arm.name, ())
            axes.plot(of_others, [place] * len(of_others), "|", color=SECOND, ms=11, mew=1.4)
        of_base = next((value_of(arm, metric).value for arm in arms if arm.name == base), np.nan)
        if isfinite(of_base):
            axes.axvline(of_base, color=FAINT, lw=0.8, ls=":", zorder=0)
        _target_lines(axes, targets)
        _name_rows(axes, places, [arm.name for arm in [*nets, *ensembles]])
        axes.set_xlabel(f"{metric_words(metric)} on test images, mean and 95 % interval")
        return as_svg(figure)


def _look(arm: Arm, base: str) -> tuple[str, str]:
    """Colour and marker of an arm."""
    if arm.name == base:
        return INK, "D"
    return (SECOND, "s") if arm.ensemble else (FIRST, "o")


def _target_lines(axes: "Axes", targets: Mapping[str, float]) -> None:
    """A dashed line for each target, its name above it; each name stands higher than the one before."""
    for number, (name, value) in enumerate(sorted(targets.items(), key=lambda each: each[1])):
        axes.axvline(value, color=SECOND, lw=1.2, ls="--", zorder=0)
        axes.annotate(
            f"{name} {shown(value)}",
            (value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 12 * number),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=SECOND,
        )


def forest_plots(comparisons: Sequence[Comparison]) -> list[str]:
    """SVGs of differences in one metric with their intervals around zero, all with the same x axis.

    What was guessed is a pale bar behind; a filled mark is a difference that was found. No more than MOST_ROWS rows
    in each SVG; kinds of comparisons stand apart, and are not divided where they need not be.
    """
    limits = _limits(comparisons)
    plots: list[list[Comparison]] = []
    for kind in dict.fromkeys(each.kind for each in comparisons):
        ones = [each for each in comparisons if each.kind == kind]
        for first in range(0, len(ones), MOST_ROWS):
            some = ones[first : first + MOST_ROWS]
            if plots and len(plots[-1]) + len(some) <= MOST_ROWS:
                plots[-1] += some
            else:
                plots.append(some)
    return [_forest_plot(some, limits) for some in plots]


def _limits(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    """From where to where the x axis goes: zero, all differences, intervals and guesses, and a little more."""
    ends = [0.0]
    for each in comparisons:
        ends += [each.difference.value, each.difference.low, each.difference.high]
        ends += [bound / 100 for bound in each.guessed or ()]
    known = [end for end in ends if isfinite(end)]
    more = 0.05 * ((max(known) - min(known)) or 1)
    return min(known) - more, max(known) + more


def _forest_plot(comparisons: Sequence[Comparison], limits: tuple[float, float]) -> str:
    names = [each.name for each in comparisons]
    kinds = dict.fromkeys(each.kind for each in comparisons)
    places = _rows(*([each.name for each in comparisons if each.kind == kind] for kind in kinds))
    with plot_style():
        figure = empty_figure(WIDTH, _height(places))
        axes = figure.subplots()
        axes.axvline(0, color=INK, lw=0.8, zorder=0)
        for each, place in zip(comparisons, places, strict=True):
            if each.guessed is not None:
                low, high = (bound / 100 for bound in each.guessed)
                axes.barh(place, high - low, left=low, height=0.62, color=SECOND, alpha=0.25, lw=0)
            draw_interval(axes, place, each.difference, FIRST, "o", filled=each.words in DISTINCT)
            _beside(axes, place, signed(each.difference.value))
        _name_rows(axes, places, names)
        axes.set(
            xlim=limits, xlabel=f"difference in {metric_words(comparisons[0].metric)}, with its 95 % interval"
        )
        return as_svg(figure)


def staircase(steps: Sequence[Arm], metric: str, targets: Mapping[str, float]) -> str:
    """SVG of a metric over the steps of a ladder, with intervals."""
    values = np.array([value_of(arm, metric).value for arm in steps])
    places = np.arange(len(steps), dtype=np.float64)
    with plot_style():
        figure = empty_figure(WIDTH, 3.2 if len(steps) <= FEW_STEPS else 4.1)
        axes = figure.subplots()
        axes.step(places, values, where="mid", color=FIRST, lw=1, alpha=0.6)
        for place, arm in zip(places, steps, strict=True):
            draw_interval(axes, place, value_of(arm, metric), FIRST, "o", upright=True)
        target_levels(axes, targets)
        _name_steps(axes, places, [arm.name for arm in steps])
        axes.set_ylabel(f"{metric_words(metric)} on test images")
        return as_svg(figure)


def target_levels(axes: "Axes", targets: Mapping[str, float]) -> None:
    """A dashed line across for each target; names left and right in turn, so that those of close lines stay apart."""
    for number, (name, value) in enumerate(sorted(targets.items(), key=lambda each: each[1])):
        side = number % 2
        axes.axhline(value, color=SECOND, lw=1.2, ls="--", zorder=0)
        axes.annotate(
            f"{name} {shown(value)}",
            (side, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="right" if side else "left",
            fontsize=8,
            color=SECOND,
        )


def _name_steps(axes: "Axes", places: NDArray[np.float64], names: Sequence[str]) -> None:
    """Write the names below the steps: slanted where there are many, upright where there are very many."""
    turned = 0 if len(names) <= FEW_STEPS else 40 if len(names) <= MANY_STEPS else 90
    wrapped = [fill(name, LETTERS if turned == 90 else 24) for name in names]
    axes.set_xticks(places, wrapped, rotation=turned, ha="right" if turned == 40 else "center")
    axes.tick_params(axis="x", labelsize=7 if turned == 90 else 9)
    axes.set_xlim(-0.5, len(names) - 0.5)


def cells(arms: Sequence[Arm], factors: Mapping[str, Sequence[str]]) -> dict[tuple[str, ...], Arm]:
    """The arm at each combination of levels of a factorial, named by these, as gate-32; empty where one is missing."""
    by_name = {arm.name: arm for arm in arms}
    names = {levels: "-".join(levels) for levels in product(*factors.values())} if factors else {}
    whole = all(name in by_name for name in names.values())
    return {levels: by_name[name] for levels, name in names.items()} if whole else {}


def interaction_plot(arms: Sequence[Arm], factors: Mapping[str, Sequence[str]], metric: str) -> str:
    """SVG of a panel for each pair of factors: a line for each level of the second, means over all others.

    Empty where the arms do not fill all combinations, or where there is one factor only.
    """
    placed = cells(arms, factors)
    pairs = list(combinations(range(len(factors)), 2))
    if not placed or not pairs:
        return ""
    across = min(3, len(pairs))
    down = -(-len(pairs) // across)
    with plot_style():
        figure = empty_figure(WIDTH if across > 1 else 4.6, 2.9 * down)
        panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
        for axes, pair in zip(panels, pairs, strict=False):
            _interaction(axes, placed, factors, pair, metric)
        for axes in panels[len(pairs) :]:
            axes.set_axis_off()
        return as_svg(figure)


def _interaction(
    axes: "Axes",
    placed: Mapping[tuple[str, ...], Arm],
    factors: Mapping[str, Sequence[str]],
    pair: tuple[int, int],
    metric: str,
) -> None:
    """Draw the means of a metric over the levels of one factor, a line for each level of another."""
    along, line = pair
    name, other = list(factors)[along], list(factors)[line]
    for number, level in enumerate(factors[other]):
        means = [mean_at(placed, metric, {along: each, line: level}) for each in factors[name]]
        colour, dashes = ARMS[number % len(ARMS)], LINES[number % len(LINES)]
        axes.plot(means, color=colour, ls=dashes, marker="o", label=f"{other}={level}")
    axes.set_xticks(range(len(factors[name])), [fill(level, 14) for level in factors[name]])
    axes.set(xlabel=name, ylabel=metric_words(metric))
    axes.margins(x=0.15, y=0.15)
    axes.legend(loc="best", fontsize=8)


def mean_at(placed: Mapping[tuple[str, ...], Arm], metric: str, levels: Mapping[int, str]) -> float:
    """The mean of a metric over all arms that have these levels, by the number of their factor."""
    chosen = [
        arm for key, arm in placed.items() if all(key[place] == level for place, level in levels.items())
    ]
    return float(np.mean([value_of(arm, metric).value for arm in chosen]))


def draw_interval(
    axes: "Axes",
    place: float,
    interval: Interval,
    colour: str,
    marker: str,
    *,
    filled: bool = True,
    upright: bool = False,
) -> None:
    """Draw a value with its interval where these are known, along x, or along y where upright."""
    if not isfinite(interval.value):
        return
    where = (place, interval.value) if upright else (interval.value, place)
    if isfinite(interval.low) and isfinite(interval.high):
        draw = axes.vlines if upright else axes.hlines
        draw(place, interval.low, interval.high, color=colour, lw=1.6)
    axes.plot(*where, marker=marker, ms=6, color=colour, mfc=colour if filled else "none", mew=1.4, ls="none")


def _beside(axes: "Axes", place: float, text: str) -> None:
    """Write a number at the right margin of a row."""
    axes.annotate(
        text,
        (1.01, place),
        xycoords=("axes fraction", "data"),
        va="center",
        annotation_clip=False,
        fontsize=8,
    )


def _rows(*groups: Sequence[str]) -> NDArray[np.float64]:
    """Where the rows of groups of names stand, downwards from 0, with room between groups and for long names."""
    places: list[float] = []
    place = 0.0
    for names in groups:
        for name in names:
            more = LINE * fill(name, LETTERS).count("\n")
            places.append(place - more / 2)
            place -= 1 + more
        place -= 0.5
    return np.array(places)


def _height(places: NDArray[np.float64]) -> float:
    """Inches for so many rows, closer where there are many of one line each, and for the axis below them."""
    rows = float(np.ptp(places))
    close = len(places) > 24 and rows < 1.2 * len(places)
    return 0.95 + (0.21 if close else 0.27) * rows


def _name_rows(axes: "Axes", places: NDArray[np.float64], names: Sequence[str]) -> None:
    axes.set_yticks(places, [fill(name, LETTERS) for name in names])
    axes.set_ylim(float(places.min()) - 0.7, float(places.max()) + 0.7)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, alpha=0.25, lw=0.6)
    axes.set_axisbelow(True)
