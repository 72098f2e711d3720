"""How fast whole folders are picked: `motes pick` against `topaz preprocess` + `topaz extract`.

Both read the same float32 MRC files, whole processes are timed, on two cores, in alternation and repeated.
Topaz scales by 4 (1240 x 1200) and by 8 (4096 x 4096) and uses its packaged detector, as its users do.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import measure
import topaz
from measure import Usage
from real_sets import RealSet, load_sets


def main() -> None:
    """Measure the sets for which a model was given and print one table."""
    options = parse()
    measure.hold_to_cores(options.cores)
    models = {"apoferritin": options.apoferritin, "beta-galactosidase": options.galactosidase}
    results = {}
    for data in load_sets(epoch_size=0, threads=options.cores):
        if models[data.name] is not None:
            images = mrc_files(data, options.images, options.work / "mrc" / data.name)
            results[data.name] = alternate(data, images, models[data.name], options.repeats, options.cores)
    options.work.mkdir(parents=True, exist_ok=True)
    (options.work / "picking_speed.json").write_text(json.dumps(results, indent=2))
    print(table(results))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--apoferritin", type=Path, help="a motes model trained on the apoferritin set")
    parser.add_argument("--galactosidase", type=Path, help="a motes model trained on the galactosidase set")
    parser.add_argument("--images", type=int, default=6, help="how many images of a set are picked")
    parser.add_argument("--repeats", type=int, default=3, help="how often each program is timed")
    parser.add_argument("--cores", type=int, default=2, help="processor cores for each program")
    parser.add_argument("--work", type=Path, default=Path("benchmark-results"), help="folder for files")
    return parser.parse_args()


def mrc_files(data: RealSet, count: int, folder: Path) -> list[Path]:
    """The first averaged images of a set as MRC files."""
    averaged = [one for one in data.micrographs if not one.is_single]
    return [topaz.to_mrc(one.path, folder, one.name) for one in averaged[:count]]


def alternate(
    data: RealSet, images: Sequence[Path], model: Path, repeats: int, cores: int
) -> dict[str, list[dict[str, float]]]:
    """Both programs in turn, so that whatever else the machine does meets both."""
    runs: dict[str, list[dict[str, float]]] = {"motes": [], "topaz": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            runs["motes"].append(asdict(motes_once(images, model, Path(folder), cores)))
        with tempfile.TemporaryDirectory() as folder:
            runs["topaz"].append(asdict(topaz_once(data, images, Path(folder))))
    return runs


def motes_once(images: Sequence[Path], model: Path, folder: Path, cores: int) -> Usage:
    """One whole `motes pick`."""
    options = ["--model", model, "--out", folder / "picked", "--threads", cores]
    return measure.run([*measure.MOTES, "pick", *images, *options], folder / "pick.log", cores)


def topaz_once(data: RealSet, images: Sequence[Path], folder: Path) -> Usage:
    """One whole `topaz preprocess` and `topaz extract`; times add up, memory is the larger one."""
    first = topaz.preprocess(images, folder / "scaled", data.topaz)
    scaled = [folder / "scaled" / image.name for image in images]
    second = topaz.extract(scaled, folder / "picks.txt", data.topaz)
    return Usage(
        first.seconds + second.seconds,
        first.processor_seconds + second.processor_seconds,
        max(first.peak_mib, second.peak_mib),
    )


def table(results: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    """Markdown: median, spread (lowest to highest) and peak memory of each program, and the ratio."""
    lines = [
        "| set | program | seconds, median (lowest to highest) | peak MiB | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        pace = {program: [run["seconds"] for run in each] for program, each in runs.items()}
        ratio = statistics.median(pace["topaz"]) / statistics.median(pace["motes"])
        for program, each in runs.items():
            seconds = sorted(pace[program])
            spread = f"{statistics.median(seconds):.1f} ({seconds[0]:.1f} to {seconds[-1]:.1f})"
            peak = max(run["peak_mib"] for run in each)
            times = f"{ratio:.1f} times faster" if program == "motes" else ""
            lines.append(f"| {name} | {program} | {spread} | {peak:.0f} | {times} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
