"""MRC images, stacks and volumes, as MRC2014 (Cheng et al. 2015, J. Struct. Biol. 192, 146) and as found.

Rows come in the order of the file; no header field turns anything around.
"""

import bz2
import gzip
import math
import warnings
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import mrcfile
import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from motes.errors import ImageError
from motes.formats.header import ImageInfo, agreed_pixel_size
from motes.output import replacing

SUFFIXES = (".mrc", ".mrcs", ".map", ".rec", ".st")
COMPRESSED = (".gz", ".bz2")

_DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_UNSUPPORTED = {3: "complex integers", 4: "complex floats", 16: "colour", 101: "4-bit integers"}
_WRITTEN_AS = {"uint8": "uint16", "bool": "int8", "float64": "float32"}
_MOST_PIXELS = 65536  # along x or y; a file of the other byte order shows more
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1  # at bytes 152 and 156: IMOD's mrc_format.txt
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Header:
    """The fields that matter.

    shape: (z, y, x). offset: bytes before the first pixel. voxel: A/px along (x, y, z), nan where the
    header has no sampling. space_group: ISPG, 0 for images. volume_depth: sections of one volume.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    voxel: tuple[float, float, float]
    space_group: int
    volume_depth: int


def info(path: Path, ndim: int, pixel_size: float | None) -> ImageInfo:
    """Tell what the header says; pixel_size (A/px) overrides it. ImageError where it cannot be used."""
    header = read_header(path)
    shape, sections = _sections(header, path, ndim)
    if pixel_size is None:
        use_depth = ndim == 3 and math.isfinite(header.voxel[2]) and header.voxel[2] not in (0.0, 1.0)
        pixel_size = agreed_pixel_size(header.voxel[: 3 if use_depth else 2], path)
    return ImageInfo(shape, pixel_size, sections, None)


def read(path: Path, ndim: int, section: int) -> NDArray[Any]:
    """One section, (y, x) or (z, y, x), as stored: a memory map, or an array where it is compressed."""
    header = read_header(path)
    shape, _ = _sections(header, path, ndim)
    size = math.prod(shape) * header.dtype.itemsize
    start = header.offset + section * size
    if _compression(path) is None:
        return np.memmap(path, header.dtype, mode="r", offset=start, shape=shape)
    pixels, found = _unpack(path, start, size)
    if len(pixels) < size:
        raise _truncated(path, found, header.offset + math.prod(header.shape) * header.dtype.itemsize)
    return np.frombuffer(pixels, header.dtype).reshape(shape)


def write(path: Path, data: NDArray[Any], pixel_size: float | None) -> None:
    """Write (y, x) or (z, y, x) pixels; 3D data are a stack of images in .mrcs, a volume otherwise.

    The same pixels give the same bytes: mrcfile's label with the time is replaced. Raises ImageError for
    a type that MRC has no mode for.
    """
    data = data.astype(_WRITTEN_AS.get(data.dtype.name, data.dtype), copy=False)
    if data.dtype.name not in {np.dtype(code).name for code in _DTYPES.values()}:
        raise ImageError(f"{path}: MRC cannot hold {data.dtype.name}; convert the pixels to float32 first")
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statistics of pixels that are not finite
        with mrcfile.new(temporary, data) as mrc:
            if data.ndim == 3:
                (mrc.set_image_stack if path.suffix.lower() == ".mrcs" else mrc.set_volume)()
            if pixel_size is not None:
                mrc.voxel_size = pixel_size
            mrc.header.label[0] = b"motes".ljust(80)


def read_header(path: Path) -> Header:
    """Read and check the header. Raises ImageError: not MRC, a mode that is not supported, truncated."""
    raw = _unpack(path, 0, HEADER_DTYPE.itemsize)[0]
    if len(raw) < HEADER_DTYPE.itemsize:
        raise ImageError(
            f"{path}: {len(raw)} bytes found where an MRC header needs {HEADER_DTYPE.itemsize}; "
            "the file is truncated or not an MRC file"
        )
    fields = _fields(raw)
    if fields is None:
        raise ImageError(f"{path}: not an MRC file (no sensible size or mode where its header should be)")
    mode = int(fields["mode"])
    if mode not in _DTYPES:
        kind = f" ({_UNSUPPORTED[mode]})" if mode in _UNSUPPORTED else ""
        supported = ", ".join(map(str, _DTYPES))
        raise ImageError(
            f"{path}: MRC mode {mode}{kind} is not supported; convert the file to one of {supported}"
        )
    header = _header(fields, raw)
    _check_complete(path, header)
    return header


def _fields(raw: bytes) -> Any:
    """Read the header in the byte order that gives it sense; None where neither does.

    Machine stamps are often missing or wrong, sizes are not.
    """
    for order in "<>":
        fields = np.frombuffer(raw, HEADER_DTYPE.newbyteorder(order), count=1)[0]
        flat = all(0 < fields[name] < _MOST_PIXELS for name in ("nx", "ny"))
        known = int(fields["mode"]) in _DTYPES or int(fields["mode"]) in _UNSUPPORTED
        stamped = bytes(fields["map"])[:3] == b"MAP" and 0 <= fields["mode"] < 256
        if flat and fields["nz"] > 0 and fields["nsymbt"] >= 0 and (known or stamped):
            return fields
    return None


def _header(fields: Any, raw: bytes) -> Header:
    order = fields.dtype["nx"].byteorder
    code = _DTYPES[int(fields["mode"])]
    stamp, flags = np.frombuffer(raw, np.dtype("i4").newbyteorder(order), count=2, offset=152)
    if code == "i1" and stamp == _IMOD_STAMP and not flags & _IMOD_SIGNED:
        code = "u1"
    sampling = [int(fields[name]) for name in ("mx", "my", "mz")]
    lengths = [float(fields["cella"][axis]) for axis in "xyz"]
    x, y, z = (length / n if n > 0 else math.nan for length, n in zip(lengths, sampling, strict=True))
    return Header(
        shape=(int(fields["nz"]), int(fields["ny"]), int(fields["nx"])),
        dtype=np.dtype(code).newbyteorder(order),
        offset=HEADER_DTYPE.itemsize + int(fields["nsymbt"]),
        voxel=(x, y, z),
        space_group=int(fields["ispg"]),
        volume_depth=sampling[2],
    )


def _sections(header: Header, path: Path, ndim: int) -> tuple[tuple[int, ...], int]:
    """Shape of one section and their number. ISPG 0 and .mrcs mean images, 401 to 630 stacks of volumes."""
    depth, *flat = header.shape
    if ndim == 3 and depth == 1:
        raise ImageError(f"{path}: a single image, where a volume (z, y, x) is expected")
    if ndim == 3:
        deep = header.volume_depth
        stacked = 401 <= header.space_group <= 630 and 0 < deep < depth and depth % deep == 0
        return ((deep if stacked else depth), *flat), (depth // deep if stacked else 1)
    suffix = _bare_suffix(path)
    is_stack = suffix in (".mrcs", ".st") or (header.space_group == 0 and suffix != ".rec")
    if depth > 1 and not is_stack:
        raise ImageError(
            f"{path}: a volume of {depth} sections (ISPG {header.space_group}), where a 2D image is "
            "expected; a stack of 2D images has ISPG 0 or is named .mrcs"
        )
    return tuple(flat), depth


def _bare_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def _compression(path: Path) -> str | None:
    with path.open("rb") as stream:
        start = stream.read(3)
    return "gz" if start[:2] == b"\x1f\x8b" else "bz2" if start == b"BZh" else None


def _open(path: Path) -> IO[bytes]:
    kind = _compression(path)
    if kind is None:
        return path.open("rb")
    return cast(IO[bytes], gzip.open(path) if kind == "gz" else bz2.open(path))


def _unpack(path: Path, start: int, count: int) -> tuple[bytes, int]:
    """At most count bytes from start on, fewer where the file ends or is damaged, and where that was."""
    pixels = bytearray()
    with _open(path) as stream:
        with suppress(EOFError, zlib.error, OSError):
            stream.seek(start)
            while len(pixels) < count and (chunk := stream.read(min(_CHUNK, count - len(pixels)))):
                pixels += chunk
        return bytes(pixels), stream.tell()


def _check_complete(path: Path, header: Header) -> None:
    """Compare the sizes of file and contents; what is compressed shows its size only when it is read."""
    expected = header.offset + math.prod(header.shape) * header.dtype.itemsize
    found = path.stat().st_size
    if _compression(path) is None and found < expected:
        raise _truncated(path, found, expected)


def _truncated(path: Path, found: int, expected: int) -> ImageError:
    return ImageError(
        f"{path}: truncated, {found} bytes found and {expected} expected from its header; "
        "copy or download the file again"
    )
