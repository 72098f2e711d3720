"""RELION 4 and 5: particles in tomograms, and what RELION 5 imports them by.

RELION counts in pixels of the unbinned tilt series (bin 1), from 0, and an integer is the centre of a voxel, as in
motes. Voxel 0 stays at 0 under binning, so x of a tomogram is x * (voxel size / pixel size of the tilt series) in
bin 1, without a half voxel; its cut-outs and its picker multiply likewise (relion #1137, particle_set.cpp).

RELION 4 stores that as rlnCoordinateX/Y/Z. RELION 5 stores rlnCenteredCoordinateX/Y/ZAngst, in Angstrom from the
centre of the tomogram. The centre is at size / 2 in bin 1 in RELION's own programs (tomogram_set.cpp), here "relion",
and at size / 2 - 1 in its Python picker and in what follows that, here "relion-python". The size in bin 1 is taken
to be that of the tomogram times the binning; RELION rounds when it bins, so the true one may differ by a few pixels.

A particle that RELION has moved is at its coordinate - A rlnOriginX/Y/ZAngst, with A the rotation of its subtomogram
(ParticleSet::getPosition); motes reads that place, and no longer keeps the shift. Angles and further columns stay.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.formats import star
from motes.formats.tables import (
    NO_FACTS,
    Facts,
    FactsOf,
    PicksByImage,
    by_image,
    known_pixel_size,
    known_shape,
    locate,
    numbers,
    numbers_or_text,
    optional_numbers,
    points,
    require_3d,
    scores_or,
    text_of,
    tomogram_name,
)
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".star"
INDEX = "import_coordinates.star"
FILES = "rlnTomoImportParticleFile"
NAME = "rlnTomoName"

_NAMES = (NAME, "rlnMicrographName")
_CENTRED = [f"rlnCenteredCoordinate{axis}Angst" for axis in "ZYX"]
_PLAIN = [f"rlnCoordinate{axis}" for axis in "ZYX"]
_ORIGIN = [f"rlnOrigin{axis}Angst" for axis in "ZYX"]
_SUBTOMOGRAM = [f"rlnTomoSubtomogram{angle}" for angle in ("Rot", "Tilt", "Psi")]
_SCORES = ("rlnAutopickFigureOfMerit", "rlnLCCmax")  # RELION's and pytom-match-pick's
NO_SCORE = -999.0  # of a pick that RELION's manual picker adds (displayer.cpp), beside others that have one
_CLASS = "motesClassName"  # RELION has numbers for classes only; it keeps columns that it does not know
_SIZE, _GROUP = "rlnTomoTiltSeriesPixelSize", "rlnOpticsGroup"
_MOVED = ["moved z", "moved y", "moved x"]  # A; no STAR column is called so
_OWN = {*_NAMES, *_CENTRED, *_PLAIN, *_ORIGIN, *_SCORES, _CLASS, _SIZE, _GROUP}
_STAR_TAG = re.compile(r"[a-z]+[A-Z]\w*")
_VERSION = "\n# version 30001\n\n"
_MOST_OUTSIDE = 0.1  # of picks; more lie outside their tomogram only by a mistake


def holds_coordinates(table: star.Table) -> bool:
    """Whether a table has coordinates in tomograms, of RELION 4 or 5."""
    return table.keys() >= set(_CENTRED) or table.keys() >= set(_PLAIN)


def never(_path: Path, _text: str) -> bool:
    """No file is known for this format by its content: relion.py reads all of RELION's."""
    return False


def read_table(
    table: star.Table, optics: star.Table, path: Path, facts_of: FactsOf | None = None
) -> PicksByImage:
    """Read the particles of one or many tomograms, RELION 5's coordinates where both are there.

    Raises PicksError where a number is none, or where the size of a voxel or of the tomogram is needed and unknown.
    """
    axes = _CENTRED if table.keys() >= set(_CENTRED) else _PLAIN
    name = next((tag for tag in _NAMES if tag in table), None)
    score = next((tag for tag in _SCORES if tag in table), None)
    scores = optional_numbers(table, score, path, NO_SCORE)
    used = {*axes, *_ORIGIN, name, score, _CLASS, _SIZE, *(() if axes is _PLAIN else _PLAIN)}
    extra = {tag: numbers_or_text(values) for tag, values in table.items() if tag not in used}
    extra[_SIZE] = _tilt_series_sizes(table, optics, path)
    extra |= dict(zip(_MOVED, _shifts(table, path).T, strict=True))
    classes = np.array(table[_CLASS], dtype=np.str_) if _CLASS in table else None
    stored = points([numbers(table[tag], tag, path) for tag in axes], path)
    found = by_image(Picks(stored, scores, classes, None, extra), table[name] if name else None)
    facts = {key: NO_FACTS if facts_of is None else facts_of(key) for key in found}
    to_voxels = _from_centred if axes is _CENTRED else _from_plain
    return {key: to_voxels(picks, facts[key], path) for key, picks in found.items()}


def _tilt_series_sizes(table: star.Table, optics: star.Table, path: Path) -> NDArray[np.float64]:
    """A/px of bin 1 for each row, nan where the file does not say."""
    rows = len(next(iter(table.values())))
    if _SIZE in table:
        return numbers(table[_SIZE], _SIZE, path)
    if _SIZE not in optics:
        return np.full(rows, np.nan)
    sizes = numbers(optics[_SIZE], _SIZE, path)
    if _GROUP not in optics or _GROUP not in table:
        return np.full(rows, sizes[0] if len(set(sizes)) == 1 else np.nan)
    of_group = dict(zip(optics[_GROUP], sizes, strict=True))
    return np.array([of_group.get(group, np.nan) for group in table[_GROUP]], dtype=np.float64)


def _shifts(table: star.Table, path: Path) -> NDArray[np.float64]:
    """(n, 3) A, z first, by which particles were moved, in the axes of the tomogram."""
    rows = len(next(iter(table.values())))
    if not table.keys() >= set(_ORIGIN):
        return np.zeros((rows, 3))
    origin = points([numbers(table[tag], tag, path) for tag in _ORIGIN], path)
    if not rows or not table.keys() >= set(_SUBTOMOGRAM):
        return origin
    from scipy.spatial.transform import Rotation  # takes 0.1 s to import, and few files need it

    angles = points([numbers(table[tag], tag, path) for tag in _SUBTOMOGRAM], path)
    turned = Rotation.from_euler("ZYZ", angles, degrees=True).inv().apply(origin[:, ::-1])
    return np.asarray(turned[:, ::-1])


def _taken_out(stored: Picks, facts: Facts) -> tuple[Picks, NDArray[np.float64], NDArray[np.float64] | None]:
    """Picks without the columns that only serve to place them; those shifts (n, 3), A; bin 1 (n, 1), A/px or None."""
    extra = dict(stored.extra)
    shifts = np.stack([extra.pop(tag) for tag in _MOVED], axis=1)
    sizes = extra.pop(_SIZE)
    if facts.tilt_series_pixel_size is not None:
        sizes = np.full(len(stored), facts.tilt_series_pixel_size)
    known = bool(np.all(np.isfinite(sizes) & (sizes > 0)))
    return replace(stored, extra=extra), shifts, sizes[:, None] if known else None


def _from_centred(stored: Picks, facts: Facts, path: Path) -> Picks:
    picks, shifts, bin1 = _taken_out(stored, facts)
    voxel, shape = known_pixel_size(facts, path), known_shape(facts, path)
    from_half = picks.points - shifts - _back(facts) * (voxel if bin1 is None else bin1)
    return replace(picks, points=from_half / voxel + shape / 2)


def _from_plain(stored: Picks, facts: Facts, path: Path) -> Picks:
    """Pixels of bin 1 to voxels; where nothing tells the binning it is 1, unless most picks would lie outside."""
    picks, shifts, bin1 = _taken_out(stored, facts)
    if bin1 is not None and len(picks):
        placed = picks.points * (bin1 / known_pixel_size(facts, path))
    else:
        placed = picks.points
        _check_inside(placed, facts, path)
    if shifts.any():
        placed = placed - shifts / known_pixel_size(facts, path)
    return replace(picks, points=placed)


def _check_inside(placed: NDArray[np.float64], facts: Facts, path: Path) -> None:
    if facts.shape is None or len(facts.shape) != 3:
        return
    outside = int((placed > np.array(facts.shape)).any(axis=1).sum())
    if outside > max(1, _MOST_OUTSIDE * len(placed)):
        raise PicksError(
            f"{path}: {outside} of {len(placed)} picks lie outside their tomogram. RELION counts in pixels of the "
            "unbinned tilt series: say how large those are with `motes convert ... --tilt-series-pixel-size`"
        )


def _back(facts: Facts) -> float:
    """By how many pixels of bin 1 the centre lies before half the size."""
    return 1.0 if facts.centre == "relion-python" else 0.0


def write(path: Path, picks: Picks, image_name: str, facts: Facts) -> None:
    """Write one tomogram's picks for RELION 5: its shape, its pixel size, and bin 1 where known, are needed.

    Raises PicksError where they are missing, and for picks in 2D images.
    """
    require_3d(picks, path)
    voxel, shape = known_pixel_size(facts, path), known_shape(facts, path)
    moved = _back(facts) * (facts.tilt_series_pixel_size or voxel)
    _write(path, picks, image_name, facts, _CENTRED, (picks.points - shape / 2) * voxel + moved)


def write_relion4(path: Path, picks: Picks, image_name: str, facts: Facts) -> None:
    """Write one tomogram's picks for RELION 4, in pixels of bin 1, or of the tomogram where that is not known.

    Raises PicksError where the pixel size of the tomogram is needed and not known, and for picks in 2D images.
    """
    require_3d(picks, path)
    bin1 = facts.tilt_series_pixel_size
    binning = 1.0 if bin1 is None else known_pixel_size(facts, path) / bin1
    _write(path, picks, image_name, facts, _PLAIN, picks.points * binning)


def _write(
    path: Path, picks: Picks, image_name: str, facts: Facts, tags: Sequence[str], stored: NDArray[np.float64]
) -> None:
    """Write coordinates (n, 3), z first, under those tags; x comes first in the file."""
    columns = {NAME: [tomogram_name(image_name)] * len(picks)}
    columns |= {tags[axis]: [text_of(value) for value in stored[:, axis]] for axis in (2, 1, 0)}
    columns[_SCORES[0]] = [text_of(score) for score in scores_or(picks, NO_SCORE)]
    if picks.classes is not None:
        columns[_CLASS] = [str(name) for name in picks.classes]
    if facts.tilt_series_pixel_size is not None:
        columns[_SIZE] = [text_of(facts.tilt_series_pixel_size)] * len(picks)
    for tag, values in picks.extra.items():
        if tag not in _OWN and _STAR_TAG.fullmatch(tag):
            columns[tag] = [text_of(v) if values.dtype.kind in "iuf" else str(v) for v in values]
    write_text(path, _VERSION + star.format_table("particles", columns))


def write_index(
    folder: Path, entries: Sequence[tuple[str, str]], _micrographs_star: str | None
) -> list[Path]:
    """Write what RELION 5's import of coordinates reads, and all picks in one particles.star; both for each class.

    A class has a folder of its own name with these two files, and beside each tomogram's file one of its picks of
    that class. Tomograms without picks are left out: RELION takes none with an empty file. particles.star has an
    optics table where the pixel size of the tilt series is known; voltage and aberrations are never made up.
    Raises PicksError where two tomograms have the same name or their files different columns.
    """
    read = [(file, _first_table(folder, file)) for _, file in entries]
    tables = {file: table for file, table in read if table[NAME]}
    _check_alike(folder, tables)
    written = _write_set(folder, tables)
    names = sorted({name for table in tables.values() for name in table.get(_CLASS, [])})
    owner: dict[str, str] = {}
    for name in names:
        own = re.sub(r"[^\w.-]", "_", name)
        if owner.setdefault(own, name) != name:
            raise PicksError(
                f"{folder}: the classes {owner[own]!r} and {name!r} would both have the folder {own}; rename one"
            )
        parts = {}
        for file, table in tables.items():
            rows = [row for row, each in enumerate(table[_CLASS]) if each == name]
            part = {tag: [values[row] for row in rows] for tag, values in table.items()}
            if rows:
                place = locate(folder / INDEX, file)
                write_text(place.parent / own / place.name, _VERSION + star.format_table("particles", part))
                listed = PurePosixPath(file)
                parts[str(listed.parent / own / listed.name)] = part
        written += _write_set(folder / own, parts)
    return written


def _first_table(folder: Path, file: str) -> star.Table:
    place = locate(folder / INDEX, file)
    tables = star.read_tables(place.read_text(encoding="utf-8"), place)
    return next(iter(tables.values()))


def _check_alike(folder: Path, tables: Mapping[str, star.Table]) -> None:
    owner: dict[str, str] = {}
    columns: list[str] = []
    for file, table in tables.items():
        name = table[NAME][0]
        if name in owner:
            raise PicksError(
                f"{folder}: {owner[name]} and {file} are both of a tomogram called {name!r}, which RELION cannot tell "
                "apart; rename one of the tomograms"
            )
        owner[name] = file
        columns = columns or list(table)
        if list(table) != columns:
            raise PicksError(
                f"{file}: its columns ({', '.join(table)}) differ from those before it ({', '.join(columns)}), "
                "and RELION joins equal ones only"
            )


def _write_set(folder: Path, tables: Mapping[str, star.Table]) -> list[Path]:
    """Write the index and the joined table of some tomograms' files."""
    index, joined = folder / INDEX, folder / "particles.star"
    listed = {NAME: [table[NAME][0] for table in tables.values()], FILES: list(tables)}
    write_text(index, _VERSION + star.format_table("coordinate_files", listed))
    tags = next((list(table) for table in tables.values()), [NAME, *reversed(_CENTRED)])
    rows = {tag: [value for table in tables.values() for value in table[tag]] for tag in tags}
    optics = ""
    if _SIZE in rows:
        sizes = list(dict.fromkeys(rows.pop(_SIZE)))
        rows[_GROUP] = [str(1 + sizes.index(t[_SIZE][0])) for t in tables.values() for _ in t[NAME]]
        groups = [str(number) for number in range(1, len(sizes) + 1)]
        columns = {_GROUP: groups, "rlnOpticsGroupName": [f"opticsGroup{n}" for n in groups], _SIZE: sizes}
        optics = _VERSION + star.format_table("optics", columns)
    write_text(joined, optics + _VERSION + star.format_table("particles", rows))
    return [index, joined]
