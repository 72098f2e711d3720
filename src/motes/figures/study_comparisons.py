"""The tables of differences between arms: with intervals and p, beside what was guessed, before and after."""

from collections.abc import Sequence
from math import isfinite

from motes.figures.pages import counted, shown
from motes.figures.study_results import Arm, Comparison, Interval, StudyResults
from motes.figures.study_tables import Cell, Row, Table, by_ensemble, find_arm, numbers, value_of, words
from motes.figures.study_words import (
    UNKNOWN,
    change,
    difference_range,
    p_words,
    percent,
    signed,
)

KINDS = {
    "pair": "Pairs of arms",
    "step": "Steps of the ladder, each against the one before",
    "main effect": "Main effects, each averaged over the levels of the other factors",
    "interaction": "Interactions: how much the effect of one factor changes with the level of another",
    "ensemble": "Ensembles",
}


def comparisons_of(results: StudyResults, metric: str) -> list[Comparison]:
    """The comparisons in one metric, ordered by kind."""
    kinds = dict.fromkeys([*KINDS, *(each.kind for each in results.comparisons)])
    return [
        each for kind in kinds for each in results.comparisons if each.kind == kind and each.metric == metric
    ]


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """The differences of one metric with all that is known about them."""
    kinds = dict.fromkeys(each.kind for each in comparisons)
    methods = list(dict.fromkeys(each.method for each in comparisons))
    groups = [
        (
            KINDS.get(kind, kind),
            [_comparison_row(each, len(methods) > 1) for each in comparisons if each.kind == kind],
        )
        for kind in kinds
    ]
    return Table(
        [
            *words("comparison"),
            *numbers("difference", "relative", "p", "p (Holm)"),
            *words("in words"),
            *numbers("bootstrap", "p (t, images)", "p (Wilcoxon, images)"),
        ],
        [("", groups[0][1])] if list(kinds) == ["pair"] else groups,
        _comparison_meanings(methods, any(each.by_sample for each in comparisons)),
    )


def _comparison_row(each: Comparison, with_method: bool) -> Row:
    return [
        (each.name, f"{_rests_on(each)}{f'; {each.method}' if with_method else ''}"),
        (
            signed(each.difference.value),
            difference_range(each.difference.low, each.difference.high),
            *([" and ".join(map(signed, each.by_sample))] if each.by_sample else []),
        ),
        percent(each.relative),
        p_words(each.p),
        p_words(each.p_holm),
        each.words,
        _stacked(*each.bootstrap),
        p_words(each.paired_t),
        p_words(each.wilcoxon),
    ]


def _stacked(low: float, high: float) -> Cell:
    """The bounds of an interval of differences, one above the other: the column stays narrow."""
    return (signed(low), f"to {signed(high)}") if isfinite(low) and isfinite(high) else "no interval"


def _rests_on(each: Comparison) -> str:
    numbers_of = [(each.groups, "group"), (each.images, "image"), (each.seeds, "seed")]
    numbers_of += [(each.samples, "sample")] if each.by_sample else []
    return ", ".join(counted(number, word) for number, word in numbers_of)


def _comparison_meanings(methods: Sequence[str], samples: bool) -> list[tuple[str, str]]:
    by = f". It is a {methods[0]}" if len(methods) == 1 and methods[0] else ""
    by += ". Below that the difference in each sample by itself" if samples else ""
    return [
        ("comparison", "below each: what it rests on; groups are what is independent of one another"),
        (
            "difference",
            "the mean of the first arm minus that of the second; below it the range that holds the true difference "
            f"in 95 of 100 such studies (95 % interval). Where it holds zero, there may be no difference{by}",
        ),
        ("relative", "the difference as a part of the second arm's mean"),
        ("p", "how often chance alone gives a difference at least as large as this one, where there is none"),
        (
            "p (Holm)",
            "the same, corrected for the number of comparisons of this metric, ensembles apart: of many, some seem to "
            "differ by chance. "
            "This one decides",
        ),
        (
            "bootstrap",
            "a second 95 % interval, from drawing groups, images and seeds anew with replacement. It is often too "
            "narrow where there are few groups",
        ),
        (
            "p (t, Wilcoxon)",
            "p as if all images were independent of one another. Images of one group are not, so these p are often too "
            "small; they stand here because other papers report them",
        ),
    ]


def guess_table(comparisons: Sequence[Comparison]) -> Table | None:
    """What was guessed beside what was measured, both in points of 100; None where nothing was guessed."""
    rows: list[Row] = [
        [
            each.name,
            " to ".join(signed(bound, 1) for bound in each.guessed),
            (signed(100 * each.difference.value, 1), _point_range(each.difference)),
            _against(each.guessed, each.difference),
        ]
        for each in comparisons
        if each.guessed is not None
    ]
    heads = [*words("comparison"), *numbers("guessed (points)", "measured (points)"), *words("verdict")]
    meanings = [
        ("points", "hundredths of the metric: from 0.50 to 0.53 are 3 points"),
        ("guessed", "the lowest and the highest gain that was expected before anything ran"),
        ("measured", "the difference in the table above, and its 95 % interval"),
    ]
    return Table(heads, [("", rows)], meanings) if rows else None


def _point_range(difference: Interval) -> str:
    bounds = (100 * difference.low, 100 * difference.high)
    return " to ".join(signed(bound, 1) for bound in bounds) if all(map(isfinite, bounds)) else "no interval"


def _against(guessed: tuple[float, float], difference: Interval) -> str:
    """Where the measured difference lies against the guess (points of 100), and whether its interval agrees."""
    if not isfinite(difference.value):
        return UNKNOWN
    low, high = (bound / 100 for bound in guessed)
    if low <= difference.value <= high:
        return "as guessed"
    less = difference.value < low
    side = "less than guessed" if less else "more than guessed"
    meets = difference.high >= low if less else difference.low <= high
    return f"{side}{', but the interval reaches the guess' if meets else ''}"


def before_after_table(results: StudyResults, metric: str) -> Table:
    """The base and each other arm in one metric; of arms that were compared, what both were tested on."""
    base = find_arm(results, results.base)
    whole = value_of(base, metric).value if base else float("nan")
    compared = {
        each.arm: (each.base_value, each.arm_value)
        for each in comparisons_of(results, metric)
        if each.base == results.base
    }

    def row(arm: Arm) -> Row:
        before, after = compared.get(arm.name, (whole, value_of(arm, metric).value))
        absolute, relative = change(before, after)
        return [arm.name, shown(before), shown(after), signed(absolute), percent(relative)]

    others = [arm for arm in results.arms if arm.name != results.base]
    heads = [*words("arm"), *numbers("before", "after", "absolute", "relative")]
    meaning = (
        "",
        f"Before: the mean of the base, {results.base}. After: the mean of the arm. Absolute: after minus before. "
        "Relative: that as a part of before",
    )
    return Table(heads, by_ensemble(others, row), [meaning])
