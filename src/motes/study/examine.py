"""Looking at images with trained nets, alone and together: picks, pixels, and the scores of each image."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.sampling import Labelled
from motes.jobs.training_data import Prepared
from motes.nets.model_file import Model
from motes.picking.objects import find_components
from motes.picking.picker import pick_map
from motes.picking.thresholds import fit_threshold
from motes.picks import Picks
from motes.predict.ensemble import maps_of, mean_maps
from motes.recipe import Recipe
from motes.score.matching import match, nothing_ignored
from motes.score.metrics import (
    Counts,
    average_precision,
    count,
    f_beta,
    precision,
    precision_recall_curve,
    rank,
    recall,
)
from motes.score.pixels import PixelCounts
from motes.train.validate import is_class, true_picks, whole_truth

Scores = dict[str, float | None]


@dataclass(frozen=True)
class Ensemble:
    """Nets by their names among those at hand; one net alone is an ensemble of one."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """What nets gave for one image: candidates and pixel counts by class, the maps (classes, [z,] y, x), and how long
    the nets took for these (s).
    """

    picks: list[Picks]
    pixels: list[PixelCounts]
    maps: NDArray[np.float32]
    seconds: float


@dataclass(frozen=True)
class Examination:
    """What an ensemble of nets did on test images.

    thresholds: by class, fitted on validation images. scores: of each image. found: for each image which of its
    true particles, in their order, were found. picks: above the threshold, by image and class, in working pixels.
    maps: (classes, [z,] y, x), of the images whose maps were to be kept, by their number.
    """

    ensemble: Ensemble
    thresholds: dict[str, float]
    scores: list[Scores]
    found: list[NDArray[np.bool_]]
    picks: list[list[Picks]]
    maps: dict[int, NDArray[np.float32]]
    seconds: list[float]

    @property
    def seconds_per_image(self) -> float:
        """To predict one test image; the first, in which a processor warms up, counts for little in the median."""
        return float(np.median(self.seconds)) if self.seconds else float("nan")


def with_centres(images: Sequence[Prepared], classes: int) -> list[Prepared]:
    """Images whose truth is masks, with a centre for each connected region of a class; others as they are.

    All get the median of the regions' diameters (px) as the diameter of their class.
    """
    if all(image.particles is not None for image in images):
        return list(images)
    found = [regions(image.labelled, classes) for image in images]
    numbers, diameters = (np.concatenate(column) for column in zip(*map(_sizes, found), strict=True))
    sizes = [diameters[numbers == number] for number in range(classes)]
    working = tuple(float(np.median(each)) if len(each) else 1.0 for each in sizes)
    return [
        replace(image, labelled=_with_points(image.labelled, picks), working=working, particles=len(picks))
        for image, picks in zip(images, found, strict=True)
    ]


def _sizes(picks: Picks) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The class number and the diameter of each region."""
    assert picks.diameters is not None
    classes = np.zeros(len(picks), np.int64) if picks.classes is None else picks.classes.astype(np.int64)
    return classes, picks.diameters


def regions(image: Labelled, classes: int) -> Picks:
    """The connected regions of a mask as picks; their class is its number as a word."""
    assert image.labels is not None
    mask = np.asarray(image.labels[(slice(None),) * len(image.labels.shape)])
    each = [find_components((mask == number + 1).astype(np.float32), 0.5, 1) for number in range(classes)]
    return Picks(
        np.concatenate([picks.points for picks in each]),
        classes=np.repeat([str(number) for number in range(classes)], [len(picks) for picks in each]),
        diameters=np.concatenate([picks.diameters for picks in each]),
    )


def _with_points(image: Labelled, picks: Picks) -> Labelled:
    return replace(image, points=picks.points, classes=_sizes(picks)[0])


@dataclass(frozen=True)
class Examiner:
    """How images are looked at: what the recipe says of picking and truth. precision: of the nets."""

    recipe: Recipe
    precision: torch.dtype

    def examine(
        self,
        models: Mapping[str, Model],
        ensembles: Sequence[Ensemble],
        validation: Sequence[Prepared],
        test: Sequence[Prepared],
        kept: Collection[int] = (),
    ) -> list[Examination]:
        """Fit each ensemble's thresholds on the validation images, then score it on the test images, each seen once.

        kept: numbers of the test images of which the first ensemble's maps are kept.
        """
        candidates: dict[str, list[list[Picks]]] = {each.name: [] for each in ensembles}
        for _, seen in self.looks(models, ensembles, validation):
            for name, each in seen.items():
                candidates[name].append(each.picks)
        thresholds = {name: self.fitted(each, validation) for name, each in candidates.items()}
        made = {each.name: Examination(each, thresholds[each.name], [], [], [], {}, []) for each in ensembles}
        for number, (image, seen) in enumerate(self.looks(models, ensembles, test)):
            for name, each in seen.items():
                self._add(made[name], each, image)
                if number in kept and name == ensembles[0].name:
                    made[name].maps[number] = each.maps
        return list(made.values())

    def _add(self, examination: Examination, seen: Seen, image: Prepared) -> None:
        scores, found, picks = self.scored(seen, image, examination.thresholds)
        examination.scores.append(scores)
        examination.found.append(found)
        examination.picks.append(picks)
        examination.seconds.append(seen.seconds)

    def looks(
        self, models: Mapping[str, Model], ensembles: Sequence[Ensemble], images: Sequence[Prepared]
    ) -> Iterator[tuple[Prepared, dict[str, Seen]]]:
        """Each image with what every ensemble gives for it; each net predicts it once."""
        for image in images:
            pixels = np.asarray(
                image.labelled.data[(slice(None),) * image.labelled.data.ndim], dtype=np.float32
            )
            timed = {name: _timed(model, pixels, self.precision) for name, model in models.items()}
            yield (
                image,
                {each.name: self.seen([timed[name] for name in each.members], image) for each in ensembles},
            )

    def seen(self, timed: Sequence[tuple[NDArray[np.float32], float]], image: Prepared) -> Seen:
        """Candidates in the mean of maps (classes, [z,] y, x), and how many pixels of each kind have which probability.

        timed: maps of each net, and how long they took.
        """
        maps = mean_maps([each for each, _ in timed])
        truth = whole_truth(image.labelled, image.working, self.recipe.target)
        picks = [
            pick_map(map_, size, self.recipe.picking) for map_, size in zip(maps, image.working, strict=True)
        ]
        pixels = [PixelCounts() for _ in maps]
        for number, (counts, map_) in enumerate(zip(pixels, maps, strict=True)):
            counts.add(map_, is_class(truth, number, len(maps)))
        return Seen(picks, pixels, maps, sum(seconds for _, seconds in timed))

    def fitted(self, candidates: Sequence[list[Picks]], images: Sequence[Prepared]) -> dict[str, float]:
        """The threshold of each class that serves the recipe's goal best on these images."""
        thresholds = {}
        for number, name in enumerate(self.recipe.class_names):
            ranked = [
                rank(picks[number], true_picks(image.labelled, number), image.working[number] / 2)
                for picks, image in zip(candidates, images, strict=True)
            ]
            curve = precision_recall_curve(ranked)
            thresholds[name] = fit_threshold(curve, self.recipe.threshold_goal).threshold
        return thresholds

    def scored(
        self, seen: Seen, image: Prepared, thresholds: Mapping[str, float]
    ) -> tuple[Scores, NDArray[np.bool_], list[Picks]]:
        """The scores of one image, means over classes by weight; which particles were found; the picks taken."""
        rows, taken = [], []
        found = np.zeros(len(image.labelled.points), dtype=bool)
        classes = image.labelled.class_of_points()
        for number, name in enumerate(self.recipe.class_names):
            truth, radius = true_picks(image.labelled, number), image.working[number] / 2
            chosen = seen.picks[number].above(thresholds[name])
            pairs = match(chosen, truth, radius)
            found[np.flatnonzero(classes == number)[pairs.pairs[:, 1]]] = True
            counts = count(pairs, nothing_ignored(chosen, truth))
            curve = precision_recall_curve([rank(seen.picks[number], truth, radius)])
            rows.append(_pick_scores(counts, average_precision(curve)) | _pixel_scores(seen.pixels[number]))
            taken.append(chosen)
        return _weighted(rows, [each.weight for each in self.recipe.classes]), found, taken


def _timed(
    model: Model, pixels: NDArray[np.float32], precision: torch.dtype
) -> tuple[NDArray[np.float32], float]:
    started = time.monotonic()
    maps = maps_of(model, pixels, precision)
    return maps, time.monotonic() - started


def _pick_scores(counts: Counts, area: float) -> Scores:
    found, wrong, missed = counts.true_positives, counts.false_positives, counts.false_negatives
    return {
        "f1": _known(float(f_beta(found, wrong, missed))),
        "precision": _known(float(precision(found, wrong))),
        "recall": _known(float(recall(found, missed))),
        "average_precision": _known(area),
        "true_positives": found,
        "false_positives": wrong,
        "false_negatives": missed,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _pixel_scores(counts: PixelCounts) -> Scores:
    return {f"pixel_{name}": value for name, value in counts.metrics().items()}


def _weighted(rows: Sequence[Scores], weights: Sequence[float]) -> Scores:
    """Metrics averaged over the classes that have them, by their weights; counts added up."""
    joined: Scores = {}
    for name in rows[0]:
        known = [
            (row[name], weight) for row, weight in zip(rows, weights, strict=True) if row[name] is not None
        ]
        if name.endswith("positives") or name.endswith("negatives"):
            joined[name] = sum(value for value, _ in known if value is not None)
            continue
        total = sum(weight for _, weight in known)
        joined[name] = sum(v * w for v, w in known if v is not None) / total if total else None
    return joined
