import pytest
import torch
from torch import nn

from motes.nets.build import NETS, build_net, net_reach, parameter_count
from motes.nets.description import NetDescription

STANDARD = 31_042_369
GATES = 351_532


@pytest.mark.parametrize(
    ("name", "expected"),
    [("unet", STANDARD), ("attention_unet", STANDARD + GATES), ("unet_128", 124_130_945)],
)
def test_the_nets_have_exactly_as_many_parameters_as_the_reference(name, expected):
    with torch.device("meta"):
        net = NETS[name].build(NetDescription(name=name))
    assert parameter_count(net) == expected


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
def test_the_output_has_the_size_of_the_input_and_every_parameter_a_gradient(ndim, depth, upsampling):
    description = NetDescription(width=2, depth=depth, ndim=ndim, outputs=3, upsampling=upsampling)
    net = build_net(description)
    image = torch.randn(2, 1, *(description.multiple * n for n in (2, 3, 2)[:ndim]))
    logits = net(image)
    assert logits.shape == (2, 3, *image.shape[2:])
    logits.square().sum().backward()
    # A bias before batch norm has no effect, so its gradient is zero up to rounding, but it is there.
    assert all(p.grad is not None for p in net.parameters())
    assert all(p.grad.abs().max() > 0 for name, p in net.named_parameters() if name.endswith("weight"))


def test_listed_channels_are_those_of_the_levels():
    net = build_net(NetDescription(widths=(3, 5, 4)))
    assert [block.conv2.out_channels for block in net.encoder] == [3, 5, 4]
    assert [block.conv2.out_channels for block in net.decoder] == [3, 5]
    assert net(torch.randn(2, 1, 8, 8)).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("skips", ["none", "gate"])
def test_deep_supervision_gives_coarser_maps_in_training_and_one_map_in_eval(skips):
    net = build_net(NetDescription(width=2, depth=4, outputs=3, skips=skips, deep_supervision=2))
    image = torch.randn(2, 1, 16, 24)
    assert [tuple(map_.shape) for map_ in net(image)] == [(2, 3, 16, 24), (2, 3, 8, 12), (2, 3, 4, 6)]
    finest = net.train()(image)[0]
    assert net.eval()(image).shape == finest.shape


def test_the_finest_map_does_not_depend_on_deep_supervision():
    image = torch.randn(2, 1, 16, 16)
    plain = build_net(NetDescription(width=2, depth=4))(image)
    supervised = build_net(NetDescription(width=2, depth=4, deep_supervision=2))(image)
    assert torch.equal(plain, supervised[0])


def test_the_same_seed_gives_the_same_weights_and_layers_shared_by_two_nets_start_alike():
    one = build_net(NetDescription(width=4, depth=3), seed=7).state_dict()
    again = build_net(NetDescription(width=4, depth=3), seed=7).state_dict()
    deeper = build_net(NetDescription(width=4, depth=4), seed=7).state_dict()
    other = build_net(NetDescription(width=4, depth=3), seed=8).state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    first = "encoder.1.conv1.weight"
    assert torch.equal(one[first], deeper[first])
    assert not torch.equal(one[first], other[first])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "attention_unet"},
        {"name": "residual_unet"},
        {"name": "attention_residual_unet"},
        {"name": "se_unet"},
        {"name": "cbam_unet"},
        {"encoder_attention": "eca", "decoder_attention": "se"},
        {"bottleneck": "self_attention"},
        {"bottleneck": "non_local"},
        {"deep_supervision": 1},
        {"dropout": 0.5},
        {"activation": "prelu"},
        {"skips": "gate", "gate_scales": "several"},
    ],
)
def test_a_variant_has_all_layers_of_the_plain_net_with_the_same_initial_weights(change):
    plain = build_net(NetDescription(width=4, depth=3), seed=7).state_dict()
    variant = build_net(NetDescription(width=4, depth=3, **change), seed=7).state_dict()
    assert all(torch.equal(variant[name], weight) for name, weight in plain.items())


def test_one_gate_listens_to_one_scale_or_several_with_the_same_weights_in_common():
    one = build_net(NetDescription(width=4, depth=4, skips="gate")).state_dict()
    several = build_net(NetDescription(width=4, depth=4, skips="gate", gate_scales="several")).state_dict()
    assert all(torch.equal(several[name], weight) for name, weight in one.items())
    further = {
        name for name in several if "coarser" in name and name.endswith("weight") and "norm" not in name
    }
    # The finest gate hears two levels more than the next coarser one, the next one, the last none.
    assert further == {f"gates.{gate}.coarser.{n}.weight" for gate, n in ((0, 0), (0, 1), (1, 0))}


def test_building_a_net_leaves_chance_elsewhere_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_net(NetDescription(width=2, depth=2), seed=1)
    build_net(NetDescription(name="segresnet"), seed=1)
    assert torch.equal(torch.rand(3), expected)


def measured_reach(description: NetDescription) -> int:
    """How far a change of the input is felt, by derivatives, in a net whose pooling passes everything on."""
    net = build_net(description).double().eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.05)
    net.pool = nn.AvgPool2d(2)
    side = description.multiple * 2 * (-(-2 * net_reach(description) // description.multiple) // 2 + 2)
    worst = 0
    for offset in range(description.multiple):
        image = torch.ones(1, 1, side, side, dtype=torch.double, requires_grad=True)
        place = side // 2 + offset
        (gradient,) = torch.autograd.grad(net(image)[0, 0, place, place], image)
        felt = torch.nonzero(gradient[0, 0].abs().sum(0)).flatten()
        worst = max(worst, place - int(felt.min()), int(felt.max()) - place)
    return worst


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
def test_the_reach_that_is_computed_is_the_reach_that_is_measured(depth, upsampling):
    description = NetDescription(width=1, depth=depth, upsampling=upsampling)
    assert net_reach(description) == measured_reach(description)


@pytest.mark.parametrize("upsampling", ["transposed", "linear"])
@pytest.mark.parametrize(
    "change",
    [
        {"skips": "gate"},
        {"skips": "gate", "gate_scales": "several"},
        {"block": "residual", "dropout": 0.5},
        {"norm": "none", "activation": "silu", "deep_supervision": 1},
    ],
)
def test_gates_shortcuts_and_dropout_look_no_further(change, upsampling):
    description = NetDescription(width=1, depth=4, upsampling=upsampling, **change)
    plain = NetDescription(width=1, depth=4, upsampling=upsampling)
    assert net_reach(description) == measured_reach(description) == net_reach(plain)


@pytest.mark.parametrize(
    "change",
    [
        {"norm": "instance"},
        {"norm": "group"},
        {"encoder_attention": "se"},
        {"decoder_attention": "cbam"},
        {"encoder_attention": "eca"},
        {"bottleneck": "self_attention"},
        {"bottleneck": "non_local"},
    ],
)
def test_what_goes_over_the_whole_image_has_no_reach_and_is_felt_everywhere(change):
    description = NetDescription(width=8, depth=2, **change)
    assert net_reach(description) is None
    net = build_net(description, seed=3).double().eval()
    image = torch.randn(1, 1, 48, 48, dtype=torch.double, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(image)[0, 0, 0, 0], image)
    assert gradient[0, 0, 40:, 40:].abs().max() > 0  # a plain net of this depth reaches 9 pixels


def test_five_levels_reach_107_pixels():
    assert net_reach(NetDescription(depth=5)) == 107
