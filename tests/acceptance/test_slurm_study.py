"""A study on a real Slurm: one task is killed half way, one requeued; every result is there, none done twice."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from motes.study.file import load_study
from motes.study.run import Options, Where, run_study
from slurm_site import Site, running_slurm, why_no_slurm
from small_study import events, make_study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slurm,
    pytest.mark.skipif(bool(why_no_slurm()), reason=why_no_slurm()),
]

# Long enough to be killed half way, with a checkpoint after every step.
LONGER = ["training.steps=40", "training.epochs=3", "training.checkpoint_minutes=0.00001"]
PATIENCE = 240  # s
TRAININGS = {f"train/{arm}/fold-0/seed-{seed}" for arm in ("narrow", "wide") for seed in (0, 1)}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_slurm() as site, pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment.items():
            patch.setenv(name, value)
        yield site


def wait_until(there: Callable[[], Any]) -> Any:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = there()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError


def training_now(out: Path, but: str = "") -> dict[str, Any] | None:
    """The log's line of a training that has begun, has a checkpoint, and is not done; None without one."""
    log = out / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for line in lines:
        run = out / line["item"].replace("train/", "runs/")
        done = out / "work" / f"{line['item']}.done.json"
        wanted = line["event"] == "begun" and line["item"] in TRAININGS - {but}
        if wanted and (run / "checkpoints" / "last.pt").exists() and not done.exists():
            return dict(line)
    return None


def test_a_study_on_slurm_survives_a_killed_and_a_requeued_task(
    make: Any, tmp_path: Path, site: Site
) -> None:
    made = make_study(tmp_path, make)
    study = load_study(str(tmp_path / "study.yaml"), changes=LONGER)
    where = Where(slurm={"cpus": 1}, poll=0.5)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run_study, study, made.out, where, Options(table=tmp_path / "data.csv"))
        killed = wait_until(lambda: training_now(made.out) or running.done())
        os.kill(killed["process"], signal.SIGKILL)
        requeued = wait_until(lambda: training_now(made.out, but=killed["item"]) or running.done())
        site.ask("scontrol", "requeue", requeued["slurm_job"])
        outcome = running.result(PATIENCE)
    assert outcome.failed == {}
    done = events(made.out, "done")
    assert set(done.values()) == {1}
    assert set(done) > TRAININGS
    assert events(made.out, "begun")[killed["item"]] == 2
    results = made.results()
    assert results["audit_passed"], [row for row in results["audit"] if row["outcome"] != "same"]
    assert {arm["name"]: arm["runs"] for arm in results["arms"] if not arm["ensemble"]} == {
        "narrow": 2,
        "wide": 2,
    }
    for item in TRAININGS:
        run = made.out / item.replace("train/", "runs/")
        epochs = [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        assert epochs == [1, 2, 3]
    machines = {
        json.loads(line).get("slurm_job") for line in (made.out / "log.jsonl").read_text().splitlines()
    }
    assert None not in machines  # all work was done by jobs, none by the launcher
