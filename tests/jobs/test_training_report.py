"""What the page of a training run is made from."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from motes.data.crops import Labelled
from motes.jobs.prepare import Prepared
from motes.jobs.train import TrainingData
from motes.jobs.training_report import read_metrics, repeat_command, worst_examples
from motes.nets.unet import NetDescription
from motes.picking.picker import Picking
from motes.train.validate import Validator


class Echo(torch.nn.Module):
    """A net that takes the image for the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weight


class EchoModel:
    net = Echo()


def image(name: str, bright: list[int], truth: list[int]) -> Prepared:
    """One row of particles: bright where the net finds something, truth where there is something."""
    data = np.full((32, 96), -9, dtype=np.float32)
    data[16, bright] = 9
    points = np.array([[16.0, x] for x in truth]).reshape(-1, 2)
    return Prepared(name, Labelled(data, points), "hash", 10.0, None)


def test_the_worst_three_images_are_shown_with_their_maps() -> None:
    images = [
        image("perfect", [20, 60], [20, 60]),
        image("nothing", [], []),
        image("half", [20], [20, 60]),
        image("blind", [], [20]),
        image("good", [20, 60], [20, 60, 80]),
    ]
    validator = Validator(
        [each.labelled for each in images], NetDescription(width=1, depth=1), Picking(), 10.0, torch.float32
    )
    candidates = validator.picks(EchoModel().net)
    shown = worst_examples(EchoModel(), validator, images, candidates, 0.5)
    assert [each.name for each in shown] == ["blind", "half", "good"]
    assert shown[1].probability.shape == (32, 96)
    assert shown[1].probability[16, 20] > 0.99
    assert shown[1].picks.points == pytest.approx(np.array([[16, 20]]))
    assert len(shown[1].truth) == 2


def test_the_command_repeats_what_was_typed() -> None:
    data = TrainingData(["my images/*.mrc", "more"], "picks", ["held"], "held/picks", check_flips=False)
    assert shlex.split(repeat_command(Path("run"), data)) == [
        *("motes", "train", "run/recipe.yaml", "--images", "my images/*.mrc", "--images", "more"),
        *("--picks", "picks", "--validation-images", "held", "--validation-picks", "held/picks"),
        *("--no-orientation-check", "--out", "run-again"),
    ]


def test_metrics_are_read_back(tmp_path) -> None:
    assert read_metrics(tmp_path) == []
    rows = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_metrics(tmp_path) == rows
