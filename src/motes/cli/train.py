"""motes train."""

import os
from pathlib import Path
from typing import Annotated

import typer

from motes.cli.options import (
    Device,
    Diameter,
    NoOrientationCheck,
    Out,
    PixelSize,
    Threads,
    Tomogram,
    finish,
    images_of,
    picks_of,
)

HARDLY = 0.65  # area under the ROC curve of pixels
IMAGES = "A file, a folder, a quoted glob, a micrographs.star, a store or a copick project; may be repeated."
PICKS = "Coordinates: a file, or a folder of them; of a copick project ribosome:curation/0 or '*:curation/0'."


def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a shipped recipe, or a YAML file.", metavar="RECIPE")
    ],
    out: Out,
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="Changes of the recipe, such as width=32 epochs=40.", metavar="KEY=VALUE"),
    ] = None,
    images: Annotated[list[str] | None, typer.Option(help=IMAGES, metavar="IMAGES")] = None,
    picks: Annotated[list[str] | None, typer.Option(help=PICKS, metavar="PICKS")] = None,
    tomogram: Tomogram = None,
    masks: Annotated[
        str | None,
        typer.Option(help="In place of picks: label images, or a store such as masks.zarr.", metavar="MASKS"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A table of several data sets, in place of --images.", metavar="DATA.csv"),
    ] = None,
    diameter: Diameter = None,
    pixel_size: PixelSize = None,
    validation_images: Annotated[
        list[str] | None, typer.Option(help="Images for validation, in place of a share of --images.")
    ] = None,
    validation_picks: Annotated[list[str] | None, typer.Option(help="Their coordinates.")] = None,
    validation_masks: Annotated[str | None, typer.Option(help="Their masks.")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="A model to start from: default (the one that ships), or a model file.", metavar="MODEL"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    no_orientation_check: NoOrientationCheck = False,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Train a net on images with picks or masks."""
    from motes.cli.console import OUT, Terminal
    from motes.data.sources import named_by_options, read_data_table
    from motes.jobs.train import TrainingData, train
    from motes.recipe_file import load_recipe
    from motes.train.processes import named_by_environment

    resolved = load_recipe(recipe, changes or (), diameter=diameter, pixel_size=pixel_size, start=start)
    every = images_of([*(images or ()), *(validation_images or ())], tomogram)
    shown, held_out = every[: len(images or ())], every[len(images or ()) :]
    sources = named_by_options(shown, picks_of(picks, shown, ask=masks is None), masks)
    held_out_picks = picks_of(validation_picks, held_out, ask=validation_masks is None)
    sources += named_by_options(held_out, held_out_picks, validation_masks, "validation")
    sources += [] if data is None else read_data_table(data)
    given = TrainingData(sources, not no_orientation_check, data)
    result = train(resolved, given, out, resume=resume, device=device, threads=threads, teller=Terminal())
    if not named_by_environment(os.environ).first:  # of several processes one speaks for all
        return
    if result.stopped:
        OUT.print(f"stopped early: {result.stopped}", markup=False)
    what = "pixels of " if "best_f1" not in result.validation else ""
    for name, found in result.thresholds.items():
        OUT.print(
            f"validation, {what}{name}: F1 {_shown(found.f1)}, precision {_shown(found.precision)}, "
            f"recall {_shown(found.recall)} at the threshold {found.threshold:.3f}, kept in the model",
            markup=False,
        )
        if found.note:
            OUT.print(found.note, markup=False)
    area = result.validation.get("pixel_auc")
    if area is not None and area < HARDLY:
        OUT.print(
            f"this net hardly tells particles from background (area under the ROC curve {area:.2f}; chance gives "
            "0.5): train for longer, or see with `motes inspect` that the labels fit the images",
            markup=False,
            style="yellow",
        )
    OUT.print(f"model: {result.model}\nreport: {out / 'report.html'}", markup=False)
    size = "" if result.knows_diameter or resolved.outlining is not None else " --diameter DIAMETER"
    OUT.print(f"next: motes pick IMAGES --model {result.model}{size} --out picked", markup=False)
    finish(result.failures)


def _shown(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
