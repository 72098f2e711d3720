"""Probability maps: the whole image in one pass where memory allows, else in tiles that equal it.

Only nets that pool over their whole input cannot be tiled exactly; their tiles overlap and are blended.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motes.nets.build import net_reach
from motes.nets.description import NetDescription
from motes.predict.tiles import tiles

MEMORY = 1_500_000_000  # bytes of activations that one pass may take on a processor
GPU_SHARE = 0.5  # of a GPU's free memory
MARGIN = 2  # coarsest pixels of empty ground around an image, as crops that reach over its edge have it


def probability_maps(
    net: nn.Module,
    description: NetDescription,
    image: NDArray[np.float32],
    *,
    precision: torch.dtype = torch.float32,
    side: int | None = None,
) -> NDArray[np.float32]:
    """The probability of each output channel at each pixel.

    image: normalised, at the working scale, ([z,] y, x). side: of a tile's inner part in pixels; without
    it, as large as memory allows. Returns (outputs, [z,] y, x).
    """
    margin = description.multiple * MARGIN
    padded = pad_to_multiple(np.pad(image, margin), description.multiple)
    reach = net_reach(description)
    side = side or side_that_fits(description, padded.shape, reach, values_that_fit(net, precision))

    def predict_part(part: NDArray[np.float32]) -> NDArray[np.float32]:
        return predict(net, part, precision)

    if reach is None:
        maps = blended(predict_part, padded, side, description)
    else:
        maps = exact(predict_part, padded, side, reach, description)
    return maps[(slice(None), *(slice(margin, margin + size) for size in image.shape))]


def class_maps(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The maps (classes, [z,] y, x) of all that a net gives, without the background's."""
    return maps if len(maps) == 1 else maps[1:]


Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def exact(
    predict_part: Predict, image: NDArray[np.float32], side: int, reach: int, net: NetDescription
) -> NDArray[np.float32]:
    """Tiles with a surround as wide as the net's reach, which equal the whole image."""
    maps = np.empty((net.outputs, *image.shape), dtype=np.float32)
    for tile in tiles(image.shape, side, reach, net.multiple):
        predicted = predict_part(image[tile.outer])
        maps[(slice(None), *tile.inner)] = predicted[(slice(None), *tile.inner_in_outer)]
    return maps


def blended(
    predict_part: Predict, image: NDArray[np.float32], side: int, net: NetDescription
) -> NDArray[np.float32]:
    """Overlapping tiles whose weights fall off linearly towards their edges.

    For nets that pool over their whole input: what they say depends on the tile, so seams are smoothed
    rather than absent. An image that fits into one tile is predicted whole.
    """
    sums = np.zeros((net.outputs, *image.shape), dtype=np.float32)
    weights = np.zeros(image.shape, dtype=np.float32)
    for tile in tiles(image.shape, side, side // 4, net.multiple):
        predicted = predict_part(image[tile.outer])
        weight = _tent(predicted.shape[1:])
        sums[(slice(None), *tile.outer)] += predicted * weight
        weights[tile.outer] += weight
    maps: NDArray[np.float32] = (sums / weights).astype(np.float32)
    return maps


def _tent(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Weights that are largest in the middle of a tile and small, but never zero, at its edges."""
    axes = [1 - np.abs(np.linspace(-1, 1, n + 2)[1:-1]) for n in shape]
    product = np.ones(shape)
    for axis in np.ix_(*axes):
        product = product * axis
    return product.astype(np.float32)


@torch.inference_mode()
def predict(net: nn.Module, image: NDArray[np.float32], precision: torch.dtype) -> NDArray[np.float32]:
    """One pass over one image whose sides are multiples of the net's; (outputs, [z,] y, x)."""
    device = next(net.parameters()).device
    batch = to_device(torch.from_numpy(np.ascontiguousarray(image))[None, None], device)
    with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
        logits = net(batch)
    found: NDArray[np.float32] = probabilities(logits.float())[0].cpu().numpy()
    return found


def probabilities(logits: Tensor) -> Tensor:
    """Of one output channel by the logistic function, of several (background first) by softmax over them."""
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Move (batch, channel, [z,] y, x) to a device, with the channels last in memory."""
    layout = torch.channels_last if batch.ndim == 4 else torch.channels_last_3d
    return batch.to(device).to(memory_format=layout)


def pad_to_multiple(image: NDArray[np.float32], multiple: int) -> NDArray[np.float32]:
    """Extend the end of each axis by zeros, so that the net's pooling comes out even."""
    return np.pad(image, [(0, -size % multiple) for size in image.shape])


def side_that_fits(net: NetDescription, shape: tuple[int, ...], reach: int | None, values: int) -> int:
    """The side of a tile's inner part such that no more values are in memory while it is predicted."""
    largest = largest_side(net, values)
    if math.prod(shape) <= largest**net.ndim:
        return max(shape)
    inner = largest * 2 // 3 if reach is None else largest - 2 * (reach + net.multiple)
    return max(net.multiple, inner)


def largest_side(net: NetDescription, values: int) -> int:
    """The side of a square or cube whose activations are so many values."""
    # At full resolution a level holds its skip, the upsampled map, both together, and the block's two;
    # each coarser level holds twice the channels on 1/4 (in 3D 1/8) of the pixels.
    levels = 2 if net.ndim == 2 else 4 / 3
    return int((values / (6 * net.width * levels)) ** (1 / net.ndim))


def values_that_fit(net: nn.Module, precision: torch.dtype) -> int:
    """How many values of that precision one pass may keep in the memory of the net's device."""
    device = next(net.parameters()).device
    memory = GPU_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else MEMORY
    return int(memory / precision.itemsize)


def fast_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor computes in it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; without them it is slower than float32."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch before 2.6 cannot say
    return bool(asked is not None and asked())
