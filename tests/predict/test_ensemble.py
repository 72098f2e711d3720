"""Nets that predict together."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import InputError
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.model_file import Model, ModelDescription
from motes.predict.ensemble import agree, maps_of, mean_maps
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


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=4))
def test_a_mean_lies_between_its_members_and_weights_may_be_of_any_scale(weights: list[float]) -> None:
    rng = np.random.default_rng(0)
    maps = [rng.random((1, 4, 4), dtype=np.float32) for _ in weights]
    mean = mean_maps(maps, weights)
    np.testing.assert_allclose(mean, np.average(maps, axis=0, weights=weights), rtol=1e-5)
    np.testing.assert_allclose(mean, mean_maps(maps, [3 * weight for weight in weights]), rtol=1e-5)
    assert (mean <= np.max(maps, axis=0) + 1e-6).all()


def test_one_net_alone_is_its_own_mean_to_the_bit() -> None:
    image = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    alone = maps_of(model(), image, torch.float32)
    np.testing.assert_array_equal(mean_maps([alone]), alone)
    np.testing.assert_array_equal(
        alone, class_maps(probability_maps(model().net, NET, image, precision=torch.float32))
    )


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="expected 2 weights"):
        mean_maps([np.zeros((1, 2, 2), np.float32)] * 2, weights)


def test_nets_that_see_images_at_different_scales_do_not_agree() -> None:
    assert agree([model(0), model(1)]) == ""
    assert agree([model(), model(working_diameter=30.0)]) == "they differ in working diameter: 20.0 and 30.0"
    assert "classes" in agree([model(), model(classes=["ribosome"])])
