"""From results to comparisons."""

from pathlib import Path

import numpy as np
import pytest

from motes.figures.study_results import Comparison, Interval
from motes.study.analysis import (
    UNCLEAR_AMONG_MANY,
    compare,
    contrasts_of,
    corrected,
    guessed_gain,
    interval_of,
)
from motes.study.description import METRICS
from motes.study.results import read_results
from study_folder import made_up_folder, made_up_study, write_test


def test_a_constant_gain_is_found_whatever_the_images_are(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path, gain=0.1)
    comparisons = compare(study, read_results(study, folder, 1))
    assert {each.metric for each in comparisons} == set(METRICS)
    (found,) = [each for each in comparisons if each.metric == "f1" and each.kind == "pair"]
    assert (found.name, found.arm, found.base) == ("gated - plain", "gated", "plain")
    assert found.difference.value == pytest.approx(0.105)
    assert found.difference.low <= 0.105 <= found.difference.high
    assert found.relative == pytest.approx(0.105 / (np.mean([0.555, 0.305])), rel=1e-6)
    assert (found.groups, found.images, found.seeds) == (2, 5, 2)
    assert found.guessed == (1, 2)
    assert found.bootstrap[0] <= found.difference.value <= found.bootstrap[1]


def test_a_guess_is_told_of_the_deciding_metric_only(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    comparisons = compare(study, read_results(study, folder, 1))
    assert {each.metric for each in comparisons if each.guessed} == {"f1"}


def test_ensembles_are_compared_with_their_own_arm_or_the_base(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    comparisons = compare(study, read_results(study, folder, 1))
    found = {each.name: each for each in comparisons if each.kind == "ensemble" and each.metric == "f1"}
    assert list(found) == [
        "plain, all seeds - plain alone",
        "gated, all seeds - gated alone",
        "all arms - plain alone",
    ]
    assert found["plain, all seeds - plain alone"].difference.value == pytest.approx(0.045)
    assert found["all arms - plain alone"].difference.value == pytest.approx(0.195)
    assert found["all arms - plain alone"].seeds == 2


def test_ensembles_are_paired_by_seed_whatever_the_order(tmp_path: Path) -> None:
    _, folder = made_up_folder(tmp_path)
    study = made_up_study(ensembles=["arms"], seeds=[1, 0])
    for item, name, low in (("ensembles of arms", "all arms", 0.4), ("plain", "plain", 0.1)):
        values = {f"{name}/{seed}": (lambda _, v=low + 0.01 * seed: v) for seed in (0, 1)}
        write_test(folder, f"test/fold-0/{item}", values)
    comparisons = compare(study, read_results(study, folder, 1))
    (found,) = [each for each in comparisons if each.name == "all arms - plain alone" and each.metric == "f1"]
    assert (found.difference.value, found.difference.high) == pytest.approx((0.3, 0.3))


def test_a_failed_seed_leaves_the_ensemble_of_the_others(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    write_test(
        folder, "test/fold-0/plain", {"plain/0": lambda n: 0.3 + 0.01 * n, "plain, all seeds": lambda n: 0.4}
    )
    results = read_results(study, folder, 1)
    found = {each.name: each for each in compare(study, results) if each.metric == "f1"}
    assert found["plain, all seeds - plain alone"].difference.value == pytest.approx(0.4 - (0.305 + 0.33) / 2)
    assert found["gated - plain"].seeds == 1


def test_what_is_clear_alone_may_not_be_among_many() -> None:
    one = Comparison(
        "x",
        "pair",
        "f1",
        "x",
        "y",
        0,
        0,
        Interval(1, 0.1, 2),
        None,
        "higher",
        0.03,
        0,
        (0, 0),
        0,
        0,
        4,
        9,
        3,
        "",
    )
    assert [each.words for each in corrected([one])] == ["higher"]
    assert {each.words for each in corrected([one] * 3)} == {UNCLEAR_AMONG_MANY}
    assert [each.p_holm for each in corrected([one] * 3)] == pytest.approx([0.09] * 3)


def test_an_arm_without_results_is_not_compared(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    folder.tested("test/fold-0/gated").unlink()
    comparisons = compare(study, read_results(study, folder, 1))
    assert {each.kind for each in comparisons} == {"ensemble"}


def test_intervals_of_arms_hold_their_mean(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    results = read_results(study, folder, 1)
    found = interval_of(results.rows["plain"], "f1", results)
    assert found.value == pytest.approx(np.mean([0.555, 0.305]))
    assert found.low < found.value < found.high


ARMS = {
    "a": None,
    "b": {"changes": ["net.width=8"], "guessed": [1, 3]},
    "c": {"changes": ["net.depth=3"], "guessed": [2, 4]},
    "d": {"changes": ["loss=dice"]},
}


def test_a_ladder_is_compared_step_by_step_one_at_a_time_and_as_a_whole() -> None:
    study = made_up_study(arms=ARMS, base="a", ladder=["b", "c"])
    found = {each.name: (each.kind, guessed_gain(study, each)) for each in contrasts_of(study)}
    assert found == {
        "b - a": ("pair", (1, 3)),
        "c - a": ("pair", (2, 4)),
        "d - a": ("pair", None),
        "up_to_c - b": ("step", (2, 4)),
        "up_to_c - a": ("pair", (3, 7)),
    }


def test_a_ladder_with_a_step_that_nobody_guessed_has_no_guess_as_a_whole() -> None:
    study = made_up_study(arms=ARMS, base="a", ladder=["b", "d"])
    assert {each.name: guessed_gain(study, each) for each in contrasts_of(study)}["up_to_d - a"] is None


def test_a_factorial_is_compared_by_its_effects() -> None:
    study = made_up_study(
        arms={}, base="plain-w8", factors={"gate": {"plain": [], "gated": []}, "width": {"w8": [], "w16": []}}
    )
    assert [each.kind for each in contrasts_of(study)] == ["main effect", "main effect", "interaction"]
    assert all(guessed_gain(study, each) is None for each in contrasts_of(study))
