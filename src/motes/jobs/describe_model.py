"""What the file of a trained model says beside its weights."""

from pathlib import Path

from motes.jobs.fine_tuning import Start, threshold_note
from motes.jobs.parts import Parts
from motes.jobs.run_record import versions
from motes.jobs.training_worlds import trained_on_worlds
from motes.nets.model_file import ModelDescription, TrainedOn
from motes.picking.outlining import Outlining
from motes.picking.thresholds import FittedThreshold
from motes.recipe import Recipe


def describe(
    recipe: Recipe,
    parts: Parts,
    fitted: dict[str, FittedThreshold],
    start: Start | None,
    outlining: Outlining | None,
) -> ModelDescription:
    """What the model file says beside its weights: no times and no paths."""
    unit = parts.lengths[0].unit if parts.lengths else "px"
    return ModelDescription(
        net=recipe.net,
        classes=recipe.class_names,
        diameters=[length.value for length in parts.lengths],
        diameter_unit=unit,
        working_diameter=recipe.scale.diameter,
        working_pixel_size=recipe.scale.pixel_size,
        normalisation=recipe.normalisation,
        picking=recipe.picking,
        splitting=None if outlining is None else outlining.splitting,
        keeping=None if outlining is None else outlining.keeping,
        thresholds={name: round(each.threshold, 6) for name, each in fitted.items()},
        threshold_note=threshold_note(recipe, parts, fitted.values(), start),
        trained_on=trained_on_worlds(recipe, parts) if recipe.worlds.use else trained_on(parts),
        started_from=None if start is None else start.origin,
        recipe=recipe.model_dump(mode="json") | _without_folders(recipe),
        versions=versions(),
    )


def trained_on(parts: Parts) -> list[TrainedOn]:
    """The images of a run, each with its hash."""
    validation = [] if parts.validation is parts.train else parts.validation
    return [
        TrainedOn(image=p.name, sha256=p.sha256, particles=p.particles, part=part)
        for part, images in (("train", parts.train), ("validation", validation))
        for p in images
    ]


def _without_folders(recipe: Recipe) -> dict[str, str | None]:
    files = {"encoder_weights": recipe.encoder_weights, "start": recipe.start}
    return {field: None if file is None else Path(file).name for field, file in files.items()}
