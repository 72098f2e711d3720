"""The description of a simulated world of micrographs: what a run of the simulation may vary."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from motes.errors import RecipeError

Fraction = Annotated[float, Field(ge=0, le=1)]


def _both(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) else value


Range = Annotated[tuple[float, float], BeforeValidator(_both)]
Count = Annotated[tuple[int, int], BeforeValidator(_both)]


class MicrographWorld(BaseModel):
    """Everything that decides how simulated micrographs look; ranges are drawn from, once a micrograph."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Count = Field((1024, 1024), description="image size, px, y and x; one number for a square")
    pixel_size: float = Field(4.0, gt=0, description="A/px")
    structures: tuple[str, ...] = Field(
        ("apoferritin_like", "beta_galactosidase_like", "proteasome_like", "ribosome_like"),
        min_length=1,
        description="candidates: names of generated structures, or PDB, mmCIF or MRC map files",
    )
    species: int = Field(1, ge=1, description="how many of the candidates a run shows; its seed says which")
    diameter: float = Field(
        150.0, gt=0, description="longest extent of generated structures, A; files keep theirs"
    )
    particles: Count = Field((100, 140), description="particles in a micrograph, least and most")
    spacing: float = Field(1.0, ge=0, description="least distance between centres, diameters")
    overlapping: Fraction = Field(0.04, description="fraction of particles that need half that distance only")
    layers: int = Field(
        1,
        ge=1,
        description="layers of ice with particles, one above the other; those of two layers may cover each other",
    )
    sticking: Fraction = Field(0.0, description="fraction of particles that lie beside another one")
    edge_particles: bool = Field(True, description="whether particles may be cut by the edge of the image")
    minimum_visibility: Fraction = Field(
        0.25, description="truth leaves out particles of which less is in the image and uncovered"
    )
    voltage: float = Field(300.0, gt=0, description="acceleration voltage, kV")
    spherical_aberration: float = Field(2.7, ge=0, description="mm")
    amplitude_contrast: float = Field(0.1, ge=0, lt=1, description="fraction")
    defocus: Range = Field((10000.0, 25000.0), description="mean defocus, A, positive is underfocus")
    astigmatism: float = Field(400.0, ge=0, description="most difference between the two defoci, A")
    phase_shift: Range = Field((0.0, 0.0), description="phase shift by a phase plate, degrees")
    b_factor: float = Field(150.0, ge=0, description="fall-off of amplitudes, A^2")
    convergence_angle: float = Field(
        0.0, ge=0, description="half-angle of the illumination, mrad; 0 is a perfectly parallel beam"
    )
    dose: float = Field(40.0, gt=0, description="exposure, e/A^2")
    snr: Annotated[float, Field(gt=0)] | None = Field(
        0.1,
        description="variance of the particles' signal over that of the noise within the particles' discs; "
        "the noise is scaled to it; null keeps the noise that dose and ice give",
    )
    ice_thickness: float = Field(500.0, gt=0, description="mean thickness of the ice, A")
    ice_noise: float = Field(1.0, ge=0, description="strength of the ice's granularity, 1 is physical")
    thickness_gradient: float = Field(0.4, ge=0, le=2, description="change of ice thickness across, relative")
    contamination: Count = Field((0, 2), description="pieces of ice contamination in a micrograph")
    contamination_diameter: Range = Field((200.0, 700.0), description="of a piece of contamination, A")
    carbon_probability: Fraction = Field(0.15, description="chance that the edge of the carbon is in view")
    carbon_depth: Range = Field(
        (0.05, 0.3), description="how far the carbon reaches into the image, as a share of its shorter side"
    )
    carbon_grain: float = Field(1.0, ge=0, description="strength of the carbon's grain, 1 is physical")
    hole_diameter: float = Field(12000.0, gt=0, description="of a hole in the carbon film, A")
    aggregates: Count = Field((0, 1), description="clumps of particles in a micrograph, not in the truth")
    aggregate_steps: Range = Field(
        (0.5, 0.9), description="from one particle of a clump to the next, diameters"
    )
    distractors: tuple[str, ...] = Field(
        (), description="structures that are not to be picked, as structures"
    )
    distractor_count: Count = Field((0, 0), description="distractors in a micrograph, least and most")
    distractor_diameter: float = Field(90.0, gt=0, description="longest extent of generated distractors, A")
    bare: Fraction = Field(0.0, description="fraction of the area, in patches, in which no particle lies")
    gold: Count = Field((0, 0), description="gold beads in a micrograph")
    gold_diameter: Range = Field((50.0, 150.0), description="of gold beads, A")
    filaments: Count = Field((0, 0), description="protein filaments in a micrograph")
    filament_width: Range = Field((40.0, 120.0), description="of a filament, A")
    scratches: Count = Field((0, 0), description="cracks and scratches in a micrograph, dark or bright")
    scratch_width: Range = Field((20.0, 200.0), description="of a crack or scratch, A")
    quantum_efficiency: float = Field(0.8, gt=0, le=1, description="fraction of electrons that are counted")
    detector_spread: float = Field(0.3, ge=0, description="spread of one electron's signal, px")
    gain_variation: float = Field(0.005, ge=0, description="gain left uncorrected, standard deviation")
    hot_pixels: Fraction = Field(1e-5, description="fraction of the pixels")

    @model_validator(mode="after")
    def _fits(self) -> "MicrographWorld":
        if min(self.size) < 16:
            raise RecipeError(f"size is {self.size[0]}x{self.size[1]} px; expected at least 16 px a side")
        for name in ("particles", "defocus", "phase_shift", "contamination", "contamination_diameter",
                     "aggregates", "aggregate_steps", "distractor_count", "carbon_depth", "gold", "gold_diameter",
                     "filaments", "filament_width", "scratches", "scratch_width"):  # fmt: skip
            low, high = getattr(self, name)
            if low > high or (low < 0 and name not in ("defocus", "phase_shift")):
                raise RecipeError(
                    f"{name} is ({low}, {high}); expected the least, then the most, not below 0"
                )
        if self.species > len(self.structures):
            raise RecipeError(f"species is {self.species}, but there are {len(self.structures)} structures")
        if self.distractor_count[1] > 0 and not self.distractors:
            raise RecipeError("distractor_count asks for distractors, but no distractors are named")
        check_diameter(self.diameter, self.pixel_size, self.size, "diameter")
        if self.distractors:
            check_diameter(self.distractor_diameter, self.pixel_size, self.size, "distractor_diameter")
        return self


def check_diameter(diameter: float, pixel_size: float, size: tuple[int, int], what: str) -> None:
    """RecipeError unless a diameter (A) is at least 4 px and a third of the image at most (size y, x px)."""
    pixels = diameter / pixel_size
    if not 4 <= pixels <= min(size) / 3:
        raise RecipeError(
            f"{what} is {diameter:g} A, which is {pixels:.1f} px at {pixel_size:g} A/px; expected 4 px to "
            f"a third of the image ({min(size) / 3:.0f} px); "
            "change the diameter, the pixel size or the image size"
        )
