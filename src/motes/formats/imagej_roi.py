"""Outlines as ImageJ regions (ROI): one file each in a zip archive, as the ROI Manager saves and opens them.

Facts from ImageJ's own reader and writer, ij.io.RoiDecoder and ij.io.RoiEncoder (imagej.net, public domain): big
endian; 64 bytes of header, coordinates, 64 bytes of a second header, the name in UTF-16. A polygon without holes is a
traced region with whole corners relative to its box. All else is a composite: a rectangle, with a path of 32-bit
floats (0 move, 1 line, 4 close) behind it. Corners of pixels are counted from 0, x and y apart.
"""

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.formats.outlines import Outline, Ring, arranged, signed_area
from motes.output import replacing

SUFFIX = ".zip"
HALF = 0.5  # px from the corner of a pixel to its centre
FARTHEST = 60_000  # px; ImageJ reads 16 bits from 60,536 on as numbers below 0
MOST_CORNERS = 65_535  # of a region that is no composite
MAGIC, VERSION = b"Iout", 228
POLYGON, RECTANGLE, FREEHAND, TRACED = 0, 1, 7, 8
SUBPIXEL = 128  # of the options: coordinates once more as 32-bit floats
MOVE, LINE, CLOSE = 0, 1, 4
HEADER = ">4sHBxhhhhH16xhiiihhBBhii"  # up to the offset of the second header
SECOND = ">iiiiii40x"  # nothing, channel, section, frame, offset and length of the name
DATE = (1980, 1, 1, 0, 0, 0)  # the same outlines give the same bytes


def write_rois(path: Path, outlines: Iterable[Outline]) -> int:
    """Write a zip of regions named by their number, as they come, and return how many.

    Raises PicksError where an outline lies further out than ImageJ's 16 bits hold, OutputError where the file
    cannot be written.
    """
    count = 0
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for outline in outlines:
            count += 1
            name = f"{outline.label:06d}" + ("" if outline.section is None else f"-{outline.section + 1:04d}")
            archive.writestr(
                zipfile.ZipInfo(f"{name}.roi", DATE), encoded(outline, name), zipfile.ZIP_DEFLATED, 1
            )
    return count


def encoded(outline: Outline, name: str) -> bytes:
    """The bytes of one region; PicksError where it lies too far out."""
    rings = [ring + HALF for polygon in outline.polygons for ring in polygon]
    every = np.concatenate(rings)
    low, high = np.floor(every.min(axis=0)).astype(int), np.ceil(every.max(axis=0)).astype(int)
    if high.max() > FARTHEST or low.min() < -1000:
        raise PicksError(
            f"object {outline.label} reaches from {tuple(low.tolist())} to {tuple(high.tolist())} px (y, x), but "
            f"ImageJ's regions hold no more than {FARTHEST} px; write GeoJSON"
        )
    box = [_wrapped(value) for value in (low[0], low[1], high[0], high[1])]
    if len(rings) == 1 and len(rings[0]) <= MOST_CORNERS:
        kind, options, points, floats, body = _single(rings[0], low)
    else:
        kind, options, points, floats, body = RECTANGLE, 0, 0, *_path(rings)
    section = 0 if outline.section is None else outline.section + 1
    after = 64 + len(body)
    header = struct.pack(
        HEADER, MAGIC, VERSION, kind, *box, points, 0, floats, 0, 0, 0, options, 0, 0, 0, section, after
    )
    second = struct.pack(SECOND, 0, 0, section, 0, after + 64, len(name))
    return header + body + second + name.encode("utf-16-be")


def _wrapped(value: int) -> int:
    """A number as ImageJ's 16 bits hold it."""
    return int(value) - 2**16 if value >= 2**15 else int(value)


def _single(ring: Ring, low: NDArray[np.int64]) -> tuple[int, int, int, int, bytes]:
    """Kind, options, number of corners, no floats, and the corners of a polygon without holes."""
    whole = np.rint(ring)
    corners = np.floor(ring).astype(int) - low
    body = corners[:, 1].astype(">i2").tobytes() + corners[:, 0].astype(">i2").tobytes()
    if np.array_equal(whole, ring):
        return TRACED, 0, len(ring), 0, body
    exact = ring[:, 1].astype(">f4").tobytes() + ring[:, 0].astype(">f4").tobytes()
    return FREEHAND, SUBPIXEL, len(ring), 0, body + exact


def _path(rings: list[Ring]) -> tuple[int, bytes]:
    """Number of floats and the path of several rings."""
    values: list[float] = []
    for ring in rings:
        for number, (y, x) in enumerate(ring.tolist()):
            values += [MOVE if number == 0 else LINE, x, y]
        values.append(CLOSE)
    return len(values), np.array(values, dtype=">f4").tobytes()


def read_rois(path: Path) -> list[Outline]:
    """Read the regions of a zip, or of one .roi file; those that are no areas (points, lines, text) are left out.

    Rectangles, ovals, polygons, freehand, traced and composite regions are read; an oval becomes a polygon. The
    number of an object is its name where that is a number, else its place among those read, from 1. Raises PicksError
    for what is no region of ImageJ.
    """
    outlines: list[Outline] = []
    for name, content in _contents(path):
        try:
            polygons, section = _decoded(content)
        except (struct.error, ValueError, IndexError) as error:
            raise PicksError(f"{path}: {name} cannot be read as an ImageJ region ({error})") from None
        if polygons:
            stem = name.removesuffix(".roi").split("-")[0]
            label = int(stem) if stem.isdigit() and int(stem) > 0 else len(outlines) + 1
            outlines.append(Outline(label, polygons, section))
    return outlines


def _contents(path: Path) -> list[tuple[str, bytes]]:
    try:
        if not zipfile.is_zipfile(path):
            return [(path.name, path.read_bytes())]
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".roi")]
            return [(name, archive.read(name)) for name in names]
    except (OSError, zipfile.BadZipFile) as error:
        raise PicksError(f"{path}: cannot be read as a zip of ImageJ regions ({error})") from None


def _decoded(content: bytes) -> tuple[tuple[tuple[Ring, ...], ...], int | None]:
    """Polygons of a region, none where it is no area, and its section."""
    if content[:4] != MAGIC:
        raise ValueError(f"it starts with {content[:4]!r}, where {MAGIC!r} is expected")
    (
        _,
        version,
        kind,
        top,
        left,
        bottom,
        right,
        points,
        _,
        floats,
        _,
        _,
        _,
        options,
        _,
        _,
        _,
        position,
        after,
    ) = struct.unpack(HEADER, content[:64])
    top, left, bottom, right = (
        value + 2**16 if value < -5000 else value for value in (top, left, bottom, right)
    )
    if after and len(content) >= after + 12:
        position = struct.unpack(">i", content[after + 8 : after + 12])[0] or position
    section = position - 1 if position > 0 else None
    if floats > 0:
        rings = _read_path(np.frombuffer(content, ">f4", floats, 64))
    elif kind in (POLYGON, FREEHAND, TRACED):
        rings = [_read_corners(content, points, (top, left), bool(options & SUBPIXEL) and version >= 222)]
    elif kind == RECTANGLE:
        rings = [np.array([(top, left), (top, right), (bottom, right), (bottom, left)], dtype=np.float64)]
    elif kind == 2:
        rings = [_oval(top, left, bottom, right)]
    else:
        rings = []
    return _as_polygons([ring - HALF for ring in rings if len(ring) > 2]), section


def _read_corners(content: bytes, points: int, corner: tuple[int, int], exact: bool) -> Ring:
    kind, start = (">f4", 64 + 4 * points) if exact else (">i2", 64)
    x, y = np.frombuffer(content, kind, 2 * points, start).astype(np.float64).reshape(2, -1)
    ring = np.stack([y, x], axis=1)
    return ring if exact else ring + np.array(corner)


def _read_path(values: NDArray[np.float32]) -> list[Ring]:
    """Rings of a path of moves and lines; curves are refused."""
    rings: list[list[tuple[float, float]]] = []
    place = 0
    while place < len(values):
        what = int(values[place])
        if what in (MOVE, LINE):
            x, y = float(values[place + 1]), float(values[place + 2])
            if what == MOVE:
                rings.append([])
            rings[-1].append((y, x))
        elif what != CLOSE:
            raise ValueError("a composite with curves; convert it to polygons in ImageJ")
        place += 1 if what == CLOSE else 3
    closed = [np.array(ring, dtype=np.float64) for ring in rings]
    return [ring[:-1] if len(ring) > 1 and np.array_equal(ring[0], ring[-1]) else ring for ring in closed]


def _oval(top: int, left: int, bottom: int, right: int) -> Ring:
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    y = (top + bottom) / 2 + (bottom - top) / 2 * np.sin(angles)
    x = (left + right) / 2 + (right - left) / 2 * np.cos(angles)
    return np.stack([y, x], axis=1)


def _as_polygons(rings: list[Ring]) -> tuple[tuple[Ring, ...], ...]:
    """Polygons of rings: outer borders turn one way and holes the other; a single ring is a border either way."""
    if len(rings) == 1 and signed_area(rings[0]) < 0:
        rings = [rings[0][::-1]]
    borders = [ring for ring in rings if signed_area(ring) > 0]
    holes = [ring for ring in rings if signed_area(ring) < 0]
    if not borders:  # another program's way round
        borders, holes = [ring[::-1] for ring in holes], []
    return arranged(borders, holes) if borders else ()
