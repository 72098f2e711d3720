"""Which objects and which images a person should look at: by what the net itself says of their pixels.

Nothing is compared with other images, so one image alone, and a folder of bad ones, are judged alike.
"""

from dataclasses import replace
from typing import Literal

import numpy as np

from motes.data.sampling import Pixels
from motes.picking.measure_objects import TILE
from motes.picking.object_table import Floats, ObjectTable
from motes.picking.tiling import windows_of

Look = Literal["ok", "look"]

LEAST = 0.2  # interior probability from which on a pixel outside of all objects may belong to one
DOUBTFUL = 0.2  # doubt of an image from which on a person should look at it


def with_doubts(table: ObjectTable, spreads: Floats | None = None) -> ObjectTable:
    """The table of one image with the doubt of each object, (n,) in [0, 1].

    1 - confidence where an object is as large as is usual in the image (the median diameter), and more the less it is:
    1 - confidence x the root of the ratio of the two diameters, the smaller by the larger. Pieces of objects, and
    objects that were not split, are unlike the others, and a net can be as sure of their pixels as of any. spreads:
    (n,), how much the views of an object differ, where it was seen in several; it becomes a column, and does not
    count, as it found no error that the mean over views does not find. A table without confidences stays as it is.
    """
    if table.confidences is None:
        return table
    usual = np.median(table.diameters) if len(table) else 1.0
    ratio = table.diameters / usual
    doubts = 1 - table.confidences * np.sqrt(np.minimum(ratio, 1 / ratio))
    return replace(table, spreads=spreads, doubts=np.clip(doubts, 0, 1))


def means_inside(labels: Pixels, values: Pixels, count: int, *, tile: int | None = None) -> Floats:
    """The mean of a map over the pixels of each object, (count,); nan for an object without pixels.

    labels: ([z,] y, x), 0 beside objects, else 1 to count. values: of the same shape. tile: px a side.
    """
    sums, sizes = np.zeros(count + 1), np.zeros(count + 1)
    for window in windows_of(labels.shape, tile or TILE[len(labels.shape)]):
        numbers = np.asarray(labels[window]).ravel()
        sums += np.bincount(numbers, np.asarray(values[window]).ravel(), count + 1)
        sizes += np.bincount(numbers, minlength=count + 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[1:] / sizes[1:])


def image_doubt(table: ObjectTable, labels: Pixels, interior: Pixels, *, tile: int | None = None) -> float:
    """How far the objects of an image are from what the net expects, from 0 (as it expects) to 1.

    1 less the Dice of their pixels that the net expects: right is the sum of the probabilities of these pixels, missed
    that of pixels beside objects where it is at least LEAST. Objects that were left out as too unsure count as missed.
    0 where there is neither an object nor such a pixel. labels, interior: ([z,] y, x), objects of the table and the
    map that they were found in. tile: px a side.
    """
    assert table.confidences is not None
    found = float(table.sizes.sum())
    right = float((table.sizes * table.confidences).sum())
    missed = 0.0
    for window in windows_of(labels.shape, tile or TILE[len(labels.shape)]):
        beside = np.asarray(interior[window])[np.asarray(labels[window]) == 0]
        missed += float(beside[beside >= LEAST].sum(dtype=np.float64))
    expected = right + missed + found
    return 1 - 2 * right / expected if expected else 0.0


def look(doubt: float) -> Look:
    """What is to be done with an image of such a doubt."""
    return "look" if doubt >= DOUBTFUL else "ok"
