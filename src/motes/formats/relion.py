"""RELION: coordinate files of micrographs, indexes of these and of tomograms', and lists of micrographs.

A coordinate is the particle's centre in pixels of the full-size micrograph, 0-based, x the column and y
the row as stored. RELION cuts fractions off (preprocessing.cpp: x0 = (long)x - box / 2), so 2D picks are
written rounded to whole pixels. Coordinates in tomograms are another matter: relion_tomo.py.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.errors import ImageError, PicksError
from motes.formats import relion_tomo, star
from motes.formats.tables import (
    NO_FACTS,
    Facts,
    FactsOf,
    PicksByImage,
    as_numbers,
    by_image,
    locate,
    numbers,
    numbers_or_text,
    optional_numbers,
    points,
    read_text,
    require_2d,
    scores_or,
    text_of,
)
from motes.output import replacing, write_text
from motes.picks import Picks, empty_picks

SUFFIX = "_autopick.star"

_X, _Y = "rlnCoordinateX", "rlnCoordinateY"
_NAMES = ("rlnMicrographName", "rlnTomoName")
_SCORE, _CLASS, _PSI = "rlnAutopickFigureOfMerit", "rlnClassNumber", "rlnAnglePsi"
_FILES = "rlnMicrographCoordinates"
_SUFFIX_FILE = re.compile(r"coords_suffix_(.+)\.star")
_EXTENSION = re.compile(r"\.[^./]*$")
_JOB = re.compile(r"^[^/]+/job\d+/")
_VERSION = "\n# version 30001\n\n"


@dataclass(frozen=True)
class MicrographEntry:
    """A row of micrographs.star. name: character for character. pixel_size: A/px, None where unknown."""

    name: str
    pixel_size: float | None


def matches(path: Path, text: str) -> bool:
    """Whether this is STAR (not crYOLO's), 3.1's suffix file, or empty, as RELION leaves it without picks."""
    if path.suffix.lower() == ".star" and not text.strip():
        return True
    return _SUFFIX_FILE.fullmatch(path.name) is not None or (
        star.is_star(text) and re.search(r"^\s*data_cryolo", text, re.MULTILINE) is None
    )


def read(path: Path, text: str, facts_of: FactsOf | None) -> PicksByImage:
    """Read a coordinate file, a particles.star, or what an index lists, in micrographs or tomograms.

    Raises PicksError.
    """
    if _SUFFIX_FILE.fullmatch(path.name):
        return {name: read_listed(path, file) for name, file in _listed_by_suffix(path, text).items()}
    if not text.strip():
        return {None: empty_picks(2)}
    tables = star.read_tables(text, path)
    files = _listed(tables, path)
    if files is not None:
        return {name: read_listed(path, file, name, facts_of) for name, file in files.items()}
    table = _coordinate_table(tables, path)
    if relion_tomo.holds_coordinates(table):
        return relion_tomo.read_table(table, tables.get("optics", {}), path, facts_of)
    return _read_table(table, path)


def list_index(path: Path) -> dict[str, str] | None:
    """By micrograph or tomogram, the file that an index or 3.1's suffix file lists, as read_listed takes it.

    None where the file lists no others, but holds coordinates itself. Raises PicksError for a damaged index,
    ImageError where 3.1's list of micrographs cannot be read.
    """
    text = read_text(path)
    if _SUFFIX_FILE.fullmatch(path.name):
        return _listed_by_suffix(path, text)
    return _listed(star.read_tables(text, path), path) if matches(path, text) and text.strip() else None


def _listed(tables: dict[str, star.Table], path: Path) -> dict[str, str] | None:
    kinds = ((_FILES, _NAMES[0]), (relion_tomo.FILES, relion_tomo.NAME))
    for table in tables.values():
        for files, name in kinds:
            if files in table:
                star.require(table, [name], path)
                return _once(dict(zip(table[name], table[files], strict=True)), len(table[name]), path)
    return None


def _once(listed: dict[str, str], rows: int, path: Path) -> dict[str, str]:
    if len(listed) < rows:
        raise PicksError(f"{path}: lists several files for one image; join those into one")
    return listed


def _coordinate_table(tables: dict[str, star.Table], path: Path) -> star.Table:
    for table in tables.values():
        if (_X in table and _Y in table) or relion_tomo.holds_coordinates(table):
            return table
    merged = {tag: values for table in tables.values() for tag, values in table.items()}
    star.require(merged, [_X, _Y], path)
    raise PicksError(f"{path}: {_X} and {_Y} stand in different tables, where one is expected")


def _read_table(table: star.Table, path: Path) -> PicksByImage:
    axes = [_Y, _X]
    name = next((tag for tag in _NAMES if tag in table), None)
    scores = optional_numbers(table, _SCORE, path, relion_tomo.NO_SCORE)
    used = {*axes, name, _SCORE}
    extra = {tag: numbers_or_text(values) for tag, values in table.items() if tag not in used}
    centres = points([numbers(table[tag], tag, path) for tag in axes], path)
    return by_image(Picks(centres, scores, extra=extra), table[name] if name else None)


def read_listed(index: Path, listed: str, name: str | None = None, facts_of: FactsOf | None = None) -> Picks:
    """Read the picks of one image from the file that its index lists, whatever name may stand in there.

    name: of that image, whose facts coordinates in tomograms need. Raises PicksError where the file is not there or
    damaged.
    """
    file = locate(index, listed)
    text = read_text(file)
    if not text.strip():
        return empty_picks(2)
    tables = star.read_tables(text, file)
    table = _coordinate_table(tables, file)
    columns = {tag: values for tag, values in table.items() if tag not in _NAMES}
    if relion_tomo.holds_coordinates(table):
        facts = NO_FACTS if facts_of is None else facts_of(name)
        return relion_tomo.read_table(columns, tables.get("optics", {}), file, lambda _: facts)[None]
    return _read_table(columns, file)[None]


def _listed_by_suffix(path: Path, text: str) -> dict[str, str]:
    """RELION 3.1: one line names the micrographs; their coordinates lie beside it, without the job's folder.

    A micrograph without a coordinate file is left out.
    """
    suffix = path.name.removeprefix("coords_suffix")
    files = {}
    for entry in read_micrographs_star(locate(path, text.strip())):
        stems = [_EXTENSION.sub("", name) for name in (entry.name, without_job(entry.name))]
        beside = [path.absolute().parent / f"{stem}{suffix}" for stem in stems]
        found = next((file for file in beside if file.is_file()), None)
        if found is not None:
            files[entry.name] = str(found)
    return files


def write(path: Path, picks: Picks, _image_name: str, _facts: Facts) -> None:
    """Write one micrograph's picks, rounded to whole pixels; -999 stands for no score, as in RELION."""
    require_2d(picks, path)
    columns = {
        _X: _texts(np.rint(picks.points[:, 1])),
        _Y: _texts(np.rint(picks.points[:, 0])),
        _SCORE: _texts(scores_or(picks, relion_tomo.NO_SCORE)),
        _CLASS: _texts(_numeric(picks, _CLASS)),
        _PSI: [f"{value:.6f}" for value in _numeric(picks, _PSI)],
    }
    write_text(path, _VERSION + star.format_table("", columns))


def _texts(values: NDArray[np.float64]) -> list[str]:
    return [text_of(value) for value in values]


def _numeric(picks: Picks, name: str) -> NDArray[np.float64]:
    """Take a further column, or zeros: RELION joins files only where all have the same columns."""
    values = as_numbers(picks.extra[name]) if name in picks.extra else None
    return np.zeros(len(picks)) if values is None else values


def without_job(name: str) -> str:
    """A micrograph's name as RELION writes it below a job's folder: without the job it comes from."""
    return _JOB.sub("", name)


def write_index(folder: Path, entries: Sequence[tuple[str, str]], micrographs_star: str | None) -> list[Path]:
    """Write autopick.star (RELION 4 and 5), all picks in one particles.star (cryoSPARC's import), and, where
    micrographs.star is known, the suffix file of 3.1.

    entries: names exactly as in micrographs.star, and coordinate files relative to the project.
    """
    index = folder / "autopick.star"
    columns = {_NAMES[0]: [name for name, _ in entries], _FILES: [file for _, file in entries]}
    write_text(index, _VERSION + star.format_table("coordinate_files", columns))
    written = [index]
    if micrographs_star is not None:
        written.append(folder / f"coords_suffix{SUFFIX}")
        write_text(written[-1], f"{micrographs_star}\n")
    return [*written, _write_joined(folder, entries)]


def _write_joined(folder: Path, entries: Sequence[tuple[str, str]]) -> Path:
    """Write particles.star: the picks of all micrographs in one table, each with its micrograph's name.

    There is no optics table in it: voltage and aberrations are not known here, and are not made up.
    """
    path = folder / "particles.star"
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write(_VERSION + star.format_header("particles", [_NAMES[0], _X, _Y, _SCORE]))
        for name, file in entries:
            picks = read_listed(path, file)
            columns = {
                _NAMES[0]: [name] * len(picks),
                _X: _texts(picks.points[:, 1]),
                _Y: _texts(picks.points[:, 0]),
                _SCORE: _texts(scores_or(picks, relion_tomo.NO_SCORE)),
            }
            out.write(star.format_rows(columns))
        out.write("\n")
    return path


def read_micrographs_star(path: Path) -> list[MicrographEntry]:
    """Read names and pixel sizes (A/px), of 3.1's optics groups or 3.0's detector pixel and magnification.

    Raises ImageError where there are no micrographs, PicksError where it is no STAR file.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{path}: cannot be read as a list of micrographs ({error})") from None
    tables = star.read_tables(text, path)
    table = next((table for table in tables.values() if _NAMES[0] in table), None)
    if table is None:
        columns = ", ".join(tag for table in tables.values() for tag in table) or "none"
        raise ImageError(f"{path}: no column {_NAMES[0]}; the columns there are: {columns}")
    sizes = _pixel_sizes(table, tables.get("optics", {}), path)
    return [MicrographEntry(name, size) for name, size in zip(table[_NAMES[0]], sizes, strict=True)]


def _pixel_sizes(table: star.Table, optics: star.Table, path: Path) -> list[float | None]:
    """A/px for each row: of its optics group, its own, or 3.0's detector pixel (um) over magnification."""
    size, group = "rlnMicrographPixelSize", "rlnOpticsGroup"
    if size in optics and group in optics and group in table:
        of_group = dict(zip(optics[group], numbers(optics[size], size, path), strict=True))
        values = [of_group.get(name, np.nan) for name in table[group]]
    elif size in table:
        values = list(numbers(table[size], size, path))
    elif {"rlnDetectorPixelSize", "rlnMagnification"} <= table.keys():
        detector = numbers(table["rlnDetectorPixelSize"], "rlnDetectorPixelSize", path)
        magnification = numbers(table["rlnMagnification"], "rlnMagnification", path)
        values = [1e4 * d / m if m > 0 else np.nan for d, m in zip(detector, magnification, strict=True)]
    else:
        values = [np.nan] * len(table[_NAMES[0]])
    return [float(value) if np.isfinite(value) and value > 0 else None for value in values]


def write_micrographs_star(
    path: Path,
    names: Sequence[str],
    pixel_size: float,
    *,
    voltage: float,
    spherical_aberration: float,
    amplitude_contrast: float,
) -> None:
    """Write a list of micrographs in one optics group, as RELION 3.1 and later read it.

    pixel_size: A/px. voltage: kV. spherical_aberration: mm. amplitude_contrast: fraction.
    """
    optics = {
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnOpticsGroup": ["1"],
        "rlnMicrographPixelSize": [text_of(pixel_size)],
        "rlnVoltage": [text_of(voltage)],
        "rlnSphericalAberration": [text_of(spherical_aberration)],
        "rlnAmplitudeContrast": [text_of(amplitude_contrast)],
    }
    micrographs = {"rlnMicrographName": list(names), "rlnOpticsGroup": ["1"] * len(names)}
    text = _VERSION + star.format_table("optics", optics)
    write_text(path, text + _VERSION + star.format_table("micrographs", micrographs))
