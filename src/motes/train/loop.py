"""The training loop, in the open."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from motes.data.ahead import made_ahead
from motes.data.crops import CropSource
from motes.errors import TrainingError
from motes.predict.maps import fast_precision, to_device
from motes.train.checkpoint import load_checkpoint, save_checkpoint
from motes.train.losses import find_loss
from motes.train.settings import Training

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class EpochResult:
    """What an epoch brought; loss is the mean over its steps."""

    epoch: int
    loss: float
    learning_rate: float
    seconds: float
    crops_per_second: float


def train_net(
    net: nn.Module,
    source: CropSource,
    training: Training,
    seed: int,
    run: Path,
    on_epoch: Callable[[EpochResult], None],
    on_step: Callable[[int], None] = lambda _: None,
) -> None:
    """Train a net in place, from the last checkpoint in the run folder if there is one.

    on_epoch is called just before an epoch's checkpoint is written, so that a run killed between the two
    does that epoch again rather than lose its record; on_step with the number of steps done.
    Raises TrainingError when the loss is no longer a finite number.
    """
    device = next(net.parameters()).device
    precision = chosen_precision(training, device)
    loss_of = find_loss(training.loss)
    optimiser = torch.optim.AdamW(
        net.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
    )
    net.to(memory_format=torch.channels_last if _is_flat(source) else torch.channels_last_3d)  # type: ignore[call-overload]
    for epoch in range(load_checkpoint(run, net, optimiser), training.epochs):
        started = time.monotonic()
        net.train()
        losses = []
        for number, (crops, targets) in enumerate(batches(source, training, seed, epoch)):
            step = epoch * training.steps + number
            for group in optimiser.param_groups:
                group["lr"] = training.learning_rate_at(step)
            with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
                logits = net(to_device(crops, device))
            loss = loss_of(logits.float(), targets.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), training.clip)
            losses.append(_finite(loss, step))
            optimiser.step()
            on_step(step + 1)
        net.eval()
        seconds = time.monotonic() - started
        rate = training.steps * training.batch / seconds
        mean_loss = sum(losses) / len(losses)
        on_epoch(EpochResult(epoch + 1, mean_loss, optimiser.param_groups[0]["lr"], seconds, rate))
        save_checkpoint(run, net, optimiser, epoch + 1)
    net.eval()


def batches(source: CropSource, training: Training, seed: int, epoch: int) -> Iterator[Batch]:
    """The batches of an epoch; each is made in the background while the one before is trained on."""

    def make(step: int) -> Batch:
        first = step * training.batch
        return source.batch(seed, epoch, range(first, first + training.batch))

    return made_ahead(make, range(training.steps))


def chosen_precision(training: Training, device: torch.device) -> torch.dtype:
    """The number format that this training computes in."""
    if training.precision == "auto":
        return fast_precision(device)
    return torch.bfloat16 if training.precision == "bfloat16" else torch.float32


def _is_flat(source: CropSource) -> bool:
    return source.images[0].data.ndim == 2


def _finite(loss: Tensor, step: int) -> float:
    value = float(loss.detach())
    if value != value or abs(value) == float("inf"):
        raise TrainingError(
            f"the loss became {value} at step {step + 1}; the last epoch is kept. "
            "Try a lower learning_rate, or precision=float32"
        )
    return value


def plain(result: EpochResult) -> dict[str, Any]:
    """An epoch's result as a row of metrics.jsonl."""
    return {
        "epoch": result.epoch,
        "loss": round(result.loss, 6),
        "learning_rate": round(result.learning_rate, 9),
        "seconds": round(result.seconds, 3),
        "crops_per_second": round(result.crops_per_second, 2),
    }
