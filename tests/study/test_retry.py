"""Tests are done again where a training that had failed has ended since, and nowhere else."""

import json
from pathlib import Path

from motes.output import write_text
from motes.study.folder import Folder, Unit, items_of_tests, training_units
from motes.study.run import drop_stale_tests, failures, forget_failures
from study_folder import made_up_study


def done(folder: Folder, item: str, at: int) -> None:
    write_text(folder.done(item), json.dumps({"at": f"2026-01-01T12:00:{at:02d}+00:00"}))


def test_tests_are_stale_where_a_training_of_their_fold_is_younger(tmp_path: Path) -> None:
    study, folder = made_up_study(ensembles=["arms"]), Folder(tmp_path)
    units, items = training_units(study, 2), list(items_of_tests(study, 2))
    for unit in units:
        done(folder, unit.item, 10)
    for item in items:
        done(folder, item, 20)
    drop_stale_tests(folder, units, 2, items)
    assert all(folder.done(item).exists() for item in items)
    done(folder, Unit("gated", 1, 0).item, 30)
    drop_stale_tests(folder, units, 2, items)
    assert [item for item in items if folder.done(item).exists()] == [i for i in items if "fold-0" in i]


def test_what_has_failed_is_forgotten_when_asked_and_noted_down(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    write_text(folder.failed("train/gated/fold-0/seed-1"), "the net has collapsed\n")
    assert failures(folder) == {"train/gated/fold-0/seed-1": "the net has collapsed"}
    forget_failures(folder)
    assert failures(folder) == {}
    assert json.loads(folder.log.read_text())["event"] == "begun again"
