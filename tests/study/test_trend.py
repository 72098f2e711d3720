"""A rule put to the test: where the best value lies, the line through the densities, and the verdict."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.figures.study_results import Interval
from motes.study.description import Study
from motes.study.file import check_study
from motes.study.results import Results, Row
from motes.study.results import TestImage as ImageTested
from motes.study.trend import FAILS, HOLDS, OPEN, fitted_line, judged, summit, trend_of

RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
DENSITIES = (1, 10, 100)


@given(
    top=st.floats(-3.9, -2.1),
    sharpness=st.floats(0.1, 5),
    places=st.lists(st.floats(-4, -2), min_size=2, max_size=5, unique_by=lambda x: round(x, 2)),
)
def test_the_summit_of_a_parabola_is_found_between_the_values_tried(
    top: float, sharpness: float, places: list[float]
) -> None:
    x = np.array(sorted({-4.5, *places, -1.5}))
    found, edge = summit(x, -sharpness * (x - top) ** 2)
    if edge:
        assert found in (x[0], x[-1])
    else:
        assert found == pytest.approx(top, abs=1e-6)


def test_the_best_of_the_values_tried_at_an_end_may_lie_beyond() -> None:
    x = np.array([-4.0, -3.0, -2.0])
    assert summit(x, np.array([0.1, 0.2, 0.3])) == (-2.0, 1)
    assert summit(x, np.array([0.3, 0.2, 0.1])) == (-4.0, -1)
    assert summit(x, np.array([0.2, 0.2, 0.2])) == (-4.0, -1)  # where nothing differs nothing is known


def test_a_line_through_points_without_noise_is_exact() -> None:
    x = np.array([0.0, 1.0, 2.0])
    line = fitted_line(x, (-3 - 0.5 * x)[:, None] + np.zeros((1, 4)))
    assert line.slope.value == pytest.approx(-0.5)
    assert line.slope.high - line.slope.low == pytest.approx(0, abs=1e-6)
    assert line.at_zero == pytest.approx(-3)


@pytest.mark.parametrize("of_images", [0.0, 0.3])
def test_the_interval_of_the_slope_holds_the_truth_as_often_as_it_says(of_images: float) -> None:
    """Also where the seeds of a density err alike, since they see the same images."""
    rng = np.random.default_rng(0)
    x = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    lines = [
        fitted_line(
            x, -0.64 * x[:, None] + rng.normal(0, of_images, (5, 1)) + rng.normal(0, 0.3, (5, 3))
        ).slope
        for _ in range(400)
    ]
    assert np.mean([line.low <= -0.64 <= line.high for line in lines]) == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("low", "high", "may_move", "verdict"),
    [
        (-0.8, -0.4, (False, False), HOLDS),
        (-0.3, 0.2, (False, False), FAILS),
        (-1.5, -0.9, (False, False), FAILS),
        (-0.9, 0.3, (False, False), OPEN),
        (-0.3, 0.2, (True, False), OPEN),  # values beyond those tried could make it as steep as the rule says
        (-0.3, 0.2, (False, True), FAILS),  # they could only make it less steep
        (-0.8, -0.4, (True, False), OPEN),
        (math.nan, math.nan, (False, False), OPEN),
    ],
)
def test_a_rule_holds_where_its_slope_is_in_the_interval_and_none_is_not(
    low: float, high: float, may_move: tuple[bool, bool], verdict: str
) -> None:
    assert judged(Interval((low + high) / 2, low, high), -0.64, may_move) == verdict


def study_of(seeds: int = 2) -> Study:
    beads = {"train": 1, "validation": 1, "test": 2, "densities": DENSITIES}
    rule = {"claimed": -0.643, "rule": "36 times more, a tenth"}
    given: dict[str, Any] = {"name": "s", "question": "q", "recipe": "beads-unet", "base": "r0"}
    arms = {f"r{n}": {"changes": [f"training.learning_rate={rate}"]} for n, rate in enumerate(RATES)}
    return check_study(
        {
            **given,
            "arms": arms,
            "metric": "pixel_iou",
            "seeds": seeds,
            "data": {"beads": beads},
            "trend": rule,
        }
    )


def results_of(best_of: dict[int, float], seeds: int = 2, failed: str = "") -> Results:
    """Scores that fall off from the best log10 of a rate at each density, on two images each."""
    images = [
        ImageTested(fold, f"{name}", f"{density}/{name}", "", density, {})
        for fold, density in enumerate(DENSITIES)
        for name in "ab"
    ]
    rows = {}
    for number, rate in enumerate(RATES):
        name = f"r{number}"
        heights = [0.9 - 0.1 * (math.log10(rate) - best_of[image.particles]) ** 2 for image in images]
        jitter = np.linspace(0, 0.001, seeds)
        values = np.array(heights)[:, None] + jitter
        if name == failed:
            values[:] = np.nan
        rows[name] = Row(name, False, list(range(seeds)), {"pixel_iou": values}, (), 1, 1, ())
    return Results(images, rows, {}, {}, {})


def tried() -> dict[str, float]:
    return {f"r{n}": rate for n, rate in enumerate(RATES)}


def test_a_rule_that_is_true_of_the_trainings_holds() -> None:
    found = trend_of(study_of(), results_of({1: -2.4, 10: -3.1, 100: -3.7}), tried())
    assert found is not None
    assert found.slope.value == pytest.approx(-0.65)
    assert [math.log10(row.best.value) for row in found.rows] == pytest.approx([-2.4, -3.1, -3.7])
    assert found.verdict == HOLDS
    assert "0.004" in found.words
    assert "slope of log10(best learning rate)" in found.words


def test_a_rate_that_suits_every_density_speaks_against_the_rule() -> None:
    found = trend_of(study_of(), results_of({1: -3.0, 10: -3.02, 100: -3.0}), tried())
    assert found is not None
    assert found.verdict == FAILS
    assert "the rule does not hold here" in found.words
    assert all(row.edge == 0 for row in found.rows)


def test_best_rates_at_the_ends_of_what_was_tried_are_told_and_weighed() -> None:
    found = trend_of(study_of(), results_of({1: -3.0, 10: -3.0, 100: -5.0}), tried())
    assert found is not None
    assert [row.edge for row in found.rows] == [0, 0, -1]
    assert found.verdict == OPEN
    assert "At 100 objects that is an end of what was tried" in found.words


def test_a_training_that_failed_reached_nothing() -> None:
    found = trend_of(study_of(), results_of({1: -3.0, 10: -3.0, 100: -3.0}, failed="r3"), tried())
    assert found is not None
    assert all(row.scores[3] == 0 for row in found.rows)
    assert all(row.best.value < 1e-2 for row in found.rows)


def test_without_a_rule_or_an_arm_nothing_is_said() -> None:
    results = results_of(dict.fromkeys(DENSITIES, -3.0))
    assert trend_of(study_of().model_copy(update={"trend": None}), results, tried()) is None
    assert trend_of(study_of(), results, {**tried(), "other": 1.0}) is None


def test_with_one_seed_the_best_rates_have_no_interval_but_the_slope_has() -> None:
    found = trend_of(study_of(1), results_of({1: -3.0, 10: -3.2, 100: -3.1}, seeds=1), tried())
    assert found is not None
    assert all(math.isnan(row.best.low) for row in found.rows)
    assert math.isfinite(found.slope.low)
    assert "one seed" in found.words
