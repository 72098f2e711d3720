"""What lies in one simulated micrograph, before the microscope looks at it.

Coordinates are in px of the canvas, which is the image with a margin on every side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from motes.physics.ice import carbon_film, contamination_blob
from motes.physics.potential import protein_phase
from motes.simulate.chance import chance
from motes.simulate.orientations import random_rotations
from motes.simulate.placement import add_patch, clump, place
from motes.simulate.project import FourierMap, fourier_map, project
from motes.simulate.structures import MAP_SUFFIXES, MODEL_SUFFIXES, from_file, from_name
from motes.simulate.world import MicrographWorld, check_diameter


class Stream(IntEnum):
    """The independent streams of chance of one micrograph."""

    SPECIES = 0
    STRUCTURE = 1
    OPTICS = 2
    PLACEMENT = 3
    ORIENTATION = 4
    CLUTTER = 5
    ICE = 6
    CARBON = 7
    SHOT = 8
    CAMERA = 9
    THICKNESS = 10
    LINES = 11
    GOLD = 12
    BARE = 13


@dataclass(frozen=True)
class Species:
    """A structure ready to be projected; diameter in px of the micrograph, side the box's edge in px."""

    name: str
    map: FourierMap
    diameter: float
    side: int


@dataclass(frozen=True)
class Particles:
    """Placed particles: centres (n, 2) y, x px; kinds (n,) index into species; rotations (n, 3, 3)."""

    centres: NDArray[np.float64]
    kinds: NDArray[np.intp]
    rotations: NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """All that the beam meets.

    canvas: shape (y, x). margin: px around the image. contamination: thickness in A. carbon, gold: 1 where
    the film is, or a bead. filaments: protein along the beam, A. scratches: relative change of brightness.
    All have the canvas's shape.
    """

    canvas: tuple[int, int]
    margin: int
    species: tuple[Species, ...]
    particles: Particles
    clutter_species: tuple[Species, ...]
    clutter: Particles
    contamination: NDArray[np.float32]
    carbon: NDArray[np.float32]
    gold: NDArray[np.float32]
    filaments: NDArray[np.float32]
    scratches: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.float32]:
        """How much of a particle is hidden, 0 to 1, on the canvas: carbon, gold, or ice of 100 A and more."""
        return np.maximum(np.maximum(self.carbon, self.gold), np.clip(self.contamination / 100, 0, 1))

    def inner(self, field: NDArray[np.float32]) -> NDArray[np.float32]:
        """The image's part of a field on the canvas."""
        m = self.margin
        return field[m : self.canvas[0] - m, m : self.canvas[1] - m]


@lru_cache(maxsize=4)
def run_species(world: MicrographWorld, seed: int) -> tuple[Species, ...]:
    """The species that every micrograph of a run shows, drawn by the run's seed."""
    order = chance(seed, 0, Stream.SPECIES).permutation(len(world.structures))[: world.species]
    return tuple(_species(world, world.structures[k], world.diameter, seed, int(k)) for k in sorted(order))


@lru_cache(maxsize=4)
def run_distractors(world: MicrographWorld, seed: int) -> tuple[Species, ...]:
    """The species of a run that are not to be picked."""
    first = len(world.structures)
    return tuple(
        _species(world, name, world.distractor_diameter, seed, first + k)
        for k, name in enumerate(world.distractors)
    )


def is_file(name: str) -> bool:
    """Whether a structure's name means a file."""
    return name.lower().endswith(MODEL_SUFFIXES + MAP_SUFFIXES) or "/" in name


def _species(world: MicrographWorld, name: str, diameter: float, seed: int, number: int) -> Species:
    if is_file(name):
        structure = from_file(Path(name), world.pixel_size)
        check_diameter(structure.diameter, world.pixel_size, world.size, f"the diameter of {name}")
    else:
        structure = from_name(name, diameter, world.pixel_size, chance(seed, number, Stream.STRUCTURE))
    pixels = structure.diameter / world.pixel_size
    return Species(structure.name, fourier_map(structure), pixels, fft.next_fast_len(int(pixels * 1.25) + 8))


def build_scene(world: MicrographWorld, seed: int, index: int) -> Scene:
    """Draw what lies in one micrograph of a run."""
    species, others = run_species(world, seed), run_distractors(world, seed)
    margin = _margin(world, [*species, *others])
    canvas = (world.size[0] + 2 * margin, world.size[1] + 2 * margin)
    rng = chance(seed, index, Stream.CLUTTER)
    carbon = _carbon(world, canvas, rng)
    clutter, blocked = _clutter(world, species, others, margin, carbon > 0.5, rng)
    contamination = _contamination(world, canvas, margin, rng)
    if world.bare:
        bare = chance(seed, index, Stream.BARE)
        blocked = blocked | patches(canvas, world.bare, 4 * species[0].diameter, bare)
    particles = _particles(world, species, margin, blocked, seed, index)
    lines = chance(seed, index, Stream.LINES)
    return Scene(
        canvas,
        margin,
        species,
        particles,
        (*species, *others),
        clutter,
        contamination,
        carbon,
        _gold(world, canvas, chance(seed, index, Stream.GOLD)),
        _filaments(world, canvas, lines),
        _scratches(world, canvas, lines),
    )


def _margin(world: MicrographWorld, species: Sequence[Species]) -> int:
    """Room for a particle outside the image and for what defocus smears; the canvas gets a fast length."""
    smear = 0.02 * max(abs(world.defocus[0]), abs(world.defocus[1])) / (4 * world.pixel_size**2)
    least = int(max(each.side for each in species) + min(smear, 64))
    longest = max(world.size)
    return (int(fft.next_fast_len(longest + 2 * least, real=True)) - longest + 1) // 2


def _particles(
    world: MicrographWorld,
    species: Sequence[Species],
    margin: int,
    blocked: NDArray[np.bool_],
    seed: int,
    index: int,
) -> Particles:
    """As many as the world asks for in the image, and as dense a crowd just outside where edges may cut.

    Layers share them. Their heights are not told apart: some hundred Angstroms of defocus change little at the
    resolution of picking.
    """
    rng = chance(seed, index, Stream.PLACEMENT)
    size, radius = np.array(world.size), max(each.diameter for each in species) / 2
    count = int(rng.integers(world.particles[0], world.particles[1] + 1))
    low, high = np.zeros(2) + radius, size - 1 - radius
    if world.edge_particles:
        low, high = np.zeros(2) - radius, size - 1 + radius
        count = round(count * float(np.prod(high - low) / np.prod(size)))
    distances = np.full(count, 2 * radius * world.spacing)
    distances[count - round(count * world.overlapping) :] /= 2
    layers = [
        place(low + margin, high + margin, distances[layer :: world.layers], blocked, rng, world.sticking)
        for layer in range(world.layers)
    ]
    centres = np.concatenate(layers)
    return _turned(centres, len(species), chance(seed, index, Stream.ORIENTATION))


def _turned(centres: NDArray[np.float64], kinds: int, rng: np.random.Generator) -> Particles:
    count = len(centres)
    return Particles(centres, rng.integers(0, kinds, size=count), random_rotations(count, rng))


def _clutter(
    world: MicrographWorld,
    species: Sequence[Species],
    others: Sequence[Species],
    margin: int,
    blocked: NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[Particles, NDArray[np.bool_]]:
    """Aggregates and distractors, and the mask of where no particle may lie for them."""
    diameter = max(each.diameter for each in species)
    low, high = np.zeros(2) + margin, np.array(world.size) - 1.0 + margin
    number = int(rng.integers(world.aggregates[0], world.aggregates[1] + 1))
    seeds = place(low, high, np.full(number, 6 * diameter), blocked, rng)
    members = np.concatenate(
        [np.zeros((0, 2)), *(clump(each, diameter, rng, world.aggregate_steps) for each in seeds)]
    )
    taken = blocked | _discs(blocked.shape, members, diameter)
    number = int(rng.integers(world.distractor_count[0], world.distractor_count[1] + 1))
    width = max((each.diameter for each in others), default=0.0)
    loose = place(low, high, np.full(number, width), taken, rng)
    both = _turned(np.concatenate([members, loose]), len(species), rng)
    if len(loose):
        both.kinds[len(members) :] = len(species) + rng.integers(0, len(others), size=len(loose))
    return both, taken | _discs(blocked.shape, loose, (diameter + width) / 2)


def _discs(shape: tuple[int, ...], centres: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    mask = np.zeros(shape, dtype=bool)
    y, x = np.ogrid[: shape[0], : shape[1]]
    for centre in centres:
        mask |= (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    return mask


def _carbon(world: MicrographWorld, canvas: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    if rng.uniform() >= world.carbon_probability:
        return np.zeros(canvas, np.float32)
    radius = world.hole_diameter / 2 / world.pixel_size
    depth = (canvas[0] - world.size[0]) / 2 + rng.uniform(*world.carbon_depth) * min(world.size)
    return carbon_film(canvas, radius, float(depth / max(canvas)), rng)


def _contamination(
    world: MicrographWorld, canvas: tuple[int, int], margin: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Thickness (A) of the ice that fell on the specimen: rounded blobs and six-cornered crystals."""
    thickness = np.zeros(canvas, np.float32)
    for _ in range(int(rng.integers(world.contamination[0], world.contamination[1] + 1))):
        diameter = rng.uniform(*world.contamination_diameter)
        blob = contamination_blob(diameter / 2 / world.pixel_size, int(rng.choice([0, 0, 6])), rng)
        centre = rng.uniform(np.zeros(2), world.size) + margin
        corner = np.round(centre).astype(np.intp) - len(blob) // 2
        add_patch(thickness, blob * np.float32(diameter), corner)
    return thickness


def _number(count: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(count[0], count[1] + 1))


def _gold(world: MicrographWorld, canvas: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Where gold beads lie, 0 to 1."""
    beads = np.zeros(canvas, np.float32)
    for _ in range(_number(world.gold, rng)):
        radius = rng.uniform(*world.gold_diameter) / 2 / world.pixel_size
        centre = rng.uniform(np.zeros(2), canvas)
        reach = int(np.ceil(radius)) + 1
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        corner = np.floor(centre).astype(np.intp) - reach
        away = np.hypot(y - centre[0] % 1, x - centre[1] % 1)
        add_patch(beads, np.clip(radius - away + 0.5, 0, 1).astype(np.float32), corner)
    return np.minimum(beads, 1)


def _filaments(
    world: MicrographWorld, canvas: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Protein along the beam (A) through round filaments that bend a little."""
    protein = np.zeros(canvas, np.float32)
    for _ in range(_number(world.filaments, rng)):
        radius = rng.uniform(*world.filament_width) / 2
        away = distance_to_arc(canvas, rng) * world.pixel_size
        protein += 2 * np.sqrt(np.maximum(radius**2 - away**2, 0))
    return protein.astype(np.float32)


def _scratches(
    world: MicrographWorld, canvas: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Relative change of brightness by cracks, which are bright, and by scratches and wrinkles, which are dark."""
    change = np.zeros(canvas, np.float32)
    for _ in range(_number(world.scratches, rng)):
        width = max(rng.uniform(*world.scratch_width) / world.pixel_size, 1.0)
        strength = rng.uniform(0.05, 0.4) * rng.choice([-1, 1])
        change += strength * np.exp(-0.5 * (distance_to_arc(canvas, rng) / (width / 2)) ** 2)
    return change.astype(np.float32)


def distance_to_arc(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Distance (px) of each pixel (y, x) from a random line across the image that bends a little."""
    through, angle = rng.uniform(np.zeros(2), shape), rng.uniform(0, 2 * np.pi)
    radius = max(shape) * 10 ** rng.uniform(0, 2)
    centre = through + radius * np.array([np.sin(angle), np.cos(angle)])
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray(np.abs(np.hypot(y - centre[0], x - centre[1]) - radius), dtype=np.float32)


def patches(shape: tuple[int, int], share: float, size: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random part of an image (y, x) in patches about so large (px), of that share of its area."""
    coarse = [max(3, int(side / size) + 3) for side in shape]
    field = ndimage.zoom(
        rng.normal(size=coarse), np.array(shape) / coarse, order=1, grid_mode=True, mode="nearest"
    )
    return np.asarray(field[: shape[0], : shape[1]] < np.quantile(field, share))


def painted_phase(
    world: MicrographWorld,
    canvas: tuple[int, int],
    species: Sequence[Species],
    particles: Particles,
) -> NDArray[np.float32]:
    """Phase shift (rad) of particles against the ice they displace, on the canvas (y, x)."""
    phase = np.zeros(canvas, np.float32)
    pixel = np.round(particles.centres).astype(np.intp)
    for kind, each in enumerate(species):
        chosen = np.flatnonzero(particles.kinds == kind)
        offsets = (particles.centres - pixel)[chosen]
        lengths = project(each.map, particles.rotations[chosen], offsets, each.side, world.pixel_size)
        for image, place_of in zip(lengths, pixel[chosen], strict=True):
            add_patch(phase, image, place_of - each.side // 2)
    return phase * np.float32(protein_phase(world.voltage))
