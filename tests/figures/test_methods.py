"""The method in words."""

import pytest

from motes.figures.methods import (
    REFERENCES,
    cited,
    net_in_words,
    net_parameters,
    picking_in_words,
    training_in_words,
)
from motes.nets.build import build_net, parameter_count
from motes.nets.model_file import ModelDescription
from motes.nets.unet import NetDescription
from motes.picking.thresholds import FittedThreshold
from motes.recipe import Recipe, check_recipe, load_recipe

FITTED = FittedThreshold(0.42, 0.9, 0.8, 0.847)


def description(recipe: Recipe) -> ModelDescription:
    return ModelDescription(
        net=recipe.net,
        classes=recipe.classes,
        diameter=150,
        diameter_unit="A",
        working_diameter=recipe.working_diameter,
        normalisation=recipe.normalisation,
        picking=recipe.picking,
        thresholds={"particle": FITTED.threshold},
        threshold_note="",
        trained_on=[],
        recipe=recipe.model_dump(mode="json"),
        versions={"motes": "1.2.3", "torch": "4.5.6"},
    )


@pytest.mark.parametrize("ndim", [2, 3])
def test_parameters_are_those_of_the_net_itself(ndim: int) -> None:
    net = NetDescription(ndim=ndim, width=4, depth=3)
    assert net_parameters(net) == parameter_count(build_net(net))


def test_the_standard_net_in_words() -> None:
    words = net_in_words(NetDescription())
    assert "31,042,369 trainable parameters" in words
    assert "64, 128, 256, 512, 1024 channels" in words
    assert "3 × 3 convolutions" in words


def test_a_net_for_volumes_speaks_of_voxels() -> None:
    words = net_in_words(NetDescription(ndim=3, width=4, upsampling="linear"))
    assert "3D U-Net" in words
    assert "3 × 3 × 3 convolutions" in words
    assert "every voxel" in words
    assert "linear interpolation" in words


def test_training_is_told_with_the_values_of_the_run() -> None:
    words = training_in_words(load_recipe("micrographs", ["epochs=7", "learning_rate=0.003", "seed=11"]))
    assert "7 epochs" in words
    assert "linearly to 0.003" in words
    assert "The seed was 11." in words


def test_augmentation_that_is_off_is_not_told() -> None:
    off = {"rotation": 0, "flip": False, "scale": 0, "contrast": 0, "brightness": 0, "noise": 0}
    assert "not augmented" in training_in_words(check_recipe({"name": "a", "augmentation": off}))
    one = training_in_words(check_recipe({"name": "a", "augmentation": off | {"flip": True}}))
    assert "Crops were at random mirrored." in one


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("f1", "the highest F1"),
        ("f2", "the highest F2"),
        ("precision=0.9", "the highest recall at a precision of at least 0.9"),
        ("recall=0.95", "the highest precision at a recall of at least 0.95"),
    ],
)
def test_the_goal_of_the_threshold_in_words(goal: str, words: str) -> None:
    recipe = check_recipe({"name": "a", "goal": goal})
    told = picking_in_words(recipe, description(recipe), FITTED)
    assert f"threshold 0.420 on the score gives {words} on the training images" in told
    assert "motes 1.2.3 on PyTorch 4.5.6" in told


def test_only_what_is_cited_is_listed() -> None:
    assert cited(["as by Long et al. 2015, and"]) == [REFERENCES["Long et al. 2015"]]
    assert cited(["nothing"]) == []
