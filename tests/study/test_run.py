"""A small study from the command line: run, gone on with, killed, launched twice, and with one arm unfair."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from motes.cluster.tasks import Task
from motes.data.sources import write_data_rows
from motes.study import run
from motes.study.folder import Folder
from motes.study.work import work_on
from small_study import STUDY, Made, events, make_study

pytestmark = pytest.mark.slow

Motes = Callable[..., Any]
PROGRAM = [sys.executable, "-c", "from motes.cli.main import main; main()"]
PATIENCE = 240  # s


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do all work in this process, which saves each piece the start of its own."""

    def work_here(tasks: Sequence[Task], *_: object) -> None:
        for task in tasks:
            if not task.over:
                work_on(Folder(Path(task.command[-2])), task.name)

    monkeypatch.setattr(run, "run_here", work_here)


@pytest.fixture(scope="module")
def finished(motes: Motes, make: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Any]:
    made = make_study(tmp_path_factory.mktemp("study"), make)
    return made, motes(*made.words(), "--processes", 2)


def test_it_ends_with_an_answer_a_report_and_an_audit_that_passes(finished: tuple[Made, Any]) -> None:
    made, answer = finished
    assert answer.code == 0, answer.out + answer.err
    assert "audit: passed" in answer.out
    assert "4 test images of 2 groups" in answer.out
    assert "trainings: 4" in answer.err
    results = made.results()
    assert results["audit_passed"]
    assert {row["outcome"] for row in results["audit"]} == {"same"}
    assert results["answer"] in answer.out
    assert "speak of these groups only" in results["caveats"][0]
    page = (made.out / "report.html").read_text()
    assert results["question"] in page
    assert len(page) < 5_000_000


def test_every_training_and_test_was_done_once_and_the_test_last(finished: tuple[Made, Any]) -> None:
    made, _ = finished
    done = events(made.out, "done")
    assert set(done.values()) == {1}
    trained = {f"train/{arm}/fold-0/seed-{seed}" for arm in ("narrow", "wide") for seed in (0, 1)}
    tested = {f"test/fold-0/{name}" for name in ("narrow", "wide", "ensembles of arms")}
    assert set(done) == trained | tested | {"measure/narrow", "measure/wide"}
    order = [json.loads(line) for line in (made.out / "log.jsonl").read_text().splitlines()]
    last_training = max(n for n, line in enumerate(order) if line["item"] in trained)
    assert all(n > last_training for n, line in enumerate(order) if line["item"] in tested)


def test_scores_are_there_for_every_net_seed_and_image(finished: tuple[Made, Any]) -> None:
    made, _ = finished
    rows = list(csv.DictReader((made.out / "scores.csv").read_text().splitlines()))
    counted = Counter((row["row"], row["seed"]) for row in rows)
    assert counted == {
        **{(arm, str(seed)): 4 for arm in ("narrow", "wide", "all arms") for seed in (0, 1)},
        **{(f"{arm}, all seeds", "all"): 4 for arm in ("narrow", "wide")},
    }
    assert len({row["group"] for row in rows}) == 2


def test_the_same_command_again_does_nothing_twice(finished: tuple[Made, Any], motes: Motes) -> None:
    made, _ = finished
    before = (made.out / "log.jsonl").read_text()
    answer = motes(*made.words(), "--processes", 2)
    assert answer.code == 0, answer.err
    assert (made.out / "log.jsonl").read_text() == before


def test_status_and_report_read_the_folder(finished: tuple[Made, Any], motes: Motes) -> None:
    made, _ = finished
    answer = motes("study", "status", made.out)
    assert answer.code == 0
    assert "finished" in answer.out
    assert "4 of 4" in answer.out
    (made.out / "report.html").unlink()
    assert motes("study", "report", made.out).code == 0
    assert (made.out / "report.html").is_file()
    refused = motes("study", "status", made.root)
    assert (refused.code, "is not the folder of a study" in refused.err) == (1, True)


def test_another_study_in_its_folder_is_refused(finished: tuple[Made, Any], motes: Motes) -> None:
    made, _ = finished
    answer = motes(*made.words(), "epochs=3")
    assert answer.code == 1
    assert "began otherwise" in answer.err
    assert motes(*made.words(out=made.root)).code == 1


@pytest.mark.usefixtures("inline")
def test_an_arm_with_draws_of_its_own_fails_the_audit_that_says_where(
    make: Any, motes: Motes, tmp_path: Path
) -> None:
    made = make_study(tmp_path, make)
    unfair = made.root / "unfair.yaml"
    unfair.write_text(STUDY.replace("[net.width=3]", "[net.width=3, augmentation.seed=1]"))
    out = made.root / "unfair"
    answer = motes(*made.words(out, unfair), "--processes", 2)
    assert answer.code == 1
    assert (
        "audit, the same augmentation draws: failed; wide and narrow, fold 0, seed 0: from epoch 1 on"
        in answer.out
    )
    results = made.results(out)
    assert not results["audit_passed"]
    failed = {row["check"] for row in results["audit"] if row["outcome"] == "failed"}
    assert failed - {"places"} == {
        "draws",
        "seeds",
        "recipe",
    }  # whether a crop keeps to the grid is drawn too
    assert "FAILED" in (out / "report.html").read_text()


@pytest.mark.usefixtures("inline")
def test_a_budget_that_is_too_small_stops_before_training(make: Any, motes: Motes, tmp_path: Path) -> None:
    made = make_study(tmp_path, make)
    answer = motes(*made.words(), "--budget", "0.0001")
    assert answer.code == 1
    assert "its budget is 0.36 s; allow more with --budget HOURS" in answer.err
    assert not (made.out / "runs").exists()
    planned = motes(*made.words(), "--plan-only")
    assert planned.code == 0
    assert "without --plan-only runs it" in planned.out


@pytest.mark.usefixtures("inline")
def test_an_arm_that_cannot_be_trained_is_named_before_anything_runs(
    make: Any, motes: Motes, tmp_path: Path
) -> None:
    made = make_study(tmp_path, make)
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(STUDY.replace("[net.width=3]", "[net.width=3, encoder_weights=nowhere.pth]"))
    answer = motes(*made.words(study=wrong))
    assert answer.code == 1
    assert "the arm wide cannot be trained" in answer.err


MASKED = """
question: do snapshots help?
recipe: fair-standard
base: one
changes: [net.width=2, net.depth=2, sampling.size=64, training.batch=2, training.epochs=4, training.validate_every=2]
arms:
  one:
  two: {changes: [training.snapshots=2]}
  fails: {changes: [training.learning_rate=1e30]}
seeds: 1
division: {kind: leave_one_group_out}
ensembles: [seeds, arms, snapshots]
metric: pixel_f1
target: 0.5
pilot: null
"""


@pytest.mark.usefixtures("inline")
def test_masks_snapshots_folds_and_a_training_that_fails(make: Any, motes: Motes, tmp_path: Path) -> None:
    rows = []
    for number in range(3):
        images, masks = make.stores(tmp_path / str(number), count=3, seed=10 * number)
        rows.append({"image": str(images), "masks": str(masks), "group": f"g{number}"})
    write_data_rows(tmp_path / "data.csv", rows)
    (tmp_path / "study.yaml").write_text(MASKED)
    made = Made(tmp_path)
    answer = motes(*made.words())
    assert answer.code == 1
    assert "failed: train/fails/fold-0/seed-0: the " in answer.out
    results = made.results()
    rows_of = {arm["name"]: arm for arm in results["arms"]}
    assert list(rows_of) == ["one", "two", "fails", "two, snapshots", "all arms"]
    assert (rows_of["one"]["runs"], rows_of["fails"]["runs"], len(rows_of["fails"]["failed"])) == (3, 0, 3)
    assert rows_of["two, snapshots"]["cost"]["members"] == 2
    assert 0 <= rows_of["one"]["values"]["f1"]["value"] <= 1
    assert any("Trainings of fails failed" in caveat for caveat in results["caveats"])
    assert any("There is one seed" in caveat for caveat in results["caveats"])
    outcomes = {row["check"]: row["outcome"] for row in results["audit"]}
    assert outcomes.pop("tested") == "unknown"  # one arm is missing
    assert set(outcomes.values()) == {"same"}
    compared = {each["name"]: each for each in results["comparisons"] if each["metric"] == "pixel_f1"}
    assert compared["two - one"]["groups"] == 3
    assert compared["two - one"]["difference"]["value"] == 0  # snapshots change nothing of a training
    done = events(made.out, "done")
    assert sum(item.startswith("test/") for item in done) == 12
    again = motes(*made.words(), "--retry")
    assert again.code == 1
    assert events(made.out, "begun")["train/fails/fold-0/seed-0"] == 2
    assert events(made.out, "done") == done


def wait_for(there: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + PATIENCE
    while not there() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    assert there(), process.communicate()[0]


def launch(words: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*PROGRAM, *words], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def test_killed_runs_and_launches_cost_nothing_that_was_done(
    finished: tuple[Made, Any], make: Any, tmp_path: Path
) -> None:
    """Two launches share the work, one of them and a training are killed, and a third brings it to the same end."""
    made = make_study(tmp_path, make)
    words = [*made.words(), "training.checkpoint_minutes=0.00001"]
    first, second = (
        launch([*words, "--processes", "1", "--threads", "1"]),
        launch([*words, "--processes", "1", "--threads", "1"]),
    )
    wait_for(lambda: any(made.out.glob("runs/*/*/*/checkpoints/last.pt")), first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    _kill_one_training(made.out)
    said = second.communicate(timeout=PATIENCE)[0]
    assert second.returncode == 0, said
    done = events(made.out, "done")
    assert set(done.values()) == {1}
    assert made.results()["audit_passed"]
    epochs = [len((run / "metrics.jsonl").read_text().splitlines()) for run in made.out.glob("runs/*/*/*")]
    assert epochs == [2] * 4
    same, other = (
        [row["values"]["f1"]["value"] for row in each["arms"] if not row["ensemble"]]
        for each in (made.results(), finished[0].results())
    )
    assert same == other  # a study that was killed ends with the numbers of one that was not


def _kill_one_training(out: Path) -> None:
    """Kill a process that trains, if one does."""
    for line in (out / "log.jsonl").read_text().splitlines():
        noted = json.loads(line)
        if noted["item"].startswith("train/") and not (out / "work" / f"{noted['item']}.done.json").exists():
            try:
                os.kill(noted["process"], signal.SIGKILL)
            except ProcessLookupError:
                continue
