"""motes pick."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from motes.cli.options import (
    BoxSize,
    Device,
    Diameter,
    Out,
    PixelSize,
    Threads,
    Tomogram,
    finish,
    images_of,
    length,
)
from motes.errors import InputError

if TYPE_CHECKING:
    from motes.predict.windows import Blend, Windows


def pick(
    images: Annotated[
        list[str],
        typer.Argument(help="Files, a folder, a quoted glob or a micrographs.star.", metavar="IMAGES"),
    ],
    out: Out,
    tomogram: Tomogram = None,
    model: Annotated[
        str,
        typer.Option(
            help="What motes train wrote, RUN/model.safetensors; without it the model that ships.",
            metavar="MODEL",
        ),
    ] = "default",
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="Also write relion, eman, cryolo or topaz files, of tomograms relion4, dynamo, challenge or copick "
            "too; of models that outline, geojson or imagej (a zip of ROIs); may be repeated.",
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="Lowest score, between 0 and 1, by default the model's own; of one class as ribosome=0.4, may be "
            "repeated.",
            metavar="[CLASS=]SCORE",
        ),
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
    patch: Annotated[
        str | None,
        typer.Option(
            help="Sides of the windows in which an image is seen: 32x128x128, or one number. By default, of "
            "volumes the crop of the training or as much as fits, of micrographs as much as fits.",
            metavar="SIDES",
        ),
    ] = None,
    overlap: Annotated[
        float | None,
        typer.Option(help="Of windows that are blended, as a share; by default 0.5.", min=0, max=0.75),
    ] = None,
    blend: Annotated[
        Literal["gaussian", "exact"] | None,
        typer.Option(
            help="Windows that overlap, or that equal the whole image; by default exact where the net can."
        ),
    ] = None,
    tta: Annotated[
        Literal["1", "2", "4", "8", "16"],
        typer.Option(
            help="In how many ways each window is seen, to be averaged: 2 half a turn in the plane, 4 flips, 8 also "
            "quarter turns, 16 also z flipped. So many times as long."
        ),
    ] = "1",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace picks made with other options.")
    ] = False,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Find particles in images, with the model that ships or with one of your own."""
    os.environ.setdefault(
        "THP_MEM_ALLOC_ENABLE", "1"
    )  # huge pages, before torch is there: twice as fast for volumes
    from motes.cli.console import OUT, Terminal
    from motes.jobs.pick import PickOptions, pick
    from motes.jobs.summary import told_quality

    for_all, by_class = thresholds_of(threshold or ())
    options = PickOptions(
        threshold=for_all,
        thresholds=by_class,
        method=method,
        pixel_size=pixel_size,
        diameter=length(diameter),
        formats=None if format is None else tuple(name for name in dict.fromkeys(format) if name != "csv"),
        box_size=box_size,
        project=project,
        save_maps=save_maps,
        pictures=pictures,
        windows=windows_of(patch, overlap, blend, int(tta)),
    )
    result = pick(
        images_of(images, tomogram),
        model,
        out,
        options,
        overwrite=overwrite,
        device=device,
        threads=threads,
        teller=Terminal(),
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


def thresholds_of(words: Sequence[str]) -> tuple[float | None, dict[str, float]]:
    """The score that a plain number says, None without one, and those of classes; InputError for other words."""
    for_all, by_class = None, {}
    for word in words:
        name, _, number = word.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            raise InputError(
                f"cannot read --threshold {word!r}; write a number between 0 and 1, or of one class ribosome=0.4"
            ) from None
        if name:
            by_class[name] = value
        else:
            for_all = value
    return for_all, by_class


def windows_of(patch: str | None, overlap: float | None, blend: "Blend | None", views: int) -> "Windows":
    """The windows that options describe; InputError for sides that cannot be read."""
    from motes.predict.windows import Windows

    try:
        sides = None if patch is None else tuple(int(side) for side in patch.lower().split("x"))
    except ValueError:
        raise InputError(
            f"cannot read --patch {patch!r}; write its sides as 32x128x128, or one number"
        ) from None
    if sides is not None and min(sides) < 1:
        raise InputError(f"--patch {patch} has a side below 1; write its sides as 32x128x128, or one number")
    chosen = sides[0] if sides is not None and len(sides) == 1 else sides
    return Windows.model_validate({"patch": chosen, "overlap": overlap, "blend": blend, "views": views})
