"""Outlines of objects as polygons along the borders of pixels.

A vertex is a corner of pixels in the convention of picks: an integer is the centre of a pixel, so corners lie at
halves, and the corner before the first pixel at -0.5. Files count corners from 0; the modules of their formats
(geojson, imagej_roi) convert.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.float64]
TILE = 1024  # px a side of the windows in which the objects of a large image are traced

# Sides of a pixel in the order in which they are walked, so that the object lies to the right on the screen.
_TOP, _RIGHT, _BOTTOM, _LEFT = range(4)
_ACROSS = np.array([(-1, 0), (0, 1), (1, 0), (0, -1)])  # the pixel beyond a side
_AHEAD = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)])  # the way a side is walked
_START = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])  # the corner that a side starts from


@dataclass(frozen=True)
class Outline:
    """The border of one object.

    label: its number. polygons: one for each part of it, a tuple of rings; the first ring is the outer border, the
    others are holes. A ring is (m, 2) y, x px without its first vertex again; outer borders turn so that
    x_i y_(i+1) - x_(i+1) y_i adds up to more than 0 (clockwise on a screen), holes the other way. section: of a
    volume (z), None in an image.
    """

    label: int
    polygons: tuple[tuple[Ring, ...], ...]
    section: int | None = None


def trace_outlines(
    labels: NDArray[np.integer], boxes: NDArray[np.integer] | None = None, *, tile: int = TILE
) -> Iterator[list[Outline]]:
    """Trace every object of a label image; lists of some objects each, by window and rising label.

    labels: (y, x) or (z, y, x), 0 and below are no object; in a volume there is one outline for each section of an
    object. boxes: (n, 2, 2) of the objects of an image, first pixel and one past the last of y and x, in the order
    of their labels, which then must be 1 to n: with them a large image is traced in windows, and memory goes with
    the window and the largest object; without them it is traced at once. Pixels that meet at a corner only
    belong to different polygons, so that no ring crosses or touches itself.
    """
    if labels.ndim == 3:
        for number, section in enumerate(labels):
            yield [Outline(o.label, o.polygons, number) for o in _traced(section, (0, 0))]
    elif boxes is None:
        yield _traced(labels, (0, 0))
    else:
        yield from _traced_by_windows(labels, boxes, tile)


def _traced_by_windows(
    labels: NDArray[np.integer], boxes: NDArray[np.integer], tile: int
) -> Iterator[list[Outline]]:
    """Each object in the window that its box starts in, which is as large as those objects need."""
    window = (boxes[:, 0, 0] // tile) * (labels.shape[1] // tile + 1) + boxes[:, 1, 0] // tile
    order = np.argsort(window, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(window[order])) + 1):
        if len(group):
            (top, bottom), (left, right) = (
                (boxes[group, axis, 0].min(), boxes[group, axis, 1].max()) for axis in (0, 1)
            )
            wanted = np.zeros(len(boxes) + 1, bool)
            wanted[group + 1] = True
            part = np.maximum(labels[top:bottom, left:right], 0)
            yield _traced(np.where(wanted[part], part, 0), (int(top), int(left)))


def _traced(labels: NDArray[np.integer], corner: tuple[int, int]) -> list[Outline]:
    """The outlines of all objects of a window whose first pixel is at corner (y, x)."""
    framed = np.pad(np.maximum(labels, 0).astype(np.int64), 1)
    pixels, sides = _sides(framed)
    if not len(pixels):
        return []
    ring, order = _rings(_next(framed, pixels, sides))
    pixels, sides, ring = pixels[order], sides[order], ring[order]
    turns = np.ones(len(sides), bool)
    turns[1:] = (sides[1:] != sides[:-1]) | (ring[1:] != ring[:-1])
    starts = np.flatnonzero(np.append(True, ring[1:] != ring[:-1]))
    last = np.append(starts[1:], len(sides)) - 1
    turns[starts] = sides[starts] != sides[last]
    places = np.stack(np.unravel_index(pixels, framed.shape), axis=1) + _START[sides]
    vertices = places + np.array(corner) - 1 - 0.5
    owners = framed.ravel()[pixels]
    kept = np.flatnonzero(turns)
    bounds = np.searchsorted(kept, np.append(starts, len(sides)))
    areas = np.add.reduceat(
        places[:, 1] * _AHEAD[sides, 0], starts
    )  # each step along y times where it is in x
    meets = np.add.reduceat(_meets_itself(framed, pixels, sides), starts) > 0
    return _gathered(owners[starts], np.split(vertices[kept], bounds[1:-1]), areas > 0, meets)


def _sides(framed: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sides (n,) of pixels where another label begins: the pixel, counted along rows, and which side."""
    flat = framed.ravel()
    inside = np.flatnonzero(flat)
    pixels, sides = [], []
    for side, (y, x) in enumerate(_ACROSS.tolist()):
        found = inside[flat[inside + y * framed.shape[1] + x] != flat[inside]]
        pixels.append(found)
        sides.append(np.full(len(found), side))
    return np.concatenate(pixels), np.concatenate(sides)


def _next(framed: NDArray[np.int64], pixels: NDArray[np.intp], sides: NDArray[np.intp]) -> NDArray[np.intp]:
    """The side (n,) that is walked after each one.

    At its end the walk turns right around the same pixel where the next pixel is another object's, goes straight
    on where the one diagonally ahead is, and else turns left along that one.
    """
    flat, width = framed.ravel(), framed.shape[1]
    strides = np.array([width, 1])
    ahead, across = (_AHEAD @ strides)[sides], (_ACROSS @ strides)[sides]
    own = flat[pixels]
    right = flat[pixels + ahead] != own
    straight = ~right & (flat[pixels + ahead + across] != own)
    then = np.where(right, pixels, np.where(straight, pixels + ahead, pixels + ahead + across))
    side = np.where(right, sides + 1, np.where(straight, sides, sides + 3)) % 4
    number = np.zeros(4 * framed.size, np.int32)
    number[4 * pixels + sides] = np.arange(len(pixels), dtype=np.int32)
    return np.asarray(number[4 * then + side], dtype=np.intp)


def _meets_itself(
    framed: NDArray[np.int64], pixels: NDArray[np.intp], sides: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Whether at the end of a side (n,) two pixels of one object meet at a corner only."""
    flat, strides = framed.ravel(), np.array([framed.shape[1], 1])
    ahead, across = (_AHEAD @ strides)[sides], (_ACROSS @ strides)[sides]
    own = flat[pixels]
    return np.asarray((flat[pixels + ahead] != own) & (flat[pixels + ahead + across] == own))


def _simple(ring: Ring) -> list[Ring]:
    """A ring that comes back to some of its vertices, as rings that do not."""
    loops: list[Ring] = []
    path: list[tuple[float, float]] = []
    at: dict[tuple[float, float], int] = {}
    for y, x in ring.tolist():
        if (y, x) in at:
            first = at[y, x]
            loops.append(np.array(path[first:]))
            for passed in path[first:]:
                del at[passed]
            del path[first:]
        at[y, x] = len(path)
        path.append((y, x))
    return [*loops, np.array(path)]


def _rings(following: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The ring (n,) of each side, named by its first one, and the order that walks one ring after the other.

    Found for all rings at once by looking twice as far ahead each time.
    """
    first, ahead = np.arange(len(following)), following
    while True:
        lower = np.minimum(first, first[ahead])
        if np.array_equal(lower, first):
            break
        first, ahead = lower, ahead[ahead]
    ends = following == first
    ahead = np.where(ends, np.arange(len(following)), following)
    left = np.where(ends, 0, 1)
    while True:
        more = left + left[ahead]
        if np.array_equal(more, left):
            break
        left, ahead = more, ahead[ahead]
    return first, np.lexsort((-left, first))


def _gathered(
    owners: NDArray[np.int64], rings: Sequence[Ring], outer: NDArray[np.bool_], meets: NDArray[np.bool_]
) -> list[Outline]:
    """Rings, outer borders or not, by the object that they belong to; those that meet themselves are taken apart."""
    if meets.any():
        apart = [_simple(ring) if twice else [ring] for ring, twice in zip(rings, meets, strict=True)]
        owners = np.repeat(owners, [len(each) for each in apart])
        rings = [ring for each in apart for ring in each]
        outer = np.array([signed_area(ring) > 0 for ring in rings])
    order = np.lexsort((~outer, owners))
    found = []
    for group in np.split(order, np.flatnonzero(np.diff(owners[order])) + 1):
        borders = [rings[k] for k in group if outer[k]]
        holes = [rings[k] for k in group if not outer[k]]
        found.append(Outline(int(owners[group[0]]), arranged(borders, holes)))
    return found


def arranged(borders: Sequence[Ring], holes: Sequence[Ring]) -> tuple[tuple[Ring, ...], ...]:
    """Polygons of outer borders and holes: a hole belongs to the smallest border around it."""
    polygons = [[border] for border in borders]
    by_size = sorted(range(len(borders)), key=lambda k: signed_area(borders[k]))
    for hole in holes:
        around = [k for k in by_size if len(borders) == 1 or _holds(borders[k], _within(hole))]
        polygons[around[0] if around else by_size[-1]].append(hole)
    return tuple(tuple(rings) for rings in polygons)


def _within(ring: Ring) -> NDArray[np.float64]:
    """A point (y, x) just inside of a ring: beside the middle of its first edge."""
    a, b = ring[0], ring[1]
    along = (b - a) / np.linalg.norm(b - a)
    inwards = np.array([along[1], -along[0]]) * np.sign(signed_area(ring))
    return np.asarray((a + b) / 2 + 1e-3 * inwards)


def _holds(ring: Ring, point: NDArray[np.float64]) -> bool:
    """Whether a point (y, x) lies in a ring, by how often a line to the left crosses it."""
    (y0, x0), (y1, x1) = ring.T, np.roll(ring, -1, axis=0).T
    crossed = (y0 > point[0]) != (y1 > point[0])
    at = x0[crossed] + (point[0] - y0[crossed]) / (y1 - y0)[crossed] * (x1 - x0)[crossed]
    return bool(np.count_nonzero(at < point[1]) % 2)


def signed_area(ring: Ring) -> float:
    """Area (px^2) of a ring (m, 2) y, x; above 0 for outer borders, below 0 for holes."""
    y, x = ring.T - ring[0][:, None]
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2


def paint_outlines(outlines: Sequence[Outline], shape: Sequence[int]) -> NDArray[np.int32]:
    """Paint objects into a label image ([z,] y, x): pixels whose centre lies in an outline take its label.

    In an image sections do not count. Outlines may come from other programs and have slanted edges; later ones lie
    upon earlier ones, and what reaches out of the image is cut off.
    """
    labels = np.zeros(tuple(shape), np.int32)
    for outline in outlines:
        canvas = labels if outline.section is None or labels.ndim == 2 else labels[outline.section]
        for polygon in outline.polygons:
            _fill(canvas, polygon, outline.label)
    return labels


def _fill(canvas: NDArray[np.int32], polygon: Sequence[Ring], label: int) -> None:
    """Fill a polygon with holes by the even-odd rule, row by row of its box."""
    every = np.concatenate(polygon)
    low = np.maximum(np.ceil(every.min(axis=0)), 0).astype(int)
    high = np.minimum(np.floor(every.max(axis=0)) + 1, canvas.shape).astype(int)
    if (high <= low).any():
        return
    rows, width = np.arange(low[0], high[0]), int(high[1] - low[1])
    flips = np.zeros((len(rows), width + 1), np.int32)
    for ring in polygon:
        (y0, x0), (y1, x1) = ring.T, np.roll(ring, -1, axis=0).T
        row, edge = np.nonzero((y0 > rows[:, None]) != (y1 > rows[:, None]))
        at = x0[edge] + (rows[row] - y0[edge]) / (y1 - y0)[edge] * (x1 - x0)[edge]
        np.add.at(flips, (row, np.clip(np.ceil(at) - low[1], 0, width).astype(int)), 1)
    inside = np.cumsum(flips[:, :-1], axis=1) % 2 == 1
    canvas[low[0] : high[0], low[1] : high[1]][inside] = label
