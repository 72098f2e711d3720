"""The numbers of a report for programs."""

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.figures.study_results import FailureRow, Interval, StudyResults
from motes.study.description import ERRORS, METRICS
from motes.study.folder import Folder
from motes.study.report import page_of
from motes.study.report_data import as_data, scores_table
from motes.study.results import COUNTS, Results, read_results
from study_folder import IMAGES, made_up_folder, write_test

NAN = float("nan")


def lines_of(results: Results) -> list[dict[str, str]]:
    return list(csv.DictReader(scores_table(results).splitlines()))


def test_there_is_a_line_for_each_row_seed_and_image(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    lines = lines_of(read_results(study, folder, 1))
    rows = [(arm, "0", seed) for arm in ("plain", "gated") for seed in ("0", "1")]
    rows += [("plain, all seeds", "1", "all"), ("gated, all seeds", "1", "all")]
    rows += [("all arms", "1", seed) for seed in ("0", "1")]
    expected = [(*row, "0", group, name) for row in rows for name, group in IMAGES]
    columns = ("row", "ensemble", "seed", "fold", "group", "image")
    assert [tuple(line[name] for name in columns) for line in lines] == expected


def test_values_stand_in_the_line_of_their_row_seed_and_image(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    lines = {
        (line["row"], line["seed"], line["image"]): line for line in lines_of(read_results(study, folder, 1))
    }
    assert lines["plain", "1", "b2"]["f1"] == "0.41"
    assert lines["gated", "0", "a2"]["pixel_auc"] == "0.7"
    assert lines["gated, all seeds", "all", "b3"]["recall"] == "0.35"
    assert lines["all arms", "1", "a1"]["precision"] == "0.7"
    counts = [lines["plain", "0", "a1"][name] for name in COUNTS]
    assert counts == ["1", "0", "1"]
    assert list(lines["plain", "0", "a1"])[6:] == [*METRICS, *ERRORS, *COUNTS]


def test_what_is_not_defined_is_empty_and_what_is_missing_has_no_line(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    write_test(folder, "test/fold-0/gated", {"gated/1": lambda n: None if n == 2 else 1 / 3})
    lines = [line for line in lines_of(read_results(study, folder, 1)) if line["row"] == "gated"]
    assert Counter(line["seed"] for line in lines) == {"1": 5}
    assert [line["f1"] for line in lines] == ["0.333333", "0.333333", "", "0.333333", "0.333333"]
    assert [line["true_positives"] for line in lines] == ["1"] * 5


def test_names_with_commas_and_quotes_come_back(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    names = [('a, "b".mrc', "group; 1"), ("c\u00b5.mrc", "group 2")]
    for item, net in (("plain", "plain/0"), ("gated", "gated/0")):
        write_test(folder, f"test/fold-0/{item}", {net: lambda _: 0.5}, images=names)
    folder.tested("test/fold-0/ensembles of arms").unlink()
    lines = lines_of(read_results(study, folder, 1))
    assert [(line["image"], line["group"]) for line in lines] == names * 2


def test_without_results_the_table_has_its_header_alone(tmp_path: Path) -> None:
    study, _ = made_up_folder(tmp_path / "s")
    text = scores_table(read_results(study, Folder(tmp_path / "none"), 1))
    assert text == "row,ensemble,seed,fold,group,image," + ",".join((*METRICS, *ERRORS, *COUNTS)) + "\n"


@pytest.fixture
def page(tmp_path: Path) -> StudyResults:
    study, folder = made_up_folder(tmp_path)
    return page_of(folder, study, 1, read_results(study, folder, 1))


def strict(page: StudyResults) -> Any:
    """What a program reads that knows no nan."""
    return json.loads(json.dumps(as_data(page), allow_nan=False))


def test_the_numbers_of_the_page_are_there(page: StudyResults) -> None:
    data = strict(page)
    assert [arm["name"] for arm in data["arms"]] == [arm.name for arm in page.arms]
    assert [arm["ensemble"] for arm in data["arms"]] == [False, False, True, True, True]
    assert data["arms"][0]["values"]["f1"]["value"] == page.arms[0].values["f1"].value
    pair = next(each for each in data["comparisons"] if each["kind"] == "pair" and each["metric"] == "f1")
    assert (pair["name"], pair["guessed"]) == ("gated - plain", [1, 2])
    assert pair["difference"]["value"] == pytest.approx(0.105)
    assert data["worst"]["plain"][0] == ["b3", "b", pytest.approx(0.205)]
    assert data["audit_passed"] is False  # nothing is known of these runs
    assert [row["check"] for row in data["audit"]] == [row.check for row in page.audit]


def test_what_is_not_known_is_null_wherever_it_stands_and_nothing_else_changes(page: StudyResults) -> None:
    before = strict(page)
    first = replace(
        page.comparisons[0],
        difference=Interval(0.1, NAN, float("inf")),
        bootstrap=(NAN, 0.2),
        p=float(np.nan),
    )
    arm = replace(page.arms[0], stability=NAN)
    changed = replace(
        page,
        arms=[arm, *page.arms[1:]],
        comparisons=[first, *page.comparisons[1:]],
        failures=[FailureRow("ice", "w", 3, [0.5, NAN])],
        worst={"plain": [("x", "g", NAN)]},
    )
    before["arms"][0]["stability"] = None
    before["comparisons"][0] |= {
        "difference": {"value": 0.1, "low": None, "high": None},
        "bootstrap": [None, 0.2],
        "p": None,
    }
    before["hard_kinds"] = [{"kind": "ice", "words": "w", "particles": 3, "recall": [0.5, None]}]
    before["worst"] = {"plain": [["x", "g", None]]}
    assert strict(changed) == before


def test_a_study_without_results_is_valid_too(tmp_path: Path) -> None:
    study, folder = made_up_folder(tmp_path)
    for path in folder.tested("x").parent.rglob("*.json"):
        path.unlink()
    data = strict(page_of(folder, study, 1, read_results(study, folder, 1)))
    assert data["comparisons"] == []
    assert [arm["values"] for arm in data["arms"]] == [{}, {}]
    assert data["worst"] == {}
