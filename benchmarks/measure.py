"""Runs programs and measures them: wall time, processor time and peak memory of the whole process."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MOTES = (str(Path(sys.executable).with_name("motes")),)  # the one installed beside this interpreter


@dataclass(frozen=True)
class Usage:
    """What one run took: wall and processor time in s, peak memory (resident) in MiB."""

    seconds: float
    processor_seconds: float
    peak_mib: float


def run(command: Sequence[object], log: Path, threads: int = 2) -> Usage:
    """Run a program to its end and measure it; its output goes to the log.

    Peak memory is the largest of the program and its children, each on its own (wait4, ru_maxrss).
    Raises SystemExit with the end of the log when the program fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in command]
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT, env=limited(threads))
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise SystemExit(
            f"{' '.join(words[:8])} ... failed with {process.returncode}:\n{end}\nWhole log: {log}"
        )
    return Usage(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def limited(threads: int) -> dict[str, str]:
    """The environment of this process with numerical libraries held to that many threads."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def hold_to_cores(count: int) -> None:
    """Hold this process, and so all that it starts, to its first few processor cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def content_key(files: Iterable[Path], settings: dict[str, Any]) -> str:
    """A short name for a piece of work, from its files' names and bytes and its settings."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for file in files:
        digest.update(file.name.encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def load_done(folder: Path) -> dict[str, Any] | None:
    """What a finished piece of work left in its folder, None when it was never finished."""
    done = folder / "done.json"
    return json.loads(done.read_text()) if done.exists() else None


def save_done(folder: Path, usage: dict[str, Usage], **more: Any) -> dict[str, Any]:
    """Mark a piece of work as finished, with what each of its steps took; returns what was written."""
    done = {"usage": {step: asdict(value) for step, value in usage.items()}, **more}
    temporary = folder / ".done.json"
    temporary.write_text(json.dumps(done, indent=2))
    temporary.replace(folder / "done.json")
    return done
