"""What every net can do. To add one: a class with its description."""

import copy
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from motes.nets.build import EXPORT, NETS, build_net, run_at_any_size
from motes.nets.description import NAMED, NetDescription

LAYOUT = {2: torch.channels_last, 3: torch.channels_last_3d}


def images(net: NetDescription, count: int, *coarse: int, rest: int = 0) -> Tensor:
    """Random images; coarse: their sides in coarsest pixels, the last one used for all further sides."""
    sides = [*coarse, coarse[-1], coarse[-1]][: net.ndim]
    generator = torch.Generator().manual_seed(3)
    shape = (count, net.inputs, *(net.multiple * side + rest for side in sides))
    return torch.randn(shape, generator=generator)


@torch.no_grad()
def used(net: NetDescription) -> nn.Module:
    """A net in eval after one step of training, so that running means are those of images."""
    module = build_net(net, seed=1).train()
    module(images(net, 2, 2))
    return module.eval()


class NetContract:
    net: ClassVar[NetDescription]

    @pytest.fixture(scope="class")
    @classmethod
    def module(cls) -> nn.Module:
        return used(cls.net)

    def test_images_of_any_size_come_back_as_maps_of_that_size(self, module):
        odd = images(self.net, 1, 1, 2, rest=3)
        with torch.no_grad():
            assert run_at_any_size(module, self.net, odd).shape == (1, self.net.outputs, *odd.shape[2:])

    def test_every_parameter_gets_a_gradient(self):
        module = build_net(self.net, seed=1).train()
        torch.manual_seed(0)
        logits = module(images(self.net, 4, 2))  # of fewer, a block that drops at random might see none
        sum(each.square().sum() for each in (logits if isinstance(logits, list) else [logits])).backward()
        gradients = {name: parameter.grad for name, parameter in module.named_parameters()}
        assert [name for name, gradient in gradients.items() if gradient is None] == []
        # A bias before a norm has no effect, so its gradient is zero up to rounding, but it is there.
        weights = {name: gradient for name, gradient in gradients.items() if gradient.ndim > 1}
        assert [name for name, gradient in weights.items() if not gradient.abs().max() > 0] == []

    def test_in_eval_an_image_does_not_depend_on_its_batch(self, module):
        batch = images(self.net, 3, 2, 1)
        with torch.inference_mode():
            alone = torch.cat([module(image[None]) for image in batch])
            torch.testing.assert_close(module(batch), alone, atol=1e-4, rtol=1e-4)

    def test_saved_weights_make_the_same_net(self, module):
        another = build_net(self.net, seed=2).eval()
        another.load_state_dict(load(save(module.state_dict())))
        image = images(self.net, 1, 2)
        with torch.inference_mode():
            assert torch.equal(another(image), module(image))

    def test_the_layout_in_memory_changes_nothing(self, module):
        image = images(self.net, 1, 2)
        layout = LAYOUT[self.net.ndim]
        with torch.inference_mode():
            plain = module(image)
            turned = copy.deepcopy(module).to(memory_format=layout)(image.to(memory_format=layout))
        torch.testing.assert_close(turned, plain, atol=1e-4, rtol=1e-3)

    def test_bfloat16_is_close(self, module):
        image = images(self.net, 1, 2)
        with torch.inference_mode():
            exact = module(image)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                rounded = module(image).float()
        # Eight bits of precision, and roundings that add up over some dozens of layers.
        assert (rounded - exact).norm() < 0.1 * exact.norm()

    def test_it_is_exported_once_for_all_sizes(self, module):
        if EXPORT in NETS[self.net.name].cannot:
            pytest.skip(
                "the table says that it cannot: windows are laid out for one size, found after two minutes"
            )
        side = torch.export.Dim("side", min=1, max=64)
        open_sizes = dict.fromkeys(range(2, 2 + self.net.ndim), self.net.multiple * side)
        exported = torch.export.export(module, (images(self.net, 1, 2),), dynamic_shapes=(open_sizes,))
        larger = images(self.net, 1, 3)
        with torch.no_grad():
            torch.testing.assert_close(exported.module()(larger), module(larger), atol=1e-4, rtol=1e-4)


class TestUNet(NetContract):
    net = NetDescription(width=4, depth=3)


class TestUNetOfVolumes(NetContract):
    net = NetDescription(ndim=3, widths=(2, 3, 5), outputs=3)


class TestAttentionUNet(NetContract):
    net = NetDescription(name="attention_unet", width=4, depth=3)


class TestGatesOfSeveralScales(NetContract):
    net = NetDescription(skips="gate", gate_scales="several", width=4, depth=4, upsampling="linear")


class TestResidualUNet(NetContract):
    net = NetDescription(name="residual_unet", width=4, depth=3, norm="instance", activation="leaky_relu")


class TestAttentionResidualUNet(NetContract):
    net = NetDescription(name="attention_residual_unet", width=4, depth=3, dropout=0.3, activation="gelu")


class TestSqueezeExcitationUNet(NetContract):
    net = NetDescription(name="se_unet", ndim=3, width=4, depth=3, decoder_attention="se")


class TestCbamUNet(NetContract):
    net = NetDescription(name="cbam_unet", ndim=3, width=4, depth=3, norm="group", activation="prelu")


class TestEfficientChannels(NetContract):
    net = NetDescription(encoder_attention="eca", decoder_attention="eca", block="residual", width=4, depth=3)


class TestSelfAttention(NetContract):
    net = NetDescription(bottleneck="self_attention", width=32, depth=3, norm="none", activation="silu")


class TestNonLocal(NetContract):
    net = NetDescription(bottleneck="non_local", width=4, depth=3, ndim=3)


class TestDeepSupervision(NetContract):
    net = NetDescription(deep_supervision=2, width=4, depth=4)


class TestUNet96(NetContract):
    net = NetDescription(name="unet_96", depth=2)


class TestUNet128(NetContract):
    net = NetDescription(name="unet_128", depth=2)


class TestResNet18UNet(NetContract):
    net = NetDescription(name="resnet18_unet", width=4, dropout=0.1)


@pytest.mark.slow
class TestResNet34UNet(NetContract):
    net = NetDescription(name="resnet34_unet", width=4, upsampling="transposed")


@pytest.mark.slow
class TestResNet50UNet(NetContract):
    net = NetDescription(name="resnet50_unet", width=4)


@pytest.mark.slow
class TestEfficientNetB0UNet(NetContract):
    net = NetDescription(name="efficientnet_b0_unet", width=4)


@pytest.mark.slow
class TestEfficientNetB3UNet(NetContract):
    net = NetDescription(name="efficientnet_b3_unet", width=4)


class TestUNetPlusPlus(NetContract):
    net = NetDescription(name="unet_plus_plus", width=8)


class TestSegResNet(NetContract):
    net = NetDescription(name="segresnet", ndim=3)


@pytest.mark.slow
class TestSwinUnetr(NetContract):
    net = NetDescription(name="swin_unetr", width=12)


class TestLightUNet(NetContract):
    net = NetDescription(name="light_unet", width=4)


def test_every_name_stands_in_the_table_and_is_held_to_the_contract():
    assert set(NETS) == set(NAMED)
    assert {each.net.name for each in NetContract.__subclasses__()} == set(NAMED)
