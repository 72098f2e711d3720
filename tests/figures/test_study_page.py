"""The page of a study, of made-up results."""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PillowImage
from scipy.ndimage import distance_transform_edt, gaussian_filter

from motes.figures.study_comparisons import (
    before_after_table,
    comparison_table,
    comparisons_of,
    guess_table,
)
from motes.figures.study_costs import cost_table, gain_table
from motes.figures.study_page import (
    FAILED,
    MAP_SIDE,
    MOST_SHOWN,
    UNKNOWN,
    alarm,
    audit_in_words,
    best_arms,
    reduced,
    write_study_page,
)
from motes.figures.study_results import (
    Arm,
    AuditRow,
    Comparison,
    Cost,
    Curve,
    FailureRow,
    Interval,
    ManifestRow,
    Shown,
    StudyResults,
)
from motes.figures.study_tables import COLUMNS, Table, arm_tables, failure_tables, torn_groups
from motes.figures.study_words import change, p_words, percent, signed
from motes.picks import Picks

METRICS = ("f1", "precision", "recall", "average_precision", "pixel_f1", "pixel_iou", "pixel_auc")
NAN = float("nan")


def interval(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half)


def curves(seed: int, epochs: int = 60) -> dict[str, Curve]:
    rng = np.random.default_rng(seed)
    number = np.arange(1.0, epochs + 1)
    up = 0.5 + 0.02 * seed % 0.3 - 0.4 * np.exp(-number / 12) + rng.normal(0, 0.006, epochs)
    down = 0.2 + 0.6 * np.exp(-number / 15) + rng.normal(0, 0.005, epochs)
    rate = 1e-3 * (1 + np.cos(np.pi * number / epochs)) / 2
    return {
        "best_f1": Curve(number, up, up - 0.02, up + 0.02),
        "loss": Curve(number, down, down - 0.02, down + 0.02),
        "learning_rate": Curve(number, rate, rate, rate),
    }


def made_up_arm(number: int, name: str, **changes: Any) -> Arm:
    """Arm number 0 has F1 0.452, each further one 0.0112 more."""
    values = {metric: interval(0.452 + 0.0112 * number + 0.03 * k, 0.021) for k, metric in enumerate(METRICS)}
    cost = Cost(
        31_037_633 + 350_128 * number,
        55_000_000_000,
        4100.0 + 211 * number,
        0.214 + 0.013 * number,
        3_400_000_000,
    )
    arm = Arm(
        name=name,
        about="the same net with one thing changed" if number else "a U-Net as published",
        differs=[f"net.part_{number}=true"] if number else [],
        runs=5,
        values=values,
        cost=cost,
        curves=curves(number),
        stability=0.0061,
    )
    return replace(arm, **changes)


def compared(arm: Arm, base: Arm, kind: str = "pair", /, **changes: Any) -> list[Comparison]:
    """The two arms in every metric: the difference of their values, half as wide an interval as theirs."""
    found = []
    for metric in METRICS:
        difference = arm.values[metric].value - base.values[metric].value
        clear = abs(difference) > 0.0105
        comparison = Comparison(
            name=f"{arm.name} - {base.name}",
            kind=kind,
            metric=metric,
            arm=arm.name,
            base=base.name,
            arm_value=arm.values[metric].value,
            base_value=base.values[metric].value,
            difference=interval(difference, 0.0105),
            relative=difference / base.values[metric].value,
            words=("higher" if difference > 0 else "lower")
            if clear
            else "not distinguishable from no difference",
            p=0.0004 if clear else 0.352,
            p_holm=0.03 if clear else 1.0,
            bootstrap=(difference - 0.0091, difference + 0.0093),
            paired_t=0.00001,
            wilcoxon=0.0042,
            groups=6,
            images=48,
            seeds=5,
            method="t interval; groups, images and seeds are samples",
        )
        found.append(replace(comparison, **changes))
    return found


def audit() -> list[AuditRow]:
    places = "; ".join(f"fold 0, seed {seed}: 60 epochs, 41c0b7{seed}9ae" for seed in range(5))
    return [
        AuditRow(
            "images",
            "the same images to train on and to validate on",
            "same",
            "24 train, 8 validation, 9fd21c",
        ),
        AuditRow("order", "images shown in the same order", "same", places),
        AuditRow("draws", "the same augmentation draws", "same", places),
        AuditRow("steps", "the same number of optimiser steps", "same", "6000 steps"),
        AuditRow(
            "weights",
            "the same initial weights in every layer that both nets have",
            "declared",
            "82 weights shared with attention, which has 12 of its own, 0d5512",
            ["attention and standard, fold 0, seed 0: 2 of 84 differ, the first is head.weight"],
            ["net.skips"],
        ),
        AuditRow(
            "recipe",
            "recipes that differ in the declared fields only",
            "same",
            "attention differs in net.skips",
        ),
    ]


def failed_audit() -> list[AuditRow]:
    where = [
        "attention and standard, fold 0, seed 1: from epoch 3 on",
        "attention and standard, fold 0, seed 4: from epoch 7 on",
    ]
    return [
        *audit()[:2],
        replace(audit()[2], outcome="failed", where=where),
        replace(audit()[3], outcome="unknown", where=["2 pairs of runs could not be compared"]),
        *audit()[4:],
    ]


def distance(picks: Picks, side: int) -> NDArray[np.float64]:
    """From each pixel of an image to the nearest pick, px."""
    empty = np.ones((side, side), dtype=bool)
    if len(picks):
        rows, columns = np.clip(picks.points.round().astype(int), 0, side - 1).T
        empty[rows, columns] = False
    return distance_transform_edt(empty)


def noisy_image(side: int, seed: int) -> tuple[NDArray[np.float32], Picks]:
    """Faint dark discs of 24 px on noise, and where they are."""
    rng = np.random.default_rng(seed)
    grid = np.arange(20, side - 10, 40)
    places = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    truth = Picks(places + rng.uniform(-7, 7, places.shape))
    noise = 1.5 * gaussian_filter(rng.standard_normal((side, side)), 0.7)
    return (noise - 0.7 * (distance(truth, side) < 12)).astype(np.float32), truth


def probability_of(picks: Picks, side: int, seed: int) -> NDArray[np.float32]:
    haze = gaussian_filter(np.random.default_rng(seed).standard_normal((side, side)), 3)
    found = 0.9 * np.exp(-(distance(picks, side) ** 2) / 90)
    return np.maximum(found, np.clip(0.05 + 0.4 * haze, 0, 0.4)).astype(np.float32)


def made_up_shown(arms: Sequence[str], side: int = 96, seed: int = 0) -> Shown:
    data, truth = noisy_image(side, seed)
    rng = np.random.default_rng(seed)
    picks = {}
    for number, arm in enumerate(arms):
        found = truth.points[rng.random(len(truth)) < 0.6 + 0.08 * (number % 4)]
        picks[arm] = Picks(
            np.concatenate([found + rng.normal(0, 2, found.shape), rng.uniform(0, side, (3, 2))])
        )
    return Shown(
        name=f"micrograph_{seed:03d}.mrc",
        group=f"protein {seed}",
        data=data,
        truth=truth,
        picks=picks,
        probability={arm: probability_of(each, side, seed) for arm, each in picks.items()},
        diameter=24.0,
        f1={arm: 0.61 + 0.02 * number for number, arm in enumerate(arms)},
        why="where the arms differ most",
    )


def made_up(arms: Sequence[Arm], comparisons: Sequence[Comparison], **changes: Any) -> StudyResults:
    names = [arm.name for arm in arms]
    results = StudyResults(
        name="attention gates",
        question="Do attention gates help to find faint particles?",
        answer="With attention gates F1 is 0.011 higher (95 % interval 0.001 to 0.022), on 48 images of 6 groups.",
        caveats=["All images are simulated: on real ones the difference may be another."],
        base=names[0],
        metric="f1",
        metrics=METRICS,
        arms=arms,
        comparisons=comparisons,
        audit=audit(),
        failures=[
            FailureRow(
                "low contrast",
                "signal-to-noise ratio below half the median of its group",
                1204,
                [0.31] * len(arms),
            ),
            FailureRow("overlap", "another particle within a diameter", 377, [0.525] * len(arms)),
        ],
        shown=[made_up_shown(names[:4])],
        worst={
            name: [("micrograph_017.mrc", "protein 3", 0.121), ("micrograph_002.mrc", "protein 3", 0.148)]
            for name in names
        },
        manifest=[
            ManifestRow("protein 0", "train", -1, 24, 5120),
            ManifestRow("protein 1", "validation", -1, 8, 1733),
            ManifestRow("protein 2", "test", -1, 8, 1698),
        ],
        plan=[
            ("runs", "10, of 2 arms with 5 seeds each"),
            ("smallest difference that can be seen", "0.012 of F1"),
        ],
        targets={"target": 0.5, "previous best": 0.487},
        method=["All arms were trained with the same five seeds (Student 1908)."],
        references=[
            "Student (1908). The probable error of a mean. Biometrika 6(1), 1–25. doi:10.1093/biomet/6.1.1"
        ],
        versions={"motes": "0.1.0", "torch": "2.9.0"},
        commands=["motes study run attention.yaml", "motes study report attention"],
        study_yaml="name: attention gates\nseeds: 5\n",
        watched="best_f1",
    )
    return replace(results, **changes)


def two_arms(**changes: Any) -> StudyResults:
    arms = [made_up_arm(0, "standard"), made_up_arm(1, "attention")]
    ensemble = made_up_arm(
        4,
        "5 seeds of attention",
        runs=1,
        ensemble=True,
        curves={},
        cost=Cost(156_938_805, 275_000_000_000, None, 1.1, None, 5),
        stability=None,
    )
    comparisons = [*compared(arms[1], arms[0], guessed=(1.5, 4.0)), *compared(ensemble, arms[1], "ensemble")]
    return made_up([*arms, ensemble], comparisons, **changes)


def ladder_of(steps: int, **changes: Any) -> StudyResults:
    """A base and so many arms, each with one thing more; every arm is compared with the base and the one before."""
    parts = [
        "residual blocks",
        "attention gates",
        "focal loss",
        "warm restarts",
        "mixup",
        "hard negatives",
        "deep supervision",
    ]
    names = ["standard", *(f"up to {parts[n % len(parts)]} {n}" for n in range(steps))]
    arms = [made_up_arm(number, name) for number, name in enumerate(names)]
    arms[3] = made_up_arm(2, names[3])
    pairs = [
        each for arm in arms[1:] for each in compared(arm, arms[0], guessed=(0.5, 2.0 + len(arm.name) % 7))
    ]
    steps_up = [each for one, other in pairwise(arms) for each in compared(other, one, "step")]
    return made_up(arms, [*pairs, *steps_up], ladder=names, **changes)


def factorial(**changes: Any) -> StudyResults:
    factors: Mapping[str, Sequence[str]] = {"skips": ("plain", "gate"), "width": ("16", "32", "64")}
    names = [f"{skips}-{width}" for skips in factors["skips"] for width in factors["width"]]
    arms = [made_up_arm(number, name) for number, name in enumerate(names)]
    pairs = [each for arm in arms[1:] for each in compared(arm, arms[0])]
    main = compared(
        arms[3], arms[0], "main effect", name="skips: gate - plain", arm="", base="", relative=None
    )
    both = compared(
        arms[1],
        arms[0],
        "interaction",
        name="skips x width: (gate - plain) x (32 - 16)",
        arm="",
        base="",
        relative=None,
    )
    return made_up(arms, [*pairs, *main, *both], factors=factors, **changes)


def written(folder: Path, results: StudyResults) -> str:
    """The page's HTML."""
    write_study_page(folder / "study.html", results)
    return (folder / "study.html").read_text(encoding="utf-8")


def text_of(page: str) -> str:
    """What a reader reads, in one line."""
    body = page[page.index("<body>") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def row_of(table: Table, name: str) -> list[Any]:
    found = [row for row in table.rows if name in (row[0], row[0][0])]
    assert len(found) == 1
    return list(found[0])


def with_arm(results: StudyResults, number: int, **changes: Any) -> StudyResults:
    arms = list(results.arms)
    arms[number] = replace(arms[number], **changes)
    return replace(results, arms=arms)


# The file


def test_a_page_with_four_large_noisy_images_of_four_arms_is_small(tmp_path: Path) -> None:
    results = ladder_of(3)
    names = [arm.name for arm in results.arms]
    written(tmp_path, replace(results, shown=[made_up_shown(names, 512, seed) for seed in range(4)]))
    assert 500_000 < (tmp_path / "study.html").stat().st_size < 3_000_000


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    page = written(tmp_path, two_arms())
    targets = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)""", page) + re.findall(r"url\(([^)]*)\)", page)
    assert targets
    assert all(target.startswith(("#", "data:image/png;base64,")) for target in targets)
    assert not re.search(r"<(script|link|iframe|object|embed)|@import", page)


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    assert written(tmp_path / "one", two_arms()) == written(tmp_path / "two", two_arms())


def test_names_are_text_and_not_markup(tmp_path: Path) -> None:
    name = "<i>a</i> & $b_1$"
    arms = [made_up_arm(0, "standard"), made_up_arm(1, name)]
    page = written(tmp_path, made_up(arms, compared(arms[1], arms[0]), question="Is 1 < 2?"))
    assert "<i>" not in page
    assert "Is 1 < 2?" in text_of(page)
    assert "&lt;i&gt;a&lt;/i&gt; &amp; $b_1$ - standard" in page


# The top of the page


def test_the_answer_stands_first(tmp_path: Path) -> None:
    results = two_arms()
    text = text_of(written(tmp_path, results))
    places = [text.index(part) for part in (results.question, results.answer, results.caveats[0], "Results")]
    assert places == sorted(places)


def test_a_failed_audit_is_marked_before_all_else(tmp_path: Path) -> None:
    page = written(tmp_path, two_arms(audit=failed_audit()))
    text = text_of(page)
    assert text.startswith(f"✗ {FAILED}.")
    assert text.index("seed 1: from epoch 3 on") < text.index("Study: attention gates")
    assert page.count('class="alarm"') == 1


def test_a_passed_audit_has_no_mark(tmp_path: Path) -> None:
    page = written(tmp_path, two_arms())
    assert 'class="alarm"' not in page
    assert "FAILED:" not in page
    assert "The fairness audit passed. 6 checks: 5 found the same" in text_of(page)


def test_an_audit_that_could_not_be_made_is_no_passed_one() -> None:
    unknown = [*audit()[:2], replace(audit()[2], outcome="unknown")]
    for rows, checks in ((unknown, ["draws"]), ([], [])):
        found = alarm(two_arms(audit=rows))
        assert found is not None
        assert found.words == UNKNOWN
        assert [row.check for row in found.checks] == checks
    assert audit_in_words([]) == "No check was made."


@pytest.mark.parametrize("rows", [audit(), failed_audit()])
def test_every_check_is_on_the_page_with_its_outcome_in_words(tmp_path: Path, rows: list[AuditRow]) -> None:
    table = written(tmp_path, two_arms(audit=rows)).partition('id="audit"')[2].partition('id="learning"')[0]
    text = text_of(f"<body>{table}")
    ends = {"same": "✓ same", "declared": "△ declared", "failed": "✗ FAILED", "unknown": "? unknown"}
    for row in rows:
        assert f"{row.words} {row.check} {ends[row.outcome]}" in text
        for told in (*row.evidence.split("; "), *row.where, *row.declared_by):
            assert told in text


# Results


def test_a_row_of_an_arm_has_its_mean_interval_and_runs() -> None:
    table, more = arm_tables(two_arms())
    assert table.heads == [
        ("arm", False),
        ("runs", True),
        ("F1 (decides)", True),
        ("precision", True),
        ("recall", True),
    ]
    assert row_of(table, "attention")[:3] == [
        ("attention", "the same net with one thing changed"),
        ("5", ""),
        ("0.463", "0.442 to 0.484"),
    ]
    assert row_of(table, "standard")[0] == ("standard", "the base; a U-Net as published")
    assert len(more.heads) == 5


def test_ensembles_are_set_apart() -> None:
    for table in arm_tables(two_arms()):
        assert [(title, [row[0][0] for row in rows]) for title, rows in table.groups] == [
            ("", ["standard", "attention"]),
            ("Ensembles: several nets that predict together", ["5 seeds of attention"]),
        ]


@given(st.integers(1, 30))
def test_every_metric_has_one_column_and_no_table_is_wider_than_paper(count: int) -> None:
    names = [f"metric {number}" for number in range(count)]
    heads = [
        name
        for table in arm_tables(two_arms(metrics=names, metric=names[count // 2]))
        for name, number in table.heads[1:]
        if number and name != "runs"
    ]
    assert heads[0] == f"metric {count // 2} (decides)"
    assert sorted(heads[1:]) == sorted(name for name in names if name != names[count // 2])
    tables = arm_tables(two_arms(metrics=names, metric=names[0]))
    assert all(len(table.heads) <= COLUMNS + 2 for table in tables)


def test_failed_runs_are_told_with_their_reasons(tmp_path: Path) -> None:
    results = with_arm(two_arms(), 1, runs=3, failed=["out of memory", "out of memory"])
    text = text_of(written(tmp_path, results))
    assert "attention: 2 runs failed (out of memory)." in text
    assert row_of(arm_tables(results)[0], "attention")[1] == ("3", "2 failed")
    two_reasons = with_arm(results, 1, failed=["seed 1: out of memory", "seed 2: the loss is not a number"])
    text = text_of(written(tmp_path, two_reasons))
    assert "attention: 2 runs failed: seed 1: out of memory seed 2: the loss is not a number" in text


def test_what_is_not_known_is_said_so(tmp_path: Path) -> None:
    lost = Interval(NAN, NAN, NAN)
    results = with_arm(two_arms(), 1, values={"f1": Interval(0.4, NAN, NAN)}, curves={}, stability=None)
    unknown = [
        replace(
            each,
            difference=lost,
            relative=None,
            p=NAN,
            p_holm=NAN,
            bootstrap=(NAN, NAN),
            paired_t=NAN,
            wilcoxon=NAN,
        )
        for each in results.comparisons
    ]
    text = text_of(written(tmp_path, replace(results, comparisons=unknown)))
    assert "0.400 no interval undefined no interval" in text
    row = row_of(
        comparison_table(comparisons_of(replace(results, comparisons=unknown), "f1")), "attention - standard"
    )
    assert row[1:5] == [("undefined", "no interval"), "undefined", "undefined", "undefined"]
    assert "nan" not in text.split()


# Comparisons


def test_a_row_of_a_comparison_has_all_its_numbers() -> None:
    table = comparison_table(comparisons_of(two_arms(), "f1"))
    assert row_of(table, "attention - standard") == [
        ("attention - standard", "6 groups, 48 images, 5 seeds"),
        ("+0.0112", "+0.0007 to +0.0217"),
        "+2.5 %",
        "< 0.001",
        "0.03",
        "higher",
        ("+0.0021", "to +0.0205"),
        "< 0.001",
        "0.004",
    ]


def test_every_column_of_a_comparison_is_explained() -> None:
    table = comparison_table(comparisons_of(two_arms(), "f1"))
    explained = {column for column, _ in table.meanings} | {
        "in words",
        "p (t, images)",
        "p (Wilcoxon, images)",
    }
    assert {name for name, _ in table.heads} <= explained
    assert "p (t, Wilcoxon)" in explained


def test_methods_that_differ_are_told_row_by_row() -> None:
    one, other = comparisons_of(two_arms(), "f1")
    table = comparison_table([one, replace(other, method="no interval: no values")])
    assert [row[0][1] for row in table.rows] == [
        "6 groups, 48 images, 5 seeds; t interval; groups, images and seeds are samples",
        "6 groups, 48 images, 5 seeds; no interval: no values",
    ]


def test_effects_of_a_factorial_are_grouped() -> None:
    table = comparison_table(comparisons_of(factorial(), "f1"))
    assert [(title.split(",")[0].split(":")[0], len(rows)) for title, rows in table.groups] == [
        ("Pairs of arms", 5),
        ("Main effects", 1),
        ("Interactions", 1),
    ]


def test_guesses_stand_beside_what_was_measured_in_points() -> None:
    one = comparisons_of(two_arms(), "f1")[0]
    guesses = {
        (1.5, 4.0): "less than guessed, but the interval reaches the guess",
        (3.0, 4.0): "less than guessed",
        (1.0, 2.0): "as guessed",
        (0.0, 0.5): "more than guessed, but the interval reaches the guess",
        (-2.0, 0.0): "more than guessed",
    }
    table = guess_table([replace(one, guessed=guess) for guess in guesses])
    assert table is not None
    assert table.rows[0] == [
        "attention - standard",
        "+1.5 to +4.0",
        ("+1.1", "+0.1 to +2.2"),
        guesses[(1.5, 4.0)],
    ]
    assert [row[3] for row in table.rows] == list(guesses.values())
    assert guess_table([replace(one, guessed=None)]) is None


def test_before_and_after() -> None:
    table = before_after_table(two_arms(), "f1")
    assert table.rows == [
        ["attention", "0.452", "0.463", "+0.0112", "+2.5 %"],
        ["5 seeds of attention", "0.452", "0.497", "+0.0448", "+9.9 %"],
    ]


def test_no_table_of_a_ladder_of_fourteen_arms_leaves_an_arm_out(tmp_path: Path) -> None:
    results = ladder_of(13)
    text = text_of(written(tmp_path, results))
    table = comparison_table(comparisons_of(results, "f1"))
    assert [len(rows) for _, rows in table.groups] == [13, 13]
    for arm in results.arms[1:]:
        assert text.count(f"{arm.name} - standard 6 groups") >= len(METRICS)
    assert "All 14 arms: best F1" in text
    assert "14 arms are too many for one plot: these are the base and the 7 others" in text
    assert "The ladder: F1 after each step" in text
    assert all(len(table.rows) == 14 for table in [*arm_tables(results), cost_table(results)])


def test_a_factorial_shows_how_its_factors_act_together(tmp_path: Path) -> None:
    assert "How the factors act together on F1" in text_of(written(tmp_path, factorial()))


def test_a_study_of_one_arm_compares_nothing(tmp_path: Path) -> None:
    text = text_of(written(tmp_path, made_up([made_up_arm(0, "standard")], [], shown=[], targets={})))
    assert "Nothing was compared in F1." in text
    assert "No test image was kept." in text


# Images


def test_each_image_is_in_the_file_once_and_each_map_of_an_arm(tmp_path: Path) -> None:
    page = written(tmp_path, two_arms())
    assert page.count("data:image/png") == 1 + 3
    assert page.count('<use href="#shown-0"/>') == 2


def test_side_by_side_the_base_stands_first_and_the_best_arms_follow() -> None:
    results = ladder_of(13)
    names = [arm.name for arm in results.arms]
    assert best_arms(results, reversed(names), 4) == [names[0], *names[-3:]]
    assert best_arms(results, names[1:3], 4) == names[1:3]
    assert best_arms(replace(results, base=names[5]), names, 2) == [names[5], names[-1]]


def test_an_arm_without_a_value_is_not_among_the_best() -> None:
    results = with_arm(ladder_of(3), 3, values={})
    assert best_arms(results, [arm.name for arm in results.arms], 3) == [arm.name for arm in results.arms[:3]]


def test_the_picks_of_an_arm_are_counted(tmp_path: Path) -> None:
    shown = made_up_shown(["standard", "attention"])
    perfect = replace(shown, picks={"standard": shown.truth, "attention": Picks(np.zeros((0, 2)))})
    text = text_of(written(tmp_path, two_arms(shown=[perfect])))
    assert "standard (base) F1 0.610: 4 found, 0 wrong, 0 missed" in text
    assert "attention F1 0.630: 0 found, 0 wrong, 4 missed" in text


def test_a_volume_is_shown_in_its_middle_section(tmp_path: Path) -> None:
    shown = made_up_shown(["standard", "attention"])
    solid = replace(
        shown,
        data=np.stack([shown.data] * 3),
        truth=Picks(np.insert(shown.truth.points, 0, 1, axis=1)),
        picks={arm: Picks(np.insert(picks.points, 0, 1, axis=1)) for arm, picks in shown.picks.items()},
        probability={arm: np.stack([values] * 3) for arm, values in shown.probability.items()},
    )
    flat = written(tmp_path / "flat", two_arms(shown=[shown]))
    assert written(tmp_path / "solid", two_arms(shown=[solid])) == flat


def test_images_that_are_left_out_are_named(tmp_path: Path) -> None:
    shown = [
        replace(made_up_shown(["standard"], 40), name=f"image {number}") for number in range(MOST_SHOWN + 2)
    ]
    page = written(tmp_path, two_arms(shown=shown))
    assert f"Not shown, to keep the file small: image {MOST_SHOWN}, image {MOST_SHOWN + 1}." in text_of(page)
    assert page.count("data:image/png") == 2 * MOST_SHOWN


@given(st.integers(1, 3), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_a_map_is_made_small_by_means(times: int, side: int, seed: int) -> None:
    width = MAP_SIDE * times if times > 1 else side
    values = np.random.default_rng(seed).random((side * times, width), dtype=np.float32)
    small = reduced(values)
    assert max(small.shape) <= MAP_SIDE
    assert small.mean() == pytest.approx(values.mean(), abs=1e-5)


def test_a_map_is_drawn_over_its_whole_image(tmp_path: Path) -> None:
    page = written(tmp_path, two_arms(shown=[made_up_shown(["standard"], 600)]))
    picture = page.partition('aria-label="Probability map of standard"')[2]
    content = re.search(r"base64,([^\"]*)", picture)
    assert content is not None
    assert PillowImage.open(io.BytesIO(base64.b64decode(content[1]))).size == (200, 200)
    assert '<image width="600" height="600"' in picture


# Failures, cost and data


def test_recall_by_kind_has_a_row_for_each_arm() -> None:
    results = two_arms()
    kinds = [FailureRow(f"kind {k}", "some", 1234, [0.1 * k, 0.2]) for k in range(COLUMNS + 1)]
    tables = failure_tables(results.arms, kinds)
    assert sum(len(table.heads) - 1 for table in tables) == len(kinds)
    assert tables[0].heads[1] == ("kind 0 (1,234 particles)", True)
    assert [row[-1] for row in tables[-1].rows] == ["0.600", "0.200"]
    assert failure_tables(results.arms, []) == []


def test_costs_stand_beside_those_of_the_base() -> None:
    table = cost_table(two_arms())
    assert row_of(table, "standard") == [
        "standard",
        "1",
        "31,037,633",
        "55 GFLOP",
        "68 min",
        "0.21 s",
        "3.4 GB",
    ]
    assert row_of(table, "attention")[2:] == [
        ("31,387,761", "+350,128", "+1.1 %"),
        ("55 GFLOP", "no change"),
        ("72 min", "+3.5 min", "+5.1 %"),
        ("0.23 s", "+0.013 s", "+6.1 %"),
        ("3.4 GB", "no change"),
    ]
    assert row_of(table, "5 seeds of attention")[1] == "5"
    assert row_of(table, "5 seeds of attention")[4] == "not measured"


def test_gain_over_cost_is_a_quotient_of_relative_changes_or_undefined() -> None:
    row = row_of(gain_table(two_arms(), "f1"), "attention")
    assert row[1] == "+2.5 %"
    assert row[2] == signed((0.0112 / 0.452) / (350_128 / 31_037_633), 3)
    assert [row[3], row[6]] == ["undefined", "undefined"]


def test_groups_that_stand_in_two_parts_are_told(tmp_path: Path) -> None:
    rows = [
        *(ManifestRow("a", part, fold, 3, 10) for fold, part in enumerate(("train", "test"))),
        *(ManifestRow("b", part, 0, 3, 10) for part in ("train", "test")),
    ]
    assert torn_groups(rows) == ["b"]
    text = text_of(written(tmp_path, two_arms(manifest=rows)))
    assert "2 groups, divided in 2 folds" in text
    assert "In two parts of the same division: b." in text


def test_what_was_planned_and_how_to_repeat_it_are_told(tmp_path: Path) -> None:
    results = two_arms()
    text = text_of(written(tmp_path, results))
    for words in (*results.plan[1], *results.method, *results.references, *results.commands):
        assert words in text
    assert " ".join(results.study_yaml.split()) in text


# Numbers


@given(st.floats(-5, 5))
def test_a_signed_number_is_the_number(value: float) -> None:
    text = signed(value)
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.5e-4 + 1e-12)
    assert text[0] in "+−" or float(text) == 0


@given(st.floats(0, 1))
def test_p_is_the_probability(p: float) -> None:
    text = p_words(p)
    assert (text == "< 0.001") == (p < 0.001)
    if p >= 0.001:
        assert float(text) == pytest.approx(p, abs=0.005 + 1e-12)
        assert float(text) == pytest.approx(p, abs=0.0005 + 1e-12) or p >= 0.1


def test_numbers_as_people_read_them() -> None:
    assert [p_words(p) for p in (0.00099, 0.004, 0.03, 0.0496, 0.352, 1, NAN)] == [
        *("< 0.001", "0.004", "0.03", "0.05", "0.35", "1.00", "undefined"),
    ]
    assert [signed(value) for value in (0.05, -0.00004, -0.01, None, float("inf"))] == [
        *("+0.0500", "0.0000", "−0.0100", "undefined", "undefined"),
    ]
    assert [percent(share) for share in (0.1023, -0.5, None)] == ["+10.2 %", "−50.0 %", "undefined"]


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_a_change_leads_from_before_to_after(before: float, after: float) -> None:
    absolute, relative = change(before, after)
    assert absolute is not None
    assert before + absolute == pytest.approx(after)
    assert (relative is None) == (before == 0)
    if relative is not None and isfinite(relative):
        assert relative * before == pytest.approx(absolute, abs=1e-9)


def test_a_change_from_the_unknown_is_unknown() -> None:
    assert change(NAN, 1) == change(1, NAN) == change(None, 1) == (None, None)
