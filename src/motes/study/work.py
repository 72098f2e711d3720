"""One piece of a study's work, in a process of its own: python -m motes.study.work FOLDER ITEM.

The process holds the item's lock, so that no two work on one; it leaves a file that says done, or one that says why
the piece has failed for good. Killed, it leaves neither, and the next one goes on from the last checkpoint.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from motes.cluster.tasks import Task, holding
from motes.errors import InputError, TrainingError
from motes.output import explained, write_text
from motes.study.folder import Folder
from motes.study.pieces import PIECES


def task_of(folder: Folder, item: str) -> Task:
    """A piece of work for whoever hands it out."""
    return Task(
        name=item,
        command=(sys.executable, "-m", "motes.study.work", str(folder.path.absolute()), item),
        done=folder.done(item),
        failed=folder.failed(item),
        lock=folder.lock(item),
        log=folder.output(item),
    )


def work_on(folder: Folder, item: str) -> None:
    """Do a piece of work unless it is done or has failed already; leave word of how it ended."""
    with holding(folder.lock(item)):
        if folder.done(item).exists() or folder.failed(item).exists():
            return
        note(folder, item, "begun")
        piece: Callable[[Folder, str], dict[str, Any]] = PIECES[item.partition("/")[0]]
        try:
            outcome = piece(folder, item)
        except (InputError, TrainingError) as error:  # anything else, such as a full disk, may pass
            write_text(folder.failed(item), f"{error}\n")
            note(folder, item, "failed")
            return
        # Noted down first: a process killed between the two leaves a note too many, and not a result without one.
        note(folder, item, "done")
        write_text(folder.done(item), json.dumps({"at": now(), **outcome}, indent=1) + "\n")


def note(folder: Folder, item: str, event: str) -> None:
    """Add a line to the study's log. Lines this short are written whole, whoever else writes."""
    line = {
        "at": now(),
        "item": item,
        "event": event,
        "machine": socket.gethostname(),
        "process": os.getpid(),
    }
    if "SLURM_JOB_ID" in os.environ:
        line["slurm_job"] = os.environ["SLURM_JOB_ID"]
    with explained(folder.log), folder.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def now() -> str:
    """The time as 2026-01-31T12:00:00.000000+00:00."""
    return datetime.now(UTC).isoformat()


if __name__ == "__main__":
    work_on(Folder(Path(sys.argv[1])), sys.argv[2])
