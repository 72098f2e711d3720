"""What a study found, in sentences."""

from dataclasses import replace
from pathlib import Path

import pytest

from motes.figures.references import REFERENCES, cited
from motes.figures.study_results import AuditRow, Comparison, Interval, StudyResults
from motes.study.report import page_of
from motes.study.results import read_results
from motes.study.words import answer, caveats, method_of
from study_folder import made_up_folder, made_up_study


@pytest.fixture
def page(tmp_path: Path) -> StudyResults:
    study, folder = made_up_folder(tmp_path)
    return page_of(folder, study, 1, read_results(study, folder, 1))


def found(page: StudyResults, **values: object) -> Comparison:
    (pair,) = [each for each in page.comparisons if each.kind == "pair" and each.metric == page.metric]
    return replace(pair, **values)  # type: ignore[arg-type]


def test_the_answer_of_a_pair_has_both_values_and_the_interval(page: StudyResults) -> None:
    better = found(
        page, difference=Interval(0.1, 0.05, 0.15), words="higher", arm_value=0.535, base_value=0.43
    )
    assert answer(replace(page, comparisons=[better])) == (
        "On 5 test images of 2 groups, gated reaches an F1 of 0.535 and plain 0.430: a difference of +0.1000 (95 % "
        "interval +0.0500 to +0.1500), so gated is better."
    )


def test_what_cannot_be_told_from_nothing_is_said_so(page: StudyResults) -> None:
    unclear = found(
        page, difference=Interval(0.01, -0.02, 0.04), words="not distinguishable from no difference"
    )
    assert answer(replace(page, comparisons=[unclear])).endswith(
        "+0.0100 (95 % interval -0.0200 to +0.0400), not distinguishable from no difference."
    )
    unknown = found(page, difference=Interval(0.01, float("nan"), float("nan")))
    assert answer(
        replace(page, comparisons=[replace(unknown, method="no interval: a group has one image only")])
    ) == ("gated - plain is +0.0100, which cannot be judged: no interval: a group has one image only.")
    assert answer(replace(page, comparisons=[])).startswith("There is no answer yet")


def test_of_many_differences_the_clear_ones_are_named_after_correction(page: StudyResults) -> None:
    many = [
        found(
            page, name=f"arm {n} - plain", difference=Interval(n / 100, 0, 1), p_holm=0.01 if n > 2 else 0.5
        )
        for n in range(5)
    ]
    told = answer(replace(page, comparisons=many))
    assert told.startswith("Of 5 differences in F1 on 5 test images of 2 groups, 2 are distinguishable")
    assert "arm 4 - plain with +0.0400" in told
    assert "arm 3 - plain" in told
    none = [replace(each, p_holm=0.5) for each in many]
    assert "none is distinguishable from no difference after correction" in answer(
        replace(page, comparisons=none)
    )


def test_a_factorial_of_one_effect_is_answered_by_its_name(page: StudyResults) -> None:
    effect = found(page, name="gate: on - off", kind="main effect", arm="", base="")
    assert "gate: on - off with" in answer(replace(page, comparisons=[effect]))


def test_caveats_tell_how_far_the_answer_reaches(page: StudyResults, tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    results = read_results(study, folder, 1)
    assert any("No arm tells particles from background" in caveat for caveat in caveats(page, results))
    good = {"pixel_auc": Interval(0.9, 0.8, 1.0)}
    page = replace(page, arms=[replace(arm, values=arm.values | good) for arm in page.arms])  # type: ignore[operator]
    apart = replace(results, left_out={"all arms": "they differ"})
    assert caveats(page, results)[0] == (
        "There are only 2 test groups: the intervals speak of these groups only, not of other proteins."
    )
    two = replace(page, comparisons=[replace(each, groups=6) for each in page.comparisons])
    assert [caveat[:26] for caveat in caveats(two, results)] == ["There are only two seeds, "]
    many = replace(page, comparisons=[replace(each, groups=6, seeds=3) for each in page.comparisons])
    assert caveats(many, results) == []
    alone = [found(page, groups=6, seeds=1)]
    assert "There is one seed" in caveats(replace(page, comparisons=alone), results)[0]
    failed = replace(page, arms=[replace(page.arms[0], failed=["x"]), *page.arms[1:]])
    assert "Trainings of plain failed" in caveats(failed, results)[2]
    assert "The ensemble all arms was left out: they differ" in caveats(many, apart)[0]
    unread = replace(results, unread={"x.mrc": "it is damaged"})
    assert caveats(many, unread) == ["1 test image could not be used, the first is x.mrc: it is damaged"]
    empty = replace(results, images=[replace(image, particles=0) for image in results.images])
    assert "5 test images without particles count in no metric of picks" in caveats(many, empty)[0]


def test_the_method_cites_what_the_references_hold_and_claims_what_the_audit_shows(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    results = read_results(study, folder, 1)
    passed = AuditRow("order", "images shown in the same order", "same", "x")
    failed = AuditRow("draws", "the same augmentation draws", "failed", "x")
    paragraphs = method_of(study, results, 1, [passed, failed])
    assert len(cited(paragraphs)) == 4
    for year in ("1945", "1946", "1979", "1997"):
        assert any(year in key and key in " ".join(paragraphs) for key in REFERENCES)
    assert "all arms had images shown in the same order." in paragraphs[1]
    assert "shows to be wrong: the same augmentation draws." in paragraphs[1]
    assert "5 test images of 2 groups were read once" in paragraphs[0]
    assert "Groups are taken as fixed" in paragraphs[2]
    k_fold = made_up_study(division={"kind": "k_fold"})
    assert "each group is tested once" in method_of(k_fold, results, 5, [])[0]
