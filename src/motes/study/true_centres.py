"""Where particles are in test images whose truth is masks: the centres of regions, or of numbered objects."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from motes.data.sampling import Labelled
from motes.jobs.parts import Prepared
from motes.picking.objects import find_components
from motes.picks import Picks
from motes.study.object_scores import centres_of, true_objects


def with_centres(
    images: Sequence[Prepared],
    classes: int,
    sizes: tuple[float, ...] | None = None,
    *,
    numbered: bool = False,
) -> list[Prepared]:
    """Images whose truth is masks, with a centre for each connected region of a class; others as they are.

    numbered: the masks number objects, and each of these has its centre. sizes: the diameter of each
    class, px; without them the median of the regions'. They are those of images that thresholds are fitted on, since
    what is true of test images must not say how these are picked.
    """
    if not images or images[0].labelled.labels is None:
        return list(images)
    if numbered:
        found = [centres_of(true_objects(image.labelled)) for image in images]
    else:
        found = [regions(image.labelled, classes) for image in images]
    if sizes is None:
        numbers, diameters = (np.concatenate(column) for column in zip(*map(_sizes, found), strict=True))
        each = [diameters[numbers == number] for number in range(classes)]
        sizes = tuple(float(np.median(known)) if len(known) else 1.0 for known in each)
    return [
        replace(image, labelled=_with_points(image.labelled, picks), working=sizes, particles=len(picks))
        for image, picks in zip(images, found, strict=True)
    ]


def _sizes(picks: Picks) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The class number and the diameter of each region."""
    assert picks.diameters is not None
    classes = np.zeros(len(picks), np.int64) if picks.classes is None else picks.classes.astype(np.int64)
    return classes, picks.diameters


def regions(image: Labelled, classes: int) -> Picks:
    """The connected regions of a mask as picks; their class is its number as a word."""
    assert image.labels is not None
    mask = np.asarray(image.labels[(slice(None),) * len(image.labels.shape)])
    each = [find_components((mask == number + 1).astype(np.float32), 0.5, 1) for number in range(classes)]
    return Picks(
        np.concatenate([picks.points for picks in each]),
        classes=np.repeat([str(number) for number in range(classes)], [len(picks) for picks in each]),
        diameters=np.concatenate([picks.diameters for picks in each]),
    )


def _with_points(image: Labelled, picks: Picks) -> Labelled:
    return replace(image, points=picks.points, classes=_sizes(picks)[0])
