import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from motes.data.normalise import Normalisation
from motes.errors import ModelError
from motes.nets import model_file
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.model_file import (
    FORMAT_VERSION,
    KEY,
    Model,
    ModelDescription,
    load_model,
    model_path,
    read_model_description,
    save_model,
    started_from,
)
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


def trained_model() -> Model:
    """A model whose running statistics and weights have no short binary fraction."""
    model = tiny_model()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        model.net.train()
        model.net(torch.randn(4, 1, 16, 16, generator=generator))
        model.net.eval()
    return model


def test_half_precision_takes_half_the_space_and_leaves_whole_numbers(tmp_path):
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    model = trained_model()
    save_model(whole, model)
    save_model(half, model, half=True)
    pairs = [(tensor, load_file(half)[name]) for name, tensor in load_file(whole).items()]
    assert {(one.dtype, other.dtype) for one, other in pairs} == {
        (torch.float32, torch.float16),
        (torch.int64, torch.int64),
    }
    assert all(torch.equal(one.to(other.dtype), other) for one, other in pairs)
    assert load_file(half).keys() == load_file(whole).keys()


def test_a_half_precision_file_predicts_in_float32_and_nearly_the_same(tmp_path):
    model = trained_model()
    save_model(tmp_path / "half", model, half=True)
    loaded = load_model(tmp_path / "half")
    assert {tensor.dtype for tensor in loaded.net.state_dict().values()} == {torch.float32, torch.int64}
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        one, other = (torch.sigmoid(net(image)) for net in (model.net, loaded.net))
    assert 0 < (one - other).abs().max() < 2e-3
    save_model(tmp_path / "again", loaded, half=True)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "half").read_bytes()


def test_a_weight_beyond_half_precision_is_refused(tmp_path):
    model = tiny_model()
    with torch.no_grad():
        next(model.net.parameters()).view(-1)[0] = 1e6
    with pytest.raises(ModelError, match=r"up to 1e\+06, and half precision ends at 65504"):
        save_model(tmp_path / "m", model, half=True)
    assert not (tmp_path / "m").exists()


def test_the_word_default_names_the_model_that_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_file.resources, "files", lambda _: tmp_path / "package")
    (tmp_path / "default").write_bytes(b"a file of that name is ./default")
    with pytest.raises(ModelError, match="has no default model"):
        model_path("default")
    shipped = tmp_path / "package" / "models" / "default.safetensors"
    shipped.parent.mkdir(parents=True)
    save_model(shipped, tiny_model())
    assert model_path("default") == shipped
    assert model_path("./default").resolve() == tmp_path / "default"
    assert started_from("default").name == "default"
    assert started_from("default").sha256 == hashlib.sha256(shipped.read_bytes()).hexdigest()


def test_another_word_is_a_path_and_the_record_holds_no_folder(tmp_path):
    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelError, match=r"m\.safetensors does not exist.*or the word default"):
        model_path(str(path))
    save_model(path, tiny_model())
    assert model_path(str(path)) == path
    assert started_from(str(path)).name == "m.safetensors"


def test_the_description_is_read_alone(tmp_path):
    model = tiny_model()
    save_model(tmp_path / "m", model)
    assert read_model_description(tmp_path / "m") == model.description


def test_a_file_from_before_models_had_a_start_still_loads(tmp_path):
    model = tiny_model()
    described = model.description.model_dump(mode="json")
    del described["started_from"]
    save_file(model.net.state_dict(), tmp_path / "m", metadata={KEY: json.dumps(described)})
    assert load_model(tmp_path / "m").description == model.description


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
