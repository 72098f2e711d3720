"""Tiles that give the same result as the whole image.

Each tile is cut with a surround as wide as the net's own reach, and starts on a multiple of the net's
coarsest pixel, so that every convolution and every pooling sees what it would see in the whole image.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """inner: the part of the image that this tile answers for. outer: what the net is shown."""

    inner: tuple[slice, ...]
    outer: tuple[slice, ...]

    @property
    def inner_in_outer(self) -> tuple[slice, ...]:
        """Where the inner part lies in the outer one."""
        return tuple(
            slice(i.start - o.start, i.stop - o.start) for i, o in zip(self.inner, self.outer, strict=True)
        )


def tiles(shape: Sequence[int], side: int, halo: int, multiple: int) -> Iterator[Tile]:
    """Cover a shape, whose sides are multiples of `multiple`, by inner parts of about `side`."""
    step = max(multiple, side // multiple * multiple)
    surround = -(-halo // multiple) * multiple
    axes = []
    for size in shape:
        starts = range(0, size, step)
        axes.append(
            [
                (
                    slice(start, min(start + step, size)),
                    slice(max(start - surround, 0), min(start + step + surround, size)),
                )
                for start in starts
            ]
        )
    for combination in itertools.product(*axes):
        inner, outer = zip(*combination, strict=True)
        yield Tile(inner, outer)
