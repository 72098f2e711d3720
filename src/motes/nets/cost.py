"""What a net costs, counted without computing: on torch's meta device, which has shapes and no data."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from motes.errors import RecipeError
from motes.nets.build import NETS, parameter_count
from motes.nets.description import NetDescription


@dataclass(frozen=True)
class NetCost:
    """parameters: numbers that are trained. operations: of one forward pass of one image in eval, a multiply-add
    counted as 2; of convolutions and matrix products, beside which the rest is small. activation_bytes: what one
    image leaves in memory for the backward pass in float32.
    """

    parameters: int
    operations: int
    activation_bytes: int


def net_cost(net: NetDescription, size: tuple[int, ...]) -> NetCost:
    """The cost of a net for an image of size ([z,] y, x) in pixels, multiples of net.multiple.

    RecipeError where the size does not fit the net.
    """
    _check_size(net, size)
    if net.norm in ("batch", "instance") and all(side == net.multiple for side in size):
        raise RecipeError(
            f"{'x'.join(map(str, size))} leaves a single value a channel at the coarsest level of {net.name}, too "
            f"few for its norm; expected one side of {2 * net.multiple} or more"
        )
    module, image = _without_data(net, size)
    return NetCost(parameter_count(module), _operations(module, image), _kept_bytes(module, image))


def net_operations(net: NetDescription, size: tuple[int, ...]) -> int:
    """The operations of one forward pass, as in NetCost; RecipeError where the size does not fit the net."""
    _check_size(net, size)
    return _operations(*_without_data(net, size))


def _without_data(net: NetDescription, size: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    """The net and an image for it, on the meta device."""
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        module = NETS[net.name].build(net).to("meta")
    return module, torch.empty(1, net.inputs, *size, device="meta")


def padded_size(net: NetDescription, size: tuple[int, ...]) -> tuple[int, ...]:
    """The next size that the net takes, in pixels."""
    return tuple(-(-side // net.multiple) * net.multiple for side in size)


def _check_size(net: NetDescription, size: tuple[int, ...]) -> None:
    wanted = "x".join(map(str, padded_size(net, size)))
    found = "x".join(map(str, size))
    if len(size) != net.ndim:
        raise RecipeError(
            f"the size {found} has {len(size)} sides, but net.ndim is {net.ndim}; give {net.ndim} sides"
        )
    if min(size) < 1 or padded_size(net, size) != size:
        raise RecipeError(
            f"{net.name} takes sides that are multiples of {net.multiple}, not {found}; try {wanted}"
        )


@torch.no_grad()
def _operations(module: nn.Module, image: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        module.eval()(image)
    return int(counter.get_total_flops())


def _kept_bytes(module: nn.Module, image: Tensor) -> int:
    """Bytes that autograd keeps from the forward pass, each storage once, parameters left out."""
    weights = {parameter.untyped_storage()._cdata for parameter in module.parameters()}
    kept: dict[int, Tensor] = {}  # tensors themselves, so that no address is used twice

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        result = module.train()(image)  # holds on to what is counted
    total = sum(tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in weights)
    del result
    return total
