"""Simulate labelled images into a folder."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from motes.errors import InputError, RecipeError
from motes.jobs.telling import Silent, Teller
from motes.simulate import MicrographWorld, TomogramWorld, write_micrographs, write_tomograms
from motes.simulate.bead_folder import write_beads
from motes.simulate.bead_world import FLUORESCENT, BeadWorld
from motes.simulate.world_folder import write_worlds
from motes.simulate.worlds import HELD_OUT, Worlds


@dataclass(frozen=True)
class MicrographRequest:
    """What the user asks for; None leaves it to the world's default. Lengths are Angstrom."""

    size: str = "1024"
    pixel_size: float = 4.0
    diameter: float | None = None
    seed: int = 0
    structures: tuple[str, ...] = ()
    snr: float | None = None


def simulate_micrographs(
    request: MicrographRequest,
    out: Path,
    count: int,
    *,
    overwrite: bool = False,
    teller: Teller | None = None,
) -> list[Path]:
    """Write count micrographs and their picks below out; a rerun makes what is missing."""
    teller = teller or Silent()
    world = micrograph_world(request)
    with teller.progress("simulating", count, "micrographs") as done:
        return write_micrographs(
            world, out, count, request.seed, progress=lambda number, _: done(number), overwrite=overwrite
        )


@dataclass(frozen=True)
class WorldsRequest:
    """What the user asks for; held_out: shapes and noise that the shipped model has not seen."""

    size: int = 512
    seed: int = 0
    held_out: bool = False
    snr: float | None = None


def simulate_worlds(
    request: WorldsRequest,
    out: Path,
    count: int,
    *,
    overwrite: bool = False,
    teller: Teller | None = None,
) -> list[dict[str, Any]]:
    """Write count micrographs, each of a world of its own, below out; a rerun makes what is missing.

    Returns what was drawn for each.
    """
    teller = teller or Silent()
    changes: dict[str, object] = {"side": request.size}
    if request.snr is not None:
        changes["snr"] = (request.snr, request.snr)
    base = HELD_OUT if request.held_out else Worlds()
    worlds = Worlds.model_validate(base.model_dump() | changes)
    with teller.progress("simulating", count, "micrographs") as done:
        return write_worlds(worlds, out, count, request.seed, done, overwrite)


def micrograph_world(request: MicrographRequest) -> MicrographWorld:
    """The world that a request describes; RecipeError says which value is not possible."""
    fields: dict[str, object] = {"size": parse_size(request.size), "pixel_size": request.pixel_size}
    if request.diameter is not None:
        fields["diameter"] = request.diameter
    if request.structures:
        fields |= {"structures": request.structures, "species": len(request.structures)}
    if request.snr is not None:
        fields["snr"] = request.snr
    with _explained():
        return MicrographWorld.model_validate(fields)


@dataclass(frozen=True)
class TomogramRequest:
    """What the user asks for. voxel_size: A. density: times the usual number of particles. least: of every class."""

    size: str = "184x630x630"
    voxel_size: float = 10.0
    seed: int = 0
    density: float = 1.0
    least: int = 0


def simulate_tomograms(
    request: TomogramRequest,
    out: Path,
    count: int,
    *,
    overwrite: bool = False,
    teller: Teller | None = None,
) -> list[Path]:
    """Write count tomograms, their picks and a copick project below out; a rerun makes what is missing.

    Returns the paths of the tomograms.
    """
    teller = teller or Silent()
    world = tomogram_world(request)
    with teller.progress("simulating", count, "tomograms") as done:
        return write_tomograms(
            world, out, count, request.seed, progress=lambda number, _: done(number), overwrite=overwrite
        )


def tomogram_world(request: TomogramRequest) -> TomogramWorld:
    """The world that a request describes; RecipeError says which value is not possible."""
    fields: dict[str, object] = {
        "size": parse_size(request.size, 3),
        "voxel_size": request.voxel_size,
        "density": request.density,
        "least": request.least,
    }
    with _explained():
        return TomogramWorld.model_validate(fields)


@dataclass(frozen=True)
class BeadsRequest:
    """What the user asks for; None leaves it to the world. density: beads in an image. diameter: their mean, px."""

    size: str = "256"
    density: int = 109
    diameter: float | None = None
    fluorescence: bool = False
    seed: int = 0


def simulate_beads(
    request: BeadsRequest,
    out: Path,
    count: int,
    *,
    overwrite: bool = False,
    teller: Teller | None = None,
) -> list[Path]:
    """Write count images of beads, their outlines and centres below out; a rerun makes what is missing.

    Returns the paths of the images.
    """
    teller = teller or Silent()
    world = bead_world(request)
    with teller.progress("simulating", count, "images") as done:
        return write_beads(world, out, count, request.seed, done, overwrite)


def bead_world(request: BeadsRequest) -> BeadWorld:
    """The world that a request describes; RecipeError says which value is not possible."""
    fields: dict[str, object] = {
        "size": parse_size(request.size),
        "beads": (request.density, request.density),
    }
    if request.diameter is not None:
        fields["diameter"] = (0.95 * request.diameter, 1.05 * request.diameter)
    base = FLUORESCENT.model_dump() if request.fluorescence else {}
    with _explained():
        return BeadWorld.model_validate(base | fields)


@contextmanager
def _explained() -> Iterator[None]:
    """Say which field of a world cannot have its value."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise RecipeError(f"simulation: {name} cannot be {first['input']!r}: {first['msg']}") from None


def parse_size(text: str, ndim: int = 2) -> tuple[int, ...]:
    """(1024, 1024) from 1024, (3072, 4096) from 3072x4096; InputError for anything else."""
    if not re.fullmatch(r"\d+(x\d+)*", text):
        example = (
            "1024 or 3072x4096, height first" if ndim == 2 else "256 or 184x630x630, depth first (z, y, x)"
        )
        raise InputError(f"cannot read the size {text!r}; write it as {example}")
    numbers = tuple(int(part) for part in text.split("x"))
    if len(numbers) == 1:
        return numbers * ndim
    if len(numbers) != ndim:
        raise InputError(f"a size of {ndim} numbers is needed, found {text!r}")
    return numbers
