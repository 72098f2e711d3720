"""Trains nets that outline objects, lets them outline images, and scores them beside others with one scorer."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import measure
from measure import MOTES
from motes.data.sources import write_data_rows
from motes.formats.images import read_image
from motes.score.counts import agreement
from motes.score.instance_report import ObjectImage, score_objects, summarise_objects
from motes.score.scores import Value
from motes.score.statistics import percentile_interval, resample_images

RESAMPLES = 1000
OBJECTS = ("masks.kind=instances", "picking.method=outlines")
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Annotated:
    """An image file and the file with its objects, numbered from 1."""

    image: Path
    labels: Path

    @property
    def name(self) -> str:
        return self.image.name

    def pixels(self) -> NDArray[np.float32]:
        return read_image(self.image).as_float32()

    def truth(self) -> Labels:
        return np.asarray(read_image(self.labels).data, dtype=np.int32)


def annotated(folder: Path) -> list[Annotated]:
    """All images of FOLDER/images that have objects in FOLDER/labels, by name."""
    images = sorted((folder / "images").iterdir())
    return [
        Annotated(each, folder / "labels" / each.name)
        for each in images
        if (folder / "labels" / each.name).exists()
    ]


def trained_and_outlined(
    recipe: str,
    changes: Sequence[str],
    train: Sequence[Annotated],
    test: Sequence[Annotated],
    work: Path,
    views: int = 1,
    threads: int = 2,
) -> Path:
    """The folder of a part: a net trained on images, and others outlined by it; a finished one is kept.

    Its name is made from the recipe, its changes and the bytes of the files. views: in which an image is outlined.
    """
    files = [file for each in (*train, *test) for file in (each.image, each.labels)]
    part = work / f"{recipe}-{measure.content_key(files, {'changes': list(changes), 'views': views})}"
    if measure.load_done(part) is not None:
        return part
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    rows = [{"image": str(each.image.resolve()), "masks": str(each.labels.resolve())} for each in train]
    write_data_rows(part / "data.csv", rows)
    learn = [*MOTES, "train", recipe, "--data", part / "data.csv", "--out", part / "run"]
    model = part / "run" / "model.safetensors"
    outline = [
        *MOTES,
        "pick",
        *(each.image for each in test),
        "--model",
        model,
        "--out",
        part / "picked",
        "--tta",
        views,
    ]
    steps = {"train": [*learn, *changes], "pick": outline}
    usage = {
        name: measure.run([*words, "--threads", threads], part / f"{name}.log", threads)
        for name, words in steps.items()
    }
    measure.save_done(part, usage)
    return part


def minutes(part: Path) -> float:
    """What training and outlining took."""
    done = measure.load_done(part)
    return sum(step["seconds"] for step in done["usage"].values()) / 60


def outlined(part: Path, test: Sequence[Annotated]) -> list[Labels]:
    """The objects that were found in each image."""
    files = {file.stem: file for file in (part / "picked" / "labels").rglob("*.tif")}
    return [np.asarray(read_image(files[each.image.stem]).data, dtype=np.int32) for each in test]


@dataclass(frozen=True)
class Scored:
    """What one program reached on some images.

    values: with intervals over images. jaccard (pixels), f1 (objects at IoU 0.5), mean_ap (mean of TP / (TP + FP + FN)
    over IoU 0.5 to 0.95), quality (panoptic, at 0.5), count_error (of all objects together, relative; its sign counts).
    count_off: mean error of an image's count, relative.
    """

    images: tuple[ObjectImage, ...]
    values: Mapping[str, Value]
    count_off: float


def scored(found: Sequence[Labels], test: Sequence[Annotated]) -> Scored:
    images = tuple(
        score_objects(each.name, labels, each.truth()) for each, labels in zip(test, found, strict=True)
    )
    report = summarise_objects(images, bootstrap=RESAMPLES)
    counts = [(len(each.overlaps.found), len(each.overlaps.truth)) for each in images]
    ours, theirs = np.array(counts, dtype=float).T
    values = {
        "jaccard": report.micro["pixel_iou"],
        "f1": report.micro["f1_50"],
        "mean_ap": report.macro["data_science_bowl"],
        "quality": report.micro["panoptic_quality_50"],
        "count_error": agreement(ours, theirs, bootstrap=RESAMPLES).total_error,
    }
    return Scored(images, values, float(np.mean(np.abs(ours - theirs) / np.maximum(theirs, 1))))


def difference(one: Scored, other: Scored, name: str) -> Value:
    """How much better one is than the other on the same images: jaccard or f1, with the interval of the pairs."""
    parts = {"jaccard": _pixels, "f1": _objects}[name]
    tables = [np.stack([parts(image) for image in each.images]) for each in (one, other)]
    draws = resample_images(len(one.images), RESAMPLES, seed=0)
    whole = np.ones((1, len(one.images)))
    resampled, plain = (
        np.subtract(*(_share(weights @ table) for table in tables)) for weights in (draws, whole)
    )
    return Value(float(plain[0]), *percentile_interval(resampled))


def _pixels(image: ObjectImage) -> NDArray[np.float64]:
    """What is right, and what that is divided by."""
    pixels = image.overlaps.pixels
    return np.array([pixels.true_positives, pixels.false_positives + pixels.false_negatives], dtype=float)


def _objects(image: ObjectImage) -> NDArray[np.float64]:
    right, wrong, missed = image.table[0, :3]
    return np.array([2 * right, wrong + missed])


def _share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[:, 0] / sums.sum(axis=1)


def table(rows: Mapping[str, Scored], took: Mapping[str, float]) -> str:
    """Markdown; in brackets the interval over images. took: minutes."""
    lines = [
        "| | Jaccard | object F1 at IoU 0.5 | mean over IoU 0.5 to 0.95 | panoptic quality "
        "| counts, all | counts, an image | min |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        cells = [with_interval(row.values[key]) for key in ("jaccard", "f1", "mean_ap", "quality")]
        spent = f"{took[name]:.1f}" if name in took else ""
        cells += [f"{100 * row.values['count_error'].value:+.1f} %", f"{100 * row.count_off:.1f} %", spent]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def with_interval(value: Value) -> str:
    return f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def record(rows: Mapping[str, Scored], took: Mapping[str, float]) -> dict[str, dict[str, object]]:
    """Every figure of the table and of each image, for JSON."""
    return {
        name: {
            "values": {key: [v.value, v.low, v.high] for key, v in row.values.items()},
            "count_off": row.count_off,
            "minutes": took.get(name),
            "images": {image.name: image.values() for image in row.images},
        }
        for name, row in rows.items()
    }


def save(path: Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))


def segmented(images: Sequence[Annotated], segment: Callable[[NDArray[np.float32]], Labels]) -> list[Labels]:
    """What a program that needs no files finds in each image."""
    return [segment(each.pixels()) for each in images]
