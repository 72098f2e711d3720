"""Nets that predict together."""

import numpy as np
import torch

from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.model_file import Model, ModelDescription
from motes.predict.ensemble import agree, maps_of, trained_crop
from motes.predict.maps import class_maps, probability_maps

NET = NetDescription(width=2, depth=2)


def model(seed: int = 0, **values: object) -> Model:
    described = {
        "net": NET,
        "classes": ["particle"],
        "diameters": [20.0],
        "diameter_unit": "px",
        "working_diameter": 20.0,
        "working_pixel_size": None,
        "normalisation": {},
        "picking": {},
        "thresholds": {"particle": 0.5},
        "threshold_note": "",
        "trained_on": [],
        "recipe": {},
        "versions": {},
        **values,
    }
    return Model(build_net(NET, seed).eval(), ModelDescription.model_validate(described))


def test_the_maps_of_a_model_are_those_of_its_net() -> None:
    image = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    expected = class_maps(probability_maps(model().net, NET, image, precision=torch.float32), NET)
    np.testing.assert_allclose(maps_of(model(), image, torch.float32), expected, atol=1e-6)


def test_the_crops_of_the_training_are_read_from_the_recipe() -> None:
    assert trained_crop(model().description) is None
    assert trained_crop(model(recipe={"sampling": {"size": 96}}).description) == (96, 96)
    assert trained_crop(model(recipe={"sampling": {}}).description) == (128, 128)


def test_nets_that_see_images_at_different_scales_do_not_agree() -> None:
    assert agree([model(0), model(1)]) == ""
    assert agree([model(), model(working_diameter=30.0)]) == "they differ in working diameter: 20.0 and 30.0"
    assert "classes" in agree([model(), model(classes=["ribosome"])])
