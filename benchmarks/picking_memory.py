"""Peak memory of `motes pick` with 10, 100 and 1000 micrographs: it must not grow with their number.

A few simulated micrographs stand, as symbolic links, under as many names as are needed. Without --model
a small net is trained on them first. Exit code 1 when memory grew.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import measure
from measure import MOTES, Usage

FILES = 4
ALLOWED_GROWTH_MIB = 64


def main() -> None:
    """Measure every count and print one table."""
    options = parse()
    options.work.mkdir(parents=True, exist_ok=True)
    images = simulate(options.work / "simulated", options.size)
    model = options.model or train(images, options.work / "run", options.threads)
    usage = {count: pick(images, count, model, options.work, options.threads) for count in options.counts}
    written = {str(count): asdict(one) for count, one in usage.items()}
    (options.work / "picking_memory.json").write_text(json.dumps(written, indent=2))
    print(table(usage))
    growth = usage[max(usage)].peak_mib - usage[min(usage)].peak_mib
    if growth > ALLOWED_GROWTH_MIB:
        sys.exit(1)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="a motes model for particles of 150 A at 4 A/px")
    parser.add_argument(
        "--counts", type=int, nargs="+", default=[10, 100, 1000], help="numbers of micrographs"
    )
    parser.add_argument("--size", type=int, default=1024, help="width and height of a micrograph in px")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--work", type=Path, default=Path("benchmark-results/memory"), help="folder for files"
    )
    return parser.parse_args()


def simulate(out: Path, size: int) -> Path:
    """A few simulated micrographs; the folder that motes wrote."""
    count = ["--count", FILES, "--size", size, "--seed", 0]
    if not out.exists():
        measure.run([*MOTES, "simulate", "micrographs", out, *count], out.with_suffix(".log"))
    return out


def train(simulated: Path, run: Path, threads: int) -> Path:
    """A small net trained for one epoch: what it finds does not matter here."""
    model = run / "model.safetensors"
    if not model.exists():
        data = ["--images", simulated / "images", "--picks", simulated / "picks", "--out", run]
        small = ["epochs=1", "width=16", "diameter=150", "--threads", threads]
        measure.run([*MOTES, "train", "micrographs", *data, *small], run.with_suffix(".log"), threads)
    return model


def pick(simulated: Path, count: int, model: Path, work: Path, threads: int) -> Usage:
    """Pick that many micrographs, in a fresh folder each time."""
    files = sorted((simulated / "images").glob("*.mrc"))
    links = work / f"links_{count}"
    links.mkdir(exist_ok=True)
    for number in range(count):
        link = links / f"micrograph_{number:05d}.mrc"
        if not link.is_symlink():
            link.symlink_to(files[number % len(files)].resolve())
    options = ["--model", model, "--out", work / f"picked_{count}", "--threads", threads, "--overwrite"]
    return measure.run([*MOTES, "pick", links, *options], work / f"pick_{count}.log", threads)


def table(usage: dict[int, Usage]) -> str:
    """Markdown: peak memory and time by number of micrographs."""
    lines = ["| micrographs | peak MiB | seconds | seconds each |", "|---|---|---|---|"]
    for count, one in usage.items():
        lines.append(f"| {count} | {one.peak_mib:.0f} | {one.seconds:.1f} | {one.seconds / count:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
