"""The table that `motes pick` leaves: a row for each image."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from motes.output import write_text
from motes.picking.quality import VERDICTS
from motes.picks import Picks

MOST_NAMES = 3
_WORST_FIRST = ("look", *reversed(VERDICTS))
_TOLD = {"look": "to look at"}


@dataclass(frozen=True)
class ImageSummary:
    """One row of summary.csv.

    threshold: what the picks of this image had to reach; None where each class has its own. quality: a word of
    motes.picking.quality, or of motes.picking.doubt where objects are outlined; None where an earlier call was cut
    off before it could be noted down. doubt: of an image with outlined objects, in [0, 1]. beside_negative: "yes"
    where the negative of the image had a say in its scores; None where not, or where that could not be noted down.
    """

    image: str
    status: str
    picks: int | None = None
    candidates: int | None = None
    threshold: float | None = None
    mean_score: float | None = None
    quality: str | None = None
    pixel_size: float | None = None
    bad_pixels: int | None = None
    seconds: float | None = None
    doubt: float | None = None
    beside_negative: Literal["yes"] | None = None


def mean_score(picks: Picks) -> float | None:
    """The mean figure of merit, None without picks."""
    return round(float(np.mean(picks.scores)), 4) if picks.scores is not None and len(picks) else None


def told_quality(rows: Sequence[ImageSummary]) -> str:
    """How many images got each verdict, the worst first, with some of their names; empty where none has one.

    Of images that a person should look at, the most doubtful are named first.
    """
    told = []
    ordered = sorted(rows, key=lambda row: -(row.doubt or 0))
    for verdict in _WORST_FIRST:
        names = [row.image for row in ordered if row.quality == verdict]
        if names:
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            named = "" if verdict == "ok" else f" ({', '.join(names[:MOST_NAMES])}{more})"
            told.append(f"{len(names)} {_TOLD.get(verdict, verdict)}{named}")
    return ", ".join(told)


def write_summary(out: Path, rows: Sequence[ImageSummary]) -> None:
    """Write DIR/summary.csv in one step."""
    table = io.StringIO()
    names = list(ImageSummary.__dataclass_fields__)
    writer = csv.DictWriter(table, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in asdict(row).items()} for row in rows)
    write_text(out / "summary.csv", table.getvalue())


def earlier_rows(out: Path) -> dict[str, ImageSummary]:
    """The rows, by image, of what an earlier call has picked."""
    path = out / "summary.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [_parse_row(row) for row in csv.DictReader(file)]
    return {row.image: row for row in rows if row.picks is not None}


def _parse_row(row: dict[str, str]) -> ImageSummary:
    def number(key: str) -> float | None:
        return float(row[key]) if row.get(key) else None

    def count(key: str) -> int | None:
        return int(row[key]) if row.get(key) else None

    return ImageSummary(
        row["image"],
        row["status"],
        count("picks"),
        count("candidates"),
        number("threshold"),
        number("mean_score"),
        row.get("quality") or None,
        number("pixel_size"),
        count("bad_pixels"),
        number("seconds"),
        number("doubt"),
        "yes" if row.get("beside_negative") == "yes" else None,
    )
