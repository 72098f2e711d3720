"""PNG and JPEG through Pillow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from motes.errors import ImageError
from motes.formats import colour
from motes.formats.header import ImageInfo
from motes.output import replacing

SUFFIXES = (".png", ".jpg", ".jpeg")
PNG_MAGIC, JPEG_MAGIC = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"

_SIXTEEN_BITS = ("I", "I;16", "I;16B")  # Pillow opened 16-bit PNG as I in older versions


def info(path: Path, ndim: int, pixel_size: float | None) -> ImageInfo:
    """Size and colour; the pixel size of a picture is that of a print, so only the option counts."""
    _check_dimension(path, ndim)
    with _opened(path) as picture:
        grey = picture.mode in ("1", "L", "LA", *_SIXTEEN_BITS)
        return ImageInfo((picture.height, picture.width), pixel_size, 1, None if grey else colour.NOTE)


def read(path: Path, ndim: int, _section: int) -> NDArray[Any]:
    """Read (y, x) pixels as uint8 or uint16, as stored; colour becomes luminance, alpha is left out."""
    _check_dimension(path, ndim)
    with _opened(path) as picture:
        if picture.mode in _SIXTEEN_BITS:
            return np.asarray(picture).astype(np.uint16)
        if picture.mode in ("1", "L"):
            return np.asarray(picture, np.uint8)
        if picture.mode == "LA":
            return np.asarray(picture.getchannel(0))
        return colour.luminance(np.asarray(picture.convert("RGB")))


def write(path: Path, data: NDArray[Any], _pixel_size: float | None) -> None:
    """Write (y, x) uint8 or uint16 pixels as PNG; a pixel size has no place there."""
    if data.dtype.name not in ("uint8", "uint16") or data.ndim != 2:
        raise ImageError(
            f"{path}: PNG holds 2D images of uint8 or uint16, found {data.ndim}D {data.dtype.name}; "
            "scale the pixels to that range, or write .mrc or .tif"
        )
    with replacing(path) as temporary:
        pillow.fromarray(data).save(temporary, format="PNG")


def _check_dimension(path: Path, ndim: int) -> None:
    if ndim != 2:
        raise ImageError(f"{path}: a single picture, where a volume (z, y, x) is expected")


@contextmanager
def _opened(path: Path) -> Iterator[ImageFile]:
    """Open a picture by its own class: Pillow's open() refuses more than 179 million pixels."""
    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on broken EXIF blocks and palettes, which do not matter here
        is_png = stream.read(len(PNG_MAGIC)) == PNG_MAGIC
        stream.seek(0)
        yield PngImageFile(stream) if is_png else JpegImageFile(stream)
