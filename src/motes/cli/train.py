"""motes train."""

from pathlib import Path
from typing import Annotated

import typer

from motes.cli.options import Device, Diameter, Images, NoOrientationCheck, Out, PixelSize, Threads, finish


def train(
    recipe: Annotated[
        str, typer.Argument(help="Name of a shipped recipe, or a YAML file.", metavar="RECIPE")
    ],
    images: Images,
    picks: Annotated[str, typer.Option(help="Coordinates: a file, or a folder of them.", metavar="PICKS")],
    out: Out,
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="Changes of the recipe, such as width=32 epochs=40.", metavar="KEY=VALUE"),
    ] = None,
    diameter: Diameter = None,
    pixel_size: PixelSize = None,
    validation_images: Annotated[
        list[str] | None, typer.Option(help="Images for validation, in place of a share of --images.")
    ] = None,
    validation_picks: Annotated[str | None, typer.Option(help="Their coordinates.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    no_orientation_check: NoOrientationCheck = False,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Train a net on images with picks."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.train import TrainingData, train
    from motes.recipe import load_recipe

    resolved = load_recipe(recipe, changes or (), diameter=diameter, pixel_size=pixel_size)
    data = TrainingData(images, picks, validation_images or (), validation_picks, not no_orientation_check)
    result = train(resolved, data, out, resume=resume, device=device, threads=threads, teller=Terminal())
    found = result.threshold
    OUT.print(
        f"validation: F1 {_shown(found.f1)}, precision {_shown(found.precision)}, recall {_shown(found.recall)} "
        f"at the threshold {found.threshold:.3f}, kept in the model",
        markup=False,
    )
    if found.note:
        OUT.print(found.note, markup=False)
    OUT.print(f"model: {result.model}\nreport: {out / 'report.html'}", markup=False)
    OUT.print(f"next: motes pick IMAGES --model {result.model} --out {Path('picked')}", markup=False)
    finish(result.failures)


def _shown(value: float | None) -> str:
    return "undefined" if value is None or value != value else f"{value:.3f}"
