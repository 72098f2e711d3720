"""motes measure."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from motes.cli.options import LeftOver, Out, finish, length, refuse_left_over
from motes.errors import InputError

if TYPE_CHECKING:
    from motes.jobs.measure_labels import MeasureResult
    from motes.jobs.object_files import Row

MOST_ROWS = 20


def measure(
    labels: Annotated[
        str,
        typer.Argument(
            help="Label images of any program: a file, a folder, a quoted glob or a store; 0 is no object.",
            metavar="LABELS",
        ),
    ],
    out: Out,
    images: Annotated[
        str | None,
        typer.Argument(
            help="The images that they belong to, for intensities, contrast and pictures.", metavar="IMAGES"
        ),
    ] = None,
    left_over: LeftOver = None,
    pixel_size: Annotated[
        str | None,
        typer.Option(
            help="A/px, or 0.65um or 20nm; by default what each image's header says.", metavar="SIZE"
        ),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option("--format", help="Also write outlines: geojson or imagej; may be repeated."),
    ] = None,
    binary: Annotated[
        bool, typer.Option("--binary", help="The label images are masks; number their connected regions.")
    ] = False,
    smallest: Annotated[
        str | None, typer.Option(help="Least diameter of an object that stays, px, or 0.5um.", metavar="D")
    ] = None,
    largest: Annotated[str | None, typer.Option(help="Greatest diameter.", metavar="D")] = None,
    circularity: Annotated[
        float, typer.Option(help="Least circularity; 1 is a disc or ball.", min=0, max=1)
    ] = 0,
    no_edge: Annotated[
        bool, typer.Option("--no-edge", help="Leave out objects that reach the edge of the image.")
    ] = False,
    volumes: Annotated[
        bool, typer.Option("--volumes", help="Files are volumes (z, y, x), not stacks of images.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Pictures with the outlines of the objects.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what was measured with other options.")
    ] = False,
) -> None:
    """Measure the objects of label images: counts, sizes, shapes, intensities, outlines."""
    from motes.cli.console import OUT, Terminal
    from motes.jobs.measure_labels import OBJECTS, SUMMARY, MeasureOptions, measure_labels

    refuse_left_over(left_over)
    options = MeasureOptions(
        pixel_size=_pixel_size(pixel_size),
        formats=tuple(dict.fromkeys(format or ())),
        binary=binary,
        smallest=length(smallest, "px"),
        largest=length(largest, "px"),
        circularity=circularity,
        edge=not no_edge,
        pictures=pictures,
        ndim=3 if volumes else 2,
    )
    result = measure_labels(labels, images, out, options, overwrite=overwrite, teller=Terminal())
    if as_json:
        OUT.print(json.dumps(result.totals), markup=False)
    else:
        _show(result)
        shown = f", pictures: {out / 'pictures'}" if pictures else ""
        OUT.print(
            f"{result.totals['objects']} objects in {result.totals['images']} images: {out / OBJECTS}, by image: "
            f"{out / SUMMARY}{shown}",
            markup=False,
        )
    finish(result.failures)


def _pixel_size(text: str | None) -> float | None:
    """A/px of what was typed; InputError for pixels, UnitError for what is no length."""
    found = length(text)
    if found is None:
        return None
    if found.unit == "px":
        raise InputError(f"--pixel-size {text} is in pixels; write it as 6500 (A/px), 0.65um or 20nm")
    return found.value


def _show(result: "MeasureResult") -> None:
    """A table of the images, and of all together."""
    from motes.cli.console import OUT, show_table

    in_um = result.totals.get("diameter_um_mean") is not None
    unit, end = ("um", "_um") if in_um else ("px", "")
    columns = ["image", "objects", "coverage", "diameter", "sd", "circularity", "touching", "nearest"]
    keys = ["objects", "coverage", f"diameter{end}_mean", f"diameter{end}_sd", "circularity_mean", "touching"]
    keys.append(f"nearest{end}_mean")

    def cells(name: str, row: "Row") -> list[str | int | float | None]:
        return [name, *(row.get(key) for key in keys)]

    done = [row for row in result.rows if row["status"] == "done"]
    rows = [cells(str(row["image"]), row) for row in done[:MOST_ROWS]]
    if len(done) > 1:
        rows.append(cells("all", result.totals))
    if done:
        show_table(f"objects (means; diameter, nearest: {unit}; coverage, touching: shares)", columns, rows)
    if len(done) > MOST_ROWS:
        OUT.print(f"and {len(done) - MOST_ROWS} more images in summary.csv", markup=False)
