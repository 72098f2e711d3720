"""The objects of many label images, scored: each image, all together, means over images, and intervals."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.errors import InputError
from motes.score.instances import (
    METRICS,
    PIXEL_METRICS,
    THRESHOLDS,
    Labels,
    Overlaps,
    count_objects,
    data_science_bowl,
    find_overlaps,
    object_metrics,
    pixel_metrics,
    rank_objects,
)
from motes.score.metrics import Ranked, average_precision, precision_recall_curve
from motes.score.scores import Row, Value
from motes.score.statistics import (
    percentile_interval,
    resample_images,
    resampled_average_precision,
    resampled_mean,
)


@dataclass(frozen=True)
class ObjectImage:
    """One image: its overlaps, and at each threshold (t,) what follows from them.

    table: (t, 4) true positives, false positives, false negatives, sum of the IoU of the matched pairs. bowl: the
    score of the Data Science Bowl. ranked: the objects by confidence at each threshold, None without confidences.
    """

    name: str
    overlaps: Overlaps
    thresholds: tuple[float, ...]
    table: NDArray[np.float64]
    bowl: float
    ranked: tuple[Ranked, ...] | None

    def values(self) -> dict[str, float]:
        """Every metric of this image alone, by its name (f1_50: F1 at IoU 0.5); nan where it is not defined."""
        own = _named(object_metrics(self.table), self.thresholds)
        own |= {name: float(value) for name, value in pixel_metrics(_pixel_row(self)).items()}
        own["data_science_bowl"] = self.bowl
        if self.ranked is not None:
            areas = [average_precision(precision_recall_curve([ranked])) for ranked in self.ranked]
            own |= _named({"average_precision": np.array(areas)}, self.thresholds)
            own["mean_average_precision"] = float(np.mean(areas))
        return own


@dataclass(frozen=True)
class ObjectReport:
    """The scores of a set of images, by name.

    micro: of all objects together. macro: means over the images where a metric is defined. Of the score of the
    Data Science Bowl there is only the macro form.
    """

    images: tuple[ObjectImage, ...]
    micro: Mapping[str, Value]
    macro: Mapping[str, Value]

    def as_dict(self) -> dict[str, int | float | None]:
        """Give one flat dictionary for JSON: micro plain, macro with macro_, ends of intervals _low and _high.

        undefined_<metric>_images counts the images that the macro mean leaves out.
        """
        flat: dict[str, int | float | None] = {"images": len(self.images), **_count_columns(self.images)}
        for prefix, values in (("", self.micro), ("macro_", self.macro)):
            for name, value in values.items():
                flat[prefix + name] = _none_if_nan(value.value)
                flat[f"{prefix}{name}_low"] = _none_if_nan(value.low)
                flat[f"{prefix}{name}_high"] = _none_if_nan(value.high)
        rows = [image.values() for image in self.images]
        undefined = {name: sum(math.isnan(row[name]) for row in rows) for name in self.macro}
        return {**flat, **{f"undefined_{name}_images": count for name, count in undefined.items() if count}}

    @property
    def per_image(self) -> list[Row]:
        """One row an image with what holds at the first threshold, the worst F1 first; undefined ones last."""
        first = self.images[0].thresholds[0]
        wanted = [_key(name, first) for name in (*METRICS, "average_precision")]
        wanted += [*PIXEL_METRICS, "data_science_bowl", "mean_average_precision"]
        rows: list[Row] = []
        for image in sorted(self.images, key=_badness):
            own = image.values()
            values = {name: _none_if_nan(own[name]) for name in wanted if name in own}
            rows.append({"image": image.name, **values, **_count_columns([image])})
        return rows


def score_objects(
    name: str,
    found: Labels,
    truth: Labels,
    confidences: Mapping[int, float] | None = None,
    thresholds: Sequence[float] = THRESHOLDS,
) -> ObjectImage:
    """Score the objects of one image.

    found, truth: label images as find_overlaps takes them. confidences: of each label found; further labels are
    passed over. Raises InputError as find_overlaps does, and where a label has no confidence.
    """
    overlaps = find_overlaps(found, truth)
    ranked = None
    if confidences is not None:
        lost = [label for label in overlaps.found.tolist() if label not in confidences]
        if lost:
            raise InputError(f"{name}: object {lost[0]} has no confidence; give one for every label, or none")
        sure = np.array([confidences[label] for label in overlaps.found.tolist()], dtype=np.float64)
        ranked = tuple(rank_objects(overlaps, sure, threshold) for threshold in thresholds)
    table = count_objects(overlaps, thresholds)
    return ObjectImage(name, overlaps, tuple(thresholds), table, data_science_bowl(overlaps), ranked)


def summarise_objects(images: Sequence[ObjectImage], *, bootstrap: int = 1000, seed: int = 0) -> ObjectReport:
    """Put the scores of images together, with 95 % intervals from resampling them (none for fewer than two).

    Raises InputError without images, or where their thresholds differ.
    """
    if not images or len({image.thresholds for image in images}) > 1:
        raise InputError("objects are scored on one image or more, all at the same thresholds")
    draws = resample_images(len(images), bootstrap if len(images) > 1 else 0, seed)
    rows = [image.values() for image in images]
    common = [name for name in rows[0] if all(name in row for row in rows)]
    macro = {}
    for name in common:
        values = np.array([row[name] for row in rows])
        macro[name] = _value(resampled_mean(np.ones((1, len(images))), values), resampled_mean(draws, values))
    return ObjectReport(tuple(images), _micro(images, draws), macro)


def _micro(images: Sequence[ObjectImage], draws: NDArray[np.float64]) -> dict[str, Value]:
    """Give the metrics of all objects and pixels together; draws: (resamples, images)."""
    thresholds = images[0].thresholds
    values: dict[str, Value] = {}
    weights = np.concatenate([np.ones((1, len(images))), draws])  # the first: every image once
    tables = np.tensordot(weights, np.stack([image.table for image in images]), axes=1)
    for name, table in object_metrics(tables).items():
        values |= {_key(name, at): _value(table[:1, k], table[1:, k]) for k, at in enumerate(thresholds)}
    for name, row in pixel_metrics(weights @ np.stack([_pixel_row(image) for image in images])).items():
        values[name] = _value(row[:1], row[1:])
    ranked = [image.ranked for image in images if image.ranked is not None]
    if len(ranked) == len(images):
        areas = [resampled_average_precision(weights, of_one) for of_one in zip(*ranked, strict=True)]
        values |= {
            _key("average_precision", at): _value(area[:1], area[1:])
            for at, area in zip(thresholds, areas, strict=True)
        }
        mean = np.mean(areas, axis=0)
        values["mean_average_precision"] = _value(mean[:1], mean[1:])
    return values


def _pixel_row(image: ObjectImage) -> NDArray[np.float64]:
    counts = image.overlaps.pixels
    return np.array([counts.true_positives, counts.false_positives, counts.false_negatives], dtype=np.float64)


def _count_columns(images: Sequence[ObjectImage]) -> dict[str, int]:
    found, wrong, missed = np.sum([image.table[0, :3] for image in images], axis=0).astype(int).tolist()
    return {
        "objects_found": sum(len(image.overlaps.found) for image in images),
        "objects_true": found + missed,
        "true_positives": found,
        "false_positives": wrong,
        "false_negatives": missed,
    }


def _badness(image: ObjectImage) -> tuple[float, int, str]:
    """Sort the lowest F1 at the first threshold first, then the most errors."""
    f1 = float(object_metrics(image.table[0])["f1"])
    return math.inf if math.isnan(f1) else f1, -int(image.table[0, 1:3].sum()), image.name


def _key(name: str, threshold: float) -> str:
    return f"{name}_{100 * threshold:g}"


def _named(values: Mapping[str, NDArray[np.float64]], thresholds: Sequence[float]) -> dict[str, float]:
    return {_key(name, at): float(row[k]) for name, row in values.items() for k, at in enumerate(thresholds)}


def _value(own: NDArray[np.float64], resampled: NDArray[np.float64]) -> Value:
    return Value(float(own[0]), *percentile_interval(resampled))


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
