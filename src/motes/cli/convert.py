"""motes convert."""

from pathlib import Path
from typing import Annotated

import typer

from motes.cli.options import (
    BoxSize,
    Diameter,
    LeftOver,
    NoOrientationCheck,
    PixelSize,
    finish,
    length,
    refuse_left_over,
)


def convert(
    picks: Annotated[
        str, typer.Argument(help="Picks: a file, a folder, an index, or what motes pick wrote.", metavar="IN")
    ],
    out: Annotated[
        Path, typer.Argument(help="A folder; for picks of one image it may be a file.", metavar="OUT")
    ],
    to: Annotated[str, typer.Option(help="relion, eman, cryolo, topaz or csv.", metavar="FORMAT")],
    left_over: LeftOver = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="The images, for their names and sizes, such as a micrographs.star."),
    ] = None,
    pixel_size: PixelSize = None,
    box_size: BoxSize = None,
    diameter: Diameter = None,
    flip: Annotated[
        str | None,
        typer.Option(help="Mirror the coordinates: y (upside down) or x (left to right).", metavar="x|y"),
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="Leave out picks with a lower score.")] = None,
    no_orientation_check: NoOrientationCheck = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write into a folder in use.")] = False,
) -> None:
    """Write picks in the format of another program."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.convert import ConvertOptions, convert

    refuse_left_over(left_over)
    options = ConvertOptions(
        images=images or (),
        pixel_size=pixel_size,
        box_size=box_size,
        diameter=length(diameter),
        flip=flip,
        threshold=threshold,
        check_flips=not no_orientation_check,
    )
    result = convert(picks, out, to, options, overwrite=overwrite, teller=Terminal())
    OUT.print(f"{result.picks} picks of {len(result.files)} images in {out}", markup=False)
    for index in result.indexes:
        OUT.print(f"index: {index}", markup=False)
    finish(result.failures)
