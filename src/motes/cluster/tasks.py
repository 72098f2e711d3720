"""A piece of work, the command that carries it out, and the files by which both speak to whoever started it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from motes.output import explained, write_text

ATTEMPTS = 3  # how often a command that dies is begun
BUSY = 75  # the exit code of a command whose piece another process has: EX_TEMPFAIL of sysexits.h
PATIENCE = 20.0  # seconds that a command has to end when it is asked to; Slurm gives 30
GLANCE = 2.0  # seconds; whoever looks at a lock holds it for less than a millisecond
LOG_LINES = 12  # that a reason quotes


@dataclass(frozen=True)
class Task:
    """One piece of work that a command carries out in a process of its own.

    name: short, and no other task's. command: the program and its arguments. done: a file that is there once the
    work is finished. failed: a file with the reason, in words, once it has failed for good. lock: held while
    someone works on it. log: where the output goes, after what is there.

    The command must work under `holding(lock)`, end at once where done or failed is there by then, go on from
    what an earlier process has kept, and leave done or failed. Where it leaves neither, it has died.
    """

    name: str
    command: tuple[str, ...]
    done: Path
    failed: Path
    lock: Path
    log: Path

    @property
    def over(self) -> bool:
        """Whether there is nothing more to do: it is done, or it has failed for good."""
        return self.done.exists() or self.failed.exists()

    @property
    def busy(self) -> bool:
        """Whether a process works on it now, here or on another machine that shares the folder."""
        if not self.lock.exists():
            return False
        try:
            with FileLock(self.lock, timeout=0):
                return False
        except Timeout:
            return True


@dataclass(frozen=True)
class Standing:
    """How many tasks are done, have failed for good, are worked on, and wait."""

    done: int
    failed: int
    running: int
    waiting: int


OnChange = Callable[[Standing], None]


def tell_nobody(_: Standing) -> None:
    """For whoever does not want to know."""


@contextmanager
def holding(lock: Path) -> Iterator[None]:
    """Hold the lock of a task while the block runs; for use in its command.

    The kernel frees it when the process ends, however it ends. Where another process holds it, this one
    leaves with the exit code BUSY.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(timeout=GLANCE)
    except Timeout:
        raise SystemExit(BUSY) from None
    try:
        yield
    finally:
        held.release()


def start(task: Task, threads: int, before: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
    """Start the command with that many threads; its output is appended to the log.

    before: what the new process does before it becomes the command.
    """
    with explained(task.log):
        task.log.parent.mkdir(parents=True, exist_ok=True)
        with task.log.open("ab") as log:
            return subprocess.Popen(
                task.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)},
                preexec_fn=before,
            )


def stop(processes: Collection[subprocess.Popen[bytes]], patience: float = PATIENCE) -> None:
    """Ask all to end (SIGTERM) and wait; kill those that take longer than patience (seconds)."""
    for process in processes:
        process.terminate()
    end = time.monotonic() + patience
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ending(code: int) -> str:
    """In words, how a process ended that left no result; code: as subprocess gives it, minus the signal."""
    if code >= 0:
        return f"the process ended with exit code {code} and left no result"
    if -code == signal.SIGKILL:
        return "the process was killed (SIGKILL), likely because memory ran out"
    return f"the process was ended by signal {-code} ({signal.strsignal(-code)})"


def give_up(task: Task, how: str) -> None:
    """Mark a task as failed for good. how: the way in which its last process ended."""
    write_text(task.failed, f"tried {ATTEMPTS} times, and the last time {how}; {_end_of(task.log)}\n")


def _end_of(log: Path) -> str:
    if not log.is_file() or not log.stat().st_size:
        return f"the log {log} is empty"
    with log.open("rb") as file:
        file.seek(-min(10_000, log.stat().st_size), os.SEEK_END)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join([f"the log {log} ends with", *lines[-LOG_LINES:]])
