"""The training loop, in the open."""

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from motes.data.ahead import made_ahead
from motes.data.crops import Patches
from motes.errors import TrainingError
from motes.predict.maps import to_device
from motes.train.alarms import alarm
from motes.train.checkpoint import (
    LAST,
    Progress,
    Trainee,
    best_place,
    drop_all_but,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    save_weights,
    snapshot_place,
)
from motes.train.plan import Plan, Row
from motes.train.precision import chosen_precision
from motes.train.schedules import learning_rate, restart_epochs, since_best
from motes.train.settings import Training
from motes.train.shown import Shown

MAKERS = 8  # threads that cut crops for a GPU; on a processor one more would only take cores from the net


def train_net(net: nn.Module, plan: Plan) -> Progress:
    """Train a net in place, from the last checkpoint in the run folder if there is one.

    In the end the net has the weights to be used: those of the last epoch or of the best. Raises
    TrainingError, with everything kept that was reached, when the loss is no longer a finite number, the net
    has collapsed to one answer, or nothing improves at all.
    """
    trainee = make_trainee(net, plan.training)
    progress = load_checkpoint(plan.run, trainee)
    if plan.processes.count > 1 and progress.steps:
        progress.shown = shown_again(plan, progress)
    heed_alarm(plan, progress)  # of a run that is resumed
    with torch.random.fork_rng(devices=[]):
        while progress.epochs < plan.training.epochs and not progress.stopped:
            train_epoch(trainee, plan, progress)
            end_epoch(trainee, plan, progress)
            heed_alarm(plan, progress)
    use_weights(trainee, plan, progress)
    return progress


def make_trainee(net: nn.Module, training: Training) -> Trainee:
    """The net with the channels last in memory, its optimiser, and the average of its weights if wanted."""
    flat = not any(p.ndim == 5 for p in net.parameters())
    net.to(memory_format=torch.channels_last if flat else torch.channels_last_3d)  # type: ignore[call-overload]
    build = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}[training.optimiser]
    momentum = {"momentum": 0.9, "nesterov": True} if training.optimiser == "sgd" else {}
    optimiser = build(
        net.parameters(),
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        fused=True,
        **momentum,
    )
    average = None
    if training.average:
        blend = get_ema_multi_avg_fn(training.average)  # type: ignore[no-untyped-call]
        average = AveragedModel(net, multi_avg_fn=blend)
    return Trainee(net, torch.compile(net) if training.compile else net, optimiser, average)


def train_epoch(trainee: Trainee, plan: Plan, progress: Progress) -> None:
    """The steps of one epoch that are still to be done."""
    trainee.net.train()
    device = next(trainee.net.parameters()).device
    pending: list[Tensor] = []  # what the device has not been asked for yet, so that it need not wait
    saved = started = time.monotonic()
    for parts, waited in upcoming(plan, progress, device.type == "cuda"):
        torch.manual_seed(seed_of_step(plan, progress))  # for dropout
        loss, finishing = train_step(trainee, plan, progress, parts, device)
        pending.append(loss)
        for part in parts:
            progress.shown.add(part)
        progress.steps += 1
        progress.waited += waited + finishing
        plan.on_step(progress.epochs * plan.steps + progress.steps)
        now = time.monotonic()
        progress.seconds, started = progress.seconds + now - started, now
        due = plan.processes.first and now - saved > 60 * plan.training.checkpoint_minutes
        while len(pending) > (0 if due else 1):
            progress.losses.append(finite(pending.pop(0), plan, progress))
        if due:
            save_checkpoint(plan.run, trainee, progress)
            saved = now
    progress.losses += [finite(each, plan, progress) for each in pending]
    progress.seconds += time.monotonic() - started  # until the device has done the last step


def train_step(
    trainee: Trainee, plan: Plan, progress: Progress, parts: Sequence[Patches], device: torch.device
) -> tuple[Tensor, float]:
    """One step of the optimiser, on a batch worked through in parts.

    Returns the loss and the norm of the gradient (2,), still on the device, and how long the crops took to be
    finished (s).
    """
    training = plan.training
    rate = learning_rate(training, done(plan, progress), plan.steps, progress.watched(training.watch))
    for group in trainee.optimiser.param_groups:
        group["lr"] = rate
    precision = chosen_precision(training, device)
    trainee.optimiser.zero_grad()
    losses, finishing = [], 0.0
    for part in parts:
        started = time.monotonic()
        crops, targets = plan.source.finish(part, device)
        finishing += time.monotonic() - started
        with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            logits = trainee.forward(to_device(crops, device))
        loss = plan.loss(logits, targets, plan.processes.total) / len(parts)
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.detach())
    plan.processes.add_gradients(trainee.net)
    norm = nn.utils.clip_grad_norm_(trainee.net.parameters(), training.clip)
    trainee.optimiser.step()
    if trainee.average is not None:
        trainee.average.update_parameters(trainee.net)
    return torch.stack([torch.stack(losses).sum(), norm]), finishing


def heed_alarm(plan: Plan, progress: Progress) -> None:
    """Give a training up that goes wrong, by TrainingError; after the last epoch note why, and leave it its model.

    Judged by what a checkpoint keeps, so that a resumed run ends as one that was not stopped.
    """
    trouble = alarm(progress.rows, plan.training)
    if trouble and progress.epochs < plan.training.epochs:
        raise TrainingError(
            f"{trouble}. What was reached is kept in {plan.run}; going on from there ends in the same way, so make "
            "a change and train into another folder"
        )
    progress.stopped = progress.stopped or trouble or ""


def end_epoch(trainee: Trainee, plan: Plan, progress: Progress) -> None:
    """Validate, keep what is to be kept, write the checkpoint."""
    for net in {trainee.net, trainee.net_in_use}:
        plan.processes.average_statistics(net)
    row = epoch_row(trainee, plan, progress)

    def look() -> Mapping[str, float | None]:
        try:
            return plan.validate(trainee.net_in_use.eval())
        except TrainingError as error:
            raise TrainingError(f"{error}. {kept(plan)}") from None

    if plan.training.is_validated(progress.epochs + 1):
        row |= plan.processes.once(look)
        progress.rows.append(row)
    progress.hard = plan.processes.once(lambda: hard_places(trainee, plan, progress))
    steps, shown = progress.steps, Shown.joined(plan.processes.gathered(progress.shown))
    progress.next_epoch()
    progress.stopped = why_stop(progress, plan.training)
    plan.processes.once(lambda: plan.on_shown(progress.epochs, steps, shown))
    plan.processes.once(lambda: keep_epoch(trainee, plan, progress, row))


def hard_places(trainee: Trainee, plan: Plan, progress: Progress) -> list[list[float]]:
    """Where the net sees particles wrongly: the image's number, then the point."""
    if plan.mine is None:
        return []
    places = plan.mine.places(trainee.net_in_use.eval(), progress.epochs)
    return [[float(image), *map(float, point)] for image, point in places]


def keep_epoch(trainee: Trainee, plan: Plan, progress: Progress, row: Row) -> None:
    """Write the weights that are to be kept, the epoch's record, and then the checkpoint that knows of both."""
    epoch, best = progress.epochs, best_epochs(progress, plan.training)
    if epoch in best:
        save_weights(best_place(plan.run, epoch), trainee.net_in_use)
    if epoch in snapshot_epochs(plan.training):
        save_weights(snapshot_place(plan.run, epoch), trainee.net_in_use)
    plan.on_epoch(row)
    save_checkpoint(plan.run, trainee, progress)
    drop_all_but(plan.run, best)


def use_weights(trainee: Trainee, plan: Plan, progress: Progress) -> None:
    """Give the net the weights that become the model."""
    best = best_epochs(progress, plan.training)
    if plan.training.keep == "best" and best:
        load_weights(best_place(plan.run, best[0]), trainee.net)
    elif trainee.average is not None:
        trainee.net.load_state_dict(trainee.net_in_use.state_dict())
    trainee.net.eval()


def shown_again(plan: Plan, progress: Progress) -> Shown:
    """What this process was shown in the steps of the epoch that are done; a checkpoint knows the first one's only."""
    shown, before = Shown(), replace(progress, steps=0)
    for parts, _ in islice(upcoming(plan, before), progress.steps):
        for part in parts:
            shown.add(part)
    return shown


def upcoming(plan: Plan, progress: Progress, on_gpu: bool = False) -> Iterator[tuple[list[Patches], float]]:
    """The batches of an epoch that are still to come, in parts, and how long each was waited for (s).

    They are cut in the background while those before are trained on.
    """
    training = plan.training
    hard = [(int(image), np.array(point)) for image, *point in progress.hard]
    source = plan.source.with_hard(hard) if hard else plan.source

    def cut(step: int) -> list[Patches]:
        numbers = plan.processes.share(range(step * training.batch, (step + 1) * training.batch))
        size = len(numbers) // training.accumulate
        parts = [numbers[i : i + size] for i in range(0, len(numbers), size)]
        patches = [source.cut(plan.seed, progress.epochs, part) for part in parts]
        return [each.pin_memory() for each in patches] if on_gpu else patches

    waiting = time.monotonic()
    for parts in made_ahead(cut, range(progress.steps, plan.steps), MAKERS if on_gpu else 1):
        yield parts, time.monotonic() - waiting
        waiting = time.monotonic()


def epoch_row(trainee: Trainee, plan: Plan, progress: Progress) -> Row:
    """What an epoch brought: its number, the mean loss over its steps, rate, time and waiting."""
    seconds = max(progress.seconds, 1e-9)
    return {
        "epoch": progress.epochs + 1,
        "loss": round(sum(progress.losses) / len(progress.losses), 6),
        "learning_rate": round(trainee.optimiser.param_groups[0]["lr"], 9),
        "seconds": round(seconds, 3),
        "crops_per_second": round(plan.steps * plan.training.batch / seconds, 2),
        "waiting": round(progress.waited / seconds, 4),
    }


def why_stop(progress: Progress, training: Training) -> str:
    """Why training ends early, or nothing."""
    since = since_best(progress.watched(training.watch))
    if training.patience and since >= training.patience:
        return f"{training.watch} has not improved in the last {since} validations"
    return ""


def best_epochs(progress: Progress, training: Training) -> list[int]:
    """The epochs whose weights are kept, best first, of equals the earlier; none where nothing was defined."""
    watched = progress.watched(training.watch)
    defined = [i for i in range(len(watched)) if watched[i] > float("-inf")]
    order = sorted(defined, key=lambda i: -watched[i])
    return [int(progress.rows[i]["epoch"] or 0) for i in order[: training.best]]


def snapshot_epochs(training: Training) -> list[int]:
    """The epochs, counted from 1, whose weights are kept for an ensemble."""
    if not training.snapshots:
        return []
    if training.schedule == "cosine_restarts":
        return restart_epochs(training)[-training.snapshots :]
    spread = training.epochs / training.snapshots
    return [round(spread * (i + 1)) for i in range(training.snapshots)]


def done(plan: Plan, progress: Progress) -> int:
    """Steps done since the training began."""
    return progress.epochs * plan.steps + progress.steps


def seed_of_step(plan: Plan, progress: Progress) -> int:
    """What the dropout of a step is drawn from, whatever came before it."""
    text = f"{plan.seed}:{done(plan, progress)}:{plan.processes.rank}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "little")


def finite(loss_and_norm: Tensor, plan: Plan, progress: Progress) -> float:
    """The loss as a number; TrainingError where it, or the norm of the gradient, is none."""
    loss, norm = loss_and_norm.tolist()
    for name, value in (("loss", loss), ("gradient", norm)):
        if not math.isfinite(value):
            step = progress.epochs * plan.steps + len(progress.losses) + 1
            raise TrainingError(
                f"the {name} became {value} at step {step}. Try a lower learning_rate, or precision=float32. "
                f"{kept(plan)}"
            )
    return float(loss)


def kept(plan: Plan) -> str:
    """What a training that goes wrong within an epoch leaves behind."""
    saved = (plan.run / LAST).is_file()
    return f"The last checkpoint is kept in {plan.run}" if saved else "There was no checkpoint yet"
