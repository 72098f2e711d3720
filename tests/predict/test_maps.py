import numpy as np
import pytest
import torch

from motes.nets.build import build_net, net_reach
from motes.nets.description import NetDescription
from motes.nets.folded import folded
from motes.predict import cuts as cuts_module
from motes.predict.maps import class_maps, probability_maps
from motes.predict.windows import Windows


def trained_looking_net(description: NetDescription) -> torch.nn.Module:
    """A net whose norm layers have seen data, so that its output is not flat."""
    net = build_net(description, seed=3).train()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(2, 1, *(description.multiple * 4,) * description.ndim, generator=generator))
    return net.eval()


def tiled(description: NetDescription, side: int) -> Windows:
    """Windows of which so much counts."""
    reach = net_reach(description)
    assert reach is not None
    return Windows(patch=side + 2 * (-(-reach // description.multiple) * description.multiple))


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
@pytest.mark.parametrize("shape", [(300, 421), (129, 64)])
def test_tiles_equal_the_whole_image(shape, upsampling):
    description = NetDescription(width=4, depth=4, upsampling=upsampling)
    net = trained_looking_net(description)
    whole = probability_maps(net, description, noise(*shape))
    parts = probability_maps(net, description, noise(*shape), windows=tiled(description, 96))
    assert whole.shape == parts.shape == (1, *shape)
    assert whole.std() > 0.01
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_tiles_of_the_five_level_net_equal_the_whole_image():
    description = NetDescription(width=4, depth=5)
    net = trained_looking_net(description)
    whole = probability_maps(net, description, noise(500, 380))
    parts = probability_maps(net, description, noise(500, 380), windows=tiled(description, 64))
    np.testing.assert_allclose(parts, whole, atol=1e-5)


@pytest.mark.parametrize("fold", [False, True])
def test_tiles_of_a_volume_equal_the_whole_volume(fold):
    description = NetDescription(width=2, depth=3, ndim=3)
    net = trained_looking_net(description)
    whole = probability_maps(net, description, noise(30, 70, 81))
    net = folded(net, torch.float32) if fold else net
    parts = probability_maps(net, description, noise(30, 70, 81), windows=tiled(description, 24))
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_without_enough_surround_tiles_would_differ():
    """The test above can fail: half the halo is not enough."""
    description = NetDescription(width=4, depth=4)
    net = trained_looking_net(description)
    whole = probability_maps(net, description, noise(256, 256))[0]
    part = probability_maps(net, description, noise(256, 256)[:, :128])[0]
    assert np.abs(part[:, 104:] - whole[:, 104:128]).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (16, 16), (17, 33)])
@pytest.mark.parametrize("attention", ["none", "se"])
def test_any_size_goes_in_and_comes_out(shape, attention):
    description = NetDescription(width=2, depth=5, encoder_attention=attention)
    maps = probability_maps(build_net(description).eval(), description, noise(*shape))
    assert maps.shape == (1, *shape)
    assert ((maps >= 0) & (maps <= 1)).all()


def test_the_edge_of_an_image_looks_as_in_training(monkeypatch):
    """The margin shows the net most of what a wide empty ground would; without it the edge looks different."""
    description = NetDescription(width=4, depth=3)
    net = trained_looking_net(description)
    image = noise(64, 64)
    surrounded = probability_maps(net, description, np.pad(image, 64))[0][64:128, 64:128]
    with_margin = np.abs(probability_maps(net, description, image)[0] - surrounded).max()
    monkeypatch.setattr(cuts_module, "MARGIN", 0)
    without = np.abs(probability_maps(net, description, image)[0] - surrounded).max()
    assert with_margin < without / 4


def test_the_background_is_no_class():
    maps = noise(3, 4, 4)
    assert class_maps(maps, NetDescription(outputs=3)).shape == (2, 4, 4)
    assert class_maps(maps[:1], NetDescription()).shape == (1, 4, 4)


def test_what_separates_objects_is_no_class():
    net = NetDescription(outputs=2, independent=True)
    assert (class_maps(noise(2, 4, 4), net) == noise(2, 4, 4)[:1]).all()


def test_independent_maps_have_a_logistic_function_each():
    description = NetDescription(width=2, depth=2, outputs=2, independent=True)
    net, image = trained_looking_net(description), noise(32, 32)
    together = probability_maps(net, description, image)
    logits = net(torch.from_numpy(image)[None, None]).detach().numpy()[0]
    middle = (slice(None), slice(12, 20), slice(12, 20))
    np.testing.assert_allclose(together[middle], 1 / (1 + np.exp(-logits[middle])), atol=1e-4)
