"""Hard negatives: where a net sees particles in its training images although there are none.

Shrivastava et al. 2016 (arXiv:1604.03540) show such places again; here whole images are looked at after an
epoch, and crops of the next one are centred on the worst of what was found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from motes.picking.peaks import find_peaks
from motes.train.validate import Validator

Place = tuple[int, NDArray[np.float64]]

WORST = 0.1  # share of the false peaks that are shown again, those of the highest probability
FEWEST = 20  # of them, where there are so many
LOOKED_AT = 16  # training images, drawn anew each epoch: looking at thousands would cost more than it brings
LEAST = 0.1  # probability of a peak
APART = 8.0  # px between two peaks, where no diameter is known


@dataclass(frozen=True)
class Mine:
    """looker: predicts the training images as validation images are. seed: of the run."""

    looker: Validator
    seed: int

    def places(self, net: nn.Module, epoch: int) -> list[Place]:
        """The hardest places, as the number of the image and a point (ndim,) in working pixels."""
        rng = np.random.default_rng([self.seed, epoch, 0x4A8D])
        count = len(self.looker.images)
        chosen = rng.permutation(count)[:LOOKED_AT]
        found = [(int(n), *peak) for n in chosen for peak in self._false_peaks(net, int(n))]
        found.sort(key=lambda each: -each[2])
        kept = max(FEWEST, round(WORST * len(found)))
        return [(number, point) for number, point, _ in found[:kept]]

    def _false_peaks(self, net: nn.Module, number: int) -> Sequence[tuple[NDArray[np.float64], float]]:
        """Peaks of all particle maps together where the truth is background, with their probabilities."""
        image = self.looker.images[number]
        pixels = np.asarray(image.data[(slice(None),) * image.data.ndim], dtype=np.float32)
        particle = self.looker.maps(net, pixels).max(axis=0)
        truth = self.looker.true_classes(image)
        diameters = self.looker.diameters
        peaks = find_peaks(particle, min(diameters) / 2 if diameters else APART, LEAST)
        nearest = np.rint(peaks.points).astype(int)
        wrong = truth[tuple(nearest.T)] == 0
        if diameters and len(image.points):  # a particle's rim is no error worth a crop
            apart = np.linalg.norm(peaks.points[:, None] - image.points[None], axis=2).min(axis=1)
            wrong &= apart > max(diameters) / 2
        scores = np.zeros(len(peaks)) if peaks.scores is None else peaks.scores
        return [(peaks.points[i], float(scores[i])) for i in np.flatnonzero(wrong)]
