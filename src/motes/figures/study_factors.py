"""What factors, samples and classes add to the page of a study: effects beside minutes, spreads, and their plots."""

from collections.abc import Sequence
from math import isfinite
from textwrap import fill

import numpy as np

from motes.figures.pages import shown
from motes.figures.plots import FIRST, SECOND, as_svg, empty_figure, plot_style
from motes.figures.study_plots import WIDTH, draw_interval
from motes.figures.study_results import Arm, Comparison, FactorEffect, StudyResults
from motes.figures.study_tables import Cell, Row, Table, numbers, value_of, words
from motes.figures.study_words import UNKNOWN, difference_range, metric_words, signed, value_range

ACROSS = 3  # panels beside each other
OF_CLASSES = {"f4": "F4", "czii": "challenge score", "precision": "precision", "recall": "recall"}


def factor_tables(results: StudyResults) -> list[Table]:
    """Levels of factors, effects beside minutes, arms by sample, classes, spreads: those that there are."""
    made = [
        _level_table(results),
        _effect_table(results),
        _sample_table(results),
        published_table(results),
        _class_table(results.arms),
        _spread_table(results),
    ]
    return [table for table in made if table is not None]


def _level_table(results: StudyResults) -> Table | None:
    """The mean of each level of each factor, beside minutes, and each effect's share in the differences of the arms."""
    single = [effect for effect in results.effects if effect.levels]
    if not single:
        return None
    groups: list[tuple[str, list[Row]]] = [
        (
            f"{effect.factors[0]}: {_share(effect)} of the differences among the arms",
            [
                [level.name, (shown(level.mean.value), value_range(level.mean)), _minutes(level.minutes)]
                for level in effect.levels
            ],
        )
        for effect in single
    ]
    rest = [f"{' x '.join(each.factors)} {_share(each)}" for each in results.effects if not each.levels]
    together = f". Interactions: {', '.join(rest)}" if rest else ""
    meanings = [
        (
            "",
            "The mean over all arms of a level, with its 95 % interval. Shares part the sum of squares of the arms' "
            f"means{together}. What trainings differ by chance is in all of them: a small share may be nothing else",
        ),
        *[("", effect.words.rstrip(".")) for effect in results.effects],
    ]
    return Table([*words("level"), *numbers(metric_words(results.metric), "minutes")], groups, meanings)


def _share(effect: FactorEffect) -> str:
    return f"{100 * effect.share:.0f} %" if isfinite(effect.share) else "an unknown share"


def _minutes(value: float | None) -> str:
    return UNKNOWN if value is None or not isfinite(value) else f"{value:.3g}"


def _effect_table(results: StudyResults) -> Table | None:
    """What each effect gains in the deciding metric, beside what it costs in minutes of training."""
    groups = [
        (" x ".join(effect.factors), [_effect_row(each) for each in effect.comparisons])
        for effect in results.effects
        if effect.comparisons
    ]
    if not groups:
        return None
    heads = [
        *words("effect"),
        *numbers("difference", "minutes more", "gain a minute (points)"),
        *words("in words"),
    ]
    meanings = [
        (
            "effect",
            "of one factor: a level minus another, averaged over the other factors; of two: how much the one effect "
            "grows with the other",
        ),
        ("minutes more", "of one training, by the same weights as the difference"),
        (
            "gain a minute",
            "the difference in hundredths of the metric for each minute more; none where none is spent",
        ),
        ("in words", "after correction for the number of comparisons of the metric"),
    ]
    return Table(heads, groups, meanings)


def _effect_row(each: Comparison) -> Row:
    ends = difference_range(each.difference.low, each.difference.high)
    samples = [" and ".join(map(signed, each.by_sample))] if each.by_sample else []
    difference = (signed(each.difference.value), ends, *samples)
    return [
        each.name.partition(": ")[2],
        difference,
        signed(each.minutes, 2),
        gain_a_minute(each),
        each.words,
    ]


def gain_a_minute(each: Comparison) -> str:
    """Points of the metric for each minute of training more; a dash where training becomes no longer."""
    if not isfinite(each.minutes) or not isfinite(each.difference.value):
        return UNKNOWN
    return signed(100 * each.difference.value / each.minutes, 2) if each.minutes > 0 else "–"


def published_table(results: StudyResults) -> Table | None:
    """What each arm reached beside what others published of it; None with samples, which have a table of their own."""
    published = results.published
    if published is None or any(arm.samples for arm in results.arms):
        return None
    told = [published.values, published.minutes, published.epochs, published.stability]
    arms = [arm for arm in results.arms if any(arm.name in each for each in told)]
    if not arms:
        return None
    heads = [metric_words(results.metric), "minutes", "epochs (best)", "spread at the end"]

    def row(arm: Arm) -> Row:
        minutes = None if arm.cost.training_seconds is None else arm.cost.training_seconds / 60
        own = [
            _beside([value_of(arm, results.metric).value], 3),
            _beside([minutes], 1),
            _epochs(arm.epochs),
            _beside([arm.stability], 4),
        ]
        name = arm.name
        others = [
            _beside(published.values.get(name, ()), 3),
            _beside(published.minutes.get(name, ()), 1),
            _epochs(published.epochs.get(name)),
            _beside([published.stability.get(name)], 4),
        ]
        return [name, *own, *others]

    meanings = [
        ("published", published.source.strip().rstrip(".")),
        ("epochs (best)", "how many were trained, and which was kept: means over runs"),
        ("spread at the end", "standard deviation of the validation metric over the last epochs"),
    ]
    named = [*heads, *(f"published {head}" for head in heads)]
    return Table([*words("arm"), *numbers(*named)], [("", [row(arm) for arm in arms])], meanings)


def _epochs(numbers_of: Sequence[float] | None) -> str:
    return UNKNOWN if not numbers_of else f"{numbers_of[0]:.0f} ({numbers_of[1]:.0f})"


def _sample_table(results: StudyResults) -> Table | None:
    """What each arm reached on each sample, and in how many minutes; beside it what others published."""
    arms = [arm for arm in results.arms if arm.samples]
    if not arms:
        return None
    published = results.published
    metric = metric_words(results.metric)
    together = any(results.metric in each.together for arm in arms for each in arm.samples)
    heads = [metric, *([f"{metric}, all images together"] if together else []), "minutes"]
    if published:
        heads += [f"published {metric}", "published minutes"]

    def row(arm: Arm) -> Row:
        own = [
            _beside([each.values.get(results.metric) for each in arm.samples], 3),
            *([_beside([each.together.get(results.metric) for each in arm.samples], 3)] if together else []),
            _beside([each.minutes for each in arm.samples], 1),
        ]
        if published:
            own += [
                _beside(published.values.get(arm.name, ()), 3),
                _beside(published.minutes.get(arm.name, ()), 0),
            ]
        return [arm.name, *own]

    meanings = [
        (
            "",
            "Samples are disjoint draws of what is trained on, one after the other; the test images are the same",
        ),
        (metric, "the mean over test images, as everywhere on this page"),
        *(
            [("all together", "the counts of all test images added up, as in the challenge")]
            if together
            else []
        ),
        *([("published", published.source.rstrip("."))] if published else []),
    ]
    return Table(
        [*words("arm"), *numbers(*heads)], [("Sample by sample", [row(arm) for arm in arms])], meanings
    )


def _beside(values: Sequence[float | None], digits: int) -> Cell:
    """'0.492 / 0.554'."""
    return " / ".join(shown(value, digits) for value in values) if values else "–"


def _class_table(arms: Sequence[Arm]) -> Table | None:
    """The scores of each class by arm."""
    known = [arm for arm in arms if arm.classes]
    if not known:
        return None
    groups = [
        (name, [[arm.name, *(shown(arm.classes[name].get(key)) for key in OF_CLASSES)] for arm in known])
        for name in known[0].classes
    ]
    meaning = (
        "",
        "Of each class in all test images together, within a quarter of a diameter; means over trainings. In the "
        "challenge's own count a pick may find several particles",
    )
    return Table([*words("arm"), *numbers(*OF_CLASSES.values())], groups, [meaning])


def _spread_table(results: StudyResults) -> Table | None:
    """How much trainings differ between samples and between seeds."""
    if not results.spreads:
        return None
    rows = [
        [row.what, shown(row.samples, 4), shown(row.seeds, 4), str(row.tables)] for row in results.spreads
    ]
    one_seed = all(not isfinite(row.seeds) for row in results.spreads)
    meanings = [
        (
            "",
            f"Standard deviations in {metric_words(results.metric)} between trainings, averaged over the arms"
            + (": with one seed, that of seeds is in that of samples" if one_seed else ""),
        ),
        ("between samples", "beyond what seeds explain: what other training images would change"),
        ("between seeds", "on the same images: initial weights, crops, augmentation"),
    ]
    heads = [*words("of what"), *numbers("between samples", "between seeds", "averaged over")]
    return Table(heads, [("How much trainings differ", rows)], meanings)


def levels_plot(effects: Sequence[FactorEffect], metric: str) -> str:
    """SVG of a panel for each factor: the mean of each level with its interval; empty without factors."""
    single = [effect for effect in effects if effect.levels]
    if not single:
        return ""
    across = min(ACROSS, len(single))
    down = -(-len(single) // across)
    with plot_style():
        figure = empty_figure(WIDTH if across > 1 else 4.6, 2.9 * down)
        panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
        for axes, effect in zip(panels, single, strict=False):
            values = [level.mean.value for level in effect.levels]
            axes.plot(range(len(values)), values, color=FIRST, lw=1, alpha=0.6)
            for place, level in enumerate(effect.levels):
                draw_interval(axes, place, level.mean, FIRST, "o", upright=True)
            axes.set_xticks(
                range(len(values)),
                [fill(_with_minutes(each.name, each.minutes), 14) for each in effect.levels],
            )
            axes.set(xlabel=effect.factors[0], xlim=(-0.4, len(values) - 0.6))
        panels[0].set_ylabel(f"{metric_words(metric)} on test images")
        for axes in panels[len(single) :]:
            axes.set_axis_off()
        return as_svg(figure)


def _with_minutes(name: str, minutes: float) -> str:
    return f"{name} ({minutes:.3g} min)" if isfinite(minutes) else name


def time_plot(arms: Sequence[Arm], metric: str) -> str:
    """SVG of the value of each arm over its minutes of training, the best for the time named; empty for few arms."""
    placed = [
        (arm.name, arm.cost.training_seconds / 60, value_of(arm, metric).value)
        for arm in arms
        if arm.cost.training_seconds and not arm.ensemble and isfinite(value_of(arm, metric).value)
    ]
    if len(placed) < 2:
        return ""
    with plot_style():
        figure = empty_figure(WIDTH, 3.4)
        axes = figure.subplots()
        minutes, values = np.array([each[1:] for each in placed]).T
        axes.plot(minutes, values, "o", color=FIRST, ms=4)
        best = [
            n for n in np.argsort(minutes, kind="stable") if values[n] >= values[minutes <= minutes[n]].max()
        ]
        axes.plot(minutes[best], values[best], color=SECOND, lw=1, ls="--")
        for number in best:
            axes.annotate(placed[number][0], (minutes[number], values[number]), xytext=(4, -10), fontsize=7.5,
                          textcoords="offset points")  # fmt: skip
        axes.set(xlabel="minutes of one training", ylabel=f"{metric_words(metric)} on test images")
        axes.margins(x=0.12, y=0.15)
        return as_svg(figure)
