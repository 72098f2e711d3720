"""Tables and plots of factors, samples and classes."""

from dataclasses import replace

import pytest

from motes.figures.study_factors import factor_tables, gain_a_minute, levels_plot, time_plot
from motes.figures.study_results import (
    Arm,
    Comparison,
    Cost,
    FactorEffect,
    Interval,
    Level,
    OfSample,
    PublishedNumbers,
    SpreadRow,
    StudyResults,
)

NAN = float("nan")


def comparison(name: str, value: float, minutes: float) -> Comparison:
    return Comparison(
        name=name,
        kind="main effect",
        metric="f4",
        arm="",
        base="",
        arm_value=NAN,
        base_value=NAN,
        difference=Interval(value, value - 0.01, value + 0.01),
        relative=None,
        words="higher",
        p=0.01,
        p_holm=0.02,
        bootstrap=(0, 1),
        paired_t=0.5,
        wilcoxon=0.5,
        groups=4,
        images=4,
        seeds=1,
        method="",
        samples=2,
        by_sample=(value - 0.002, value + 0.002),
        minutes=minutes,
    )


def arm(name: str, value: float, minutes: float) -> Arm:
    samples = [OfSample({"f4": value + n / 100}, {"f4": value + 0.1}, minutes + n) for n in (0, 1)]
    return Arm(
        name=name,
        about="",
        differs=[],
        runs=2,
        values={"f4": Interval(value, value - 0.1, value + 0.1)},
        cost=Cost(10, 10, 60 * minutes, 1.0, None),
        samples=samples,
        classes={"ribosome": {"f4": 0.9, "czii": 0.91, "precision": 0.5, "recall": NAN}},
    )


def results() -> StudyResults:
    levels = [
        Level("64", Interval(0.5, 0.4, 0.6), 10.0),
        Level("128", Interval(0.6, 0.5, 0.7), 14.0),
    ]
    patch = FactorEffect(("patch",), levels, 0.8, [comparison("patch: 128 - 64", 0.1, 4.0)], "Of the patch.")
    both = FactorEffect(
        ("net", "patch"), [], NAN, [comparison("net x patch: (se - unet) x (128 - 64)", 0, -1)], "Both."
    )
    nothing = (
        "caveats",
        "audit",
        "failures",
        "shown",
        "manifest",
        "plan",
        "method",
        "references",
        "commands",
    )
    empty: dict[str, list[object]] = {name: [] for name in nothing}
    return StudyResults(
        name="s",
        question="q",
        answer="a",
        base="64",
        metric="f4",
        metrics=["f4"],
        arms=[arm("64", 0.5, 10), arm("128", 0.6, 14)],
        comparisons=[],
        worst={},
        targets={},
        versions={},
        study_yaml="",
        watched="best_f1",
        factors={"patch": ["64", "128"]},
        effects=[patch, both],
        spreads=[SpreadRow("what an arm reaches", 0.02, NAN, 2)],
        published=PublishedNumbers("Of others.", {"128": [0.643, 0.657]}, {"128": [182, 173]}, {}),
        **empty,  # type: ignore[arg-type]
    )


def test_every_table_says_what_was_found() -> None:
    levels, effects, samples, classes, spreads = factor_tables(results())
    assert levels.groups[0][0] == "patch: 80 % of the differences among the arms"
    assert levels.rows[1] == ["128", ("0.600", "0.500 to 0.700"), "14"]
    assert [words for _, words in levels.meanings[1:]] == ["Of the patch", "Both"]
    assert "net x patch an unknown share" in levels.meanings[0][1]
    assert effects.rows[0] == [
        "128 - 64",
        ("+0.1000", "+0.0900 to +0.1100", "+0.0980 and +0.1020"),
        "+4.00",
        "+2.50",
        "higher",
    ]
    assert samples.rows == [
        ["64", "0.500 / 0.510", "0.600 / 0.600", "10.0 / 11.0", "–", "–"],
        ["128", "0.600 / 0.610", "0.700 / 0.700", "14.0 / 15.0", "0.643 / 0.657", "182 / 173"],
    ]
    assert classes.rows[0] == ["64", "0.900", "0.910", "0.500", "undefined"]
    assert spreads.rows == [["what an arm reaches", "0.0200", "undefined", "2"]]
    assert "with one seed, that of seeds is in that of samples" in spreads.meanings[0][1]


def test_a_study_without_factors_samples_and_classes_has_none_of_the_tables() -> None:
    plain = replace(
        results(), effects=[], spreads=[], arms=[replace(arm("a", 0.5, 1), samples=(), classes={})]
    )
    assert factor_tables(plain) == []
    assert levels_plot([], "f4") == ""


@pytest.mark.parametrize(("minutes", "words"), [(4.0, "+2.50"), (-1.0, "–"), (0.0, "–"), (NAN, "undefined")])
def test_a_gain_a_minute_needs_minutes_that_are_spent(minutes: float, words: str) -> None:
    assert gain_a_minute(comparison("x", 0.1, minutes)) == words


def test_levels_are_drawn_with_their_minutes() -> None:
    svg = levels_plot(results().effects, "f4")
    assert svg.startswith("<svg") or "<svg" in svg
    for word in ("64 (10 min)", "128 (14 min)", "patch", "F4 on test images"):
        assert word in svg


def test_only_arms_that_none_is_better_than_in_less_time_are_named() -> None:
    arms = [arm("quick", 0.5, 1), arm("worse", 0.4, 2), arm("best", 0.7, 3)]
    svg = time_plot(arms, "f4")
    assert "quick" in svg
    assert "best" in svg
    assert "worse" not in svg
    assert time_plot(arms[:1], "f4") == ""
