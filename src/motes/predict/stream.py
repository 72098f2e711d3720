"""Probability maps slab by slab: windows are added up row by row, and what is finished is handed on and forgotten.

A row are all windows at one place of the first axis. No more is in memory than the planes that windows still to
come will add to, so a tomogram's maps never exist as a whole.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motes.nets.description import NetDescription
from motes.predict.cuts import Cut
from motes.predict.forward import device_of, logits_of, probabilities, values_that_fit
from motes.predict.views import seen_in, seen_with_spread, views
from motes.predict.windows import Plan, Windows, plan_windows, slab_planes

# Pixels that are seen at a time, where windows are smaller: each step of a net has its price, whatever it works on.
AT_ONCE = {"cpu": 1 << 21, "cuda": 1 << 23}

Window = tuple[Cut, ...]


@dataclass(frozen=True)
class Slab:
    """A stretch of finished maps along the first axis.

    start: number of its first plane. maps: (maps, planes, [y,] x) float32; its memory is used again for the next.
    """

    start: int
    maps: NDArray[np.float32]


@dataclass(frozen=True)
class Seer:
    """A net that looks at windows.

    background: whether its map is wanted, where there are several. spread: whether one map more comes after the
    others, of how much the views of a window differ in the first of them (a standard deviation; 0 for one view).
    """

    net: nn.Module
    description: NetDescription
    precision: torch.dtype
    background: bool = False
    spread: bool = False

    @property
    def maps(self) -> int:
        """How many maps are given."""
        return self.description.outputs - self.skipped + self.spread

    @property
    def skipped(self) -> int:
        """How many maps are computed but not wanted."""
        return 1 if self.description.background and not self.background else 0

    def plan(
        self, shape: Sequence[int], windows: Windows | None = None, trained: Sequence[int] | None = None
    ) -> Plan:
        """The windows of an image of a shape ([z,] y, x); as plan_windows."""
        values = values_that_fit(self.net, self.precision)
        return plan_windows(
            shape,
            self.description,
            windows or Windows(),
            values,
            trained=trained,
            itemsize=self.precision.itemsize,
            at_once=AT_ONCE.get(device_of(self.net).type, 1),
        )

    @torch.inference_mode()
    def look(self, windows: NDArray[np.float32], ways: int = 1) -> Tensor:
        """The probabilities (b, maps, [z,] y, x) in windows (b, [z,] y, x), on the net's device."""
        batch = torch.from_numpy(windows)[:, None].to(device_of(self.net))

        def once(x: Tensor) -> Tensor:
            return probabilities(logits_of(self.net, x, self.precision), self.description.independent)

        if self.spread:
            return seen_with_spread(views(ways), once, batch, of=self.skipped)[:, self.skipped :]
        return seen_in(views(ways), once, batch)[:, self.skipped :]

    def seconds_a_window(self, plan: Plan) -> float:
        """How long one takes, tried on empty ground."""
        empty = np.zeros((plan.together, *plan.patch), dtype=np.float32)
        self.look(empty, plan.views)
        started = time.perf_counter()
        self.look(empty, plan.views)[0, 0].flatten()[0].item()
        return (time.perf_counter() - started) / len(empty)


def stream_maps(
    seer: Seer, image: NDArray[Any], plan: Plan, done: Callable[[int], None] | None = None
) -> Iterator[Slab]:
    """The maps of an image ([z,] y, x), normalised and at the working scale, in slabs from the first plane on.

    plan: of an image of that shape. done: told how many windows have been seen.
    """
    rows, device = plan.cuts[0], device_of(seer.net)
    open_planes = max(row.kept.stop - row.kept.start for row in rows)
    sums = torch.zeros((seer.maps, open_planes, *plan.shape[1:]), device=device)
    seen = 0
    for row, end in zip(rows, [*(row.kept.start for row in rows[1:]), plan.shape[0]], strict=True):
        for windows in _groups(product([row], *plan.cuts[1:]), plan.together):
            _add(sums, row, windows, seer.look(_cut_out(image, windows), plan.views))
            seen += len(windows)
            if done is not None:
                done(seen)
        finished = end - row.kept.start
        for first in range(0, finished, slab_planes(plan.shape)):
            part = sums[:, first : min(first + slab_planes(plan.shape), finished)]
            # the weights of several windows may add up to a little more than 1
            yield Slab(row.kept.start + first, part.clamp(max=1).cpu().numpy())
        _forget(sums, finished)


def _groups(windows: Iterator[Window], most: int) -> Iterator[list[Window]]:
    """Neighbouring windows of one size, so many at a time."""
    group: list[Window] = []
    for window in windows:
        if group and (len(group) == most or _sides(window) != _sides(group[0])):
            yield group
            group = []
        group.append(window)
    yield group


def _sides(window: Window) -> list[int]:
    return [cut.length for cut in window]


def _cut_out(image: NDArray[Any], windows: Sequence[Window]) -> NDArray[np.float32]:
    """What is seen through windows of one size, (b, [z,] y, x); beyond the image lies empty ground."""
    seen = np.zeros((len(windows), *_sides(windows[0])), dtype=np.float32)
    for place, window in zip(seen, windows, strict=True):
        inside, there = [], []
        for cut, size in zip(window, image.shape, strict=True):
            first, last = max(cut.start, 0), min(cut.start + cut.length, size)
            inside.append(slice(first, last))
            there.append(slice(first - cut.start, last - cut.start))
        place[tuple(there)] = image[tuple(inside)]
    return seen


@torch.inference_mode()
def _add(sums: Tensor, row: Cut, windows: Sequence[Window], found: Tensor) -> None:
    """Add what was found in windows (b, maps, [z,] y, x) to the planes that begin with the row's first."""
    for window, maps in zip(windows, found, strict=True):
        first, *others = (cut.kept for cut in window)
        place = (slice(first.start - row.kept.start, first.stop - row.kept.start), *others)
        kept = maps[(slice(None), *(cut.kept_in_seen for cut in window))]
        sums[(slice(None), *place)].addcmul_(kept, _weights(window).to(sums.device))


def _weights(window: Window) -> Tensor:
    """The weight of each pixel that counts, ([z,] y, x)."""
    weights = torch.from_numpy(window[-1].weights)
    for cut in reversed(window[:-1]):
        weights = torch.from_numpy(cut.weights).reshape(-1, *[1] * weights.ndim) * weights
    return weights


def _forget(sums: Tensor, planes: int) -> None:
    """Move the planes that are not finished to the front, and empty the others."""
    left = sums.shape[1] - planes
    for plane in range(left):  # one by one, as the two places may overlap
        sums[:, plane] = sums[:, plane + planes]
    sums[:, left:] = 0
