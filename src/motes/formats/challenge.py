"""The table of the CZII challenge (Kaggle 2024, CryoET object identification): id, experiment, particle_type, x, y, z.

Angstrom from the corner of the tomogram: voxel i spans i s to (i + 1) s, with s the voxel size. An integer of motes is
the centre of a voxel, so x = (x_px + 0.5) s. So do the challenge's winners: voxel floor(x / s), and (i + 0.5) s back.
The true voxel size of its tomograms is 10.012444 A, whatever their folders are called; it comes from the image or
from --pixel-size. Scores, diameters and further columns have no place in a submission.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from motes.errors import PicksError
from motes.formats import csv_table
from motes.formats.tables import (
    NO_FACTS,
    Facts,
    FactsOf,
    PicksByImage,
    known_pixel_size,
    locate,
    require_3d,
    text_of,
    tomogram_name,
)
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".csv"
JOINED = "submission.csv"

_COLUMNS = ["id", "experiment", "particle_type", "x", "y", "z"]
_KNOWN_AS = {"experiment": "image", "particle_type": "class"}  # in motes' own tables


def matches(_path: Path, text: str) -> bool:
    """Whether the header has the challenge's column names; id may lack, as it does in tables of truth."""
    return set(_COLUMNS[1:]) <= set(csv_table.header_of(text))


def read(path: Path, text: str, facts_of: FactsOf | None) -> PicksByImage:
    """Read the picks of each experiment; PicksError where the size of its voxels is not known."""
    if not matches(path, text):
        raise PicksError(f"{path}: not a table of the challenge, whose columns are {', '.join(_COLUMNS)}")
    stored = csv_table.read(path, text, known_as=_KNOWN_AS)
    return {name: _in_voxels(picks, name, path, facts_of) for name, picks in stored.items()}


def _in_voxels(stored: Picks, name: str | None, path: Path, facts_of: FactsOf | None) -> Picks:
    voxel = known_pixel_size(NO_FACTS if facts_of is None else facts_of(name), path)
    extra = {column: values for column, values in stored.extra.items() if column != "id"}
    return replace(stored, points=stored.points / voxel - 0.5, extra=extra)


def write(path: Path, picks: Picks, image_name: str, facts: Facts) -> None:
    """Write one tomogram's picks, with ids from 0; PicksError where its voxel size or their classes are unknown."""
    require_3d(picks, path)
    if picks.classes is None and len(picks):
        raise PicksError(
            f"{path}: the challenge wants the type of each particle; say it with "
            "`motes convert ... --class apo-ferritin`"
        )
    stored = (picks.points + 0.5) * known_pixel_size(facts, path)
    name = tomogram_name(image_name)
    classes = [] if picks.classes is None else list(picks.classes)
    rows = [[name, str(kind), *map(text_of, row[::-1])] for kind, row in zip(classes, stored, strict=True)]
    _write_rows(path, rows)


def _write_rows(path: Path, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([str(number), *row] for number, row in enumerate(rows))
    write_text(path, text.getvalue())


def write_index(
    folder: Path, entries: Sequence[tuple[str, str]], _micrographs_star: str | None
) -> list[Path]:
    """Write all picks as one table, submission.csv, with ids that run through.

    Raises PicksError where two tomograms have the same name.
    """
    table = folder / JOINED
    rows, owner = [], dict[str, str]()
    for image_name, file in entries:
        other = owner.setdefault(tomogram_name(image_name), image_name)
        if other != image_name:
            raise PicksError(
                f"{table}: {other} and {image_name} would both be the experiment {tomogram_name(image_name)!r}; rename "
                "one of the tomograms"
            )
        place = locate(table, file)
        rows += [row[1:] for row in list(csv.reader(place.read_text(encoding="utf-8").splitlines()))[1:]]
    _write_rows(table, rows)
    return [table]
