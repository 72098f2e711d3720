"""The tables of a run: what it cost, its metrics by epoch, and its files."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from motes.figures.pages import METRIC_NAMES, shown

PIXEL_METRICS = ("pixel_precision", "pixel_recall", "pixel_f1", "pixel_iou", "pixel_auc")
MOST_EPOCHS = 12

Row = Mapping[str, Any]


def cost_rows(cost: Mapping[str, Any], epochs: Sequence[Row]) -> list[tuple[str, str]]:
    """What the training cost and what the model will: (what, how much).

    cost: of RUN/summary.json. epochs: rows of metrics.jsonl.
    """
    seconds = [row["seconds"] for row in epochs if row.get("seconds")]
    waiting = [row["waiting"] for row in epochs if row.get("waiting") is not None]
    rows = [
        ("parameters", f"{cost['parameters']:,}"),
        (f"operations of one forward pass, {_size(cost['crop'])} px", f"{quantity(cost['operations'])}FLOP"),
        (f"time to predict one image, {_size(cost['image'])} px", duration(cost["seconds_per_image"])),
        ("peak memory", f"{quantity(cost['peak_memory'])}B"),
        ("device", f"{cost['device']}, {cost['threads']} {'thread' if cost['threads'] == 1 else 'threads'}"),
    ]
    if seconds:
        rows.insert(2, ("time of one epoch, validation not counted (median)", duration(median(seconds))))
    if waiting:
        rows.insert(3, ("of that, waiting for data", f"{100 * median(waiting):.1f} %"))
    return rows


def metric_rows(epochs: Sequence[Row], best: int | None) -> list[tuple[int, bool, list[str]]]:
    """Epoch, whether it is the best, and the PIXEL_METRICS of validated epochs; of many, a few with the best."""
    validated = [row for row in epochs if "pixel_f1" in row]
    return [
        (int(row["epoch"]), row["epoch"] == best, [shown(row.get(metric)) for metric in PIXEL_METRICS])
        for row in thinned(validated, best)
    ]


def thinned(rows: Sequence[Row], best: int | None) -> list[Row]:
    """At most MOST_EPOCHS rows, evenly spread, among them the first, the last, and that of the best epoch."""
    if len(rows) <= MOST_EPOCHS:
        return list(rows)
    places = [place for place, row in enumerate(rows) if row["epoch"] == best]
    steps = MOST_EPOCHS - 1 - len(places)
    kept = {round(step * (len(rows) - 1) / steps) for step in range(steps + 1)}
    return [rows[place] for place in sorted(kept | set(places))]


def epochs_in_words(summary: Mapping[str, Any]) -> list[str]:
    """Which epoch was best, which one the model has, and why training ended early, if it did."""
    watched = METRIC_NAMES.get(summary["watched"], summary["watched"])
    best = f"{watched} {shown(summary['best'].get(summary['watched']))}"
    sentences = [f"The best of the validated epochs is {summary['best_epoch']:g} ({best})."]
    if summary["model_epoch"] == summary["best_epoch"]:
        sentences.append("The model has the weights of that epoch.")
    else:
        sentences.append(
            f"The model has the weights of epoch {summary['model_epoch']}; with training.keep=best it would have "
            "those of the best."
        )
    if summary["stopped"]:
        sentences.append(f"Training ended early, after epoch {summary['epochs']}: {summary['stopped']}.")
    return sentences


def duration(seconds: float) -> str:
    """'0.12 s', '35 s', '12 min', '3.2 h'."""
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min")):
        if seconds < limit:
            return (
                f"{seconds / divisor:.2g} {unit}"
                if seconds / divisor < 10
                else f"{seconds / divisor:.0f} {unit}"
            )
    return f"{seconds / 3600:.1f} h"


def quantity(number: float) -> str:
    """A number with a decimal prefix: '245 G', '1.23 M', '12 '."""
    for power, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if number >= 10**power:
            return f"{number / 10**power:.3g} {prefix}"
    return f"{number:g} "


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
