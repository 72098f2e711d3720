"""What a net that outlines objects should give: where they are, and what tells neighbours apart."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

Separator = Literal["none", "boundary", "distance"]

LARGEST = 2**24  # above it float32 no longer holds every whole number


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
    highest, lowest = numbers, _known(numbers)
    for axis in range(2, numbers.ndim):
        highest, lowest = _of_three(highest, axis, torch.maximum), _of_three(lowest, axis, torch.minimum)
    return (highest != lowest) & (numbers >= 0)


def relative_depth(numbers: Tensor) -> Tensor:
    """How deep each pixel lies in its object, as a share of the deepest there; 0 beside objects, 1 without a rim."""
    depths = depth_inside(numbers)
    rimless = depths.isinf()
    depths = depths.masked_fill(rimless, 0)
    crops = torch.arange(len(numbers), device=numbers.device).reshape(-1, *[1] * (numbers.ndim - 1))
    inside = numbers > 0
    own = (crops * LARGEST + numbers.long())[inside]
    objects, place = torch.unique(own, return_inverse=True)
    deepest = torch.zeros(len(objects), device=numbers.device)
    deepest.scatter_reduce_(0, place, depths[inside], "amax")
    found = torch.zeros_like(depths)
    found[inside] = depths[inside] / deepest[place].clamp(min=1)
    return found.masked_fill(rimless, 1)


def depth_inside(numbers: Tensor) -> Tensor:
    """How far each pixel lies from the outermost pixels of its object, plus 1, px; 0 beside objects, inf without a rim.

    Exact: the squared distance is the least, over each axis in turn, of what the axes before gave plus the squared way
    (Felzenszwalb and Huttenlocher 2012, Theory of Computing 8, 415).
    """
    inside, outermost = numbers > 0, torch.zeros_like(numbers, dtype=torch.bool)
    for axis in range(2, numbers.ndim):
        length = numbers.shape[axis] - 1
        one, other = numbers.narrow(axis, 0, length), numbers.narrow(axis, 1, length)
        differ = (one != other) & (one >= 0) & (other >= 0)
        outermost.narrow(axis, 0, length).logical_or_(differ)
        outermost.narrow(axis, 1, length).logical_or_(differ)
    squared = torch.where(outermost | (numbers == 0), 0.0, torch.inf)
    for axis in range(2, numbers.ndim):
        squared = _nearest(squared, axis)
    return torch.where(inside, squared.sqrt() + 1, 0)


def _nearest(squared: Tensor, axis: int) -> Tensor:
    """The least of squared distance plus squared way over all ways along an axis."""
    least, length = squared.clone(), squared.shape[axis]
    for way in range(1, length):
        if least.max() <= way**2:
            break
        for to, start in ((0, way), (way, 0)):
            into = least.narrow(axis, to, length - way)
            torch.minimum(into, squared.narrow(axis, start, length - way) + way**2, out=into)
    return least


def _known(numbers: Tensor) -> Tensor:
    """Numbers in which what is not known (-1) is above all others, so that it is never the least."""
    return numbers.masked_fill(numbers < 0, torch.inf)


def _of_three(values: Tensor, axis: int, choose: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """What is chosen of each pixel and its two neighbours along an axis, of two at the ends."""
    found, length = values.clone(), values.shape[axis] - 1
    for to, start in ((0, 1), (1, 0)):
        into = found.narrow(axis, to, length)
        into.copy_(choose(into, values.narrow(axis, start, length)))
    return found
