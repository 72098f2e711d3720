"""How well a net picks on images that it was not trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from motes.data.crops import Labelled
from motes.nets.unet import NetDescription
from motes.picking.picker import Picking, pick_map
from motes.picks import Picks
from motes.predict.maps import probability_maps
from motes.score.metrics import Curve, average_precision, precision_recall_curve, rank


@dataclass(frozen=True)
class Validator:
    """Validation images at the working scale, and how picks are found and matched in them.

    diameter: of a particle in working pixels; a pick counts within half of it.
    """

    images: Sequence[Labelled]
    net: NetDescription
    picking: Picking
    diameter: float
    precision: torch.dtype

    def picks(self, net: nn.Module) -> list[Picks]:
        """Candidates in each image, in working pixels."""
        return [
            pick_map(
                probability_maps(net, self.net, image.data, precision=self.precision)[0],
                self.diameter,
                self.picking,
            )
            for image in self.images
        ]

    def curve(self, net: nn.Module) -> Curve:
        """Precision and recall of all images together, at every threshold."""
        return self.curve_of(self.picks(net))

    def curve_of(self, found: Sequence[Picks]) -> Curve:
        """The same, of picks that are there already, one set for each image."""
        return precision_recall_curve(
            [
                rank(picks, Picks(image.points), self.diameter / 2)
                for picks, image in zip(found, self.images, strict=True)
            ]
        )


def summary(curve: Curve) -> dict[str, float | None]:
    """Average precision, and the best F1 with its threshold; None where they are not defined."""
    if not len(curve.thresholds):
        return {"average_precision": None, "best_f1": None, "best_threshold": None}
    f1 = curve.f_beta(1)
    best = int(f1.argmax())
    area = float(average_precision(curve))
    return {
        "average_precision": round(area, 5) if area == area else None,
        "best_f1": round(float(f1[best]), 5),
        "best_threshold": round(float(curve.thresholds[best]), 5),
    }
