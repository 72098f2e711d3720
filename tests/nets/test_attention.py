import pytest
import torch
from torch import nn

from motes.nets.attention import BETWEEN_PLACES, IN_BLOCKS, EfficientChannels, Gate
from motes.nets.build import initialise
from motes.nets.description import NetDescription


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def made(part, net: NetDescription, *arguments) -> nn.Module:
    module = part(net, *arguments).eval()
    initialise(module, seed=2)
    return module


@pytest.mark.parametrize(
    ("channels", "expected"), [(512, 263_939), (256, 66_435), (128, 16_835), (64, 4_323)]
)
def test_a_gate_has_as_many_parameters_as_three_convolutions_and_their_norms(channels, expected):
    assert parameters(Gate(NetDescription(), channels)) == expected


def test_a_gate_lets_through_a_share_between_none_and_all():
    gate = made(Gate, NetDescription(), 4)
    skip, signal = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 6, 6)
    share = gate(skip, signal, []) / skip
    assert ((share > 0) & (share < 1)).all()
    torch.testing.assert_close(share, share[:, :1].expand_as(share))  # the same for all channels


def test_a_gate_is_the_published_formula():
    gate = made(Gate, NetDescription(norm="none"), 4)
    skip, signal = torch.randn(1, 4, 3, 5), torch.randn(1, 4, 3, 5)
    x, g = (each[0].flatten(1) for each in (skip, signal))
    w_x, w_g, psi = (each.weight.flatten(1) for each in (gate.skip, gate.signal, gate.psi))
    alpha = torch.sigmoid(psi @ torch.relu(w_x @ x + w_g @ g))
    torch.testing.assert_close(gate(skip, signal, [])[0].flatten(1), alpha * x)


def test_a_gate_hears_coarser_levels_at_the_places_above_them():
    gate = made(Gate, NetDescription(norm="none"), 2, (3, 5))
    skip, signal = torch.randn(1, 2, 8, 8), torch.randn(1, 2, 8, 8)
    quarter, eighth = torch.randn(1, 3, 2, 2), torch.randn(1, 5, 1, 1)
    before = gate(skip, signal, [quarter, eighth])
    quarter[..., 1, 0] += 5
    changed = (gate(skip, signal, [quarter, eighth]) - before).abs().sum(1)[0] > 0
    rows, columns = torch.nonzero(changed, as_tuple=True)
    assert rows.min() >= 4
    assert columns.max() < 4
    assert changed.any()


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("kind", [*IN_BLOCKS, *BETWEEN_PLACES])
def test_the_shape_stays(kind, ndim):
    part = {**IN_BLOCKS, **BETWEEN_PLACES}[kind]
    module = made(part, NetDescription(ndim=ndim), 8)
    x = torch.randn(2, 8, 4, 6, 2)[..., :2].mean(-1) if ndim == 2 else torch.randn(2, 8, 4, 6, 2)
    assert module(x).shape == x.shape


@pytest.mark.parametrize("kind", ["se", "eca"])
def test_attention_over_channels_multiplies_each_by_one_number(kind):
    x = torch.rand(2, 8, 5, 5) + 0.5
    share = made(IN_BLOCKS[kind], NetDescription(), 8)(x) / x
    torch.testing.assert_close(share, share[..., :1, :1].expand_as(share))
    assert ((share > 0) & (share < 1)).all()


def test_cbam_multiplies_by_a_number_for_each_channel_and_one_for_each_place():
    x = torch.rand(1, 8, 5, 5) + 0.5
    share = (made(IN_BLOCKS["cbam"], NetDescription(), 8)(x) / x)[0].flatten(1)
    assert torch.linalg.matrix_rank(share, rtol=1e-4) == 1
    assert share.std() > 0


@pytest.mark.parametrize(
    ("channels", "kernel"), [(8, 3), (16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5)]
)
def test_the_kernel_of_eca_grows_with_the_channels(channels, kernel):
    assert EfficientChannels(NetDescription(), channels).along.weight.shape == (1, 1, kernel)


@pytest.mark.parametrize("kind", BETWEEN_PLACES)
def test_attention_between_places_follows_them_when_they_change_order(kind):
    module = made(BETWEEN_PLACES[kind], NetDescription(norm="none"), 128)
    x = torch.randn(1, 128, 4, 4)
    torch.testing.assert_close(module(x.flip(2)), module(x).flip(2), atol=1e-4, rtol=1e-4)
    x.requires_grad_()
    module(x)[0, 0, 0, 0].backward()
    assert (x.grad[0].abs().sum(0) > 0).all()


def test_self_attention_is_that_of_torch():
    module = made(BETWEEN_PLACES["self_attention"], NetDescription(norm="none"), 128)
    x = torch.randn(2, 128, 3, 4)
    reference = nn.MultiheadAttention(128, module.heads, batch_first=True).eval()
    with torch.no_grad():
        reference.in_proj_weight.copy_(
            torch.cat([each.weight.flatten(1) for each in (module.query, module.key, module.value)])
        )
        reference.out_proj.weight.copy_(module.out.weight.flatten(1))
        places = x.flatten(2).transpose(1, 2)
        heard = reference(places, places, places, need_weights=False)[0].transpose(1, 2).reshape(x.shape)
        torch.testing.assert_close(module(x), x + heard, atol=1e-5, rtol=1e-4)
