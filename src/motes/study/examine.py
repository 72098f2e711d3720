"""Looking at images with trained nets, alone and together: picks, pixels, and the scores of each image."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
from motes.predict.ensemble import maps_of
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
from motes.study.class_scores import REACH, ClassCounts, class_counts, scores_of_image
from motes.study.description import OF_CLASSES
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


def with_centres(
    images: Sequence[Prepared], classes: int, sizes: tuple[float, ...] | None = None
) -> list[Prepared]:
    """Images whose truth is masks, with a centre for each connected region of a class; others as they are.

    sizes: the diameter of each class, px; without them the median of the regions'. They are those of images that
    thresholds are fitted on, since what is true of test images must not say how these are picked.
    """
    if not images or images[0].labelled.labels is None:
        return list(images)
    found = [regions(image.labelled, classes) for image in images]
    if sizes is None:
        numbers, diameters = (np.concatenate(column) for column in zip(*map(_sizes, found), strict=True))
        each = [diameters[numbers == number] for number in range(classes)]
        sizes = tuple(float(np.median(known)) if len(known) else 1.0 for known in each)
    return [
        replace(image, labelled=_with_points(image.labelled, picks), working=sizes, particles=len(picks))
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
        candidates: dict[str, list[list[Picks]]] = {each.name: [] for each in ensembles}
        for image in validation:
            for ensemble, seen in self.looks(models, ensembles, image):
                candidates[ensemble.name].append(seen.picks)
        made = [
            Examination(each, self.fitted(candidates[each.name], validation), [], [], [], {}, [])
            for each in ensembles
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
        for name, model in models.items():
            started = time.monotonic()
            maps = maps_of(model, pixels, self.precision)
            seconds = time.monotonic() - started
            for each in ensembles:
                if name in each.members and means[each.name].add(maps, seconds):
                    mean = means.pop(each.name)
                    yield each, self.seen(mean.maps, image, mean.seconds)

    def seen(self, maps: NDArray[np.float32], image: Prepared, seconds: float = 0.0) -> Seen:
        """Candidates in maps (classes, [z,] y, x), and how many pixels of each kind have which probability."""
        truth = whole_truth(image.labelled, image.working, self.recipe.target)
        picks = [
            pick_map(map_, size, self.recipe.picking) for map_, size in zip(maps, image.working, strict=True)
        ]
        pixels = [PixelCounts() for _ in maps]
        for number, (counts, map_) in enumerate(zip(pixels, maps, strict=True)):
            counts.add(map_, is_class(truth, number, len(maps)))
        return Seen(picks, pixels, maps, seconds)

    def fitted(self, candidates: Sequence[list[Picks]], images: Sequence[Prepared]) -> dict[str, float]:
        """The threshold of each class that serves the recipe's goal best on these images."""
        thresholds = {}
        reach = REACH if self.metric in OF_CLASSES else 1 / 2
        for number, name in enumerate(self.recipe.class_names):
            ranked = [
                rank(picks[number], true_picks(image.labelled, number), reach * image.working[number])
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
