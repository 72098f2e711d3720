"""Searching: trials that are shared, stopped and gone on with, what they found, and what is refused beforehand."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from motes.cluster.tasks import OnChange, Standing, Task
from motes.errors import InputError, RecipeError
from motes.recipe_file import load_recipe
from motes.study import search_trials
from motes.study.search_description import (
    Search,
    Sought,
    Values,
    check_search,
    load_search,
    number_text,
    own_values,
    search_yaml,
    shipped_searches,
    whole_numbers,
)
from motes.study.search_trials import (
    SearchFolder,
    Trial,
    journal,
    kept_search,
    ranked,
    read_trials,
    take,
    tell,
    work_on,
)
from motes.study.search_words import Found, good_values, importance_of, table_of, verdict

TINY = [
    "net.widths=[2, 3]",
    "training.steps=2",
    "training.epochs=1",
    "training.batch=2",
    "sampling.size=32",
    "working_diameter=8",
]
SPACE: dict[str, Any] = {"lr": {"low": 1e-4, "high": 1e-2, "log": True}, "dropout": {"low": 0, "high": 0.5}}


@pytest.fixture(scope="module")
def table(make: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of 64 px in three groups."""
    folder = tmp_path_factory.mktemp("images")
    make.picked(folder, (64, 64), count=6, radius=5)
    rows = [f"images/{n}.mrc,picks/{n}.csv,group-{n // 2},40" for n in range(6)]
    (folder / "data.csv").write_text("\n".join(["image,picks,group,diameter", *rows]) + "\n")
    return folder / "data.csv"


def write_search(folder: Path, **changes: Any) -> Path:
    """A tiny search in a file."""
    values = {
        "question": "Which?",
        "recipe": "micrographs",
        "changes": TINY,
        "division": {"validation": 1, "test": 1},
        "trials": 3,
        "space": SPACE,
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials in this process, one after the other, in place of processes that take seconds to start."""

    def run(tasks: Sequence[Task], processes: int, threads: int, on_change: OnChange) -> Standing:
        for task in tasks:
            work_on(SearchFolder(Path(task.command[3])), int(task.command[4]))
            on_change(standing(tasks))
        return standing(tasks)

    monkeypatch.setattr("motes.study.search.run_here", run)


def standing(tasks: Sequence[Task]) -> Standing:
    done, failed = sum(task.done.exists() for task in tasks), sum(task.failed.exists() for task in tasks)
    return Standing(done, failed, 0, len(tasks) - done - failed)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def rows_of(out: Path) -> list[dict[str, str]]:
    return read_rows(out / "trials.csv")


def written_when(out: Path) -> dict[Path, int]:
    """When each file of the runs in a folder was written."""
    return {
        path: path.stat().st_mtime_ns
        for path in out.glob("**/*")
        if path.is_file() and "trials" in path.parts
    }


def test_a_search_goes_on_and_takes_more_trials(
    motes: Any, table: Path, tmp_path: Path, at_once: None
) -> None:
    words = [
        "study",
        "search",
        write_search(tmp_path),
        "--out",
        tmp_path / "out",
        "--data",
        table,
        "--threads",
        1,
    ]
    answer = motes(*words)
    assert answer.code == 0, answer.err
    rows = rows_of(tmp_path / "out")
    assert [(row["number"], row["state"], row["epochs"]) for row in rows] == [
        (str(n), "done", "1") for n in (1, 2, 3)
    ]
    # The first trial is the recipe as it is.
    assert (float(rows[0]["training.learning_rate"]), float(rows[0]["net.dropout"])) == (0.003, 0)
    for row in rows:
        summary = json.loads((tmp_path / "out" / row["run"] / "summary.json").read_text())
        assert float(row["value"]) == summary["best"]["best_f1"]
        recipe = load_recipe(str(tmp_path / "out" / row["run"] / "recipe.yaml"))
        assert recipe.training.learning_rate == float(row["training.learning_rate"])
    best = max(rows, key=lambda row: float(row["value"]))
    recipe = load_recipe(str(tmp_path / "out" / "best.yaml"))
    assert (recipe.name, recipe.net.dropout) == ("tiny-best", float(best["net.dropout"]))
    assert recipe.net.widths == (2, 3)

    before = written_when(tmp_path / "out")
    assert motes(*words).code == 0
    assert written_when(tmp_path / "out") == before
    assert motes(*words, "--trials", 4).code == 0
    after = written_when(tmp_path / "out")
    assert {path: after[path] for path in before} == before
    assert len(rows_of(tmp_path / "out")) == 4

    other = motes(*words, "batch=4")
    assert other.code == 1
    assert "began otherwise (changes is" in other.err


def test_the_best_recipe_trains(motes: Any, table: Path, tmp_path: Path, at_once: None) -> None:
    out = tmp_path / "out"
    answer = motes(
        "study", "search", write_search(tmp_path, trials=1), "--out", out, "--data", table, "--threads", 1
    )
    assert answer.code == 0, answer.err
    answer = motes(
        "train",
        out / "best.yaml",
        "--data",
        out / "folds/fold-0.csv",
        "--out",
        tmp_path / "run",
        "--threads",
        1,
    )
    assert answer.code == 0, answer.err
    # Nothing of the images to test on is ever read.
    tested = {
        Path(row["image"]).stem for row in read_rows(out / "folds/fold-0.csv") if row["split"] == "test"
    }
    used = {Path(row["image"]).stem for row in read_rows(out / rows_of(out)[0]["run"] / "data.csv")}
    assert (len(tested), len(used)) == (2, 4)
    assert not used & tested


@pytest.mark.slow
def test_a_killed_search_goes_on_where_it_was(motes: Any, table: Path, tmp_path: Path, at_once: None) -> None:
    path, out = write_search(tmp_path, changes=[*TINY, "training.epochs=40"], trials=2), tmp_path / "out"
    words = ["study", "search", path, "--out", out, "--data", table, "--threads", 1, "--processes", 1]
    command = [sys.executable, "-c", "from motes.cli.main import main; main()", *map(str, words)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    done, log_of = SearchFolder(out).done("trial-001"), "trials/*/metrics.jsonl"
    wait_until(lambda: done.exists() and any(1 < lines(each) < 40 for each in out.glob(log_of)))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = next(out.glob("trials/*/summary.json")).parent
    (stopped,) = (each for each in out.glob(log_of) if each.parent != finished)
    before, kept = written_when(finished), stopped.read_text().splitlines()

    answer = motes(*words)
    assert answer.code == 0, answer.err
    assert [row["epochs"] for row in rows_of(out)] == ["40", "40"]
    assert {path: each for path, each in written_when(out).items() if path in before} == before
    after = stopped.read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in after] == list(range(1, 41))
    # An epoch is noted down before its checkpoint, so the last line may have been made again.
    assert after[: len(kept) - 1] == kept[:-1]
    assert len(json.loads((stopped.parent / "record.json").read_text())["starts"]) == 2
    with journal(SearchFolder(out), kept_search(SearchFolder(out))) as study:
        assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def wait_until(happened: Callable[[], bool], patience: float = 60) -> None:
    end = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_values_that_cannot_be_trained_with_cost_their_trial_only(
    motes: Any, table: Path, tmp_path: Path, at_once: None
) -> None:
    space = {"lr": {"choices": [0.003, 1e30]}, "dropout": {"low": 0.1, "high": 0.5}}
    words = [
        "study",
        "search",
        write_search(tmp_path, space=space, trials=4),
        "--out",
        tmp_path / "out",
        "--data",
        table,
    ]
    answer = motes(*words, "--threads", 1)
    assert answer.code == 0, answer.err
    rows = rows_of(tmp_path / "out")
    assert {(row["training.learning_rate"], row["state"]) for row in rows} == {
        ("0.003", "done"),
        ("1.0e+30", "failed"),
    }
    assert all("learning_rate" in row["reason"] for row in rows if row["state"] == "failed")
    folder = SearchFolder(tmp_path / "out")
    with journal(folder, kept_search(folder)) as study:
        assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}


def test_a_search_without_any_value_says_why(motes: Any, table: Path, tmp_path: Path, at_once: None) -> None:
    path = write_search(tmp_path, space={"lr": {"choices": [1e30]}}, trials=1)
    answer = motes("study", "search", path, "--out", tmp_path / "out", "--data", table, "--threads", 1)
    assert answer.code == 1
    assert "no trial of 1 gave a value" in answer.err
    assert "Try a lower learning_rate" in answer.err


def test_images_that_cannot_be_read_are_no_outcome_and_the_same_values_are_tried_again(
    motes: Any, table: Path, tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = search_trials.train, []

    def fails_at_the_second(recipe: Any, *rest: Any, **more: Any) -> None:
        calls.append((recipe.training.learning_rate, recipe.net.dropout))
        if len(calls) == 2:
            raise InputError("the disk is away")
        real(recipe, *rest, **more)

    monkeypatch.setattr(search_trials, "train", fails_at_the_second)
    words = [
        "study",
        "search",
        write_search(tmp_path),
        "--out",
        tmp_path / "out",
        "--data",
        table,
        "--threads",
        1,
    ]
    first = motes(*words)
    assert first.code == 1
    assert "the disk is away" in first.err
    assert "given up: 1 trials" in first.out
    assert [row["state"] for row in rows_of(tmp_path / "out")] == ["done", "given up", "done"]
    assert motes(*words).code == 0
    assert [row["state"] for row in rows_of(tmp_path / "out")] == ["done"] * 3
    assert calls[3] == calls[1]
    assert len(calls) == 4


def test_equal_values_are_trained_with_once(motes: Any, table: Path, tmp_path: Path, at_once: None) -> None:
    path = write_search(tmp_path, space={"lr": {"choices": [1e-3]}}, trials=2)
    answer = motes("study", "search", path, "--out", tmp_path / "out", "--data", table, "--threads", 1)
    assert answer.code == 0, answer.err
    first, second = rows_of(tmp_path / "out")
    assert {**first, "number": "2"} == second
    assert len(list((tmp_path / "out").glob("trials/*/summary.json"))) == 1


def test_what_is_missing_is_named(
    motes: Any, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["study", "search", write_search(tmp_path), "--out", tmp_path / "out"]
    answer = motes(*words)
    assert answer.code == 1
    assert "give a table with --data DATA.csv" in answer.err
    monkeypatch.setitem(sys.modules, "optuna", None)
    answer = motes(*words, "--data", table)
    assert answer.code == 1
    assert "pip install 'motes[search]'" in answer.err


def test_a_folder_with_something_else_and_a_recipe_that_has_changed_are_refused(
    motes: Any, table: Path, tmp_path: Path, at_once: None
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("based_on: micrographs\nnet: {width: 4}\n")
    words = [
        "study",
        "search",
        write_search(tmp_path, recipe="own.yaml", trials=1),
        "--data",
        table,
        "--threads",
        1,
    ]
    answer = motes(*words, "--out", tmp_path)
    assert answer.code == 1
    assert "and no search of its own" in answer.err
    assert motes(*words, "--out", tmp_path / "out").code == 0
    own.write_text("based_on: micrographs\nnet: {width: 4}\nseed: 3\n")
    answer = motes(*words, "--out", tmp_path / "out")
    assert answer.code == 1
    assert "seed is 0 there and 3 here" in answer.err


BAD_SPACES = [
    (
        {"net.dropot": {"low": 0, "high": 0.5}},
        "a recipe has no field 'net.dropot'. Did you mean 'net.dropout'?",
    ),
    (
        {"dropout": {"low": 0.5, "high": 0.5}},
        "space.dropout goes from 0.5 to 0.5; expected low to be less than high",
    ),
    ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "expected low above 0, or no log"),
    ({"dropout": {"choices": []}}, "space.dropout has no choices"),
    ({"dropout": {"low": 0, "choices": [0]}}, "space.dropout has both a range and choices"),
    ({"dropout": {"high": 1}}, "space.dropout needs either low and high, or choices"),
    ({"dropout": {"lo": 0, "high": 1}}, "no field 'space.dropout.lo'. Did you mean 'low'?"),
    ({"dropout": {"low": 0, "high": 2}}, "space.net.dropout: recipe: net.dropout cannot be 2"),
    ({"training.batch": {"choices": [4, 2.5]}}, "space.training.batch: recipe: training.batch cannot be 2.5"),
    (
        {"training.batch": {"low": 1, "high": 2.5}},
        "space.training.batch: recipe: training.batch cannot be 2.5",
    ),
    ({"dropout": {"choices": [0]}, "net.dropout": {"choices": [0]}}, "net.dropout stands twice in space"),
    ({"watch": {"choices": ["best_f1"]}}, "training.watch says by what trials are judged"),
    ({}, "search: space"),
]


@pytest.mark.parametrize(("space", "message"), BAD_SPACES)
def test_spaces_that_cannot_be_searched_are_refused(tmp_path: Path, space: Any, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_search(str(write_search(tmp_path, space=space)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"division": {"kind": "k_fold"}}, "division.kind is k_fold; expected hold_out"),
        ({"trails": 3}, "a search has no field 'trails'. Did you mean 'trials'?"),
        ({"trials": 0}, "search: trials cannot be 0"),
        ({"changes": ["net.dropout=2"]}, "net.dropout cannot be 2"),
        ({"changes": 3}, "changes cannot be 3; expected key=value, or a list"),
        ({"sizes": 3}, "sizes cannot be 3; expected the values of each size by its name"),
    ],
)
def test_searches_that_make_no_sense_are_refused(tmp_path: Path, changes: Any, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_search(str(write_search(tmp_path, **changes)))
    assert message in str(caught.value)


def test_a_single_change_of_a_search_needs_no_brackets(tmp_path: Path) -> None:
    path = write_search(tmp_path, changes="net.depth=2", sizes={"quick": {"changes": "training.steps=2"}})
    changes = ("net.depth=2", "training.steps=2", "training.batch=2")
    assert load_search(str(path), changes=["training.batch=2"]).changes == changes


@pytest.mark.parametrize("name", sorted(shipped_searches()))
@pytest.mark.parametrize("size", ["quick", "full"])
def test_shipped_searches_load_and_begin_with_the_recipe_as_it_is(
    name: str, size: str, tmp_path: Path
) -> None:
    search = load_search(name, size, trials=7)
    assert (search.name, search.trials) == (name, 7)
    assert check_search(yaml.safe_load(search_yaml(search))) == search
    own = own_values(search)
    assert take(SearchFolder(tmp_path), search, 1) == (0, own)


@given(st.floats(1e-6, 1), st.floats(1.001, 1000), st.floats(0, 1))
def test_drawn_numbers_are_rounded_to_four_digits_within_their_range(
    low: float, ratio: float, place: float
) -> None:
    sought = Sought(low=low, high=low * ratio)
    value = low + place * (low * ratio - low)
    text = sought.text_of(value)
    assert low <= float(text) <= low * ratio
    assert abs(float(text) - value) <= 5.01e-4 * value
    assert sought.holds(text)


def test_numbers_are_written_as_fields_of_their_kind_take_them() -> None:
    assert [number_text(value) for value in (4.0, 0.25, 1e-7)] == ["4", "0.25", "1e-07"]
    assert [
        whole_numbers(key) for key in ("training.batch", "training.steps", "net.dropout", "seed", "net.name")
    ] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert Sought(choices=("1e-3", True, None, [2, 3])).texts == ("0.001", "true", "none", "[2, 3]")
    assert Sought(choices=(4, 8)).holds("8")
    assert not Sought(low=0, high=1).holds("none")


def told(folder: SearchFolder, search: Search, value: Callable[[Values], float]) -> None:
    """Every trial of a search, with values in place of trainings."""
    for number in range(1, search.trials + 1):
        known, values = take(folder, search, number)
        tell(folder, search, known, value(values))


def test_the_field_that_decides_is_found_and_searched_where_it_is_good(tmp_path: Path) -> None:
    folder, search = SearchFolder(tmp_path), load_search(str(write_search(tmp_path)), trials=24)
    told(folder, search, lambda values: -abs(float(values["net.dropout"]) - 0.4))
    importance = importance_of(folder, search)
    assert sum(importance.values()) == pytest.approx(1)
    assert importance["net.dropout"] > 0.8
    drawn = [float(trial.values["net.dropout"]) for trial in read_trials(folder, search)]
    assert sum(abs(each - 0.4) < 0.1 for each in drawn[12:]) > sum(
        abs(each - 0.4) < 0.1 for each in drawn[:12]
    )


def test_values_come_from_the_seed_and_what_is_known(tmp_path: Path) -> None:
    search = load_search(str(write_search(tmp_path)), trials=6)
    drawn = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder, seeded = SearchFolder(tmp_path / name), search.model_copy(update={"seed": seed})
        folder.path.mkdir()
        told(folder, seeded, lambda values: float(values["net.dropout"]))
        drawn.append([trial.values for trial in read_trials(folder, seeded)])
    assert drawn[0] == drawn[1]
    assert drawn[0][0] == drawn[2][0]  # the recipe as it is
    assert not any(one == other for one, other in zip(drawn[0][1:], drawn[2][1:], strict=True))
    assert len({str(values) for values in drawn[0]}) == 6


def test_a_journal_survives_a_torn_line_and_a_process_killed_while_asking(tmp_path: Path) -> None:
    folder, search = SearchFolder(tmp_path), load_search(str(write_search(tmp_path)))
    began = take(folder, search, 2)
    with journal(folder, search) as study:
        study.ask()
    with folder.journal.open("a") as file:
        file.write('{"op_code":5,"worker')
    assert take(folder, search, 2) == began
    known, _ = take(folder, search, 3)
    with journal(folder, search) as study:
        assert [trial.state.name for trial in study.trials] == ["RUNNING", "FAIL", "RUNNING"]
    tell(folder, search, known, 0.5)
    tell(folder, search, known, 0.5)  # as after a process that was killed between telling and noting it down


def found_of(values: Sequence[float | None], own: int | None) -> Found:
    """What a search of dropout found. own: the place of the trial with the recipe's own values."""
    search = Search(
        name="s", question="?", recipe="micrographs", space={"net.dropout": Sought(low=0, high=0.5)}
    )
    trials = [
        Trial(
            n + 1,
            {"net.dropout": f"0.{n + 1}"},
            "failed" if value is None else "done",
            Path("run"),
            value,
            "best_f1",
        )
        for n, value in enumerate(values)
    ]
    own_values = {"net.dropout": "0" if own is None else f"0.{own + 1}"}
    best = ranked(trials)[0]
    return Found(SearchFolder(Path("out")), search, trials, best, own_values, {})


def test_the_verdict_sets_the_gain_against_the_spread_of_the_trials() -> None:
    first, second, caution = verdict(found_of([0.5, 0.6, None, 0.7, 0.8, 0.9], own=0))
    assert (
        first
        == "trial 6 is the best of 5: best_f1 0.900, which is 0.400 more than the recipe's own values (0.500)"
    )
    assert second == "half of the trials lie between 0.600 and 0.800: a spread as large as 50% of the gain"
    assert "over several seeds" in caution
    first, second, _ = verdict(found_of([0.5, 0.6, 0.8, 1.0, 0.9], own=None))
    assert "0.200 more than the median of the trials (0.800)" in first
    assert second.endswith("a spread larger than the gain")
    (only,) = verdict(found_of([0.9, 0.8], own=0))
    assert only == "no trial of 2 did better than the recipe's own values: best_f1 0.900"


def test_the_table_shows_where_the_best_quarter_of_the_trials_lies() -> None:
    found = found_of([0.1, 0.2, 0.3, 0.9, 0.8, 0.4, 0.5, 0.6], own=0)
    columns, rows = table_of(found)
    assert columns == ["field", "best", "recipe", "best quarter of trials"]
    assert rows == [["net.dropout", "0.4", "0.1", "0.4 to 0.5"]]
    choices = {"net.dropout": Sought(choices=(0.5, 0.1, 0.4))}
    found = replace(found, search=found.search.model_copy(update={"space": choices}))
    assert good_values("net.dropout", found) == "0.5, 0.4"
