"""What a net learns from five simulated tomograms about a sixth, beside matched templates.

Simulates six tomograms of 64 x 256 x 256 voxels of 10 A with at least 12 particles of each of six classes: tilts of
+-60 degrees in steps of 3, 120 e/A2, half of the ideal contrast, other proteins in 0.6 % of the ice, else the defaults
of `motes simulate tomograms`; all use the low-passed copies. One after the other is left out: a net is trained by
`motes train tomogram` on four of the others, its thresholds are fitted for F4 on the fifth, and `motes pick` finds
particles in the one left out. The baseline matches the mean subvolume of each class (template_picker.py), twice:
with thresholds fitted for F4 on the other tomograms, and, in its favour, told those that are best on the very
tomograms that are scored. One scorer for both,
over all six.

    python benchmarks/tomogram_learning.py --work DIR [--folds 0 1 2 3 4 5] [key=value ...]

A finished fold is kept. Words such as training.steps=100 change the recipe.
"""

import argparse
import csv
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import measure
from measure import MOTES
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.picks import Picks, empty_picks
from motes.recipe_file import load_recipe
from motes.score.classes import ClassReport, score_by_class
from motes.score.czii import CziiRules, CziiScore, czii_score
from motes.simulate.tomogram_world import TomogramWorld
from motes.simulate.write_tomograms import write_tomograms
from template_picker import Template, candidates, make_template

COUNT = 6
WORLD = TomogramWorld(size=(64, 256, 256), least=12, contrast=0.5, crowding=0.006)
SEED = 11
AT_ONCE = 2  # folds, one for each core
VIEWS = 4  # each window is seen in, when picking
VOLUMES = "tomograms_denoised"
SETTINGS = (
    "sampling.size=32x64x64",
    "training.batch=2",
    "training.epochs=13",
    "training.steps=80",
    "training.validate_every=10",
    "training.schedule=cosine",
    "training.learning_rate=0.003",
    "loss=bce + tversky",
    "loss.class_weights=balanced",
)
RULES = CziiRules()
ByTomogram = dict[str, Picks]


def simulated(work: Path) -> Path:
    """The folder of the simulated tomograms."""
    write_tomograms(WORLD, work / "data", COUNT, SEED)
    return work / "data"


def trained_and_picked(
    data: Path, names: Sequence[str], left_out: int, changes: Sequence[str], work: Path
) -> Path:
    """The folder of a fold: a net trained on all tomograms but one, and that one picked."""
    fold = work / f"fold{left_out}-{measure.content_key([], {'changes': list(changes)})}"
    if measure.load_done(fold) is not None:
        return fold
    shutil.rmtree(fold, ignore_errors=True)
    fold.mkdir(parents=True)
    validation = (left_out + 1) % len(names)
    with (fold / "data.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "picks", "split"])
        for number, name in enumerate(names):
            if number != left_out:
                part = "validation" if number == validation else "train"
                table.writerow([data / VOLUMES / f"{name}.mrc", data / "picks" / f"{name}.csv", part])
    one = ("--threads", 1)
    train = [*MOTES, "train", "tomogram", "--data", fold / "data.csv", "--out", fold / "run", *one, *changes]
    model = fold / "run" / "model.safetensors"
    tomogram = data / VOLUMES / f"{names[left_out]}.mrc"
    pick = [*MOTES, "pick", tomogram, "--model", model, "--out", fold / "picked", "--tta", VIEWS, *one]
    steps = {"train": train, "pick": pick}
    usage = {name: measure.run(words, fold / f"{name}.log", threads=1) for name, words in steps.items()}
    measure.save_done(fold, usage)
    return fold


def picks_of(fold: Path) -> Picks:
    """What `motes pick` found in the tomogram left out, above the thresholds of the model."""
    thresholds = json.loads((fold / "picked" / "settings.json").read_text())["threshold"]
    (file,) = (fold / "picked" / "picks").rglob("*.csv")
    return next(iter(read_picks(file).values()), empty_picks(3)).above(thresholds)


def template_picks(data: Path, truth: ByTomogram) -> ByTomogram:
    """All candidates of the baseline, each tomogram with the templates of the others."""
    volumes = {name: read_image(data / VOLUMES / f"{name}.mrc", ndim=3).as_float32() for name in truth}
    volumes = {name: (volume - volume.mean()) / volume.std() for name, volume in volumes.items()}
    found = {}
    for name, volume in volumes.items():
        others = [other for other in truth if other != name]
        templates: dict[str, Template] = {}
        for kind, particle in RULES.particles.items():
            points = [of_class(truth[other], kind).points for other in others]
            diameter = 2 * particle.radius / WORLD.voxel_size
            templates[kind] = make_template([volumes[other] for other in others], points, diameter)
        found[name] = candidates(volume, templates)
    return found


def best_thresholds(found: ByTomogram, truth: ByTomogram) -> dict[str, float]:
    """For each class the threshold with the highest F4 on these very tomograms."""
    chosen = {}
    for kind in RULES.particles:
        scores = np.concatenate([of_class(picks, kind).scores for picks in found.values()])
        if not len(scores):
            chosen[kind] = 1.0
            continue
        tried = np.unique(np.quantile(scores, np.linspace(0, 1, 80)))
        values = [official(only(found, kind, at), only(truth, kind), 0).f(kind) for at in tried]
        chosen[kind] = float(tried[int(np.argmax(values))])
    return chosen


def of_class(picks: Picks, kind: str) -> Picks:
    return picks.select(np.array([name == kind for name in picks.classes], dtype=bool))


def only(tables: ByTomogram, kind: str, threshold: float = -np.inf) -> ByTomogram:
    return {name: of_class(picks, kind).above(threshold) for name, picks in tables.items()}


def cut_as_on_others(found: ByTomogram, truth: ByTomogram) -> ByTomogram:
    """Each tomogram's candidates above the thresholds that are best on the others."""
    cut = {}
    for name, picks in found.items():
        others = [other for other in truth if other != name]
        of_others = [{other: tables[other] for other in others} for tables in (found, truth)]
        cut[name] = picks.above(best_thresholds(*of_others))
    return cut


def official(found: ByTomogram, truth: ByTomogram, bootstrap: int = 1000) -> CziiScore:
    return czii_score(*(in_angstrom(tables) for tables in (found, truth)), RULES, bootstrap=bootstrap)


def in_angstrom(tables: ByTomogram) -> dict[str, dict[str, np.ndarray]]:
    return {
        name: {kind: (of_class(picks, kind).points + 0.5) * WORLD.voxel_size for kind in set(picks.classes)}
        for name, picks in tables.items()
    }


def strict(found: ByTomogram, truth: ByTomogram) -> ClassReport:
    """One-to-one, within the distance of the official metric."""
    radius = {kind: RULES.radius(kind) / WORLD.voxel_size for kind in RULES.particles}
    weights = {kind: particle.weight for kind, particle in RULES.particles.items()}
    return score_by_class(found, truth, radius=dict.fromkeys(truth, radius), weights=weights, beta=RULES.beta)


def row(found: ByTomogram, truth: ByTomogram) -> dict[str, float]:
    """The official and the strict weighted F4, and the strict one of each class."""
    by_rule, one_to_one = official(found, truth), strict(found, truth)
    low, high = by_rule.intervals["score"]
    values = {"official": by_rule.score, "official_low": low, "official_high": high}
    values["strict"] = one_to_one.weighted["f4"].value
    return values | {kind: report.micro["f4"].value for kind, report in one_to_one.classes.items()}


def show(rows: Mapping[str, dict[str, float]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"{'F4':22s}" + "".join(f"{name:>21s}" for name in rows))
    for name in names:
        print(f"{name:22s}" + "".join(f"{values[name]:21.3f}" for values in rows.values()))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(COUNT)))
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("changes", nargs="*")
    options = parser.parse_args(arguments)
    data = simulated(options.work)
    names = [f"TS_{number + 1:04d}" for number in range(COUNT)]
    changes = [*SETTINGS, *options.changes]
    load_recipe("tomogram", changes)  # before anything is done with words that cannot be read
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as at_once:
        parts = at_once.map(
            lambda left_out: trained_and_picked(data, names, left_out, changes, options.work), options.folds
        )
        folds = {names[left_out]: fold for left_out, fold in zip(options.folds, parts, strict=True)}
    minutes = (time.perf_counter() - started) / 60
    truth = {name: next(iter(read_picks(data / "picks" / f"{name}.csv").values())) for name in names}
    tested = {name: truth[name] for name in folds}
    rows = {"motes": row({name: picks_of(fold) for name, fold in folds.items()}, tested)}
    if not options.no_baseline:
        found = template_picks(data, truth)
        thresholds = best_thresholds(found, truth)
        fitted = cut_as_on_others(found, truth)
        rows["templates"] = row({name: fitted[name] for name in tested}, tested)
        rows["templates, told"] = row({name: found[name].above(thresholds) for name in tested}, tested)
    show(rows)
    usage = {name: measure.load_done(fold)["usage"] for name, fold in folds.items()}
    busy = sum(step["processor_seconds"] for fold in usage.values() for step in fold.values()) / 60
    print(
        f"training and picking of {len(folds)} folds, {AT_ONCE} at once with a thread each: {minutes:.1f} min by the "
        f"clock, less where folds were kept from before; {busy:.1f} min of one processor"
    )
    record = {"settings": changes, "rows": rows, "usage": usage, "minutes": minutes}
    (options.work / "tomogram_learning.json").write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
