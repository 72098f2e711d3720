import pytest
import torch
from torch import nn

from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.folded import FoldedUNet, Scaled, channel_means, folded

SMALL = {"width": 4, "depth": 3}
KINDS = [
    {},
    {"norm": "none"},
    {"block": "residual"},
    {"encoder_attention": "se"},
    {"encoder_attention": "se", "decoder_attention": "se", "block": "residual"},
    {"encoder_attention": "cbam", "decoder_attention": "eca"},
    {"skips": "gate"},
    {"skips": "gate", "gate_scales": "several", "encoder_attention": "se"},
    {"bottleneck": "self_attention"},
    {"bottleneck": "non_local", "upsampling": "linear"},
    {"activation": "prelu", "outputs": 3},
    {"activation": "silu", "dropout": 0.3},
    {"depth": 1},
]


def seasoned(ndim: int, **kind: object) -> nn.Module:
    """A net whose norm layers have seen data."""
    net = build_net(NetDescription(ndim=ndim, **{**SMALL, **kind}), seed=1).train()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(2, 1, *(16,) * ndim, generator=generator))
    return net.eval()


def image(ndim: int, count: int = 2) -> torch.Tensor:
    shape = (8, 16, 24)[-ndim:]
    return torch.randn(count, 1, *shape, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_folded_net_gives_the_same_logits(ndim, kind):
    net = seasoned(ndim, **kind)
    fast = folded(net, torch.float32)
    assert isinstance(fast, FoldedUNet)
    with torch.inference_mode():
        expected = net(image(ndim))
        assert expected.std() > 0.01
        torch.testing.assert_close(fast(image(ndim)), expected, atol=2e-5, rtol=1e-4)
        other = image(ndim, 1)[..., :8]  # of another size, and the first one again
        torch.testing.assert_close(fast(other), net(other), atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(fast(image(ndim)), expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", [{"encoder_attention": "se", "outputs": 7}, {"skips": "gate"}], ids=str)
def test_in_bfloat16_it_is_no_further_from_the_truth_than_the_net_itself(ndim, kind):
    net = seasoned(ndim, **kind)
    with torch.inference_mode():
        truth = net(image(ndim))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            usual = (net(image(ndim)).float() - truth).abs()
        found = folded(net, torch.bfloat16)(image(ndim))
        assert found.dtype == torch.bfloat16
        assert (found.float() - truth).abs().mean() < 1.3 * usual.mean()


def test_the_net_itself_stays_as_it_was():
    net = seasoned(2, encoder_attention="se")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    folded(net, torch.bfloat16)(image(2))
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(value.requires_grad for value in net.parameters())


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_norms_over_the_image_are_left_alone(norm):
    net = build_net(NetDescription(norm=norm, **SMALL)).eval()
    assert folded(net, torch.float32) is net


def test_a_net_that_learns_and_one_of_another_house_are_left_alone():
    net = build_net(NetDescription(**SMALL)).train()
    assert folded(net, torch.float32) is net
    other = nn.Conv2d(1, 1, 1).eval()
    assert folded(other, torch.float32) is other


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_means_of_channels(layout):
    x = torch.rand(2, 3, 4, 6, 5).to(memory_format=layout)
    torch.testing.assert_close(channel_means(x), x.mean(dim=(2, 3, 4)))


def test_halving_takes_the_highest_of_each_eight():
    x, scale = torch.randn(2, 3, 4, 6, 8), torch.rand(2, 3)
    expected = nn.functional.max_pool3d(x * scale[:, :, None, None, None], 2)
    torch.testing.assert_close(Scaled(x.clone(), scale).halved(), expected)
    torch.testing.assert_close(Scaled(x).halved(), nn.functional.max_pool3d(x, 2))
