"""Tasks that take a second: each counts its steps in a file, goes on from there, and dies as often as it is told.

As a program this is the command of such a task, or someone who runs several, here or on Slurm.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from motes.cluster.local import run_here
from motes.cluster.options import slurm_options
from motes.cluster.slurm import on_slurm
from motes.cluster.tasks import Task, holding


def easy_task(
    folder: Path, name: str, steps: int = 2, seconds: float = 0.05, *, dies: str = "0", fails: bool = False
) -> Task:
    """seconds: of each step. dies: how often, in the middle; "2" by SIGKILL, "2:7" with exit code 7."""
    words = ["work", folder, name, steps, seconds, dies, int(fails)]
    return Task(
        name=name,
        command=(sys.executable, __file__, *map(str, words)),
        done=folder / f"{name}.done",
        failed=folder / f"{name}.failed",
        lock=folder / f"{name}.lock",
        log=folder / f"{name}.log",
    )


def events(folder: Path) -> list[tuple[str, str, int]]:
    """What has happened, in order: the task's name, what it did (begin 0, step 1, done) and its process."""
    path = folder / "events"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(name, what, int(process)) for name, what, process in (line.split("|") for line in lines)]


def happened(folder: Path, name: str) -> list[str]:
    """What one task did, in order."""
    return [what for each, what, _ in events(folder) if each == name]


def count(folder: Path, what: str) -> Counter[str]:
    """How often each task did it."""
    return Counter(name for name, did, _ in events(folder) if did.startswith(what))


def most_at_once(folder: Path) -> int:
    """How many worked at the same time at most, where none died."""
    most = now = 0
    for _, what, _ in events(folder):
        now += what.startswith("begin") - (what == "done")
        most = max(most, now)
    return most


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited in vain for {seconds} s"
        time.sleep(0.02)


def process_of(folder: Path, name: str) -> int:
    """The latest process of a task."""
    return [process for each, _, process in events(folder) if each == name][-1]


def _command(folder: Path, name: str, steps: int, seconds: float, dies: str, fails: bool) -> None:
    task = easy_task(folder, name)
    with holding(task.lock):
        if not task.over:
            _work(task, folder, steps, seconds, dies, fails)


def _work(task: Task, folder: Path, steps: int, seconds: float, dies: str, fails: bool) -> None:
    kept = folder / f"{task.name}.kept"
    begun = int(kept.read_text()) if kept.exists() else 0
    times, _, code = dies.partition(":")
    dying = count(folder, "begin")[task.name] < int(times)
    _tell(folder, task.name, f"begin {begun}")
    print(f"threads {os.environ.get('OMP_NUM_THREADS')} {os.environ.get('MKL_NUM_THREADS')}", flush=True)
    for step in range(begun + 1, steps + 1):
        time.sleep(seconds)
        kept.with_suffix(".new").write_text(str(step))
        kept.with_suffix(".new").replace(kept)
        _tell(folder, task.name, f"step {step}")
        if dying:
            print("something is wrong", flush=True)
            sys.exit(int(code)) if code else os.kill(os.getpid(), signal.SIGKILL)
    if fails:
        task.failed.write_text("this image cannot be read\n")
        return
    _tell(folder, task.name, "done")
    task.done.touch()


def _tell(folder: Path, name: str, what: str) -> None:
    with (folder / "events").open("a") as file:
        file.write(f"{name}|{what}|{os.getpid()}\n")


def start_runner(verb: str, folder: Path, names: str, steps: int, seconds: float) -> subprocess.Popen[bytes]:
    """Run a task for each letter, in a process of its own. verb: here or slurm."""
    return subprocess.Popen([sys.executable, __file__, verb, *map(str, (folder, names, steps, seconds))])


def _run(verb: str, folder: Path, names: str, steps: int, seconds: float) -> None:
    """SIGTERM stops it as it stops the command line: by an exception out of the blue."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tasks = [easy_task(folder, name, steps, seconds) for name in names]
    if verb == "here":
        run_here(tasks, processes=2)
    else:
        on_slurm(tasks, folder, slurm_options(folder, cpus=1), poll=0.2)


if __name__ == "__main__":
    verb, where, who, *rest = sys.argv[1:]
    if verb == "work":
        _command(Path(where), who, int(rest[0]), float(rest[1]), rest[2], rest[3] == "1")
    else:
        _run(verb, Path(where), who, int(rest[0]), float(rest[1]))
