"""The page that a training run leaves behind, in the order in which a biologist asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motes.figures.examples import Example, mean_f1, view
from motes.figures.mask_examples import COLOURS, MaskExample, mask_view, mean_pixel_f1
from motes.figures.methods import (
    Course,
    Things,
    cited,
    distance_in_words,
    fitted_on_both,
    images_in_words,
    is_masked,
    method_paragraphs,
    things_counted,
)
from motes.figures.pages import counted, listed, shown, write_page
from motes.figures.plots import learning_curves, precision_recall
from motes.figures.run_tables import PIXEL_METRICS, cost_rows, duration, epochs_in_words, metric_rows
from motes.nets.model_file import ModelDescription, TrainedOn
from motes.picking.thresholds import FittedThreshold
from motes.recipe import Recipe
from motes.score.metrics import Counts, Curve
from motes.train.validate import summary

MOST_EXAMPLES = 3
MOST_ROWS = 1000  # of a table of images; RUN/data.csv has them all


@dataclass(frozen=True)
class ClassResult:
    """How well one class is found on the validation images.

    curve: precision and recall at every threshold, of what the report counts.
    """

    name: str
    curve: Curve
    fitted: FittedThreshold

    @property
    def counts(self) -> Counts:
        """What is found, found wrongly and missed at the fitted threshold."""
        return counts_at(self.curve, self.fitted.threshold)

    @property
    def average_precision(self) -> float | None:
        """None where it is not defined."""
        return summary(self.curve)["average_precision"]


@dataclass(frozen=True)
class TrainingReport:
    """All that the page tells.

    epochs: rows of metrics.jsonl. summary: what summary.json holds. classes: in the recipe's order. examples:
    of which the worst are shown; looked_at: how many images they were chosen from. failures: name and reason
    of each image that was left out. command: what to type to do it again.
    """

    recipe: Recipe
    description: ModelDescription
    epochs: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]
    classes: Sequence[ClassResult]
    examples: Sequence[Example] | Sequence[MaskExample]
    looked_at: int
    failures: Sequence[tuple[str, str]]
    command: str

    @property
    def validated(self) -> bool:
        """Whether validation images were kept apart; otherwise the training images served for both."""
        return any(image.part == "validation" for image in self.description.trained_on)

    @property
    def masked(self) -> bool:
        """Whether masks, not picks, are the truth."""
        return is_masked(self.description)

    @property
    def things(self) -> Things:
        """What precision and recall count."""
        return things_counted(self.recipe, self.description)

    @property
    def seen_on(self) -> list[TrainedOn]:
        """The images that the results are for."""
        part = "validation" if self.validated else "train"
        return [image for image in self.description.trained_on if image.part == part]

    @property
    def course(self) -> Course:
        """How the training went, for the method in words."""
        return Course(
            epochs=self.summary["epochs"],
            images=sum(image.part == "train" for image in self.description.trained_on),
            model_epoch=self.summary["model_epoch"],
            parameters=self.summary["cost"]["parameters"],
        )


def write_training_report(path: Path, report: TrainingReport) -> None:
    """Write the page as one HTML file; OutputError where it cannot be written."""
    fitted = {each.name: each.fitted for each in report.classes}
    method = method_paragraphs(report.recipe, report.description, fitted, report.course)
    write_page(
        path,
        "training_report.html",
        title=f"Training report: {report.recipe.name}",
        report=report,
        answer=answer(report),
        near=distance_in_words(report.recipe.match_distance),
        caveats=caveats(report),
        parts=part_rows(report.description),
        most_rows=MOST_ROWS,
        learning=_learning(report),
        effort=_effort(report.epochs),
        epochs_in_words=epochs_in_words(report.summary),
        metric_names=[metric.removeprefix("pixel_").replace("_", " ") for metric in PIXEL_METRICS],
        metrics=metric_rows(report.epochs, report.summary["best_epoch"]),
        costs=cost_rows(report.summary["cost"], report.epochs),
        plots=[
            (each, precision_recall(each.curve, each.fitted.threshold, report.things))
            for each in report.classes
        ],
        views=[_view(example) for example in worst_first(report.examples)[:MOST_EXAMPLES]],
        colours=COLOURS,
        method=method,
        references=cited(method),
    )


def answer(report: TrainingReport) -> str:
    """One sentence: how well it finds particles, and on what that was seen."""
    kind = "validation image" if report.validated else "training image"
    where = images_in_words(report.seen_on).replace("image", kind, 1)
    where = where.replace("particle", "marked particle")
    known = [each for each in report.classes if each.fitted.f1 is not None]
    if not known:
        notes = "; ".join(dict.fromkeys(each.fitted.note for each in report.classes))
        return f"How well this model does could not be measured on {where}: {notes}."
    if len(report.classes) > 1:
        return _answer_by_class(report, known, where)
    fitted = known[0].fitted
    precision, recall = _percent(fitted.precision), _percent(fitted.recall)
    found = {
        "picks": f"{recall} of the particles, and {precision} of its picks are right",
        "pixels": f"{recall} of the particles' pixels, and {precision} of the pixels that it finds are right",
        "objects": f"{recall} of the objects, and {precision} of those that it finds are right",
    }
    return f"On {where}, this model finds {found[report.things]} (F1 {shown(fitted.f1)})."


def _answer_by_class(report: TrainingReport, known: Sequence[ClassResult], where: str) -> str:
    values = listed([f"{shown(each.fitted.f1)} for {each.name}" for each in known])
    mean = sum(each.fitted.f1 or 0 for each in known) / len(known)
    others = [each.name for each in report.classes if each not in known]
    unknown = f"; for {listed(others)} it is not defined" if others else ""
    of_pixels = " of pixels" if report.things == "pixels" else ""
    return f"On {where}, F1{of_pixels} is {values}, {shown(mean)} on average{unknown}."


def _percent(share: float | None) -> str:
    return "undefined" if share is None else f"{100 * share:.0f} %"


def caveats(report: TrainingReport) -> list[str]:
    """What the reader must know to trust that sentence as far as it goes, and no further."""
    if report.validated:
        beside = " and on training images" if fitted_on_both(report.recipe, report.description) else ""
        first = (
            f"The net was not trained on these images, but the threshold was fitted on them{beside}: on new images "
            "expect slightly less, and score a few that took no part (motes score)."
        )
    else:
        first = (
            "No labelled image was kept for validation, so these numbers come from the very images that "
            "the net was trained on and look better than they are. Label another image, and train again."
        )
    several = len(report.classes) > 1
    notes = [
        f"About the threshold{f' for {each.name}' if several else ''}: {each.fitted.note}."
        for each in report.classes
        if each.fitted.note
    ]
    return [first, *notes]


def part_rows(description: ModelDescription) -> list[tuple[str, int, int | None]]:
    """Part, number of images and number of particles, None where masks are the truth; training first."""
    rows: list[tuple[str, int, int | None]] = []
    for part, title in (("train", "training"), ("validation", "validation")):
        images = [image for image in description.trained_on if image.part == part]
        particles = None if is_masked(description) else sum(image.particles or 0 for image in images)
        rows.append((title, len(images), particles))
    return rows


def counts_at(curve: Curve, threshold: float) -> Counts:
    """What has a score >= threshold: found, found wrongly; and what is missed."""
    reached = curve.reached(threshold)
    if not reached:
        return Counts(0, 0, curve.truth)
    found = int(curve.true_positives[reached - 1])
    return Counts(found, int(curve.false_positives[reached - 1]), curve.truth - found)


def worst_first(examples: Sequence[Example] | Sequence[MaskExample]) -> list[Example | MaskExample]:
    """The examples by rising mean F1 over classes; those that have none come last."""
    values = {id(each): _f1(each) for each in examples}
    return sorted(examples, key=lambda each: (np.isnan(values[id(each)]), values[id(each)]))


def _f1(example: Example | MaskExample) -> float:
    return mean_f1(example.classes) if isinstance(example, Example) else mean_pixel_f1(example.classes)


def _view(example: Example | MaskExample) -> Any:
    return view(example) if isinstance(example, Example) else mask_view(example)


def _learning(report: TrainingReport) -> str:
    """The learning curves: what was watched, and a second metric beside it."""
    if not report.epochs:
        return ""
    watched = str(report.summary["watched"])
    usual = ("pixel_f1", "pixel_iou") if report.things == "pixels" else ("best_f1", "average_precision")
    beside = next(metric for metric in usual if metric != watched)
    return learning_curves(report.epochs, [watched, beside], report.summary["best_epoch"])


def _effort(epochs: Sequence[Mapping[str, Any]]) -> str:
    """How long the training took, validation not counted."""
    return f"{counted(len(epochs), 'epoch')} in {duration(sum(row.get('seconds') or 0 for row in epochs))}"
