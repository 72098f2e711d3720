"""How much views differ, beside the maps: what one finds by looking at the views one by one."""

import numpy as np
import pytest
import torch

from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.predict.stream import Seer, stream_maps
from motes.predict.views import seen_in, seen_with_spread, views
from motes.predict.windows import Windows

FLAT = NetDescription(width=2, depth=2, outputs=2, independent=True)
CLASSES = NetDescription(width=1, depth=1, ndim=3, outputs=3)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def whole(seer: Seer, image: np.ndarray, windows: Windows) -> np.ndarray:
    slabs = stream_maps(seer, image, seer.plan(image.shape, windows))
    return np.concatenate([slab.maps.copy() for slab in slabs], axis=1)


@pytest.mark.parametrize("net", [FLAT, CLASSES])
@pytest.mark.parametrize("ways", [2, 8])
def test_it_is_the_standard_deviation_of_the_views_one_by_one(net, ways):
    seer = Seer(build_net(net, seed=3).eval(), net, torch.float32, spread=True)
    windows = noise(3, *(4, 8, 8)[-net.ndim :])
    plain = Seer(seer.net, net, torch.float32)
    one_by_one = [
        view.back(plain.look(view.of(torch.from_numpy(windows)).numpy().copy())) for view in views(ways)
    ]
    expected = torch.stack(one_by_one)[:, :, 0].std(dim=0, correction=0)
    found = seer.look(windows, ways)
    assert expected.max() > 1e-3
    torch.testing.assert_close(found[:, -1], expected, atol=1e-6, rtol=1e-4)


def test_other_maps_stay_to_the_last_bit():
    net, image = build_net(FLAT, seed=3).eval(), noise(24, 40)
    windows = Windows(patch=16, blend="gaussian", views=4)
    plain = whole(Seer(net, FLAT, torch.float32), image, windows)
    more = whole(Seer(net, FLAT, torch.float32, spread=True), image, windows)
    assert more.shape == (3, 24, 40)
    np.testing.assert_array_equal(more[:2], plain)


def test_one_view_does_not_differ():
    seer = Seer(build_net(FLAT, seed=3).eval(), FLAT, torch.float32, spread=True)
    maps = whole(seer, noise(24, 40), Windows())
    assert maps.shape == (3, 24, 40)
    assert not maps[-1].any()


def test_views_that_agree_do_not_differ_at_all():
    """Also near 1, where a mean of squares would leave rounding behind."""
    found = seen_with_spread(views(8), lambda x: torch.full_like(x, 0.9999), torch.zeros(1, 1, 4, 4))
    assert float(found[:, 1].max()) < 1e-6


def test_small_differences_near_one_keep_their_size():
    said = iter([1.0, 1.0 - 1e-4])
    found = seen_with_spread(views(2), lambda x: torch.full_like(x, next(said)), torch.zeros(1, 1, 2, 2))
    np.testing.assert_allclose(found[0, 1], 5e-5, rtol=1e-2)


def test_windows_are_blended_as_the_maps_are():
    """What each window says is the same everywhere, so the blend must be too."""
    seer = Seer(Halves(), FLAT, torch.float32, spread=True)
    maps = whole(seer, noise(40, 40), Windows(patch=16, blend="gaussian", views=2))
    np.testing.assert_allclose(maps[-1], 0.25, atol=1e-5)


def test_no_view_is_seen_twice():
    looks = []

    def once(x: torch.Tensor) -> torch.Tensor:
        looks.append(x)
        return x

    seen_with_spread(views(4), once, torch.zeros(1, 1, 2, 2))
    assert len(looks) == 4
    seen_in(views(4), once, torch.zeros(1, 1, 2, 2))
    assert len(looks) == 8


class Halves(torch.nn.Module):
    """A net that says 1/4 and 3/4 by turns."""

    def __init__(self) -> None:
        super().__init__()
        self.said = torch.nn.Parameter(torch.tensor(1.0), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.said.neg_()
        return self.said * np.log(3) * torch.ones_like(x).expand(-1, 2, *x.shape[2:])
