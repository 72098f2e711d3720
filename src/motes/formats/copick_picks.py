"""Copick's files of picks, each of one object in one run.

A location is in A from the corner of the tomogram: voxel i spans i s to (i + 1) s, with s the voxel size. A pick here
is a voxel's number with an integer as its centre, so location = (pick + 0.5) s and pick = location / s - 0.5.
Source: copick 1.31, docs/geometry.md (floor(p / s) is the voxel that holds p) and models.py (`full_positions`).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.formats.copick_config import clean_name
from motes.formats.ome_metadata import ANGSTROM_IN
from motes.formats.tables import FactsOf, PicksByImage
from motes.output import write_text
from motes.picks import Picks

SUFFIX = ".json"
RUNS = "ExperimentRuns"
PICKS = "Picks"
USER = "motes"
SESSION = "0"  # copick's own word for what a program has made
OBJECT = "particle"  # the name of picks without a class, as recipes call theirs
UNKNOWN = ""


def picks_file(root: Path, run: str, user: str, session: str, object_name: str) -> Path:
    """Where picks of an object lie. Names of user, session and object are cleaned as clean_name does."""
    return root / RUNS / run / PICKS / file_name(user, session, object_name)


def file_name(user: str, session: str, object_name: str) -> str:
    """The name of a file of picks, from names cleaned as clean_name does."""
    return "_".join(map(clean_name, (user, session, object_name))) + SUFFIX


def write_picks_file(
    path: Path,
    points: NDArray[np.float64],
    voxel_size: float,
    *,
    object_name: str,
    user: str,
    session: str,
    run: str,
    scores: NDArray[np.float64] | None = None,
    transforms: NDArray[np.float64] | None = None,
) -> None:
    """Write picks of one object in one run.

    points: (n, 3) voxels in array order z, y, x, an integer is the centre of a voxel. voxel_size: A. scores: (n,);
    without one a pick has 1, as copick gives it. transforms: (n, 4, 4) from the object to the tomogram, order x, y,
    z, A; a shift in them is taken off the location, so that both together are the point.
    """
    count = len(points)
    turned = np.tile(np.eye(4), (count, 1, 1)) if transforms is None else np.asarray(transforms)
    places = (np.asarray(points, dtype=np.float64)[:, ::-1] + 0.5) * voxel_size - turned[:, :3, 3]
    figures = np.ones(count) if scores is None else np.where(np.isnan(scores), 1.0, scores)
    found = {
        "pickable_object_name": clean_name(object_name),
        "user_id": clean_name(user),
        "session_id": clean_name(session),
        "run_name": run,
        "voxel_spacing": float(voxel_size),
        "unit": "angstrom",
        "points": [
            {
                "location": dict(zip("xyz", map(float, place), strict=True)),
                "transformation_": matrix.tolist(),
                "instance_id": 0,
                "score": float(score),
            }
            for place, matrix, score in zip(places, turned, figures, strict=True)
        ],
        "trust_orientation": transforms is not None,
    }
    write_text(path, json.dumps(found, indent=4))


@dataclass(frozen=True)
class CopickPicks:
    """What a file of picks holds.

    centres: (n, 3) A from the corner, array order z, y, x: location and shift together. scores: (n,), nan where a
    pick has none; None where no pick has one. instances: (n,) numbers. transforms: (n, 4, 4) as stored. voxel_spacing:
    A, as noted; None where it is not. object_name, user, session, run: empty where not noted.
    """

    centres: NDArray[np.float64]
    scores: NDArray[np.float64] | None
    instances: NDArray[np.intp]
    transforms: NDArray[np.float64]
    voxel_spacing: float | None
    object_name: str = UNKNOWN
    user: str = UNKNOWN
    session: str = UNKNOWN
    run: str = UNKNOWN

    def points(self, voxel_size: float) -> NDArray[np.float64]:
        """(n, 3) voxels in array order z, y, x, an integer is the centre of a voxel. voxel_size: A."""
        return self.centres / voxel_size - 0.5

    def picks(self, voxel_size: float, name: str | None = None) -> Picks:
        """As picks of the tomogram with that voxel size (A), of the class called by name, else by the object's."""
        classes = np.full(len(self.centres), name or self.object_name or OBJECT)
        extra = {"instance": self.instances} if self.instances.any() else {}
        return Picks(self.points(voxel_size), self.scores, classes, extra=extra)


def read_picks_file(path: Path) -> CopickPicks:
    """Read a file of picks, of copick or of the CZII challenge; PicksError where it is not one."""
    try:
        return parse_picks(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PicksError(f"{path}: cannot be read ({error})") from None


def parse_picks(path: Path, text: str) -> CopickPicks:
    """Read the text of a file of picks; PicksError, which names the point, where it cannot be understood."""
    try:
        found = json.loads(text)
        points = found["points"] or []
        unit = str(found.get("unit") or "angstrom").lower()
        factor = ANGSTROM_IN[unit]
        spacing = None if found.get("voxel_spacing") is None else float(found["voxel_spacing"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise PicksError(
            f"{path}: cannot be read as picks of copick ({type(error).__name__}: {error}); expected JSON with "
            "`points` and a unit such as angstrom"
        ) from None
    if not isinstance(points, list):
        raise PicksError(f"{path}: its `points` are no list")
    rows = [_point(path, number, point) for number, point in enumerate(points, start=1)]
    scores = np.array([row[2] for row in rows], dtype=np.float64)
    return CopickPicks(
        factor * np.array([row[0] for row in rows], dtype=np.float64).reshape(-1, 3),
        None if len(scores) and np.isnan(scores).all() else scores,
        np.array([row[3] for row in rows], dtype=np.intp),
        np.array([row[1] for row in rows], dtype=np.float64).reshape(-1, 4, 4),
        spacing,
        *(
            UNKNOWN if found.get(key) is None else str(found[key])
            for key in ("pickable_object_name", "user_id", "session_id", "run_name")
        ),
    )


def _point(
    path: Path, number: int, point: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, int]:
    """Centre (z, y, x), transformation, score and instance of one point."""
    try:
        place = np.array([float(point["location"][axis]) for axis in "xyz"])
        given = point.get("transformation_")
        turned = np.eye(4) if given is None else np.array(given, dtype=np.float64)
        if turned.shape != (4, 4) or not np.allclose(turned[3], (0, 0, 0, 1)):
            raise ValueError("transformation_ is not a 4 x 4 matrix whose last row is 0, 0, 0, 1")
        centre = (place + turned[:3, 3])[::-1]
        if not np.isfinite(centre).all():
            raise ValueError("its coordinates are not finite numbers")
        score = point.get("score")
        return centre, turned, np.nan if score is None else float(score), int(point.get("instance_id") or 0)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise PicksError(
            f"{path}: point {number} cannot be read ({type(error).__name__}: {error}); correct or remove it"
        ) from None


def matches(path: Path, text: str) -> bool:
    """Whether a text is that of a file of picks."""
    return path.suffix.lower() == SUFFIX and '"pickable_object_name"' in text and '"points"' in text


def read(path: Path, text: str, facts_of: FactsOf | None) -> PicksByImage:
    """Read one file as picks of its run; PicksError without the voxel size of its tomogram.

    The spacing noted in the file does not count, for it may be missing or rounded.
    """
    found = parse_picks(path, text)
    run = found.run or None
    voxel_size = None if facts_of is None else facts_of(run).pixel_size
    if voxel_size is None:
        raise PicksError(
            f"{path}: its coordinates are in Angstrom, so the voxel size of the tomogram is needed; give the "
            "tomogram with --images, or --pixel-size"
        )
    return {run: found.picks(voxel_size)}


def write_classes(
    folder: Path,
    picks: Picks,
    voxel_size: float,
    *,
    run: str,
    user: str = USER,
    session: str = SESSION,
    names: Sequence[str] = (),
) -> list[Path]:
    """Write picks of one tomogram into its folder Picks, one file for each class, and return these files.

    voxel_size: A. names: classes that get a file even without picks. Picks without classes are those of the first
    name. Raises PicksError for picks in micrographs.
    """
    if picks.ndim != 3:
        raise PicksError(f"{folder}: copick holds picks in tomograms, these are {picks.ndim}D; write csv")
    unnamed = next(iter(names), OBJECT)
    classes = np.full(len(picks), unnamed) if picks.classes is None else picks.classes
    every = dict.fromkeys([*names, *([unnamed] if picks.classes is None else map(str, classes))])
    _check_apart(every)
    files = []
    for name in every:
        own = picks.select(classes == name)
        file = folder / file_name(user, session, name)
        write_picks_file(
            file,
            own.points,
            voxel_size,
            object_name=name,
            user=user,
            session=session,
            run=run,
            scores=own.scores,
        )
        files.append(file)
    return files


def _check_apart(names: Iterable[str]) -> None:
    owner: dict[str, str] = {}
    for name in names:
        other = owner.setdefault(clean_name(name), name)
        if other != name:
            raise PicksError(
                f"{other} and {name} would both be called {clean_name(name)!r} in copick; rename one"
            )
