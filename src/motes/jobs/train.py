"""Train a recipe on images with picks, into a run folder."""

import csv
import io
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import motes
from motes.data.collection import Collection, collect
from motes.data.crops import CropSource
from motes.errors import InputError, OutputError
from motes.jobs.device import choose_device
from motes.jobs.prepare import Prepared, prepare, resolve_diameter, validation_names
from motes.jobs.telling import Failure, Silent, Teller
from motes.jobs.training_report import leave_report
from motes.nets.build import build_net, parameter_count
from motes.nets.model_file import Model, ModelDescription, TrainedOn, save_model
from motes.output import write_text
from motes.picking.thresholds import FittedThreshold, fit_threshold
from motes.recipe import Recipe
from motes.train.loop import EpochResult, chosen_precision, plain, train_net
from motes.train.validate import Validator, summary
from motes.units import Length

MODEL = "model.safetensors"
STORE = ".working-images"  # exists while training only


@dataclass(frozen=True)
class TrainingData:
    """What the user points at; validation is taken from the training images where it is not given."""

    images: Sequence[str]
    picks: str
    validation_images: Sequence[str] = ()
    validation_picks: str | None = None
    check_flips: bool = True


@dataclass(frozen=True)
class TrainResult:
    """model: where it lies. validation: average precision and such. failures: images left out."""

    model: Path
    threshold: FittedThreshold
    validation: dict[str, float | None]
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class Parts:
    """Prepared images by part."""

    train: list[Prepared]
    validation: list[Prepared]
    failures: list[Failure]


def train(
    recipe: Recipe,
    data: TrainingData,
    run: Path,
    *,
    resume: bool = False,
    device: str | None = None,
    threads: int | None = None,
    teller: Teller | None = None,
) -> TrainResult:
    """Train a recipe; a run that was killed goes on with resume as if nothing had happened.

    Raises InputError for data that cannot be trained on, OutputError for a run folder already in use.
    """
    teller = teller or Silent()
    chosen = choose_device(device, threads)
    collection, validation = _collections(data, recipe, teller)
    length = resolve_diameter(recipe, collection)
    recipe = recipe.model_copy(update={"diameter": str(length).replace(" A", "")})
    _check_run(run, recipe, resume)
    parts = _prepare_parts(collection, validation, recipe, length, run, data.check_flips, teller)
    _keep_manifest(run, parts, resume)
    write_text(run / "recipe.yaml", recipe.as_yaml())
    net = build_net(recipe.net, recipe.seed).to(chosen)
    _tell_plan(recipe, parts, net, chosen, teller)
    validator = _validator(recipe, parts, chosen)
    _train_with_records(net, recipe, parts, run, validator, teller)
    found = validator.picks(net)
    curve = validator.curve_of(found)
    fitted = fit_threshold(curve, recipe.threshold_goal)
    model = Model(net, _describe(recipe, length, parts, fitted))
    save_model(run / MODEL, model)
    leave_report(run, data, parts, model, validator, found, fitted)
    shutil.rmtree(run / STORE, ignore_errors=True)
    return TrainResult(run / MODEL, fitted, summary(curve), parts.failures)


def _collections(data: TrainingData, recipe: Recipe, teller: Teller) -> tuple[Collection, Collection | None]:
    ndim = recipe.net.ndim
    collection = collect(data.images, data.picks, ndim)
    validation = None
    if data.validation_images:
        if data.validation_picks is None:
            raise InputError("--validation-images needs --validation-picks")
        validation = collect(data.validation_images, data.validation_picks, ndim)
    for note in [*collection.notes, *(validation.notes if validation else [])]:
        teller.say(note)
    return collection, validation


def _check_run(run: Path, recipe: Recipe, resume: bool) -> None:
    """See that the folder holds no run, or with resume one that began with this very recipe."""
    kept = run / "recipe.yaml"
    if not any((run / name).exists() for name in (kept.name, "checkpoints", "metrics.jsonl", MODEL)):
        return
    if not resume:
        raise OutputError(
            f"{run} already holds a run; add --resume to go on with it, or give another folder with --out"
        )
    if not kept.is_file() or kept.read_text(encoding="utf-8") != recipe.as_yaml():
        raise OutputError(
            f"{run} began with another recipe (see {kept}); resume with the same words, or use another folder"
        )


def _prepare_parts(
    collection: Collection,
    validation: Collection | None,
    recipe: Recipe,
    length: Length,
    run: Path,
    check_flips: bool,
    teller: Teller,
) -> Parts:
    store = run / STORE
    prepared, failures = prepare(collection, recipe, length, store / "train", teller, check_flips)
    if validation is not None:
        kept, more = prepare(validation, recipe, length, store / "validation", teller, check_flips)
        _check_apart(prepared, kept)
        parts = Parts(prepared, kept, failures + more)
    else:
        holding = {p.name for p in prepared if len(p.labelled.points)}
        kept_out = validation_names([p.name for p in prepared], holding, recipe)
        parts = Parts(
            [p for p in prepared if p.name not in kept_out],
            [p for p in prepared if p.name in kept_out],
            failures,
        )
    if not sum(len(p.labelled.points) for p in parts.train):
        reason = failures[0].reason if failures else "the picks of all training images are empty"
        raise InputError(f"there is no particle to train on: {reason}")
    if not sum(len(p.labelled.points) for p in parts.validation):
        teller.warn(
            "there is no particle to validate on, so the threshold is fitted on the training images and will "
            "look better than it is; label another image, or give --validation-images"
        )
        parts = replace(parts, validation=parts.train)
    return parts


def _check_apart(train: Sequence[Prepared], validation: Sequence[Prepared]) -> None:
    """Raise InputError where an image is to be trained on and validated on."""
    hashes = {image.sha256 for image in train}
    twice = [image.name for image in validation if image.sha256 in hashes]
    if twice:
        raise InputError(
            f"{len(twice)} of the validation images are training images too ({', '.join(twice[:3])}); "
            "what is validated on must not be trained on, so take them out of one of the two"
        )


def _keep_manifest(run: Path, parts: Parts, resume: bool) -> None:
    """Write data.csv; with resume see that the data are still the same."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["image", "part", "particles", "diameter_px", "pixel_size", "sha256"])
    for part, images in (("train", parts.train), ("validation", parts.validation)):
        for image in images:
            size = "" if image.pixel_size is None else f"{image.pixel_size:.6g}"
            count = len(image.labelled.points)
            writer.writerow([image.name, part, count, f"{image.diameter:.6g}", size, image.sha256])
    kept = run / "data.csv"
    if resume and kept.exists() and kept.read_text(encoding="utf-8") != table.getvalue():
        raise OutputError(
            f"the images or picks have changed since {run} began (see {kept}); use another folder"
        )
    write_text(kept, table.getvalue())


def _tell_plan(recipe: Recipe, parts: Parts, net: nn.Module, device: torch.device, teller: Teller) -> None:
    particles = sum(len(p.labelled.points) for p in parts.train)
    first = parts.train[0]
    enlarged = recipe.working_diameter / first.diameter
    if enlarged > 2:
        teller.warn(
            f"the particle is {first.diameter:.3g} px across in {first.name}, so images are enlarged "
            f"{enlarged:.1f} times; is the diameter right ({recipe.diameter})?"
        )
    teller.say(f"diameter {recipe.length}: {first.diameter:.4g} px in {first.name}")
    precision = str(chosen_precision(recipe.training, device)).removeprefix("torch.")
    teller.say(
        f"training {recipe.net.name} of width {recipe.net.width} ({parameter_count(net):,} parameters) on "
        f"{len(parts.train)} images with {particles} particles, validating on {len(parts.validation)}; "
        f"{device.type}, {torch.get_num_threads()} threads, {precision}"
    )


def _validator(recipe: Recipe, parts: Parts, device: torch.device) -> Validator:
    return Validator(
        [p.labelled for p in parts.validation],
        recipe.net,
        recipe.picking,
        recipe.working_diameter,
        chosen_precision(recipe.training, device),
    )


def _train_with_records(
    net: nn.Module, recipe: Recipe, parts: Parts, run: Path, validator: Validator, teller: Teller
) -> None:
    """Train, with a line of metrics.jsonl for each epoch; lines beyond the last checkpoint are made again."""
    source = CropSource(
        [p.labelled for p in parts.train],
        recipe.working_diameter,
        recipe.sampling,
        recipe.augmentation,
        recipe.target,
    )
    training = recipe.training
    with teller.progress("training", training.epochs * training.steps, "steps") as done:

        def on_epoch(result: EpochResult) -> None:
            row = {**plain(result), **summary(validator.curve(net))}
            _record(run, row)
            teller.say(
                f"epoch {result.epoch} of {training.epochs}: loss {result.loss:.4f}, "
                f"best F1 on the validation images {_shown(row['best_f1'])}"
            )

        train_net(net, source, training, recipe.seed, run, on_epoch, done)


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _record(run: Path, row: dict[str, float | None]) -> None:
    """Put one epoch's line into metrics.jsonl, in place of any that an interrupted try left there."""
    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if json.loads(line)["epoch"] < row["epoch"]]
    write_text(path, "\n".join([*kept, json.dumps(row)]) + "\n")


def _describe(recipe: Recipe, length: Length, parts: Parts, fitted: FittedThreshold) -> ModelDescription:
    same = parts.validation is parts.train
    where = "the training images themselves" if same else f"{len(parts.validation)} validation images"
    return ModelDescription(
        net=recipe.net,
        classes=recipe.classes,
        diameter=length.value,
        diameter_unit=length.unit,
        working_diameter=recipe.working_diameter,
        normalisation=recipe.normalisation,
        picking=recipe.picking,
        thresholds={recipe.classes[0]: round(fitted.threshold, 6)},
        threshold_note=f"fitted for {recipe.goal} on {where}" + (f"; {fitted.note}" if fitted.note else ""),
        trained_on=[
            TrainedOn(image=p.name, sha256=p.sha256, particles=len(p.labelled.points), part=part)
            for part, images in (("train", parts.train), ("validation", [] if same else parts.validation))
            for p in images
        ],
        recipe=recipe.model_dump(mode="json"),
        versions={
            "motes": motes.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    )
