"""Looking at images with trained nets, alone and together: picks, pixels, and the scores of each image."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from motes.jobs.parts import Prepared
from motes.nets.model_file import Model
from motes.picking.picker import pick_map
from motes.picking.thresholds import fit_threshold
from motes.picks import Picks
from motes.predict.ensemble import maps_of
from motes.recipe import Recipe
from motes.score.matching import match, nothing_ignored
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
from motes.score.pixels import PixelCounts
from motes.study.class_scores import REACH, ClassCounts, class_counts, scores_of_image
from motes.study.description import OF_CLASSES
from motes.study.object_scores import (
    FoundObjects,
    every_map,
    find_objects,
    object_scores,
    true_objects,
)
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
    the nets took for these (s). objects: of nets that outline.
    """

    picks: list[Picks]
    pixels: list[PixelCounts]
    maps: NDArray[np.float32]
    seconds: float
    objects: FoundObjects | None = None


class Mean:
    """The mean of so many nets' maps, (classes, [z,] y, x), as they come; seconds: what they all took."""

    def __init__(self, count: int) -> None:
        self.missing = self.count = count
        self.seconds = 0.0
        self.maps = np.zeros(0, dtype=np.float32)

    def add(self, maps: NDArray[np.float32], seconds: float) -> bool:
        """Take one net's maps in; whether they were the last."""
        share = maps if self.count == 1 else maps / np.float32(self.count)
        self.maps = share if self.missing == self.count else self.maps + share
        self.seconds += seconds
        self.missing -= 1
        return self.missing == 0


@dataclass(frozen=True)
class Examination:
    """What an ensemble of nets did on test images.

    thresholds: by class, fitted on validation images. scores: of each image. found: for each image which of its
    true particles, in their order, were found. picks: above the threshold, by image and class, in working pixels.
    maps: (classes, [z,] y, x), of the images whose maps were to be kept, by their number. classes: of each image by
    class what was found and missed; empty for one class.
    """

    ensemble: Ensemble
    thresholds: dict[str, float]
    scores: list[Scores]
    found: list[NDArray[np.bool_]]
    picks: list[list[Picks]]
    maps: dict[int, NDArray[np.float32]]
    seconds: list[float]
    classes: list[dict[str, ClassCounts]] = field(default_factory=list)

    @property
    def seconds_per_image(self) -> float:
        """To predict one test image; the first, in which a processor warms up, counts for little in the median."""
        return float(np.median(self.seconds)) if self.seconds else float("nan")


@dataclass(frozen=True)
class Examiner:
    """How images are looked at: what the recipe says of picking and truth. precision: of the nets.

    metric: the one that decides; what it takes for a right pick, thresholds are fitted for.
    """

    recipe: Recipe
    precision: torch.dtype
    metric: str = "f1"

    @property
    def several(self) -> bool:
        """Whether scores of several classes together are asked for."""
        return len(self.recipe.classes) > 1 or self.metric in OF_CLASSES

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
        candidates: dict[str, list[list[Ranked]]] = {each.name: [] for each in ensembles}
        for image in validation:
            for ensemble, seen in self.looks(models, ensembles, image):
                candidates[ensemble.name].append(self.ranked(seen, image))
        made = [
            Examination(each, self.fitted(candidates[each.name]), [], [], [], {}, []) for each in ensembles
        ]
        by_name = {each.ensemble.name: each for each in made}
        for number, image in enumerate(test):
            for ensemble, seen in self.looks(models, ensembles, image):
                self._add(by_name[ensemble.name], seen, image)
                if number in kept and ensemble is ensembles[0]:
                    by_name[ensemble.name].maps[number] = seen.maps
        return made

    def _add(self, examination: Examination, seen: Seen, image: Prepared) -> None:
        scores, found, picks = self.scored(seen, image, examination.thresholds)
        if self.several:
            counts = self.counted(picks, image)
            examination.classes.append(counts)
            scores |= scores_of_image(counts, {each.name: each.weight for each in self.recipe.classes})
        if seen.objects is not None:
            scores |= object_scores(seen.objects, examination.thresholds[self.recipe.class_names[0]])
        examination.scores.append(scores)
        examination.found.append(found)
        examination.picks.append(picks)
        examination.seconds.append(seen.seconds)

    def looks(
        self, models: Mapping[str, Model], ensembles: Sequence[Ensemble], image: Prepared
    ) -> Iterator[tuple[Ensemble, Seen]]:
        """What each ensemble gives for an image, as soon as the last of its nets has seen it; each net sees it once.

        No more maps are in memory than those of one net, and a running mean for each ensemble of several.
        """
        pixels = np.asarray(image.labelled.data[(slice(None),) * image.labelled.data.ndim], dtype=np.float32)
        means = {each.name: Mean(len(each.members)) for each in ensembles}
        see = maps_of if self.recipe.outlining is None else every_map
        for name, model in models.items():
            started = time.monotonic()
            maps = see(model, pixels, self.precision)
            seconds = time.monotonic() - started
            for each in ensembles:
                if name in each.members and means[each.name].add(maps, seconds):
                    mean = means.pop(each.name)
                    yield each, self.seen(mean.maps, image, mean.seconds)

    def seen(self, maps: NDArray[np.float32], image: Prepared, seconds: float = 0.0) -> Seen:
        """Candidates in maps (classes, [z,] y, x), and how many pixels of each kind have which probability.

        Of nets that outline, the maps are the interior's and what separates neighbours.
        """
        truth = whole_truth(image.labelled, image.working, self.recipe.target)
        objects = None
        if self.recipe.outlining is None:
            sized = zip(maps, image.working, strict=True)
            picks = [pick_map(map_, size, self.recipe.picking) for map_, size in sized]
        else:
            objects = find_objects(maps, true_objects(image.labelled), self.recipe.outlining)
            picks, maps = [objects.picks], maps[:1]
        pixels = [PixelCounts() for _ in maps]
        for number, (counts, map_) in enumerate(zip(pixels, maps, strict=True)):
            counts.add(map_, is_class(truth, number, len(maps)))
        return Seen(picks, pixels, maps, seconds, objects)

    def ranked(self, seen: Seen, image: Prepared) -> list[Ranked]:
        """The candidates of each class in an image against the true ones: outlines by overlap, picks by distance."""
        if seen.objects is not None:
            return [seen.objects.ranked]
        reach = REACH if self.metric in OF_CLASSES else 1 / 2
        return [
            rank(picks, true_picks(image.labelled, number), reach * image.working[number])
            for number, picks in enumerate(seen.picks)
        ]

    def fitted(self, candidates: Sequence[list[Ranked]]) -> dict[str, float]:
        """The threshold of each class that serves the recipe's goal best on images; candidates: by image and class."""
        thresholds = {}
        for number, name in enumerate(self.recipe.class_names):
            curve = precision_recall_curve([each[number] for each in candidates])
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

    def counted(self, picks: Sequence[Picks], image: Prepared) -> dict[str, ClassCounts]:
        """What was found and missed of each class in one image; picks: those taken, by class."""
        some = len(image.labelled.points) > 0
        return {
            name: class_counts(picks[number], true_picks(image.labelled, number), image.working[number], some)
            for number, name in enumerate(self.recipe.class_names)
        }


def _pick_scores(counts: Counts, area: float) -> Scores:
    """The scores of one class in one image; an image without its particles has counts alone.

    There F1 would be defined only where a net picks something, which is when it is wrong.
    """
    found, wrong, missed = counts.true_positives, counts.false_positives, counts.false_negatives
    values = {
        "f1": float(f_beta(found, wrong, missed)),
        "precision": float(precision(found, wrong)),
        "recall": float(recall(found, missed)),
        "average_precision": area,
    }
    some = found + missed > 0
    scores: Scores = {name: _known(value) if some else None for name, value in values.items()}
    return scores | {"true_positives": found, "false_positives": wrong, "false_negatives": missed}


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
