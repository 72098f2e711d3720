"""MRC images and volumes that are written slab by slab, without ever being in memory as a whole."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from motes.formats import mrc
from motes.output import explained, replacing

AXES = ("z", "y", "x")


@contextmanager
def slabs_of(path: Path, pixel_size: float | None) -> Iterator["SlabWriter"]:
    """Write what is added in the block; the file appears at its end, as mrc.write would have written it.

    pixel_size: A/px. Raises OutputError as replacing does.
    """
    with replacing(path) as temporary:
        writer = SlabWriter(temporary, pixel_size)
        yield writer
        writer.finish()


class SlabWriter:
    """Adds slabs ([planes,] rows, x) of float32 to an MRC file, and at the end says in its header what it holds."""

    def __init__(self, path: Path, pixel_size: float | None) -> None:
        self.path, self.pixel_size = path, pixel_size
        self.shape: tuple[int, ...] = ()
        self.lowest, self.highest = math.inf, -math.inf
        self.total = self.squares = 0.0

    def add(self, slab: NDArray[np.float32]) -> None:
        """The next planes of a volume (planes, y, x), or rows of an image (rows, x)."""
        pixels = np.ascontiguousarray(slab, dtype="<f4")
        if not self.shape:
            mrc.write(self.path, pixels, self.pixel_size)
        else:
            with explained(self.path), self.path.open("ab") as file:
                file.write(pixels.data)
        self.shape = ((self.shape[0] if self.shape else 0) + len(slab), *slab.shape[1:])
        self.lowest, self.highest = min(self.lowest, float(slab.min())), max(self.highest, float(slab.max()))
        flat = pixels.reshape(-1)
        self.total += float(flat.sum(dtype=np.float64))
        self.squares += float(np.einsum("i,i->", flat, flat, dtype=np.float64))

    def finish(self) -> None:
        """Bring the header, which knows of the first slab only, up to what was added since."""
        with explained(self.path), self.path.open("r+b") as file:
            header = np.frombuffer(file.read(HEADER_DTYPE.itemsize), HEADER_DTYPE).copy()
            axis = AXES[-len(self.shape)]
            voxel = header["cella"][axis] / header[f"m{axis}"]
            header[f"n{axis}"] = header[f"m{axis}"] = self.shape[0]
            header["cella"][axis] = voxel * self.shape[0]
            mean = self.total / math.prod(self.shape)
            header["dmin"], header["dmax"], header["dmean"] = self.lowest, self.highest, mean
            header["rms"] = math.sqrt(max(0.0, self.squares / math.prod(self.shape) - mean**2))
            file.seek(0)
            file.write(header.tobytes())
