"""How well a net does on images that it was not trained on: by its picks, and pixel by pixel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from motes.data.crops import Labelled
from motes.data.paint import Target, paint
from motes.errors import TrainingError
from motes.nets.description import NetDescription
from motes.nets.folded import folded
from motes.picking.outlining import Outlining
from motes.picking.picker import Picking
from motes.picking.slabs import SlabPicks
from motes.picks import Picks
from motes.predict.maps import class_maps, probability_maps
from motes.predict.stream import Seer, stream_maps
from motes.score.instances import rank_labels
from motes.score.metrics import Curve, Ranked, average_precision, precision_recall_curve, rank
from motes.score.pixels import PixelCounts

Row = dict[str, float | None]

DEPTHS = (0.05, 0.1, 0.15, 0.25, 0.4, 0.6)  # that are tried of splitting.depth
ENOUGH_TO_FIT = 12  # images with objects: on fewer the best depth or threshold is as much luck as merit


@dataclass(frozen=True)
class Seen:
    """What a net gave on the validation images.

    picks: by class, candidates in each image, in working pixels; empty where only masks are known.
    pixels: by class. objects: where a net outlines, those of each image by confidence, right from an IoU of 0.5 on.
    """

    picks: list[list[Picks]]
    pixels: list[PixelCounts]
    objects: list[Ranked] = field(default_factory=list)


@dataclass(frozen=True)
class Validator:
    """Validation images at the working scale, and how picks are found and matched in them.

    classes: their names. weights: how much each counts in the means over classes; empty: all the same.
    diameters: of each class in working pixels, empty where the truth is masks; match_distance: the share of it within
    which a pick counts. target: what was painted to train on, for the truth of single pixels. betas: of further F
    scores whose best value is told, as best_f4. trained: sides of the crops that are trained on; volumes are seen
    in such windows. outlining: how objects are found in the maps of a net that outlines; its labels number objects.
    """

    images: Sequence[Labelled]
    classes: Sequence[str]
    net: NetDescription
    picking: Picking
    diameters: tuple[float, ...]
    target: Target
    precision: torch.dtype
    weights: tuple[float, ...] = ()
    betas: tuple[float, ...] = ()
    trained: tuple[int, ...] | None = None
    match_distance: float = 0.5
    outlining: Outlining | None = None

    def maps(self, net: nn.Module, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probability of each class, (classes, [z,] y, x), in an image ([z,] y, x), seen as in validation."""
        found = probability_maps(net, self.net, data, precision=self.precision, trained=self.trained)
        return class_maps(found, self.net)

    def look(self, net: nn.Module) -> Seen:
        """Predict every image once; no more than a slab of its maps is in memory at a time.

        Raises TrainingError where the net no longer gives numbers.
        """
        seen = Seen([[] for _ in self.diameters], [PixelCounts() for _ in self.classes])
        seer = Seer(folded(net, self.precision), self.net, self.precision)
        for image in self.images:
            for by_class, picks in zip(seen.picks, self._look_at(seer, image, seen), strict=True):
                by_class.append(picks)
        return seen

    def _look_at(self, seer: Seer, image: Labelled, seen: Seen) -> list[Picks]:
        """The picks of each class in one image; its pixels and objects are added to what is seen."""
        data = np.asarray(image.data[(slice(None),) * image.data.ndim], dtype=np.float32)
        truth = self.true_classes(image)
        picks = SlabPicks(self.diameters, self.picking)
        whole: list[NDArray[np.float32]] = []
        for slab in stream_maps(seer, data, seer.plan(data.shape, trained=self.trained)):
            if not np.isfinite(slab.maps).all():
                raise TrainingError(
                    "the net gives values that are not finite numbers on the validation images. Try a lower "
                    "learning_rate, or precision=float32"
                )
            part = truth[slab.start : slab.start + slab.maps.shape[1]]
            classes = slab.maps[: len(self.classes)]
            for number, (counts, probability) in enumerate(zip(seen.pixels, classes, strict=True)):
                counts.add(probability, is_class(part, number, len(classes)))
            if self.diameters:
                picks.add(slab.start, slab.maps)
            if self.outlining is not None:
                whole.append(slab.maps.copy())
        if self.outlining is not None:
            seen.objects.append(ranked_objects(self.outlining, np.concatenate(whole, axis=1), truth))
        return picks.picks()

    def fitted_outlining(
        self,
        net: nn.Module,
        outlining: Outlining,
        depths: Sequence[float] = DEPTHS,
        done: Callable[[int], None] = lambda _count: None,
    ) -> tuple[Outlining, Curve]:
        """The outlining with that of some depths, or its own, that gives the best F1 of objects, and its curve.

        Of several as good it is the one nearest to its own. done: told how many images have been seen.
        """
        own = outlining.splitting.depth
        seen_by = folded(net, self.precision)
        ranked: dict[float, list[Ranked]] = {depth: [] for depth in sorted({own, *depths})}
        for count, image in enumerate(self.images, start=1):
            data = np.asarray(image.data[(slice(None),) * image.data.ndim], dtype=np.float32)
            maps = probability_maps(seen_by, self.net, data, precision=self.precision, trained=self.trained)
            truth = self.true_classes(image)
            for depth, found in ranked.items():
                found.append(ranked_objects(outlining.split_at(depth), maps, truth))
            done(count)
        best = max(ranked, key=lambda depth: (_best_f1(ranked[depth]), -abs(np.log(depth / own))))
        return outlining.split_at(best), precision_recall_curve(ranked[best])

    def true_classes(self, image: Labelled) -> NDArray[np.float32]:
        """The class number of each pixel, 0 background, -1 not known; of one class in [0, 1], or numbers of objects."""
        return whole_truth(image, self.diameters, self.target)

    def curve(self, seen: Seen, number: int) -> Curve:
        """Precision and recall of a class over all images together, at every threshold.

        Of picks where the truth is points, of objects where the net outlines, else of pixels.
        """
        if self.outlining is not None:
            return precision_recall_curve(seen.objects)
        if not self.diameters:
            return seen.pixels[number].curve()
        radius = self.diameters[number] * self.match_distance
        return precision_recall_curve(
            [
                rank(picks, true_picks(image, number), radius)
                for picks, image in zip(seen.picks[number], self.images, strict=True)
            ]
        )

    def row(self, seen: Seen) -> Row:
        """All metrics; those of several classes are weighted means over the classes that have them."""
        rows = [pixel_summary(counts) for counts in seen.pixels]
        if self.diameters or self.outlining is not None:
            picked = [summary(self.curve(seen, number), self.betas) for number in range(len(self.classes))]
            rows = [pixels | picks for pixels, picks in zip(rows, picked, strict=True)]
        weights = self.weights or (1.0,) * len(rows)
        joined: Row = {key: _mean([row[key] for row in rows], weights) for key in rows[0]}
        if len(rows) > 1:
            joined.pop("best_threshold", None)  # each class has its own
            for name, row in zip(self.classes, rows, strict=True):
                told = ["best_f1", *map(best_f, self.betas)] if self.diameters else ["pixel_f1"]
                joined |= {f"{metric}_{name}": row[metric] for metric in told}
        return joined


def ranked_objects(outlining: Outlining, maps: NDArray[np.float32], truth: NDArray[np.float32]) -> Ranked:
    """The objects in maps by confidence, right where they share half of what they and an object of the truth cover."""
    found = outlining.objects(maps)
    assert found.table.confidences is not None
    return rank_labels(found.labels, found.table.confidences, truth.astype(np.int32))


def _best_f1(ranked: Sequence[Ranked]) -> float:
    f1 = precision_recall_curve(ranked).f_beta(1)
    return float(f1.max()) if len(f1) else 0.0


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


def best_f(beta: float) -> str:
    """What the best F score of that beta is called among the metrics: best_f4."""
    return f"best_f{beta:g}"


def summary(curve: Curve, betas: Sequence[float] = ()) -> Row:
    """Average precision, and the best F1 with its threshold; None where they are not defined.

    betas: of further F scores, whose best value is 0 where there is truth but no candidate at all: otherwise a class
    that is never found would be left out of a mean over classes, and finding less would pay.
    """
    if not len(curve.thresholds):
        missed = 0.0 if curve.truth else None
        return {
            "average_precision": None,
            "best_f1": None,
            **{best_f(beta): missed for beta in betas},
            "best_threshold": None,
        }
    f1 = curve.f_beta(1)
    best = int(f1.argmax())
    area = float(average_precision(curve))
    return {
        "average_precision": round(area, 5) if area == area else None,
        "best_f1": round(float(f1[best]), 5),
        **{best_f(beta): round(float(curve.f_beta(beta).max()), 5) for beta in betas},
        "best_threshold": round(float(curve.thresholds[best]), 5),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, 6) if total else None
