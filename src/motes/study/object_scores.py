"""Scores of outlined objects on test images: matched by their overlap with the true ones, from an IoU of 0.5 on."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.sampling import Labelled
from motes.nets.folded import folded
from motes.nets.model_file import Model
from motes.picking.measure_objects import measure_objects
from motes.picking.outlining import Outlining
from motes.picks import Picks
from motes.predict.ensemble import trained_crop
from motes.predict.maps import probability_maps
from motes.score.instances import rank_labels
from motes.score.metrics import Ranked, f_beta

Labels = NDArray[np.int32]
Scores = dict[str, float | None]


@dataclass(frozen=True)
class FoundObjects:
    """The objects in one image: as picks, whose score is the confidence, and ranked against the true ones."""

    picks: Picks
    ranked: Ranked


def every_map(model: Model, image: NDArray[np.float32], precision: torch.dtype) -> NDArray[np.float32]:
    """All maps of a net that outlines, (maps, [z,] y, x), the interior's first; image: ([z,] y, x) as it sees it."""
    described = model.description
    net, trained = folded(model.net, precision), trained_crop(described)
    return probability_maps(net, described.net, image, precision=precision, trained=trained)


def true_objects(image: Labelled) -> Labels:
    """The number of the object at each pixel ([z,] y, x), 0 beside them, -1 where that is not known."""
    assert image.labels is not None
    return np.asarray(image.labels[(slice(None),) * len(image.labels.shape)], dtype=np.int32)


def centres_of(labels: Labels) -> Picks:
    """The centres and diameters (px) of numbered objects."""
    found = measure_objects(labels)
    return Picks(found.points, classes=np.repeat("0", len(found)), diameters=found.diameters)


def find_objects(maps: NDArray[np.float32], truth: Labels, outlining: Outlining) -> FoundObjects:
    """Outline the objects in maps (maps, [z,] y, x), the interior's first, and rank them by confidence.

    truth: ([z,] y, x), see true_objects. Where the truth is not known, objects count neither way.
    """
    found = outlining.objects(maps)
    assert found.table.confidences is not None
    picks = replace(found.table.to_picks(), extra={})
    return FoundObjects(picks, rank_labels(found.labels, found.table.confidences, truth))


def object_scores(found: FoundObjects, threshold: float) -> Scores:
    """F1 of the objects of at least that confidence, and by which share their number is wrong.

    Both are None in an image without objects: there F1 is defined only where something is found, which is wrong.
    """
    kept, truth = found.ranked.scores >= threshold, found.ranked.truth
    if not truth:
        return {"object_f1": None, "object_count_error": None}
    right, wrong = int((kept & found.ranked.hits).sum()), int((kept & found.ranked.misses).sum())
    return {
        "object_f1": float(f_beta(right, wrong, truth - right)),
        "object_count_error": abs(right + wrong - truth) / truth,
    }
