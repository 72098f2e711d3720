"""A real Slurm without accounting: whatever is killed, cancelled or requeued, every task is done in the end, once."""

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from easy_tasks import count, easy_task, events, happened, most_at_once, process_of, start_runner, wait_until
from motes.cluster.options import slurm_options
from motes.cluster.slurm import on_slurm
from motes.cluster.tasks import Standing, Task
from slurm_site import Site, running_slurm, why_no_slurm

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(why_no_slurm()), reason=why_no_slurm())]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_slurm() as site, pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment.items():
            patch.setenv(name, value)
        yield site


def launch(folder: Path, tasks: list[Task], **given: object) -> Standing:
    return on_slurm(tasks, folder, slurm_options(folder, **{"cpus": 1, **given}), poll=0.2)


def jobs_of(folder: Path, name: str) -> list[str]:
    jobs: list[str] = json.loads((folder / "slurm" / "jobs.json").read_text())[name]
    return jobs


def all_done(tasks: list[Task]) -> Standing:
    return Standing(done=len(tasks), failed=0, running=0, waiting=0)


def test_every_task_is_done_once_whatever_ends_its_job(tmp_path: Path, site: Site) -> None:
    tasks = [easy_task(tmp_path, name, steps=12, seconds=0.2) for name in "abcdef"]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(launch, tmp_path, tasks)
        wait_until(lambda: "step 3" in happened(tmp_path, "a"))
        os.kill(process_of(tmp_path, "a"), signal.SIGKILL)
        wait_until(lambda: "step 3" in happened(tmp_path, "b"))
        site.ask("scontrol", "requeue", jobs_of(tmp_path, "b")[0])
        wait_until(lambda: "step 3" in happened(tmp_path, "c"))
        site.ask("scancel", jobs_of(tmp_path, "c")[0])
        assert running.result(120) == all_done(tasks)
    assert count(tmp_path, "done") == dict.fromkeys("abcdef", 1)
    assert count(tmp_path, "begin") == {"a": 2, "b": 2, "c": 2, "d": 1, "e": 1, "f": 1}
    assert count(tmp_path, "begin 0") == dict.fromkeys("abcdef", 1)  # later ones went on from what was kept
    assert [len(jobs_of(tmp_path, name)) for name in "abcdef"] == [2, 1, 2, 1, 1, 1]


def test_jobs_go_on_without_their_launcher_and_the_next_one_waits_for_them(
    tmp_path: Path, site: Site
) -> None:
    tasks = [easy_task(tmp_path, name, steps=6, seconds=0.2) for name in "abcd"]
    launcher = start_runner("slurm", tmp_path, "abcd", 6, 0.2)
    wait_until(lambda: len(count(tmp_path, "begin")) == 2)
    launcher.kill()
    launcher.wait()
    assert launch(tmp_path, tasks) == all_done(tasks)
    assert count(tmp_path, "begin") == dict.fromkeys("abcd", 1)
    assert len({jobs_of(tmp_path, name)[0].split("_")[0] for name in "abcd"}) == 1  # of one array
    assert most_at_once(tmp_path) == 2


def test_two_launchers_at_once_submit_every_task_once(tmp_path: Path, site: Site) -> None:
    launchers = [start_runner("slurm", tmp_path, "abcd", 4, 0.2) for _ in range(2)]
    assert [launcher.wait(60) for launcher in launchers] == [0, 0]
    assert count(tmp_path, "begin") == dict.fromkeys("abcd", 1)
    assert [len(jobs_of(tmp_path, name)) for name in "abcd"] == [1] * 4


def test_no_more_jobs_at_once_than_asked_for(tmp_path: Path, site: Site) -> None:
    tasks = [easy_task(tmp_path, name, steps=4, seconds=0.2) for name in "abc"]
    assert launch(tmp_path, tasks, at_once=1) == all_done(tasks)
    assert most_at_once(tmp_path) == 1


def test_a_job_that_must_make_room_goes_on_later(tmp_path: Path, site: Site) -> None:
    tasks = [easy_task(tmp_path, name, steps=20, seconds=0.2) for name in "ab"]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(launch, tmp_path, tasks)
        wait_until(lambda: "step 3" in happened(tmp_path, "a"))
        site.ask("scancel", "--signal=USR2", jobs_of(tmp_path, "a")[0])
        assert running.result(60) == all_done(tasks)
    assert count(tmp_path, "begin") == {"a": 2, "b": 1}
    assert count(tmp_path, "begin 0") == {"a": 1, "b": 1}
    assert len(jobs_of(tmp_path, "a")) == 1  # the same job, put back into the queue


@pytest.mark.slow
def test_a_task_that_needs_longer_than_a_job_may_take_goes_on_in_the_same_job(
    tmp_path: Path, site: Site
) -> None:
    """Slurm's shortest limit is a minute; it warns within the minute."""
    task = easy_task(tmp_path, "a", steps=320, seconds=0.2)
    assert launch(tmp_path, [task], minutes=1) == all_done([task])
    begins = [what for what in happened(tmp_path, "a") if what.startswith("begin")]
    assert len(begins) >= 2
    assert begins.count("begin 0") == 1
    assert len(jobs_of(tmp_path, "a")) == 1


def test_what_always_dies_fails_after_three_jobs_with_a_reason(tmp_path: Path, site: Site) -> None:
    tasks = [easy_task(tmp_path, "a", steps=9, dies="9:7"), easy_task(tmp_path, "b", fails=True)]
    assert launch(tmp_path, tasks) == Standing(done=0, failed=2, running=0, waiting=0)
    assert count(tmp_path, "begin") == {"a": 3, "b": 1}
    assert [len(jobs_of(tmp_path, name)) for name in "ab"] == [3, 1]
    reason = tasks[0].failed.read_text()
    assert reason.startswith("tried 3 times, and the last time its job failed; the log")
    assert reason.endswith(
        "something is wrong\nmotes: the process ended with exit code 7 and left no result\n"
    )


def test_a_job_has_its_setup_and_all_its_cores(tmp_path: Path, site: Site) -> None:
    task = easy_task(tmp_path, "a")
    task = replace(task, command=("sh", "-c", f"env; touch {task.done}"))
    launch(
        tmp_path, [task], cpus=2, memory=0.5, setup=["export MODULE=loaded"], sbatch={"comment": "a study"}
    )
    seen = task.log.read_text().splitlines()
    assert {"MODULE=loaded", "SLURM_CPUS_PER_TASK=2", "OMP_NUM_THREADS=2", "SLURM_CPUS_ON_NODE=2"} <= set(
        seen
    )
    assert events(tmp_path) == []
