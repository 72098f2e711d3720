"""How far a study has come, read from its folder."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from motes.errors import InputError
from motes.jobs.run_record import METRICS
from motes.output import write_text
from motes.study.description import Study
from motes.study.file import arm_recipe, as_yaml
from motes.study.folder import Folder, Unit, items_of_tests, training_units
from motes.study.status import open_study, status_of
from study_folder import made_up_study

EPOCHS = 4
ARMS = {"plain": None, "gated": {"changes": ["training.epochs=6"]}}


@pytest.fixture
def made(tmp_path: Path) -> tuple[Study, Folder]:
    """A study of two arms and two seeds that has its words, and nothing else yet."""
    study = made_up_study(arms=ARMS, changes=[f"training.epochs={EPOCHS}"], ensembles=["arms"])
    folder = Folder(tmp_path)
    write_text(folder.study, as_yaml(study))
    for arm in study.all_arms:
        write_text(folder.arm(arm), arm_recipe(study, arm).as_yaml())
    return study, folder


def planned(folder: Folder, folds: int = 1) -> None:
    for fold in range(folds):
        write_text(folder.fold(fold), "image,picks,group,split\n")
    write_text(folder.plan, "{}")


def finish(folder: Folder, items: Iterable[str]) -> None:
    for item in items:
        write_text(folder.done(item), json.dumps({"at": "2026-01-01T12:00:00+00:00"}))


def has_epochs(folder: Folder, unit: Unit, count: int) -> None:
    write_text(folder.run(unit) / METRICS, "".join(f'{{"epoch": {n + 1}}}\n' for n in range(count)))


def items(study: Study, folds: int = 1) -> list[str]:
    return [unit.item for unit in training_units(study, folds)]


def rows(folder: Folder) -> list[Sequence[str | int]]:
    return [tuple(row) for row in status_of(folder.path).rows]


def test_each_stage_has_its_words(made: tuple[Study, Folder]) -> None:
    study, folder = made
    stages = [status_of(folder.path).stage]
    write_text(folder.fold(0), "image,picks,group,split\n")
    stages.append(status_of(folder.path).stage)
    planned(folder)
    stages.append(status_of(folder.path).stage)
    finish(folder, items(study)[:1])
    write_text(folder.failed(items(study)[1]), "the loss became nan\n")
    stages.append(status_of(folder.path).stage)
    finish(folder, items(study)[2:])
    stages.append(status_of(folder.path).stage)
    finish(folder, list(items_of_tests(study, 1))[:2])
    stages.append(status_of(folder.path).stage)
    finish(folder, items_of_tests(study, 1))
    stages.append(status_of(folder.path).stage)
    assert stages == [
        "data are being laid out",
        "measuring what it costs",
        "training, 0 of 4 ended",
        "training, 2 of 4 ended",
        "testing, 0 of 3 ended",
        "testing, 2 of 3 ended",
        f"finished, see {folder.report}",
    ]


def test_trainings_are_counted_by_arm_and_what_they_have_done_in_epochs(made: tuple[Study, Folder]) -> None:
    _, folder = made
    planned(folder)
    assert status_of(folder.path).columns == ("arm", "done", "running", "failed", "waiting", "epochs")
    assert rows(folder) == [("plain", 0, 0, 0, 2, "0 of 8"), ("gated", 0, 0, 0, 2, "0 of 12")]
    finish(folder, ["train/plain/fold-0/seed-0"])
    has_epochs(folder, Unit("plain", 0, 0), 2)  # it stopped early, and counts as whole
    has_epochs(folder, Unit("plain", 0, 1), 3)
    write_text(folder.failed("train/gated/fold-0/seed-1"), "the loss became nan\n")
    assert rows(folder) == [("plain", 1, 0, 0, 1, "7 of 8"), ("gated", 0, 0, 1, 1, "6 of 12")]
    with FileLock(folder.lock("train/plain/fold-0/seed-1")):
        assert rows(folder)[0] == ("plain", 1, 1, 0, 0, "7 of 8")
    assert rows(folder)[0] == ("plain", 1, 0, 0, 1, "7 of 8")  # its process has died


def test_a_training_that_is_over_runs_no_longer_though_its_lock_is_held(made: tuple[Study, Folder]) -> None:
    _, folder = made
    planned(folder)
    finish(folder, ["train/plain/fold-0/seed-0"])
    with FileLock(folder.lock("train/plain/fold-0/seed-0")):
        assert rows(folder)[0] == ("plain", 1, 0, 0, 1, "4 of 8")


def test_every_fold_is_trained_on_and_tested(made: tuple[Study, Folder]) -> None:
    study, folder = made
    planned(folder, folds=3)
    finish(folder, items(study, 3)[:7])
    assert status_of(folder.path).stage == "training, 7 of 12 ended"
    assert [sum(row[1:5]) for row in rows(folder)] == [6, 6]  # type: ignore[arg-type]
    finish(folder, items(study, 3))
    assert status_of(folder.path).stage == "testing, 0 of 9 ended"
    assert rows(folder) == [("plain", 6, 0, 0, 0, "24 of 24"), ("gated", 6, 0, 0, 0, "36 of 36")]


def test_every_failure_is_told_with_its_reason(made: tuple[Study, Folder]) -> None:
    study, folder = made
    planned(folder)
    finish(folder, items(study))
    assert status_of(folder.path).failed == {}
    reasons = {"pilot/gated/fold-0/seed-0": "it collapsed", "test/fold-0/plain": "the disk is full"}
    for item, reason in reasons.items():
        write_text(folder.failed(item), f"{reason}\n")
    found = status_of(folder.path)
    assert (found.name, found.failed) == ("s", reasons)
    assert found.stage == "testing, 1 of 3 ended"


def test_a_folder_is_opened_with_its_study_and_its_folds(made: tuple[Study, Folder]) -> None:
    study, folder = made
    planned(folder, folds=2)
    assert open_study(folder.path) == (folder, study, 2)


def test_what_is_no_study_is_refused(made: tuple[Study, Folder], tmp_path: Path) -> None:
    study, folder = made
    other = tmp_path / "other"
    write_text(other / "study.yaml", as_yaml(study))  # a study's own file may lie anywhere
    for path in (other, folder.path / "arms", tmp_path / "none"):
        with pytest.raises(
            InputError, match=r"is not the folder of a study; expected one that `motes study run`"
        ):
            status_of(path)
