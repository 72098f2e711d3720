"""motes convert."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from motes.cli.options import (
    BoxSize,
    Diameter,
    LeftOver,
    NoOrientationCheck,
    PixelSize,
    Tomogram,
    finish,
    images_of,
    length,
    refuse_left_over,
    scored_of,
)

if TYPE_CHECKING:
    from motes.formats.tables import Centre


def convert(
    picks: Annotated[
        str, typer.Argument(help="Picks: a file, a folder, an index, or what motes pick wrote.", metavar="IN")
    ],
    out: Annotated[
        Path, typer.Argument(help="A folder; for picks of one image it may be a file.", metavar="OUT")
    ],
    to: Annotated[
        str,
        typer.Option(
            help="relion, relion4, eman, dynamo, challenge, copick, cryolo, topaz or csv.", metavar="FORMAT"
        ),
    ],
    left_over: LeftOver = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="The images, for their names and sizes, such as a micrographs.star."),
    ] = None,
    tomogram: Tomogram = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option("--picks", help="Of a copick project as IN: ribosome:curation/0.", metavar="PICKS"),
    ] = None,
    session: Annotated[str, typer.Option(help="Of the files of picks, for copick.")] = "0",
    pixel_size: PixelSize = None,
    tilt_series_pixel_size: Annotated[
        float | None,
        typer.Option(help="Of tomograms: A/px before binning; by default they are not binned."),
    ] = None,
    centre: Annotated[
        str,
        typer.Option(
            help="Where RELION 5 counts from: half the size, or a pixel less.", metavar="relion|relion-python"
        ),
    ] = "relion",
    box_size: BoxSize = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="The class of picks that have none.", metavar="NAME")
    ] = None,
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
    picks, _ = scored_of(picks, "", chosen)
    options = ConvertOptions(
        images=images_of(images, tomogram),
        session=session,
        pixel_size=pixel_size,
        tilt_series_pixel_size=tilt_series_pixel_size,
        centre=cast("Centre", centre),
        class_name=class_name,
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
