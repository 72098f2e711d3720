"""CryoPPP's published CSV (Dhakal et al. 2023, Sci. Data 10, 392): X-Coordinate, Y-Coordinate, Diameter.

Its y counts rows from the last one of the MRC file, for its images were turned upside down when they
were read (github.com/BioinfoMachineLearning/cryoppp, issue 3): row = ny - 1 - y.
"""

from dataclasses import replace
from pathlib import Path

from motes.errors import PicksError
from motes.formats import csv_table
from motes.formats.tables import FactsOf, PicksByImage
from motes.picks import Picks

SUFFIX = ".csv"


def matches(_path: Path, text: str) -> bool:
    """Whether the header has CryoPPP's column names."""
    return {"X-Coordinate", "Y-Coordinate"} <= set(csv_table.header_of(text))


def read(path: Path, text: str, facts_of: FactsOf | None) -> PicksByImage:
    """Read picks and count their rows from the first one; PicksError without the shape of the image."""
    return {
        name: _turned(picks, _height(path, name, facts_of))
        for name, picks in csv_table.read(path, text).items()
    }


def _height(path: Path, name: str | None, facts_of: FactsOf | None) -> int:
    shape = None if facts_of is None else facts_of(name).shape
    if shape is None:
        raise PicksError(
            f"{path}: CryoPPP counts rows from the last one, so the height of the image is needed; "
            "give the images with --images"
        )
    return shape[-2]


def _turned(picks: Picks, height: int) -> Picks:
    """Count the rows of an image of that height from its other end."""
    points = picks.points.copy()
    points[:, -2] = height - 1 - points[:, -2]
    return replace(picks, points=points)
