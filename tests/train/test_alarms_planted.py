"""Trainings that are made to go wrong: what the alarm says of them, and that it is silent on those that go well.

What a learning rate of 1 does hangs on the last bit of each number: some nets collapse, some swing, some even learn. So
these tests say what must hold whichever it is.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.paint import Target
from motes.errors import TrainingError
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.picking.picker import Picking
from motes.simulate.bead_world import BeadWorld
from motes.simulate.beads import simulate_beads
from motes.train.alarms import COLLAPSED, UNIMPROVED, alarm, rate_warning, warning
from motes.train.loop import train_net
from motes.train.losses import LossDescription, find_loss
from motes.train.plan import Plan, Row
from motes.train.settings import Training
from motes.train.validate import Validator

NET = NetDescription(width=4, depth=3)
WITHOUT_NORM = NetDescription(width=4, depth=3, norm="none")
SIDE = 48
STEPS = 3  # in an epoch
WORLD = BeadWorld(size=(SIDE, SIDE), beads=(4, 5), diameter=(9.0, 11.0))
TRAINED = 4  # of the six images
LOSSES = ["focal", pytest.param("dice", marks=pytest.mark.slow), pytest.param("bce", marks=pytest.mark.slow)]


@cache
def beads() -> Sequence[Labelled]:
    """Six images of 48 x 48 px with four or five beads each."""
    images = []
    for number in range(6):
        made = simulate_beads(WORLD, 0, number)
        data = made.image.astype(np.float32)
        data = (data - data.mean()) / data.std()
        images.append(Labelled(data, np.zeros((0, 2)), labels=(made.labels > 0).astype(np.int16)))
    return images


def planted(learning_rate: float, epochs: int, **more: object) -> Training:
    values = {"optimiser": "adam", "schedule": "constant", "warmup": 0, "watch": "pixel_iou", **more}
    return Training.model_validate(
        {"learning_rate": learning_rate, "epochs": epochs, "steps": STEPS, "batch": 4, **values}
    )


def trained(
    run: Path,
    training: Training,
    loss: str,
    net: NetDescription = NET,
    images: Sequence[Labelled] | None = None,
) -> tuple[list[Row], str]:
    """The rows of a training that was given up, or went to its end; and why it was given up."""
    images = beads() if images is None else images
    look = Validator(
        images=images[TRAINED:],
        classes=["bead"],
        net=net,
        picking=Picking(),
        diameters=(),
        target=Target(),
        precision=torch.float32,
    )
    sampling = Sampling(size=SIDE, around_points=0)
    rows: list[Row] = []
    plan = Plan(
        run=run,
        source=CropSource(images[:TRAINED], (), sampling, Augmentation(), Target()),
        training=training.model_copy(update={"precision": "float32"}),
        loss=find_loss(LossDescription(formula=loss)),
        seed=0,
        steps=STEPS,
        validate=lambda seen: look.row(look.look(seen)),
        on_epoch=rows.append,
    )
    try:
        return rows, train_net(build_net(net, 0), plan).stopped
    except TrainingError as error:
        return rows, str(error)


def has_collapsed(rows: Sequence[Row]) -> bool:
    """One answer everywhere, in the last five validations."""
    last = rows[-COLLAPSED:]
    same = {row["pixels_called"] for row in last} in ({0.0}, {1.0})
    return len(last) == COLLAPSED and same and all((row["pixel_auc"] or 0) < 0.55 for row in last)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimiser", ["adam", pytest.param("sgd", marks=pytest.mark.slow)])
def test_a_learning_rate_of_1_never_ends_in_a_silent_collapse(
    tmp_path: Path, optimiser: str, loss: str
) -> None:
    """Said before the first step; and a net that is seen to have collapsed is given up."""
    training = planted(1, 9, optimiser=optimiser)
    assert f"learning_rate is 1, far above what {optimiser} is used with" in (rate_warning(training) or "")
    rows, said = trained(tmp_path, training, loss)
    if has_collapsed(rows):
        assert "Try a learning_rate ten times lower" in said
    elif not said:
        assert len(rows) == 9


@pytest.mark.parametrize("loss", LOSSES)
def test_a_net_whose_units_have_died_is_given_up_at_the_fifth_validation(tmp_path: Path, loss: str) -> None:
    """Without normalisation a rate of 30 leaves one number everywhere, whatever the image."""
    rows, said = trained(tmp_path, planted(30, 12, optimiser="sgd"), loss, WITHOUT_NORM)
    assert len(rows) < 12
    assert "pixel a particle, 5 validations in a row, and cannot tell them apart" in said
    assert has_collapsed(rows)


def test_masks_of_other_images_with_focal_loss_end_in_all_background(tmp_path: Path) -> None:
    """Where nothing can be learnt the best answer is no, everywhere: the card's collapse."""
    images = list(beads())
    noise = np.random.default_rng(0).normal(size=(6, SIDE, SIDE)).astype(np.float32)
    unrelated = [replace(image, data=data) for image, data in zip(images, noise, strict=True)]
    rows, said = trained(tmp_path, planted(1e-2, 20), "focal", images=unrelated)
    assert "the net calls no pixel a particle" in said
    assert len(rows) < 20


@pytest.mark.parametrize("loss", LOSSES)
def test_a_training_that_goes_well_hears_nothing(tmp_path: Path, loss: str) -> None:
    training = planted(1e-2, UNIMPROVED + 1, schedule="cosine")
    rows, said = trained(tmp_path, training, loss)
    assert (said, len(rows)) == ("", UNIMPROVED + 1)
    assert (rows[-1]["pixel_auc"] or 0) > 0.8
    assert (warning(rows, training), rate_warning(training)) == (None, None)


def test_a_rate_in_use_is_no_slip() -> None:
    assert rate_warning(planted(0.01, 1)) is None
    assert rate_warning(planted(0.1, 1, optimiser="sgd")) is None
    assert rate_warning(planted(0.1, 1)) is not None


# (loss, pixels called, ROC AUC, IoU) of each validation, as runs on six images of beads gave them.
SLOW = [  # a rate of 1e-4: hardly begun, but learning
    (0.212, 0.0, 0.552, 0.0),
    (0.209, 0.0, 0.561, 0.0),
    (0.205, 0.0, 0.569, 0.0),
    (0.199, 0.0, 0.577, 0.0),
    (0.182, 0.0, 0.583, 0.0),
    (0.176, 0.0, 0.591, 0.0),
    (0.175, 0.0, 0.596, 0.0),
    (0.175, 0.0, 0.602, 0.0),
    (0.172, 0.0, 0.608, 0.0),
    (0.169, 0.0, 0.615, 0.0),
]
RECOVERING = [  # a rate of 1: nothing at first, then everything, then beads
    (0.094, 0.0, 0.500, 0.0),
    (0.057, 0.0, 0.369, 0.0),
    (0.043, 0.0, 0.169, 0.0),
    (0.045, 0.847, 0.860, 0.168),
    (0.038, 0.724, 0.856, 0.197),
    (0.031, 0.604, 0.872, 0.236),
]
CAREFUL = [  # calls nothing, but ranks pixels better and better
    (0.090, 0.000122, 0.768, 0.0),
    (0.039, 0.0, 0.808, 0.0),
    (0.038, 0.0, 0.787, 0.0),
    (0.027, 0.0, 0.815, 0.0),
    (0.024, 0.0, 0.834, 0.0),
    (0.022, 0.0, 0.863, 0.0),
    (0.021, 0.0, 0.879, 0.0),
    (0.021, 0.0, 0.891, 0.0),
    (0.021, 0.0, 0.900, 0.0),
    (0.020, 0.0, 0.903, 0.0),
]
NEARLY_NOTHING = [  # collapsed but for a pixel in ten thousand
    (0.192, 0.0, 0.500, 0.0),
    (0.067, 0.0, 0.500, 0.0),
    (0.048, 0.0, 0.496, 0.0),
    (0.045, 0.0, 0.312, 0.0),
    (0.041, 0.000122, 0.428, 0.0),
]
STUCK = [  # a little better than chance, and no way out
    (0.0386, 0.0, 0.626, 0.0),
    (0.0388, 0.0, 0.614, 0.0),
    (0.0394, 0.0, 0.596, 0.0),
    (0.0399, 0.0, 0.597, 0.0),
    (0.0377, 0.0, 0.601, 0.0),
    (0.0389, 0.0, 0.602, 0.0),
    (0.0382, 0.0, 0.605, 0.0),
    (0.0389, 0.0, 0.605, 0.0),
    (0.0388, 0.0, 0.603, 0.0),
    (0.0390, 0.0, 0.600, 0.0),
]
SWINGING = [  # a rate of 1
    (0.162, 0.15, 0.85, value)
    for value in (0.60, 0.64, 0.37, 0.62, 0.62, 0.45, 0.17, 0.65, 0.62, 0.44, 0.55, 0.14)
]


def rows_of(values: Sequence[tuple[float, float, float, float]]) -> list[Row]:
    names = ("loss", "pixels_called", "pixel_auc", "pixel_iou")
    return [dict(zip(names, each, strict=True)) for each in values]


def first_alarm(values: Sequence[tuple[float, float, float, float]]) -> int | None:
    """After how many validations the alarm is raised."""
    rows = rows_of(values)
    return next((n for n in range(1, len(rows) + 1) if alarm(rows[:n], planted(1, 20))), None)


@pytest.mark.parametrize(
    "values", [SLOW, RECOVERING, CAREFUL, SWINGING], ids=["slow", "late", "careful", "wild"]
)
def test_what_may_still_come_right_is_not_given_up(
    values: Sequence[tuple[float, float, float, float]],
) -> None:
    assert first_alarm(values) is None


def test_what_is_lost_is_given_up() -> None:
    assert first_alarm(NEARLY_NOTHING) == 5
    assert first_alarm(STUCK) == UNIMPROVED
    flipping = [(1.0, float(n % 2), 0.5, 0.1 * (n % 2)) for n in range(UNIMPROVED)]
    assert first_alarm(flipping) == UNIMPROVED
    assert "now no pixel and now every pixel a particle, 10 valid" in str(
        alarm(rows_of(flipping), planted(1, 20))
    )


def test_a_net_that_ranks_a_little_and_gets_better_is_not_stuck() -> None:
    better = [(loss, called, area + 0.01 * n, iou) for n, (loss, called, area, iou) in enumerate(STUCK)]
    assert first_alarm(better) is None
    useful = [
        (loss, called, area, 0.3) for loss, called, area, _ in STUCK
    ]  # a metric that does not ask for one half
    assert first_alarm(useful) is None


def test_at_the_end_swings_and_careful_nets_are_told() -> None:
    assert "pixel_iou swung between 0.14 and 0.65 in the last 10" in str(
        warning(rows_of(SWINGING), planted(1, 20))
    )
    told = str(warning(rows_of(CAREFUL), planted(1, 20)))
    assert "pixel_iou was 0 in all 10 validations" in told
    assert "set training.watch to pixel_best_f1" in told
    assert warning(rows_of(CAREFUL), planted(1, 20, watch="pixel_auc")) is None
    steady = [(0.1, 0.2, 0.9, 0.8 + 0.03 * (n % 2)) for n in range(12)]
    assert warning(rows_of(steady), planted(1, 20)) is None
    assert warning([], planted(1, 20)) is None
