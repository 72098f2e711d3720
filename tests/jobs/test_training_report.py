"""What the page of a training run is made from."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motes.data.crops import Labelled
from motes.data.paint import Target
from motes.data.sources import DataSource
from motes.jobs.parts import Prepared
from motes.jobs.train import TrainingData
from motes.jobs.training_report import (
    repeat_command,
    worst_masks,
    worst_picks,
)
from motes.nets.description import NetDescription
from motes.picking.picker import Picking
from motes.train.validate import Validator


class Echo(torch.nn.Module):
    """A net that takes the image for the logits; with two classes, dark places for the second."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.outputs = outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x * self.weight
        return bright if self.outputs == 1 else torch.cat([torch.ones_like(x), bright, -bright], dim=1)


class EchoModel:
    def __init__(self, outputs: int = 1) -> None:
        self.net = Echo(outputs)


def image(name: str, bright: list[int], truth: list[int]) -> Prepared:
    """One row of particles: bright where the net finds something, truth where there is something."""
    data = np.full((32, 96), -9, dtype=np.float32)
    data[16, bright] = 9
    points = np.array([[16.0, x] for x in truth]).reshape(-1, 2)
    return Prepared(name, Labelled(data, points), "hash", len(points), (10.0,))


def masked(name: str, bright: slice, truth: slice, ignored: slice = slice(0)) -> Prepared:
    data = np.full((32, 96), -9, dtype=np.float32)
    data[:, bright] = 9
    labels = np.zeros(data.shape, dtype=np.int16)
    labels[:, truth] = 1
    labels[:, ignored] = -1
    return Prepared(name, Labelled(data, np.zeros((0, 2)), labels=labels), "hash", None)


def validator(
    images: list[Prepared], diameters: tuple[float, ...], classes: tuple[str, ...] = ("a",)
) -> Validator:
    return Validator(
        images=[each.labelled for each in images],
        classes=classes,
        net=NetDescription(width=1, depth=1, outputs=1 if len(classes) == 1 else len(classes) + 1),
        picking=Picking(),
        diameters=diameters,
        target=Target(),
        precision=torch.float32,
    )


def test_the_worst_three_images_are_shown_with_their_maps() -> None:
    images = [
        image("perfect", [20, 60], [20, 60]),
        image("nothing", [], []),
        image("half", [20], [20, 60]),
        image("blind", [], [20]),
        image("good", [20, 60], [20, 60, 80]),
    ]
    model: Any = EchoModel()
    looking = validator(images, (10.0,))
    shown = worst_picks(model, looking, images, looking.look(model.net), [0.5])
    assert [each.name for each in shown] == ["blind", "half", "good"]
    assert shown[1].probability.shape == (32, 96)
    assert shown[1].probability[16, 20] > 0.99
    assert shown[1].classes[0].picks.points == pytest.approx(np.array([[16, 20]]))
    assert len(shown[1].classes[0].truth) == 2


def test_each_class_has_its_own_picks_truth_and_diameter() -> None:
    data = np.zeros((32, 96), dtype=np.float32)
    data[16, 20], data[16, 60] = 9, -9
    points = np.array([[16.0, 20.0], [16.0, 60.0]])
    labelled = Labelled(data, points, classes=np.array([0, 1]))
    images = [Prepared("both", labelled, "hash", 2, (10.0, 20.0))]
    model: Any = EchoModel(3)
    looking = validator(images, (10.0, 20.0), ("bright", "dark"))
    (shown,) = worst_picks(model, looking, images, looking.look(model.net), [0.9, 0.9])
    assert [(each.name, each.diameter) for each in shown.classes] == [("bright", 10.0), ("dark", 20.0)]
    for each, column in zip(shown.classes, (20, 60), strict=True):
        assert each.picks.points == pytest.approx(np.array([[16, column]]))
        assert each.truth.points == pytest.approx(np.array([[16, column]]))
    assert shown.probability[16, 20] > 0.99
    assert shown.probability[16, 60] > 0.99


def test_the_worst_images_with_masks_are_those_with_the_lowest_f1_of_pixels() -> None:
    images = [
        masked("perfect", slice(0, 10), slice(0, 10)),
        masked("half", slice(0, 10), slice(0, 30)),
        masked("nothing", slice(0), slice(0)),
        masked("blind", slice(0), slice(0, 10)),
        masked("unknown", slice(0, 10), slice(5, 10), slice(0, 5)),
    ]
    model: Any = EchoModel()
    shown = worst_masks(model, validator(images, ()), images, [0.5])
    assert [each.name for each in shown] == ["blind", "half", "perfect"]
    (regions,) = shown[1].classes
    assert regions.found.sum() == 10 * 32
    assert regions.truth.sum() == 30 * 32
    last = worst_masks(model, validator(images, ()), images[4:], [0.5])[0].classes[0]
    assert last.known.sum() == 91 * 32
    assert (last.found & last.known == last.truth).all()


def test_the_command_repeats_what_was_typed() -> None:
    data = TrainingData(
        [
            DataSource(("my images/*.mrc", "more"), picks="picks"),
            DataSource(("held",), picks="held/picks", part="validation"),
        ],
        check_flips=False,
    )
    assert shlex.split(repeat_command(Path("run"), data)) == [
        *("motes", "train", "run/recipe.yaml", "--images", "my images/*.mrc", "--images", "more"),
        *("--picks", "picks", "--validation-images", "held", "--validation-picks", "held/picks"),
        *("--no-orientation-check", "--out", "run-again"),
    ]


def test_masks_and_tables_are_named_as_such() -> None:
    stores = TrainingData([DataSource(("images.zarr",), masks="masks.zarr")])
    assert repeat_command(Path("run"), stores) == (
        "motes train run/recipe.yaml --images images.zarr --masks masks.zarr --out run-again"
    )
    table = TrainingData(
        [DataSource(("a",), picks="b"), DataSource(("c",), picks="d")], table=Path("all.csv")
    )
    assert repeat_command(Path("run"), table) == "motes train run/recipe.yaml --data all.csv --out run-again"
