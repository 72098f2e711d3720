"""Probability maps of whole images, for those that need them whole; see stream for those that do not."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from motes.nets.description import NetDescription
from motes.predict.forward import (
    cpu_has_bfloat16,
    fast_precision,
    predict,
    probabilities,
    to_device,
    values_that_fit,
)
from motes.predict.stream import Seer, stream_maps
from motes.predict.windows import Windows

__all__ = [
    "class_maps",
    "cpu_has_bfloat16",
    "fast_precision",
    "predict",
    "probabilities",
    "probability_maps",
    "to_device",
    "values_that_fit",
]


def probability_maps(
    net: nn.Module,
    description: NetDescription,
    image: NDArray[np.float32],
    *,
    precision: torch.dtype = torch.float32,
    windows: Windows | None = None,
    trained: Sequence[int] | None = None,
) -> NDArray[np.float32]:
    """The probability of each output channel at each pixel.

    image: normalised, at the working scale, ([z,] y, x). windows: how it is cut; trained: sides of the crops that
    the net was trained on (see plan_windows). Returns (outputs, [z,] y, x).
    """
    seer = Seer(net, description, precision, background=True)
    maps = np.empty((description.outputs, *image.shape), dtype=np.float32)
    for slab in stream_maps(seer, image, seer.plan(image.shape, windows, trained)):
        maps[:, slab.start : slab.start + slab.maps.shape[1]] = slab.maps
    return maps


def class_maps(maps: NDArray[np.float32], description: NetDescription) -> NDArray[np.float32]:
    """The maps (classes, [z,] y, x) of all that a net gives, without the background's, or what separates objects."""
    if description.independent:
        return maps[:1]
    return maps[1:] if description.background else maps
