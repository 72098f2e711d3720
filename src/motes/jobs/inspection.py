"""What an inspection found: images, picks, problems."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from motes.units import Length

if TYPE_CHECKING:
    from motes.jobs.diameter import SeenDiameter


@dataclass(frozen=True)
class InspectOptions:
    """diameter: of a particle. pixel_size: A/px, counts before the header's. ndim: 2, or 3 for volumes.

    pictures: a folder for a picture of each image with its picks, whose diameter must be known; None: no pictures.
    """

    diameter: Length | None = None
    pixel_size: float | None = None
    ndim: int = 2
    pictures: Path | None = None


@dataclass(frozen=True)
class PicksFacts:
    """The picks of one image.

    outside: how many lie outside the image. repeated: how many stand there a second time. diameter: of a
    particle, px. nearest: median distance to the next pick, px. close: picks nearer than half a diameter
    to another. as_given, flipped: strength of the mean patch (1 is noise). What cannot be known is None.
    """

    count: int
    outside: int
    repeated: int
    diameter: float | None = None
    nearest: float | None = None
    close: int | None = None
    as_given: float | None = None
    flipped: Mapping[str, float] = field(default_factory=dict)
    suspect: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class ImageFacts:
    """One image. shape: (y, x) or (z, y, x). pixel_size: A/px. low to std: of the finite pixels.

    sha256: of type, shape and pixels. problem: why it cannot be used.
    """

    name: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    pixel_size: float | None = None
    pixel_size_from: Literal["option", "list", "header"] | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    bad_pixels: int = 0
    sha256: str | None = None
    picks: PicksFacts | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Problem:
    """Something wrong, and what to do. unusable: it has to be put right before this can be used."""

    message: str
    images: tuple[str, ...] = ()
    unusable: bool = False


@dataclass(frozen=True)
class Inspection:
    """What was found. paired: image name to the name of its picks, None where no picks were named.

    estimated_diameter: of the particles, None where it was given, or cannot be estimated.
    """

    images: list[ImageFacts]
    problems: list[Problem]
    paired: dict[str, str] | None = None
    without_picks: tuple[str, ...] = ()
    without_image: tuple[str, ...] = ()
    estimated_diameter: "SeenDiameter | None" = None

    @property
    def usable(self) -> bool:
        """Whether nothing has to be put right first."""
        return not any(problem.unusable for problem in self.problems)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {"usable": self.usable, **asdict(self)}


def shape_text(shape: Sequence[int]) -> str:
    """3710x3838, slowest axis first, as sizes are typed."""
    return "x".join(str(size) for size in shape)
