"""EMAN2's info/NAME_info.json: what it knows of a tomogram, boxes in it among that (e2spt_boxer.py).

A box is [x, y, z, method, score, class]; class_list gives each class a name and the size of its boxes. Since 2018
coordinates are in pixels of the unbinned tilt series (apix_unbin, A/px) from the centre of the tomogram, which is
voxel n // 2 (e2spt_boxer.py: b * apix_unbin / apix + n // 2). That n // 2 is the number of a voxel, so an integer is a
voxel's centre there as in motes, and no half voxel comes in. Without apix_unbin coordinates are pixels of the
tomogram, from 0.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.formats.tables import (
    NO_FACTS,
    Facts,
    FactsOf,
    PicksByImage,
    known_pixel_size,
    known_shape,
    points,
    require_3d,
    scores_or,
)
from motes.output import write_text
from motes.picks import Picks, empty_picks

SUFFIX = "_info.json"

_BOXES, _CLASSES, _UNBINNED = "boxes_3d", "class_list", "apix_unbin"
_METHOD = "motes"
_NO_SCORE = 0.0  # JSON has no nan; scores that are all 0 are read as none
_NO_NAME = "particles_{:02d}"  # EMAN2's name for a class that has none


def matches(_path: Path, text: str) -> bool:
    """Whether this is JSON that speaks of 3D boxes."""
    return text.lstrip().startswith("{") and f'"{_BOXES}"' in text


def read(path: Path, text: str, facts_of: FactsOf | None) -> PicksByImage:
    """Read boxes with their scores (where any differs from 0) and classes (where they have names).

    The tomogram is that whose info the file is called. Raises PicksError where a box is none, or the size of the
    tomogram or of its voxels is needed and not known.
    """
    info, name = _info(path, text), _tomogram(path)
    boxes = [_box(box, row, path) for row, box in enumerate(info.get(_BOXES, []), start=1)]
    if not boxes:
        return {name: empty_picks(3)}
    table = np.array([[*box[:3], box[4], box[5]] for box in boxes], dtype=np.float64)
    names = np.array([_class_name(info, number) for number in table[:, 4]], dtype=np.str_)
    unnamed = all(name == _NO_NAME.format(0) for name in names)
    picks = Picks(
        points([table[:, 2], table[:, 1], table[:, 0]], path),
        table[:, 3] if table[:, 3].any() else None,
        None if unnamed else names,
    )
    if _UNBINNED not in info:
        return {name: picks}
    facts = NO_FACTS if facts_of is None else facts_of(name)
    unit, centre = _unit(info, facts, path), _centre(facts, path)
    return {name: replace(picks, points=picks.points * unit + centre)}


def _tomogram(path: Path) -> str | None:
    bare = path.name.removesuffix(SUFFIX)
    return bare if bare != path.name else None


def _info(path: Path, text: str) -> dict[str, Any]:
    try:
        info = json.loads(text)
    except ValueError as error:
        raise PicksError(f"{path}: not a correct JSON file ({error})") from None
    if not isinstance(info, dict) or not isinstance(info.get(_BOXES, []), list):
        raise PicksError(f"{path}: no info of EMAN2, which has a list {_BOXES}")
    return info


def _box(box: object, row: int, path: Path) -> list[Any]:
    """A box with all six values; older ones have three or four."""
    whole = [*box, *["", 0.0, 0][max(0, len(box) - 3) :]] if isinstance(box, list) and len(box) > 2 else []
    values = [*whole[:3], *whole[4:6]]
    if len(values) < 5 or not all(isinstance(v, int | float) and abs(v) < 1e300 for v in values):
        raise PicksError(f"{path}: box {row} is {box!r}, where [x, y, z, method, score, class] is expected")
    return whole


def _class_name(info: dict[str, Any], number: float) -> str:
    known = info.get(_CLASSES, {})
    entry = known.get(str(int(number)), {}) if isinstance(known, dict) and np.isfinite(number) else {}
    name = entry.get("name") if isinstance(entry, dict) else entry
    return str(name) if name else _NO_NAME.format(int(number) if np.isfinite(number) else 0)


def _unit(info: dict[str, Any], facts: Facts, path: Path) -> float:
    """How many voxels of the tomogram an unbinned pixel is."""
    unbinned = info[_UNBINNED]
    if not isinstance(unbinned, int | float) or not 0 < unbinned < np.inf:
        raise PicksError(f"{path}: {_UNBINNED} is {unbinned!r}, where A/px above 0 are expected")
    return float(unbinned) / known_pixel_size(facts, path)


def _centre(facts: Facts, path: Path) -> NDArray[np.float64]:
    return known_shape(facts, path) // 2


def write(path: Path, picks: Picks, _image_name: str, facts: Facts) -> None:
    """Write boxes of the facts' box size; what else stands in a file that is there already stays.

    The unbinned pixel size is that of such a file, else that of the facts, else that of the tomogram. Raises
    PicksError where the size of tomogram, voxels or boxes is not known.
    """
    require_3d(picks, path)
    if facts.box_size is None:
        raise PicksError(
            f"{path}: EMAN2 keeps the size of boxes; give it in pixels of the tomogram with --box-size"
        )
    voxel, centre = known_pixel_size(facts, path), _centre(facts, path)
    info = _info(path, path.read_text(encoding="utf-8")) if path.is_file() else {}
    info.setdefault(_UNBINNED, facts.tilt_series_pixel_size or voxel)
    unit = _unit(info, facts, path)
    box = max(1, round(facts.box_size * voxel / float(info[_UNBINNED])))
    classes = np.full(len(picks), _NO_NAME.format(0)) if picks.classes is None else picks.classes
    numbers = {str(name): number for number, name in enumerate(sorted(set(classes)))}
    info[_CLASSES] = {str(number): {"boxsize": box, "name": name} for name, number in numbers.items()}
    info[_BOXES] = [
        [*map(float, row[::-1]), _METHOD, float(score), numbers[str(name)]]
        for row, score, name in zip(
            (picks.points - centre) / unit, scores_or(picks, _NO_SCORE), classes, strict=True
        )
    ]
    write_text(path, json.dumps(info, indent=1) + "\n")
