"""motes prepare."""

from pathlib import Path
from typing import Annotated

import typer

from motes.cli.options import (
    Diameter,
    LeftOver,
    NoOrientationCheck,
    PixelSize,
    finish,
    length,
)


def prepare(
    images: Annotated[
        str,
        typer.Argument(help="A file, a folder, a quoted glob or a micrographs.star.", metavar="IMAGES"),
    ],
    picks: Annotated[str, typer.Argument(help="Coordinates: a file, or a folder of them.", metavar="PICKS")],
    out: Annotated[Path, typer.Argument(help="Folder for the stores.", metavar="OUT", file_okay=False)],
    left_over: LeftOver = None,
    size: Annotated[int, typer.Option(help="Side of the stored images, px.", min=16)] = 768,
    tiles: Annotated[
        bool, typer.Option("--tiles", help="Cut images at full resolution, in place of scaling them.")
    ] = False,
    radius: Annotated[
        str | None,
        typer.Option(
            help="Of the discs: 20 (px of the image), or 75A; by default half the diameter.", metavar="R"
        ),
    ] = None,
    diameter: Diameter = None,
    pixel_size: PixelSize = None,
    no_orientation_check: NoOrientationCheck = False,
) -> None:
    """Write stores of images and masks, to train on with --masks, from images and picks."""
    from motes.cli.console import OUT, Terminal
    from motes.errors import InputError
    from motes.jobs.prepare_store import StoreOptions, prepare_store

    if left_over:
        raise InputError(
            f"expected IMAGES PICKS OUT, and found {left_over[0]!r} beyond them. If the images come from a pattern "
            "such as *.mrc, put it in quotes: 'folder/*.mrc'"
        )
    options = StoreOptions(
        size=size,
        tiles=tiles,
        radius=length(radius, "px"),
        diameter=length(diameter),
        pixel_size=pixel_size,
        check_flips=not no_orientation_check,
    )
    result = prepare_store([images], picks, out, options, Terminal())
    OUT.print(f"{result.rows} images with {result.particles} particles in {out}", markup=False)
    OUT.print(
        f"next: motes train fair-standard --images {result.images} --masks {result.masks} --out run\n"
        f"or to validate on them: --validation-images {result.images} --validation-masks {result.masks}",
        markup=False,
    )
    finish(result.failures)
