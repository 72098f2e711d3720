"""How well a net does on images that it was not trained on: by its picks, and pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from motes.data.crops import Labelled
from motes.data.paint import Target, paint
from motes.errors import TrainingError
from motes.nets.description import NetDescription
from motes.picking.picker import Picking, pick_map
from motes.picks import Picks
from motes.predict.maps import class_maps, probability_maps
from motes.score.metrics import Curve, average_precision, precision_recall_curve, rank
from motes.score.pixels import PixelCounts

Row = dict[str, float | None]


@dataclass(frozen=True)
class Seen:
    """What a net gave on the validation images.

    picks: by class, candidates in each image, in working pixels; empty where only masks are known.
    pixels: by class.
    """

    picks: list[list[Picks]]
    pixels: list[PixelCounts]


@dataclass(frozen=True)
class Validator:
    """Validation images at the working scale, and how picks are found and matched in them.

    classes: their names. weights: how much each counts in the means over classes; empty: all the same.
    diameters: of each class in working pixels, a pick counts within half of it; empty where the truth is
    masks. target: what was painted to train on, for the truth of single pixels.
    """

    images: Sequence[Labelled]
    classes: Sequence[str]
    net: NetDescription
    picking: Picking
    diameters: tuple[float, ...]
    target: Target
    precision: torch.dtype
    weights: tuple[float, ...] = ()

    def look(self, net: nn.Module) -> Seen:
        """Predict every image once; no more than one map is in memory at a time.

        Raises TrainingError where the net no longer gives numbers.
        """
        seen = Seen([[] for _ in self.diameters], [PixelCounts() for _ in self.classes])
        for image in self.images:
            pixels = np.asarray(image.data[(slice(None),) * image.data.ndim], dtype=np.float32)
            maps = class_maps(probability_maps(net, self.net, pixels, precision=self.precision))
            if not np.isfinite(maps).all():
                raise TrainingError(
                    "the net gives values that are not finite numbers on the validation images. Try a lower "
                    "learning_rate, or precision=float32"
                )
            truth = self.true_classes(image)
            for number, probability in enumerate(maps):
                seen.pixels[number].add(probability, is_class(truth, number, len(maps)))
                if self.diameters:
                    seen.picks[number].append(pick_map(probability, self.diameters[number], self.picking))
        return seen

    def true_classes(self, image: Labelled) -> NDArray[np.float32]:
        """The class number of each pixel, 0 background, -1 not known; of one class in [0, 1]."""
        return whole_truth(image, self.diameters, self.target)

    def curve(self, seen: Seen, number: int) -> Curve:
        """Precision and recall of a class over all images together, at every threshold.

        Of picks where the truth is points, of pixels where it is masks.
        """
        if not self.diameters:
            return seen.pixels[number].curve()
        radius = self.diameters[number] / 2
        return precision_recall_curve(
            [
                rank(picks, true_picks(image, number), radius)
                for picks, image in zip(seen.picks[number], self.images, strict=True)
            ]
        )

    def row(self, seen: Seen) -> Row:
        """All metrics; those of several classes are weighted means over the classes that have them."""
        rows = [pixel_summary(counts) for counts in seen.pixels]
        if self.diameters:
            picked = [summary(self.curve(seen, number)) for number in range(len(self.classes))]
            rows = [pixels | picks for pixels, picks in zip(rows, picked, strict=True)]
        weights = self.weights or (1.0,) * len(rows)
        joined: Row = {key: _mean([row[key] for row in rows], weights) for key in rows[0]}
        if len(rows) > 1:
            joined.pop("best_threshold", None)  # each class has its own
            for name, row in zip(self.classes, rows, strict=True):
                best = "best_f1" if self.diameters else "pixel_f1"
                joined[f"{best}_{name}"] = row[best]
        return joined


def whole_truth(image: Labelled, diameters: Sequence[float], target: Target) -> NDArray[np.float32]:
    """The class number of each pixel of an image, 0 background, -1 not known; of one class in [0, 1].

    From its labels, or painted around its points; diameters: of each class, px.
    """
    shape = image.data.shape
    if image.labels is not None:
        return np.asarray(image.labels[(slice(None),) * len(shape)], dtype=np.float32)
    return paint(image.points, shape, tuple(diameters), target, image.classes)


def true_picks(image: Labelled, number: int) -> Picks:
    """The true centres of one class."""
    if image.classes is None:
        return Picks(image.points if number == 0 else image.points[:0])
    return Picks(image.points[image.classes == number])


def is_class(truth: NDArray[np.float32], number: int, classes: int) -> NDArray[np.int8]:
    """1 where the pixel belongs to the class, 0 where not, -1 where that is not known.

    Of a single class the truth may be soft, and counts from one half on.
    """
    belongs = truth >= 0.5 if classes == 1 else np.rint(truth) == number + 1
    return np.where(truth < 0, np.int8(-1), belongs.astype(np.int8))


def pixel_summary(counts: PixelCounts) -> Row:
    """The metrics of single pixels at one half, the best F1, and the area under the ROC curve."""
    return {
        "pixel_precision": _rounded(counts.precision()),
        "pixel_recall": _rounded(counts.recall()),
        "pixel_f1": _rounded(counts.f1()),
        "pixel_best_f1": _rounded(counts.best_f1().f1),
        "pixel_iou": _rounded(counts.iou()),
        "pixel_auc": _rounded(counts.auc),
        "pixels_called": _rounded(counts.called()),
    }


def summary(curve: Curve) -> Row:
    """Average precision, and the best F1 with its threshold; None where they are not defined."""
    if not len(curve.thresholds):
        return {"average_precision": None, "best_f1": None, "best_threshold": None}
    f1 = curve.f_beta(1)
    best = int(f1.argmax())
    area = float(average_precision(curve))
    return {
        "average_precision": round(area, 5) if area == area else None,
        "best_f1": round(float(f1[best]), 5),
        "best_threshold": round(float(curve.thresholds[best]), 5),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, 6) if total else None
