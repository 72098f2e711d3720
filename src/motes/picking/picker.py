"""From a probability map to picks, as a recipe describes it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from motes.fairness import may_change
from motes.picking.objects import AXES, find_components
from motes.picking.peaks import find_peaks
from motes.picking.suppress import suppress
from motes.picks import Picks


class Picking(BaseModel):
    """How picks are found in a probability map."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=may_change("threshold"))

    method: Literal["peaks", "components", "outlines"] = Field(
        "peaks",
        description="local maxima, or connected regions above component_threshold; outlines: of nets that learn from "
        "masks, objects told apart by splitting",
    )
    minimum_distance: float = Field(
        0.6, ge=0, description="between two picks, as a fraction of the particle's diameter"
    )
    floor: float = Field(0.05, gt=0, lt=1, description="lowest score that a candidate is kept for")
    component_threshold: float = Field(0.5, gt=0, lt=1, description="for method components")
    minimum_area: float = Field(
        0.1, ge=0, description="of a component, as a fraction of the particle's disc or ball"
    )


def pick_map(probability: NDArray[np.float32], diameter: float, picking: Picking) -> Picks:
    """Candidates in one map, down to the floor, by falling score.

    probability: ([z,] y, x). diameter: of a particle in pixels of the map, as are the points that come back.
    """
    minimum_distance = picking.minimum_distance * diameter
    if picking.method == "peaks":
        return find_peaks(probability, minimum_distance, picking.floor)
    least = least_size(diameter, probability.ndim, picking)
    found = find_components(probability, picking.component_threshold, least)
    return suppress(found, minimum_distance)


def least_size(diameter: float, ndim: int, picking: Picking) -> int:
    """How many pixels a component has at least; diameter: of a particle, px."""
    whole = (np.pi / 4) * diameter**2 if ndim == 2 else (np.pi / 6) * diameter**3
    return max(1, round(picking.minimum_area * whole))


def to_full_size(picks: Picks, factors: Sequence[float]) -> Picks:
    """Picks of a map in pixels of the full-size image, the boxes and sizes of components included.

    factors: map size / full size along each axis, in array order.
    """
    full = picks.scaled([1 / factor for factor in factors])
    extra = dict(picks.extra)
    if "size" in extra:
        extra["size"] = np.rint(extra["size"] / math.prod(factors)).astype(np.intp)
    for axis, factor in zip(AXES[-picks.ndim :], factors, strict=True):
        for side in (f"box_{axis}0", f"box_{axis}1"):
            if side in extra:
                extra[side] = np.rint(extra[side] / factor).astype(np.intp)
    return replace(full, extra=extra)
