"""A folder of simulated images of beads: images, outlines, centres, parameters."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.output import explained
from motes.simulate.bead_world import BeadWorld
from motes.simulate.beads import SimulatedBeads, simulate_beads
from motes.simulate.write import made_before, note_down, remove_run, write_parameters

ANGSTROM_PER_MICROMETRE = 1e4
NAMES = "beads_[0-9]*.tif"


def write_beads(
    world: BeadWorld,
    out: Path,
    count: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
    overwrite: bool = False,
) -> list[Path]:
    """Write the first images of a run into a folder; those that are there already are kept.

    OUT/images/beads_0001.tif (uint8, or uint16 from 12 bits on), OUT/labels/beads_0001.tif (uint16, the number of
    the bead at each pixel, 0 beside them: masks.kind=instances), OUT/picks/beads_0001.csv (centres, diameters),
    OUT/parameters.json. Returns the paths of the images. progress is called with the number done. overwrite
    removes an earlier run first. Raises OutputError where the folder cannot be written, or holds images of another
    world, seed or version and overwrite is not set.
    """
    if overwrite:
        _remove_labels(out)
        remove_run(out, NAMES)
    origin = {"motes": version("motes"), "seed": seed, "world": world.model_dump(mode="json")}
    made = made_before(out, origin)
    paths = [out / "images" / f"beads_{number:04d}.tif" for number in range(1, count + 1)]
    for index, path in enumerate(paths):
        if not (
            path.name in made and path.is_file() and all(file.is_file() for file in _truth(out, path.name))
        ):
            beads = simulate_beads(world, seed, index)
            _write_one(beads, world, out, path.name)
            made[path.name] = beads.parameters
            note_down(out, origin, path.name, beads.parameters)
        progress(index + 1)
    write_parameters(out, origin, made)
    return paths


def _write_one(beads: SimulatedBeads, world: BeadWorld, out: Path, name: str) -> None:
    labels, table = _truth(out, name)
    extra: dict[str, Any] = {**beads.picks.extra, "depth": beads.picks.extra["depth"].round(3)}
    diameters = None if beads.picks.diameters is None else beads.picks.diameters.round(3)
    picks = replace(beads.picks, points=beads.picks.points.round(3), diameters=diameters, extra=extra)
    pixel_size = world.pixel_size * ANGSTROM_PER_MICROMETRE
    kind = np.uint16 if len(picks) < 2**16 else np.uint32
    write_picks(table, picks, format="csv", image_name=name)
    write_image(labels, beads.labels.astype(kind), pixel_size)
    write_image(out / "images" / name, beads.image, pixel_size)


def _truth(out: Path, name: str) -> tuple[Path, Path]:
    """Where outlines and centres of an image lie."""
    return out / "labels" / name, out / "picks" / f"{Path(name).stem}.csv"


def _remove_labels(out: Path) -> None:
    with explained(out):
        for path in out.glob(f"labels/{NAMES}"):
            path.unlink()
