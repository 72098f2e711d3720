"""The one table from a net's name to what builds it."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from motes.errors import RecipeError, did_you_mean
from motes.nets.unet import NetDescription, UNet, unet_reach


@dataclass(frozen=True)
class NetKind:
    """How one kind of net is built, and how far its output looks (None: over the whole input)."""

    build: Callable[[NetDescription], nn.Module]
    reach: Callable[[NetDescription], int | None]


NETS: dict[str, NetKind] = {
    "unet": NetKind(build=UNet, reach=unet_reach),
}


def build_net(net: NetDescription, seed: int = 0) -> nn.Module:
    """A net with initial weights drawn from the seed; RecipeError for an unknown name."""
    module = _kind(net).build(net)
    initialise(module, seed)
    return module


def net_reach(net: NetDescription) -> int | None:
    """How far in pixels an input can influence an output; None where a net pools over the whole input."""
    return _kind(net).reach(net)


def _kind(net: NetDescription) -> NetKind:
    try:
        return NETS[net.name]
    except KeyError:
        raise RecipeError(f"there is no net called {net.name!r}.{did_you_mean(net.name, NETS)}") from None


@torch.no_grad()
def initialise(module: nn.Module, seed: int) -> None:
    """Draw each parameter from hash(seed, its name), so that nets start alike wherever they share a layer.

    Convolution weights: normal with the variance of He et al. 2015 (doi:10.1109/ICCV.2015.123); norm
    layers: scale 1, shift 0; biases: 0.
    """
    for name, parameter in module.named_parameters():
        if parameter.ndim > 1:
            fan_in = math.prod(parameter.shape[1:])
            parameter.copy_(_normal(seed, name, parameter) * math.sqrt(2 / fan_in))
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)


def _normal(seed: int, name: str, like: Tensor) -> Tensor:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
    return torch.randn(like.shape, generator=generator)


def parameter_count(module: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
