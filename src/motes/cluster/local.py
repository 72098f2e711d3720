"""Tasks on this machine: some at a time, those that die begun again."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from subprocess import Popen

from motes.cluster.tasks import (
    ATTEMPTS,
    BUSY,
    OnChange,
    Standing,
    Task,
    ending,
    give_up,
    start,
    stop,
    tell_nobody,
)

POLL = 0.02  # seconds between looks at the processes
LOOK = 1.0  # seconds between looks at the tasks that others have


@dataclass
class _Work:
    """Where every task stands.

    left: to be begun, in this order. running: the process of each that was begun. elsewhere: those that a
    process of someone else has. deaths: how often each has died.
    """

    left: deque[Task] = field(default_factory=deque)
    running: dict[Task, Popen[bytes]] = field(default_factory=dict)
    elsewhere: list[Task] = field(default_factory=list)
    deaths: Counter[Task] = field(default_factory=Counter)
    done: int = 0
    failed: int = 0

    def add(self, task: Task) -> None:
        """Put a task where it belongs that no process of ours has."""
        if task.done.exists():
            self.done += 1
        elif task.failed.exists():
            self.failed += 1
        else:
            self.left.append(task)

    @property
    def standing(self) -> Standing:
        running = len(self.running) + len(self.elsewhere)
        return Standing(self.done, self.failed, running, len(self.left))


def run_here(
    tasks: Sequence[Task], processes: int, threads: int = 1, on_change: OnChange = tell_nobody
) -> Standing:
    """Carry out all tasks that are neither done nor failed, in their order; return when every one is.

    processes: how many run at once, each with that many threads. A command that dies is begun again, after all
    others; at its third death the task is marked as failed. A task that another process has is waited for,
    and taken over should that process die. Whatever stops this function stops the commands.
    """
    work = _Work()
    for task in tasks:
        work.add(task)
    told, looked = None, time.monotonic()
    try:
        while True:
            _collect(work)
            if time.monotonic() - looked > LOOK:
                _look_elsewhere(work)
                looked = time.monotonic()
            _begin(work, processes, threads)
            if work.standing != told:
                told = work.standing
                on_change(told)
            if not (told.running or told.waiting):
                return told
            time.sleep(POLL)
    finally:
        stop(work.running.values())


def _begin(work: _Work, processes: int, threads: int) -> None:
    """Fill the free places."""
    while work.left and len(work.running) < processes:
        task = work.left.popleft()
        if task.over:
            work.add(task)
        elif task.busy:
            work.elsewhere.append(task)
        else:
            work.running[task] = start(task, threads)


def _collect(work: _Work) -> None:
    """See which processes have ended, and how."""
    for task, process in list(work.running.items()):
        code = process.poll()
        if code is None:
            continue
        del work.running[task]
        if task.over:
            work.add(task)
        elif code == BUSY or task.busy:
            work.elsewhere.append(task)
        else:
            work.deaths[task] += 1
            if work.deaths[task] == ATTEMPTS:
                give_up(task, ending(code))
            work.add(task)


def _look_elsewhere(work: _Work) -> None:
    """See what has become of the tasks that others had; those that were let go come first again."""
    seen, work.elsewhere = work.elsewhere, []
    for task in reversed(seen):
        if task.over:
            work.add(task)
        elif task.busy:
            work.elsewhere.insert(0, task)
        else:
            work.left.appendleft(task)
