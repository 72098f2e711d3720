"""A watershed by climbing, tile by tile: the basins of each tile, and how they are joined to objects.

Every pixel climbs to its highest neighbour until it stands on a summit; what climbs to one summit is a basin
(Cousty, Bertrand, Najman and Couprie 2009, IEEE PAMI 31, 1362). Basins are joined where the way between their
summits does not go down far (Chazal, Guibas, Oudot and Skraba 2013, J. ACM 60, 41). A step needs a pixel's
neighbours only, so tiles are joined exactly: a climb that leaves its tile goes on in the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Heights = NDArray[np.float32]


@dataclass(frozen=True)
class TileBasins:
    """The basins of one tile, and the pixels of its frame, numbered from 1 in the order of rows.

    labels: ([z,] y, x) int32 of the tile without its frame, 0 where nothing is climbed. places: (n,) of summits and
    pixels of the frame in the whole image, counted along its rows. heights: (n,) there. on_frame: (n,) true for
    pixels of the frame: a climb that reaches one goes on in another tile. pairs: (m, 2) indices from 0 of
    neighbours; ways: (m,) the height of the lowest point of the highest way across their border.
    """

    labels: NDArray[np.int32]
    places: NDArray[np.int64]
    heights: Heights
    on_frame: NDArray[np.bool_]
    pairs: Indices
    ways: Heights


def tile_basins(framed: Heights, start: Sequence[int], shape: Sequence[int]) -> TileBasins:
    """Find the basins of a tile.

    framed: heights ([z,] y, x) of the tile and a frame of 1 px, above 0 where something is climbed and 0 outside of
    the image. start: of the tile in the image of that shape. Of equal neighbours the first in the order of rows is
    climbed to, so that flat ground has no circles.
    """
    heights, inside = framed.ravel(), np.zeros(framed.shape, bool)
    inner = (slice(1, -1),) * framed.ndim
    inside[inner] = True
    pixels = np.flatnonzero(heights > 0)
    climbing = inside.ravel()[pixels]
    ends = _climbed(heights, pixels, climbing, _offsets(framed.shape))
    roots = np.flatnonzero(ends == np.arange(len(pixels)))
    order = np.zeros(len(pixels), np.int32)
    order[roots] = np.arange(len(roots), dtype=np.int32)
    numbers = np.full(framed.size, -1, np.int32)
    numbers[pixels] = order[ends]
    pairs, ways = _borders(heights, numbers, inside.ravel(), _offsets(framed.shape), len(roots))
    labels = numbers.reshape(framed.shape)[inner] + np.int32(1)
    places = _places(pixels[roots], framed.shape, start, shape)
    return TileBasins(labels, places, heights[pixels[roots]], ~climbing[roots], pairs, ways)


def _offsets(shape: Sequence[int]) -> list[int]:
    """Steps to all neighbours, diagonals included, in an array counted along its rows, in the order of rows."""
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    steps = product((-1, 0, 1), repeat=len(shape))
    return [sum(a * b for a, b in zip(step, strides, strict=True)) for step in steps if any(step)]


def _climbed(
    heights: Heights, pixels: Indices, climbing: NDArray[np.bool_], offsets: Sequence[int]
) -> Indices:
    """Where the climb from each pixel (n,) ends, as an index into pixels: a summit, or one that does not climb."""
    moving = pixels[climbing]
    highest = np.full(len(moving), -np.inf, np.float32)
    step = np.zeros(len(moving), np.int32)
    half = len(offsets) // 2
    for offset in [*offsets[:half], 0, *offsets[half:]]:
        beside = heights[moving + offset]
        better = beside > highest
        np.maximum(highest, beside, out=highest)
        step[better] = offset
    index = np.zeros(len(heights), np.int32)
    index[pixels] = np.arange(len(pixels), dtype=np.int32)
    ends = np.arange(len(pixels))
    ends[climbing] = index[moving + step]
    return _followed(ends)


def _borders(
    heights: Heights,
    numbers: NDArray[np.int32],
    inside: NDArray[np.bool_],
    offsets: Sequence[int],
    count: int,
) -> tuple[Indices, Heights]:
    """Pairs (m, 2) of basins that are neighbours, the smaller number first, and the height (m,) of the way.

    inside: false on the frame; two pixels of the frame are another tile's, or no neighbours at all.
    """
    keys, ways = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for offset in offsets[len(offsets) // 2 :]:
        here = np.flatnonzero(numbers[offset:] != numbers[:-offset])
        there = here + offset
        own, other = numbers[here], numbers[there]
        real = np.flatnonzero((own >= 0) & (other >= 0) & (inside[here] | inside[there]))
        own, other = own[real].astype(np.int64), other[real].astype(np.int64)
        keys.append(np.minimum(own, other) * count + np.maximum(own, other))
        ways.append(np.minimum(heights[here[real]], heights[there[real]]))
    key, way = _highest(np.concatenate(keys), np.concatenate(ways))
    return np.stack(np.divmod(key, max(count, 1)), axis=1), way


def _highest(keys: NDArray[np.int64], ways: Heights) -> tuple[NDArray[np.int64], Heights]:
    """Each key once, rising, with the highest of its ways."""
    if not len(keys):
        return keys, ways
    order = np.lexsort((ways, keys))
    keys, ways = keys[order], ways[order]
    last = np.append(keys[1:] != keys[:-1], True)
    return keys[last], ways[last]


def _places(
    roots: Indices, framed: Sequence[int], start: Sequence[int], shape: Sequence[int]
) -> NDArray[np.int64]:
    """Places in the image, counted along its rows, of places in a framed tile."""
    where = np.unravel_index(roots, framed)
    places = np.zeros(len(roots), np.int64)
    for axis, first, length in zip(where, start, shape, strict=True):
        places = places * length + (axis + first - 1)
    return places


def joined(tiles: Sequence[TileBasins], targets: NDArray[np.int64], depth: float) -> NDArray[np.int32]:
    """The object (n + 1,) that each basin of all tiles belongs to, numbered from 1 by place of summit; 0 of 0.

    targets: (n,) index from 0 of the basin in which each one's place lies. depth: two summits are two objects
    where the highest way between them goes down by more than this share of the lower one.
    """
    places = np.concatenate([tile.places for tile in tiles])
    heights = np.concatenate([tile.heights for tile in tiles])
    ends = _followed(targets)
    summits = np.flatnonzero(ends == np.arange(len(ends)))
    rank = np.zeros(len(ends), np.int64)
    rank[summits[np.argsort(places[summits])]] = np.arange(len(summits))
    basin = rank[ends]  # of each, in the order of places: the same whatever the tiles
    tops = np.zeros(len(summits))
    tops[rank[summits]] = heights[summits]
    pairs, ways = _all_pairs(tiles, basin, len(summits))
    owner = _merged(tops, pairs, ways, depth)
    objects = np.zeros(len(ends) + 1, np.int32)
    objects[1:] = (np.cumsum(owner == np.arange(len(owner))))[owner[basin]] if len(owner) else 0
    return objects


def _followed(targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each chain of targets ends."""
    while True:
        further = targets[targets]
        if np.array_equal(further, targets):
            return targets
        targets = further


def _all_pairs(
    tiles: Sequence[TileBasins], basin: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], Heights]:
    """Pairs of basins of the whole image, and the height of the way between them."""
    keys, ways, base = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)], 0
    for tile in tiles:
        ends = np.sort(basin[tile.pairs + base], axis=1)
        apart = ends[:, 0] != ends[:, 1]
        keys.append(ends[apart, 0] * count + ends[apart, 1])
        ways.append(tile.ways[apart])
        base += len(tile.places)
    key, way = _highest(np.concatenate(keys), np.concatenate(ways))
    return np.stack(np.divmod(key, max(count, 1)), axis=1), way


def _merged(
    tops: NDArray[np.float64], pairs: NDArray[np.int64], ways: Heights, depth: float
) -> NDArray[np.int64]:
    """The basin (n,) with the highest summit of the object that each belongs to; pairs go by falling way.

    tops: (n,) heights of the summits. Summits of joined basins only rise, so a pair whose way is too low for its own
    summits stays apart.
    """
    share = 1 - depth
    near = np.flatnonzero(ways >= share * tops[pairs].min(axis=1)) if len(pairs) else np.zeros(0, np.intp)
    order = near[np.argsort(-ways[near], kind="stable")]
    owner, heights = list(range(len(tops))), tops.tolist()

    def end(basin: int) -> int:
        while owner[basin] != basin:
            owner[basin] = owner[owner[basin]]
            basin = owner[basin]
        return basin

    for (first, second), way in zip(pairs[order].tolist(), ways[order].tolist(), strict=True):
        a, b = end(first), end(second)
        if a != b and way >= share * min(heights[a], heights[b]):
            keep, lose = (a, b) if (-heights[a], a) < (-heights[b], b) else (b, a)
            owner[lose] = keep
    return _followed(np.array(owner, dtype=np.int64))
