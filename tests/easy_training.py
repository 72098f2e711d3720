"""A training that takes a second: dark discs on noise, plain to see, and a small net."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.paint import Target
from motes.nets.description import NetDescription
from motes.picking.picker import Picking
from motes.train.losses import Loss, LossDescription, find_loss
from motes.train.plan import Plan
from motes.train.settings import Training
from motes.train.validate import Validator

NET = NetDescription(width=4, depth=3)
DIAMETER = 12.0


def easy_image(seed: int) -> Labelled:
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(np.arange(12, 120, 24), np.arange(12, 120, 24)), -1).reshape(-1, 2)
    points = points + rng.uniform(-4, 4, points.shape)
    rows, columns = np.mgrid[:120, :120]
    image = rng.normal(0, 0.3, (120, 120))
    for y, x in points:
        image -= 2.0 * ((rows - y) ** 2 + (columns - x) ** 2 < 36)
    return Labelled(image.astype(np.float32), points)


def source(images: list[Labelled] | None = None, **sampling: object) -> CropSource:
    return CropSource(
        images or [easy_image(0), easy_image(1)],
        (DIAMETER,),
        Sampling.model_validate({"size": 48, **sampling}),
        Augmentation(),
        Target(),
    )


def validator(images: list[Labelled] | None = None) -> Validator:
    return Validator(
        images=images or [easy_image(5)],
        classes=["particle"],
        net=NET,
        picking=Picking(),
        diameters=(DIAMETER,),
        target=Target(),
        precision=torch.float32,
    )


def nothing_seen(_: nn.Module) -> dict[str, float | None]:
    return {"best_f1": 0.5}


def plan(
    run: Path, training: Training, *, loss: str = "bce", loss_given: Loss | None = None, **more: object
) -> Plan:
    values: dict[str, object] = {
        "run": run,
        "source": source(),
        "training": training.model_copy(update={"watch": "best_f1"}),
        "loss": loss_given or find_loss(LossDescription(formula=loss)),
        "seed": 0,
        "steps": training.steps,
        "validate": nothing_seen,
    }
    return Plan(**{**values, **more})  # type: ignore[arg-type]


def stopping_after(step: int) -> Callable[[int], None]:
    def on_step(done: int) -> None:
        if done == step:
            raise KilledError

    return on_step


class KilledError(Exception):
    """Stands for a signal that ends the process."""
