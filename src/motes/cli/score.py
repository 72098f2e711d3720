"""motes score."""

import json
from typing import Annotated

import typer

from motes.cli.options import (
    Diameter,
    LeftOver,
    NoOrientationCheck,
    PixelSize,
    length,
    refuse_left_over,
)
from motes.errors import UnitError

MOST_ROWS = 20


def score(
    picks: Annotated[str, typer.Argument(help="Picks: a file, a folder, or what motes pick wrote.")],
    truth: Annotated[str, typer.Argument(help="True centres: a file or a folder.")],
    left_over: LeftOver = None,
    diameter: Diameter = None,
    radius: Annotated[
        str | None,
        typer.Option(help="How near a pick must be, px; by default half the diameter.", metavar="R"),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Leave out picks with a lower score.")] = None,
    ignore_rim: Annotated[
        str, typer.Option(help="Leave out what lies this near to the edge, px.", metavar="PX")
    ] = "0",
    images: Annotated[
        list[str] | None, typer.Option(help="The images, for their size and pixel size.")
    ] = None,
    pixel_size: PixelSize = None,
    no_orientation_check: NoOrientationCheck = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare picks with truth: precision, recall, F1, average precision, with 95 % intervals."""
    from motes.cli.console import OUT, Terminal, show_table
    from motes.jobs.score import ScoreOptions, score_picks

    refuse_left_over(left_over)
    options = ScoreOptions(
        radius=length(radius, "px"),
        diameter=length(diameter),
        threshold=threshold,
        ignore_rim=_rim(ignore_rim),
        images=images or (),
        pixel_size=pixel_size,
        check_flips=not no_orientation_check,
    )
    report = score_picks(picks, truth, options, Terminal())
    values = report.as_dict()
    if as_json:
        OUT.print(json.dumps(values), markup=False)
        return
    names = ["precision", "recall", "f1", "average_precision"]
    rows = [
        [prefix + name, *(values[f"{prefix}{name}{end}"] for end in ("", "_low", "_high"))]
        for prefix in ("", "macro_")
        for name in names
    ]
    show_table("scores (95 % interval over images)", ["", "value", "low", "high"], rows)
    rest = [
        [key, value]
        for key, value in values.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    show_table("counts", ["", "value"], rest)
    columns = ["image", "precision", "recall", "f1", "picks", "truth", "median_distance"]
    shown = [[row[column] for column in columns] for row in report.per_image[:MOST_ROWS]]
    show_table("images, worst first (distance: median, px)", [*columns[:-1], "distance"], shown)


def _rim(text: str) -> float:
    """Pixels, from 20 or 20px; 0 takes nothing away."""
    try:
        width = float(text.removesuffix("px"))
    except ValueError:
        width = -1.0
    if not 0 <= width < float("inf"):
        raise UnitError(f"--ignore-rim is a number of pixels, such as 20 or 20px; found {text!r}")
    return width
