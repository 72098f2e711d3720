"""Windows that cover an image, and windows with something around them."""

from collections.abc import Iterator, Sequence
from itertools import product

Window = tuple[slice, ...]


def windows_of(shape: Sequence[int], side: int) -> Iterator[Window]:
    """Windows of a shape, side px in each axis and less at the end, in the order of rows."""
    starts = [range(0, length, side) for length in shape]
    for corner in product(*starts):
        yield tuple(slice(a, min(a + side, length)) for a, length in zip(corner, shape, strict=True))


def grown(window: Window, shape: Sequence[int], by: int) -> tuple[Window, Window]:
    """A window with so many px around it, as far as the image goes, and where the window lies in that."""
    outer = tuple(
        slice(max(side.start - by, 0), min(side.stop + by, length))
        for side, length in zip(window, shape, strict=True)
    )
    inner = tuple(
        slice(side.start - out.start, side.stop - out.start) for side, out in zip(window, outer, strict=True)
    )
    return outer, inner
