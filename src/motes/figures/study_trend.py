"""What a rule put to the test adds to the page of a study: the best value by the number of objects."""

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Literal

import numpy as np

from motes.figures.pages import shown
from motes.figures.plots import ARMS, FIRST, SECOND, as_svg, empty_figure, plot_style
from motes.figures.study_plots import LINES, WIDTH, draw_interval
from motes.figures.study_results import AtDensity, StudyResults, TrendResult
from motes.figures.study_tables import Figure, Row, Table, numbers
from motes.figures.study_words import metric_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGES = {-1: "the lowest tried", 0: "", 1: "the highest tried"}


def trend_tables(results: StudyResults) -> list[Table]:
    """The best value at each density, of a study that puts a rule to the test."""
    return [] if results.trend is None else [trend_table(results.trend, results.metric)]


def trend_plots(results: StudyResults) -> list[Figure]:
    """The figure of a rule put to the test; none where a study has none."""
    if results.trend is None:
        return []
    name, words = results.trend.field, metric_words(results.metric)
    caption = (
        f"Left: the best {name} by the number of objects in an image, with its 95 % interval; the line through the "
        f"trainings, and, dashed, the slope that the rule says. Right: {words} for each {name} that was tried, a line "
        "for each number of objects."
    )
    return [Figure(trend_plot(results.trend, results.metric), f"Best {name} by number of objects", caption)]


def trend_table(trend: TrendResult, metric: str) -> Table:
    """The best value at each density with its interval, and what each value that was tried gives."""
    heads = [
        *numbers("objects an image", f"best {trend.field}"),
        *numbers(*(f"{metric_words(metric)} at {value:g}" for value in trend.tried)),
    ]
    slope = f"{trend.slope.value:+.2f}"
    if isfinite(trend.slope.low):
        slope += f" (95 % interval {trend.slope.low:+.2f} to {trend.slope.high:+.2f})"
    meanings = [
        (
            f"best {trend.field}",
            "the mean over seeds, on a scale of ratios, of the summit of a parabola through the best value and its two "
            "neighbours; below it the 95 % interval over seeds, whose spread is taken as that of all rows together",
        ),
        (
            "the rule",
            f"{trend.rule}: a slope of {trend.claimed:+.2f} on logarithmic scales. Here it is {slope}: the rule "
            f"{trend.verdict}",
        ),
    ]
    return Table(heads, [("", [_row(each) for each in trend.rows])], meanings)


def _row(each: AtDensity) -> Row:
    best = each.best
    interval = f"{best.low:.2g} to {best.high:.2g}" if isfinite(best.low) else "no interval"
    return [
        f"{each.objects:,}",
        (f"{best.value:.2g}", interval, EDGES[each.edge]),
        *(shown(score) for score in each.scores),
    ]


def trend_plot(trend: TrendResult, metric: str) -> str:
    """SVG of the best value against the number of objects, and of the metric against the value that was tried."""
    with plot_style():
        figure = empty_figure(WIDTH, 3.6)
        left, right = figure.subplots(1, 2)
        _best_values(left, trend)
        for number, row in enumerate(trend.rows):
            look = {"color": ARMS[number % len(ARMS)], "ls": LINES[number % len(LINES)]}
            right.plot(trend.tried, row.scores, marker="o", ms=4, label=f"{row.objects:,}", **look)
        right.set(xscale="log", xlabel=trend.field, ylabel=f"{metric_words(metric)} on test images")
        _name_ticks(right, "x", trend.tried)
        right.legend(title="objects an image", fontsize=8, title_fontsize=8)
        return as_svg(figure)


def _best_values(axes: "Axes", trend: TrendResult) -> None:
    objects = np.array([row.objects for row in trend.rows], dtype=np.float64)
    for row in trend.rows:
        draw_interval(axes, row.objects, row.best, FIRST, "o", filled=not row.edge, upright=True)
    axes.plot(objects, 10 ** (trend.at_one + trend.slope.value * np.log10(objects)), color=FIRST, lw=1)
    middle = float(np.log10(objects).mean())
    level = trend.at_one + trend.slope.value * middle
    ruled = 10 ** (level + trend.claimed * (np.log10(objects) - middle))
    axes.plot(objects, ruled, color=SECOND, lw=1.2, ls="--", label=f"the rule, slope {trend.claimed:+.2f}")
    axes.set(xscale="log", yscale="log", xlabel="objects an image", ylabel=f"best {trend.field}")
    _name_ticks(axes, "x", [row.objects for row in trend.rows])
    _name_ticks(axes, "y", trend.tried)
    axes.legend(fontsize=8)


def _name_ticks(axes: "Axes", axis: Literal["x", "y"], values: Sequence[float]) -> None:
    """Name these values on an axis in plain numbers, and no others: powers of ten would need mathematical letters."""
    names = [f"{value:g}" for value in values]
    (axes.set_xticks if axis == "x" else axes.set_yticks)(values, names)
    axes.minorticks_off()
