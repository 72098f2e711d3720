"""Picks of maps that come slab by slab: the same as of the whole maps, which need not exist.

A slab is a stretch of maps along their first axis. Of what has been seen, only the candidates and the last four
planes are kept; what lies too close together is left out at the end, when all candidates are known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from motes.errors import InputError
from motes.picking.calibration import Calibration, calibrated, uncalibrated
from motes.picking.objects import find_components
from motes.picking.peaks import Tops, connected, find_tops, framed, peaks_of
from motes.picking.picker import Picking, least_size
from motes.picking.suppress import suppress
from motes.picks import Picks

KEPT = 4  # planes: whether a pixel is a peak is decided by two planes on either side


class SlabPicks:
    """Finds the picks of each class in maps (classes, [z,] y, x) that are handed over slab by slab, in order."""

    def __init__(
        self,
        diameters: Sequence[float],
        picking: Picking,
        calibration: Calibration | None = None,
    ) -> None:
        """diameters: of each class, px of the maps. calibration: None leaves the scores of the net."""
        floor = picking.floor if calibration is None else uncalibrated(picking.floor, calibration)
        self.picking = picking.model_copy(update={"floor": floor})
        self.diameters, self.calibration = diameters, calibration
        self.planes = 0
        part = _PeakParts if picking.method == "peaks" else _RegionParts
        self.parts = [part(self.picking) for _ in diameters]

    def add(self, start: int, maps: NDArray[np.float32]) -> None:
        """Take the next slab (classes, planes, [y,] x), whose first plane is number start.

        Raises InputError for a slab that is not the next one.
        """
        if start != self.planes:
            raise InputError(f"expected the slab that starts at plane {self.planes}, found one at {start}")
        self.planes += maps.shape[1]
        for part, slab in zip(self.parts, maps, strict=True):
            part.add(start, slab)

    def picks(self) -> list[Picks]:
        """The picks of each class by falling score, after the last slab; as pick_calibrated gives them."""
        return [
            self._calibrated(part.picks(diameter))
            for part, diameter in zip(self.parts, self.diameters, strict=True)
        ]

    def _calibrated(self, found: Picks) -> Picks:
        if self.calibration is None or found.scores is None:
            return found
        return replace(found, scores=calibrated(found.scores, self.calibration))


@dataclass
class _PeakParts:
    """The tops of one map. held: its last planes, up to number end; seen: how many have been asked for tops."""

    picking: Picking
    tops: list[Tops] = field(default_factory=list)
    held: list[NDArray[np.float32]] = field(default_factory=list)
    end: int = 0
    seen: int = 0

    def add(self, start: int, slab: NDArray[np.float32]) -> None:
        parts = [*self.held, slab]
        self.end = start + len(slab)
        self._look(parts, self.end - 2, last=False)
        kept = slab if len(slab) >= KEPT else np.concatenate(parts)
        self.held = [kept[-KEPT:].copy()]

    def picks(self, diameter: float) -> Picks:
        self._look(self.held, self.end, last=True)
        return peaks_of(self.tops, self.picking.minimum_distance * diameter, self.picking.floor)

    def _look(self, parts: Sequence[NDArray[np.float32]], upto: int, *, last: bool) -> None:
        """Find the tops of the planes that have not been seen, up to that number."""
        if upto <= self.seen:
            return
        start = self.end - sum(map(len, parts))
        whole = framed(parts, first=start == 0, last=last)
        self.tops.append(
            find_tops(
                whole,
                self.picking.floor,
                before=self.seen - start + (start == 0),
                after=1 if last else 2,
                start=self.seen,
            )
        )
        self.seen = upto


@dataclass
class _RegionParts:
    """The pixels of one map that reach the threshold of regions, and their values."""

    picking: Picking
    pixels: list[NDArray[np.intp]] = field(default_factory=list)
    values: list[NDArray[np.float32]] = field(default_factory=list)

    def add(self, start: int, slab: NDArray[np.float32]) -> None:
        found = np.argwhere(slab >= self.picking.component_threshold)
        self.values.append(slab[tuple(found.T)])
        found[:, 0] += start
        self.pixels.append(found)

    def picks(self, diameter: float) -> Picks:
        pixels, values = np.concatenate(self.pixels), np.concatenate(self.values)
        own = connected(pixels)
        order = np.argsort(own, kind="stable")
        cuts = np.cumsum(np.bincount(own))[:-1]
        least = least_size(diameter, pixels.shape[1], self.picking)
        found = [
            _region(pixels[each], values[each], self.picking.component_threshold)
            for each in np.split(order, cuts)
            if len(each) >= least
        ]
        if not found:
            return find_components(np.zeros((1,) * pixels.shape[1], np.float32), 1, 1)
        joined = _joined(found)
        assert joined.scores is not None
        falling = joined.select(np.argsort(-joined.scores, kind="stable"))
        return suppress(falling, self.picking.minimum_distance * diameter)


def _region(pixels: NDArray[np.intp], values: NDArray[np.float32], threshold: float) -> Picks:
    """The pick of one region, from a box around it that holds nothing else."""
    corner = pixels.min(axis=0)
    box = np.zeros(pixels.max(axis=0) - corner + 1, dtype=np.float32)
    box[tuple((pixels - corner).T)] = values
    found = find_components(box, threshold, 1)
    sides = {name: values for name, values in found.extra.items() if name.startswith("box_")}
    moved = {name: sides[name] + corner["zyx"[-len(corner) :].index(name[4])] for name in sides}
    return replace(found, points=found.points + corner, extra={**found.extra, **moved})


def _joined(found: Sequence[Picks]) -> Picks:
    """All picks in one table; each has scores and diameters."""
    return Picks(
        np.concatenate([each.points for each in found]),
        np.concatenate([each.scores for each in found if each.scores is not None]),
        None,
        np.concatenate([each.diameters for each in found if each.diameters is not None]),
        {name: np.concatenate([each.extra[name] for each in found]) for name in found[0].extra},
    )
