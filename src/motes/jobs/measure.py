"""What a training will cost, measured on a few of its steps."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from motes.data.sources import DataSource
from motes.errors import InputError
from motes.jobs.parts import Parts
from motes.jobs.telling import Silent
from motes.jobs.train import looker, run_plan, settled, untrained_net
from motes.jobs.training_data import gather
from motes.recipe import Recipe
from motes.train.checkpoint import Progress
from motes.train.loop import make_trainee, train_step, upcoming
from motes.train.mining import LOOKED_AT
from motes.train.plan import Plan
from motes.train.processes import ALONE

STEPS = 4  # that are timed, after one that warms up


@dataclass(frozen=True)
class Measured:
    """Seconds for the start of a run (of the process, reading images, building the net), a step, a validation image.

    steps: of the optimiser in a whole training, at most. looks: whole images predicted in it.
    """

    start: float
    step: float
    image: float
    steps: int
    looks: int

    @property
    def seconds(self) -> float:
        """What a whole training takes."""
        return self.start + self.steps * self.step + self.looks * self.image


def measure_training(
    recipe: Recipe, sources: Sequence[DataSource], run: Path, device: torch.device
) -> Measured:
    """Do a few steps of a training and predict one validation image; nothing of it is kept.

    run: a folder for working images. Raises InputError as training does.
    """
    before = time.process_time()  # what the process took to come here: most of it is the import of torch
    started = time.monotonic()
    parts = gather(sources, recipe, run, Silent(), ALONE)
    if parts.validation is parts.train:
        raise InputError(
            "no validation image holds a particle, so there is nothing to fit a threshold on; let another group, one "
            "with particles, be validated on"
        )
    recipe = settled(recipe, parts, ALONE)
    net = untrained_net(recipe).to(device)
    start = before + time.monotonic() - started
    validator = looker(recipe, parts, parts.validation[:1], device)
    started = time.monotonic()
    validator.look(net.eval())
    image = time.monotonic() - started
    step = _seconds_a_step(recipe, parts, run, net)
    steps = recipe.training.steps_for(len(parts.train)) * recipe.training.epochs
    validations = sum(recipe.training.is_validated(epoch + 1) for epoch in range(recipe.training.epochs))
    mined = min(LOOKED_AT, len(parts.train)) * recipe.training.epochs if recipe.sampling.hard else 0
    return Measured(start, step, image, steps, (validations + 2) * len(parts.validation) + mined)


def _seconds_a_step(recipe: Recipe, parts: Parts, run: Path, net: torch.nn.Module) -> float:
    plan: Plan = replace(run_plan(recipe, parts, run), steps=STEPS + 1)
    trainee, progress = make_trainee(net.train(), plan.training), Progress()
    device = next(net.parameters()).device
    started = time.monotonic()
    for batch, _ in upcoming(plan, progress):
        loss, _ = train_step(trainee, plan, progress, batch, device)
        loss.tolist()  # until the device has done the step
        if progress.steps == 0:
            started = time.monotonic()
        progress.steps += 1
    return (time.monotonic() - started) / STEPS
