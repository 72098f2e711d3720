"""How long one 4096 x 4096 micrograph takes, and each further one: motes with the model in the box, and peers."""

import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import measure
import peers
import topaz
from measure import MOTES, Usage
from peers import Box
from picking_speed import mrc_files, topaz_once
from real_sets import RealSet

DIAMETER = 150.0  # px
MANY = 6
TOPAZ = topaz.Settings(scale=9, radius=8)
Run = Callable[[Sequence[Path], Path], Usage]


def speed(data: RealSet, work: Path, box: Box, repeats: int) -> dict[str, Any]:
    """Seconds of each run of each program with one micrograph and with six; programs take turns."""
    images = mrc_files(data, MANY, work / "topaz" / "mrc" / data.name)
    to_scale = replace(data, topaz=replace(TOPAZ, threads=box.threads))
    programs: dict[str, Run] = {
        "motes": lambda files, folder: motes_once(files, folder, box),
        "topaz-packaged": lambda files, folder: topaz_once(to_scale, files, folder),
        "relion-log": relion_once,
    }
    usage: dict[str, Any] = {name: {"one": [], "many": []} for name in programs}
    for _ in range(repeats):
        for name, run in programs.items():
            for count, files in (("one", images[:1]), ("many", images)):
                with tempfile.TemporaryDirectory(dir=work) as folder:
                    usage[name][count].append(asdict(run(files, Path(folder))))
    return {name: {**each, **summary(each)} for name, each in usage.items()}


def motes_once(files: Sequence[Path], folder: Path, box: Box) -> Usage:
    """One whole `motes pick`."""
    options = ["--diameter", f"{DIAMETER:g}px", "--out", folder / "picked", "--threads", box.threads]
    return measure.run([*MOTES, "pick", *files, *box.options, *options], folder / "pick.log", box.threads)


def relion_once(files: Sequence[Path], folder: Path) -> Usage:
    """One whole `relion_autopick`."""
    (folder / "images").mkdir()
    for file in files:
        (folder / "images" / file.name).symlink_to(file)
    return peers.run_relion(folder, DIAMETER)


def summary(runs: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """The median time of one micrograph, that of each further one, and the peak memory."""
    one, many = (statistics.median(run["seconds"] for run in runs[count]) for count in ("one", "many"))
    peak = max(run["peak_mib"] for each in runs.values() for run in each)
    return {"first_seconds": one, "further_seconds": (many - one) / (MANY - 1), "peak_mib": peak}


def speed_table(results: dict[str, Any]) -> str:
    """Markdown: one row a program."""
    lines = [
        "| program | one micrograph, s (lowest to highest) | each further one, s | peak MiB |",
        "|---|---|---|---|",
    ]
    for name, each in results.items():
        seconds = sorted(run["seconds"] for run in each["one"])
        spread = f"{each['first_seconds']:.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f})"
        lines.append(f"| {name} | {spread} | {each['further_seconds']:.2f} | {each['peak_mib']:.0f} |")
    return "\n".join(lines)
