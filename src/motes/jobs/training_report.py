"""The page at the end of a training: the worst validation images are predicted once more, and shown."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from motes.data.crops import Labelled
from motes.data.sources import DataSource
from motes.figures.examples import ClassPicks, Example, cut_example, mean_f1
from motes.figures.mask_examples import MaskExample, Regions, mean_pixel_f1
from motes.figures.report import MOST_EXAMPLES, ClassResult, TrainingReport, write_training_report
from motes.jobs.cost import SUMMARY
from motes.jobs.parts import Parts, Prepared, spread
from motes.jobs.run_record import METRICS, read_lines
from motes.nets.model_file import Model
from motes.picking.thresholds import FittedThreshold
from motes.recipe_file import check_recipe
from motes.train.validate import Seen, Validator, is_class, true_picks

if TYPE_CHECKING:
    from motes.jobs.train import TrainingData

REPORT = "report.html"
LOOKED_AT = 12  # validation images with masks that the worst are chosen from; each is predicted once more


def leave_report(
    run: Path,
    data: "TrainingData",
    parts: Parts,
    model: Model,
    validator: Validator,
    seen: Seen,
    fitted: Mapping[str, FittedThreshold],
) -> None:
    """Write RUN/report.html; RUN/summary.json must be there.

    seen: what the net gave on the validation images. fitted: the threshold of each class. OutputError where it
    cannot be written.
    """
    outlining = validator.outlining
    thresholds = [
        fitted[name].threshold if outlining is None else outlining.splitting.threshold
        for name in validator.classes
    ]
    examples: Sequence[Example] | Sequence[MaskExample]
    if parts.masked:
        looked_at = spread(parts.validation, LOOKED_AT)
        examples = worst_masks(model, validator, looked_at, thresholds)
    else:
        looked_at = parts.validation
        examples = worst_picks(model, validator, looked_at, seen, thresholds)
    report = TrainingReport(
        recipe=check_recipe(model.description.recipe),
        description=model.description,
        epochs=read_lines(run / METRICS),
        summary=read_summary(run),
        classes=[
            ClassResult(name, validator.curve(seen, number), fitted[name])
            for number, name in enumerate(validator.classes)
        ],
        examples=examples,
        looked_at=len(looked_at),
        failures=[(failure.name, failure.reason) for failure in parts.failures],
        command=repeat_command(run, data),
    )
    write_training_report(run / REPORT, report)


def worst_picks(
    model: Model,
    validator: Validator,
    validation: Sequence[Prepared],
    seen: Seen,
    thresholds: Sequence[float],
) -> list[Example]:
    """The validation images with the lowest mean F1 over classes, with their maps; lowest first."""
    found = [
        [
            ClassPicks(name, by_image[place].above(threshold), true_picks(image.labelled, number), diameter)
            for number, (name, by_image, threshold, diameter) in enumerate(
                zip(validator.classes, seen.picks, thresholds, validator.diameters, strict=True)
            )
        ]
        for place, image in enumerate(validation)
    ]
    f1 = [mean_f1(classes) for classes in found]
    worst = np.argsort(f1, kind="stable")[:MOST_EXAMPLES]  # nan, an image without anything, comes last
    examples = []
    for place in worst:
        data = whole(validation[place].labelled)
        maps = validator.maps(model.net, data)
        examples.append(cut_example(validation[place].name, data, maps, found[place]))
    return examples


def worst_masks(
    model: Model, validator: Validator, images: Sequence[Prepared], thresholds: Sequence[float]
) -> list[MaskExample]:
    """Of some images, those with the lowest mean F1 of pixels over classes; lowest first.

    No more than MOST_EXAMPLES + 1 of them are in memory at a time.
    """
    worst: list[tuple[float, MaskExample]] = []
    for image in images:
        data = whole(image.labelled)
        maps = validator.maps(model.net, data)
        truth = validator.true_classes(image.labelled)
        classes = [
            _regions(name, found >= threshold, is_class(truth, number, len(maps)))
            for number, (name, found, threshold) in enumerate(
                zip(validator.classes, maps, thresholds, strict=True)
            )
        ]
        f1 = mean_pixel_f1(classes)
        worst.append((f1, MaskExample(image.name, data, maps.max(axis=0), classes)))
        worst = sorted(worst, key=lambda each: (np.isnan(each[0]), each[0]))[:MOST_EXAMPLES]
    return [example for _, example in worst]


def _regions(name: str, found: NDArray[np.bool_], truth: NDArray[np.int8]) -> Regions:
    return Regions(name, found, truth == 1, truth >= 0)


def whole(image: Labelled) -> NDArray[np.float32]:
    """All pixels of an image, ([z,] y, x)."""
    return np.asarray(image.data[(slice(None),) * image.data.ndim], dtype=np.float32)


def read_summary(run: Path) -> dict[str, Any]:
    """What RUN/summary.json holds."""
    summary: dict[str, Any] = json.loads((run / SUMMARY).read_text(encoding="utf-8"))
    return summary


def repeat_command(run: Path, data: "TrainingData") -> str:
    """What to type to train the same recipe on the same data into another folder.

    Several sets of images are named by their table.
    """
    words = ["motes", "train", str(run / "recipe.yaml")]
    if data.table is not None:
        words += ["--data", str(data.table)]
    else:
        for source in data.sources:
            words += _source_words(source)
    words += [] if data.check_flips else ["--no-orientation-check"]
    return shlex.join([*words, "--out", f"{run}-again"])


def _source_words(source: DataSource) -> list[str]:
    prefix = "--validation-" if source.part == "validation" else "--"
    images = [word for image in source.images for word in (f"{prefix}images", image)]
    return [*images, f"{prefix}{'picks' if source.masks is None else 'masks'}", source.labels]
