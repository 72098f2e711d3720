"""The data of a study: a table of images with their groups, simulated where the study asks for that."""

import glob
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import ValidationError

from motes.data.sources import COLUMNS, PARTS, Part, read_data_rows, write_data_rows
from motes.errors import InputError, OutputError, RecipeError
from motes.figures.pages import counted
from motes.formats.stores import is_store
from motes.jobs.simulate import WorldsRequest, simulate_worlds
from motes.jobs.telling import Teller
from motes.simulate import MicrographWorld, write_micrographs
from motes.simulate.worlds import Worlds
from motes.study.bead_data import folds_of_densities, rows_of_beads
from motes.study.data_description import Division, DrawnWorlds, Simulated
from motes.study.division import Fold, folds_of
from motes.study.folder import Folder
from motes.study.tomogram_data import rows_of_tomograms

Row = Mapping[str, str]
MOST_NAMED = 12  # groups of one part


class WithData(Protocol):
    """What a study, or a search, says of its data."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def data(self) -> Simulated | None:
        """Simulated data; None: a table is given."""

    @property
    def division(self) -> Division:
        """Which groups are trained on, validated on and tested on."""


def lay_out_data(study: WithData, table: Path | None, folder: Folder, teller: Teller) -> int:
    """Write the study's table and the table of each fold; returns the number of folds.

    table: of the user's data, None for a study with simulated data. A study goes on with the table that it began with:
    raises OutputError where another is given. InputError where there is no data, or too few groups.
    """
    rows = _simulated_rows(study, folder, teller) if table is None else _rows_of(table, teller)
    check_rows(rows)
    changed = folder.table.is_file() and read_data_rows(folder.table) != list(rows)
    if changed and not folder.planned:
        folder.forget_pieces()
    elif changed:
        raise OutputError(
            f"{folder.path} began with other data than these (see {folder.table}); give the same table, or another "
            "folder"
        )
    write_data_rows(folder.table, rows)
    folds, names = _named_folds(study, rows, densities=() if table is not None else densities_of(study.data))
    for number, (fold, name) in enumerate(zip(folds, names, strict=True)):
        teller.say(f"{name}: {_parts_in_words(fold)}")
        used = [row for row in rows if row["group"] in fold]  # a sample leaves out what the others have
        write_data_rows(folder.fold(number), [{**row, "split": fold[row["group"]]} for row in used])
    return len(folds)


def densities_of(data: Simulated | None) -> tuple[int, ...]:
    """Objects in an image of each density of a series of simulated images; empty without a series."""
    return () if data is None else data.densities


def _named_folds(
    study: WithData, rows: list[dict[str, str]], densities: Sequence[int]
) -> tuple[list[Fold], list[str]]:
    """The folds, and what each is called: a density of a series, a sample, or a fold."""
    if densities:
        return folds_of_densities(rows, densities), [f"{counted(n, 'object')} an image" for n in densities]
    folds = folds_of([row["group"] for row in rows], study.division, _given_parts(rows))
    what = "sample" if study.division.samples > 1 else "fold"
    return folds, [f"{what} {number}" for number in range(len(folds))]


def _rows_of(table: Path, teller: Teller) -> list[dict[str, str]]:
    """The rows of a table with their groups; a warning where rows name none."""
    rows = read_data_rows(table)
    alone = sum(not row["group"] for row in rows)
    if alone:
        teller.warn(
            f"{alone} of {len(rows)} rows in {table} name no group, so each is a group of its own; images of one "
            "protein belong to one group, or the study tests on what it was trained on"
        )
    return grouped(rows)


def grouped(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The rows, each with a group: a row that names none is a group of its own."""
    return [{**row, "group": row["group"] or row["image"]} for row in rows]


def check_rows(rows: Sequence[Row]) -> None:
    """InputError for a row whose images or labels are not there, and for an image of two groups."""
    group_of: dict[Path, str] = {}
    for number, row in enumerate(rows, start=2):
        for word in (row["image"], row["picks"] or row["masks"]):
            if not _files_of(word):
                raise InputError(f"row {number} of the table: {word} does not exist; correct the path")
        for path in _files_of(row["image"]):
            other = group_of.setdefault(path, row["group"])
            if other != row["group"]:
                raise InputError(
                    f"row {number} of the table: {path} is of the groups {other!r} and {row['group']!r}; an image is "
                    "of one group, or it could be trained on and tested on"
                )


def _files_of(word: str) -> list[Path]:
    """The files that a word of a table means: of a pattern, in a folder, or one file or store."""
    if glob.has_magic(word):
        return [Path(found) for found in glob.glob(word, recursive=True)]  # noqa: PTH207 - it may be absolute
    path = Path(word)
    if path.is_dir() and not is_store(path):
        return [found for found in path.rglob("*") if found.is_file()]
    return [path] if path.exists() else []


def _parts_in_words(fold: Fold) -> str:
    """'trains on a, b; validates on c; tests on d, e'; of many groups their number."""
    told = []
    for part, verb in (("train", "trains"), ("validation", "validates"), ("test", "tests")):
        groups = [group for group, own in fold.items() if own == part]
        told.append(
            f"{verb} on {', '.join(groups) if len(groups) <= MOST_NAMED else f'{len(groups)} groups'}"
        )
    return "; ".join(told)


def _given_parts(rows: Sequence[Row]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for row in rows:
        part = PARTS[row["split"].lower()]
        if parts.setdefault(row["group"], part) != part:
            raise InputError(
                f"the group {row['group']!r} stands both in {parts[row['group']] or 'no split'} and in "
                f"{part or 'no split'}; a group is never divided, so give all of it one split, or name two groups"
            )
    return parts


def _simulated_rows(study: WithData, folder: Folder, teller: Teller) -> list[dict[str, str]]:
    if study.data is None:
        raise InputError(
            f"the study {study.name} brings no data; give a table with --data DATA.csv, with the columns image, "
            "picks or masks, and group"
        )
    if study.data.worlds is not None:
        return _rows_of_worlds(study.data, study.data.worlds, folder, teller)
    if study.data.tomograms is not None:
        samples, out = study.division.samples, folder.simulated
        return rows_of_tomograms(study.data, study.data.tomograms, samples, out, teller)
    if study.data.beads is not None:
        return rows_of_beads(study.data, study.data.beads, study.division.samples, folder.simulated, teller)
    rows: list[dict[str, str]] = []
    total = study.data.groups * study.data.images
    with teller.progress("simulating", total, "micrographs") as done:
        for number in range(study.data.groups):
            rows += simulate_group(study.data, number, folder.simulated / group_name(number))
            done(len(rows))
    return rows


def simulate_group(data: Simulated, number: int, out: Path) -> list[dict[str, str]]:
    """Make the micrographs of one group where they are missing; the rows of the table for them."""
    images = write_micrographs(world_of(data, number), out, data.images, seed=data.seed * 1000 + number)
    empty = dict.fromkeys(("masks", "split", "pixel_size", "diameter", "weight"), "")
    return [
        {
            "image": str(path.absolute()),
            "picks": str((out / "picks" / f"{path.stem}.csv").absolute()),
            "group": out.name,
            **empty,
            "diameter": f"{world_of(data, number).diameter:.2f}",
        }
        for path in images
    ]


def _rows_of_worlds(
    data: Simulated, counts: DrawnWorlds, folder: Folder, teller: Teller
) -> list[dict[str, str]]:
    """The rows of simulated micrographs that each differ in everything; a group is all of one structure."""
    rows = []
    for offset, (part, count) in enumerate(counts.model_dump().items()):
        out = folder.simulated / part
        request = WorldsRequest(seed=3 * data.seed + offset, held_out=part == "test")
        drawn = simulate_worlds(request, out, count, teller=teller)
        rows += [_world_row(out, part, each) for each in drawn]
    return rows


def _world_row(out: Path, part: str, drawn: Mapping[str, Any]) -> dict[str, str]:
    image = Path(drawn["image"])
    return dict.fromkeys(COLUMNS, "") | {
        "image": str((out / "images" / image).absolute()),
        "picks": str((out / "picks" / f"{image.stem}.csv").absolute()),
        "group": f"{drawn['structures'][0]} ({part})" if part == "validation" else drawn["structures"][0],
        "split": part,
        "diameter": f"{Worlds().across:g}px",
    }


def group_name(number: int) -> str:
    """protein-1, ..."""
    return f"protein-{number + 1}"


def world_of(data: Simulated, number: int) -> MicrographWorld:
    """The simulation of one group: its structure in turn, and what varies between groups from the group's own draws.

    RecipeError for fields that the simulation does not have, or values that it cannot take.
    """
    rng = np.random.default_rng([data.seed, number, 0x6809])
    fields: dict[str, Any] = dict(data.world)
    structures = fields.get("structures") or MicrographWorld().structures
    fields["structures"] = (structures[number % len(structures)],)
    for name, (low, high) in sorted(data.vary.items()):
        if not 0 < low <= high:
            raise RecipeError(
                f"study: data.vary.{name} is ({low:g}, {high:g}); expected two numbers above 0, the lower first"
            )
        fields[name] = round(math.exp(rng.uniform(math.log(low), math.log(high))), 4)
    try:
        return MicrographWorld.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise RecipeError(f"study: data: {name} cannot be {first['input']!r}: {first['msg']}") from None
