"""One image seen in several ways: flipped, and turned by quarters. Each pixel keeps its neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """flips: axes counted from the last one. turned: whether y and x are swapped first."""

    flips: tuple[int, ...] = ()
    turned: bool = False

    def of(self, x: Tensor) -> Tensor:
        """A map (..., y, x) as it is seen."""
        turned = x.transpose(-1, -2) if self.turned else x
        return turned.flip(self.flips) if self.flips else turned

    def back(self, x: Tensor) -> Tensor:
        """A map that was seen so, as it lies."""
        unflipped = x.flip(self.flips) if self.flips else x
        return unflipped.transpose(-1, -2) if self.turned else unflipped


# Half a turn and flips come first: they leave the wedge that is missing in a tomogram where it is.
_IN_PLANE = tuple(View(flips, turned) for turned in (False, True) for flips in ((), (-2, -1), (-1,), (-2,)))


def views(count: int) -> Sequence[View]:
    """So many ways: 1, 2, 4 or 8 in the plane, 16 with z flipped too."""
    if count <= len(_IN_PLANE):
        return _IN_PLANE[:count]
    return [View((*each.flips, *z), each.turned) for z, each in product(((), (-3,)), _IN_PLANE)]


def seen_in(several: Sequence[View], look: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The mean over views of what is seen of x, (..., y, x) both."""
    total = several[0].back(look(several[0].of(x)))
    for view in several[1:]:
        total = total + view.back(look(view.of(x)))
    return total / len(several) if len(several) > 1 else total


def seen_with_spread(
    several: Sequence[View], look: Callable[[Tensor], Tensor], x: Tensor, of: int = 0
) -> Tensor:
    """What seen_in gives of x, (b, maps, [z,] y, x), and one map more at its end: how much views differ in map `of`.

    That is the standard deviation between these views, 0 for a single one.
    """
    first = several[0].back(look(several[0].of(x)))
    total, squares = first, torch.zeros_like(first[:, of])
    for view in several[1:]:
        seen = view.back(look(view.of(x)))
        total = total + seen
        squares += (
            seen[:, of] - first[:, of]
        ) ** 2  # differences keep the digits that squares near 1 would lose
    mean = total / len(several) if len(several) > 1 else total
    variance = squares / len(several) - (mean[:, of] - first[:, of]) ** 2
    return torch.cat([mean, variance.clamp(min=0).sqrt()[:, None]], dim=1)
