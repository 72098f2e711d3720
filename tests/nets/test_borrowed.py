import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from motes.errors import ModelError, MotesError
from motes.nets.borrowed import load_encoder
from motes.nets.build import build_net, parameter_count
from motes.nets.description import NetDescription

RESNET = NetDescription(name="resnet18_unet", width=2)
EFFICIENTNET = NetDescription(name="efficientnet_b0_unet", width=2)


def published_resnet18() -> dict[str, Tensor]:
    """A state dictionary with the names and shapes of torchvision's resnet18."""
    generator = torch.Generator().manual_seed(1)
    state = {"conv1.weight": torch.randn(64, 3, 7, 7, generator=generator), **norm("bn1", 64)}
    before = 64
    for stage, channels in enumerate((64, 128, 256, 512), start=1):
        for number in (0, 1):
            here = f"layer{stage}.{number}"
            first = before if number == 0 else channels
            state[f"{here}.conv1.weight"] = torch.randn(channels, first, 3, 3, generator=generator)
            state[f"{here}.conv2.weight"] = torch.randn(channels, channels, 3, 3, generator=generator)
            state |= {**norm(f"{here}.bn1", channels), **norm(f"{here}.bn2", channels)}
            if number == 0 and stage > 1:
                state[f"{here}.downsample.0.weight"] = torch.randn(
                    channels, before, 1, 1, generator=generator
                )
                state |= norm(f"{here}.downsample.1", channels)
        before = channels
    return {**state, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}


def norm(name: str, channels: int) -> dict[str, Tensor]:
    return {
        f"{name}.weight": torch.full((channels,), 2.0),
        f"{name}.bias": torch.full((channels,), 0.5),
        f"{name}.running_mean": torch.full((channels,), 0.1),
        f"{name}.running_var": torch.full((channels,), 0.9),
    }


def test_weights_of_a_resnet_find_their_places(tmp_path):
    published = published_resnet18()
    torch.save(published, tmp_path / "resnet18.pth")
    module = build_net(RESNET)
    load_encoder(module, RESNET, tmp_path / "resnet18.pth")
    loaded = module.encoder.state_dict()
    torch.testing.assert_close(loaded["conv1.weight"], published["conv1.weight"].sum(1, keepdim=True))
    for name in ("layer3.0.downsample.0.weight", "layer4.1.bn2.running_var"):
        assert torch.equal(loaded[name], published[name])


def test_a_grey_image_is_seen_as_three_equal_colours(tmp_path):
    published = published_resnet18()
    save_file(published, tmp_path / "resnet18.safetensors")
    grey, colour = torch.randn(1, 1, 32, 32), nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
    colour.load_state_dict({"weight": published["conv1.weight"]})
    for inputs in (1, 2, 3):
        net = RESNET.model_copy(update={"inputs": inputs})
        module = build_net(net)
        load_encoder(module, net, tmp_path / "resnet18.safetensors")
        seen = module.encoder.conv1(grey.expand(-1, inputs, -1, -1))
        torch.testing.assert_close(seen, colour(grey.expand(-1, 3, -1, -1)), atol=1e-3, rtol=1e-3)


def test_weights_of_an_efficientnet_find_their_places(tmp_path):
    encoder = build_net(EFFICIENTNET).encoder
    published = {}
    for name, tensor in encoder.state_dict().items():
        parts = name.split(".")
        short = (
            ".".join([parts[0], *parts[2:]]) if parts[0] == "_blocks" else name
        )  # _blocks.1.2.x is _blocks.2.x
        published[short] = torch.full_like(tensor, 3)
    published["_conv_stem.weight"] = torch.ones(32, 3, 3, 3)
    published |= {"_fc.weight": torch.zeros(1000, 1280), "_conv_head.weight": torch.zeros(1280, 320, 1, 1)}
    published |= norm("_bn1", 1280)
    assert "_blocks.15._project_conv.weight" in published
    torch.save(published, tmp_path / "b0.pth")
    module = build_net(EFFICIENTNET)
    load_encoder(module, EFFICIENTNET, tmp_path / "b0.pth")
    loaded = module.encoder.state_dict()
    assert all((tensor == 3).all() for name, tensor in loaded.items() if name != "_conv_stem.weight")
    assert (loaded["_conv_stem.weight"] == 3).all()  # one and one and one


def test_weights_that_do_not_fit_are_refused_and_change_nothing(tmp_path):
    published = published_resnet18()
    module = build_net(RESNET)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    path = tmp_path / "w.pth"
    spoilt = {
        "layer2.0.conv1.weight is missing": {
            k: v for k, v in published.items() if k != "layer2.0.conv1.weight"
        },
        r"bn1.bias has shape \(3,\), expected \(64,\)": {**published, "bn1.bias": torch.zeros(3)},
        "layer5.0.conv1.weight has no place": {**published, "layer5.0.conv1.weight": torch.zeros(1)},
    }
    for words, state in spoilt.items():
        torch.save(state, path)
        with pytest.raises(ModelError, match=rf"tensors fit; {words}"):
            load_encoder(module, RESNET, path)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())


def test_files_that_are_no_weights_are_refused(tmp_path):
    module = build_net(RESNET)
    path = tmp_path / "w.pth"
    with pytest.raises(ModelError, match="does not exist"):
        load_encoder(module, RESNET, path)
    for spoilt in (b"not weights", b"junk", b""):
        path.write_bytes(spoilt)
        with pytest.raises(ModelError, match="cannot be read as weights"):
            load_encoder(module, RESNET, path)
    torch.save({"state_dict": published_resnet18()}, path)
    with pytest.raises(ModelError, match="expected a state dictionary"):
        load_encoder(module, RESNET, path)
    torch.save(nn.Linear(1, 1), path)  # a whole module: reading it would run code
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_encoder(module, RESNET, path)
    (tmp_path / "w.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        load_encoder(module, RESNET, tmp_path / "w.safetensors")


def test_a_net_without_an_encoder_to_load_into_says_so(tmp_path):
    net = NetDescription(width=2, depth=2)
    with pytest.raises(ModelError, match=r"unet has no encoder.*resnet18_unet"):
        load_encoder(build_net(net), net, tmp_path / "w.pth")


def test_a_borrowed_net_is_drawn_from_the_seed():
    net = NetDescription(name="segresnet")
    one, again, other = (build_net(net, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["convInit.conv.weight"], other["convInit.conv.weight"])


@pytest.mark.parametrize("name", ["resnet18_unet", "unet_plus_plus", "segresnet", "swin_unetr", "light_unet"])
def test_borrowed_nets_honour_dimensions_width_and_channels(name):
    net = NetDescription(name=name)
    wider = NetDescription(name=name, ndim=3, width=2 * net.width, inputs=2, outputs=3)
    assert parameter_count(build_net(wider)) > parameter_count(build_net(net))


def test_without_monai_the_extra_is_named(monkeypatch):
    for loaded in [each for each in sys.modules if each == "monai" or each.startswith("monai.")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(MotesError, match=r"segresnet comes from MONAI.*pip install 'motes\[monai\]'"):
        build_net(NetDescription(name="segresnet"))
    assert parameter_count(build_net(NetDescription(width=2, depth=2))) > 0
