"""Every task ends done or failed, once, whatever dies on the way."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from easy_tasks import count, easy_task, events, happened, most_at_once, process_of, start_runner, wait_until
from motes.cluster.local import run_here
from motes.cluster.tasks import Standing, holding


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_after_the_other_in_their_order(tmp_path: Path) -> None:
    told: list[Standing] = []
    end = run_here([easy_task(tmp_path, name, steps=1) for name in "cab"], processes=1, on_change=told.append)
    assert [name for name, what, _ in events(tmp_path) if what == "begin 0"] == list("cab")
    assert end == Standing(done=3, failed=0, running=0, waiting=0)
    assert told == [Standing(done, 0, 1, 2 - done) for done in range(3)] + [end]


def test_as_many_at_once_as_asked_for_each_with_its_threads(tmp_path: Path) -> None:
    tasks = [easy_task(tmp_path, name, seconds=0.2) for name in "abcde"]
    run_here(tasks, processes=2, threads=3)
    assert most_at_once(tmp_path) == 2
    assert {task.log.read_text() for task in tasks} == {"threads 3 3\n"}


def test_what_dies_twice_is_begun_again_from_what_it_kept(tmp_path: Path) -> None:
    run_here([easy_task(tmp_path, "a", steps=4, dies="2")], processes=2)
    assert happened(tmp_path, "a") == [
        *("begin 0", "step 1"),
        *("begin 1", "step 2"),
        *("begin 2", "step 3", "step 4", "done"),
    ]


@pytest.mark.parametrize(
    ("dies", "words"), [("9", "was killed (SIGKILL), likely because memory ran out"), ("9:7", "exit code 7")]
)
def test_what_always_dies_fails_with_a_reason_and_stops_nobody(tmp_path: Path, dies: str, words: str) -> None:
    tasks = [easy_task(tmp_path, "a", steps=9, dies=dies), easy_task(tmp_path, "b"), easy_task(tmp_path, "c")]
    assert run_here(tasks, processes=1) == Standing(done=2, failed=1, running=0, waiting=0)
    assert count(tmp_path, "begin") == {"a": 3, "b": 1, "c": 1}
    reason = tasks[0].failed.read_text()
    assert reason.startswith("tried 3 times, and the last time the process")
    assert words in reason
    assert f"the log {tasks[0].log} ends with" in reason
    assert reason.endswith("something is wrong\n")


def test_what_fails_by_its_own_account_is_not_begun_again(tmp_path: Path) -> None:
    task = easy_task(tmp_path, "a", fails=True)
    assert run_here([task], processes=1).failed == 1
    assert count(tmp_path, "begin") == {"a": 1}
    assert task.failed.read_text() == "this image cannot be read\n"


def test_what_is_over_is_left_alone(tmp_path: Path) -> None:
    tasks = [easy_task(tmp_path, name) for name in "ab"]
    tasks[0].done.touch()
    tasks[1].failed.write_text("no net\n")
    assert run_here(tasks, processes=2) == Standing(done=1, failed=1, running=0, waiting=0)
    assert events(tmp_path) == []


def test_two_runners_do_every_task_once(tmp_path: Path) -> None:
    runners = [start_runner("here", tmp_path, "abcdefgh", 2, 0.1) for _ in range(2)]
    assert [runner.wait(60) for runner in runners] == [0, 0]
    once = dict.fromkeys("abcdefgh", 1)
    assert count(tmp_path, "begin") == once
    assert count(tmp_path, "done") == once


def test_a_process_that_is_killed_half_way_is_replaced(tmp_path: Path) -> None:
    tasks = [easy_task(tmp_path, name, steps=6, seconds=0.1) for name in "ab"]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run_here, tasks, 2)
        wait_until(lambda: "step 3" in happened(tmp_path, "a"))
        os.kill(process_of(tmp_path, "a"), signal.SIGKILL)
        assert running.result() == Standing(done=2, failed=0, running=0, waiting=0)
    assert count(tmp_path, "begin") == {"a": 2, "b": 1}
    assert count(tmp_path, "done") == {"a": 1, "b": 1}


def test_a_runner_that_is_stopped_stops_its_processes_and_can_be_started_again(tmp_path: Path) -> None:
    runner = start_runner("here", tmp_path, "abc", 30, 0.1)
    wait_until(lambda: all("step 2" in happened(tmp_path, name) for name in "ab"))
    runner.terminate()
    assert runner.wait(10) == 143
    assert not any(is_alive(process) for _, _, process in events(tmp_path))

    tasks = [easy_task(tmp_path, name, steps=4) for name in "abc"]
    assert not any(task.over or task.busy for task in tasks)
    assert run_here(tasks, processes=2).done == 3
    begins = [what for what in happened(tmp_path, "a") if what.startswith("begin")]
    assert len(begins) == 2
    assert begins[1] != "begin 0"


def test_an_error_of_the_caller_stops_the_processes(tmp_path: Path) -> None:
    def refuse(standing: Standing) -> None:
        if standing.running:
            wait_until(lambda: bool(events(tmp_path)))
            raise ValueError("no terminal")

    with pytest.raises(ValueError, match="no terminal"):
        run_here([easy_task(tmp_path, "a", seconds=60)], processes=1, on_change=refuse)
    assert not is_alive(process_of(tmp_path, "a"))


@pytest.mark.parametrize("finished", [True, False])
def test_a_task_that_another_has_is_waited_for_and_taken_over_where_it_is_let_go(
    tmp_path: Path, finished: bool
) -> None:
    tasks = [easy_task(tmp_path, name) for name in "abc"]
    told: list[Standing] = []
    with ThreadPoolExecutor() as pool:
        with holding(tasks[0].lock):
            running = pool.submit(run_here, tasks, 1, on_change=told.append)
            wait_until(lambda: tasks[1].over and tasks[2].over and told[-1].done == 2)
            assert told[-1] == Standing(done=2, failed=0, running=1, waiting=0)
            threading.Event().wait(1.2)  # long enough to look again
            assert happened(tmp_path, "a") == []
            if finished:
                tasks[0].done.touch()
        assert running.result().done == 3
    assert ("begin 0" in happened(tmp_path, "a")) is not finished
