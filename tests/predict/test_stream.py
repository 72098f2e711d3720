"""What comes slab by slab is what the whole would be."""

import numpy as np
import pytest
import torch

from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.folded import folded
from motes.predict.maps import probability_maps
from motes.predict.stream import Seer, stream_maps
from motes.predict.windows import Windows

NOWHERE = NetDescription(width=1, depth=1, ndim=3, outputs=3)
SE = NetDescription(name="se_unet", ndim=3, outputs=3, widths=(2, 4))


class Itself(torch.nn.Module):
    """A net whose logits are the image, times 1, 2, ... in each output."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.times = torch.nn.Parameter(torch.arange(1.0, outputs + 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("b...,o->bo...", x[:, 0], self.times)


class Numbered(torch.nn.Module):
    """A net that says another constant of each window."""

    def __init__(self) -> None:
        super().__init__()
        self.said = torch.nn.Parameter(torch.tensor(0.0), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.said += 0.3
        return torch.sin(self.said * 7) * torch.ones_like(x)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    "windows", [{"patch": (8, 16, 16)}, {"patch": 8, "overlap": 0.75}, {"patch": 16, "overlap": 0}]
)
@pytest.mark.parametrize("shape", [(30, 41, 50), (5, 41, 16), (16, 7, 7)])
def test_a_net_that_looks_nowhere_gives_the_same_in_any_windows(windows, shape):
    image = noise(*shape)
    maps = probability_maps(
        Itself(3), NOWHERE, image, windows=Windows.model_validate({"blend": "gaussian", **windows})
    )
    expected = torch.softmax(torch.from_numpy(image)[None] * torch.arange(1.0, 4)[:, None, None, None], dim=0)
    np.testing.assert_allclose(maps, expected, atol=2e-6)


def test_slabs_come_in_order_and_cover_each_plane_once():
    seer = Seer(Itself(3), NOWHERE, torch.float32)
    plan = seer.plan((50, 20, 20), Windows(patch=16, overlap=0.5))
    ends, told = [0], []
    for slab in stream_maps(seer, noise(50, 20, 20), plan, told.append):
        assert slab.start == ends[-1]
        assert slab.maps.shape[0] == 2  # without the background
        assert slab.maps.shape[1] <= 16
        ends.append(slab.start + slab.maps.shape[1])
    assert ends[-1] == 50
    assert len(ends) == 1 + len(plan.cuts[0])
    assert told == sorted(told)
    assert (told[-1], len(told)) == (plan.windows, len(ends) - 1)  # a row's windows are seen together


def test_long_rows_are_handed_over_in_pieces(monkeypatch):
    monkeypatch.setattr("motes.predict.stream.slab_planes", lambda _shape: 3)
    seer = Seer(Itself(), NetDescription(width=1, depth=1, ndim=3), torch.float32)
    slabs = [
        (slab.start, slab.maps.copy()) for slab in stream_maps(seer, noise(10, 6, 6), seer.plan((10, 6, 6)))
    ]
    assert [start for start, _ in slabs] == [0, 3, 6, 9]
    whole = np.concatenate([maps for _, maps in slabs], axis=1)[0]
    np.testing.assert_allclose(whole, torch.sigmoid(torch.from_numpy(noise(10, 6, 6))), atol=1e-6)


def test_blended_windows_have_no_seams():
    """A net that pools over its window may say something else of each."""
    net = NetDescription(width=2, depth=3, encoder_attention="se")
    maps = probability_maps(Numbered(), net, np.zeros((96, 96), np.float32), windows=Windows(patch=32))
    assert np.ptp(maps) > 0.1
    assert np.abs(np.diff(maps[0], axis=0)).max() < 0.25 * np.ptp(maps)
    assert np.abs(np.diff(maps[0], axis=1)).max() < 0.25 * np.ptp(maps)


def test_blended_windows_are_those_of_monai_away_from_the_edges():
    """There its least weight is of the whole window, not of an axis, and blurs the weights along the edge."""
    inferers = pytest.importorskip("monai.inferers")
    net = build_net(SE, seed=2).eval()
    image = noise(40, 64, 64)
    found = probability_maps(net, SE, image, windows=Windows(patch=(16, 32, 32)))
    # multiples of the step fit these sides, so that windows lie at the same places
    with torch.inference_mode():
        expected = inferers.sliding_window_inference(
            torch.from_numpy(image)[None, None],
            (16, 32, 32),
            4,
            lambda x: torch.softmax(net(x), dim=1),
            overlap=0.5,
            mode="gaussian",
        )
    inner = (slice(None), slice(8, -8), slice(16, -16), slice(16, -16))
    assert found[inner].std() > 0.01
    np.testing.assert_allclose(found[inner], expected[0][inner], atol=1e-2)
    assert np.abs(found[inner] - np.asarray(expected[0])[inner]).mean() < 2e-4


def test_in_other_windows_the_picture_stays_but_not_each_digit():
    """A check of the test above: the place of windows matters."""
    net = build_net(SE, seed=2).eval()
    one, other = (
        probability_maps(net, SE, noise(40, 64, 64), windows=Windows(patch=patch))
        for patch in ((16, 32, 32), 24)
    )
    assert 0.02 < np.abs(one - other).max() < 0.5


def test_all_views_of_an_image_give_the_same_turned():
    net = build_net(SE, seed=2).eval()
    image = noise(16, 32, 32)
    settings = Windows(patch=16, views=8)
    seen = probability_maps(net, SE, image, windows=settings)
    turned = probability_maps(net, SE, np.rot90(image, axes=(1, 2)).copy(), windows=settings)
    np.testing.assert_allclose(np.rot90(seen, axes=(2, 3)), turned, atol=1e-5)
    once = probability_maps(net, SE, image, windows=Windows(patch=16))
    assert np.abs(once - seen).max() > 1e-3


def test_a_folded_net_sees_the_same():
    net = build_net(SE, seed=2).eval()
    expected = probability_maps(net, SE, noise(20, 40, 40), windows=Windows(patch=16))
    found = probability_maps(folded(net, torch.float32), SE, noise(20, 40, 40), windows=Windows(patch=16))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_window_is_timed():
    seer = Seer(build_net(SE).eval(), SE, torch.float32)
    plan = seer.plan((20, 40, 40), Windows(patch=16))
    assert 0 < seer.seconds_a_window(plan) < 10
