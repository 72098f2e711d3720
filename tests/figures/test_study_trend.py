"""What a study of dense objects adds to the page: a rule, before and after, training against validation."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from figures.test_study_page import NAN, factorial, interval, made_up_arm, two_arms
from figures.test_study_plots import TARGETS, drawn
from motes.figures.study_before_after import before_after_plot, pairs_of
from motes.figures.study_curves import learning_plot, validation_over_loss
from motes.figures.study_factors import published_table
from motes.figures.study_learning import learning, watched_targets
from motes.figures.study_page import write_study_page
from motes.figures.study_results import (
    AtDensity,
    Interval,
    PublishedNumbers,
    StudyResults,
    TrendResult,
)
from motes.figures.study_trend import trend_plot, trend_plots, trend_table, trend_tables

RULE = "36 times more objects, a tenth of the rate"


def trend(rows: Sequence[AtDensity] | None = None) -> TrendResult:
    made = rows or [
        AtDensity(3, Interval(1e-3, 8e-4, 2e-3), (0.5, 0.8, 0.7)),
        AtDensity(30, Interval(9e-4, 5e-4, 1.5e-3), (0.6, 0.82, 0.7)),
        AtDensity(300, Interval(1e-4, NAN, NAN), (0.7, 0.6, 0.2), -1),
    ]
    words = "The rule does not hold here."
    return TrendResult(
        "learning rate",
        (1e-4, 1e-3, 1e-2),
        made,
        interval(-0.1, 0.2),
        -2.9,
        -0.643,
        RULE,
        "does not hold",
        words,
    )


def test_the_table_of_a_rule_has_the_best_value_at_each_density_and_the_slope() -> None:
    table = trend_table(trend(), "pixel_iou")
    assert [row[0] for row in table.rows] == ["3", "30", "300"]
    assert table.rows[0][1] == ("0.001", "0.0008 to 0.002", "")
    assert table.rows[2][1] == ("0.0001", "no interval", "the lowest tried")
    told = " ".join(meaning for _, meaning in table.meanings)
    assert RULE in told
    assert "-0.10 (95 % interval -0.30 to +0.10): the rule does not hold" in told


def test_the_plot_of_a_rule_names_densities_and_the_slope_that_it_says() -> None:
    texts = drawn(trend_plot(trend(), "pixel_iou"))
    assert {"3", "30", "300", "the rule, slope -0.64", "best learning rate", "0.001"} <= set(texts)
    assert not any("$" in text for text in texts)


def test_a_page_tells_of_a_rule_where_there_is_one(tmp_path: Path) -> None:
    plain = two_arms()
    assert trend_tables(plain) == trend_plots(plain) == []
    write_study_page(tmp_path / "page.html", replace(plain, trend=trend()))
    page = (tmp_path / "page.html").read_text()
    assert "Best learning rate by number of objects" in page
    assert RULE in page


def test_training_against_validation_ends_with_a_dot_for_each_arm() -> None:
    arms = [made_up_arm(0, "one"), made_up_arm(1, "two")]
    svg = validation_over_loss(arms, "best_f1", TARGETS)
    texts = drawn(svg)
    assert {"one", "two", "target 0.500", "loss on training crops, falling"} <= set(texts)
    assert validation_over_loss([replace(arms[0], curves={})], "best_f1", {}) == ""


def test_targets_are_drawn_among_validation_curves_of_the_same_metric_alone() -> None:
    results = two_arms()
    assert results.watched.removeprefix("best_") == results.metric
    assert watched_targets(results) == results.targets
    assert watched_targets(replace(results, watched="pixel_iou")) == {}
    texts = drawn(learning_plot(results.arms[:1], "best_f1", TARGETS))
    assert "target 0.500" in texts
    assert [figure.label for figure in learning(results)][-1] == "Training against validation"


def with_two_levels() -> StudyResults:
    """Two factors, the second of two levels."""
    crossed = factorial()
    assert len(crossed.factors) >= 1
    names = [f"{net}-{column}" for net in ("a", "b", "c") for column in ("sparse", "dense")]
    arms = [replace(made_up_arm(n, name), name=name) for n, name in enumerate(names)]
    factors = {"net": ("a", "b", "c"), "column": ("sparse", "dense")}
    return replace(crossed, arms=arms, factors=factors, base="a-sparse")


def test_before_and_after_pairs_the_levels_of_a_factor_of_two() -> None:
    results = with_two_levels()
    pairs = pairs_of(results, "column")
    assert [(name, before.name, after.name) for name, before, after in pairs] == [
        ("a", "a-sparse", "a-dense"),
        ("b", "b-sparse", "b-dense"),
        ("c", "c-sparse", "c-dense"),
    ]
    texts = drawn(before_after_plot(results))
    assert {"a", "b", "c", "column sparse", "column dense"} <= set(texts)


def test_without_a_factor_of_two_levels_there_is_no_before_and_after() -> None:
    results = with_two_levels()
    assert before_after_plot(replace(results, factors={})) == ""
    assert before_after_plot(replace(results, arms=results.arms[:-1])) == ""


def test_published_numbers_stand_beside_those_of_a_study_without_samples() -> None:
    published = PublishedNumbers(
        "of others", {"a-dense": [0.2456]}, {"a-dense": [3.6]}, {}, {"a-dense": (63, 43)}
    )
    results = with_two_levels()
    arms = [replace(arm, epochs=(100.0, 80.5), stability=0.0123) for arm in results.arms]
    table = published_table(replace(results, arms=arms, published=published))
    assert table is not None
    (row,) = table.rows
    assert row[0] == "a-dense"
    assert row[3:5] == ["100 (80)", "0.0123"]
    assert row[5:8] == ["0.246", "3.6", "63 (43)"]
    assert published_table(results) is None


def test_the_line_of_a_rule_goes_through_the_middle_of_the_fitted_one() -> None:
    flat = replace(trend(), slope=Interval(0.0, -0.1, 0.1), claimed=0.0)
    assert "the rule, slope +0.00" in drawn(trend_plot(flat, "pixel_iou"))
    assert np.isfinite(flat.at_one)
