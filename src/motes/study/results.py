"""What the tests of a study found, as arrays: a value for each net, image and seed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.study.description import METRICS, Study
from motes.study.folder import Folder, items_of_tests

Values = NDArray[np.float64]  # (images, seeds), nan where missing
Tested = tuple[int, list[int], Mapping[str, Any]]  # fold, the places of its images, what a test says of a net
COUNTS = ("true_positives", "false_positives", "false_negatives")


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
    net by fold, what predicts together, as arm/seed.
    """

    name: str
    ensemble: bool
    seeds: Sequence[int]
    values: Mapping[str, Values]
    found: Sequence[Sequence[NDArray[np.bool_] | None]]
    parameters: float
    seconds_per_image: float
    members: Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True)
class Results:
    """All test images, in the order of folds, and the rows by name: arms first, then ensembles.

    records: what each test wrote, by item. left_out: ensembles whose nets cannot predict together, and why.
    unread: test images that could not be used, and why.
    """

    images: Sequence[TestImage]
    rows: Mapping[str, Row]
    records: Mapping[str, Mapping[str, Any]]
    left_out: Mapping[str, str]
    unread: Mapping[str, str]

    @property
    def groups(self) -> NDArray[np.str_]:
        """The group of each image."""
        return np.array([image.group for image in self.images], dtype=np.str_)


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
    return Results(images, rows, records, left_out, unread)


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
    values = {metric: np.full((images, len(seeds)), np.nan) for metric in (*METRICS, *COUNTS)}
    found: list[list[NDArray[np.bool_] | None]] = [[None] * images for _ in seeds]
    for column, seed in enumerate(seeds):
        for _, places, net in by_seed.get(seed, ()):
            for place, scores, flags in zip(places, net["scores"], net["found"], strict=True):
                found[column][place] = _flags(flags)
                for metric, table in values.items():
                    table[place, column] = np.nan if scores[metric] is None else scores[metric]
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
    )


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


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else float("nan")
