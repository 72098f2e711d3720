"""OME-Zarr images and volumes, versions 0.4 (zarr 2) and 0.5 (zarr 3): one image, at several resolutions.

A tomogram is read where it is sliced, chunk by chunk. Voxels are counted in the array, from its corner; where the
metadata say that the image lies in its surroundings (translation) does not matter.
"""

import itertools
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from motes.errors import ImageError, OutputError
from motes.formats.header import ImageInfo
from motes.formats.ome_metadata import Multiscale, is_multiscale, read_multiscale
from motes.formats.stores import ChunkCache, Store, StoredImage, is_store, open_array
from motes.output import explained, replacing

if TYPE_CHECKING:  # zarr takes 0.4 s to import
    import zarr

SUFFIX = ".zarr"
SIDE = 256  # of a chunk, voxels
SLAB = 64  # layers of the next level that are made at once

Version = Literal["0.4", "0.5"]


def is_ome_zarr(path: Path) -> bool:
    """Whether a folder is one OME-Zarr image."""
    return is_store(path) and is_multiscale(path)


def is_level(path: Path) -> bool:
    """Whether a folder is the array of one level of an OME-Zarr image, as tomogram.zarr/1."""
    return is_store(path) and _level_of_parent(path) is not None


def info(path: Path, ndim: int, pixel_size: float | None) -> ImageInfo:
    """Shape and pixel size (A/px) by the metadata, where pixel_size does not override it.

    Raises ImageError for what open_volume refuses, and for voxels that are not cubes by more than 1 %.
    """
    group, level = _group_and_level(path)
    described = read_multiscale(group)
    shape = _opened(group, described, level, ndim, None).shape
    if pixel_size is not None:
        return ImageInfo(shape, pixel_size, 1, None)
    voxel = described.voxel(level, ndim)
    return ImageInfo(shape, None if voxel is None else _cube(voxel, path), 1, described.note)


def read(path: Path, ndim: int, _section: int) -> Any:
    """([z,] y, x) pixels as stored, read where they are sliced; np.asarray reads them all.

    Raises ImageError as open_volume does.
    """
    return open_volume(path, ndim)


def open_volume(
    path: Path, ndim: int = 3, *, level: int | None = None, cache: ChunkCache | None = None
) -> StoredImage:
    """An OME-Zarr image ([z,] y, x), of which nothing is read yet.

    level: 0 is the finest; None: the one that the path names, as tomogram.zarr/1 does, or 0. Leading axes (time,
    channel) of length 1 are left out. Raises ImageError where there is no such level, the axes are others, or
    its arrays cannot be read.
    """
    group, named = _group_and_level(path)
    return _opened(group, read_multiscale(group), named if level is None else level, ndim, cache)


def _group_and_level(path: Path) -> tuple[Path, int]:
    if is_multiscale(path):
        return path, 0
    level = _level_of_parent(path)
    if level is None:
        raise ImageError(f"{path}: not an OME-Zarr image; expected a zarr group with `multiscales`")
    return path.parent, level


def _level_of_parent(path: Path) -> int | None:
    """Which level of the OME-Zarr image around it an array is; None where it is none."""
    if not is_multiscale(path.parent):
        return None
    paths = [level.path for level in read_multiscale(path.parent).levels]
    return paths.index(path.name) if path.name in paths else None


def _opened(
    group: Path, described: Multiscale, level: int, ndim: int, cache: ChunkCache | None
) -> StoredImage:
    count = len(described.levels)
    if not 0 <= level < count:
        raise ImageError(f"{group}: there is no level {level}; it has {count}, from 0 to {count - 1}")
    array = open_array(group / described.levels[level].path)
    names = [axis.name for axis in described.axes]
    if array.ndim != len(names):
        raise ImageError(f"{group}: its axes are {', '.join(names)}, its array has the shape {array.shape}")
    leading = array.shape[: array.ndim - ndim]
    if array.ndim < ndim or any(size != 1 for size in leading):
        expected = "(y, x)" if ndim == 2 else "(z, y, x)"
        raise ImageError(
            f"{group}: an image of shape {array.shape} ({', '.join(names)}), where one of shape {expected} is "
            "expected; further axes must have the length 1. Write the one channel or moment of it that you mean"
        )
    return StoredImage(Store(group / described.levels[level].path, array, cache), (0,) * len(leading))


def _cube(voxel: Sequence[float], path: Path) -> float | None:
    """The side of a voxel from its sides in array order; as header.agreed_pixel_size, all digits kept.

    Here 1 A counts, for a unit stands beside it.
    """
    if not all(np.isfinite(side) and side > 0 for side in voxel):
        return None
    if max(voxel) > 1.01 * min(voxel):
        found = " and ".join(f"{side:.4g}" for side in reversed(voxel))
        raise ImageError(
            f"{path}: its metadata give voxels that are not cubes ({found} A, x first); give the true pixel size "
            "with --pixel-size"
        )
    return float(voxel[-1])


def write_ome_zarr(
    path: Path, data: Any, voxel_size: float, *, levels: int = 3, version: Version = "0.4"
) -> None:
    """Write a tomogram (z, y, x) as float32, each further level the mean of 2 x 2 x 2 voxels of the one before.

    data: an array or anything that is sliced like one, read slab by slab. voxel_size: A. An odd last layer is the
    mean of what there is. A store that stands there is replaced once the new one is whole; raises OutputError where
    something else stands there or writing fails.
    """
    if data.ndim != 3:
        raise ImageError(f"{path}: a tomogram is (z, y, x), found the shape {tuple(data.shape)}")
    if path.exists() and not is_store(path):
        raise OutputError(f"{path} is there and is no zarr store; choose another name or remove it")
    with replacing(path) as temporary:
        _write(temporary, data, voxel_size, levels, version, path.name)
        _remove(path)


def _remove(path: Path) -> None:
    """Take a store away under another name first, so that it is never there in part."""
    if path.exists():
        aside = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
        path.rename(aside)
        shutil.rmtree(aside)


def _write(path: Path, data: Any, voxel_size: float, levels: int, version: Version, name: str) -> None:
    import zarr

    format_: Literal[2, 3] = 2 if version == "0.4" else 3
    described = _described(voxel_size, levels, version, name)
    with explained(path):
        group = zarr.create_group(
            path, zarr_format=format_, attributes=described if version == "0.4" else {"ome": described}
        )
        for level in range(levels):
            shape = data.shape if level == 0 else tuple(-(-size // 2) for size in data.shape)
            array = group.create_array(
                str(level),
                shape=shape,
                chunks=tuple(min(SIDE, size) for size in shape),
                dtype="float32",
                chunk_key_encoding={"name": "v2" if format_ == 2 else "default", "separator": "/"},
                dimension_names=None if format_ == 2 else ("z", "y", "x"),
            )
            _fill(array, data, reduce=level > 0)
            data = array if level else data  # the source is quicker to read than what it was packed into


def _fill(array: "zarr.Array[Any]", source: Any, reduce: bool) -> None:
    """Copy or halve a source into an array, one of its chunks after the other."""
    starts = [range(0, size, side) for size, side in zip(array.shape, array.chunks, strict=True)]
    for corner in itertools.product(*starts):
        block = tuple(
            slice(start, min(start + side, size))
            for start, side, size in zip(corner, array.chunks, array.shape, strict=True)
        )
        array[block] = _halved_block(source, block) if reduce else np.asarray(source[block], np.float32)


def _halved_block(source: Any, block: tuple[slice, ...]) -> NDArray[np.float32]:
    """A block (z, y, x) of the next level, from a source that need not fit into memory."""
    _, *flat = block
    rows = [slice(2 * each.start, 2 * each.stop) for each in flat]
    parts = [
        halved(np.asarray(source[(slice(2 * low, 2 * min(low + SLAB, block[0].stop)), *rows)]))
        for low in range(block[0].start, block[0].stop, SLAB)
    ]
    return np.concatenate(parts)


def halved(data: NDArray[Any]) -> NDArray[np.float32]:
    """The mean of blocks of two pixels along each axis, of those that there are at an odd end."""
    found = np.asarray(data, dtype=np.float32)
    for axis in range(data.ndim):
        moved = np.moveaxis(found, axis, 0)
        first, second = moved[::2].copy(), moved[1::2]
        first[: len(second)] = (first[: len(second)] + second) / 2
        found = np.moveaxis(first, 0, axis)
    return found


def _described(voxel_size: float, levels: int, version: Version, name: str) -> dict[str, Any]:
    """`multiscales`, and for 0.5 what stands beside it."""
    multiscale: dict[str, Any] = {
        "name": name.removesuffix(SUFFIX),
        "axes": [{"name": axis, "type": "space", "unit": "angstrom"} for axis in "zyx"],
        "datasets": [
            {
                "path": str(level),
                "coordinateTransformations": [{"type": "scale", "scale": [float(voxel_size) * 2**level] * 3}],
            }
            for level in range(levels)
        ],
    }
    if version == "0.4":
        return {"multiscales": [{"version": "0.4", **multiscale}]}
    return {"version": version, "multiscales": [multiscale]}
