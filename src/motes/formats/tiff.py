"""TIFF images: pages are sections in 2D and z in 3D."""

import logging
import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from motes.errors import ImageError
from motes.formats import colour
from motes.formats.header import ImageInfo, agreed_pixel_size
from motes.output import replacing

SUFFIXES = (".tif", ".tiff")
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_ANGSTROM = {"nm": 10.0, "nanometer": 10.0, "um": 1e4, "micron": 1e4, "microns": 1e4, "micrometer": 1e4}
_ANGSTROM |= {"µm": 1e4, "μm": 1e4, "\\u00b5m": 1e4, "a": 1.0, "å": 1.0, "\\u00c5": 1.0, "angstrom": 1.0}
_ANGSTROM_OF_TAG = {3: 1e8, 4: 1e7, 5: 1e4}  # ResolutionUnit: centimetre, and tifffile's mm and um
_PRINT = 1e5  # A/px; coarser is the resolution of a printer (2540 dpi), not of a microscope
_GREY, _COLOUR, _PALETTE = (0, 1), (2, 6), 3  # PhotometricInterpretation

# A damaged file is reported by our own errors; without a handler Python would print tifffile's as well.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def info(path: Path, ndim: int, pixel_size: float | None) -> ImageInfo:
    """Tell what the tags say; pixel_size (A/px) overrides them. ImageError where they cannot be used."""
    with tifffile.TiffFile(path) as tif:
        series = _series(tif, path, ndim)
        page = series.keyframe
        flat = (int(page.shape[page.axes.index("Y")]), int(page.shape[page.axes.index("X")]))
        depth = _page_count(series)
        size = _pixel_size(tif, path) if pixel_size is None else pixel_size
        note = colour.NOTE if page.photometric in (*_COLOUR, _PALETTE) else None
    return ImageInfo((depth, *flat), size, 1, note) if ndim == 3 else ImageInfo(flat, size, depth, note)


def read(path: Path, ndim: int, section: int) -> NDArray[Any]:
    """One page (y, x), or all as (z, y, x), with the type as stored; a memory map where that is possible."""
    with tifffile.TiffFile(path) as tif:
        series = _series(tif, path, ndim)
        pages = range(_page_count(series)) if ndim == 3 else [section]
        if (
            series.dataoffset is not None
            and series.keyframe.axes == "YX"
            and series.keyframe.photometric in _GREY
        ):
            flat = series.keyframe.shape
            dtype = np.dtype(series.dtype).newbyteorder(tif.byteorder)
            stack = np.memmap(path, dtype, "r", series.dataoffset, (_page_count(series), *flat))
            return stack if ndim == 3 else stack[section]
        planes = [_plane(series, number, path) for number in pages]
    return np.stack(planes) if ndim == 3 else planes[0]


def write(path: Path, data: NDArray[Any], pixel_size: float | None) -> None:
    """Write (y, x) or (z, y, x) pixels of any real type; pixel_size (A/px) goes into the resolution tags."""
    per_cm = None if pixel_size is None else _ANGSTROM_OF_TAG[3] / pixel_size
    with replacing(path) as temporary:
        tifffile.imwrite(
            temporary,
            data,
            photometric="minisblack",
            resolution=None if per_cm is None else (per_cm, per_cm),
            resolutionunit="NONE" if per_cm is None else "CENTIMETER",
            metadata={"axes": "ZYX"[-data.ndim :]},
        )


def _series(tif: tifffile.TiffFile, path: Path, ndim: int) -> Any:
    """Check and return the first series: everything there, grey or colour, one axis beside y and x in 3D."""
    series = tif.series[0]
    page = series.keyframe
    if page.photometric not in (*_GREY, *_COLOUR, _PALETTE) or series.dtype.kind not in "biuf":
        raise ImageError(
            f"{path}: TIFF with {series.dtype} pixels, photometric interpretation {page.photometric}, is not "
            "supported; convert it to grey values"
        )
    outer = [axis for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS" and n > 1]
    if ndim == 3 and len(outer) != 1:
        raise ImageError(
            f"{path}: TIFF with the axes {series.axes} {series.shape}, where one volume (z, y, x) is expected"
        )
    if series.dataoffset is not None:
        _check_end(path, series.dataoffset + series.nbytes)
    elif len(series.pages) < _page_count(series):
        raise ImageError(f"{path}: truncated, {len(series.pages)} of {_page_count(series)} pages found")
    return series


def _page_count(series: Any) -> int:
    return int(math.prod(series.shape) // math.prod(series.keyframe.shape))


def _plane(series: Any, number: int, path: Path) -> NDArray[Any]:
    page, keyframe = series.pages[number], series.keyframe
    if page is None:
        raise ImageError(f"{path}: page {number + 1} is missing from the file")
    ends = [start + size for start, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    _check_end(path, max(ends, default=0))
    parts = math.prod(page.chunked)
    if len(ends) < parts:  # of a damaged header there may be billions, which tifffile would list one by one
        raise ImageError(
            f"{path}: page {number + 1} is to have {parts} strips or tiles and names {len(ends)}; the file is damaged, "
            "copy or download it again"
        )
    data = page.asarray()
    if keyframe.photometric == _PALETTE:
        return colour.luminance(np.moveaxis(keyframe.colormap[:, data], 0, -1))
    if "S" in keyframe.axes:
        data = np.moveaxis(data, keyframe.axes.index("S"), -1)
        data = colour.luminance(data) if data.shape[-1] > 2 else data[..., 0]
    if data.ndim != 2:
        raise ImageError(
            f"{path}: page {number + 1} has the axes {keyframe.axes}, where y and x are expected"
        )
    return np.asarray(data, np.uint8) if data.dtype == bool else np.asarray(data)


def _check_end(path: Path, expected: int) -> None:
    found = path.stat().st_size
    if found < expected:
        raise ImageError(
            f"{path}: truncated, {found} bytes found and {expected} expected; copy or download it again"
        )


def _pixel_size(tif: tifffile.TiffFile, path: Path) -> float | None:
    """A/px from OME, ImageJ or resolution tags; None where the unit is none or that of a print."""
    if tif.ome_metadata:
        return _ome_pixel_size(tif.ome_metadata, path)
    tags = tif.series[0].keyframe.tags
    values = [tags[name].value for name in ("XResolution", "YResolution") if name in tags]
    if len(values) < 2 or any(0 in value for value in values):
        return None
    if tif.imagej_metadata and tif.imagej_metadata.get("unit"):
        unit = _ANGSTROM.get(str(tif.imagej_metadata["unit"]).lower())
    else:
        unit = _ANGSTROM_OF_TAG.get(int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 0)
    if unit is None:
        return None
    size = agreed_pixel_size([unit * below / above for above, below in values], path)
    return size if size is not None and size < _PRINT else None


def _ome_pixel_size(text: str, path: Path) -> float | None:
    pixels = ElementTree.fromstring(text).find(".//{*}Pixels")
    if pixels is None:
        return None
    sizes = []
    for axis in "XY":
        unit = _ANGSTROM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower(), 0.0)
        sizes.append(unit * float(pixels.get(f"PhysicalSize{axis}", 0)))
    return agreed_pixel_size(sizes, path)
