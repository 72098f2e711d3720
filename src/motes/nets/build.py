"""The one table from a net's name to what builds it."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from motes.nets import borrowed
from motes.nets.description import NetDescription
from motes.nets.unet import UNet, unet_reach


def _unknown_reach(_net: NetDescription) -> None:
    """Of the borrowed nets: all but the ResNets look over the whole input, and those over most of it."""


@dataclass(frozen=True)
class NetKind:
    """How one kind of net is built, and what is particular about it.

    reach: how far its output looks, in pixels; None: over the whole input. cannot: what it cannot do that the
    contract of nets asks for, in words. own_weights: whether it draws its initial weights in its own way.
    """

    build: Callable[[NetDescription], nn.Module]
    reach: Callable[[NetDescription], int | None] = _unknown_reach
    cannot: tuple[str, ...] = ()
    own_weights: bool = False


EXPORT = "be exported with sizes left open"  # what a net may be unable to do

_OURS = NetKind(build=UNet, reach=unet_reach)

NETS: dict[str, NetKind] = {
    "unet": _OURS,
    "attention_unet": _OURS,
    "residual_unet": _OURS,
    "attention_residual_unet": _OURS,
    "se_unet": _OURS,
    "cbam_unet": _OURS,
    "unet_96": _OURS,
    "unet_128": _OURS,
    "resnet18_unet": NetKind(borrowed.flexible_unet, own_weights=True),
    "resnet34_unet": NetKind(borrowed.flexible_unet, own_weights=True),
    "resnet50_unet": NetKind(borrowed.flexible_unet, own_weights=True),
    "efficientnet_b0_unet": NetKind(borrowed.flexible_unet, own_weights=True),
    "efficientnet_b3_unet": NetKind(borrowed.flexible_unet, own_weights=True),
    "unet_plus_plus": NetKind(borrowed.unet_plus_plus, own_weights=True),
    "segresnet": NetKind(borrowed.segresnet, own_weights=True),
    "swin_unetr": NetKind(borrowed.swin_unetr, own_weights=True, cannot=(EXPORT,)),
    "light_unet": NetKind(borrowed.light_unet, own_weights=True),
}


def build_net(net: NetDescription, seed: int = 0) -> nn.Module:
    """A net with initial weights drawn from the seed; chance elsewhere in the process is left as it was.

    MotesError where a borrowed net is asked for and MONAI is not installed.
    """
    kind = NETS[net.name]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_number(seed, net.name))  # of the processor, and of no GPU
        module = kind.build(net)
    if not kind.own_weights:
        initialise(module, seed)
    return module


def net_reach(net: NetDescription) -> int | None:
    """How far in pixels an input can influence an output; None where a net looks over the whole input."""
    return NETS[net.name].reach(net)


def run_at_any_size(module: nn.Module, net: NetDescription, images: Tensor) -> Tensor:
    """Logits of images of any size: padded with zeros to the net's multiple, and cropped back.

    images: (b, inputs, [z,] y, x); returns (b, outputs, [z,] y, x). The module must be in eval mode.
    """
    sizes = images.shape[2:]
    missing = [-size % net.multiple for size in sizes]
    padding = [side for after in reversed(missing) for side in (0, after)]  # torch wants the last axis first
    logits: Tensor = module(functional.pad(images, padding))
    for axis, size in enumerate(sizes, start=2):
        logits = logits.narrow(axis, 0, size)
    return logits


@torch.no_grad()
def initialise(module: nn.Module, seed: int) -> None:
    """Draw each parameter from hash(seed, its name), so that nets start alike wherever they share a layer.

    Convolution weights: normal with the variance of He et al. 2015 (doi:10.1109/ICCV.2015.123); norm
    layers: scale 1, shift 0; slopes of PReLU: 1/4, as there; biases: 0.
    """
    slopes = {f"{name}.weight" for name, part in module.named_modules() if isinstance(part, nn.PReLU)}
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            fan_in = math.prod(parameter.shape[1:])
            parameter.copy_(_normal(seed, name, parameter) * math.sqrt(2 / fan_in))
        elif name in slopes:
            parameter.fill_(0.25)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)


def _normal(seed: int, name: str, like: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(_number(seed, name))
    return torch.randn(like.shape, generator=generator)


def _number(seed: int, name: str) -> int:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def parameter_count(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
