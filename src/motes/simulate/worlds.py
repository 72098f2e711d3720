"""Worlds without end: each micrograph is drawn from a world of its own, so that a net learns what all share.

Everything is in working pixels: the diameter that a user would state is the same in every micrograph.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from motes.errors import RecipeError
from motes.fairness import may_change
from motes.picks import Picks
from motes.simulate.finish import Finish, Rim
from motes.simulate.micrographs import SimulatedMicrograph, simulate_micrograph
from motes.simulate.world import Fraction, MicrographWorld, Range

GROUPS = ("C1", "C2", "C3", "C4", "C5", "C6", "D2", "D3", "D4", "D5", "D6", "D7", "T", "O", "I")
SHAPES = ("solid", "shell", "ring", "rod", "tube", "belt", "arms")
TRAINING_STRUCTURES = (*(f"assembly_{group}" for group in GROUPS), *(f"random_{shape}" for shape in SHAPES))
# Never trained on: what the shipped model is measured on.
HELD_OUT_STRUCTURES = (
    "apoferritin_like",
    "beta_galactosidase_like",
    "proteasome_like",
    "ribosome_like",
    "virus_like",
)
LEAST_SPACE = 1.05  # diameters between particles where they do not crowd


class Worlds(BaseModel):
    """How widely simulated micrographs vary; a range is drawn from once a micrograph."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=may_change("images"))

    use: bool = Field(
        False, description="train on simulated micrographs without end, in place of images of your own"
    )
    side: int = Field(512, ge=128, description="side of a micrograph, working px")
    across: float = Field(
        22,
        ge=8,
        description="diameter of the particle as a user would state it, working px: working_diameter",
    )
    misjudged: float = Field(
        1.45,
        ge=1,
        description="the true diameter is up to so many times larger or smaller than the stated one",
    )
    structures: tuple[str, ...] = Field(TRAINING_STRUCTURES, min_length=1, description="what is drawn from")
    diameters: Range = Field((60, 600), description="stated diameter, A; with across it sets the pixel size")
    snr: Range = Field((0.012, 3), description="signal-to-noise ratio within the particles, before filters")
    density: Range = Field((0.03, 0.5), description="share of the area that particles cover")
    empty: Fraction = Field(0.15, description="share of micrographs without a particle")
    crowded: Fraction = Field(0.35, description="share whose particles touch or overlap")
    two_layers: Fraction = Field(0.1, description="share whose particles lie in two layers of ice")
    patchy: Fraction = Field(0.3, description="share with bare patches")
    clean: Fraction = Field(0.2, description="share without dirt of any kind")
    other_species: Fraction = Field(0.3, description="share with another species that is not asked for")
    carbon: Fraction = Field(0.35, description="share with carbon in view")
    voltages: tuple[float, ...] = Field((300, 200), min_length=1, description="kV")
    underfocus: Range = Field((4000, 40000), description="A")
    phase_plate: Fraction = Field(0.05, description="share with a phase plate")
    dose: Range = Field(
        (10, 80), description="e/A^2; decides what the noise is made of, not how much there is"
    )
    ice_noise: Range = Field((0.1, 1.2), description="strength of the ice's granularity")
    detector_spread: Range = Field((0.0, 0.6), description="spread of one electron's signal, px")
    filtered: Fraction = Field(0.6, description="share that a program has filtered")
    rim: Fraction = Field(0.25, description="share with a smeared rim")
    together: int = Field(
        64,
        ge=1,
        description="micrographs that are drawn from at the same time",
        json_schema_extra=may_change("images", "order"),
    )
    crops_each: int = Field(
        8,
        ge=1,
        description="crops that each micrograph gives before it is dropped",
        json_schema_extra=may_change("images", "order"),
    )
    validated: int = Field(96, ge=1, description="further micrographs, which are validated on")
    makers: Annotated[int, Field(ge=0)] = Field(
        0,
        description="processes that simulate; 0: one for each core that the net leaves free",
        json_schema_extra=may_change(),
    )

    @model_validator(mode="after")
    def _fits(self) -> "Worlds":
        for name in ("diameters", "snr", "density", "underfocus", "dose"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise RecipeError(
                    f"worlds: {name} is ({low:g}, {high:g}); expected two numbers above 0, the lower first"
                )
        least, most = self.across / self.misjudged, self.across * self.misjudged
        if least < 4 or most > self.side / 3:
            raise RecipeError(
                f"worlds: particles of {self.across:g} px, misjudged by up to {self.misjudged:g} times, are "
                f"{least:.1f} to {most:.1f} px across; expected 4 px to a third of the image "
                f"({self.side / 3:.0f} px); change across, misjudged or side"
            )
        return self


HELD_OUT = Worlds(
    structures=HELD_OUT_STRUCTURES, ice_noise=(1.5, 2.5), detector_spread=(0.7, 0.9), dose=(25, 60), clean=0.3
)


@dataclass(frozen=True)
class DrawnWorld:
    """One world: how its micrographs are made, and what is done to them afterwards."""

    world: MicrographWorld
    finish: Finish


def simulate_drawn(worlds: Worlds, seed: int, index: int) -> SimulatedMicrograph:
    """The micrograph of that number of a series: it depends on worlds, seed and number alone.

    Grey values have no unit; the pixel size is such that the stated diameter has the working one. Truth
    carries the true diameter of each particle (px) and what simulate_micrograph gives.
    """
    own, chance = np.random.SeedSequence([seed, index]).spawn(2)
    drawn = draw_world(worlds, np.random.default_rng(own))
    made = simulate_micrograph(drawn.world, int(own.generate_state(1, np.uint64)[0] >> 1), index)
    pixels = drawn.finish.apply(made.image.data, np.random.default_rng(chance))
    picks = seen_within(made.picks, drawn.finish.rim, pixels.shape)
    own_parameters = {"particles": len(picks), "true_diameter": drawn.world.diameter}
    image = replace(made.image, data=pixels, name=f"world_{index + 1:06d}.mrc")
    return SimulatedMicrograph(image, picks, made.parameters | own_parameters)


def seen_within(picks: Picks, rim: Rim, shape: tuple[int, ...]) -> Picks:
    """The picks (px) whose centre is not in the rim (top, bottom, left, right) of an image (y, x)."""
    top, bottom, left, right = rim
    low, high = np.array([top, left]), np.array(shape) - 1 - np.array([bottom, right])
    return picks.select(((picks.points >= low) & (picks.points <= high)).all(axis=1))


def draw_world(worlds: Worlds, rng: np.random.Generator) -> DrawnWorld:
    """Draw one world."""
    stated = _log_uniform(worlds.diameters, rng)
    pixel_size = stated / worlds.across
    factor = worlds.misjudged ** rng.uniform(-1, 1)
    true = stated * factor
    fields = {
        "size": (worlds.side, worlds.side),
        "pixel_size": pixel_size,
        "structures": (str(rng.choice(worlds.structures)),),
        "diameter": true,
        "snr": _log_uniform(worlds.snr, rng),
        "minimum_visibility": 0.65,
        **_particles(worlds, factor * worlds.across, rng),
        **_microscope(worlds, rng),
        **_dirt(worlds, stated, rng),
        **_others(worlds, stated, factor, rng),
    }
    finish = draw_finish(worlds, rng)
    fields["layers"] = 2 if rng.uniform() < worlds.two_layers else 1
    return DrawnWorld(MicrographWorld.model_validate(fields), finish)


def _particles(worlds: Worlds, true_px: float, rng: np.random.Generator) -> dict[str, object]:
    """How many there are and how they lie; true_px: diameter in working px."""
    fit = worlds.side**2 / (np.pi / 4 * true_px**2)
    count = max(1, round(_log_uniform(worlds.density, rng) * fit))
    if rng.uniform() < worlds.empty:
        count = 0
    crowded = rng.uniform() < worlds.crowded
    bare = rng.uniform(0.2, 0.7) if rng.uniform() < worlds.patchy else 0.0
    return {
        "particles": (round(0.8 * count), count),
        "spacing": rng.uniform(0.75, 1.0) if crowded else rng.uniform(LEAST_SPACE, 1.6),
        "overlapping": rng.uniform(0, 0.15) if crowded else 0.0,
        "bare": bare,
        "sticking": float(rng.choice([0.0, rng.uniform(0, 0.8)])),
    }


def _microscope(worlds: Worlds, rng: np.random.Generator) -> dict[str, object]:
    plate = rng.uniform() < worlds.phase_plate
    middle = _log_uniform(worlds.underfocus, rng)
    return {
        "voltage": float(rng.choice(worlds.voltages)),
        "amplitude_contrast": rng.uniform(0.05, 0.2),
        "defocus": (0.9 * middle, 1.1 * middle),
        "phase_shift": (60.0, 120.0) if plate else (0.0, 0.0),
        "b_factor": rng.uniform(0, 400),
        "dose": _log_uniform(worlds.dose, rng),
        "ice_thickness": rng.uniform(200, 1200),
        "ice_noise": rng.uniform(*worlds.ice_noise),
        "thickness_gradient": rng.uniform(0, 1.2),
        "detector_spread": rng.uniform(*worlds.detector_spread),
        "gain_variation": float(rng.choice([0.0, 0.0, 0.001, 0.004])),
        "hot_pixels": float(rng.choice([0.0, 1e-5, 1e-4])),
    }


def _dirt(worlds: Worlds, stated: float, rng: np.random.Generator) -> dict[str, object]:
    """Ice, carbon, gold, filaments and scratches; lengths go with the stated diameter (A)."""
    if rng.uniform() < worlds.clean:
        return {"contamination": (0, 0), "carbon_probability": 0.0, "aggregates": (0, 0)}
    specks = stated * rng.uniform(0.4, 1.5)
    largest = specks * 10 ** rng.uniform(0.1, 1)
    depth = float(rng.choice([0.3, 0.8, 1.3]))
    sometimes = [0, 0, 0, 0, 1, 4]
    return {
        "contamination": (0, int(rng.choice([2, 4, 12]))),
        "contamination_diameter": (specks, min(largest, 12 * stated)),
        "carbon_probability": float(rng.uniform() < worlds.carbon),
        "carbon_depth": (0.05, depth),
        "carbon_grain": _log_uniform((0.5, 15), rng),
        "aggregates": (0, int(rng.choice([0, 0, 0, 1, 3]))),
        "aggregate_steps": (0.2, 0.4),
        "hole_diameter": stated * 10 ** rng.uniform(1.3, 2.3),
        "gold": (0, int(rng.choice([*sometimes, 20]))),
        "gold_diameter": (0.2 * stated, stated * rng.uniform(0.4, 1.2)),
        "filaments": (0, int(rng.choice(sometimes))),
        "filament_width": (0.15 * stated, 0.6 * stated),
        "scratches": (0, int(rng.choice(sometimes))),
        "scratch_width": (0.1 * stated, 1.0 * stated),
    }


def _others(worlds: Worlds, stated: float, factor: float, rng: np.random.Generator) -> dict[str, object]:
    """Another species, clearly smaller or larger than the true diameter of the one asked for."""
    if rng.uniform() >= worlds.other_species:
        return {}
    small = rng.uniform() < 0.7
    times = rng.uniform(0.3, 0.55) if small else rng.uniform(1.8, 2.5)
    true_px = worlds.across * factor
    times = min(max(times, 5 / true_px), worlds.side / 3.01 / true_px)  # what a micrograph can hold
    return {
        "distractors": (str(rng.choice(worlds.structures)),),
        "distractor_diameter": stated * factor * times,
        "distractor_count": (0, int(rng.choice([5, 20, 60])) if small else 8),
    }


def draw_finish(worlds: Worlds, rng: np.random.Generator) -> Finish:
    """Draw what is done to a micrograph afterwards."""
    rim = _rim(worlds, rng)
    if rng.uniform() >= worlds.filtered:
        return Finish(shading=rng.choice([0.0, rng.uniform(0, 1)]), rim=rim)
    return Finish(
        shading=rng.choice([0.0, rng.uniform(0, 2)]),
        low_pass=rng.choice([0.0, rng.uniform(0.3, 1.2), rng.uniform(0.8, 2.5)]),
        denoise=rng.choice([0.0, 0.0, rng.uniform(0.3, 1)]),
        background=rng.choice([0.0, worlds.across * rng.uniform(1.0, 5)]),
        flatten=rng.choice([0.0, 0.0, worlds.across * rng.uniform(1.0, 4)]),
        clip=rng.choice([0.0, rng.uniform(0.1, 2)]),
        levels=int(rng.choice([0, 256])),
        rim=rim,
    )


def _rim(worlds: Worlds, rng: np.random.Generator) -> Rim:
    if rng.uniform() >= worlds.rim:
        return (0, 0, 0, 0)
    top, bottom, left, right = (int(side) for side in rng.integers(0, round(0.9 * worlds.across), size=4))
    return (top, bottom, left, right)


def _log_uniform(between: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = np.log(between)
    return float(np.exp(rng.uniform(low, high)))
