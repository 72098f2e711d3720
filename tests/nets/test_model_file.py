import json

import pytest
import torch
from safetensors.torch import save_file

from motes.data.normalise import Normalisation
from motes.errors import ModelError
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.model_file import FORMAT_VERSION, KEY, Model, ModelDescription, load_model, save_model
from motes.picking.picker import Picking


def tiny_model(**changes) -> Model:
    net = NetDescription(width=2, depth=2)
    values = {
        "net": net,
        "classes": ["particle"],
        "diameters": [150.0],
        "diameter_unit": "A",
        "working_diameter": 20.0,
        "working_pixel_size": None,
        "normalisation": Normalisation(),
        "picking": Picking(),
        "thresholds": {"particle": 0.4},
        "threshold_note": "for a test",
        "trained_on": [],
        "recipe": {},
        "versions": {},
    }
    return Model(build_net(net, seed=1).eval(), ModelDescription(**{**values, **changes}))


def test_a_model_comes_back_as_it_was_saved(tmp_path):
    model = tiny_model()
    save_model(tmp_path / "m.safetensors", model)
    loaded = load_model(tmp_path / "m.safetensors")
    assert loaded.description == model.description
    image = torch.randn(1, 1, 8, 8)
    with torch.inference_mode():
        assert torch.equal(loaded.net(image), model.net(image))


def test_the_same_model_gives_the_same_bytes(tmp_path):
    save_model(tmp_path / "a", tiny_model())
    save_model(tmp_path / "b", tiny_model())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_no_model_file_is_refused_with_a_reason(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelError, match="does not exist"):
        load_model(path)
    path.write_bytes(b"PK\x03\x04 a zip with code in it")
    with pytest.raises(ModelError, match="not a model file"):
        load_model(path)
    save_file({"weight": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="not written by motes"):
        load_model(path)


def test_a_cut_file_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, tiny_model())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged"):
        load_model(path)


def test_a_newer_version_says_so(tmp_path):
    path = tmp_path / "m.safetensors"
    described = {**tiny_model().description.model_dump(mode="json"), "format_version": FORMAT_VERSION + 1}
    save_file({"x": torch.zeros(1)}, path, metadata={KEY: json.dumps({**described, "unheard_of": 1})})
    with pytest.raises(ModelError, match="newer motes"):
        load_model(path)


def test_an_older_version_says_so(tmp_path):
    path = tmp_path / "m.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={KEY: json.dumps({"format_version": 1})})
    with pytest.raises(ModelError, match=r"older motes.*train the model again"):
        load_model(path)


def test_weights_of_another_net_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    wrong = tiny_model()
    save_model(path, Model(build_net(NetDescription(width=3, depth=2)), wrong.description))
    with pytest.raises(ModelError, match="do not fit"):
        load_model(path)


def test_a_description_that_is_not_readable_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    for text in ("not json", "{}", json.dumps({"format_version": 1, "net": {}})):
        save_file({"x": torch.zeros(1)}, path, metadata={KEY: text})
        with pytest.raises(ModelError, match="description"):
            load_model(path)
