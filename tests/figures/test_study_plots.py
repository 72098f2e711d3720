"""The plots of a study."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from figures.test_study_page import NAN, factorial, ladder_of, made_up_arm, two_arms
from motes.figures.pages import TEMPLATES
from motes.figures.plots import ARMS, PAGE_COLOURS
from motes.figures.study_curves import MOST_POINTS, learning_plot, small_multiples
from motes.figures.study_plots import (
    MOST_ROWS,
    cells,
    forest_plots,
    interaction_plot,
    mean_at,
    staircase,
    values_plot,
)
from motes.figures.study_results import Comparison, Curve, Interval

TARGETS = {"target": 0.5, "previous best": 0.487}


def drawn(svg: str) -> list[str]:
    """The texts of a plot, in order; it must be XML."""
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter() if each.tag.endswith("}text")]


def ticks(svg: str) -> list[float]:
    """The numbers on the axes: those with fewer than four digits after the point, and no plus."""
    return [float(text.replace("−", "-")) for text in drawn(svg) if re.fullmatch(r"−?\d\.\d{1,3}", text)]


def deciding(comparisons: list[Comparison]) -> list[Comparison]:
    return [each for each in comparisons if each.metric == "f1"]


def all_plots() -> list[str]:
    two, ladder, crossed = two_arms(), ladder_of(13), factorial()
    return [
        values_plot(two.arms, "standard", "f1", TARGETS),
        *forest_plots(deciding(list(two.comparisons))),
        staircase(ladder.arms, "f1", TARGETS),
        interaction_plot(crossed.arms, crossed.factors, "f1"),
        learning_plot(ladder.arms[:8], "best_f1"),
        small_multiples(ladder.arms, "standard", "best_f1"),
    ]


def test_plots_are_one_svg_element_in_the_colours_of_the_page() -> None:
    for svg in all_plots():
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "var(--ink)" in svg
        assert not any(colour in svg for colour in PAGE_COLOURS)


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert all_plots() == all_plots()


def test_values_are_written_beside_their_arms_and_targets_above() -> None:
    texts = drawn(values_plot(two_arms().arms, "standard", "f1", TARGETS))
    words = (
        "standard",
        "attention",
        "5 seeds of attention",
        "0.452",
        "0.463",
        "target 0.500",
        "previous best 0.487",
    )
    assert set(words) <= set(texts)


def test_values_that_are_not_known_have_no_mark() -> None:
    arm = made_up_arm(0, "standard")
    lost = replace(arm, values={"f1": Interval(NAN, NAN, NAN)})
    bare = replace(arm, values={"f1": Interval(0.4, NAN, NAN)})
    plots = [values_plot([each], "standard", "f1", {}) for each in (lost, bare, arm)]
    assert "undefined" in drawn(plots[0])
    assert [svg.count("LineCollection") for svg in plots] == [0, 0, 1]


def test_a_dollar_in_a_name_is_a_dollar() -> None:
    assert "cost $1$" in drawn(values_plot([made_up_arm(0, "cost $1$")], "", "f1", {}))


@pytest.mark.parametrize(("guess", "reach"), [((2.0, 4.0), 0.04), ((10.0, 20.0), 0.2), (None, 0.03)])
def test_guesses_are_drawn_in_the_unit_of_the_metric(guess: tuple[float, float] | None, reach: float) -> None:
    one = replace(
        deciding(list(two_arms().comparisons))[0], guessed=guess, difference=Interval(0.02, 0.01, 0.03)
    )
    (svg,) = forest_plots([one])
    assert 0.6 * reach < max(ticks(svg)) <= 1.1 * reach


def test_a_guess_as_wide_as_the_interval_is_a_bar_as_long_as_its_line() -> None:
    one = replace(
        deciding(list(two_arms().comparisons))[0], guessed=(1.0, 3.0), difference=Interval(0.02, 0.01, 0.03)
    )
    (svg,) = forest_plots([one])
    bar = re.search(r'<path d="([^"]*)"[^>]*[^-]opacity: 0.25', svg)
    line = re.search(r'LineCollection_1">\s*<path d="([^"]*)"', svg)
    assert bar is not None
    assert line is not None
    ends = [re.findall(r"[ML] (\S+) ", each[1]) for each in (bar, line)]
    assert (min(ends[0]), max(ends[0])) == (min(ends[1]), max(ends[1]))


def test_zero_is_always_in_sight() -> None:
    one = replace(
        deciding(list(two_arms().comparisons))[0], guessed=None, difference=Interval(-0.5, -0.6, -0.4)
    )
    assert 0 in ticks(forest_plots([one])[0])


def test_a_difference_that_was_not_found_is_an_open_mark() -> None:
    one = deciding(list(two_arms().comparisons))[0]
    open_mark = replace(one, words="not distinguishable from no difference")
    fills = [
        re.findall(r"<use [^>]*style=\"fill: (var\(--first\)|none)", forest_plots([each])[0])
        for each in (one, open_mark)
    ]
    assert fills[0] == ["var(--first)"]
    assert fills[1] != fills[0]


def test_many_comparisons_go_on_in_further_plots_on_the_same_axis() -> None:
    one = deciding(list(two_arms().comparisons))[0]
    many = [replace(one, name=f"arm {number}") for number in range(2 * MOST_ROWS + 1)]
    plots = forest_plots(many)
    assert [sum(text.startswith("arm ") for text in drawn(svg)) for svg in plots] == [MOST_ROWS, MOST_ROWS, 1]
    assert ticks(plots[0]) == ticks(plots[2])
    assert forest_plots([]) == []


def test_comparisons_of_a_kind_stay_together_where_they_can() -> None:
    one = deciding(list(two_arms().comparisons))[0]
    pairs = [replace(one, name=f"pair {number}") for number in range(MOST_ROWS - 1)]
    steps = [replace(one, kind="step", name=f"step {number}") for number in range(2)]
    plots = [" ".join(drawn(svg)) for svg in forest_plots([*pairs, *steps])]
    assert [("pair 0" in said, "step 0" in said, "step 1" in said) for said in plots] == [
        (True, False, False),
        (False, True, True),
    ]
    assert len(forest_plots([*pairs[1:], *steps])) == 1


def test_every_step_of_a_ladder_is_named() -> None:
    arms = ladder_of(13).arms
    said = " ".join(drawn(staircase(arms, "f1", TARGETS)))
    assert all(arm.name in said for arm in arms)
    assert "target 0.500" in said


@given(
    st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.sampled_from("uvwxyz"), min_size=1, max_size=3, unique=True)
    )
)
def test_a_whole_factorial_has_one_arm_in_each_cell(factors: dict[str, list[str]]) -> None:
    names = ["-".join(levels) for levels in product(*factors.values())]
    arms = [made_up_arm(number, name) for number, name in enumerate(names)]
    placed = cells(arms, factors)
    assert [arm.name for arm in placed.values()] == (names if factors else [])
    assert cells(arms[1:], factors) == {}


def test_an_interaction_has_a_panel_for_each_pair_of_factors() -> None:
    factors = {"a": ("1", "2"), "b": ("3", "4"), "c": ("5", "6"), "d": ("7",)}
    arms = [made_up_arm(number, "-".join(levels)) for number, levels in enumerate(product(*factors.values()))]
    assert drawn(interaction_plot(arms, factors, "f1")).count("F1") == 6
    assert interaction_plot(arms[1:], factors, "f1") == ""
    assert interaction_plot(arms, {}, "f1") == ""


def test_lines_of_an_interaction_are_means_over_the_other_factors() -> None:
    factors = {"a": ("1", "2"), "b": ("3", "4"), "c": ("5", "6")}
    worth = {"1": 0.1, "2": 0.3, "3": 0.0, "4": 0.05, "5": -0.02, "6": 0.02}
    placed = {
        levels: made_up_arm(
            0, "-".join(levels), values={"f1": Interval(sum(map(worth.__getitem__, levels)), 0, 0)}
        )
        for levels in product(*factors.values())
    }
    for a, b in product(factors["a"], factors["b"]):
        assert mean_at(placed, "f1", {0: a, 1: b}) == pytest.approx(worth[a] + worth[b])
    assert mean_at(placed, "f1", {2: "6"}) == pytest.approx(0.2 + 0.025 + 0.02)


def test_learning_curves_name_every_arm_once() -> None:
    arms = ladder_of(7).arms
    texts = drawn(learning_plot(arms, "best_f1"))
    assert [texts.count(arm.name) for arm in arms] == [1] * 8
    assert {"best F1, validation", "loss on training crops", "learning rate"} <= set(texts)


def test_an_arm_without_a_curve_leaves_the_others_theirs() -> None:
    arms = list(two_arms().arms)
    arms[0] = replace(arms[0], curves={"loss": arms[0].curves["loss"]})
    assert {"standard", "attention"} <= set(drawn(learning_plot(arms, "best_f1")))


def test_small_multiples_have_a_panel_for_each_arm() -> None:
    arms = ladder_of(13).arms
    said = " ".join(drawn(small_multiples(arms, "standard", "best_f1")))
    assert all(arm.name in said for arm in arms)


def test_long_trainings_do_not_make_large_plots() -> None:
    epochs = np.arange(100_000.0)
    noise = np.random.default_rng(0).random(len(epochs))
    long = Curve(epochs, noise, noise - 0.1, noise + 0.1)
    arm = made_up_arm(0, "standard", curves={"best_f1": long})
    assert len(learning_plot([arm], "best_f1")) < 40_000 + 100 * MOST_POINTS


def test_matplotlib_is_imported_only_when_something_is_plotted() -> None:
    code = "import sys, motes.figures.study_page; sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Colours: what an eye without one kind of cone sees, in linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
EYES = {
    "all cones": np.eye(3),
    "no long": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no middle": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "no short": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
PAPERS = {"light": "#ffffff", "dark": "#15181a"}


def palette(scheme: str) -> list[str]:
    """The colours of arms as the page's style gives them, light first."""
    style = (TEMPLATES / "study.html").read_text(encoding="utf-8")
    found = re.findall(r"--arm-\d: (#[0-9a-f]{6})", style)
    return found[: len(ARMS)] if scheme == "light" else found[len(ARMS) :]


def linear(colour: str) -> NDArray[np.float64]:
    values = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE L*a*b* of linear RGB, white D65."""
    x, y, z = np.cbrt(TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("scheme", PAPERS)
@pytest.mark.parametrize("eye", EYES)
def test_colours_of_arms_are_told_apart_by_every_kind_of_colour_vision(scheme: str, eye: str) -> None:
    seen = [lab(np.array(EYES[eye]) @ linear(colour)) for colour in palette(scheme)]
    assert len(seen) == len(ARMS)
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 19


@pytest.mark.parametrize("scheme", PAPERS)
def test_colours_of_arms_stand_out_from_the_paper(scheme: str) -> None:
    def luminance(colour: str) -> float:
        return float(TO_XYZ[1] @ linear(colour)) + 0.05

    for colour in palette(scheme):
        light, dark = sorted((luminance(colour), luminance(PAPERS[scheme])), reverse=True)
        assert light / dark >= 3  # as the Web Content Accessibility Guidelines ask of lines
