"""The page that a training run leaves behind, in the order in which a biologist asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motes.figures.examples import Example, f1_of, view
from motes.figures.methods import cited, method_paragraphs
from motes.figures.pages import counted, shown, write_page
from motes.figures.plots import learning_curves, precision_recall
from motes.nets.model_file import ModelDescription
from motes.picking.thresholds import FittedThreshold
from motes.recipe import Recipe
from motes.score.metrics import Counts, Curve
from motes.train.validate import summary

MOST_EXAMPLES = 3


@dataclass(frozen=True)
class TrainingReport:
    """All that the page tells.

    epochs: rows of metrics.jsonl. curve: precision and recall on the validation images. examples: of which
    the worst are shown. failures: name and reason of each image that was left out. command: what to type to
    do it again.
    """

    recipe: Recipe
    description: ModelDescription
    epochs: Sequence[Mapping[str, Any]]
    curve: Curve
    fitted: FittedThreshold
    examples: Sequence[Example]
    failures: Sequence[tuple[str, str]]
    command: str

    @property
    def validated(self) -> bool:
        """Whether validation images were kept apart; otherwise the training images served for both."""
        return any(image.part == "validation" for image in self.description.trained_on)


def write_training_report(path: Path, report: TrainingReport) -> None:
    """Write the page as one HTML file; OutputError where it cannot be written."""
    method = method_paragraphs(report.recipe, report.description, report.fitted)
    write_page(
        path,
        "training_report.html",
        title=f"Training report: {report.recipe.name}",
        answer=answer(report),
        caveats=caveats(report),
        parts=part_rows(report.description),
        trained_on=report.description.trained_on,
        failures=report.failures,
        learning=learning_curves(report.epochs) if report.epochs else "",
        effort=_effort(report.epochs),
        precision_recall=precision_recall(report.curve, report.fitted.threshold),
        counts=counts_at(report.curve, report.fitted.threshold),
        fitted=report.fitted,
        average_precision=summary(report.curve)["average_precision"],
        examples=[view(example) for example in worst_first(report.examples)[:MOST_EXAMPLES]],
        method=method,
        references=cited(method),
        recipe=report.recipe.as_yaml(),
        versions=report.description.versions,
        command=report.command,
    )


def answer(report: TrainingReport) -> str:
    """One sentence: how well it picks, and on what that was seen."""
    part = "validation" if report.validated else "train"
    images = [image for image in report.description.trained_on if image.part == part]
    particles = sum(image.particles for image in images)
    kind = "validation" if report.validated else "training"
    where = f"{counted(len(images), f'{kind} image')} with {counted(particles, 'marked particle')}"
    fitted = report.fitted
    if fitted.precision is None or fitted.recall is None:
        return f"How well this model picks could not be measured on {where}: {fitted.note}."
    return (
        f"On {where}, this model finds {100 * fitted.recall:.0f} % of the particles, and "
        f"{100 * fitted.precision:.0f} % of its picks are right (F1 {shown(fitted.f1)})."
    )


def caveats(report: TrainingReport) -> list[str]:
    """What the reader must know to trust that sentence as far as it goes, and no further."""
    if report.validated:
        first = (
            "The net was not trained on these images, but the threshold was fitted on them: on new images "
            "expect slightly less, and score a few that took no part (motes score)."
        )
    else:
        first = (
            "No labelled image was kept for validation, so these numbers come from the very images that "
            "the net was trained on and look better than they are. Label another image, and train again."
        )
    return [first, *([f"About the threshold: {report.fitted.note}."] if report.fitted.note else [])]


def part_rows(description: ModelDescription) -> list[tuple[str, int, int]]:
    """Part, number of images and number of particles, training first."""
    rows = []
    for part, title in (("train", "training"), ("validation", "validation")):
        images = [image for image in description.trained_on if image.part == part]
        rows.append((title, len(images), sum(image.particles for image in images)))
    return rows


def counts_at(curve: Curve, threshold: float) -> Counts:
    """What the picks with score >= threshold find, find wrongly and miss."""
    reached = int(np.count_nonzero(curve.thresholds >= threshold))
    if not reached:
        return Counts(0, 0, curve.truth)
    found = int(curve.true_positives[reached - 1])
    return Counts(found, int(curve.false_positives[reached - 1]), curve.truth - found)


def worst_first(examples: Sequence[Example]) -> list[Example]:
    """The examples by rising F1; those that have none come last."""
    values = {id(e): f1_of(e.picks, e.truth, e.diameter) for e in examples}
    return sorted(examples, key=lambda e: (np.isnan(values[id(e)]), values[id(e)]))


def _effort(epochs: Sequence[Mapping[str, Any]]) -> str:
    """How long the training took, validation not counted."""
    seconds = sum(row.get("seconds") or 0 for row in epochs)
    time = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
    return f"{counted(len(epochs), 'epoch')} in {time}"
