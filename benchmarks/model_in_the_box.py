"""What the model in the box reaches, beside Topaz's packaged detector, RELION's LoG and blob_log, by one scorer.

motes goes by its own default threshold, image by image. Each peer has, in its favour, the threshold, and the
diameter or scale to be told, that are best for F1 on the very images that are scored. Intervals are 95 %, by
resampling images.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import box_images
import measure
from box_finetune import STARTS, finetune, finetune_table
from box_speed import speed, speed_table
from motes.score.scores import score
from motes.score.statistics import percentile_interval, resample_images, resampled_mean
from peers import PEERS, Box, motes_box
from real_micrographs import Outcome, number, score_names
from real_sets import RealSet, load_sets

MOTES = "motes"
DIAMETERS = (0.85, 1.0, 1.15)  # what motes is told, over the true diameter
Results = dict[str, Any]


def main() -> None:
    """Run the parts that were asked for, and write what there is of all parts as JSON, Markdown and a picture."""
    options = parse()
    measure.hold_to_cores(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / "model_in_the_box.json"
    results = earlier(file, options.box)
    for part in options.parts:
        results[part] = PARTS[part](options)
        results["model"] = {"file": str(options.box.file), "key": options.box.key}
        file.write_text(json.dumps(results, indent=2))
        text = "\n\n".join(f"## {name}\n\n{TABLES[name](results[name])}" for name in PARTS if name in results)
        (options.work / "model_in_the_box.md").write_text(f"{text}\n")
        print(f"## {part}\n\n{TABLES[part](results[part])}\n", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--model", type=Path, help="a model file in place of the one that ships")
    parser.add_argument("--programs", nargs="+", choices=[MOTES, *PEERS], default=[MOTES, *PEERS])
    parser.add_argument("--snr", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2, 0.5, 1])
    parser.add_argument("--worlds", type=int, default=12, help="simulated micrographs a level or kind")
    parser.add_argument("--seed", type=int, default=2026, help="of the simulated micrographs")
    parser.add_argument("--repeats", type=int, default=3, help="how often each program is timed")
    parser.add_argument("--images-to-train", type=int, default=8, help="of each set, one at a time")
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=STARTS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmark-results/box"), help="folder for files")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.box = Box(options.model and options.model.resolve(), options.threads)
    return options


def earlier(file: Path, box: Box) -> Results:
    """The parts that an earlier call has measured with the same model."""
    results = json.loads(file.read_text()) if file.exists() else {}
    return results if results.get("model", {}).get("key") == box.key else {}


def annotated(options: argparse.Namespace) -> list[RealSet]:
    """Both annotated sets, without single exposures."""
    sets = load_sets(epoch_size=0, threads=options.threads)
    averaged = [tuple(one for one in data.micrographs if not one.is_single) for data in sets]
    return [replace(data, micrographs=ones) for data, ones in zip(sets, averaged, strict=True)]


def real(options: argparse.Namespace) -> list[Results]:
    """Accuracy on the annotated sets: one row for each set, program and annotator."""
    return [row for data in annotated(options) for row in all_programs(data, options)]


def all_programs(data: RealSet, options: argparse.Namespace) -> list[Results]:
    """The rows of every program on one set."""
    rows = []
    for program in options.programs:
        outcome, factor = run(program, data, options)
        rows += scored(data, outcome, program=program, factor=factor)
        print(f"{data.name}: {program}: F1 {number(rows[-1]['f1'])}", flush=True)
    return rows


def run(program: str, data: RealSet, options: argparse.Namespace) -> tuple[Outcome, float]:
    """What a program picks, and the factor by which the diameter or scale that it was told is off."""
    if program == MOTES:
        return motes_box(data, options.work, options.box), 1.0
    return PEERS[program].best(data, options.work)


def scored(data: RealSet, outcome: Outcome, **columns: Any) -> list[Results]:
    """One row for each annotator, at the outcome's thresholds."""
    rows = score_names(data, outcome, [one.name for one in data.micrographs], "all")
    return [{"set": data.name, "annotator": row["truth"], **columns, **row} for row in rows]


def diameter(options: argparse.Namespace) -> list[Results]:
    """The model in the box on the annotated sets, told a diameter that is too small, right, and too large."""
    rows = []
    for data in annotated(options):
        for factor in DIAMETERS:
            outcome = motes_box(data, options.work, options.box, factor)
            rows += scored(data, outcome, program=MOTES, factor=factor)
    return rows


def snr(options: argparse.Namespace) -> list[Results]:
    """Accuracy on held-out worlds: one row for each signal-to-noise ratio and program."""
    rows = []
    for level in options.snr:
        data = box_images.worlds(options.work / "worlds", level, options.worlds, options.seed)
        rows += [{**row, "snr": level} for row in all_programs(data, options)]
    draw_curves(rows, options.work / "model_in_the_box_snr.png")
    return rows


def draw_curves(rows: list[Results], path: Path) -> None:
    """F1 over the signal-to-noise ratio, one curve a program, with the intervals as a band."""
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    for program in dict.fromkeys(row["program"] for row in rows):
        own = sorted((row for row in rows if row["program"] == program), key=lambda row: row["snr"])
        levels = [row["snr"] for row in own]
        low, middle, high = ([row[name] or 0.0 for row in own] for name in ("f1_low", "f1", "f1_high"))
        (line,) = axes.plot(levels, middle, marker="o", label=program)
        axes.fill_between(levels, low, high, color=line.get_color(), alpha=0.15)
    axes.set(xscale="log", ylim=(0, 1), xlabel="signal-to-noise ratio within the particles", ylabel="F1")
    axes.legend()
    figure.savefig(path, dpi=150, bbox_inches="tight")


def empty(options: argparse.Namespace) -> list[Results]:
    """False picks where there are no particles: one row for each kind of image and program."""
    galactosidase = annotated(options)[1]
    folder = options.work / "empty"
    kinds = [
        box_images.empty_worlds(folder, kind, options.worlds, options.seed)
        for kind in box_images.EMPTY_WORLDS
    ]
    kinds += box_images.contaminated(Path(os.environ["MOTES_REAL_DATA"]), folder)
    carbon = box_images.carbon_crops(galactosidase, folder)
    rows = []
    for program in options.programs:
        known = [best_settings(program, data, options) for data in annotated(options)]
        rows += [fewest_false(data, program, known, options) for data in kinds]
        rows.append(fewest_false(carbon, program, known[1:], options))
        part, there = box_images.carbon_in_place(carbon, run(program, galactosidase, options)[0])
        rows.append(false_picks(part, there, known[1].threshold, program))
    return rows


@dataclass(frozen=True)
class Best:
    """What was best for a program on an annotated set. threshold: None where it has its own."""

    factor: float
    threshold: float | None


def best_settings(program: str, data: RealSet, options: argparse.Namespace) -> Best:
    """The settings of a peer that part "real" reports; those of motes are its own."""
    outcome, factor = run(program, data, options)
    if outcome.thresholds is not None:
        return Best(factor, None)
    return Best(factor, scored(data, outcome)[0]["best_threshold"])


def fewest_false(data: RealSet, program: str, known: Sequence[Best], options: argparse.Namespace) -> Results:
    """The false picks of a program, with whichever of the settings gives fewer."""
    rows = []
    for best in known[:1] if program == MOTES else known:
        if program == MOTES:
            outcome = motes_box(data, options.work, options.box)
        else:
            outcome = PEERS[program].run(data, options.work, best.factor)
        rows.append(false_picks(data, outcome, best.threshold, program))
    return min(rows, key=lambda row: row["false_picks"])


def false_picks(data: RealSet, outcome: Outcome, threshold: float | None, program: str) -> Results:
    """The mean number of false picks in an image, with its interval, and the most in one."""
    (truth,) = data.truths.values()
    thresholds = outcome.thresholds or dict.fromkeys(truth, threshold)
    chosen = {name: outcome.picks[name].above(thresholds[name]) for name in truth}
    report = score(chosen, truth, radius=data.radius)
    counts = np.array([image.counts.false_positives for image in report.images], dtype=np.float64)
    low, high = percentile_interval(resampled_mean(resample_images(len(counts), 1000, seed=0), counts))
    row = {"set": data.name, "program": program, "images": len(counts), "shape": list(data.shape)}
    row |= {"false_picks": float(counts.mean()), "low": low, "high": high, "most": int(counts.max())}
    return {**row, "each": {image.name: image.counts.false_positives for image in report.images}}


def speed_part(options: argparse.Namespace) -> Results:
    """Times of the programs on micrographs of 4096 x 4096, told a particle of 150 px."""
    return speed(annotated(options)[1], options.work, options.box, options.repeats)


def finetune_part(options: argparse.Namespace) -> list[Results]:
    """Training on one image of each annotated set."""
    sets = annotated(options)
    return [
        row
        for data in sets
        for row in finetune(data, options.work, options.box, options.starts, options.images_to_train)
    ]


def accuracy_table(rows: Sequence[Results]) -> str:
    """Markdown: one row for each set, program and annotator."""
    heading = "set | program | told | truth | precision | recall | F1 (95 %) | AP (95 %) | best F1"
    lines = [f"| {heading} |", "|" + "---|" * 9]
    for row in rows:
        told = f"x {row['factor']:g}"
        values = [number(row["precision"]), number(row["recall"]), interval(row, "f1")]
        values += [interval(row, "average_precision"), number(row["best_f1"])]
        cells = [row["set"], row["program"], told, row["annotator"], *values]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def interval(row: Results, name: str) -> str:
    """A value with the ends of its interval."""
    return f"{number(row[name])} ({number(row[f'{name}_low'])} to {number(row[f'{name}_high'])})"


def snr_table(rows: Sequence[Results]) -> str:
    """Markdown: one row a signal-to-noise ratio, one column a program: F1 with its interval, AP, and best F1."""
    programs = list(dict.fromkeys(row["program"] for row in rows))
    lines = [f"| signal-to-noise | {' | '.join(programs)} |", "|" + "---|" * (len(programs) + 1)]
    for level in sorted({row["snr"] for row in rows}):
        cells = [snr_cell(row) for row in rows if row["snr"] == level]
        lines.append(f"| {level:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def snr_cell(row: Results) -> str:
    """The accuracy of a program at one level; a peer's threshold is the best already."""
    best = f", best F1 {number(row['best_f1'])}" if row["program"] == MOTES else ""
    return f"{interval(row, 'f1')}, AP {number(row['average_precision'])}{best}"


def empty_table(rows: Sequence[Results]) -> str:
    """Markdown: one row a kind of image, one column a program: the mean number of false picks."""
    programs = list(dict.fromkeys(row["program"] for row in rows))
    lines = [f"| images | number, px | {' | '.join(programs)} |", "|" + "---|" * (len(programs) + 2)]
    for name in dict.fromkeys(row["set"] for row in rows):
        own = {row["program"]: row for row in rows if row["set"] == name}
        first = next(iter(own.values()))
        size = f"{first['images']}, {first['shape'][0]} x {first['shape'][1]}"
        cells = [mean_cell(own[program]) for program in programs]
        lines.append(f"| {name} | {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mean_cell(row: Results) -> str:
    """A mean number of false picks with its interval, where there is one."""
    spread = "" if row["images"] == 1 else f" ({row['low']:.1f} to {row['high']:.1f})"
    return f"{row['false_picks']:.1f}{spread}"


PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "real": real,
    "diameter": diameter,
    "snr": snr,
    "empty": empty,
    "speed": speed_part,
    "finetune": finetune_part,
}
TABLES: dict[str, Callable[[Any], str]] = {
    "real": accuracy_table,
    "diameter": accuracy_table,
    "snr": snr_table,
    "empty": empty_table,
    "speed": speed_table,
    "finetune": finetune_table,
}


if __name__ == "__main__":
    main()
