"""Tasks as jobs of Slurm: submitted as arrays, watched, submitted again where they die.

What is done and what has failed is read from the tasks' files, what is still to come from squeue. Neither needs
Slurm's accounting (sacct), which not every site has.
"""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from motes.cluster.job import Job
from motes.cluster.options import SlurmOptions
from motes.cluster.tasks import ATTEMPTS, OnChange, Standing, Task, give_up, tell_nobody
from motes.errors import MotesError
from motes.output import write_text

SILENCE = 600.0  # seconds without an answer of squeue after which it is no longer waited for
NOT_YET = {"PENDING", "CONFIGURING"}
ENDS = {  # the states of jobs that are over, in words
    "BOOT_FAIL": "its node could not be started",
    "CANCELLED": "its job was cancelled",
    "COMPLETED": "its job ended and left no result",
    "DEADLINE": "its job missed its deadline",
    "FAILED": "its job failed",
    "NODE_FAIL": "its node was lost",
    "OUT_OF_MEMORY": "its job ran out of memory (give it more: memory in slurm.yaml)",
    "PREEMPTED": "its job had to make room",
    "TIMEOUT": "its job reached the time limit (give it more: minutes in slurm.yaml)",
}
FORGOTTEN = "its job ended, and Slurm no longer knows how"

Jobs = dict[str, list[str]]  # the ids of the jobs that each task was given, by the task's name
Queue = Mapping[str, str]  # the state of each job of this user that Slurm remembers, by id


@dataclass
class _Watch:
    """What the launcher knows.

    states: done, failed, running, waiting, or ended: neither over nor with a job. gone: those that had ended
    when last looked at. heard: when squeue last answered, on the monotonic clock.
    """

    folder: Path
    options: SlurmOptions
    executor: Any
    states: dict[Task, str]
    gone: set[Task] = field(default_factory=set)
    heard: float = float("-inf")

    @property
    def record(self) -> Path:
        return self.folder / "slurm" / "jobs.json"

    @property
    def lock(self) -> Path:
        """Held by who asks and submits: several may watch the same work."""
        return self.record.with_suffix(".lock")

    @property
    def standing(self) -> Standing:
        count = Counter(self.states.values())
        return Standing(count["done"], count["failed"], count["running"], count["waiting"] + count["ended"])


def on_slurm(
    tasks: Sequence[Task],
    folder: Path,
    options: SlurmOptions,
    on_change: OnChange = tell_nobody,
    poll: float = 10.0,
) -> Standing:
    """Have all tasks that are neither done nor failed carried out by jobs of Slurm; return when every one is.

    folder: must be seen by every node; what Slurm and submitit write goes to FOLDER/slurm. poll: seconds between
    two looks. A task whose job ends without a result is submitted again; at the third such end it is marked as
    failed. Where this function is stopped the jobs go on, and the next call waits for them. Raises MotesError
    where submitit or Slurm is missing, refuses the jobs, or does not answer for ten minutes.
    """
    watch = _Watch(folder, options, _executor(folder, options), dict.fromkeys(tasks, "waiting"))
    _forget_ended(watch)
    told = None
    while True:
        _look(watch)
        if watch.standing != told:
            told = watch.standing
            on_change(told)
        if told.done + told.failed == len(watch.states):
            return told
        time.sleep(poll)


def _executor(folder: Path, options: SlurmOptions) -> Any:
    try:
        from submitit import SlurmExecutor
    except ImportError:
        raise MotesError(
            "Slurm is reached through submitit, which is not installed; pip install 'motes[slurm]'"
        ) from None
    for program in ("sbatch", "squeue", "srun"):
        if shutil.which(program) is None:
            raise MotesError(
                f"there is no {program} on this machine; run this where jobs are submitted to Slurm (the login "
                "node), or run the work here, without Slurm"
            )
    executor = SlurmExecutor(folder / "slurm" / "jobs", max_num_timeout=options.time_outs)
    executor.update_parameters(**options.parameters(f"motes-{folder.resolve().name}"))
    return executor


def _forget_ended(watch: _Watch) -> None:
    """Take out of the record what earlier launches have left there and is no longer in the queue."""
    watch.record.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(watch.lock):
        queue = _ask(watch) or {}
        jobs = _read(watch.record)
        _write(watch.record, {name: ids for name, ids in jobs.items() if _alive(ids, queue)})


def _look(watch: _Watch) -> None:
    """See where every task stands, and submit those that have ended or have not begun."""
    with FileLock(watch.lock):
        queue = _ask(watch)
        if queue is None:
            return
        jobs = _read(watch.record)
        for task, state in watch.states.items():
            if state not in ("done", "failed"):
                watch.states[task] = _state(task, jobs.get(task.name, []), queue)
        ended = [task for task, state in watch.states.items() if state == "ended"]
        # On a file system that is shared, what a job wrote last may be seen late: hence a second look.
        due = [task for task in ended if task.name not in jobs or task in watch.gone]
        watch.gone = set(ended)
        for task in due:
            if len(jobs.get(task.name, [])) >= ATTEMPTS:
                give_up(task, ENDS.get(queue.get(jobs[task.name][-1], ""), FORGOTTEN))
                watch.states[task] = "failed"
        _submit(watch, jobs, [task for task in due if watch.states[task] == "ended"])


def _state(task: Task, ids: Sequence[str], queue: Queue) -> str:
    if task.done.exists():
        return "done"
    if task.failed.exists():
        return "failed"
    alive = _alive(ids, queue)
    if alive:
        return "waiting" if alive <= NOT_YET else "running"
    return "running" if task.busy else "ended"


def _alive(ids: Sequence[str], queue: Queue) -> set[str]:
    """The states of those jobs that are not over."""
    return {queue[each] for each in ids if each in queue and queue[each] not in ENDS}


def _submit(watch: _Watch, jobs: Jobs, due: Sequence[Task]) -> None:
    """Submit as many as may be in the queue as one array; of it, as many run at once as still may."""
    taken = watch.standing.running + watch.standing.waiting - len(due)
    batch = due[: max(0, watch.options.in_queue - taken)]
    together = (watch.options.at_once or watch.options.in_queue) - taken
    if not batch or together <= 0:
        return
    watch.executor.update_parameters(array_parallelism=together)
    for task, each in zip(batch, _sbatch(watch, batch), strict=True):
        jobs.setdefault(task.name, []).append(each)
        watch.states[task] = "waiting"
    _write(watch.record, jobs)


def _sbatch(watch: _Watch, batch: Sequence[Task]) -> list[str]:
    """The ids of new jobs, one for each task."""
    from submitit.core.utils import FailedJobError

    try:
        submitted = watch.executor.submit_array([Job(task, watch.options.cpus) for task in batch])
    except FailedJobError as error:
        raise MotesError(
            f"Slurm refuses the jobs: {str(error).strip()}; change {watch.folder / 'slurm.yaml'} or the options"
        ) from None
    return [each.job_id for each in submitted]


def _ask(watch: _Watch) -> Queue | None:
    """What squeue says of this user's jobs; None where it does not answer, MotesError after SILENCE of that."""
    command = ["squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", "--format=%i|%T"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if time.monotonic() - watch.heard < SILENCE:
            return None
        said = str(error.stderr or error).strip()
        raise MotesError(
            f"Slurm does not answer: {said}; jobs that were submitted go on, and so does the same command again"
        ) from None
    watch.heard = time.monotonic()
    return dict(line.split("|") for line in answer.stdout.split())


def _read(record: Path) -> Jobs:
    jobs: Jobs = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    return jobs


def _write(record: Path, jobs: Jobs) -> None:
    write_text(record, json.dumps(jobs, indent=1, sort_keys=True) + "\n")
