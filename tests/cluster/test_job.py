"""What a job of Slurm does with its task."""

import os
import pickle
import signal
import threading
from pathlib import Path
from types import FrameType

import pytest

from easy_tasks import count, easy_task, events, happened, wait_until
from motes.cluster.job import Job
from motes.cluster.tasks import holding
from motes.errors import MotesError


def test_a_job_carries_out_its_task_and_survives_pickling(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    pickle.loads(pickle.dumps(Job(task, 2)))()
    assert task.done.exists()
    assert task.log.read_text() == "threads 2 2\n"


def test_a_job_whose_task_is_over_does_nothing(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    task.failed.write_text("no net\n")
    Job(task, 1)()
    assert not task.log.exists()


def test_a_job_whose_task_another_has_ends_in_peace(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    with holding(task.lock):
        Job(task, 1)()
    assert events(tmp_path) == []


def test_a_command_that_dies_is_an_error_of_the_job_and_noted(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a", dies="1")
    with pytest.raises(MotesError, match="was killed"):
        Job(task, 1)()
    assert task.log.read_text().endswith(
        "\nmotes: the process was killed (SIGKILL), likely because memory ran out\n"
    )


def test_a_job_that_must_go_stops_its_command_and_the_next_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(easy_task(tmp_path, "a", steps=8, seconds=0.1), 1)
    kept = []

    def warned(_number: int, _frame: FrameType | None) -> None:  # what submitit does
        kept.append(job.checkpoint())
        raise SystemExit(1)

    def warn() -> None:  # Slurm sends the signal to every process of the job
        wait_until(lambda: "step 2" in happened(tmp_path, "a"))
        command = events(tmp_path)[-1][2]
        os.kill(command, signal.SIGUSR2)
        wait_until(lambda: "step 4" in happened(tmp_path, "a"))
        os.kill(os.getpid(), signal.SIGUSR2)

    before = signal.signal(signal.SIGUSR2, warned)
    warning = threading.Thread(target=warn)
    warning.start()
    try:
        with pytest.raises(SystemExit):
            job()
    finally:
        warning.join()
        signal.signal(signal.SIGUSR2, before)
    assert not job.task.busy
    assert not job.task.over

    again = pickle.loads(pickle.dumps(kept[0]))
    assert again.function.task == job.task
    again.result()
    assert job.task.done.exists()
    assert count(tmp_path, "begin") == {"a": 2}
    assert count(tmp_path, "begin 0") == {"a": 1}
