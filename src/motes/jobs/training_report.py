"""The page at the end of a training: the worst validation images are predicted once more, and shown."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from motes.figures.examples import Example, f1_of
from motes.figures.report import MOST_EXAMPLES, TrainingReport, write_training_report
from motes.jobs.prepare import Prepared
from motes.nets.model_file import Model
from motes.picking.thresholds import FittedThreshold
from motes.picks import Picks
from motes.predict.maps import probability_maps
from motes.recipe import check_recipe
from motes.train.validate import Validator

if TYPE_CHECKING:
    from motes.jobs.train import Parts, TrainingData

REPORT = "report.html"


def leave_report(
    run: Path,
    data: "TrainingData",
    parts: "Parts",
    model: Model,
    validator: Validator,
    candidates: Sequence[Picks],
    fitted: FittedThreshold,
) -> None:
    """Write RUN/report.html, with what was found in each validation image; OutputError where it cannot be written."""
    report = TrainingReport(
        recipe=check_recipe(model.description.recipe),
        description=model.description,
        epochs=read_metrics(run),
        curve=validator.curve_of(candidates),
        fitted=fitted,
        examples=worst_examples(model, validator, parts.validation, candidates, fitted.threshold),
        failures=[(failure.name, failure.reason) for failure in parts.failures],
        command=repeat_command(run, data),
    )
    write_training_report(run / REPORT, report)


def worst_examples(
    model: Model,
    validator: Validator,
    validation: Sequence[Prepared],
    candidates: Sequence[Picks],
    threshold: float,
) -> list[Example]:
    """The validation images with the lowest F1 at the threshold, with their maps; lowest first."""
    found = [picks.above(threshold) for picks in candidates]
    f1 = [
        f1_of(picks, Picks(image.labelled.points), validator.diameter)
        for picks, image in zip(found, validation, strict=True)
    ]
    order = np.argsort(f1, kind="stable")[:MOST_EXAMPLES]  # nan, an image without anything, comes last
    return [_example(model, validator, validation[i], found[i]) for i in order]


def _example(model: Model, validator: Validator, image: Prepared, picks: Picks) -> Example:
    data = image.labelled.data
    maps = probability_maps(model.net, validator.net, data, precision=validator.precision)
    return Example(
        name=image.name,
        data=data,
        probability=maps[0],
        picks=picks,
        truth=Picks(image.labelled.points),
        diameter=validator.diameter,
    )


def read_metrics(run: Path) -> list[dict[str, float | None]]:
    """The rows of RUN/metrics.jsonl, one for each epoch."""
    path = run / "metrics.jsonl"
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def repeat_command(run: Path, data: "TrainingData") -> str:
    """What to type to train the same recipe on the same data into another folder."""
    words = ["motes", "train", str(run / "recipe.yaml")]
    for source in data.images:
        words += ["--images", source]
    words += ["--picks", data.picks]
    for source in data.validation_images:
        words += ["--validation-images", source]
    if data.validation_picks is not None:
        words += ["--validation-picks", data.validation_picks]
    words += [] if data.check_flips else ["--no-orientation-check"]
    return shlex.join([*words, "--out", f"{run}-again"])
