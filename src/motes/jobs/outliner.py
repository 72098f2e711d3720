"""The objects of one image by a net that outlines: maps in slabs, objects by tiles, and files of both."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.sampling import Pixels
from motes.jobs.pick_maps import kept_maps, map_files
from motes.picking.doubt import image_doubt, means_inside, with_doubts
from motes.picking.instances import Instances
from motes.picking.outlining import Outlining
from motes.predict.stream import Seer, stream_maps
from motes.predict.windows import Plan

IN_MEMORY = 1 << 28  # values of all maps and labels; more lie in files while they are worked on


@dataclass(frozen=True)
class Seen:
    """An image whose objects are looked for.

    working: normalised; pixels: as stored; both ([z,] y, x) of one size, since masks are learnt at the scale of their
    images. pixel_size: A/px.
    """

    name: str
    working: NDArray[np.float32]
    pixels: Pixels
    pixel_size: float | None


@dataclass(frozen=True)
class Outlined:
    """The objects of an image in pixels as stored; row k of their table has label k + 1.

    doubt: of the image, in [0, 1], see motes.picking.doubt.
    """

    objects: Instances
    doubt: float


def outline(
    seer: Seer,
    seen: Seen,
    plan: Plan,
    outlining: Outlining,
    out: Path,
    *,
    save_maps: bool = False,
    done: Callable[[int], None] | None = None,
) -> Outlined:
    """Find the objects of an image.

    Their labels lie in memory, or in a file that goes when they are no longer used. save_maps: also write the maps
    below out. done: told how many windows have been seen.
    """
    shape = seen.working.shape
    names = ["interior", outlining.splitting.separator][: outlining.maps] + ["spread"] * seer.spread
    files = map_files(out, seen.name, names) if save_maps else []
    room = _room(out, len(names) + 1, shape)
    maps = [room(np.float32) for _ in names]
    with kept_maps(files, seen.pixel_size, in_memory=False) as kept:
        for slab in stream_maps(seer, seen.working, plan, done):
            planes = slice(slab.start, slab.start + slab.maps.shape[1])
            for whole, part in zip(maps, slab.maps, strict=True):
                whole[planes] = part
            kept.add(slab.maps)
    found = outlining.objects(maps, seen.pixels, out=room(np.int32), threads=torch.get_num_threads())
    found = doubted(found, maps[-1] if seer.spread else None)
    return Outlined(found, image_doubt(found.table, found.labels, maps[0]))


def doubted(found: Instances, spread: Pixels | None = None) -> Instances:
    """Objects with their doubts; spread: how much the views differ, ([z,] y, x), where there are several."""
    spreads = None if spread is None else means_inside(found.labels, spread, len(found.table))
    return replace(found, table=with_doubts(found.table, spreads))


def _room(out: Path, count: int, shape: Sequence[int]) -> Callable[[Any], NDArray[Any]]:
    """Arrays of a shape, ([z,] y, x), for as many as count: in memory where they fit, else in files below out.

    The files have no name, so nothing is left of them, even where the process is killed.
    """
    if count * int(np.prod(shape)) <= IN_MEMORY:
        return lambda dtype: np.zeros(shape, dtype)
    out.mkdir(parents=True, exist_ok=True)

    def in_file(dtype: Any) -> NDArray[Any]:
        with tempfile.TemporaryFile(dir=out) as file:
            return np.memmap(file, dtype, mode="w+", shape=tuple(shape))

    return in_file
