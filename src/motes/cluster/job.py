"""What a job of Slurm does: one task, stopped in time when the job has to go, taken up by the next."""

import signal
from subprocess import Popen
from typing import Any

from motes.cluster.tasks import BUSY, Task, ending, start, stop
from motes.errors import MotesError


class Job:
    """A task as submitit wants it: to be pickled, called on a node, and asked for a checkpoint before it goes.

    When the time limit is near, or the job has to make room, Slurm sends SIGUSR2, and submitit calls `checkpoint`,
    puts the job back into the queue and leaves with SystemExit.
    """

    def __init__(self, task: Task, threads: int) -> None:
        self.task = task
        self.threads = threads
        self._process: Popen[bytes] | None = None

    def __call__(self) -> None:
        """Carry out the task; MotesError where its command dies, which the task's log tells as well."""
        if self.task.over:
            return
        self._process = start(self.task, self.threads, before=_ignore_warning)
        try:
            code = self._process.wait()
        finally:
            stop([self._process])
        if not self.task.over and code != BUSY:
            with self.task.log.open("a", encoding="utf-8") as log:
                log.write(f"motes: {ending(code)}\n")
            raise MotesError(ending(code))

    def checkpoint(self) -> Any:
        """The same task anew: what it needs to go on lies in its folder. Its command is asked to end."""
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            self._process.terminate()  # __call__ waits for it, as the process that it interrupts
        return DelayedSubmission(Job(self.task, self.threads))


def _ignore_warning() -> None:
    """Slurm sends the warning to every process of a job; it is meant for Job, and would kill the command."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
