"""motes pick."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from motes.cli.options import BoxSize, Device, Diameter, Out, PixelSize, Threads, finish, length


def pick(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, a folder, a quoted glob or a micrographs.star.", metavar="IMAGES"),
    ],
    out: Out,
    model: Annotated[
        str,
        typer.Option(
            help="What motes train wrote, RUN/model.safetensors; without it the model that ships.",
            metavar="MODEL",
        ),
    ] = "default",
    format: Annotated[
        list[str] | None,
        typer.Option("--format", help="Also write relion, eman, cryolo or topaz files; may be repeated."),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Lowest score, between 0 and 1; by default the model's own.")
    ] = None,
    method: Annotated[
        Literal["peaks", "components"] | None,
        typer.Option(help="Peaks of the probability, or connected regions with their boxes."),
    ] = None,
    pixel_size: PixelSize = None,
    diameter: Diameter = None,
    box_size: BoxSize = None,
    project: Annotated[Path, typer.Option(help="Folder that paths in an index are relative to.")] = Path(),
    save_maps: Annotated[
        bool, typer.Option("--save-maps", help="Also write probability maps (MRC).")
    ] = False,
    pictures: Annotated[bool, typer.Option("--pictures", help="Also write pictures with the picks.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace picks made with other options.")
    ] = False,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Find particles in images, with the model that ships or with one of your own."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.pick import PickOptions, pick
    from motes.jobs.summary import told_quality

    options = PickOptions(
        threshold=threshold,
        method=method,
        pixel_size=pixel_size,
        diameter=length(diameter),
        formats=tuple(name for name in dict.fromkeys(format or ()) if name != "csv"),
        box_size=box_size,
        project=project,
        save_maps=save_maps,
        pictures=pictures,
    )
    result = pick(
        images, model, out, options, overwrite=overwrite, device=device, threads=threads, teller=Terminal()
    )
    done = [row for row in result.rows if row.picks is not None]
    total = sum(row.picks or 0 for row in done)
    OUT.print(
        f"{total} picks in {len(done)} images: {out / 'picks'}, table: {out / 'summary.csv'}", markup=False
    )
    if quality := told_quality(done):
        OUT.print(f"quality: {quality}", markup=False)
    for index in result.indexes:
        OUT.print(f"index: {index}", markup=False)
    finish(result.failures)
