"""A plot of what the second level of a factor changes: each arm before and after, beside what others published."""

from collections.abc import Sequence
from textwrap import fill

from motes.figures.plots import FAINT, FIRST, INK, SECOND, as_svg, empty_figure, plot_style
from motes.figures.study_plots import WIDTH, cells, draw_interval, target_levels
from motes.figures.study_results import Arm, StudyResults
from motes.figures.study_tables import value_of
from motes.figures.study_words import metric_words

Pair = tuple[str, Arm, Arm]


def before_after_plot(results: StudyResults) -> str:
    """SVG of each pair of arms that differ in the first factor of two levels alone, with intervals and targets.

    Short lines across: what others published of the arm. Empty without such a factor, or an arm of it.
    """
    name = next((name for name, levels in results.factors.items() if len(levels) == 2), "")
    pairs = pairs_of(results, name) if name else []
    if not pairs:
        return ""
    levels = results.factors[name]
    with plot_style():
        figure = empty_figure(WIDTH, 3.4)
        axes = figure.subplots()
        for place, (_, before, after) in enumerate(pairs):
            ends = [(place - 0.15, before, INK, "D"), (place + 0.15, after, FIRST, "o")]
            axes.plot(
                [x for x, *_ in ends],
                [value_of(arm, results.metric).value for _, arm, *_ in ends],
                color=FAINT,
                lw=1.2,
            )
            for x, arm, colour, marker in ends:
                draw_interval(axes, x, value_of(arm, results.metric), colour, marker, upright=True)
                published = results.published.values.get(arm.name, ()) if results.published else ()
                axes.plot([x] * len(published), published, "_", color=SECOND, ms=14, mew=1.4)
        for level, marker, colour in zip(levels, "Do", (INK, FIRST), strict=True):
            axes.plot([], [], marker, color=colour, ls="none", label=f"{name} {level}")
        if results.published:
            axes.plot([], [], "_", color=SECOND, ms=14, mew=1.4, label="published")
        target_levels(axes, results.targets)
        axes.set_xticks(range(len(pairs)), [fill(words, 20) for words, _, _ in pairs])
        axes.set(ylabel=f"{metric_words(results.metric)} on test images", xlim=(-0.6, len(pairs) - 0.4))
        figure.legend(loc="outside lower center", ncols=3)
        return as_svg(figure)


def pairs_of(results: StudyResults, factor: str) -> list[Pair]:
    """The two arms of each combination of the other factors, first level first, with the name of that combination."""
    names = list(results.factors)
    where, levels = names.index(factor), results.factors[factor]
    found: dict[tuple[str, ...], list[Arm]] = {}
    for key, arm in cells(results.arms, results.factors).items():
        found.setdefault((*key[:where], *key[where + 1 :]), []).append(arm)
    return [_pair(key, arms) for key, arms in found.items() if len(arms) == len(levels)]


def _pair(key: tuple[str, ...], arms: Sequence[Arm]) -> Pair:
    before, after = arms
    return "-".join(key), before, after
