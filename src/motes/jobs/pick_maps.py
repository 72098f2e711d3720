"""Where the maps of an image go while they come slab by slab: into files, into memory for a picture, or nowhere."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.sampling import Pixels
from motes.formats import mrc
from motes.formats.mrc_slabs import SlabWriter, slabs_of


class KeptMaps:
    """Takes slabs (classes, planes, [y,] x) in order."""

    def __init__(self, writers: Sequence[SlabWriter], in_memory: bool) -> None:
        self.writers = writers
        self.slabs: list[NDArray[np.float32]] | None = [] if in_memory else None

    def add(self, maps: NDArray[np.float32]) -> None:
        """Keep a slab; its memory may be used again."""
        for writer, slab in zip(self.writers, maps, strict=bool(self.writers)):
            writer.add(slab)
        if self.slabs is not None:
            self.slabs.append(maps.copy())

    @property
    def whole(self) -> NDArray[np.float32] | None:
        """The maps (classes, [z,] y, x), where they were to be kept in memory."""
        return None if self.slabs is None else np.concatenate(self.slabs, axis=1)


@contextmanager
def kept_maps(files: Sequence[Path], pixel_size: float | None, *, in_memory: bool) -> Iterator[KeptMaps]:
    """Keep the maps that are added in the block; files: one for each class, or none. pixel_size: A/px."""
    with ExitStack() as stack:
        writers = [stack.enter_context(slabs_of(file, pixel_size)) for file in files]
        yield KeptMaps(writers, in_memory)


def map_files(out: Path, name: str, classes: Sequence[str]) -> list[Path]:
    """The file of each class's map of an image: OUT/maps/NAME.CLASS.mrc, of one class OUT/maps/NAME.mrc."""
    folder = out / "maps"
    if len(classes) == 1:
        return [folder / f"{name}.mrc"]
    return [folder / f"{name}.{each}.mrc" for each in classes]


class VolumesInFiles:
    """Maps (classes, z, y, x) that lie in MRC files; only what is asked for is read."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.volumes: list[Pixels] = [mrc.read(file, 3, 0) for file in files]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return (len(self.volumes), *self.volumes[0].shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, index: tuple[slice, ...], /) -> NDArray[Any]:
        """The part that a slice for each axis cuts out."""
        return np.stack([volume[index[1:]] for volume in self.volumes[index[0]]])
