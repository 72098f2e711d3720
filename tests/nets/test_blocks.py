import pytest
import torch
from torch import nn

from motes.nets.blocks import ConvBlock, find_norm
from motes.nets.build import initialise
from motes.nets.description import NetDescription


def block(channels_in: int = 3, channels_out: int = 4, **values) -> ConvBlock:
    made = ConvBlock(NetDescription(**values), channels_in, channels_out, nn.Identity())
    initialise(made, seed=1)
    return made


@pytest.mark.parametrize(("channels", "groups"), [(64, 8), (8, 8), (12, 4), (6, 2), (1, 1)])
def test_groups_divide_the_channels(channels, groups):
    norm = find_norm(NetDescription(norm="group"), channels)
    assert norm.num_groups == groups


def test_an_instance_norm_learns_a_scale_and_a_shift():
    assert [p.shape for p in find_norm(NetDescription(norm="instance", ndim=3), 6).parameters()] == [
        (6,),
        (6,),
    ]


def test_without_a_norm_there_is_nothing_to_learn():
    assert not list(find_norm(NetDescription(norm="none"), 6).parameters())


def test_a_shortcut_has_weights_only_where_channels_differ():
    assert not list(block(4, 4, block="residual").shortcut.parameters())
    assert block(3, 4, block="residual").shortcut.weight.shape == (4, 3, 1, 1)
    assert not list(block(3, 4, block="plain").shortcut.parameters())


def test_a_residual_block_that_finds_nothing_passes_its_input_on():
    made = block(4, 4, block="residual", norm="none").eval()
    nn.init.zeros_(made.conv2.weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(made(x), x.relu())


def test_dropout_takes_whole_channels_while_training_and_nothing_later():
    made = block(channels_out=50, norm="none", dropout=0.5)
    x = torch.randn(1, 3, 6, 6)
    full = made.eval()(x)
    torch.manual_seed(0)
    dropped = made.train()(x)
    gone = (dropped == 0).all(dim=(2, 3))
    assert 10 < int(gone.sum()) < 40
    torch.testing.assert_close(dropped[~gone], 2 * full[~gone])
    assert not any(isinstance(part, nn.Dropout2d) for part in block().modules())


@pytest.mark.parametrize(
    ("activation", "of_minus_one"),
    [("relu", 0.0), ("leaky_relu", -0.01), ("silu", -0.2689), ("prelu", -0.25), ("gelu", -0.1587)],
)
def test_activations(activation, of_minus_one):
    made = block(norm="none", activation=activation)
    value = made.activation1(torch.full((1,), -1.0))
    torch.testing.assert_close(value, torch.tensor([of_minus_one]), atol=1e-4, rtol=0)
