"""Nets borrowed from MONAI, behind the same door as ours; MONAI is imported only when one is built.

They take the fields that description.BORROWED lists, and have their own way about the rest. Layers that their
output does not depend on are taken out, so that every parameter there is gets a gradient.
"""

import pickle
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from motes.errors import ModelError, MotesError
from motes.nets.description import NetDescription

MISSING = "comes from MONAI, which is not installed; pip install 'motes[monai]'"

BACKBONES = {
    "resnet18_unet": "resnet18",
    "resnet34_unet": "resnet34",
    "resnet50_unet": "resnet50",
    "efficientnet_b0_unet": "efficientnet-b0",
    "efficientnet_b3_unet": "efficientnet-b3",
}
UPSAMPLING = {"transposed": "deconv", "linear": "nontrainable"}
DECODER_LEVELS = 5  # of FlexibleUNet


class OneMap(nn.Module):
    """A net of MONAI's that gives a list of maps, of which the first one counts."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the same size as x."""
        logits: Tensor = self.net(x)[0]
        return logits


def flexible_unet(net: NetDescription) -> nn.Module:
    """FlexibleUNet: an encoder of a known family; width is that of the finest level of the decoder."""
    monai = _monai_nets(net.name)
    backbone = BACKBONES[net.name]
    module: nn.Module = monai.FlexibleUNet(
        net.inputs,
        net.outputs,
        backbone,
        spatial_dims=net.ndim,
        decoder_channels=tuple(net.width * 2**level for level in reversed(range(DECODER_LEVELS))),
        dropout=net.dropout,
        upsample=UPSAMPLING[net.upsampling],
        interp_mode="linear",
    )
    if backbone.startswith("resnet"):
        module.encoder = _resnet(backbone, net)
    else:
        _trim_efficientnet(module.encoder)
    return module


def unet_plus_plus(net: NetDescription) -> nn.Module:
    """U-Net++ (Zhou et al. 2018, doi:10.1007/978-3-030-00889-5_1), MONAI's BasicUNetPlusPlus."""
    module = _monai_nets(net.name).BasicUNetPlusPlus(
        net.ndim,
        net.inputs,
        net.outputs,
        features=(net.width, *(net.width * 2**level for level in range(4)), net.width),
        dropout=net.dropout,
    )
    for number in (1, 2, 3):  # heads of deep supervision, computed and thrown away without it
        setattr(module, f"final_conv_0_{number}", nn.Identity())
    return OneMap(module)


def segresnet(net: NetDescription) -> nn.Module:
    """SegResNet (Myronenko 2018, arXiv:1810.11654)."""
    module: nn.Module = _monai_nets(net.name).SegResNet(
        spatial_dims=net.ndim,
        init_filters=net.width,
        in_channels=net.inputs,
        out_channels=net.outputs,
        dropout_prob=net.dropout or None,
        upsample_mode=UPSAMPLING[net.upsampling],
    )
    return module


def swin_unetr(net: NetDescription) -> nn.Module:
    """SwinUNETR, a U-Net with a transformer as its encoder (Hatamizadeh et al. 2022, arXiv:2201.01266)."""
    with torch.device("cpu"):  # it reads numbers while it is built, which the meta device does not have
        module: nn.Module = _monai_nets(net.name).SwinUNETR(
            net.inputs, net.outputs, feature_size=net.width, drop_rate=net.dropout, spatial_dims=net.ndim
        )
    return module


def light_unet(net: NetDescription) -> nn.Module:
    """MONAI's UNet with two residual units a level (Kerfoot et al. 2019, doi:10.1007/978-3-030-12029-0_40).

    Light, because its first convolution already halves the image: about a quarter of the operations of our U-Net
    with the same channels.
    """
    module: nn.Module = _monai_nets(net.name).UNet(
        net.ndim,
        net.inputs,
        net.outputs,
        channels=net.channels,
        strides=(2,) * (net.depth - 1),
        num_res_units=2,
        dropout=net.dropout,
    )
    return module


def load_encoder(module: nn.Module, net: NetDescription, path: Path) -> None:
    """Put weights from a local file into the encoder of a borrowed net.

    path: a .pth file (read without running code) or .safetensors, with the names of torchvision for a ResNet
    or of lukemelas/EfficientNet-PyTorch for an EfficientNet. The first convolution is summed over its colours:
    a grey image stands for three equal ones. What belongs to the classifier is left out. ModelError where a
    tensor is missing, has another shape or no place; the module is then as it was.
    """
    encoder = getattr(module, "encoder", None)
    if net.name not in BACKBONES or not isinstance(encoder, nn.Module):
        raise ModelError(
            f"{net.name} has no encoder that weights can be loaded into; these have: {', '.join(BACKBONES)}"
        )
    found = {key: value for key, value in _read_tensors(path).items() if not _of_classifier(key)}
    wanted = encoder.state_dict()
    given = {
        name: _summed_over_colours(found[_published_name(name)], tensor)
        for name, tensor in wanted.items()
        if _published_name(name) in found
    }
    problems = [*_misfits(wanted, given), *_without_place(wanted, found)]
    if problems:
        fits = sum(tensor.shape == wanted[name].shape for name, tensor in given.items())
        raise ModelError(
            f"{path} does not fit the encoder of {net.name} in {net.ndim}D: {fits} of {len(wanted)} tensors fit; "
            f"{'; '.join(problems[:3])}; expected weights of {BACKBONES[net.name]} as published"
        )
    encoder.load_state_dict(given, strict=False)


def _misfits(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """What an encoder lacks, and what has another shape; counters of batches, which older files lack, aside."""
    missing = [n for n in wanted if n not in given and not n.endswith("num_batches_tracked")]
    wrong = [
        f"{_published_name(name)} has shape {tuple(tensor.shape)}, expected {tuple(wanted[name].shape)}"
        for name, tensor in given.items()
        if tensor.shape != wanted[name].shape
    ]
    return [*wrong, *(f"{_published_name(name)} is missing" for name in missing)]


def _without_place(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    places = {_published_name(name) for name in wanted}
    return [f"{key} has no place" for key in found if key not in places]


def _monai_nets(name: str) -> ModuleType:
    """MONAI's nets; MotesError where MONAI is missing."""
    try:
        from monai.networks import nets
    except ImportError as error:
        raise MotesError(f"{name} {MISSING} ({error})") from None
    module: ModuleType = nets
    return module


def _resnet(backbone: str, net: NetDescription) -> nn.Module:
    """A ResNet encoder laid out as torchvision's.

    MONAI's own ResNet-18 and -34 have shortcuts without weights, which let no gradient through and which no
    published weights for images fit.
    """
    from monai.networks.nets.resnet import ResNet, ResNetFeatures, resnet_params

    class Encoder(ResNetFeatures):
        """MONAI's, but for the shortcuts: 1x1 convolutions, without bias."""

        def __init__(self) -> None:
            block, layers, *_ = resnet_params[backbone]
            ResNet.__init__(
                self,
                block,
                layers,
                [64, 128, 256, 512],
                spatial_dims=net.ndim,
                n_input_channels=net.inputs,
                conv1_t_stride=2,
                feed_forward=False,
                bias_downsample=False,
            )

    return Encoder()


def _trim_efficientnet(encoder: Any) -> None:
    """Take out the classifier, and put torch's own SiLU for MONAI's, which is a function in Python."""
    encoder._conv_head = encoder._bn1 = encoder._fc = nn.Identity()
    for part in encoder.modules():
        if hasattr(part, "_swish"):
            part._swish = nn.SiLU()


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    """All tensors of a file by name; ModelError where it is not such a file."""
    if not path.is_file():
        raise ModelError(f"{path} does not exist; expected a file with weights, .pth or .safetensors")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (
        SafetensorError,
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        struct.error,  # one that is cut off
        KeyError,
        pickle.UnpicklingError,
    ) as error:
        reason = next(iter(str(error).splitlines()), "it is empty")
        raise ModelError(
            f"{path} cannot be read as weights ({reason}); expected a .pth file that holds "
            "only tensors, or .safetensors"
        ) from None
    if not (isinstance(found, Mapping) and all(isinstance(value, Tensor) for value in found.values())):
        raise ModelError(f"{path} holds something else than tensors by name; expected a state dictionary")
    return found


def _of_classifier(key: str) -> bool:
    return key.startswith(("fc.", "_fc.", "_conv_head.", "_bn1."))


def _published_name(name: str) -> str:
    """The published name of an encoder's tensor: MONAI numbers blocks of an EfficientNet by stage, then by block."""
    return re.sub(r"^_blocks\.\d+\.(\d+)\.", r"_blocks.\1.", name)


def _summed_over_colours(tensor: Tensor, wanted: Tensor) -> Tensor:
    """The first convolution of three colours, for as many input channels as are wanted; others as they are."""
    first = tensor.ndim > 2 and tensor.ndim == wanted.ndim and tensor.shape[1] == 3 != wanted.shape[1]
    if not first:
        return tensor
    inputs = wanted.shape[1]
    return tensor.sum(dim=1, keepdim=True).repeat_interleave(inputs, dim=1) / inputs
