"""Label images against label images: objects, pixels, counts, sizes and space, of all images in one report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from motes.score.counts import Agreement, agreement
from motes.score.instance_report import ObjectImage, ObjectReport, summarise_objects
from motes.score.metrics import ratio
from motes.score.scores import Row, Value, flat_values
from motes.score.sizes import PairedSizes, SizeComparison, compare_pairs, compare_sizes
from motes.score.space import clark_evans, default_radii, image_box, nearest_distances, ripley_l
from motes.score.statistics import percentile_interval, resample_images, resampled_mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """The objects of one label image that count: centres (n, ndim) and diameters (n,), both px."""

    points: Floats
    diameters: Floats


@dataclass(frozen=True)
class LabelImage:
    """One image: the scores of its objects, and the objects of both sides.

    matched: (k, 2) diameters, found and true, px, of the pairs at the first threshold. shape: ([z,] y, x). counted:
    pixels that count, all but those where the truth is below 0.
    """

    objects: ObjectImage
    found: Side
    truth: Side
    matched: Floats
    shape: tuple[int, ...]
    counted: int

    @property
    def name(self) -> str:
        """Of the image."""
        return self.objects.name

    @property
    def pixel_kappa(self) -> float:
        """Cohen's kappa of its pixels; see cohen_kappa."""
        return float(cohen_kappa(self.pixel_row))

    @property
    def pixel_row(self) -> Floats:
        """True positives, false positives, false negatives and true negatives of its pixels (4,)."""
        pixels = self.objects.overlaps.pixels
        row = (pixels.true_positives, pixels.false_positives, pixels.false_negatives)
        return np.array([*row, self.counted - sum(row)], dtype=np.float64)

    def space(self) -> dict[str, float]:
        """How the centres lie, by name.

        The index of Clark and Evans of both sides, and the greatest difference of their Ripley's L (px), at the radii
        of default_radii. nan for fewer than two objects, and where pixels do not count, because nobody looked there.
        """
        sides = (self.found.points, self.truth.points)
        names = ("clark_evans_found", "clark_evans_true", "ripley_difference")
        if self.counted < math.prod(self.shape):
            return dict.fromkeys(names, math.nan)
        box = image_box(self.shape)
        radii = default_radii(max(map(len, sides)), box)
        found, truth = (ripley_l(points, box, radii) for points in sides)
        indices = [clark_evans(points, box, simulations=0).index for points in sides]
        return dict(zip(names, [*indices, float(np.abs(found - truth).max())], strict=True))

    def row(self) -> Row:
        """What is said of this image beside the scores of its objects; None where it is not defined."""
        sides = {"found": self.found, "true": self.truth}
        values = {f"median_diameter_{name}": median(side.diameters) for name, side in sides.items()}
        sizes = compare_sizes(self.found.diameters, self.truth.diameters)
        values["diameter_wasserstein"] = sizes.wasserstein
        values |= {
            f"nearest_neighbour_{name}": median(nearest_distances(side.points))
            for name, side in sides.items()
        }
        values |= self.space()
        values["pixel_kappa"] = self.pixel_kappa
        return {name: none_if_nan(value) for name, value in values.items()}


@dataclass(frozen=True)
class LabelReport:
    """All that is known of found objects beside the true ones, or of those of two raters.

    counts: objects an image. sizes: diameters of all objects, paired: of the matched ones, px; bias: of the latter,
    found minus true. nearest: medians over all objects of the distance to the nearest neighbour, px. kappa: of all
    pixels together. means: over images, of what LabelImage.space gives, and of kappa. without_found: images in which
    nothing was found because there is no label image. without_truth: label images left out. threshold: the confidence
    that an object had to reach, None for all. raters: whether none of the sides is the truth.
    """

    images: tuple[LabelImage, ...]
    objects: ObjectReport
    counts: Agreement
    sizes: SizeComparison
    paired: PairedSizes
    bias: Value
    nearest: Mapping[str, float]
    kappa: Value
    means: Mapping[str, Value]
    rows: Mapping[str, Row]
    without_found: tuple[str, ...] = ()
    without_truth: tuple[str, ...] = ()
    threshold: float | None = None
    raters: bool = False

    def as_dict(self) -> Row:
        """Give one flat dictionary for JSON: what ObjectReport gives, then counts, sizes, space.

        Of two raters, what tells one side from the other as right and wrong is left out, and they are called a and b.
        """
        flat: Row = {**self.objects.as_dict(), **flat_values({"pixel_kappa": self.kappa})}
        flat |= {f"count_{name}": value for name, value in self.counts.as_dict().items() if name != "images"}
        flat |= {f"diameter_{name}": value for name, value in _numbers(self.sizes).items()}
        flat |= flat_values({"matched_diameter_bias": self.bias})
        flat |= {f"matched_diameter_{name}": value for name, value in self._paired().items()}
        flat |= {f"nearest_neighbour_{name}": none_if_nan(value) for name, value in self.nearest.items()}
        flat |= flat_values(self.means, "macro_")
        flat |= {f"undefined_{name}_images": count for name, count in self._undefined().items() if count}
        flat["images_without_found"] = len(self.without_found)
        flat["images_without_truth"] = len(self.without_truth)
        flat["threshold"] = self.threshold
        return symmetrical(flat) if self.raters else flat

    @property
    def per_image(self) -> list[Row]:
        """One row an image, the worst F1 at IoU 0.5 first; images where it is not defined come last."""
        rows = [{**row, **self.rows[str(row["image"])]} for row in self.objects.per_image]
        return [symmetrical(row) for row in rows] if self.raters else rows

    def _paired(self) -> Row:
        limits = {
            "lower_limit": self.paired.limits.lower.value,
            "upper_limit": self.paired.limits.upper.value,
        }
        values = {
            **limits,
            "mean_absolute_error": self.paired.mean_absolute_error,
            "root_mean_square_error": self.paired.root_mean_square_error,
            "relative_error": self.paired.relative_error,
        }
        return {name: none_if_nan(value) for name, value in values.items()}

    def _undefined(self) -> dict[str, int]:
        return {name: sum(row[name] is None for row in self.rows.values()) for name in self.means}


def summarise_labels(
    images: Sequence[LabelImage],
    *,
    without_found: Sequence[str] = (),
    without_truth: Sequence[str] = (),
    threshold: float | None = None,
    raters: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
) -> LabelReport:
    """Put images together, with 95 % intervals from resampling them (none for fewer than two).

    Raises InputError without images.
    """
    objects = summarise_objects([image.objects for image in images], bootstrap=bootstrap, seed=seed)
    draws = resample_images(len(images), bootstrap if len(images) > 1 else 0, seed)
    pixels = np.stack([image.pixel_row for image in images])
    matched = np.concatenate([image.matched for image in images])
    rows = {image.name: image.row() for image in images}
    return LabelReport(
        images=tuple(images),
        objects=objects,
        counts=agreement(
            [len(image.found.points) for image in images],
            [len(image.truth.points) for image in images],
            bootstrap=bootstrap,
            seed=seed,
        ),
        sizes=compare_sizes(_diameters(images, "found"), _diameters(images, "truth")),
        paired=compare_pairs(matched[:, 0], matched[:, 1]),
        bias=_bias(images, draws),
        nearest={"found": _nearest(images, "found"), "true": _nearest(images, "truth")},
        kappa=Value(
            float(cohen_kappa(pixels.sum(axis=0))), *percentile_interval(cohen_kappa(draws @ pixels))
        ),
        means={
            name: _mean([row[name] for row in rows.values()], draws)
            for name in ("clark_evans_found", "clark_evans_true", "ripley_difference", "pixel_kappa")
        },
        rows=rows,
        without_found=tuple(without_found),
        without_truth=tuple(without_truth),
        threshold=threshold,
        raters=raters,
    )


def cohen_kappa(table: ArrayLike) -> Floats:
    """Give Cohen's kappa of two raters who say yes or no: agreement beyond chance, 1 at most.

    table: (..., 4) how often both say yes, only the first, only the second, none; (...) comes back. nan where both
    always say the same one thing. Source: Cohen 1960, Educational and Psychological Measurement 20, 37.
    """
    both, first, second, none = np.moveaxis(np.asarray(table, dtype=np.float64), -1, 0)
    # (observed - expected) / (1 - expected) with the denominators multiplied away
    off = (both + first) * (first + none) + (both + second) * (second + none)
    return ratio(2 * (both * none - first * second), off)


# What has a right and a wrong side, and what it is called between two who have none.
_ONE_SIDED = (
    "precision_",
    "recall_",
    "mean_true_score_",
    "average_precision_",
    "mean_average_precision",
    "pixel_precision",
    "pixel_recall",
    "count_total_error",
    "diameter_relative_mean_bias",
    "matched_diameter_relative_error",
    "threshold",
)
_BETWEEN_RATERS = {
    "objects_found": "objects_a",
    "objects_true": "objects_b",
    "true_positives": "objects_of_both",
    "false_positives": "objects_only_a",
    "false_negatives": "objects_only_b",
    "images_without_found": "images_only_b",
    "images_without_truth": "images_only_a",
}


def symmetrical(flat: Mapping[str, Any]) -> Row:
    """The values of a flat dictionary that hold between two raters, a and b, under names that say so."""
    kept: Row = {}
    for key, value in flat.items():
        bare = key.removeprefix("undefined_").removeprefix("macro_")
        if bare.startswith(_ONE_SIDED):
            continue
        name = _BETWEEN_RATERS.get(key, key).replace("bias", "difference").replace("_error", "_difference")
        for side, letter in (("_found", "_a"), ("_true", "_b")):
            name = name.replace(side, letter)
        kept[name] = value
    return kept


def median(values: Floats) -> float:
    """The median of those that are numbers; nan without any."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def none_if_nan(value: float) -> float | None:
    """A number for JSON."""
    return None if math.isnan(value) else value


def _diameters(images: Sequence[LabelImage], side: str) -> Floats:
    return np.concatenate([getattr(image, side).diameters for image in images])


def _nearest(images: Sequence[LabelImage], side: str) -> float:
    return median(np.concatenate([nearest_distances(getattr(image, side).points) for image in images]))


def _bias(images: Sequence[LabelImage], draws: Floats) -> Value:
    """The mean error of the diameters of matched objects; objects of one image are not independent of each other."""
    sums = np.array([(image.matched[:, 0] - image.matched[:, 1]).sum() for image in images])
    counts = np.array([len(image.matched) for image in images], dtype=np.float64)
    return Value(
        float(ratio(sums.sum(), counts.sum())), *percentile_interval(ratio(draws @ sums, draws @ counts))
    )


def _mean(values: Sequence[Any], draws: Floats) -> Value:
    known = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    own = float(resampled_mean(np.ones((1, len(known))), known)[0])
    return Value(own, *percentile_interval(resampled_mean(draws, known)))


def _numbers(sizes: SizeComparison) -> Row:
    """The comparison by name, without how many there are."""
    values = asdict(sizes)
    return {name: none_if_nan(value) for name, value in values.items() if name not in ("found", "truth")}
