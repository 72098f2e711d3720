"""Images ready to train and to validate on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.crops import Labelled
from motes.data.sources import Part
from motes.jobs.telling import Failure
from motes.train.validate import ENOUGH_TO_FIT
from motes.units import Length


@dataclass(frozen=True)
class Prepared:
    """An image ready to train on.

    sha256: of its file or pixels, and of its labels; image_sha256: of its pixels alone. particles: None where
    masks say where they are. diameters: of each class in its full-size pixels, working: where the net sees
    it; both empty where not known. group: what is never divided. chunk: images of a store that are read
    together have the same; None: read by itself. objects: how many its mask
    marks; None with picks, and where no one has counted. traits: further columns of the picks, each (n,) in the
    order of the points.
    """

    name: str
    labelled: Labelled
    sha256: str
    particles: int | None
    diameters: tuple[float, ...] = ()
    pixel_size: float | None = None
    group: str = ""
    part: Part = ""
    chunk: int | None = None
    image_sha256: str = ""
    working: tuple[float, ...] = ()
    objects: int | None = None
    traits: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def useful(self) -> bool:
        """Whether it holds a particle."""
        return self.objects != 0 if self.particles is None else self.particles > 0

    @property
    def count(self) -> int:
        """How many particles, or objects of a mask, are known in it."""
        return (self.objects or 0) if self.particles is None else self.particles


@dataclass(frozen=True)
class Parts:
    """Prepared images by part.

    lengths: the diameter of each class; empty where not known, or where data sets differ. working: of each
    class on the image that the net sees, px. order: of one pass over the training images, by seed and epoch.
    """

    train: list[Prepared]
    validation: list[Prepared]
    failures: list[Failure]
    lengths: list[Length] = field(default_factory=list)
    working: tuple[float, ...] = ()
    order: Callable[[int, int], NDArray[np.int64]] | None = None

    @property
    def masked(self) -> bool:
        """Whether masks, not picks, say where particles are."""
        return bool(self.train) and self.train[0].particles is None

    @property
    def to_fit_on(self) -> list[Prepared]:
        """The validation images, and training images with objects beside them where they are few.

        For what settles how objects are outlined, which takes images of all sizes and shapes. That the net knows some
        of them matters less than that one or two images do not hold all of these.
        """
        if self.validation is self.train:
            return self.train
        missing = max(0, ENOUGH_TO_FIT - len(self.validation))
        return self.validation + spread([image for image in self.train if image.useful], missing)


def spread(images: Sequence[Prepared], most: int) -> list[Prepared]:
    """No more than so many of the images, evenly spread."""
    places = np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).round().astype(int))
    return [images[place] for place in places]
