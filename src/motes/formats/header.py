"""What a header says about an image, whatever its format."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from motes.errors import ImageError


@dataclass(frozen=True)
class ImageInfo:
    """What can be known of an image file without reading its pixels.

    shape: (y, x), or (z, y, x) of a volume, of one section. pixel_size: A/px, None where it is not known.
    sections: how many such images the file holds. note: what a user should know, such as colour turned
    into luminance; None where there is nothing to say.
    """

    shape: tuple[int, ...]
    pixel_size: float | None
    sections: int
    note: str | None


def agreed_pixel_size(sizes: Sequence[float], path: Path) -> float | None:
    """One pixel size from those of the axes (A/px, x first); None where they are not known.

    Many programs write 0 or 1 where they know none. Headers hold 32-bit floats, hence the rounding to
    seven digits. Raises ImageError where the axes disagree by more than 1 %.
    """
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return None
    if max(sizes) > 1.01 * min(sizes):
        found = " and ".join(f"{size:.4g}" for size in sizes)
        raise ImageError(
            f"{path}: the header gives pixels that are not square ({found} A, x first); "
            "give the true pixel size with --pixel-size"
        )
    size = float(f"{sizes[0]:.7g}")
    return None if size == 1.0 else size
