"""A folder of simulated tomograms: MRC files and a copick project, with the truth in both ways."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from motes.formats.copick import CopickObject, picks_file, tomogram_file, write_config, write_picks_file
from motes.formats.images import write_image
from motes.formats.ome_zarr import write_ome_zarr
from motes.formats.picks import write_picks
from motes.output import explained
from motes.simulate.scene import is_file
from motes.simulate.tomogram_world import TomogramWorld
from motes.simulate.tomograms import SimulatedTomogram, simulate_tomogram
from motes.simulate.write import JOURNAL, made_before, note_down, write_parameters

USER, SESSION = "simulation", "0"
KINDS = ("wbp", "denoised")
# Hues far from one another, one for each class in turn: red, green, blue, alpha.
COLOURS = ((51, 204, 51), (230, 51, 51), (26, 178, 230), (240, 200, 20), (204, 51, 204), (245, 130, 30))


def write_tomograms(
    world: TomogramWorld,
    out: Path,
    count: int,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write tomograms 1 to count of a run into a folder and return the paths of their MRC files.

    OUT/tomograms/TS_0001.mrc (float32), the same below OUT/tomograms_denoised, OUT/picks/TS_0001.csv (the truth),
    OUT/parameters.json; and once more as a copick project: OUT/config.json, OUT/copick (tomograms of type wbp and
    denoised, picks of user simulation, session 0), OUT/overlay (empty). Tomograms that are there already are kept;
    overwrite removes an earlier run first, not what others put into the overlay. progress is called with the
    number done and count. Raises OutputError where the folder cannot be written, or holds tomograms of another
    world, seed or version and overwrite is not set; RecipeError where the particles do not fit in.
    """
    if overwrite:
        remove_tomograms(out)
    origin = _origin(world, seed)
    made = made_before(out, origin)
    names = [f"TS_{number:04d}" for number in range(1, count + 1)]
    _write_project(world, out)
    for index, name in enumerate(names):
        key = f"{name}.mrc"
        if not (key in made and all(path.exists() for path in _files(world, out, name))):
            tomogram = simulate_tomogram(world, seed, index)
            _write_one(world, tomogram, out, name)
            made[key] = tomogram.parameters
            note_down(out, origin, key, tomogram.parameters)
        if progress is not None:
            progress(index + 1, count)
    write_parameters(out, origin, made)
    return [_mrc(out, "wbp", name) for name in names]


def _mrc(out: Path, kind: str, name: str) -> Path:
    return out / ("tomograms" if kind == "wbp" else f"tomograms_{kind}") / f"{name}.mrc"


def _table(out: Path, name: str) -> Path:
    return out / "picks" / f"{name}.csv"


def _zarr(world: TomogramWorld, out: Path, kind: str, name: str) -> Path:
    return tomogram_file(out / "copick", name, kind, world.voxel_size)


def _picks(world: TomogramWorld, out: Path, name: str) -> list[Path]:
    """The files of picks of a tomogram in the project, one for each class."""
    return [picks_file(out / "copick", name, USER, SESSION, each.name) for each in world.classes]


def _files(world: TomogramWorld, out: Path, name: str) -> list[Path]:
    """All that is written of one tomogram."""
    volumes = [path for kind in KINDS for path in (_mrc(out, kind, name), _zarr(world, out, kind, name))]
    return [*volumes, _table(out, name), *_picks(world, out, name)]


def _write_one(world: TomogramWorld, tomogram: SimulatedTomogram, out: Path, name: str) -> None:
    for kind, image in zip(KINDS, (tomogram.image, tomogram.denoised), strict=True):
        write_image(_mrc(out, kind, name), image.data, world.voxel_size)
        write_ome_zarr(_zarr(world, out, kind, name), image.data, world.voxel_size)
    picks = tomogram.picks
    for each, path in zip(world.classes, _picks(world, out, name), strict=True):
        points = picks.points[picks.classes == each.name]
        write_picks_file(
            path, points, world.voxel_size, object_name=each.name, user=USER, session=SESSION, run=name
        )
    table = replace(picks, points=picks.points.round(4), extra={})  # angles are of no use to picking
    write_picks(_table(out, name), table, format="csv", image_name=f"{name}.mrc")


def _write_project(world: TomogramWorld, out: Path) -> None:
    (out / "overlay").mkdir(parents=True, exist_ok=True)
    write_config(
        out / "config.json",
        copick_objects(world),
        static_root=out / "copick",
        overlay_root=out / "overlay",
        name="simulated tomograms",
    )


def copick_objects(world: TomogramWorld) -> Sequence[CopickObject]:
    """The classes of a world as objects of a copick project; the label is the number of the class, from 1."""
    return [
        CopickObject(
            each.name,
            label,
            radius=each.diameter / 2,
            color=(*COLOURS[(label - 1) % len(COLOURS)], 255),
            metadata={"score_weight": each.weight},
        )
        for label, each in enumerate(world.classes, start=1)
    ]


def _origin(world: TomogramWorld, seed: int) -> dict[str, Any]:
    """All that decides the voxels: a folder holds tomograms of one origin only."""
    described = json.loads(world.model_dump_json())
    files = [Path(each.structure) for each in world.classes if is_file(each.structure)]
    hashes = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
    return {"motes": version("motes"), "seed": seed, "world": described, "structure_files": hashes}


def remove_tomograms(out: Path) -> None:
    """Remove the record of an earlier run and what it made, nothing else; the overlay stays."""
    with explained(out):
        for record in (JOURNAL, "parameters.json"):
            (out / record).unlink(missing_ok=True)
        for path in sorted(out.glob("tomograms/TS_[0-9]*.mrc")):
            _mrc(out, "denoised", path.stem).unlink(missing_ok=True)
            _table(out, path.stem).unlink(missing_ok=True)
            shutil.rmtree(out / "copick" / "ExperimentRuns" / path.stem, ignore_errors=True)
            path.unlink()
