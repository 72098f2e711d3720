"""What the training loop costs beside the net: against a bare PyTorch loop, in waiting for data, by precision.

Three tables, each a ratio of two things measured in turn on this machine:

1. steps of motes' loop against those of a bare loop with the same net, optimiser, batch, precision and
   clipping, the batches ready in memory for both;
2. the share of a step that is spent waiting for crops and finishing them, 256 x 256, augmentation on;
3. bfloat16 with the channels last against float32 as PyTorch lays it out, the same steps.

    python benchmarks/training_loop.py [--device cpu] [--threads 2] [--width 16] [--size 256] [--batch 8]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.paint import Target
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.predict.maps import to_device
from motes.train.loop import chosen_precision, train_net
from motes.train.losses import LossDescription, find_loss
from motes.train.plan import Plan
from motes.train.settings import Training

DIAMETER = 22.0


@dataclass(frozen=True)
class Ready:
    """Batches that lie in memory: a source that costs nothing."""

    batches: list[tuple[Tensor, Tensor]]

    def cut(self, _seed: int, _epoch: int, numbers: Sequence[int]) -> int:
        return numbers[0] // len(numbers) % len(self.batches)

    def finish(self, number: int, _device: torch.device) -> tuple[Tensor, Tensor]:
        return self.batches[number]

    def with_hard(self, _places: object) -> "Ready":
        return self


def micrographs(size: int) -> CropSource:
    """Eight images of 1000 x 1000 with noise and 300 particles each, augmented as in the recipe."""
    rng = np.random.default_rng(0)
    images = [
        Labelled(rng.standard_normal((1000, 1000), dtype=np.float32), rng.uniform(0, 1000, (300, 2)))
        for _ in range(8)
    ]
    return CropSource(images, (DIAMETER,), Sampling(size=size), Augmentation(), Target(radius=0.6))


def in_memory(source: CropSource, batch: int, device: torch.device, count: int = 4) -> Ready:
    numbers = [range(n * batch, (n + 1) * batch) for n in range(count)]
    made = [source.batch(0, 0, each, device) for each in numbers]
    return Ready([(to_device(crops, device), targets) for crops, targets in made])


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def motes_loop(net: nn.Module, source: object, training: Training, device: torch.device) -> dict[str, float]:
    """One epoch of motes' loop: its own record of it, the checkpoint not counted."""
    rows: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            run=Path(folder),
            source=source,  # type: ignore[arg-type]
            training=training,
            loss=find_loss(LossDescription()),
            seed=0,
            steps=int(training.steps or 0),
            validate=lambda _: {"best_f1": 0.5},
            on_epoch=rows.append,  # type: ignore[arg-type]
        )
        train_net(net, plan)
    wait(device)
    return rows[0]


def bare_loop(net: nn.Module, ready: Ready, training: Training, precision: torch.dtype) -> float:
    """Seconds of the same steps written down as in PyTorch's tutorials."""
    device = next(net.parameters()).device
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4, fused=True)
    loss_of = find_loss(LossDescription())
    net.train()
    wait(device)
    started = time.perf_counter()
    for step in range(int(training.steps or 0)):
        crops, targets = ready.batches[step % len(ready.batches)]
        optimiser.zero_grad()
        with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
            logits = net(crops)
        loss = loss_of(logits, targets, lambda part: part)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
    wait(device)
    return time.perf_counter() - started


def in_turn(repeats: int, *measured: Callable[[], float]) -> list[list[float]]:
    """Each in turn, so that whatever else the machine does meets all of them; the first round is dropped."""
    rounds = [[each() for each in measured] for _ in range(repeats + 1)][1:]
    return [list(column) for column in zip(*rounds, strict=True)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    described = NetDescription(width=options.width)
    training = Training(epochs=1, steps=options.steps, batch=options.batch, watch="best_f1")
    precision = chosen_precision(training, device)
    source = micrographs(options.size)
    ready = in_memory(source, options.batch, device)

    def fresh(last: bool = True) -> nn.Module:
        net = build_net(described).to(device)
        return net.to(memory_format=torch.channels_last) if last else net  # type: ignore[call-overload]

    exact = training.model_copy(update={"precision": "float32"})
    plain = Ready([(crops.contiguous(), targets) for crops, targets in ready.batches])
    rows: list[dict[str, float]] = []

    def with_data() -> float:
        rows.append(motes_loop(fresh(), source, training, device))
        return rows[-1]["waiting"]

    ours, bare, _, fast, slow = in_turn(
        options.repeats,
        lambda: motes_loop(fresh(), ready, training, device)["seconds"],
        lambda: bare_loop(fresh(), ready, training, precision),
        with_data,
        lambda: bare_loop(fresh(), ready, training, precision),
        lambda: bare_loop(fresh(last=False), plain, exact, torch.float32),
    )
    waiting = [row["waiting"] for row in rows[1:]]
    print(
        f"U-Net of width {options.width}, {options.batch} crops of {options.size} px, {device}, {precision}"
    )
    print("| what | median | lowest to highest |\n|---|---|---|")
    ms = 1e3 / options.steps
    for name, values, form in (
        ("motes' loop, ms a step", [ms * value for value in ours], ".1f"),
        ("bare loop, ms a step", [ms * value for value in bare], ".1f"),
        ("motes / bare", [a / b for a, b in zip(ours, bare, strict=True)], ".3f"),
        ("waiting for crops and finishing them, share of a step", waiting, ".3f"),
        ("float32 eager / bfloat16 channels last", [a / b for a, b in zip(slow, fast, strict=True)], ".2f"),
    ):
        spread = f"{min(values):{form}} to {max(values):{form}}"
        print(f"| {name} | {statistics.median(values):{form}} | {spread} |")


if __name__ == "__main__":
    main()
