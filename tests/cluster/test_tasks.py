"""Locks that show who works, and endings in words."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from easy_tasks import easy_task
from motes.cluster.tasks import BUSY, ending, give_up, holding, start, stop


def test_a_task_is_busy_while_its_lock_is_held(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    assert not task.busy
    assert not task.lock.exists()
    with holding(task.lock):
        assert task.busy
    assert not task.busy


def test_a_command_whose_task_another_has_says_so(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    with holding(task.lock):
        assert start(task, 1).wait() == BUSY
    assert start(task, 1).wait() == 0
    assert task.done.exists()


def test_looking_at_a_lock_keeps_nobody_from_taking_it(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    task.lock.touch()
    process = start(task, 1)
    while process.poll() is None:
        _ = task.busy
    assert process.returncode == 0
    assert task.done.exists()


def test_what_does_not_end_when_asked_to_is_killed() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    commands = [[sys.executable, "-c", deaf], ["sleep", "60"]]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    assert processes[0].stdout
    processes[0].stdout.readline()
    stop(processes, patience=0.2)
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [-signal.SIGKILL, -signal.SIGTERM]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "the process ended with exit code 0 and left no result"),
        (3, "the process ended with exit code 3 and left no result"),
        (-9, "the process was killed (SIGKILL), likely because memory ran out"),
        (-11, "the process was ended by signal 11 (Segmentation fault)"),
    ],
)
def test_an_exit_code_in_words(code: int, words: str) -> None:
    assert ending(code) == words


def test_the_reason_quotes_the_end_of_the_log(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a")
    give_up(task, "its node was lost")
    assert task.failed.read_text() == (
        f"tried 3 times, and the last time its node was lost; the log {task.log} is empty\n"
    )
    task.log.write_bytes(b"\xff" * 100_000 + b"".join(b"\nline %d" % number for number in range(30)))
    give_up(task, "its node was lost")
    quoted = [f"line {number}" for number in range(18, 30)]
    assert task.failed.read_text().splitlines()[1:] == quoted
