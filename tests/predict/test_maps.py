import numpy as np
import pytest
import torch

from motes.nets.build import build_net, net_reach
from motes.nets.description import NetDescription
from motes.predict import maps as maps_module
from motes.predict.maps import (
    blended,
    largest_side,
    pad_to_multiple,
    probability_maps,
    side_that_fits,
    values_that_fit,
)
from motes.predict.tiles import tiles

VALUES = 375_000_000  # of float32 in 1.5 GB


def trained_looking_net(description: NetDescription) -> torch.nn.Module:
    """A net whose norm layers have seen data, so that its output is not flat."""
    net = build_net(description, seed=3).train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(2, 1, *(description.multiple * 4,) * description.ndim))
    return net.eval()


@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
@pytest.mark.parametrize("shape", [(300, 421), (129, 64)])
def test_tiles_equal_the_whole_image(shape, upsampling):
    description = NetDescription(width=4, depth=4, upsampling=upsampling)
    net = trained_looking_net(description)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    whole = probability_maps(net, description, image, side=10_000)
    tiled = probability_maps(net, description, image, side=96)
    assert whole.shape == tiled.shape == (1, *shape)
    assert whole.std() > 0.01
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_of_the_five_level_net_equal_the_whole_image():
    description = NetDescription(width=4, depth=5)
    net = trained_looking_net(description)
    image = np.random.default_rng(0).normal(size=(500, 380)).astype(np.float32)
    whole = probability_maps(net, description, image, side=10_000)
    tiled = probability_maps(net, description, image, side=64)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_tiles_of_a_volume_equal_the_whole_volume():
    description = NetDescription(width=2, depth=3, ndim=3)
    net = trained_looking_net(description)
    volume = np.random.default_rng(0).normal(size=(30, 70, 81)).astype(np.float32)
    whole = probability_maps(net, description, volume, side=10_000)
    tiled = probability_maps(net, description, volume, side=24)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


def test_without_enough_surround_tiles_would_differ():
    """The test above can fail: half the halo is not enough."""
    description = NetDescription(width=4, depth=4)
    net = trained_looking_net(description)
    image = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
    whole = probability_maps(net, description, image, side=10_000)[0]
    part = probability_maps(net, description, image[:, :128], side=10_000)[0]
    assert np.abs(part[:, 104:] - whole[:, 104:128]).max() > 1e-3


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (16, 16), (17, 33)])
def test_any_size_goes_in_and_comes_out(shape):
    description = NetDescription(width=2, depth=5)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    maps = probability_maps(build_net(description).eval(), description, image)
    assert maps.shape == (1, *shape)
    assert ((maps >= 0) & (maps <= 1)).all()


def test_padding_adds_empty_ground_at_the_end():
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    padded = pad_to_multiple(image, 4)
    assert padded.shape == (4, 4)
    assert padded[:2, :3].tolist() == image.tolist()
    assert padded.sum() == image.sum()


def test_the_edge_of_an_image_looks_as_in_training(monkeypatch):
    """The margin shows the net most of what a wide empty ground would; without it the edge looks different."""
    description = NetDescription(width=4, depth=3)
    net = trained_looking_net(description)
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    surrounded = probability_maps(net, description, np.pad(image, 64))[0][64:128, 64:128]
    with_margin = np.abs(probability_maps(net, description, image)[0] - surrounded).max()
    monkeypatch.setattr(maps_module, "MARGIN", 0)
    without = np.abs(probability_maps(net, description, image)[0] - surrounded).max()
    assert with_margin < without / 4


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("width", [16, 64])
def test_a_tile_with_its_surround_fits_into_memory(ndim, width):
    description = NetDescription(width=width, ndim=ndim)
    largest = largest_side(description, VALUES)
    shape = (description.multiple * 500,) * ndim
    inner = side_that_fits(description, shape, net_reach(description), VALUES)
    assert inner >= description.multiple
    tile = next(
        tiles((10_000 * description.multiple,) * ndim, inner, net_reach(description), description.multiple)
    )
    beside = tile.outer[0].stop - tile.outer[0].start + tile.outer[0].stop - tile.inner[0].stop
    assert inner == description.multiple or beside <= largest
    levels = 2 if ndim == 2 else 4 / 3
    assert 6 * width * levels * largest**ndim <= VALUES


def test_half_as_long_values_let_twice_as_many_into_memory():
    net = build_net(NetDescription(width=1, depth=1))
    short, long = (values_that_fit(net, precision) for precision in (torch.bfloat16, torch.float32))
    assert short == 2 * long
    standard = NetDescription(width=64)
    assert side_that_fits(standard, (832, 832), 107, short) == 832  # 768 px and a margin, in one pass


def test_an_image_that_fits_is_predicted_whole():
    description = NetDescription(width=16)
    assert side_that_fits(description, (800, 640), 107, VALUES) == 800


def test_blended_tiles_of_a_net_that_looks_nowhere_equal_the_whole():
    description = NetDescription(width=2, depth=3)
    image = np.random.default_rng(0).normal(size=(64, 88)).astype(np.float32)
    maps = blended(lambda part: part[None] * 2, image, 24, description)
    np.testing.assert_allclose(maps[0], image * 2, rtol=1e-5)


def test_blended_tiles_have_no_seams():
    """Each tile says another constant, as a net that pools over its whole input may."""
    description = NetDescription(width=2, depth=3)
    said = iter(np.linspace(0, 1, 100))

    def say_something_else(part):
        return np.full((1, *part.shape), next(said), dtype=np.float32)

    maps = blended(say_something_else, np.zeros((96, 96), dtype=np.float32), 32, description)
    assert np.abs(np.diff(maps[0], axis=0)).max() < 0.25 * np.ptp(maps)
    assert np.abs(np.diff(maps[0], axis=1)).max() < 0.25 * np.ptp(maps)
