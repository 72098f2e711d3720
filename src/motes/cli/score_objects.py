"""motes score, of label images: what comes out, as tables."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motes.jobs.score_objects import ObjectKind
    from motes.score.label_report import LabelReport

MOST_ROWS = 20
ENDS = ("", "_low", "_high")

# What is shown at IoU 0.5, by key: its name for people.
WITH_INTERVALS = {
    "f1_50": "F1 at IoU 0.5",
    "precision_50": "precision at IoU 0.5",
    "recall_50": "recall at IoU 0.5",
    "accuracy_50": "TP / (TP + FP + FN) at IoU 0.5",
    "panoptic_quality_50": "panoptic quality at IoU 0.5",
    "mean_matched_score_50": "mean IoU of the pairs",
    "average_precision_50": "average precision at IoU 0.5",
    "mean_average_precision": "mean of these, IoU 0.5 to 0.95",
    "macro_f1_50": "F1 at IoU 0.5, mean over images",
    "macro_data_science_bowl": "score of the Data Science Bowl 2018",
    "pixel_iou": "pixels: IoU (Jaccard)",
    "pixel_dice": "pixels: Dice (F1)",
    "pixel_precision": "pixels: precision",
    "pixel_recall": "pixels: recall",
    "pixel_kappa": "pixels: Cohen's kappa",
}
OVER_IOU = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "TP / (TP + FP + FN)",
    "panoptic_quality": "panoptic quality",
    "mean_matched_score": "mean IoU",
    "average_precision": "average precision",
}
COUNTS = {
    "count_bias": "bias, objects an image",
    "count_lower_limit": "lower limit of agreement",
    "count_upper_limit": "upper limit of agreement",
    "count_concordance": "Lin's concordance",
    "count_total_error": "error of the total",
    "count_mean_absolute_error": "mean absolute error, objects an image",
}
SIZES = {
    "diameter_mean_bias": "all: mean diameter",
    "diameter_median_bias": "all: median diameter",
    "diameter_wasserstein": "all: Wasserstein distance",
    "diameter_kolmogorov_smirnov": "all: Kolmogorov-Smirnov (0 to 1)",
    "matched_diameter_bias": "pairs: bias",
    "matched_diameter_lower_limit": "pairs: lower limit of agreement",
    "matched_diameter_upper_limit": "pairs: upper limit of agreement",
    "matched_diameter_mean_absolute_error": "pairs: mean absolute error",
}
SPACE = {
    "nearest_neighbour_found": "nearest neighbour, found, px (median)",
    "nearest_neighbour_true": "nearest neighbour, true, px (median)",
    "macro_clark_evans_found": "Clark-Evans, found (1: at random)",
    "macro_clark_evans_true": "Clark-Evans, true",
    "macro_ripley_difference": "greatest difference of Ripley's L, px",
}
IMAGES = (
    "f1_50",
    "pixel_iou",
    "objects_found",
    "objects_true",
    "true_positives",
    "false_positives",
    "false_negatives",
)


def score_labels(
    found: str,
    truth: str,
    kind: "ObjectKind",
    threshold: float | None,
    *,
    raters: bool,
    volumes: bool,
    pictures: Path | None,
    table: Path | None,
    as_json: bool,
) -> None:
    """Score label images and show what comes out."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.object_files import write_rows
    from motes.jobs.score_objects import ObjectOptions, save_pictures, score_label_images

    options = ObjectOptions(kind, threshold, raters, volumes)
    report = score_label_images(found, truth, options, Terminal())
    if table is not None:
        write_rows(table, report.per_image)
    if pictures is not None:
        save_pictures(pictures, report)
    if as_json:
        OUT.print(json.dumps(report.as_dict()), markup=False)
    else:
        _show(report)


def _show(report: "LabelReport") -> None:
    from motes.cli.console import show_table
    from motes.score.label_report import symmetrical

    values, rows = report.as_dict(), report.per_image

    def keys(names: Sequence[str]) -> list[str]:
        """As they are called in the report, without those that it does not hold."""
        called = symmetrical(dict.fromkeys(names)) if report.raters else names
        return [name for name in called if name in values or name in rows[0]]

    def shown(title: str, names: dict[str, str]) -> None:
        """A table of values with intervals where there are any."""
        labels = {keys([key])[0]: name for key, name in names.items() if keys([key])}
        lines = [
            [_between(name, report), *(values.get(key + end) for end in ENDS)] for key, name in labels.items()
        ]
        show_table(title, ["", "value", "low", "high"], lines)

    percents = [round(100 * at) for at in report.objects.images[0].thresholds]
    columns = [name for name in OVER_IOU if keys([f"{name}_{percents[0]}"])]
    lines = [[f"{at / 100:.2f}", *(values[f"{name}_{at}"] for name in columns)] for at in percents]
    show_table(
        "objects, by the IoU that a pair has to reach", ["IoU", *(OVER_IOU[each] for each in columns)], lines
    )
    shown("objects and pixels (95 % interval over images)", WITH_INTERVALS)
    difference = "a - b" if report.raters else "found - true"
    shown(f"counts ({difference}; 95 % interval)", COUNTS)
    shown(f"sizes ({difference}, px; 95 % interval over images)", SIZES)
    shown("space (95 % interval over images)", SPACE)
    totals = [[key, value] for key, value in values.items() if isinstance(value, int)]
    show_table("totals", ["", "value"], totals)
    chosen = ["image", *keys(IMAGES)]
    show_table("images, worst first", chosen, [[row[key] for key in chosen] for row in rows[:MOST_ROWS]])


def _between(name: str, report: "LabelReport") -> str:
    """The name of a value, in the words for two raters where there are two."""
    if not report.raters:
        return name
    for one, other in (("bias", "difference"), ("error", "difference"), ("found", "a"), ("true", "b")):
        name = name.replace(one, other)
    return name
