"""What is said before a study runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from motes.data.sources import read_data_rows, write_data_rows
from motes.errors import InputError
from motes.formats.images import write_image
from motes.output import write_text
from motes.study.description import Study
from motes.study.file import arm_recipe
from motes.study.folder import Folder, pilot_units
from motes.study.planning import Plan, check_budget, make_plan, read_plan
from study_folder import made_up_folder, made_up_study

GROUPS = {"a": "test", "b": "test", "c": "train", "d": "validation"}


def lay_out(path: Path, study: Study, spread: float = 0.02) -> Folder:
    """A folder after measuring and the pilot."""
    folder = Folder(path)
    rows = [
        {"image": str(path / f"{group}{n}.png"), "picks": "/p.csv", "group": group, "split": part}
        for group, part in GROUPS.items()
        for n in range(4)
    ]
    write_data_rows(folder.fold(0), rows)
    for arm in study.all_arms:
        write_text(folder.arm(arm), arm_recipe(study, arm).as_yaml())
    for group in GROUPS:
        for n in range(4):
            write_image(path / f"{group}{n}.png", np.zeros((20, 20), np.uint8))
    for arm, seconds in (("plain", 100.0), ("gated", 140.0)):
        write_text(folder.done(f"measure/{arm}"), json.dumps({"seconds": seconds, "image": 0.5}))
    for number, unit in enumerate(pilot_units(study)):
        scores = [0.5 + spread * ((3 * n + number) % 4) for n in range(4)]
        record = {"scores": scores, "groups": ["d"] * 4, "epochs": 5}
        write_text(folder.done(unit.item), json.dumps(record))
    return folder


def test_the_time_is_that_of_all_trainings_and_tests_at_so_many_a_time(tmp_path: Path) -> None:
    study = made_up_study(seeds=3)
    plan = make_plan(study, lay_out(tmp_path, study), 1, 2, None)
    assert (plan.runs, plan.images, plan.groups, plan.seeds) == (6, 8, 2, 3)
    assert plan.hours == pytest.approx((3 * (100 + 140) + 3 * 8 * (0.5 + 0.5)) / 2 / 3600)
    assert plan.largest == 140
    assert dict(plan.rows("f1"))["tested on"] == "8 images of 2 groups, with 3 seeds"


def test_a_pilot_of_more_spread_detects_less(tmp_path: Path) -> None:
    study = made_up_study(seeds=3)
    calm, wild = (
        make_plan(study, lay_out(tmp_path / str(spread), study, spread), 1, 1, None) for spread in (0.01, 0.1)
    )
    assert calm.detects is not None
    assert wild.detects == pytest.approx(10 * calm.detects, rel=0.01)
    assert "gated and plain, 2 seeds each, 5 epochs, on 4 validation images of 1 group" in calm.pilot


def test_no_study_is_quicker_than_its_longest_training(tmp_path: Path) -> None:
    study = made_up_study(seeds=3)
    plan = make_plan(study, lay_out(tmp_path, study), 1, 1000, None)
    assert (plan.processes, plan.hours) == (6, 140 / 3600)


def test_a_pilot_of_one_group_does_not_speak_of_many(tmp_path: Path) -> None:
    study = made_up_study(seeds=3)
    folder = lay_out(tmp_path, study)
    rows = read_data_rows(folder.fold(0))
    write_data_rows(
        folder.fold(0), [{**row, "split": "validation" if row["group"] == "d" else "test"} for row in rows]
    )
    plan = make_plan(study, folder, 1, 1, None)
    assert (plan.groups, plan.detects) == (3, None)
    assert plan.pilot.endswith("of one group, it does not show how much groups differ")


def test_without_a_pilot_nothing_is_claimed(tmp_path: Path) -> None:
    study = made_up_study(pilot=None)
    plan = make_plan(study, lay_out(tmp_path, study), 1, 1, None)
    assert plan.detects is None
    assert dict(plan.rows("f1"))["spread taken from"] == "no pilot was run"
    told = dict(plan.rows("average_precision"))
    assert (
        told["smallest difference in average precision that would be found in 4 of 5 such studies"]
        == "not known"
    )


def test_an_earlier_study_may_be_the_pilot(tmp_path: Path) -> None:
    _, earlier = made_up_folder(tmp_path / "earlier")
    study = made_up_study(seeds=3)
    plan = make_plan(study, lay_out(tmp_path / "now", study), 1, 1, earlier.path)
    assert plan.pilot.endswith("gated and plain, 5 test images")
    assert plan.detects is not None
    with pytest.raises(InputError, match="is not the folder of a study"):
        make_plan(study, lay_out(tmp_path / "now", study), 1, 1, tmp_path)
    for path in earlier.tested("test/fold-0/gated").parent.iterdir():
        path.unlink()
    with pytest.raises(InputError, match="has no test results of two arms yet"):
        make_plan(study, lay_out(tmp_path / "now", study), 1, 1, earlier.path)


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    study = made_up_study()
    folder = lay_out(tmp_path, study)
    assert read_plan(folder) is None
    plan = make_plan(study, folder, 1, 1, None)
    write_text(folder.plan, plan.as_json())
    assert read_plan(folder) == plan


def test_a_budget_stops_what_would_take_longer() -> None:
    plan = Plan(6, 2.0, 100.0, 2, None, "", 2, 8, 3)
    check_budget(plan, None)
    check_budget(plan, 2.0)
    with pytest.raises(
        InputError, match=r"would take about 2\.0 h with 2 trainings at a time, and its budget is 60 min"
    ):
        check_budget(plan, 1.0)
