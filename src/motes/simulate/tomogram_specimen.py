"""What lies in the ice of one simulated tomogram: particles, other proteins, membranes, filaments, gold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from motes.errors import RecipeError
from motes.simulate.chance import chance
from motes.simulate.orientations import random_rotations
from motes.simulate.placement import overlap
from motes.simulate.structures import PROTEIN_DALTON_PER_CUBIC_ANGSTROM
from motes.simulate.tomogram_clutter import (
    GOLD_DENSITY,
    filament_patches,
    filament_path,
    sheet,
    soft_ball,
    vesicle,
)
from motes.simulate.tomogram_ice import Ice
from motes.simulate.tomogram_shapes import Molecule, molecule, turned
from motes.simulate.tomogram_world import TomogramClass, TomogramWorld

TURNS, PLACES = 12, 150  # how often a particle is turned anew, and places that are tried each time
OTHER_TURNS = 1  # of the other proteins, of which some may be left out
OTHERS = 12  # kinds of other proteins in a run
OTHER_SHAPES = ("assembly_C1", "assembly_C2", "assembly_C3", "assembly_D2", "random_solid", "random_arms")
TRIAL, TRIAL_VOXEL = 100.0, 8.0  # A: extent and voxel at which a shape's volume is measured first
SHEETS_TRIED = 3  # places for a membrane across the whole field
MEMBRANE = 0.15  # density (protein is 1) above which membranes and filaments keep others out


class Stream(IntEnum):
    """The independent streams of chance of one tomogram."""

    COUNTS = 100
    PARTICLES = 101
    MEMBRANES = 102
    FILAMENTS = 103
    GOLD = 104
    OTHERS = 105
    OPTICS = 106
    ALIGNMENT = 107
    ICE = 108
    SHOT = 109
    OTHER_KINDS = 110


@dataclass(frozen=True)
class Specimen:
    """A specimen before the microscope looks at it.

    density: (z, y, x) float32, protein as 1 and ice as 0. centres: (n, 3) z, y, x px; kinds: (n,) index into the
    world's classes; rotations: (n, 3, 3) on x, y, z. clutter: how many there are of what else lies in it.
    """

    density: NDArray[np.float32]
    centres: NDArray[np.float64]
    kinds: NDArray[np.intp]
    rotations: NDArray[np.float64]
    clutter: dict[str, int]


def build_specimen(world: TomogramWorld, seed: int, index: int) -> Specimen:
    """Draw what lies in one tomogram of a run. Raises RecipeError where the particles do not fit in."""
    ice = Ice(world)
    counts = draw_counts(world, chance(seed, index, Stream.COUNTS))
    membranes = _add_membranes(ice, world, chance(seed, index, Stream.MEMBRANES))
    filaments = _add_filaments(ice, world, chance(seed, index, Stream.FILAMENTS))
    centres, kinds, rotations = _add_particles(ice, world, counts, chance(seed, index, Stream.PARTICLES))
    gold = _add_gold(ice, world, chance(seed, index, Stream.GOLD))
    others = _add_others(ice, world, seed, chance(seed, index, Stream.OTHERS))
    clutter = {**membranes, "filaments": filaments, "gold": gold, "other_proteins": others}
    return Specimen(ice.density, centres, kinds, rotations, clutter)


def draw_counts(world: TomogramWorld, rng: np.random.Generator) -> list[int]:
    """How many particles of each class there are in a tomogram: as asked for, or by chance about the usual number."""
    drawn = []
    for each in world.classes:
        usual = int(rng.poisson(each.usual * world.share * world.density))
        low, high = world.counts.get(each.name, (usual, usual))
        drawn.append(max(world.least, int(rng.integers(low, high + 1))))
    return drawn


@lru_cache(maxsize=16)
def class_molecule(kind: TomogramClass, voxel_size: float) -> Molecule:
    """The molecule of a class, for voxels of that size (A): the same one in every tomogram."""
    rng = np.random.default_rng(0)  # names that mean a random shape always give the same one
    return molecule(kind.structure, kind.diameter, kind.mass, voxel_size, rng)


def _add_particles(
    ice: Ice, world: TomogramWorld, counts: Sequence[int], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Largest first, so that all find room; returned by class."""
    found: dict[int, list[tuple[NDArray[np.float64], NDArray[np.float64]]]] = {}
    for kind in np.argsort([-each.diameter for each in world.classes], kind="stable"):
        each = world.classes[kind]
        made, gap = class_molecule(each, world.voxel_size), world.gap / world.voxel_size
        _check_fits(each, made, world)
        radius = max(each.diameter, made.diameter) / 2 / world.voxel_size
        found[int(kind)] = places = []
        for number in range(counts[kind]):
            place = _put(ice, made, ice.corners(radius, radius), gap, TURNS, rng)
            if place is None:
                raise RecipeError(
                    f"only {number} of {counts[kind]} {each.name} find room in {world.size} voxels; ask for fewer "
                    "particles (density, least, counts), less clutter, or a larger volume"
                )
            places.append(place)
    kinds = [kind for kind in sorted(found) for _ in found[kind]]
    together = [place for kind in sorted(found) for place in found[kind]]
    centres = np.array([centre for centre, _ in together]).reshape(-1, 3)
    rotations = np.array([rotation for _, rotation in together]).reshape(-1, 3, 3)
    return centres, np.array(kinds, dtype=np.intp), rotations


def _check_fits(kind: TomogramClass, made: Molecule, world: TomogramWorld) -> None:
    if made.diameter > world.room:
        raise RecipeError(
            f"the structure of {kind.name} ({kind.structure}) is {made.diameter:.0f} A across and does not fit into "
            f"{world.room:g} A of ice; make the volume larger"
        )


def _put(
    ice: Ice,
    made: Molecule,
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
    gap: float,
    turns: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Put a molecule where there is room: its centre (z, y, x; px) and rotation, or None where none is found."""
    for rotation in random_rotations(turns, rng):
        part = rng.uniform(-0.5, 0.5, size=3)  # of a voxel
        lies = turned(made, part, rotation, gap)
        for centre in _whole_voxels(corners, part, rng):
            corner = lies.corner + centre
            if ice.is_free(lies.taken, corner):
                ice.add(lies.density, lies.taken, corner)
                return centre + part, rotation
    return None


def _whole_voxels(
    corners: tuple[NDArray[np.float64], NDArray[np.float64]],
    part: NDArray[np.float64],
    rng: np.random.Generator,
) -> Iterator[NDArray[np.intp]]:
    """Voxels at random that lie, with that part of a voxel added, between two corners (z, y, x; px)."""
    low = np.ceil(corners[0] - part).astype(np.intp)
    high = np.maximum(np.floor(corners[1] - part).astype(np.intp), low)
    yield from rng.integers(low, high + 1, size=(PLACES, 3))


def _add_membranes(ice: Ice, world: TomogramWorld, rng: np.random.Generator) -> dict[str, int]:
    """Membranes that do not cross; those that find no room are left out."""
    wanted = {
        "sheets": int(rng.poisson(world.sheets * world.breadth)),
        "vesicles": int(rng.poisson(world.vesicles * world.share)),
    }
    sheets = sum(_put_sheet(ice, world, rng) for _ in range(wanted["sheets"]))
    vesicles = sum(_put_vesicle(ice, world, rng) for _ in range(wanted["vesicles"]))
    return {"sheets": sheets, "vesicles": vesicles}


def _put_sheet(ice: Ice, world: TomogramWorld, rng: np.random.Generator) -> bool:
    nowhere = np.zeros(3, np.intp)
    for _ in range(SHEETS_TRIED):
        made = sheet(world.size, world.voxel_size, ice.low, ice.high, rng)
        if ice.is_free(made > MEMBRANE, nowhere):
            ice.add(made, made > MEMBRANE, nowhere)
            return True
    return False


def _put_vesicle(ice: Ice, world: TomogramWorld, rng: np.random.Generator) -> bool:
    diameter, room = float(rng.uniform(*world.vesicle_diameter)), ice.high - ice.low
    flatness = min(1.0, 0.9 * room * world.voxel_size / diameter)
    made = vesicle(diameter, flatness, world.voxel_size, rng)
    bounds = ice.corners(min(diameter / world.voxel_size, room) / 2, 0)
    for centre in _whole_voxels(bounds, np.zeros(3), rng):
        corner = centre - np.array(made.shape) // 2
        if ice.is_free(made > MEMBRANE, corner):
            ice.add(made, made > MEMBRANE, corner)
            return True
    return False


def _add_filaments(ice: Ice, world: TomogramWorld, rng: np.random.Generator) -> int:
    """Filaments that end where they meet a membrane."""
    number, membranes = int(rng.poisson(world.filaments * world.breadth)), ice.taken.copy()
    for _ in range(number):
        radius = float(rng.uniform(*world.filament_width)) / 2
        inset = min(
            1.2 * radius / world.voxel_size, 0.49 * (ice.high - ice.low)
        )  # in thin ice along its middle
        path = filament_path(world.size, ice.low + inset, ice.high - inset, rng)
        patches = filament_patches(radius, world.voxel_size)
        for step, point in enumerate(np.round(path).astype(np.intp)):
            patch = patches[step % len(patches)]
            inner, outer = overlap(world.size, patch.shape, point - len(patch) // 2)
            if membranes[outer].any():
                break
            ice.density[outer] = np.maximum(ice.density[outer], patch[inner])
            ice.taken[outer] |= patch[inner] > MEMBRANE
    return number


def _add_gold(ice: Ice, world: TomogramWorld, rng: np.random.Generator) -> int:
    """Beads where there is room; few, so that none finds none."""
    number = 0
    for _ in range(int(rng.poisson(world.gold * world.share))):
        radius = float(rng.uniform(*world.gold_diameter)) / 2
        part = rng.uniform(-0.5, 0.5, size=3)
        bead = soft_ball(radius, part, world.voxel_size)
        taken = bead > 0
        for centre in _whole_voxels(ice.corners(radius / world.voxel_size, 0), part, rng):
            corner = centre - len(bead) // 2
            if ice.is_free(taken, corner):
                ice.add(bead * np.float32(GOLD_DENSITY), taken, corner)
                number += 1
                break
    return number


def _add_others(ice: Ice, world: TomogramWorld, seed: int, rng: np.random.Generator) -> int:
    """Other proteins, as crowded as the world says; what finds no place is left out."""
    volume = world.crowding * world.ice_thickness * world.size[1] * world.size[2] * world.voxel_size**2
    kinds = other_proteins(world.other_mass, world.voxel_size, seed) if volume else ()
    number = 0
    while volume > 0:
        made, mass = kinds[int(rng.integers(len(kinds)))]
        volume -= mass * 1e3 / PROTEIN_DALTON_PER_CUBIC_ANGSTROM
        radius = min(made.diameter / 2 / world.voxel_size, (ice.high - ice.low) / 2)
        number += _put(ice, made, ice.corners(radius, 0), 0.0, OTHER_TURNS, rng) is not None
    return number


@lru_cache(maxsize=4)
def other_proteins(
    masses: tuple[float, float], voxel_size: float, seed: int
) -> tuple[tuple[Molecule, float], ...]:
    """The proteins of a run that are not to be found, and their masses (kDa); voxel_size in A."""
    rng = chance(seed, 0, Stream.OTHER_KINDS)
    masses_drawn = rng.uniform(*masses, size=OTHERS)
    return tuple(
        (
            _other(str(rng.choice(OTHER_SHAPES)), float(mass), voxel_size, int(rng.integers(2**31))),
            float(mass),
        )
        for mass in masses_drawn
    )


def _other(shape: str, mass: float, voxel_size: float, seed: int) -> Molecule:
    """A protein of that shape and mass (kDa), as large as makes it as dense as protein."""
    wanted = mass * 1e3 / PROTEIN_DALTON_PER_CUBIC_ANGSTROM
    trial = molecule(shape, TRIAL, None, TRIAL_VOXEL, np.random.default_rng(seed))
    filled = float(trial.density.sum(dtype=np.float64)) * (trial.step * TRIAL_VOXEL) ** 3
    diameter = max(TRIAL * (wanted / filled) ** (1 / 3), 3 * voxel_size)
    return molecule(shape, float(diameter), mass, voxel_size, np.random.default_rng(seed))
