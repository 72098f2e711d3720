"""What a net that outlines objects should give: where they are, and what tells neighbours apart."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, max_pool3d

Separator = Literal["none", "boundary", "distance"]

POOL = {2: max_pool2d, 3: max_pool3d}


def object_targets(numbers: Tensor, separator: Separator) -> Tensor:
    """Maps to learn from numbered objects, (b, 1, [z,] y, x), 0 beside them, -1 unknown, as float32 of whole numbers.

    Returns (b, 1 or 2, [z,] y, x) float32 in [0, 1]: the interior, then what separates. boundary: 1 in pixels of a
    rim, on both sides of it. distance: how deep a pixel lies in its object, as a share of the deepest, 0 beside. A
    rim is where a number changes, between two objects that touch too; the edge of the crop is none, nor is that of
    what is not known.
    """
    interior = (numbers > 0).float()
    if separator == "none":
        return interior
    separating = on_rim(numbers).float() if separator == "boundary" else relative_depth(numbers)
    return torch.cat([interior, separating], dim=1)


def on_rim(numbers: Tensor) -> Tensor:
    """Whether a pixel, or one beside it (diagonals too), has another number; (b, 1, [z,] y, x) bool."""
    return (_largest_around(numbers) != -_largest_around(-_known(numbers))) & (numbers >= 0)


def relative_depth(numbers: Tensor) -> Tensor:
    """How deep each pixel lies in its object, as a share of the deepest there; 0 beside objects, 1 without a rim."""
    depths = depth_in_steps(numbers)
    rimless = depths.isinf()
    depths = depths.masked_fill(rimless, 0)
    crops = torch.arange(len(numbers), device=numbers.device).reshape(-1, *[1] * (numbers.ndim - 1))
    inside = numbers > 0
    own = torch.stack([crops.expand_as(numbers)[inside], numbers[inside].long()])
    objects, place = torch.unique(own, dim=1, return_inverse=True)
    deepest = torch.zeros(objects.shape[1], device=numbers.device)
    deepest.scatter_reduce_(0, place, depths[inside], "amax")
    found = torch.zeros_like(depths)
    found[inside] = depths[inside] / deepest[place].clamp(min=1)
    return found.masked_fill(rimless, 1)


def depth_in_steps(numbers: Tensor) -> Tensor:
    """How many pixels each pixel lies inside its object: 1 at the rim; 0 beside objects; inf where no rim is seen.

    Objects are worn away a pixel at a time, by the nearest neighbours and by all neighbours in turn, so that what is
    left of a disc is an octagon: depths are less than 10 % off the straight distance on average.
    """
    left, depths = numbers > 0, torch.zeros_like(numbers)
    diagonals, unchanged = False, 0
    while left.any() and unchanged < 2:  # a crop that lies in one object never wears away
        depths += left
        there = torch.where(left, numbers, numbers.clamp(max=0))
        around = _largest_around if diagonals else _largest_beside
        stays = left & (around(there) == there) & (-around(-_known(there)) == there)
        unchanged = unchanged + 1 if torch.equal(stays, left) else 0
        left, diagonals = stays, not diagonals
    return depths.masked_fill(left, torch.inf)


def _known(numbers: Tensor) -> Tensor:
    """Numbers in which what is not known (-1) is above all others, so that it is never the least."""
    return numbers.masked_fill(numbers < 0, torch.inf)


def _largest_around(values: Tensor) -> Tensor:
    """The largest of a pixel and all its neighbours."""
    return POOL[values.ndim - 2](values, 3, stride=1, padding=1)


def _largest_beside(values: Tensor) -> Tensor:
    """The largest of a pixel and its neighbours along each axis."""
    ndim = values.ndim - 2
    lines = [tuple(3 if other == axis else 1 for other in range(ndim)) for axis in range(ndim)]
    found = [POOL[ndim](values, line, stride=1, padding=tuple(side // 2 for side in line)) for line in lines]
    return torch.stack(found).amax(dim=0)
