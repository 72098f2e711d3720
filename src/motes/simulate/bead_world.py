"""The description of a simulated world of microbeads in a light microscope."""

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from motes.errors import RecipeError
from motes.simulate.world import Count, Fraction, Range

DENSEST = (
    0.72  # share of the area that discs thrown at random and pushed apart can cover (perfect order: 0.907)
)
NOT_NEGATIVE = (
    "beads", "diameter", "clusters", "cluster_beads", "dirt", "condenser_aperture", "photons", "background"
)  # fmt: skip


class BeadWorld(BaseModel):
    """Everything that decides how images of beads look; ranges are drawn from, once an image."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Count = Field((256, 256), description="image size, px, y and x; one number for a square")
    pixel_size: float = Field(0.25, gt=0, description="micrometres/px, in the plane of the beads")
    optics: Literal["bright-field", "fluorescence"] = Field(
        "bright-field",
        description="transparent beads in transmitted light, or beads that shine by themselves",
    )
    beads: Count = Field((109, 109), description="beads whose centre is in an image, least and most")
    diameter: Range = Field((17.0, 19.0), description="mean diameter of an image's beads, px")
    spread: float = Field(
        0.03, ge=0, le=0.5, description="standard deviation of the diameters in an image over their mean"
    )
    touching: Fraction = Field(0.2, description="share of the beads that touch another one, in twos to fours")
    clusters: Count = Field((0, 0), description="clusters of touching beads in an image")
    cluster_beads: Count = Field((5, 12), description="beads of a cluster, least and most")
    gap: float = Field(1.5, ge=0, description="least free space between beads that do not touch, px")
    edge_beads: bool = Field(True, description="whether beads may be cut by the edge of the image")
    dirt: Count = Field((0, 4), description="specks that are no beads in an image, least and most")
    dirt_diameter: Range = Field((0.2, 0.8), description="of a speck, diameters of a bead")
    index_difference: float = Field(
        0.1, description="refractive index of a bead less that around it; 0.26 is polystyrene in water"
    )
    absorption: Fraction = Field(0.1, description="light that a bead swallows along its diameter")
    brightness_spread: float = Field(
        0.2, ge=0, le=1, description="standard deviation of the beads' fluorescence over its mean"
    )
    background: Range = Field((0.05, 0.2), description="fluorescence beside the beads; 1 is that of a bead")
    wavelength: float = Field(0.55, gt=0, description="of the light in air, micrometres")
    numerical_aperture: float = Field(0.6, gt=0, le=1.5, description="of the objective")
    condenser_aperture: Range = Field(
        (0.1, 0.25), description="numerical aperture of the illumination; a wide one blurs the rings"
    )
    defocus: Range = Field(
        (-4.0, 4.0),
        description="how far the beads lie beyond the plane in focus, micrometres; the sign counts",
    )
    depth: float = Field(1.0, ge=0, description="standard deviation of the depths in an image, micrometres")
    blur: float = Field(0.5, ge=0, description="of camera, lenses and motion: sigma of a Gaussian, px")
    gradient: float = Field(
        0.15, ge=0, lt=1, description="most change of the light across an image, relative"
    )
    vignetting: float = Field(0.15, ge=0, lt=1, description="most loss of light in the corners, relative")
    photons: Range = Field(
        (1000.0, 8000.0), description="in a pixel of the empty image, or of a bead that shines"
    )
    read_noise: float = Field(3.0, ge=0, description="of the camera, electrons a pixel")
    offset: Fraction = Field(0.02, description="grey level without light, as a share of the grey scale")
    exposure: float = Field(
        0.45,
        gt=0,
        le=1,
        description="share of the grey scale that `photons` are recorded at; more is clipped",
    )
    bits: Literal[8, 12, 16] = Field(8, description="of the camera")

    @model_validator(mode="after")
    def _fits(self) -> "BeadWorld":
        if min(self.size) < 16:
            raise RecipeError(f"size is {self.size[0]}x{self.size[1]} px; expected at least 16 px a side")
        for name in (*NOT_NEGATIVE, "dirt_diameter", "defocus"):
            low, high = getattr(self, name)
            if low > high or (low < 0 and name != "defocus"):
                raise RecipeError(
                    f"{name} is ({low}, {high}); expected the least, then the most, not below 0"
                )
        if not 3 <= self.diameter[0] <= self.diameter[1] <= min(self.size) / 2:
            raise RecipeError(
                f"diameter is {self.diameter} px; expected 3 px to half of the image ({min(self.size) / 2:g} px)"
            )
        if self.photons[0] <= 0:
            raise RecipeError(f"photons is {self.photons}; expected more than 0")
        self._check_density()
        return self

    def _check_density(self) -> None:
        """RecipeError where the beads, each with half of the gap around it, cannot lie side by side."""
        most = self.beads[1]
        mean = (self.diameter[1] + self.gap) ** 2 + (self.spread * self.diameter[1]) ** 2
        area = self.size[0] * self.size[1]
        if most * math.pi / 4 * mean > DENSEST * area:
            fitting = math.sqrt(DENSEST * area / most / (math.pi / 4)) / math.hypot(1, self.spread) - self.gap
            raise RecipeError(
                f"{most} beads of {self.diameter[1]:g} px do not lie side by side in {self.size[0]}x{self.size[1]} "
                f"px; choose fewer, a larger image, or a diameter of at most {max(fitting, 0):.1f} px"
            )

    @property
    def largest_grey(self) -> int:
        """The highest grey level that the camera gives."""
        return int(2**self.bits - 1)


FLUORESCENT = BeadWorld(optics="fluorescence", defocus=(-2.0, 2.0), photons=(100.0, 1000.0))
