import pytest
import torch
from torch import nn

from motes.nets.build import build_net, net_reach, parameter_count
from motes.nets.unet import NetDescription


def test_the_standard_net_has_exactly_as_many_parameters_as_the_reference():
    net = build_net(NetDescription(width=64, depth=5, ndim=2))
    assert parameter_count(net) == 31_042_369


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


def test_in_eval_an_image_does_not_depend_on_its_batch():
    net = build_net(NetDescription(width=4, depth=3)).eval()
    images = torch.randn(3, 1, 16, 16)
    with torch.inference_mode():
        together = net(images)
        alone = torch.cat([net(image[None]) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_same_seed_gives_the_same_weights_and_layers_shared_by_two_nets_start_alike():
    one = build_net(NetDescription(width=4, depth=3), seed=7).state_dict()
    again = build_net(NetDescription(width=4, depth=3), seed=7).state_dict()
    deeper = build_net(NetDescription(width=4, depth=4), seed=7).state_dict()
    other = build_net(NetDescription(width=4, depth=3), seed=8).state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    first = "encoder.1.0.weight"
    assert torch.equal(one[first], deeper[first])
    assert not torch.equal(one[first], other[first])


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


def test_five_levels_reach_107_pixels():
    assert net_reach(NetDescription(depth=5)) == 107
