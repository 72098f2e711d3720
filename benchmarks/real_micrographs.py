"""Cross-validation by image on real annotated micrographs: motes beside Topaz, same folds, same scorer.

Each program is trained on the first annotator's picks. motes uses the threshold of its model file; trained
Topaz the one that is best for F1 on the images that it was trained on; packaged Topaz, in its favour, the
one that is best on the very images that are scored. Intervals are 95 %, by resampling images.
"""

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import measure
import motes_folds
import topaz_folds
from motes.picks import Picks
from motes.score.metrics import precision_recall_curve
from motes.score.scores import Report, score
from real_sets import Fold, Micrograph, RealSet, load_sets, make_folds
from topaz_folds import FoldPicks

PROGRAMS = ("motes", "topaz-trained", "topaz-packaged")
SUBSETS: dict[str, Callable[[Micrograph], bool]] = {
    "all": lambda _: True,
    "averaged": lambda one: not one.is_single,
    "single exposures": lambda one: one.is_single,
}


@dataclass(frozen=True)
class Outcome:
    """What a program picked on a whole set.

    picks: image name -> all picks with scores. thresholds: image name -> the one that the program goes by,
    None: the best one for whatever is scored. usage: for each fold, step -> measured figures.
    """

    picks: Mapping[str, Picks]
    thresholds: Mapping[str, float] | None
    usage: Sequence[Mapping[str, Mapping[str, float]]]


def main() -> None:
    """Run what is missing, score everything, write a table and a JSON file."""
    options = parse()
    measure.hold_to_cores(options.threads)
    results = {}
    for data in load_sets(options.topaz_epoch_size, options.threads):
        if data.name in options.sets:
            results[data.name] = one_set(data, options)
    options.work.mkdir(parents=True, exist_ok=True)
    (options.work / "real_micrographs.json").write_text(json.dumps(results, indent=2))
    text = f"{accuracy_table(results)}\n\n{cost_table(results)}\n"
    (options.work / "real_micrographs.md").write_text(text)
    print(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="*", help="recipe overrides for motes, as width=32 epochs=40")
    parser.add_argument("--sets", nargs="+", default=["apoferritin", "beta-galactosidase"])
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    parser.add_argument("--folds", type=int, nargs="+", help="only these folds (numbers from 0)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--topaz-epoch-size", type=int, default=40, help="Topaz's updates an epoch")
    parser.add_argument("--averaged-only", action="store_true", help="train on no single exposures")
    parser.add_argument("--validation-field", action="store_true", help="give motes its validation image")
    parser.add_argument("--work", type=Path, default=Path("benchmark-results"), help="folder for files")
    return parser.parse_intermixed_args()


def one_set(data: RealSet, options: argparse.Namespace) -> dict[str, Any]:
    """Each program's scores and costs on one set."""
    folds = [
        fold for fold in make_folds(data.micrographs) if options.folds is None or fold.number in options.folds
    ]
    if options.averaged_only:
        averaged = [tuple(one for one in fold.train if not one.is_single) for fold in folds]
        folds = [replace(fold, train=train) for fold, train in zip(folds, averaged, strict=True)]
    results = {}
    for program in options.programs:
        outcome = run_program(program, data, folds, options)
        results[program] = {
            "scores": score_subsets(data, outcome, [one for fold in folds for one in fold.test]),
            "folds": [score_fold(data, outcome, fold) for fold in folds],
            "usage": list(outcome.usage),
            "images_by_fold": [[one.name for one in fold.test] for fold in folds],
        }
    return results


def run_program(program: str, data: RealSet, folds: Sequence[Fold], options: argparse.Namespace) -> Outcome:
    """The picks of one program on all held-out images."""
    if program == "topaz-packaged":
        packaged = topaz_folds.packaged(data, options.work / "topaz")
        return Outcome(packaged.picks, None, [packaged.usage])
    picks: dict[str, Picks] = {}
    thresholds: dict[str, float] = {}
    usage = []
    for fold in folds:
        done = run_fold(program, data, fold, options)
        threshold = done.threshold
        if threshold is None:
            annotator = next(iter(data.truths))
            best, _ = best_threshold(score_all(data, done.training_picks, annotator))
            threshold = math.inf if best is None else best
        picks |= done.picks
        thresholds |= dict.fromkeys(done.picks, threshold)
        usage.append(done.usage)
        print(f"{data.name}: {program}, fold {fold.number} done", flush=True)
    return Outcome(picks, thresholds, usage)


def run_fold(program: str, data: RealSet, fold: Fold, options: argparse.Namespace) -> FoldPicks:
    """Train and pick one fold, or read what an earlier run left."""
    if program == "topaz-trained":
        return topaz_folds.trained(data, fold, options.work / "topaz")
    settings = motes_folds.Settings(tuple(options.overrides), options.threads, options.validation_field)
    return motes_folds.trained(data, fold, (options.work / "motes").resolve(), settings)


def score_subsets(data: RealSet, outcome: Outcome, micrographs: Sequence[Micrograph]) -> list[dict[str, Any]]:
    """One row for each annotator and each part of the images."""
    rows = []
    for subset, belongs in SUBSETS.items():
        names = [one.name for one in micrographs if belongs(one)]
        if names and (subset == "all" or len(names) < len(micrographs)):
            rows += score_names(data, outcome, names, subset)
    return rows


def score_fold(data: RealSet, outcome: Outcome, fold: Fold) -> dict[str, Any]:
    """The scores of one fold's held-out images."""
    rows = score_names(data, outcome, [one.name for one in fold.test], "all")
    return {"fold": fold.number, "scores": rows}


def score_names(data: RealSet, outcome: Outcome, names: Sequence[str], subset: str) -> list[dict[str, Any]]:
    """One row for each annotator: scores at the program's own threshold, the best one beside it."""
    picks = {name: outcome.picks[name] for name in names}
    rows = []
    for annotator in data.truths:
        everything = score_all(data, picks, annotator)
        best, best_f1 = best_threshold(everything)
        thresholds = outcome.thresholds or dict.fromkeys(names, best)
        chosen = score_all(
            data, {name: one.above(thresholds[name]) for name, one in picks.items()}, annotator
        )
        ranking = {key: value for key, value in everything.as_dict().items() if "average_precision" in key}
        row: dict[str, Any] = {**chosen.as_dict(), **ranking, "best_threshold": best, "best_f1": best_f1}
        row |= {"truth": annotator, "images_scored": subset, "per_image": chosen.per_image}
        row["threshold"] = float(np.mean([thresholds[name] for name in names]))
        rows.append(row)
    return rows


def score_all(data: RealSet, picks: Mapping[str, Picks], annotator: str) -> Report:
    """Score picks of some images of a set by its own radius and rim."""
    truth = {name: data.truths[annotator][name] for name in picks}
    shapes = dict.fromkeys(picks, data.shape)
    return score(picks, truth, radius=data.radius, ignore_rim=data.rim, shapes=shapes)


def best_threshold(report: Report) -> tuple[float | None, float | None]:
    """The threshold with the highest micro F1, and that F1; None where nothing was picked."""
    curve = precision_recall_curve([image.ranked for image in report.images if image.ranked is not None])
    if not len(curve.thresholds):
        return None, None
    values = curve.f_beta()
    best = int(np.nanargmax(values))
    return float(curve.thresholds[best]), float(values[best])


def accuracy_table(results: Mapping[str, Any]) -> str:
    """Markdown: one row for each set, program, annotator and part of the images."""
    heading = "set | program | truth | images | precision | recall | F1 (95 %) | macro F1 | AP | best F1"
    lines = [f"| {heading} |", "|" + "---|" * 10]
    for name, programs in results.items():
        for program, result in programs.items():
            lines += [f"| {name} | {program} | {accuracy_cells(row)} |" for row in result["scores"]]
    return "\n".join(lines)


def accuracy_cells(row: Mapping[str, Any]) -> str:
    """The figures of one row of the table of accuracy."""
    interval = f"{number(row['f1'])} ({number(row['f1_low'])} to {number(row['f1_high'])})"
    names = ("macro_f1", "average_precision", "best_f1")
    figures = [
        number(row["precision"]),
        number(row["recall"]),
        interval,
        *(number(row[one]) for one in names),
    ]
    return " | ".join([row["truth"], f"{row['images_scored']} ({row['images']})", *figures])


def number(value: float | None) -> str:
    """Three decimals, or a dash where there is no value."""
    return "-" if value is None else f"{value:.3f}"


def cost_table(results: Mapping[str, Any]) -> str:
    """Markdown: what each step took, wall and processor time; the mean and the largest over the folds."""
    heading = "set | program | step | seconds, mean (largest) | processor seconds | peak MiB"
    lines = [f"| {heading} |", "|" + "---|" * 6]
    for name, programs in results.items():
        for program, result in programs.items():
            for step in result["usage"][0]:
                cells = cost_cells([fold[step] for fold in result["usage"]])
                lines.append(f"| {name} | {program} | {step} | {cells} |")
    return "\n".join(lines)


def cost_cells(runs: Sequence[Mapping[str, float]]) -> str:
    """The figures of one row of the table of costs."""
    wall = [run["seconds"] for run in runs]
    processor = np.mean([run["processor_seconds"] for run in runs])
    peak = max(run["peak_mib"] for run in runs)
    return f"{np.mean(wall):.1f} ({max(wall):.1f}) | {processor:.1f} | {peak:.0f}"


if __name__ == "__main__":
    main()
