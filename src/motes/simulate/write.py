"""A folder of simulated micrographs: images, truth, RELION's index, parameters."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from motes.errors import OutputError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.formats.relion import write_micrographs_star
from motes.output import explained, write_text
from motes.picks import Picks
from motes.simulate.micrographs import SimulatedMicrograph, simulate_micrograph
from motes.simulate.scene import is_file
from motes.simulate.world import MicrographWorld

JOURNAL = ".parameters.jsonl"
Progress = Callable[[int, int], None]


def write_micrographs(
    world: MicrographWorld,
    out: Path,
    count: int,
    seed: int = 0,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write micrographs 1 to count of a run into a folder and return the paths of their images.

    OUT/images/mic_0001.mrc (float32, electrons), OUT/picks/mic_0001.csv (the truth), OUT/micrographs.star,
    OUT/parameters.json. Images that are there already are kept; overwrite removes an earlier run first.
    While it runs, each image adds a line to a journal, which parameters.json takes up at the end.
    progress is called with the number done and count. Raises OutputError where the folder cannot be
    written, or holds micrographs of another world, seed or version and overwrite is not set.
    """
    if overwrite:
        remove_run(out)
    origin = _origin(world, seed)
    made = made_before(out, origin)
    paths = [out / "images" / f"mic_{number:04d}.mrc" for number in range(1, count + 1)]
    for index, path in enumerate(paths):
        picks = out / "picks" / f"{path.stem}.csv"
        if not (path.name in made and path.is_file() and picks.is_file()):
            micrograph = simulate_micrograph(world, seed, index)
            _write_one(micrograph, path, picks)
            made[path.name] = micrograph.parameters
            note_down(out, origin, path.name, micrograph.parameters)
        if progress is not None:
            progress(index + 1, count)
    write_parameters(out, origin, made)
    _write_index(world, out, [out / "images" / name for name in sorted(made)])
    return paths


def _write_one(micrograph: SimulatedMicrograph, image: Path, picks: Path) -> None:
    write_image(image, micrograph.image.data, micrograph.image.pixel_size)
    write_picks(picks, _columns(micrograph.picks), format="csv", image_name=image.name)


def _columns(picks: Picks) -> Picks:
    """The truth as it goes into the file: to 0.001 px, without the angles, of no use to picking."""
    extra = {"visibility": picks.extra["visibility"].round(3), "snr": picks.extra["snr"].round(4)}
    return replace(picks, points=picks.points.round(3), extra=extra)


def _write_index(world: MicrographWorld, out: Path, images: list[Path]) -> None:
    write_micrographs_star(
        out / "micrographs.star",
        [image.as_posix() for image in images],
        pixel_size=world.pixel_size,
        voltage=world.voltage,
        spherical_aberration=world.spherical_aberration,
        amplitude_contrast=world.amplitude_contrast,
    )


def _origin(world: MicrographWorld, seed: int) -> dict[str, Any]:
    """All that decides the pixels: a folder holds micrographs of one origin only."""
    files = [Path(name) for name in (*world.structures, *world.distractors) if is_file(name)]
    hashes = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
    described = json.loads(world.model_dump_json())
    return {"motes": version("motes"), "seed": seed, "world": described, "structure_files": hashes}


def write_parameters(out: Path, origin: dict[str, Any], made: dict[str, Any]) -> None:
    """Write the whole record, journal included, which is done with then."""
    record = origin | {"images": dict(sorted(made.items()))}
    write_text(out / "parameters.json", json.dumps(record, indent=1) + "\n")
    (out / JOURNAL).unlink(missing_ok=True)


def note_down(out: Path, origin: dict[str, Any], name: str, parameters: dict[str, Any]) -> None:
    """Add a line to the journal; to write the whole record for each image would take ever longer."""
    if not (out / "parameters.json").is_file():
        write_parameters(out, origin, {})
    path = out / JOURNAL
    with explained(path), path.open("a", encoding="utf-8") as journal:
        journal.write(json.dumps([name, parameters]) + "\n")


def _noted_down(out: Path) -> dict[str, Any]:
    """What a call that was stopped left in its journal; its last line may be cut off, and does not count."""
    path = out / JOURNAL
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    return dict(json.loads(line) for line in lines if line.endswith("\n"))


def made_before(out: Path, origin: dict[str, Any]) -> dict[str, Any]:
    """The parameters of each image made by an earlier call with the same world and seed."""
    path = out / "parameters.json"
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        made = dict(record.pop("images")) | _noted_down(out)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OutputError(
            f"{path} is not a record of motes; choose another folder, or overwrite it"
        ) from None
    if record != origin:
        raise OutputError(
            f"{out} holds images that were made otherwise ({', '.join(_differences(record, origin))}); "
            "choose another folder, the same settings, or overwrite it"
        )
    write_parameters(out, origin, made)  # so that the journal begins anew, without a line that was cut off
    return made


def remove_run(out: Path, images: str = "mic_[0-9]*.mrc") -> None:
    """Remove the record of an earlier run and the files that it made, nothing else."""
    with explained(out):
        for record in (JOURNAL, "parameters.json"):
            (out / record).unlink(missing_ok=True)
        for image in out.glob(f"images/{images}"):
            (out / "picks" / f"{image.stem}.csv").unlink(missing_ok=True)
            image.unlink()


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """What differs, as 'snr: 0.1 there, 0.2 now'."""
    old, new = ({**each, **each.get("world", {}), "world": None} for each in (found, wanted))
    return [f"{key}: {old.get(key)} there, {new.get(key)} now"
            for key in sorted({*old, *new}) if old.get(key) != new.get(key)]  # fmt: skip
