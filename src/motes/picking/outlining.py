"""From the maps of a net that outlines objects to the objects, as a recipe describes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.sampling import Pixels
from motes.picking.instances import Instances, Keeping, Splitting, segment


@dataclass(frozen=True)
class Outlining:
    """How objects are told apart, and which of them stay."""

    splitting: Splitting
    keeping: Keeping

    @property
    def maps(self) -> int:
        """How many maps of a net it takes: the interior, and what separates neighbours where that is learnt."""
        return 1 if self.splitting.separator == "none" else 2

    def sure(self, confidence: float) -> "Outlining":
        """The same, that leaves out objects of less confidence."""
        least = max(confidence, self.keeping.confidence)
        return Outlining(self.splitting, self.keeping.model_copy(update={"confidence": least}))

    def split_at(self, depth: float) -> "Outlining":
        """The same, with another depth of the way between two objects."""
        return Outlining(self.splitting.model_copy(update={"depth": depth}), self.keeping)

    def objects(
        self,
        maps: Sequence[Pixels] | NDArray[np.float32],
        image: Pixels | None = None,
        **how: Any,
    ) -> Instances:
        """The objects in maps, each ([z,] y, x), the interior first; image: for intensities. how: as segment."""
        separator = maps[1] if self.maps == 2 else None
        return segment(maps[0], self.splitting, self.keeping, separator, image, **how)
