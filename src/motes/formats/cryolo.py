"""crYOLO's .cbox: STAR with the corners of boxes in pixels and confidences (SPHIRE-crYOLO's CBOX 1.0).

It holds picks below crYOLO's own threshold, too. Missing values are <NA>.
"""

import re
from pathlib import Path

import numpy as np

from motes.errors import PicksError
from motes.formats import star
from motes.formats.tables import (
    MISSING,
    Facts,
    FactsOf,
    PicksByImage,
    corner_boxes,
    numbers,
    numbers_or_text,
    optional_numbers,
    points,
    scores_or,
    text_of,
)
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".cbox"

_COORDINATES = {"X": "CoordinateX", "Y": "CoordinateY", "Z": "CoordinateZ"}
_SIZES = {"X": "Width", "Y": "Height", "Z": "Depth"}
_SCORE = "Confidence"
_TABLE = "cryolo"


def matches(_path: Path, text: str) -> bool:
    """Whether this is STAR with the block data_cryolo."""
    return star.is_star(text) and re.search(r"^\s*data_cryolo", text, re.MULTILINE) is not None


def read(path: Path, text: str, _facts_of: FactsOf | None) -> PicksByImage:
    """Read the centres of boxes, with confidences as scores and widths as diameters. Raises PicksError.

    Picks are 3D where the file gives z for all of them.
    """
    table = star.read_tables(text, path).get(_TABLE)
    if table is None:
        raise PicksError(f"{path}: no table data_{_TABLE}, where crYOLO keeps its boxes")
    star.require(table, ["CoordinateX", "CoordinateY", "Width", "Height"], path)
    z = optional_numbers(table, _COORDINATES["Z"], path)
    axes = "YX" if z is None or not len(z) else "ZYX"
    centres = points([_centres(table, axis, path) for axis in axes], path)
    diameters = optional_numbers(table, _SIZES["X"], path)
    used = {*_COORDINATES.values(), *_SIZES.values(), _SCORE}
    extra = {
        name: numbers_or_text(values)
        for name, values in table.items()
        if name not in used and not all(value in MISSING for value in values)
    }
    return {None: Picks(centres, optional_numbers(table, _SCORE, path), None, diameters, extra)}


def _centres(table: star.Table, axis: str, path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Corner plus half the size; picks on slices have no depth, their z is the slice."""
    corner = numbers(table[_COORDINATES[axis]], _COORDINATES[axis], path)
    size = optional_numbers(table, _SIZES[axis], path)
    return corner if size is None else corner + size / 2


def write(path: Path, picks: Picks, _image_name: str, facts: Facts) -> None:
    """Write square boxes of the facts' box size around the picks."""
    corners = corner_boxes(picks, facts.box_size, path)
    missing, box = ["<NA>"] * len(picks), [str(facts.box_size)] * len(picks)
    columns = {
        "CoordinateX": [text_of(x) for x in corners[:, 0]],
        "CoordinateY": [text_of(y) for y in corners[:, 1]],
        "CoordinateZ": missing,
        "Width": box,
        "Height": box,
        "Depth": missing,
        "EstWidth": missing,
        "EstHeight": missing,
        _SCORE: ["<NA>" if np.isnan(score) else text_of(score) for score in scores_or(picks, np.nan)],
        "NumBoxes": missing,
        "Angle": missing,
    }
    head = "data_global\n\n_cbox_format_version 1.0\n\n"
    slices = star.format_table("cryolo_include", {"slice_index": []})
    write_text(path, f"{head}\n{star.format_table(_TABLE, columns)}\n{slices}")
