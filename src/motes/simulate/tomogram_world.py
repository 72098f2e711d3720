"""The description of a simulated world of tomograms: what lies in the ice, and how it is looked at."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from motes.errors import RecipeError, did_you_mean
from motes.simulate.world import Count, Fraction, Range

FULL_VOXELS = 184 * 630 * 630  # of the tomograms of the public challenge, 10 A each
FULL_BREADTH = 630 * 10.0  # A
FULL_VOLUME = FULL_VOXELS * 10.0**3  # A^3


class TomogramClass(BaseModel):
    """One kind of particle that is to be found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="of the class, in picks and labels")
    structure: str = Field(description="name of a generated structure, or a PDB, mmCIF or MRC map file")
    diameter: float = Field(gt=0, description="as picks state it, A; longest extent of a generated structure")
    mass: Annotated[float, Field(gt=0)] | None = Field(
        None, description="kDa; null keeps what the structure's volume gives"
    )
    usual: float = Field(ge=0, description="mean number in a tomogram of 184 x 630 x 630 voxels of 10 A")
    weight: float = Field(1.0, ge=0, description="in the score over all classes")


# Names, sizes, weights and mean counts are the public challenge's; masses are those of the molecules in kDa
# (24 subunits of ferritin, sweet-potato beta-amylase, a tetramer of beta-galactosidase, an 80S ribosome, dimeric
# thyroglobulin, a capsid of an RNA phage with
# what RNA it has packed).
CHALLENGE_CLASSES = (
    TomogramClass(name="apo-ferritin", structure="apoferritin_like", diameter=120, mass=480, usual=47),
    TomogramClass(
        name="beta-amylase", structure="beta_amylase_like", diameter=130, mass=224, usual=5, weight=0
    ),
    TomogramClass(
        name="beta-galactosidase",
        structure="beta_galactosidase_like",
        diameter=180,
        mass=465,
        usual=6,
        weight=2,
    ),
    TomogramClass(name="ribosome", structure="eukaryotic_ribosome_like", diameter=300, mass=4300, usual=80),
    TomogramClass(
        name="thyroglobulin", structure="thyroglobulin_like", diameter=260, mass=660, usual=13, weight=2
    ),
    TomogramClass(name="virus-like-particle", structure="capsid_like", diameter=270, mass=3600, usual=6),
)


class TomogramWorld(BaseModel):
    """Everything that decides how simulated tomograms look; ranges are drawn from, once a tomogram."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[int, int, int] = Field((184, 630, 630), description="voxels along z, y and x")
    voxel_size: float = Field(10.0, gt=0, description="A")
    classes: tuple[TomogramClass, ...] = Field(
        CHALLENGE_CLASSES, min_length=1, description="what is to be found"
    )
    density: float = Field(1.0, ge=0, description="times the usual number of particles in that volume")
    least: int = Field(0, ge=0, description="particles of every class in a tomogram, at least")
    counts: Mapping[str, Count] = Field(
        {}, description="particles in a tomogram by class, least and most, in place of the usual number"
    )
    ice: float = Field(0.85, gt=0, le=1, description="thickness of the ice as a share of the volume's depth")
    gap: float = Field(10.0, ge=0, description="least distance between the surfaces of particles, A")
    vesicles: float = Field(
        6.0, ge=0, description="mean number in a volume of 184 x 630 x 630 voxels of 10 A"
    )
    vesicle_diameter: Range = Field((350.0, 1100.0), description="of a vesicle, A")
    sheets: float = Field(
        2.5,
        ge=0,
        description="membranes across the whole field, mean number in one 6300 A wide; fewer in narrower ones",
    )
    filaments: float = Field(
        10.0, ge=0, description="mean number in a field 6300 A wide; fewer in narrower ones"
    )
    filament_width: Range = Field((60.0, 110.0), description="of a filament, A")
    gold: float = Field(
        4.0, ge=0, description="beads, mean number in a volume of 184 x 630 x 630 voxels of 10 A"
    )
    gold_diameter: Range = Field((80.0, 120.0), description="of a gold bead, A")
    crowding: Fraction = Field(0.02, description="share of the ice that other proteins fill")
    other_mass: Range = Field((30.0, 350.0), description="of those proteins, kDa")
    tilt_reach: float = Field(60.0, gt=0, lt=80, description="largest tilt, degrees")
    tilt_step: float = Field(3.0, gt=0, description="between neighbouring tilts, degrees")
    dose: float = Field(120.0, gt=0, description="of the whole tilt series, e/A^2")
    voltage: float = Field(300.0, gt=0, description="acceleration voltage, kV")
    spherical_aberration: float = Field(2.7, ge=0, description="mm")
    amplitude_contrast: float = Field(0.07, ge=0, lt=1, description="fraction")
    defocus: Range = Field((30000.0, 45000.0), description="underfocus of the untilted specimen, A")
    defocus_error: float = Field(500.0, ge=0, description="from tilt to tilt, standard deviation, A")
    alignment_error: float = Field(
        8.0, ge=0, description="of each tilt along each axis, standard deviation, A"
    )
    b_factor: float = Field(2500.0, ge=0, description="fall-off of amplitudes by motion and optics, A^2")
    contrast: float = Field(
        0.3, gt=0, description="share of the ideal contrast of the specimen that reaches the image"
    )
    ice_noise: float = Field(1.0, ge=0, description="strength of the ice's granularity, 1 is physical")
    quantum_efficiency: float = Field(0.8, gt=0, le=1, description="fraction of electrons that are counted")
    low_pass: float = Field(16.0, ge=0, description="sigma of the Gaussian that makes the denoised copy, A")

    @property
    def share(self) -> float:
        """The volume as a share of a full-size tomogram of the challenge."""
        z, y, x = self.size
        return z * y * x * self.voxel_size**3 / FULL_VOLUME

    @property
    def breadth(self) -> float:
        """The width of the field over that of the challenge's: what crosses it goes with this."""
        _, y, x = self.size
        return float((y * x) ** 0.5) * self.voxel_size / FULL_BREADTH

    @property
    def ice_thickness(self) -> float:
        """A."""
        return self.ice * self.size[0] * self.voxel_size

    @property
    def room(self) -> float:
        """The largest extent of a particle that fits in, A."""
        return min(self.ice_thickness, self.size[1] * self.voxel_size, self.size[2] * self.voxel_size)

    @model_validator(mode="after")
    def _fits(self) -> "TomogramWorld":
        if min(self.size) < 16:
            raise RecipeError(f"size is {self.size} voxels (z, y, x); expected at least 16 along each axis")
        if self.tilt_step > self.tilt_reach:
            raise RecipeError(
                f"tilt_step is {self.tilt_step:g} degrees, more than tilt_reach ({self.tilt_reach:g}); "
                "expected several tilts"
            )
        for name in ("vesicle_diameter", "filament_width", "gold_diameter", "other_mass", "defocus"):
            _check_range(name, getattr(self, name))
            if name != "defocus" and not getattr(self, name)[0] > 0:
                raise RecipeError(f"{name} begins at {getattr(self, name)[0]:g}; expected more than 0")
        for name, count in self.counts.items():
            _check_range(f"counts of {name}", count)
        self._check_classes()
        return self

    def _check_classes(self) -> None:
        names = [each.name for each in self.classes]
        if len(set(names)) < len(names):
            raise RecipeError(f"classes must have names of their own, found {', '.join(names)}")
        for name in self.counts:
            if name not in names:
                raise RecipeError(f"counts names {name!r}, which is no class.{did_you_mean(name, names)}")
        for each in self.classes:
            if each.diameter > self.room:
                raise RecipeError(
                    f"a {each.name} of {each.diameter:g} A does not fit into {self.room:g} A of ice; make the "
                    "volume larger (size, voxel_size), or the ice a larger share of its depth (ice)"
                )
            if each.diameter < 3 * self.voxel_size:
                raise RecipeError(
                    f"a {each.name} of {each.diameter:g} A is smaller than 3 voxels of {self.voxel_size:g} A; "
                    "make voxel_size smaller"
                )


def _check_range(name: str, values: tuple[float, float]) -> None:
    low, high = values
    if not 0 <= low <= high:
        raise RecipeError(f"{name} is ({low:g}, {high:g}); expected the least, then the most, not below 0")
