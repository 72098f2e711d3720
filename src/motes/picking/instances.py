"""From maps to objects: a watershed that splits what touches, of whole images or by tiles, with the same result."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy import ndimage

from motes.data.object_targets import Separator
from motes.data.sampling import Pixels
from motes.errors import ImageError, RecipeError
from motes.fairness import may_change
from motes.picking.basins import TileBasins, joined, tile_basins
from motes.picking.measure_objects import measure_objects
from motes.picking.object_table import ObjectTable
from motes.picking.tiling import Window, grown, windows_of

Tell = Callable[[int, int], None]

TILE = {2: 1024, 3: 128}  # px a side of a tile's inner part
LINES = 64  # that are worked on at once, so that they stay in the processor's cache
TRUNCATE = 3.0  # sigmas at which smoothing ends


class Splitting(BaseModel):
    """How objects are found in a map of their interior, and told from their neighbours."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra=may_change("weights", "threshold", "stopping")
    )

    threshold: float = Field(
        0.5, gt=0, lt=1, description="lowest interior probability of a pixel that belongs to an object"
    )
    separator: Separator = Field(
        "none",
        description="what tells neighbours apart: none, the shape alone (how deep a pixel lies inside); boundary, a "
        "map of the probability that a pixel lies between; distance, a map of the distance to the rim",
    )
    depth: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="how far the way from one summit to another goes down where there are two objects, as a share of "
        "the lower summit; less splits more",
    )
    fit: bool = Field(
        True,
        description="whether depth is chosen anew after training, by the objects of the validation images, and of "
        "training images beside them where they are few",
    )
    smoothing: float = Field(1.0, ge=0, description="of what is climbed: sigma of a Gaussian, px")
    reach: int = Field(
        32,
        ge=1,
        description="with none: depth inside that is told apart, px; half of the widest object is enough",
    )
    boundary_weight: float = Field(
        1.0,
        ge=0,
        le=1,
        description="with boundary: share of the interior probability that a sure boundary takes away",
    )

    @property
    def halo(self) -> int:
        """Px around a tile that its result depends on."""
        inside = self.reach if self.separator == "none" else 0
        return 1 + inside + int(TRUNCATE * self.smoothing + 0.5)


class Keeping(BaseModel):
    """Which objects stay."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra=may_change("threshold", "stopping")
    )

    smallest: float = Field(0, ge=0, description="diameter of the disc or ball of the same size, px")
    largest: float | None = Field(None, gt=0, description="the same; null for no limit")
    circularity: float = Field(0, ge=0, le=1, description="least; 1 is a disc or ball")
    confidence: float = Field(0, ge=0, le=1, description="least mean of the interior probability")
    edge: bool = Field(True, description="whether objects that reach the edge of the image stay")

    def stays(self, table: ObjectTable) -> NDArray[np.bool_]:
        """Which objects (n,) of a table stay."""
        diameters = table.diameters
        stays = (diameters >= self.smallest) & (table.circularities >= self.circularity)
        if self.largest is not None:
            stays &= diameters <= self.largest
        if table.confidences is not None:
            stays &= table.confidences >= self.confidence
        return stays if self.edge else stays & ~table.at_edge


@dataclass(frozen=True)
class Instances:
    """Objects of an image: labels ([z,] y, x) int32, 0 beside them, and their table; row k has label k + 1."""

    labels: NDArray[np.int32]
    table: ObjectTable


def segment(
    interior: Pixels,
    splitting: Splitting,
    keeping: Keeping,
    separator: Pixels | None = None,
    image: Pixels | None = None,
    *,
    out: NDArray[np.int32] | None = None,
    tile: int | None = None,
    threads: int = 1,
    tell: Tell = lambda _done, _all: None,
) -> Instances:
    """Find, measure and select the objects of a map; see find_instances and measure_objects.

    The confidence of an object is the mean of its interior probability. image: of the same shape, for intensities.
    """
    labels = find_instances(interior, splitting, separator, out=out, tile=tile, threads=threads, tell=tell)
    table = measure_objects(labels, image, interior, tile=tile, threads=threads)
    stays = keeping.stays(table)
    if not stays.all():
        numbers = np.zeros(len(table) + 1, np.int32)
        numbers[1:][stays] = np.arange(1, np.count_nonzero(stays) + 1)
        for window in windows_of(labels.shape, tile or TILE[labels.ndim]):
            labels[window] = numbers[labels[window]]
        table = measure_objects(
            labels, image, interior, tile=tile, threads=threads
        )  # what they touched may be gone
    return Instances(labels, table)


def find_instances(
    interior: Pixels,
    splitting: Splitting,
    separator: Pixels | None = None,
    *,
    out: NDArray[np.int32] | None = None,
    tile: int | None = None,
    threads: int = 1,
    tell: Tell = lambda _done, _all: None,
) -> NDArray[np.int32]:
    """Number the objects of a map: ([z,] y, x) int32, 0 beside them, else from 1 by rising place of their summit.

    interior: ([z,] y, x) probability, or anything that is sliced like that (a memory map, a store). separator: a
    map of the same shape as splitting.separator says, None with none; boundary is a probability, distance is 0
    at the rim and rises inwards, in any unit. out: where the result goes, such as a memory map. tile: px a side;
    the result is the same for every one. threads: tiles that are worked on at once; memory is the result, and
    about 60 bytes a pixel of these tiles. tell: is given tiles done and all. Raises ImageError where the maps differ in
    shape, RecipeError where separator and splitting do not go together.
    """
    _check(interior, splitting, separator)
    shape = tuple(interior.shape)
    labels = np.zeros(shape, np.int32) if out is None else out
    side = tile or TILE[len(shape)]
    windows = list(windows_of(shape, side))

    def found_in(window: Window) -> TileBasins:
        start = [part.start for part in window]
        basins = tile_basins(_framed(interior, separator, window, splitting), start, shape)
        labels[window] = basins.labels
        return replace(basins, labels=np.zeros(0, np.int32))

    def numbered(window: Window, own: NDArray[np.int32]) -> None:
        if len(own) > 1:
            labels[window] = own[labels[window]]

    with ThreadPoolExecutor(threads) as pool:
        found: list[TileBasins] = []
        for basins in pool.map(found_in, windows):
            found.append(basins)
            tell(len(found), 2 * len(windows))
        numbers = joined(found, _targets(found, labels, side), splitting.depth)
        for done, _ in enumerate(pool.map(numbered, windows, _by_tile(numbers, found)), start=1):
            tell(len(windows) + done, 2 * len(windows))
    return labels


def _targets(tiles: Sequence[TileBasins], labels: NDArray[np.int32], side: int) -> NDArray[np.int64]:
    """The basin, from 0, in which each basin's summit, or the pixel of a frame, lies.

    labels: of each tile, side px wide, by numbers of its own.
    """
    first = np.cumsum([0, *(len(tile.places) for tile in tiles)])
    grid = [-(-length // side) for length in labels.shape]
    targets = np.arange(first[-1], dtype=np.int64)
    elsewhere = np.flatnonzero(np.concatenate([tile.on_frame for tile in tiles]))
    where = np.unravel_index(np.concatenate([tile.places for tile in tiles])[elsewhere], labels.shape)
    other = np.ravel_multi_index([axis // side for axis in where], grid)
    targets[elsewhere] = first[other] + labels[where] - 1
    return targets


def _by_tile(numbers: NDArray[np.int32], tiles: Sequence[TileBasins]) -> Iterator[NDArray[np.int32]]:
    """The object of each basin of a tile, 0 before the first, tile by tile."""
    first = 1
    for tile in tiles:
        last = first + len(tile.places)
        yield np.append(np.int32(0), numbers[first:last])
        first = last


def _framed(
    interior: Pixels, separator: Pixels | None, window: Window, splitting: Splitting
) -> NDArray[np.float32]:
    """What is climbed in a window and a frame of 1 px, 0 outside of the image."""
    shape = tuple(interior.shape)
    outer, _ = grown(window, shape, splitting.halo)
    height = _height(interior[outer], None if separator is None else separator[outer], splitting)
    near, _ = grown(window, shape, 1)
    kept = height[tuple(slice(n.start - o.start, n.stop - o.start) for n, o in zip(near, outer, strict=True))]
    missing = [
        (1 - (side.start - n.start), 1 - (n.stop - side.stop)) for side, n in zip(window, near, strict=True)
    ]
    return np.pad(kept, missing)


def _check(interior: Pixels, splitting: Splitting, separator: Pixels | None) -> None:
    if (separator is None) != (splitting.separator == "none"):
        found = "no map of it is given" if separator is None else "a map of what separates is given"
        raise RecipeError(
            f"separator is {splitting.separator!r}, but {found}; the model's outputs and the recipe must agree"
        )
    if separator is not None and tuple(separator.shape) != tuple(interior.shape):
        raise ImageError(
            f"the map of the interior is {tuple(interior.shape)} px and that of what separates "
            f"{tuple(separator.shape)} px; both must be of one size"
        )


def _height(
    interior: NDArray[Any], separator: NDArray[Any] | None, splitting: Splitting
) -> NDArray[np.float32]:
    """What is climbed ([z,] y, x): above 0 on objects, 0 beside them."""
    values = np.asarray(interior)
    if values.dtype == np.float16:
        values = values.astype(np.float32)  # comparing takes longer than that
    inside = values >= splitting.threshold
    if not inside.any():
        return np.zeros(inside.shape, np.float32)
    if separator is None:
        height = depth_inside(inside, splitting.reach)
    elif splitting.separator == "boundary":
        between = np.clip(np.asarray(separator, np.float32), 0, 1)
        height = np.asarray(values, np.float32) * (1 - np.float32(splitting.boundary_weight) * between)
    else:
        height = np.maximum(np.asarray(separator, np.float32), 0)
    if splitting.smoothing:
        height = ndimage.gaussian_filter(height, splitting.smoothing, mode="nearest", truncate=TRUNCATE)
    tiny = np.finfo(np.float32).tiny  # an object stays one where its height is 0
    np.maximum(height, tiny, out=height)
    np.copyto(height, 0, where=~inside)
    return np.asarray(height, dtype=np.float32)


def depth_inside(inside: NDArray[np.bool_], reach: int) -> NDArray[np.float32]:
    """Distance (px) of each pixel of a mask to the nearest pixel outside of it, at most reach; 0 outside.

    inside: ([z,] y, x). Exact: the squared distance is the least over each axis in turn of what the axes before
    gave plus the squared way (Felzenszwalb and Huttenlocher 2012, Theory of Computing 8, 415), up to the reach.
    """
    kind = np.uint16 if 2 * reach**2 < 2**16 else np.uint32
    squared = _along_first(inside, kind(reach)) ** 2
    for axis in range(1, inside.ndim):
        lines = np.moveaxis(squared, axis, 0)
        flat = lines.reshape(len(lines), -1)
        for start in range(0, flat.shape[1], LINES):
            part = slice(start, start + LINES)
            flat[:, part] = _nearest(np.ascontiguousarray(flat[:, part]))
        squared = np.moveaxis(flat.reshape(lines.shape), 0, axis)
    return np.asarray(np.sqrt(squared, dtype=np.float32))


def _along_first(inside: NDArray[np.bool_], reach: Any) -> NDArray[Any]:
    """Distance of each pixel of a mask to the nearest one outside along the first axis, at most reach.

    Each round looks twice as far, and what it finds there has looked around itself before.
    """
    distance: NDArray[Any] = np.where(inside, reach, type(reach)(0))
    way = 1
    while way < min(reach, len(distance)):
        further = distance + type(reach)(way)
        np.minimum(distance[way:], further[:-way], out=distance[way:])
        np.minimum(distance[:-way], further[way:], out=distance[:-way])
        way *= 2
    return distance


def _nearest(squared: NDArray[Any]) -> NDArray[Any]:
    """The least of squared distance + way^2 over all ways along the first axis."""
    least = squared.copy()
    for way in range(1, len(squared)):
        if least.max(initial=0) <= way**2:
            break
        through = squared + squared.dtype.type(way**2)
        np.minimum(least[way:], through[:-way], out=least[way:])
        np.minimum(least[:-way], through[way:], out=least[:-way])
    return least
