"""The door to image files: what is in one, read it, write it."""

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from motes.errors import ImageError, MotesError
from motes.formats import mrc, ome_zarr, raster, stores, tiff
from motes.formats.header import ImageInfo
from motes.image import Image

__all__ = [
    "IMAGE_SUFFIX",
    "IMAGE_SUFFIXES",
    "ImageInfo",
    "image_info",
    "is_image",
    "is_store_of_images",
    "read_image",
    "write_image",
]

_MRC_SUFFIXES = tuple(suffix + end for suffix in mrc.SUFFIXES for end in ("", *mrc.COMPRESSED))
IMAGE_SUFFIXES = (*_MRC_SUFFIXES, *tiff.SUFFIXES, *raster.SUFFIXES)
_LONGEST_FIRST = sorted((*IMAGE_SUFFIXES, ome_zarr.SUFFIX), key=len, reverse=True)
IMAGE_SUFFIX = re.compile(rf"({'|'.join(map(re.escape, _LONGEST_FIRST))})$", re.IGNORECASE)

Write = Callable[[Path, NDArray[Any], float | None], None]
_WRITERS: dict[str, Write] = dict.fromkeys(mrc.SUFFIXES, mrc.write)
_WRITERS |= dict.fromkeys(tiff.SUFFIXES, tiff.write) | {".png": raster.write}


@dataclass(frozen=True)
class _Format:
    name: str
    info: Callable[[Path, int, float | None], ImageInfo]
    read: Callable[[Path, int, int], NDArray[Any]]


_MRC = _Format("MRC", mrc.info, mrc.read)
_TIFF = _Format("TIFF", tiff.info, tiff.read)
_STORE = _Format("a zarr store", stores.info, stores.read)
_OME_ZARR = _Format("OME-Zarr", ome_zarr.info, ome_zarr.read)
_RASTER = _Format("PNG or JPEG", raster.info, raster.read)
_MAGIC = dict.fromkeys(tiff.MAGIC, _TIFF) | {raster.PNG_MAGIC: _RASTER, raster.JPEG_MAGIC: _RASTER}


def image_info(path: Path, ndim: int = 2, pixel_size: float | None = None) -> ImageInfo:
    """Shape, pixel size (A/px) and number of sections from the header; pixel_size overrides it.

    Raises ImageError where the file is missing, damaged or of the other dimension, or pixel_size not above 0.
    """
    _check_pixel_size(path, pixel_size)
    with _explained(path, ndim) as kind:
        return kind.info(path, ndim, pixel_size)


def read_image(
    path: Path,
    *,
    ndim: int = 2,
    section: int = 0,
    pixel_size: float | None = None,
    name: str | None = None,
) -> Image:
    """Read (y, x) or (z, y, x) pixels as stored, row 0 the file's first.

    section: 0-based, of a stack. pixel_size: A/px, overrides the header. name: the file name by default.
    Raises ImageError as image_info does, and where there is no such section.
    """
    _check_pixel_size(path, pixel_size)
    with _explained(path, ndim) as kind:
        header = kind.info(path, ndim, pixel_size)
        if not 0 <= section < header.sections:
            raise ImageError(f"{path}: there is no section {section + 1}, it holds {header.sections}")
        return Image(kind.read(path, ndim, section), header.pixel_size, path.name if name is None else name)


def write_image(path: Path, data: NDArray[Any], pixel_size: float | None = None) -> None:
    """Write (y, x) or (z, y, x) pixels; the suffix says how: MRC, TIFF or PNG. pixel_size: A/px.

    Raises ImageError where the format cannot hold such pixels, OutputError where it cannot be written.
    """
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise ImageError(f"{path}: cannot write {path.suffix!r}; choose one of {', '.join(_WRITERS)}")
    if data.ndim not in (2, 3):
        raise ImageError(f"{path}: expected (y, x) or (z, y, x) pixels, found shape {data.shape}")
    writer(path, data, pixel_size)


def is_image(path: Path) -> bool:
    """Whether this is an image file by its name, or by its first bytes where the name says nothing.

    A damaged file with the name of an image is one: reading it says what is wrong. Hidden files are not. A folder
    that is one OME-Zarr image is one, too.
    """
    name = path.name.lower()
    if name.startswith("."):
        return False
    if not path.is_file():
        return ome_zarr.is_ome_zarr(path)
    return name.endswith(IMAGE_SUFFIXES) or _format_by_content(path) is not None


def _check_pixel_size(path: Path, pixel_size: float | None) -> None:
    if pixel_size is not None and not 0 < pixel_size < math.inf:
        raise ImageError(f"{path}: a pixel size must be above 0 (A/px), found {pixel_size:g}")


def _format_by_content(path: Path) -> _Format | None:
    with path.open("rb") as stream:
        start = stream.read(212)
    stamped = _MRC if start[208:211] == b"MAP" else None
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), stamped)


def is_store_of_images(path: Path) -> bool:
    """Whether this is a zarr store of many images, and not one OME-Zarr image."""
    return stores.is_store(path) and not ome_zarr.is_ome_zarr(path)


def _format_of(path: Path, ndim: int) -> _Format:
    """By content; what has no mark is MRC, as old and compressed ones are, unless its name says otherwise.

    The array of one level of a tomogram is a volume where volumes are wanted, else a store of its layers.
    """
    if stores.is_store(path):
        return _OME_ZARR if ome_zarr.is_ome_zarr(path) or (ndim == 3 and ome_zarr.is_level(path)) else _STORE
    if not path.is_file():
        raise ImageError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    if path.stat().st_size == 0:
        raise ImageError(f"{path}: empty (0 bytes); copy or download the file again")
    found = _format_by_content(path)
    if found is None and path.name.lower().endswith((*tiff.SUFFIXES, *raster.SUFFIXES)):
        raise ImageError(f"{path}: neither TIFF, PNG nor JPEG by its first bytes; the file may be damaged")
    return found or _MRC


@contextmanager
def _explained(path: Path, ndim: int) -> Iterator[_Format]:
    """Give the format of a file; whatever goes wrong while it is read becomes an ImageError."""
    kind = None
    try:
        kind = _format_of(path, ndim)
        yield kind
    except MotesError:
        raise
    except Exception as error:  # decoders fail on damaged files in many ways of their own
        what = kind.name if kind else "an image"
        raise ImageError(
            f"{path}: cannot be read as {what} ({type(error).__name__}: {error}); the file may be damaged"
        ) from error
