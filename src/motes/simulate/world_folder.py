"""A folder of simulated micrographs, each from a world of its own."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.simulate.endless import world_makers
from motes.simulate.worlds import Worlds, simulate_drawn
from motes.simulate.write import made_before, note_down, remove_run, write_parameters


def write_worlds(
    worlds: Worlds,
    out: Path,
    count: int,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
    overwrite: bool = False,
) -> list[dict[str, Any]]:
    """Write the first micrographs of a series into a folder; those that are there already are kept.

    OUT/images/world_000001.mrc (float32), OUT/picks/world_000001.csv (the truth), OUT/parameters.json (what was
    drawn for each). Returns what was drawn, in order, with the file's name as `image`. progress is called with the
    number done. overwrite removes earlier ones first. Raises OutputError where the folder cannot be written, or
    holds micrographs of other worlds, and overwrite is not set.
    """
    if overwrite:
        remove_run(out, "world_[0-9]*.mrc")
    origin = {"motes": version("motes"), "seed": seed, "world": worlds.model_dump(mode="json")}
    made = made_before(out, origin)
    names = [f"world_{number + 1:06d}.mrc" for number in range(count)]
    missing = {
        name: number for number, name in enumerate(names) if not (name in made and _is_there(out, name))
    }
    with world_makers(worlds) as pool:
        futures = {
            name: pool.submit(_write_one, worlds, seed, number, out, name) for name, number in missing.items()
        }
        for done, (name, future) in enumerate(futures.items(), start=count - len(missing) + 1):
            made[name] = future.result()
            note_down(out, origin, name, made[name])
            progress(done)
    write_parameters(out, origin, made)
    return [{"image": name, **made[name]} for name in names]


def _write_one(worlds: Worlds, seed: int, number: int, out: Path, name: str) -> dict[str, Any]:
    made = simulate_drawn(worlds, seed, number)
    extra = {key: made.picks.extra[key].round(4) for key in ("visibility", "snr")}
    picks = replace(made.picks, points=made.picks.points.round(3), extra=extra)
    write_picks(_truth(out, name), picks, format="csv", image_name=name)
    write_image(out / "images" / name, made.image.data, made.image.pixel_size)
    return made.parameters


def _truth(out: Path, name: str) -> Path:
    return out / "picks" / f"{Path(name).stem}.csv"


def _is_there(out: Path, name: str) -> bool:
    return (out / "images" / name).is_file() and _truth(out, name).is_file()
