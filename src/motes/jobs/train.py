"""Train a recipe on images with picks or masks, into a run folder."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import get_args

import torch
from torch import nn

from motes.data.crops import CropSource, Labelled
from motes.data.sources import DataSource
from motes.errors import RecipeError
from motes.jobs.cost import keep_summary, training_cost
from motes.jobs.describe_model import describe
from motes.jobs.device import choose_device
from motes.jobs.fine_tuning import Start, read_start, settle_thresholds
from motes.jobs.history_table import write_history, write_training_summary
from motes.jobs.partial_labels import judged, sight_of, with_unknown
from motes.jobs.parts import Parts, Prepared
from motes.jobs.run_folder import MODEL, begin, check_run, check_weights
from motes.jobs.run_record import METRICS, keep_line, keep_shown, keep_start
from motes.jobs.telling import Failure, Silent, Teller
from motes.jobs.told_training import epoch_line, tell_plan
from motes.jobs.training_data import STORE, gather
from motes.jobs.training_report import leave_report
from motes.jobs.training_worlds import crop_maker, world_parts
from motes.nets.borrowed import load_encoder
from motes.nets.build import build_net
from motes.nets.model_file import Model, save_model
from motes.picking.thresholds import FittedThreshold, Goal
from motes.recipe import Recipe, readable_diameter
from motes.score.metrics import Curve
from motes.train.alarms import warning
from motes.train.checkpoint import Progress
from motes.train.loop import best_epochs, train_net
from motes.train.losses import find_loss, with_separator
from motes.train.mining import Mine
from motes.train.plan import Plan, Row
from motes.train.precision import chosen_precision
from motes.train.processes import Processes, joined, with_shared_statistics
from motes.train.settings import Watched
from motes.train.validate import DEPTHS, Validator


@dataclass(frozen=True)
class TrainingData:
    """What the user points at. check_flips: refuse picks that seem to be mirrored.

    table: the file that the sources were read from, if one was.
    """

    sources: Sequence[DataSource]
    check_flips: bool = True
    table: Path | None = None


@dataclass(frozen=True)
class TrainResult:
    """model: where it lies. thresholds: by class. failures: images left out. stopped: why, if early.

    knows_diameter: whether the model can be used without one being given.
    """

    model: Path
    thresholds: dict[str, FittedThreshold]
    validation: Row
    failures: list[Failure] = field(default_factory=list)
    stopped: str = ""
    knows_diameter: bool = True


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

    Under torchrun or srun all processes train one net; the first one writes, and all get its result. Raises
    InputError for data that cannot be trained on, OutputError for a run folder already in use.
    """
    with joined(device) as processes:
        chosen = choose_device(device, threads, processes.local if processes.count > 1 else None)
        speaker = (teller or Silent()) if processes.first else Silent()
        return _train(recipe, data, run, resume, chosen, processes, speaker)


def _train(
    recipe: Recipe,
    data: TrainingData,
    run: Path,
    resume: bool,
    device: torch.device,
    processes: Processes,
    teller: Teller,
) -> TrainResult:
    processes.once(lambda: check_run(run, resume))
    with _working_images(run, processes):
        if recipe.worlds.use:
            parts = processes.once(lambda: world_parts(data.sources, recipe, teller))
        else:
            parts = gather(data.sources, recipe, run, teller, processes, data.check_flips)
        recipe = settled(recipe, parts, processes)
        processes.once(lambda: begin(run, recipe, parts, resume))
        start = read_start(recipe)
        net = untrained_net(recipe)
        processes.once(lambda: check_weights(run, net, recipe))
        processes.once(lambda: keep_start(run, net, recipe.training, device, processes))
        net = with_shared_statistics(net.to(device), processes, device)
        tell_plan(recipe, parts, net, device, processes, teller)
        if start is not None and recipe.labels == "partial":
            parts = _with_unknown(parts, recipe, start, run, device, processes, teller)
        validator = looker(recipe, parts, parts.validation, device)
        progress = _train_with_records(net, recipe, parts, run, validator, processes, teller)
        return processes.once(
            lambda: _finish(net, recipe, data, parts, run, validator, progress, start, teller)
        )


def untrained_net(recipe: Recipe) -> nn.Module:
    """The net of a recipe with its initial weights; ModelError where those of its start or encoder cannot be used."""
    start = read_start(recipe)
    if start is not None:
        return start.model.net
    net = build_net(recipe.net, recipe.seed)
    if recipe.encoder_weights is not None:
        load_encoder(net, recipe.net, Path(recipe.encoder_weights))
    return net


def _with_unknown(
    parts: Parts,
    recipe: Recipe,
    start: Start,
    run: Path,
    device: torch.device,
    processes: Processes,
    teller: Teller,
) -> Parts:
    """The parts of a run with what partial labels leave unknown, seen by the model that training starts from."""
    model = Model(start.model.net.to(device), start.model.description)
    look = sight_of(model, chosen_precision(recipe.training, device))
    return with_unknown(parts, look, run / STORE / "unknown", recipe.target, processes, teller)


@contextmanager
def _working_images(run: Path, processes: Processes) -> Iterator[None]:
    """Remove the working images when training ends, in whatever way: a resumed run makes them again."""
    try:
        yield
    finally:
        if processes.first:
            shutil.rmtree(run / STORE, ignore_errors=True)


def settled(recipe: Recipe, parts: Parts, processes: Processes) -> Recipe:
    """The recipe with what only the data could say: the diameter, and what is watched."""
    updates: dict[str, object] = {}
    if len(recipe.classes) == 1 and parts.lengths:
        updates["diameter"] = readable_diameter(str(parts.lengths[0]))
    watch = recipe.training.watch
    if watch == "auto":
        by_pixel = parts.masked and recipe.outlining is None
        watch = "pixel_f1" if by_pixel else _best_f_of(recipe.threshold_goal)
        if recipe.labels == "partial":
            watch = "pixel_best_f1"
        updates["training"] = recipe.training.model_copy(update={"watch": watch})
    if recipe.outlining is not None and not parts.masked:
        raise RecipeError(
            "recipe: picking.method is outlines, which is learnt from masks, but picks are given; give --masks, or set "
            "picking.method to peaks"
        )
    if parts.masked and recipe.outlining is None and not watch.startswith("pixel_"):
        raise RecipeError(
            f"recipe: training.watch is {watch}, which needs picks, but masks are given; set it to pixel_f1, "
            "pixel_best_f1, pixel_iou or pixel_auc"
        )
    if recipe.training.batch % (processes.count * recipe.training.accumulate):
        raise RecipeError(
            f"recipe: training.batch is {recipe.training.batch}, which cannot be divided among {processes.count} "
            f"processes in {recipe.training.accumulate} parts; make it a multiple of "
            f"{processes.count * recipe.training.accumulate}"
        )
    return recipe.model_copy(update=updates)


def _best_f_of(goal: Goal) -> Watched:
    """The metric that is watched for a goal: the best F score of its beta where there is one, else of F1."""
    named = f"best_{goal}"
    return next((each for each in get_args(Watched) if each == named), "best_f1")


def _betas(recipe: Recipe) -> tuple[float, ...]:
    """Of the F scores that validation tells beside F1: that of the goal, and that which is watched."""
    goal, watch = recipe.threshold_goal, recipe.training.watch
    found = [goal.value] if goal.name == "f" else []
    found += [float(watch.removeprefix("best_f"))] if watch.startswith("best_f") else []
    return tuple(sorted({beta for beta in found if beta != 1}))


def looker(recipe: Recipe, parts: Parts, images: Sequence[Prepared], device: torch.device) -> Validator:
    """What predicts images of a run and compares them with their truth."""
    return Validator(
        images=_to_judge(recipe, parts, images),
        classes=recipe.class_names,
        net=recipe.net,
        picking=recipe.picking,
        diameters=() if parts.masked else parts.working,
        target=recipe.target,
        precision=chosen_precision(recipe.training, device),
        weights=tuple(each.weight for each in recipe.classes),
        betas=() if parts.masked and recipe.outlining is None else _betas(recipe),
        trained=recipe.sampling.shape(recipe.net.ndim),
        match_distance=recipe.match_distance,
        outlining=recipe.outlining,
    )


def _to_judge(recipe: Recipe, parts: Parts, images: Sequence[Prepared]) -> list[Labelled]:
    return [judged(image.labelled, parts.working, recipe.target) for image in images]


def crop_source(recipe: Recipe, parts: Parts) -> CropSource:
    """The crops of a run."""
    return CropSource(
        images=[image.labelled for image in parts.train],
        diameters=() if parts.masked else parts.working,
        sampling=recipe.sampling,
        augmentation=recipe.augmentation,
        target=recipe.target,
        outputs=recipe.net.outputs,
        pixel_size=_working_pixel_size(parts),
        order=parts.order,
        separator=recipe.splitting.separator if recipe.outlining is not None else None,
    )


def _working_pixel_size(parts: Parts) -> float | None:
    """A/px of the image that the net sees, by the first training image; None where it is not known."""
    first = parts.train[0]
    if first.pixel_size is None or not first.diameters or not parts.working:
        return first.pixel_size
    return first.pixel_size * first.diameters[0] / parts.working[0]


def _train_with_records(
    net: nn.Module,
    recipe: Recipe,
    parts: Parts,
    run: Path,
    validator: Validator,
    processes: Processes,
    teller: Teller,
) -> Progress:
    """Train, with a line of metrics.jsonl for each epoch; lines beyond the last checkpoint are made again."""
    plan = run_plan(recipe, parts, run)
    training = recipe.training
    with (
        crop_maker(recipe, plan) as source,
        teller.progress("training", training.epochs * plan.steps * training.batch, "images") as done,
    ):

        def on_epoch(row: Row) -> None:
            keep_line(run / METRICS, row)
            teller.say(epoch_line(row, recipe))

        progress = train_net(
            net,
            replace(
                plan,
                source=source,
                validate=lambda trained: validator.row(validator.look(trained)),
                on_epoch=on_epoch,
                on_shown=partial(keep_shown, run),
                on_step=lambda step: done(step * training.batch),
                mine=Mine(replace(validator, images=_to_judge(recipe, parts, parts.train)), recipe.seed)
                if recipe.sampling.hard
                else None,
                processes=processes,
            ),
        )
    if told := warning(progress.rows, training):
        teller.warn(told)
    return progress


def run_plan(recipe: Recipe, parts: Parts, run: Path) -> Plan:
    """The training of a recipe on its data, without validation and records."""
    return Plan(
        run=run,
        source=crop_source(recipe, parts),
        training=recipe.training,
        loss=with_separator(find_loss(recipe.loss)) if recipe.net.independent else find_loss(recipe.loss),
        seed=recipe.seed,
        steps=recipe.training.steps_for(len(parts.train)),
        validate=lambda _: {},
    )


def _with_outlining(
    net: nn.Module, recipe: Recipe, parts: Parts, validator: Validator, teller: Teller
) -> tuple[Validator, list[Curve] | None]:
    """The validator with the outlining that suits the net, and the curve that its threshold is fitted on.

    None where that is the validator's own: where no objects are outlined, or validation images are enough.
    """
    images = parts.to_fit_on
    alone = len(images) == len(parts.validation)
    if recipe.outlining is None or (alone and not recipe.splitting.fit):
        return validator, None
    fitting = replace(validator, images=_to_judge(recipe, parts, images))
    depths = DEPTHS if recipe.splitting.fit else ()
    with teller.progress("choosing how to outline", len(images), "images") as done:
        outlining, curve = fitting.fitted_outlining(net, recipe.outlining, depths, done)
    return replace(validator, outlining=outlining), None if alone else [curve]


def _finish(
    net: nn.Module,
    recipe: Recipe,
    data: TrainingData,
    parts: Parts,
    run: Path,
    validator: Validator,
    progress: Progress,
    start: Start | None,
    teller: Teller,
) -> TrainResult:
    """Settle the thresholds, write the model, and leave the report."""
    cost = training_cost(net, recipe, validator)
    validator, fitting_curves = _with_outlining(net, recipe, parts, validator, teller)
    seen = validator.look(net)
    curves = [validator.curve(seen, number) for number in range(len(recipe.classes))]
    fitted = settle_thresholds(recipe, parts, curves, start, fitting_curves)
    model = Model(net, describe(recipe, parts, fitted, start, validator.outlining))
    save_model(run / MODEL, model)
    best = best_epochs(progress, recipe.training)
    used = best[0] if recipe.training.keep == "best" and best else progress.epochs
    keep_summary(run, cost, progress, recipe.training.watch, used)
    write_history(run)
    write_training_summary(run)
    leave_report(run, data, parts, model, validator, seen, fitted)
    return TrainResult(
        run / MODEL, fitted, validator.row(seen), parts.failures, progress.stopped, bool(parts.lengths)
    )
