"""Training that starts from a model: its weights, its threshold where none can be fitted, what is kept of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from motes.jobs.parts import Parts
from motes.nets.model_file import Model, StartedFrom, load_model, model_path, started_from
from motes.picking.calibration import uncalibrated
from motes.picking.thresholds import FittedThreshold, fit_threshold, parse_goal
from motes.recipe import Recipe
from motes.recipe_file import check_against_start
from motes.score.metrics import Curve

OF_MARKED = "recall is of the marked particles; where not all are marked, precision is not known"


@dataclass(frozen=True)
class Start:
    """A model that training starts from, and how it is recorded."""

    model: Model
    origin: StartedFrom

    @property
    def thresholds(self) -> list[float]:
        """By class, in order, for the scores of a net as they are: those of the new model are not calibrated."""
        described = self.model.description
        values = [described.thresholds[name] for name in described.classes]
        if described.calibration is None:
            return values
        return [uncalibrated(value, described.calibration) for value in values]


def read_start(recipe: Recipe) -> Start | None:
    """What a recipe starts from; None where it starts from random weights.

    Raises ModelError where that cannot be read, RecipeError where the recipe is not what its weights demand.
    """
    if recipe.start is None:
        return None
    start = Start(load_model(model_path(recipe.start)), started_from(recipe.start))
    check_against_start(recipe.model_dump(mode="json"))
    return start


def settle_thresholds(
    recipe: Recipe,
    parts: Parts,
    curves: Sequence[Curve],
    start: Start | None,
    fitting_curves: Sequence[Curve] | None = None,
) -> dict[str, FittedThreshold]:
    """The threshold of each class: fitted on the validation images, or that of the start where why_kept says so.

    curves: of each class on the validation images, which is what is told of a threshold. fitting_curves: those on
    which it is fitted, where these are of training images too.
    """
    why = why_kept(recipe, parts, start)
    if start is not None and why:
        note = _kept_in_words(start, why)
        found = [_kept(curve, value, note) for curve, value in zip(curves, start.thresholds, strict=True)]
    else:
        found = [fit_threshold(curve, recipe.threshold_goal) for curve in fitting_curves or curves]
        if fitting_curves:
            found = [_told_of(curve, _of_both(each)) for curve, each in zip(curves, found, strict=True)]
    if recipe.labels == "partial":
        found = [_of_marked(each) for each in found]
    return dict(zip(recipe.class_names, found, strict=True))


def why_kept(recipe: Recipe, parts: Parts, start: Start | None) -> str:
    """Why the threshold of the start serves better than one fitted here; empty where it does not.

    On partial labels a true pick that is not marked counts as false, so that only a goal of recall can be
    fitted. On images that were trained on every threshold looks good; that of the start was fitted on others.
    """
    if start is None:
        return ""
    if recipe.labels == "partial" and recipe.threshold_goal.name != "recall":
        return "not every particle is marked, so precision is not known here"
    before = str(start.model.description.recipe.get("goal", "f1"))
    if parts.validation is parts.train and parse_goal(before) == recipe.threshold_goal:
        return "there is no particle to validate on but those trained on"
    return ""


def threshold_note(
    recipe: Recipe, parts: Parts, fitted: Iterable[FittedThreshold], start: Start | None
) -> str:
    """Where the thresholds of a model come from, for its file."""
    notes = list(dict.fromkeys(each.note for each in fitted if each.note))
    if not why_kept(recipe, parts, start):
        same = parts.validation is parts.train
        where = "the training images themselves" if same else f"{len(parts.validation)} validation images"
        beside = len(parts.to_fit_on) - len(parts.validation)
        if recipe.outlining is not None and beside:
            where += f" and {beside} training images"
        notes = [f"fitted for {recipe.goal} on {where}", *notes]
    return "; ".join(notes)


def _kept_in_words(start: Start, why: str) -> str:
    described = start.model.description
    scale = "" if described.calibration is None else ", brought to scores that are not calibrated"
    before = f"{start.origin.name}, which training started from ({described.threshold_note}){scale}"
    return f"the threshold is that of {before}, since {why}"


def _kept(curve: Curve, threshold: float, note: str) -> FittedThreshold:
    """A threshold from elsewhere, with what it gives on the curve."""
    return _told_of(curve, FittedThreshold(threshold, None, None, None, note, kept=True))


def _told_of(curve: Curve, fitted: FittedThreshold) -> FittedThreshold:
    """A threshold with what it gives on a curve."""
    reached = curve.reached(fitted.threshold)
    if not reached:
        note = fitted.note or "nothing in the validation images reaches it"
        return replace(fitted, precision=None, recall=0.0 if curve.truth else None, f1=None, note=note)
    found = (curve.precision[reached - 1], curve.recall[reached - 1], curve.f_beta()[reached - 1])
    precision, recall, f1 = (None if np.isnan(value) else float(value) for value in found)
    return replace(fitted, precision=precision, recall=recall, f1=f1)


def _of_both(found: FittedThreshold) -> FittedThreshold:
    """A threshold that was fitted on validation and training images, which its note is of."""
    note = f"{found.note} (of validation and training images together)" if found.note else ""
    return replace(found, note=note)


def _of_marked(found: FittedThreshold) -> FittedThreshold:
    """What is known of a threshold where not every particle is marked: its recall."""
    note = "; ".join(each for each in (found.note, OF_MARKED) if each)
    return replace(found, precision=None, f1=None, note=note)
