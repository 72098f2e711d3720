"""The scorer: picks of many images against their truth, as one report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.errors import PicksError
from motes.picks import AdaptedThreshold, Picks, Threshold, empty_picks
from motes.score.matching import Ignored, Radius, match, nothing_ignored
from motes.score.metrics import (
    Counts,
    Ranked,
    average_precision,
    count,
    f_beta,
    precision,
    precision_recall_curve,
    rank,
    recall,
)
from motes.score.rim import in_rim
from motes.score.statistics import (
    percentile_interval,
    resample_images,
    resampled_average_precision,
    resampled_mean,
)
from motes.units import Unit

METRICS = ("precision", "recall", "f1", "average_precision")  # and f4, say, where a beta is given

Row = dict[str, str | int | float | None]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class ImageScore:
    """One image: counts, the ranked picks (None without scores), distances (k,) of its pairs in pixels."""

    name: str
    counts: Counts
    ranked: Ranked | None
    distances: NDArray[np.float64]
    ignored_picks: int
    ignored_truth: int

    def metrics(self, beta: float | None = None) -> dict[str, float]:
        """Each of METRICS for this image alone, nan where it is not defined."""
        area = math.nan
        if self.ranked is not None:
            area = average_precision(precision_recall_curve([self.ranked]))
        return {**_count_metrics([self.counts], beta), "average_precision": area}


@dataclass(frozen=True)
class Value:
    """A value with its 95 % interval; nan where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Report:
    """The scores of a set of images.

    micro: METRICS of all picks together. macro: their means over the images where they are defined.
    threshold: the score that a pick had to reach, None where all were taken. without_picks: images that the
    picks do not mention, scored as images in which nothing was picked. without_truth: images of picks
    that were left out, because there is no truth for them. beta: of the F score beside F1, f4 for 4, None where
    there is none among the metrics. unit: of distances, px or A. resampled: the micro metrics in each resample of
    the images, (resamples,).
    """

    images: tuple[ImageScore, ...]
    micro: Mapping[str, Value]
    macro: Mapping[str, Value]
    threshold: Threshold | None
    without_picks: tuple[str, ...]
    without_truth: tuple[str, ...]
    beta: float | None = None
    unit: Unit = "px"
    resampled: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False, compare=False)

    def as_dict(self) -> Row:
        """Give one flat dictionary for JSON: micro values plain, macro with macro_, then the counts.

        Interval ends carry _low and _high. A value that is not defined is None; undefined_<metric>_images
        counts the images whose own value is not defined and is therefore left out of the macro mean.
        median_distance is in distance_unit.
        """
        flat = {**flat_values(self.micro), **flat_values(self.macro, "macro_")}
        return {**flat, **self._counts(), **self._thresholds()}

    def _thresholds(self) -> Row:
        if isinstance(self.threshold, Mapping):
            return {f"threshold_{name}": value for name, value in self.threshold.items()}
        return {"threshold": None if isinstance(self.threshold, AdaptedThreshold) else self.threshold}

    @property
    def per_image(self) -> list[Row]:
        """One row an image, the worst F1 first; images where it is not defined come last."""
        return [_row(image, self.beta) for image in sorted(self.images, key=_badness)]

    def _counts(self) -> Row:
        rows = [image.metrics(self.beta) for image in self.images]
        return {
            "images": len(self.images),
            **_count_columns(_summed([image.counts for image in self.images])),
            "ignored_picks": sum(image.ignored_picks for image in self.images),
            "ignored_truth": sum(image.ignored_truth for image in self.images),
            "images_without_picks": len(self.without_picks),
            "images_without_truth": len(self.without_truth),
            **{f"undefined_{n}_images": sum(math.isnan(row[n]) for row in rows) for n in self.micro},
            "median_distance": _median([image.distances for image in self.images]),
            "distance_unit": self.unit,
        }


def score(
    picks_by_image: Mapping[str, Picks],
    truth_by_image: Mapping[str, Picks],
    *,
    radius: float | Mapping[str, Radius],
    threshold: Threshold | None = None,
    ignore_rim: float = 0,
    shapes: Shapes | None = None,
    beta: float | None = None,
    unit: Unit = "px",
    bootstrap: int = 1000,
    seed: int = 0,
) -> Report:
    """Score the picks of every image that has truth.

    radius: pixels, inclusive, for all images, for each, or for each of its truths. threshold: only picks that
    reach it count, except for average precision, which takes them all. ignore_rim: pixels; it needs shapes, (z,)
    y, x of each image. beta: adds an F score in which recall weighs so many times as much as precision, f4 for 4.
    unit: of points and radius, pixels unless they all are in A.

    The rim is left out so that nothing near it is rewarded or punished: all picks are matched with all truth
    (those outside the rim first); then truth in the rim goes, with the pick that found it wherever that lies,
    and unmatched picks in the rim go. bootstrap: resamples of the images for the 95 % intervals; none for
    fewer than two images.

    Raises PicksError where truth is empty, no image is common, or scores or shapes are missing.
    """
    _check_names(picks_by_image, truth_by_image)
    images = []
    for name, truth in truth_by_image.items():
        picks = picks_by_image.get(name, empty_picks(truth.ndim))
        own_radius = _of_image(radius, name) if isinstance(radius, Mapping) else radius
        shape = _shape(shapes, name) if ignore_rim > 0 else None
        images.append(_score_image(name, picks, truth, own_radius, threshold, _Rim(shape, ignore_rim)))
    draws = resample_images(len(images), bootstrap if len(images) > 1 else 0, seed)
    resampled = _resampled_micro(images, draws, beta)
    return Report(
        images=tuple(images),
        micro={n: Value(v, *percentile_interval(resampled[n])) for n, v in _micro(images, beta).items()},
        macro=_macro(images, draws, beta),
        threshold=threshold,
        without_picks=tuple(name for name in truth_by_image if name not in picks_by_image),
        without_truth=tuple(name for name in picks_by_image if name not in truth_by_image),
        beta=beta,
        unit=unit,
        resampled=resampled,
    )


def flat_values(values: Mapping[str, Value], prefix: str = "", suffix: str = "") -> Row:
    """Give values by name with the ends of their intervals, _low and _high; None where they are not defined."""
    flat: Row = {}
    for name, value in values.items():
        key = f"{prefix}{name}{suffix}"
        flat[key] = _none_if_nan(value.value)
        flat[f"{key}_low"], flat[f"{key}_high"] = _none_if_nan(value.low), _none_if_nan(value.high)
    return flat


@dataclass(frozen=True)
class _Rim:
    shape: tuple[int, ...] | None
    width: float

    def ignored(self, picks: Picks, truth: Picks) -> Ignored:
        if self.shape is None:
            return nothing_ignored(picks, truth)
        return Ignored(in_rim(picks, self.shape, self.width), in_rim(truth, self.shape, self.width))


def _score_image(
    name: str, picks: Picks, truth: Picks, radius: Radius, threshold: Threshold | None, rim: _Rim
) -> ImageScore:
    ranked = None
    if not len(picks):
        none = empty_picks(truth.ndim)
        ranked = rank(none, truth, radius, rim.ignored(none, truth))
    elif picks.scores is not None:
        if not np.isnan(picks.scores).any():
            ranked = rank(picks, truth, radius, rim.ignored(picks, truth))
    elif threshold is not None:
        raise PicksError(
            f"the picks of {name} have no scores, so no threshold can be used; leave out --threshold"
        )
    chosen = picks if threshold is None else picks.above(threshold)
    ignored = rim.ignored(chosen, truth)
    matching = match(chosen, truth, radius, ignored)
    counts = count(matching, ignored)
    return ImageScore(
        name=name,
        counts=counts,
        ranked=ranked,
        distances=matching.distances[~ignored.truth[matching.pairs[:, 1]]],
        ignored_picks=len(chosen) - counts.true_positives - counts.false_positives,
        ignored_truth=int(np.count_nonzero(ignored.truth)),
    )


def _micro(images: Sequence[ImageScore], beta: float | None) -> dict[str, float]:
    """Give METRICS of all images together."""
    values = _count_metrics([image.counts for image in images], beta)
    ranked = _all_ranked(images)
    area = math.nan if ranked is None else average_precision(precision_recall_curve(ranked))
    return {**values, "average_precision": area}


def _resampled_micro(
    images: Sequence[ImageScore], draws: NDArray[np.float64], beta: float | None
) -> dict[str, NDArray[np.float64]]:
    """Give METRICS of the images of each resample together; draws: (resamples, images)."""
    table = np.array([_as_row(image.counts) for image in images], dtype=np.float64)
    found, wrong, missed = (draws @ table).T
    values = _metric_arrays(found, wrong, missed, beta)
    ranked = _all_ranked(images)
    areas = np.zeros(0) if ranked is None else resampled_average_precision(draws, ranked)
    return {**values, "average_precision": areas}


def _all_ranked(images: Sequence[ImageScore]) -> list[Ranked] | None:
    """The ranked picks of the images; None where those of one have no scores."""
    ranked = [image.ranked for image in images if image.ranked is not None]
    return ranked if len(ranked) == len(images) else None


def _macro(images: Sequence[ImageScore], draws: NDArray[np.float64], beta: float | None) -> dict[str, Value]:
    """Give the means over images of METRICS; draws: (resamples, images)."""
    rows = [image.metrics(beta) for image in images]
    means = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        mean = float(resampled_mean(np.ones((1, len(images))), values)[0])
        means[name] = Value(mean, *percentile_interval(resampled_mean(draws, values)))
    return means


def _count_metrics(counts: Sequence[Counts], beta: float | None) -> dict[str, float]:
    return {name: float(value) for name, value in _metric_arrays(*_as_row(_summed(counts)), beta).items()}


def _metric_arrays(
    found: ArrayLike, wrong: ArrayLike, missed: ArrayLike, beta: float | None
) -> dict[str, NDArray[np.float64]]:
    values = {
        "precision": precision(found, wrong),
        "recall": recall(found, missed),
        "f1": f_beta(found, wrong, missed),
    }
    return values if beta is None else {**values, f"f{beta:g}": f_beta(found, wrong, missed, beta)}


def _as_row(counts: Counts) -> tuple[int, int, int]:
    return counts.true_positives, counts.false_positives, counts.false_negatives


def _summed(counts: Sequence[Counts]) -> Counts:
    return Counts(*(sum(column) for column in zip(*map(_as_row, counts), strict=True)))


def _count_columns(counts: Counts) -> dict[str, int]:
    return {
        "picks": counts.true_positives + counts.false_positives,
        "truth": counts.true_positives + counts.false_negatives,
        "true_positives": counts.true_positives,
        "false_positives": counts.false_positives,
        "false_negatives": counts.false_negatives,
    }


def _row(image: ImageScore, beta: float | None) -> Row:
    values = {name: _none_if_nan(value) for name, value in image.metrics(beta).items()}
    return {
        "image": image.name,
        **values,
        **_count_columns(image.counts),
        "median_distance": _median([image.distances]),
    }


def _badness(image: ImageScore) -> tuple[float, int, str]:
    f1 = image.metrics()["f1"]
    errors = image.counts.false_positives + image.counts.false_negatives
    return math.inf if math.isnan(f1) else f1, -errors, image.name


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value


def _median(distances: Sequence[NDArray[np.float64]]) -> float | None:
    joined = np.concatenate(distances)
    return float(np.median(joined)) if joined.size else None


def _check_names(picks_by_image: Mapping[str, Picks], truth_by_image: Mapping[str, Picks]) -> None:
    if not truth_by_image:
        raise PicksError("there is no truth to score against: no image has any")
    if picks_by_image and not set(picks_by_image) & set(truth_by_image):
        raise PicksError(
            f"no image has both picks and truth: picks are for {next(iter(picks_by_image))!r} and the like, "
            f"truth for {next(iter(truth_by_image))!r}; check that both belong to the same images"
        )


def _of_image(radius: Mapping[str, Radius], name: str) -> Radius:
    if name not in radius:
        raise PicksError(f"no matching radius is known for {name}; give --radius or --diameter")
    return radius[name]


def _shape(shapes: Shapes | None, name: str) -> tuple[int, ...]:
    if shapes is None or name not in shapes:
        raise PicksError(
            f"to ignore the rim, the size of {name} must be known; give the images with --images"
        )
    return shapes[name]
