"""How long objects take in large images: a map of 16,384 x 16,384 px with 100,000 objects.

The map is made here: discs of 8 to 16 px radius with soft rims on a grid that is shaken, so that some touch; float16,
in a file. A process of its own finds the objects with two threads by tiles and writes their centres (`segment`, a
CSV), then their outlines (GeoJSON) and the whole table (CSV), as `motes pick` does. Sides of 4,096 and 8,192 px with
as many objects an area show that the cost of an object stays the same. Beside that stands what many programs do: a
mask of the whole image for one object after the other, on small images, whose cost grows with objects times pixels.

    python benchmarks/large_objects.py --work DIR [--sides 4096 8192 16384] [--threads 2]

4 GB of disk for the largest. What is measured is printed and goes into DIR/large_objects.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import measure
from motes.formats.picks import write_picks
from motes.jobs.object_files import write_objects
from motes.picking.instances import Keeping, Splitting, segment
from motes.picks import Picks

WHOLE, OBJECTS = 16_384, 100_000
RADII = (8.0, 16.0)
SHAKEN = 14.0  # px, at most, along each axis
SOFT = 1.0  # px, of the rim
LOOPED = (256, 512, 1024)  # sides of the images that are gone through object by object
ASKED = {"centres": 20.0, "outlines": 75.0, "peak_mib": 4 * 1024}


def made(folder: Path, side: int) -> None:
    """MAP.npy (side, side) float16 and CENTRES.npy (n, 2) of a map with as many objects an area as the whole."""
    if (folder / "centres.npy").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    interior = np.lib.format.open_memmap(folder / "map.npy", "w+", np.float16, (side, side))
    centres, radii = placed(side)
    for (y, x), radius in zip(centres.tolist(), radii.tolist(), strict=True):
        reach = radius + 8 * SOFT
        top, left = max(int(y - reach), 0), max(int(x - reach), 0)
        window = interior[top : int(y + reach) + 2, left : int(x + reach) + 2]
        rows, columns = np.ogrid[top : top + window.shape[0], left : left + window.shape[1]]
        inside = 1 / (1 + np.exp((np.hypot(rows - y, columns - x) - radius) / SOFT))
        np.maximum(window, inside.astype(np.float16), out=window)
    interior.flush()
    np.save(folder / "centres.npy", centres)


def placed(side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres (n, 2) and radii (n,), px; discs meet, but none swallows another's centre."""
    rng = np.random.default_rng(side)
    count = round(OBJECTS * (side / WHOLE) ** 2)
    along = int(np.ceil(np.sqrt(count)))
    nodes = (np.indices((along, along)).reshape(2, -1).T[:count] + 0.5) * side / along
    return nodes + rng.uniform(-SHAKEN, SHAKEN, nodes.shape), rng.uniform(*RADII, count)


def work_through(folder: Path, threads: int) -> None:
    """Find and write all objects of a map; prints seconds and numbers as JSON. Runs in a process of its own."""
    interior = np.load(folder / "map.npy", mmap_mode="r")
    out = np.memmap(folder / "labels", np.int32, "w+", shape=interior.shape)
    started = time.perf_counter()
    found = segment(interior, Splitting(), Keeping(), out=out, threads=threads)
    centres = Picks(found.table.points, found.table.confidences, None, found.table.diameters)
    write_picks(folder / "centres.csv", centres, format="csv", image_name="map")
    seconds = {"centres": time.perf_counter() - started}
    started = time.perf_counter()
    write_objects(
        folder / "out", "map.tif", found.labels, found.table, formats=("geojson",), with_labels=False
    )
    seconds["outlines"] = time.perf_counter() - started
    truth = np.load(folder / "centres.npy")
    print(json.dumps({**seconds, "objects": len(truth), "found": len(found.table)}))


def measured(folder: Path, side: int, threads: int) -> dict[str, float]:
    """Seconds, numbers and peak memory of one map."""
    made(folder, side)
    log = folder / "run.log"
    command = [sys.executable, __file__, "--work", folder, "--one", "--threads", threads]
    usage = measure.run(command, log, threads)
    values = json.loads(log.read_text().splitlines()[-1])
    return {"side": side, **values, **asdict(usage)}


def one_by_one(folder: Path) -> Iterator[dict[str, float]]:
    """Seconds that it takes to go through the objects with a mask of the whole image for each."""
    interior = np.load(folder / "map.npy", mmap_mode="r")
    for side in LOOPED:
        labels = segment(interior[:side, :side], Splitting(), Keeping()).labels
        started = time.perf_counter()
        for number in range(1, int(labels.max()) + 1):
            np.argwhere(labels == number).mean(axis=0)
        yield {"side": side, "objects": int(labels.max()), "seconds": time.perf_counter() - started}


def show(rows: Sequence[dict[str, float]], loops: Sequence[dict[str, float]]) -> None:
    print(
        "| side, px | objects | found | centres, s | outlines and table, s | microseconds an object | peak MiB |"
    )
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        each = 1e6 * (row["centres"] + row["outlines"]) / row["objects"]
        print(
            f"| {row['side']} | {row['objects']} | {row['found']} | {row['centres']:.1f} | {row['outlines']:.1f} "
            f"| {each:.0f} | {row['peak_mib']:.0f} |"
        )
    print("\nmask by mask:")
    for loop in loops:
        each = 1e6 * loop["seconds"] / loop["objects"]
        print(
            f"| {loop['side']} | {loop['objects']} | {loop['seconds']:.2f} s | {each:.0f} microseconds an object |"
        )
    first, last = loops[0], loops[-1]
    power = np.log(last["seconds"] / first["seconds"]) / np.log(last["objects"] / first["objects"])
    whole = last["seconds"] * (OBJECTS / last["objects"]) ** 2 / 3600
    print(
        f"its time grows with the objects to the power of {power:.1f}; of {WHOLE} px it would take {whole:.1f} h"
    )


def verdict(row: dict[str, float]) -> str:
    """What is asked of the whole, and whether it is reached."""
    return "; ".join(
        f"{name} {row[name]:.1f} <= {most:g}: {'yes' if row[name] <= most else 'NO'}"
        for name, most in ASKED.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sides", type=int, nargs="+", default=[4096, 8192, WHOLE])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        work_through(options.work, options.threads)
        return
    rows = [measured(options.work / f"map{side}", side, options.threads) for side in options.sides]
    loops = list(one_by_one(options.work / f"map{max(options.sides)}"))
    show(rows, loops)
    if max(options.sides) == WHOLE:
        print(verdict(rows[options.sides.index(WHOLE)]))
    content = {"threads": options.threads, "maps": rows, "mask by mask": loops}
    (options.work / "large_objects.json").write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
