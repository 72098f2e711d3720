"""The checks of the division and of the test, on a folder that is made up."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from motes.figures.study_results import AuditRow
from motes.jobs.manifest import MANIFEST
from motes.output import write_text
from motes.study.data_description import Division
from motes.study.description import Study
from motes.study.folder import Folder, Unit, items_of_tests, training_units
from motes.study.report_audit import audit_of
from motes.study.results import read_results
from study_folder import IMAGES, made_up_folder, write_test

GATED = "test/fold-0/gated"
TOGETHER = "test/fold-0/ensembles of arms"
USED = [("c1", "train", "c", "pixels of c1"), ("d1", "validation", "d", "pixels of d1")]
Made = tuple[Study, Folder]


def at(second: int) -> str:
    return f"2026-01-01T12:00:{second:02d}.000000+00:00"


def trained(folder: Folder, unit: Unit, when: str, used: Sequence[tuple[str, ...]] = USED) -> None:
    """What a training leaves that has ended: when, the hash of its net, and the images that it used."""
    done = {"at": when, "model": f"net {unit.arm}/{unit.seed}"}
    write_text(folder.done(unit.item), json.dumps(done))
    table = io.StringIO()
    csv.writer(table).writerows([("image", "part", "group", "image_sha256"), *used])
    write_text(folder.run(unit) / MANIFEST, table.getvalue())


def log(folder: Folder, item: str, event: str, when: str) -> None:
    with folder.log.open("a") as file:
        file.write(json.dumps({"at": when, "item": item, "event": event}) + "\n")


def change(folder: Folder, item: str, edit: Callable[[Any], object]) -> None:
    """Change what a test has left."""
    record = json.loads(folder.tested(item).read_text())
    edit(record)
    write_text(folder.tested(item), json.dumps(record))


def name_nets(folder: Folder, item: str) -> None:
    """Say in a test's record which nets it has loaded."""
    arms = ["plain", "gated"] if item == TOGETHER else [item.rpartition("/")[2]]
    nets = {f"{arm}/{seed}": f"net {arm}/{seed}" for arm in arms for seed in (0, 1)}
    change(folder, item, lambda record: record["models"].update(nets))


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Four trainings that ended in the seconds 7 to 10, and three tests begun in the seconds 20 to 22."""
    study, folder = made_up_folder(tmp_path)
    for second, unit in enumerate(training_units(study, 1), start=7):
        log(folder, unit.item, "begun", at(second - 6))
        trained(folder, unit, at(second))
    for second, item in enumerate(items_of_tests(study, 1), start=20):
        log(folder, item, "begun", at(second))
        name_nets(folder, item)
    return study, folder


def checked(made: Made, folds: int = 1) -> dict[str, AuditRow]:
    study, folder = made
    results = read_results(study, folder, folds)
    rows = audit_of(folder, study, training_units(study, folds), results, {"plain": [], "gated": []})
    return {row.check: row for row in rows}


def test_a_fair_study_passes_with_evidence(made: Made) -> None:
    rows = checked(made)
    told = {check: (rows[check].outcome, rows[check].evidence) for check in ("groups", "test", "tested")}
    assert told == {
        "groups": ("same", "fold 0: 2 images to train and validate on, 5 to test on"),
        "test": ("same", "the first of 3 tests began 10 s after the last training ended"),
        "tested": ("same", "5 images x 2 seeds x 2 arms"),
    }
    assert not any(rows[check].where for check in told)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_test_image_that_was_used_under_another_name_and_group_is_found(made: Made, part: str) -> None:
    study, folder = made
    for unit in training_units(study, 1):
        trained(folder, unit, at(9), [*USED, ("copy", part, "c", "pixels of b2")])
    row = checked(made)["groups"]
    assert (row.outcome, row.where) == ("failed", [f"fold 0: the test image b2 is copy, of {part}"])


def test_a_group_that_is_tested_and_used_before_is_found(made: Made) -> None:
    study, folder = made
    for unit in training_units(study, 1):
        trained(folder, unit, at(9), [*USED, ("a9", "train", "a", "pixels of a9")])
    row = checked(made)["groups"]
    assert (row.outcome, row.where) == ("failed", ["fold 0: the group a is tested, and used before"])


def second_fold(made: Made, used: Sequence[tuple[str, ...]]) -> None:
    """A fold that tests c1 and nets trained on other images."""
    study, folder = made
    for unit in training_units(study, 2):
        if unit.fold == 1:
            trained(folder, unit, at(9), used)
    for arm in study.all_arms:
        nets = {f"{arm}/{seed}": (lambda _: 0.5) for seed in (0, 1)}
        write_test(folder, f"test/fold-1/{arm}", nets, images=[("c1", "c")], fold=1)


def test_what_another_fold_trains_on_may_be_tested(made: Made) -> None:
    second_fold(made, [("a1", "train", "a", "pixels of a1"), ("b1", "validation", "b", "pixels of b1")])
    row = checked(made, folds=2)["groups"]
    assert (row.outcome, row.where) == ("same", [])
    assert row.evidence.endswith("; fold 1: 2 images to train and validate on, 1 to test on")


def test_an_image_of_two_parts_is_found_in_the_fold_that_has_it(made: Made) -> None:
    second_fold(made, USED)
    assert checked(made, folds=2)["groups"].where == [
        "fold 1: the test image c1 is c1, of train",
        "fold 1: the group c is tested, and used before",
    ]


OTHERS = [("e1", "train", "e", "pixels of e1"), ("f1", "validation", "f", "pixels of f1")]


def second_sample(
    made: Made, used: Sequence[tuple[str, ...]], images: Sequence[tuple[str, str]] = IMAGES
) -> Made:
    """The study with a second sample, whose nets are trained on other images and tested on the same."""
    study, folder = made[0].model_copy(update={"division": Division(samples=2)}), made[1]
    for unit in training_units(study, 2):
        if unit.fold == 1:
            trained(folder, unit, at(9), used)
    for arm in study.all_arms:
        nets = {f"{arm}/{seed}": (lambda _: 0.5) for seed in (0, 1)}
        write_test(folder, f"test/fold-1/{arm}", nets, images=images, fold=1)
        name_nets(folder, f"test/fold-1/{arm}")
    return study, folder


def test_samples_that_share_the_test_alone_pass(made: Made) -> None:
    rows = checked(second_sample(made, OTHERS), folds=2)
    assert (rows["samples"].outcome, rows["samples"].where) == ("same", [])
    assert rows["samples"].evidence == (
        "sample 0: 2 images to train and validate on, 5 to test on; "
        "sample 1: 2 images to train and validate on, 5 to test on"
    )
    assert rows["groups"].outcome == "same"
    assert "samples" not in checked(made)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (("copy", "train", "e", "pixels of c1"), "samples 0 and 1 have the image copy in common"),
        (("c9", "train", "c", "pixels of c9"), "samples 0 and 1 have the group c in common"),
    ],
)
def test_samples_with_an_image_or_a_group_in_common_fail(
    made: Made, other: tuple[str, ...], words: str
) -> None:
    row = checked(second_sample(made, [*OTHERS, other]), folds=2)["samples"]
    assert (row.outcome, row.where) == ("failed", [words])


def test_samples_that_were_tested_on_different_images_fail(made: Made) -> None:
    row = checked(second_sample(made, OTHERS, IMAGES[:-1]), folds=2)["samples"]
    assert (row.outcome, row.where) == ("failed", ["samples 0 and 1 were tested on different images"])


def test_a_sample_that_is_missing_leaves_it_unknown(made: Made) -> None:
    study = made[0].model_copy(update={"division": Division(samples=2)})
    assert checked((study, made[1]), folds=2)["samples"].outcome == "unknown"


def test_without_results_nothing_is_known(made: Made) -> None:
    study, folder = made
    for item in items_of_tests(study, 1):
        folder.tested(item).unlink()
    rows = checked(made)
    assert {rows[check].outcome for check in ("groups", "test", "tested")} == {"unknown"}
    assert rows["test"].evidence == "no test is noted in the log"


def test_without_a_training_that_has_ended_the_division_is_not_known(made: Made) -> None:
    study, folder = made
    for unit in training_units(study, 1):
        folder.done(unit.item).unlink()
    rows = checked(made)
    assert (rows["groups"].outcome, rows["test"].outcome) == ("unknown", "unknown")


def test_a_test_begun_before_the_last_training_ended_fails(made: Made) -> None:
    _, folder = made
    log(folder, GATED, "begun", at(9))  # the last training ended in second 10
    row = checked(made)["test"]
    assert (row.outcome, row.where) == ("failed", [f"{GATED} began before a training had ended"])
    assert row.evidence == "the first of 4 tests began -1 s after the last training ended"


def test_it_is_the_last_training_of_all_that_counts(made: Made) -> None:
    trained(made[1], Unit("plain", 0, 0), at(21))
    assert checked(made)["test"].where == ["test/fold-0/plain began before a training had ended"]


def test_times_are_compared_as_times(made: Made) -> None:
    _, folder = made
    trained(folder, Unit("plain", 0, 0), "2026-01-01T13:00:15.000000+01:00")  # second 15 of 12:00
    row = checked(made)["test"]
    assert (row.outcome, row.evidence) == (
        "same",
        "the first of 3 tests began 5 s after the last training ended",
    )


def test_what_a_test_ends_with_is_not_its_beginning(made: Made) -> None:
    for event in ("done", "failed"):
        log(made[1], GATED, event, at(1))
    assert checked(made)["test"].outcome == "same"


def test_a_retry_declares_the_tests_before_it(made: Made) -> None:
    _, folder = made
    log(folder, "train/gated/fold-0/seed-1", "begun again", at(30))
    assert checked(made)["test"].outcome == "same"  # as long as no training has ended since
    trained(folder, Unit("gated", 0, 1), at(40))
    row = checked(made)["test"]
    assert (row.outcome, list(row.declared_by), len(row.where)) == ("declared", ["--retry"], 3)


@pytest.mark.parametrize(("key", "value"), [("sha256", "other"), ("image_sha256", "other"), ("particles", 3)])
def test_a_test_that_saw_another_image_fails(made: Made, key: str, value: object) -> None:
    change(made[1], GATED, lambda record: record["images"][1].update({key: value}))
    row = checked(made)["tested"]
    assert (row.outcome, row.where) == ("failed", [f"{GATED} saw another a2 than the tests before it"])


def test_images_of_one_name_in_two_folds_are_not_compared(made: Made) -> None:
    _, folder = made
    write_test(folder, "test/fold-1/plain", {"plain/0": lambda _: 0.5}, images=[("a1", "a")], fold=1)
    change(
        folder, "test/fold-1/plain", lambda record: record["images"][0].update(sha256="other", particles=9)
    )
    assert not any("saw another" in words for words in checked(made, folds=2)["tested"].where)


@pytest.mark.parametrize(("key", "was"), [("code", "c0de"), ("device", "cpu")])
def test_a_test_by_other_code_or_another_device_fails(made: Made, key: str, was: str) -> None:
    change(made[1], TOGETHER, lambda record: record["by"].update({key: "other"}))
    row = checked(made)["tested"]
    assert (row.outcome, row.where) == ("failed", [f"{TOGETHER}: {key} other, not {was}"])


@pytest.mark.parametrize("item", [GATED, TOGETHER])
def test_a_net_that_is_not_the_one_that_was_trained_fails(made: Made, item: str) -> None:
    change(made[1], item, lambda record: record["models"].update({"gated/1": "net gated/0"}))
    row = checked(made)["tested"]
    assert (row.outcome, row.where) == (
        "failed",
        [f"{item}: the net of gated/1 is not the one that was trained"],
    )


def test_a_net_of_no_training_that_has_ended_fails(made: Made) -> None:
    _, folder = made
    folder.done("train/gated/fold-0/seed-1").unlink()
    row = checked(made)["tested"]
    told = [f"{item}: the net of gated/1 is not the one that was trained" for item in (GATED, TOGETHER)]
    assert (row.outcome, row.where) == ("failed", told)


def test_an_arm_that_is_missing_leaves_it_unknown(made: Made) -> None:
    made[1].tested(GATED).unlink()
    row = checked(made)["tested"]
    assert (row.outcome, row.where) == ("unknown", ["gated: 10 images x seeds are missing"])


def test_a_seed_that_is_missing_leaves_it_unknown_but_what_is_wrong_fails(made: Made) -> None:
    _, folder = made
    write_test(folder, GATED, {"gated/1": lambda _: 0.5})
    row = checked(made)["tested"]
    assert (row.outcome, row.where) == ("unknown", ["gated: 5 images x seeds are missing"])
    change(folder, GATED, lambda record: record["by"].update(code="other"))
    row = checked(made)["tested"]
    assert (row.outcome, row.where[-1]) == ("failed", "gated: 5 images x seeds are missing")


def test_images_without_particles_are_tested_all_the_same(made: Made) -> None:
    """Their F1 is not defined, but their counts are."""
    _, folder = made
    nets = {f"gated/{seed}": (lambda n: None if n == 0 else 0.5) for seed in (0, 1)}
    write_test(folder, GATED, nets)
    assert checked(made)["tested"].outcome == "same"


def test_a_fold_without_a_test_is_not_known(made: Made) -> None:
    study, folder = made
    for unit in training_units(study, 2):
        if unit.fold == 1:
            trained(folder, unit, at(6))
    rows = checked(made, folds=2)
    assert (rows["tested"].outcome, rows["groups"].outcome) == ("unknown", "unknown")
    assert "fold 1 has not been tested" in rows["tested"].where


def test_records_that_are_lost_leave_the_checks_unknown(made: Made) -> None:
    study, folder = made
    folder.log.unlink()
    for unit in training_units(study, 1):
        (folder.run(unit) / MANIFEST).unlink()
    rows = checked(made)
    assert (rows["test"].outcome, rows["groups"].outcome) == ("unknown", "unknown")


def test_only_a_training_that_was_begun_again_explains_an_early_test(made: Made) -> None:
    _, folder = made
    log(folder, GATED, "begun", at(9))
    log(folder, "test/fold-0/plain", "begun again", at(25))
    assert checked(made)["test"].outcome == "failed"
    log(folder, "train/gated/fold-0/seed-1", "begun again", at(9))
    assert checked(made)["test"].outcome == "failed"  # not after it
    log(folder, "train/gated/fold-0/seed-1", "begun again", at(11))
    assert checked(made)["test"].outcome == "declared"


def test_a_declared_precision_may_be_that_of_the_test_too(made: Made) -> None:
    study, folder = made
    change(folder, GATED, lambda record: record["by"].update(precision="bfloat16"))
    change(folder, "test/fold-0/plain", lambda record: record["by"].update(precision="float32"))
    change(folder, TOGETHER, lambda record: record["by"].update(precision="float32"))
    assert checked(made)["tested"].outcome == "failed"
    results = read_results(study, folder, 1)
    declared = {"plain": [], "gated": ["training.precision"]}
    rows = audit_of(folder, study, training_units(study, 1), results, declared)
    assert {row.check: row.outcome for row in rows}["tested"] == "same"
