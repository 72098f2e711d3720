"""Otsu's threshold and a watershed of the distances: the classical way to segment round objects that touch.

The image is smoothed, cut at Otsu's threshold (Otsu 1979, IEEE Transactions on Systems, Man and Cybernetics 9, 62),
holes are filled if that helps, each summit of the distance to the rim that is the highest within some pixels becomes a
marker, and a watershed grows the markers (Beucher and Lantuejoul 1979). Small objects go. What can be chosen (objects
bright, dark, or whichever covers less of an image; smoothing; how far summits are apart; filling; the smallest object)
is chosen for the best F1 of objects on images whose objects are known.

    python benchmarks/classical_objects.py --train DIR --test DIR     (folders with images/ and labels/)
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from motes.picking.measure_objects import measure_objects
from motes.score.instances import count_objects, find_overlaps, object_metrics
from object_runs import Annotated, Labels, annotated, scored, segmented, table

BINS = 256
BEST_MASKS = 4
Objects = Literal["bright", "dark", "fewer"]
EVERY_NEIGHBOUR = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Classical:
    """What is chosen. objects: which side of the threshold; fewer: the one that covers less. Lengths: px."""

    objects: Objects = "bright"
    smoothing: float = 1.0
    filled: bool = True
    apart: int = 5
    smallest: float = 0.0

    def segment(self, image: NDArray[np.float32]) -> Labels:
        """Objects (y, x) of an image, numbered from 1."""
        return without_small(self.split(self.mask(image)), self.smallest)

    def mask(self, image: NDArray[np.float32]) -> NDArray[np.bool_]:
        smooth = ndimage.gaussian_filter(image, self.smoothing) if self.smoothing else image
        bright = smooth > otsu(smooth)
        dark = self.objects == "dark" or (self.objects == "fewer" and bright.mean() > 0.5)
        mask = ~bright if dark else bright
        return ndimage.binary_fill_holes(mask) if self.filled else mask

    def split(self, mask: NDArray[np.bool_]) -> Labels:
        depth = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
        highest = ndimage.maximum_filter(depth, 2 * self.apart + 1)
        markers, _ = ndimage.label(mask & (depth == highest), EVERY_NEIGHBOUR)
        return watershed(depth, markers, mask)


def watershed(depth: NDArray[np.float64], markers: NDArray[np.int32], mask: NDArray[np.bool_]) -> Labels:
    """Grow markers (y, x) over a mask, the deepest pixels first; a part of the mask without one is an object too.

    The forest of least weight of the pixels, with the markers as roots, is what flooding gives (Cousty, Bertrand,
    Najman and Couprie 2009, IEEE PAMI 31, 1362). Of equally deep ways that from deeper ground goes first.
    """
    pixels, roots = np.count_nonzero(mask), int(markers.max())
    if not pixels:
        return np.zeros(mask.shape, np.int32)
    index = np.zeros(mask.shape, np.int64)
    index[mask] = np.arange(pixels)
    top = depth.max() + 1
    starts, ends, weights = [], [], []
    for y, x in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, len(mask) - y), slice(max(-x, 0), mask.shape[1] - max(x, 0)))
        there = (slice(y, None), slice(max(x, 0), mask.shape[1] + min(x, 0)))
        both = mask[here] & mask[there]
        starts.append(index[here][both])
        ends.append(index[there][both])
        one, other = depth[here][both], depth[there][both]
        weights.append(top - np.minimum(one, other) - 1e-4 * np.maximum(one, other))
    marked = markers > 0
    starts += [index[marked], pixels + np.arange(roots)]
    ends += [pixels + markers[marked] - 1, np.full(roots, pixels + roots)]
    weights += [
        np.full(np.count_nonzero(marked), 1e-3),
        np.full(roots, 1e-4),
    ]  # a marker and its pixels come first
    places = (np.concatenate(starts), np.concatenate(ends))
    graph = coo_matrix((np.concatenate(weights), places), shape=(pixels + roots + 1,) * 2)
    forest = minimum_spanning_tree(graph)[:-1, :-1]  # without what holds the markers together
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = connected_components(forest, directed=False)[1][:pixels] + 1
    return labels


def otsu(values: NDArray[np.float32]) -> float:
    """The threshold between two classes of grey values that differ most from each other."""
    counts, edges = np.histogram(values, BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), np.cumsum(counts[::-1])[::-1]
    mean_below = np.cumsum(counts * middles) / np.maximum(below, 1)
    mean_above = np.cumsum((counts * middles)[::-1])[::-1] / np.maximum(above, 1)
    between = below[:-1] * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(edges[1 + int(np.argmax(between))])


def without_small(labels: Labels, smallest: float) -> Labels:
    """Without objects whose disc of the same area is smaller than that, px."""
    sizes = np.bincount(labels.ravel())
    kept = 2 * np.sqrt(sizes / np.pi) >= smallest
    kept[0] = False
    return np.where(kept[labels], labels, 0).astype(np.int32)


def fitted(images: Sequence[Annotated]) -> Classical:
    """The settings with the highest F1 of objects at IoU 0.5, all images together.

    Only the few masks with the highest Jaccard are split.
    """
    pixels, truths = [each.pixels() for each in images], [each.truth() for each in images]
    usual = float(np.median(np.concatenate([measure_objects(truth).diameters for truth in truths])))
    sides: tuple[Objects, ...] = ("bright", "dark", "fewer")
    masks = [Classical(*each) for each in product(sides, (0.0, 1.0, 2.0), (True, False))]
    masks.sort(key=lambda settings: -pooled_jaccard([settings.mask(image) for image in pixels], truths))
    best, best_f1 = masks[0], -1.0
    for settings, apart in product(masks[:BEST_MASKS], (0.15, 0.3, 0.45)):
        settings = replace(settings, apart=max(1, round(apart * usual)))
        found = [settings.split(settings.mask(image)) for image in pixels]
        for share in (0, 0.2, 0.4, 0.6):
            f1 = pooled_f1([without_small(labels, share * usual) for labels in found], truths)
            if f1 > best_f1:
                best, best_f1 = replace(settings, smallest=share * usual), f1
    return best


def pooled_jaccard(masks: Sequence[NDArray[np.bool_]], truths: Sequence[Labels]) -> float:
    both = sum(np.count_nonzero(mask & (truth > 0)) for mask, truth in zip(masks, truths, strict=True))
    either = sum(np.count_nonzero(mask | (truth > 0)) for mask, truth in zip(masks, truths, strict=True))
    return both / max(either, 1)


def pooled_f1(found: Sequence[Labels], truths: Sequence[Labels]) -> float:
    pairs = zip(found, truths, strict=True)
    counts = sum(count_objects(find_overlaps(labels, truth), [0.5]) for labels, truth in pairs)
    return float(np.nan_to_num(object_metrics(counts[0])["f1"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, required=True, help="a folder with images/ and labels/")
    parser.add_argument("--test", type=Path, required=True, help="another one")
    options = parser.parse_args()
    settings = fitted(annotated(options.train))
    test = annotated(options.test)
    print(settings)
    print(table({"Otsu + watershed": scored(segmented(test, settings.segment), test)}, {}))


if __name__ == "__main__":
    main()
