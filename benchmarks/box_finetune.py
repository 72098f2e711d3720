"""What one labelled image brings: the model in the box, trained on by the command line, and random weights beside it.

Trained on one image of a set (the first annotator), tested on all others, at the threshold of the model that comes out.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import measure
import motes_folds
from measure import MOTES
from motes.score.statistics import percentile_interval, resample_images
from peers import Box, picked
from real_micrographs import Outcome, number, score_names
from real_sets import Micrograph, RealSet

BOX = "default"
SAME = "random"  # weights, with the recipe that training from the model in the box has
OWN = "micrographs"  # random weights with the recipe of that name as it ships
STARTS = (BOX, SAME, OWN)


def finetune(data: RealSet, work: Path, box: Box, starts: Sequence[str], images: int) -> list[dict[str, Any]]:
    """One row for each start, image trained on and annotator."""
    rows = []
    for one in data.micrographs[:images]:
        trial = Trial(data, one, work, box)
        names = [other.name for other in trial.others]
        for start in starts:
            outcome = outcome_of(trial, start)
            for row in score_names(data, outcome, names, "others"):
                own = {"set": data.name, "start": start, "trained_on": one.name, "usage": outcome.usage}
                rows.append({**row, **own})
            print(f"{data.name}: {start}, trained on {one.name}: F1 {number(rows[-1]['f1'])}", flush=True)
    return rows


@dataclass(frozen=True)
class Trial:
    """A training on one image of a set, to be tested on all others."""

    data: RealSet
    one: Micrograph
    work: Path
    box: Box

    @property
    def others(self) -> tuple[Micrograph, ...]:
        """The images that are picked."""
        return tuple(other for other in self.data.micrographs if other != self.one)

    def place(self, recipe: Mapping[str, object]) -> Path:
        """The folder of the training with that recipe."""
        points = self.data.training_truth[self.one.name].points.tolist()
        settings = {"truth": points, "diameter": self.data.diameter, **recipe}
        key = measure.content_key([self.one.path, *(other.path for other in self.others)], settings)
        return self.work / "finetune" / f"{self.data.name}-{self.one.name}-{key}"


def outcome_of(trial: Trial, start: str) -> Outcome:
    """What a model that started so picks in the other images."""
    if start == BOX:
        options = ["--start", trial.box.model or "default"]
        return trained(trial, trial.place({"model": trial.box.key}), ["micrographs", *options])
    if start == OWN:
        return trained(trial, trial.place({}), ["micrographs"])
    outcome_of(trial, BOX)
    recipe = without_start(trial.place({"model": trial.box.key}) / "run" / "recipe.yaml")
    out = trial.place({"recipe": recipe.read_text()})
    return trained(trial, out, [recipe])


def without_start(written: Path) -> Path:
    """The recipe of a training that started from a model, but for the model, beside its run."""
    recipe = yaml.safe_load(written.read_text())
    recipe.pop("start")
    path = written.parent.parent / "from_random_weights.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def trained(trial: Trial, out: Path, recipe: Sequence[object]) -> Outcome:
    """Train and pick by the command line, or read what an earlier call left."""
    done = measure.load_done(out)
    if done is None:
        shutil.rmtree(out, ignore_errors=True)
        motes_folds.stage(out / "train", [trial.one], trial.data.training_truth)
        usage = {"train": train(trial, out, recipe)}
        usage["pick"] = motes_folds.pick(trial.others, out, motes_folds.Settings((), trial.box.threads))
        done = measure.save_done(out, usage)
    return picked(out / "picked", trial.others, out / "run" / "model.safetensors", [done["usage"]])


def train(trial: Trial, out: Path, recipe: Sequence[object]) -> measure.Usage:
    """Run `motes train` into out/run."""
    options = ["--images", out / "train/images", "--picks", out / "train/picks", "--out", out / "run"]
    options += ["--diameter", f"{trial.data.diameter:g}px", "--threads", trial.box.threads]
    return measure.run([*MOTES, "train", *recipe, *options], out / "train.log", trial.box.threads)


def finetune_table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: for each set, annotator and start the mean F1 over the images trained on."""
    heading = "set | truth | start | trainings | F1, mean (lowest to highest) | ahead of it (95 %) | seconds"
    lines = [f"| {heading} |", "|" + "---|" * 7]
    for name, truth, start in dict.fromkeys((row["set"], row["truth"], row["start"]) for row in rows):
        own = {row["trained_on"]: row for row in rows if is_of(row, name, truth, start)}
        box = {row["trained_on"]: row for row in rows if is_of(row, name, truth, BOX)}
        f1 = [row["f1"] or 0.0 for row in own.values()]
        seconds = np.mean([row["usage"][0]["train"]["seconds"] for row in own.values()])
        spread = f"{np.mean(f1):.3f} ({min(f1):.3f} to {max(f1):.3f})"
        ahead = "" if start == BOX else difference(box, own)
        lines.append(f"| {name} | {truth} | {start} | {len(f1)} | {spread} | {ahead} | {seconds:.0f} |")
    return "\n".join(lines)


def is_of(row: dict[str, Any], name: str, truth: str, start: str) -> bool:
    """Whether a row is of that set, annotator and start."""
    return (row["set"], row["truth"], row["start"]) == (name, truth, start)


def difference(box: dict[str, Any], other: dict[str, Any]) -> str:
    """How much higher the F1 from the model in the box is, in pairs trained on the same image."""
    pairs = [(box[name]["f1"] or 0.0) - (row["f1"] or 0.0) for name, row in other.items() if name in box]
    if len(pairs) < 2:
        return " ".join(f"{value:+.3f}" for value in pairs)
    values = np.array(pairs)
    low, high = percentile_interval(resample_images(len(pairs), 1000, seed=0) @ values / len(pairs))
    return f"{values.mean():+.3f} ({low:+.3f} to {high:+.3f})"
