"""motes inspect."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motes.cli.options import Diameter, PixelSize, Tomogram, images_of, length, picks_of, project_of

if TYPE_CHECKING:
    from motes.jobs.inspect import ImageFacts, Inspection, Problem

MOST_NAMES = 3
MOST_ROWS = 50


def inspect(
    images: Annotated[
        list[str],
        typer.Argument(
            help="Files, a folder, a quoted glob, a micrographs.star or a copick project.", metavar="IMAGES"
        ),
    ],
    picks: Annotated[
        list[str] | None,
        typer.Option(
            help="Coordinates: a file, or a folder of them; of a copick project ribosome:curation/0.",
            metavar="PICKS",
        ),
    ] = None,
    tomogram: Tomogram = None,
    diameter: Diameter = None,
    pixel_size: PixelSize = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for a picture of each image with its picks.", file_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is in images and picks, and what is wrong with them."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.inspect import InspectOptions, inspect

    sources = images_of(images, tomogram)
    ndim = 3 if any(map(project_of, sources)) else 2
    options = InspectOptions(length(diameter), pixel_size, ndim, pictures)
    found = inspect(sources, picks_of(picks, sources), options, Terminal())
    if as_json:
        OUT.print(json.dumps(found.as_dict()), markup=False)
    else:
        _show(found)
    if not found.usable:
        raise typer.Exit(1)


def _show(found: "Inspection") -> None:
    """Problems first, then the tables."""
    from motes.cli.console import OUT, show_table

    for problem in found.problems:
        OUT.print(_line(problem), markup=False, style="red" if problem.unusable else "yellow")
    if not found.problems:
        OUT.print("nothing wrong was found", style="green")
    if found.estimated_diameter is not None:
        seen = found.estimated_diameter
        OUT.print(f"estimated diameter: {seen}, from {seen.images} images; {seen.option}", markup=False)
    shown = found.images[:MOST_ROWS]
    columns = ["", "size", "type", "A/px", "lowest", "highest", "mean", "std", "bad"]
    show_table("images (bad: NaN or infinite pixels)", columns, [_image_row(facts) for facts in shown])
    if found.paired is not None:
        columns = ["", "picks", "outside", "repeated", "nearest", "diameter", "fit", "flipped"]
        rows = [_picks_row(facts, found.paired) for facts in shown if facts.name in found.paired]
        show_table("picks (px; fit: strength of the mean patch, noise gives 1)", columns, rows)
        OUT.print(
            f"{sum(f.picks.count for f in found.images if f.picks)} picks in {len(found.paired)} images"
        )
    if len(shown) < len(found.images):
        OUT.print(f"and {len(found.images) - len(shown)} more images; --json prints them all", markup=False)


def _line(problem: "Problem") -> str:
    """WRONG for what must be put right, note for what is worth knowing; then where, what, and what to do."""
    names = ", ".join(problem.images[:MOST_NAMES])
    if len(problem.images) > MOST_NAMES:
        names += f" and {len(problem.images) - MOST_NAMES} more"
    where = "" if not names or problem.message.startswith(f"{names}:") else f"{names}: "
    return f"{'WRONG' if problem.unusable else 'note'}  {where}{problem.message}"


def _image_row(facts: "ImageFacts") -> list[str | int | None]:
    from motes.jobs.inspect import shape_text

    if facts.shape is None:
        return [facts.name, "unreadable", *[None] * 7]
    values = [facts.low, facts.high, facts.mean, facts.std]
    return [
        facts.name,
        shape_text(facts.shape),
        facts.dtype,
        None if facts.pixel_size is None else f"{facts.pixel_size:.4g} ({facts.pixel_size_from})",
        *(_short(value) for value in values),
        facts.bad_pixels,
    ]


def _picks_row(facts: "ImageFacts", paired: dict[str, str]) -> list[str | int | None]:
    picks, name = facts.picks, f"{facts.name} <- {paired[facts.name]}"
    if picks is None:
        return [name, *[None] * 7]
    return [
        name,
        picks.count,
        picks.outside,
        picks.repeated,
        _short(picks.nearest),
        _short(picks.diameter),
        _short(picks.as_given),
        _short(max(picks.flipped.values(), default=None)),
    ]


def _short(value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"
