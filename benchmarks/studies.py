"""What a study costs beside its trainings, and how long the shipped ones take at their quick size on this machine.

First tasks that do nothing but sleep are handed out, which shows what the scheduling of one costs; on Slurm too, where
`sbatch` is there. Then each study runs, in a folder of its own, where it goes on if it was stopped.

    python benchmarks/studies.py [--studies fair-comparison strategies] [--tasks 20] [--work FOLDER]
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
from motes.cluster.local import run_here
from motes.cluster.options import slurm_options
from motes.cluster.slurm import on_slurm
from motes.cluster.tasks import Task

SLEEP = 1.0  # s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", nargs="*", default=["fair-comparison", "strategies"])
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--work", type=Path, default=Path("benchmark-results/studies"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    print("| scheduled | seconds a task beyond the task itself |\n| --- | --- |")
    for where, seconds in overheads(options.tasks, options.work).items():
        print(f"| {where} | {seconds:.3f} |")
    print(
        "\n| study | trainings | minutes | audit | report, MB | answer |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name in options.studies:
        print(f"| {name} | " + " | ".join(quick_study(name, options.work / name)) + " |")


def overheads(count: int, work: Path) -> dict[str, float]:
    """Seconds that each of so many tasks costs on one core beyond what it does."""
    found = {"here": overhead(count, work, lambda tasks, _: run_here(tasks, 1))}
    if shutil.which("sbatch"):
        options: dict[str, Any] = {"cpus": 1, "at_once": 1}
        found["on Slurm"] = overhead(
            count,
            work,
            lambda tasks, folder: on_slurm(tasks, folder, slurm_options(folder, **options), poll=0.2),
        )
    return found


def overhead(count: int, work: Path, run: Callable[[list[Task], Path], object]) -> float:
    with tempfile.TemporaryDirectory(dir=work) as place:
        folder = Path(place)
        tasks = [sleeping(folder, number) for number in range(count)]
        started = time.monotonic()
        run(tasks, folder)
        return (time.monotonic() - started) / count - SLEEP


def sleeping(folder: Path, number: int) -> Task:
    """A task that sleeps: a shell, whose own start costs next to nothing."""
    name = f"task-{number}"
    done = folder / f"{name}.done"
    command = ("sh", "-c", f"sleep {SLEEP}; touch {done}")
    return Task(
        name, command, done, folder / f"{name}.failed", folder / f"{name}.lock", folder / f"{name}.log"
    )


def quick_study(name: str, out: Path) -> list[str]:
    """Run a study; trainings, minutes of this call, whether its audit passed, size of the page, its answer."""
    ran = measure.run([*measure.MOTES, "study", "run", name, "--out", out], out.with_suffix(".log"))
    results = json.loads((out / "results.json").read_text())
    megabytes = (out / "report.html").stat().st_size / 1e6
    trainings = sum(arm["runs"] for arm in results["arms"] if not arm["ensemble"])
    passed = "passed" if results["audit_passed"] else "FAILED"
    return [str(trainings), f"{ran.seconds / 60:.1f}", passed, f"{megabytes:.1f}", results["answer"]]


if __name__ == "__main__":
    sys.exit(main())
