"""What the tests of a study found, as arrays: a value for each net, image and seed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.score.metrics import Counts
from motes.study.class_scores import ClassCounts, added, scores_of_class, scores_together
from motes.study.description import ERRORS, METRICS, OF_CLASSES, OF_OBJECTS, Study
from motes.study.folder import Folder, items_of_tests
from motes.study.samples import Place, Repeats, by_sample, repeats_of

Values = NDArray[np.float64]  # (images, seeds), nan where missing
Tested = tuple[int, list[int], Mapping[str, Any]]  # fold, the places of its images, what a test says of a net
COUNTS = ("true_positives", "false_positives", "false_negatives")
CountsByClass = Mapping[str, ClassCounts]


@dataclass(frozen=True)
class TestImage:
    """One test image. pixels: their hash. kinds: for each hard kind which particles are of it, (particles,) bool."""

    fold: int
    name: str
    group: str
    pixels: str
    particles: int
    kinds: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Row:
    """An arm, or an ensemble of nets, on the test images.

    seeds: one for each column; -1 is that of an ensemble of all seeds. values: by metric, counts among them. found: by
    column and image, which particles were found. parameters, seconds_per_image: means over the nets. members: of each
    net by fold, what predicts together, as arm/seed. classes: by column and image what was found and missed of each
    class, where there are several.
    """

    name: str
    ensemble: bool
    seeds: Sequence[int]
    values: Mapping[str, Values]
    found: Sequence[Sequence[NDArray[np.bool_] | None]]
    parameters: float
    seconds_per_image: float
    members: Sequence[tuple[int, Sequence[str]]]
    classes: Sequence[Sequence[CountsByClass | None]] = ()


@dataclass(frozen=True)
class Results:
    """All test images, in the order of folds, and the rows by name: arms first, then ensembles.

    records: what each test wrote, by item. left_out: ensembles whose nets cannot predict together, and why.
    unread: test images that could not be used, and why. samples: how many the study has; their test images are the
    same, and stand in images once for each. weights: of each class.
    """

    images: Sequence[TestImage]
    rows: Mapping[str, Row]
    records: Mapping[str, Mapping[str, Any]]
    left_out: Mapping[str, str]
    unread: Mapping[str, str]
    samples: int = 1
    weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def groups(self) -> NDArray[np.str_]:
        """The group of each image."""
        return np.array([image.group for image in self.images], dtype=np.str_)

    @property
    def places(self) -> list[Place]:
        """Where each image stands."""
        return [Place(image.fold, image.group, image.name) for image in self.images]

    @property
    def distinct(self) -> int:
        """How many test images there are, those of several samples counted once."""
        return (
            len({(image.group, image.name) for image in self.images})
            if self.samples > 1
            else len(self.images)
        )

    def repeats(self, values: Values) -> Repeats:
        """Values (images, seeds) as the statistics take them."""
        return repeats_of(values, self.places, self.samples)

    def by_sample(self, values: Values) -> Values:
        """Values (images, seeds) as (distinct images, samples, seeds)."""
        return by_sample(values, self.places, self.samples)

    def metrics(self, deciding: str) -> list[str]:
        """What is reported: METRICS and ERRORS, but those that few studies have only where they are known or decide."""
        return [
            metric
            for metric in (*METRICS, *ERRORS)
            if metric not in (*OF_CLASSES, *OF_OBJECTS, *ERRORS)
            or metric == deciding
            or any(not np.isnan(row.values[metric]).all() for row in self.rows.values())
        ]

    def together(self, row: Row) -> dict[str, Values]:
        """The scores of several classes (OF_CLASSES) of all test images together, (folds, seeds); nan where missing."""
        folds = max((image.fold for image in self.images), default=-1) + 1
        tables = {metric: np.full((folds, len(row.classes)), np.nan) for metric in OF_CLASSES}
        for fold in range(folds):
            for column, counts in enumerate(self._counts(row, fold)):
                if counts:
                    for metric, value in scores_together(counts, self.weights).items():
                        tables[metric][fold, column] = value
        return tables

    def of_classes(self, row: Row) -> dict[str, dict[str, float]]:
        """The scores of each class in all test images together, by its name: means over trainings."""
        folds = sorted({image.fold for image in self.images})
        nets = [counts for fold in folds for counts in self._counts(row, fold) if counts]
        each = (
            {name: [scores_of_class(counts[name]) for counts in nets] for name in self.weights}
            if nets
            else {}
        )
        return {
            name: {key: _known_mean([one[key] for one in own]) for key in own[0]}
            for name, own in each.items()
        }

    def _counts(self, row: Row, fold: int) -> list[dict[str, ClassCounts]]:
        """The counts of each class in all images of a fold, by column; empty where an image is missing."""
        places = [place for place, image in enumerate(self.images) if image.fold == fold]
        made = []
        for column in row.classes:
            images = [column[place] for place in places]
            known = [image for image in images if image is not None]
            whole = known and len(known) == len(images)
            made.append(
                {name: added([each[name] for each in known]) for name in self.weights} if whole else {}
            )
        return made


def read_results(study: Study, folder: Folder, folds: int) -> Results:
    """Everything that the tests have written so far."""
    records = {
        item: json.loads(folder.tested(item).read_text(encoding="utf-8"))
        for item in items_of_tests(study, folds)
        if folder.tested(item).is_file()
    }
    images = _images(records.values())
    place = {(image.fold, image.name): number for number, image in enumerate(images)}
    nets: dict[str, dict[int, list[Tested]]] = {}
    for record in records.values():
        places = [place[record["fold"], row["name"]] for row in record["images"]]
        for net in record["nets"]:
            name, seed = _name_and_seed(net["name"])
            nets.setdefault(name, {}).setdefault(seed, []).append((record["fold"], places, net))
    arms = [name for name in study.all_arms if name in nets]
    names = [*arms, *(name for name in nets if name not in arms)]
    rows = {name: _row(name, name not in arms, nets[name], len(images), study) for name in names}
    left_out = {name: why for record in records.values() for name, why in record["left_out"].items()}
    unread = {name: why for record in records.values() for name, why in record["unread"].items()}
    weights = next((dict(each["weights"]) for each in records.values() if each.get("weights")), {})
    return Results(images, rows, records, left_out, unread, study.division.samples, weights)


def _images(records: Iterable[Mapping[str, Any]]) -> list[TestImage]:
    """Each test image once, with what the first test that saw it says."""
    found: dict[tuple[int, str], TestImage] = {}
    for record in records:
        for row in record["images"]:
            kinds = {name: _flags(text) for name, text in row["kinds"].items()}
            image = TestImage(
                record["fold"], row["name"], row["group"], row["image_sha256"], row["particles"], kinds
            )
            found.setdefault((image.fold, image.name), image)
    return list(found.values())


def _name_and_seed(name: str) -> tuple[str, int]:
    """('attention', 1) from attention/1; a name without a seed is of all seeds, -1."""
    row, _, seed = name.rpartition("/")
    return (row, int(seed)) if row else (name, -1)


def _row(
    name: str,
    ensemble: bool,
    by_seed: Mapping[int, Sequence[Tested]],
    images: int,
    study: Study,
) -> Row:
    seeds = [seed for seed in (-1, *study.seeds) if seed in by_seed] if ensemble else list(study.seeds)
    values = {metric: np.full((images, len(seeds)), np.nan) for metric in (*METRICS, *ERRORS, *COUNTS)}
    found: list[list[NDArray[np.bool_] | None]] = [[None] * images for _ in seeds]
    classes: list[list[CountsByClass | None]] = [[None] * images for _ in seeds]
    for column, seed in enumerate(seeds):
        for _, places, net in by_seed.get(seed, ()):
            for place, scores, flags in zip(places, net["scores"], net["found"], strict=True):
                found[column][place] = _flags(flags)
                for metric, table in values.items():
                    value = scores.get(metric)
                    table[place, column] = np.nan if value is None else value
            for number, place in enumerate(places):
                classes[column][place] = _class_counts(net.get("classes", {}), number)
    nets = [net for each in by_seed.values() for _, _, net in each]
    return Row(
        name=name,
        ensemble=ensemble,
        seeds=seeds,
        values=values,
        found=found,
        parameters=_mean(net["parameters"] for net in nets),
        seconds_per_image=_mean(net["seconds_per_image"] for net in nets),
        members=[(fold, net["members"]) for each in by_seed.values() for fold, _, net in each],
        classes=classes,
    )


def _class_counts(by_class: Mapping[str, Mapping[str, Any]], image: int) -> CountsByClass | None:
    """What a test says of each class in one image; None where it says nothing of classes."""
    return {
        name: ClassCounts(Counts(*kinds["strict"][image]), Counts(*kinds["official"][image]))
        for name, kinds in by_class.items()
    } or None


def recall_of_kinds(row: Row, images: Sequence[TestImage], kind: str) -> tuple[int, float]:
    """How many true particles are of a kind, and which part of them a row found, over all seeds; nan without any."""
    particles, looked_at, found = 0, 0, 0
    for place, image in enumerate(images):
        flags = image.kinds.get(kind)
        if flags is None:
            continue
        particles += int(flags.sum())
        for column in row.found:
            hits = column[place]
            if hits is not None:
                looked_at += int(flags.sum())
                found += int((flags & hits).sum())
    return particles, found / looked_at if looked_at else float("nan")


def _flags(text: str) -> NDArray[np.bool_]:
    return np.asarray(np.frombuffer(text.encode(), dtype=np.uint8) == ord("1"))


def _known_mean(values: Iterable[float]) -> float:
    return _mean(value for value in values if not np.isnan(value))


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else float("nan")
