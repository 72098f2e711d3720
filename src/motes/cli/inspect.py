"""motes inspect."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from motes.cli.options import Diameter, PixelSize, Tomogram, images_of, length, picks_of, project_of
from motes.errors import InputError
from motes.units import Length

if TYPE_CHECKING:
    from motes.jobs.inspect_masks import MaskInspection
    from motes.jobs.inspection import ImageFacts, Inspection, Problem
    from motes.jobs.mask_faults import MaskFault

MaskKind = Literal["binary", "classes", "instances"]

MOST_NAMES = 3
MOST_ROWS = 50


def inspect(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files, a folder, a quoted glob, a micrographs.star or a copick project.", metavar="IMAGES"
        ),
    ] = None,
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
    masks: Annotated[
        str | None,
        typer.Option(help="In place of picks: label images, or a store such as masks.zarr.", metavar="MASKS"),
    ] = None,
    mask_kind: Annotated[
        MaskKind | None,
        typer.Option(
            help="What values in masks mean: binary (0 and 1), classes, or instances (a number for each object); by "
            "default binary.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="A table of several data sets with masks, in place of IMAGES.", metavar="DATA.csv"),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="The recipe whose kind of data images with masks are compared with; by default the one that is "
            "recommended.",
            metavar="RECIPE",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="A page with pictures on images with masks.", metavar="FILE.html", dir_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what is in images and picks or masks, and what is wrong with them."""
    if masks is not None or data is not None:
        of_picks = {"--picks": picks, "--tomogram": tomogram, "--diameter": diameter, "--pictures": pictures}
        _refuse({**of_picks, "--pixel-size": pixel_size}, "goes with picks, and these images have masks")
        _inspect_masks(images or [], masks, data, _MaskWords(mask_kind or "binary", recipe, report, as_json))
        return
    _refuse(
        {"--mask-kind": mask_kind, "--recipe": recipe, "--report": report},
        "is for images with masks; name these with --masks MASKS, or in a table with --data",
    )
    if not images:
        raise InputError(
            "there are no images; name files, a folder or a quoted glob, or a table of data sets with --data"
        )
    _inspect_picks(
        images_of(images, tomogram), picks, (length(diameter), pixel_size, pictures), as_json=as_json
    )


def _refuse(options: dict[str, Any], why: str) -> None:
    """InputError for an option that would have no effect."""
    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(f"{given[0]} {why}")


def _inspect_picks(
    sources: list[str],
    picks: list[str] | None,
    settings: tuple[Length | None, float | None, Path | None],
    *,
    as_json: bool,
) -> None:
    from motes.cli.console import OUT, Terminal
    from motes.data.image_list import begin_with_volume
    from motes.jobs.inspect import inspect
    from motes.jobs.inspection import InspectOptions

    ndim = 3 if any(map(project_of, sources)) or begin_with_volume(sources) else 2
    diameter, pixel_size, pictures = settings
    options = InspectOptions(diameter, pixel_size, ndim, pictures)
    found = inspect(sources, picks_of(picks, sources), options, Terminal())
    if as_json:
        OUT.print(json.dumps(found.as_dict()), markup=False)
    else:
        _show(found)
    if not found.usable:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _MaskWords:
    """What the command line says of images with masks."""

    kind: MaskKind
    recipe: str | None
    report: Path | None
    as_json: bool


def _inspect_masks(images: list[str], masks: str | None, data: Path | None, words: _MaskWords) -> None:
    from motes.cli.console import OUT, Terminal
    from motes.data.sources import named_by_options, read_data_table
    from motes.jobs.inspect_masks import MaskOptions, inspect_masks
    from motes.jobs.mask_page import write_mask_page
    from motes.jobs.recommend import quick_command

    if data is not None and (images or masks is not None):
        raise InputError("--data stands in place of IMAGES and --masks; give either the table or the images")
    sources = named_by_options(images, None, masks) if data is None else read_data_table(data)
    options = MaskOptions(words.kind, words.recipe)
    found = inspect_masks(sources, options, Terminal())
    advised = found.recommendation
    command = "" if advised is None else advised.command(images, masks, data)
    quick = "" if advised is None else quick_command(images, masks, data, words.kind)
    if words.report is not None:
        write_mask_page(words.report, found, sources, options.dimensions, f"{command}\n{quick}".strip())
    if words.as_json:
        commands = {"command": command or None, "quick_command": quick or None}
        OUT.print(json.dumps({**found.as_dict(), **commands}), markup=False)
    else:
        _show_masks(found, command, quick)
        if words.recipe is not None and found.domain is None and advised is not None:
            OUT.print(_unknown_domain(words.recipe), markup=False)
        if words.report is not None:
            OUT.print(f"report: {words.report}", markup=False)
    if not found.usable:
        raise typer.Exit(1)


def _unknown_domain(recipe: str) -> str:
    from motes.jobs.domain import DOMAINS

    return f"not compared: what data {recipe} was made for is not known; it is of {', '.join(DOMAINS)}"


def _show_masks(found: "MaskInspection", command: str, quick: str) -> None:
    """Faults first, then what is there, how it differs from a recipe's domain, and what to train with."""
    from motes.cli.console import OUT, show_table
    from motes.jobs.mask_page import answer, evidence_rows, fact_rows

    for fault in found.faults:
        named = any(name in fault.message for name in fault.images[:1])
        OUT.print(
            _line(replace(fault, images=()) if named else fault),
            markup=False,
            style="red" if fault.unusable else "yellow",
        )
        evidence = "; ".join(f"{what} {value}" for what, value in evidence_rows(fault.evidence.items()))
        if evidence:
            OUT.print(f"       {evidence}", markup=False)
    OUT.print(answer(found), markup=False, style="" if found.faults else "green")
    show_table(
        "images with masks",
        ["", "median (least to most)"],
        [[what, value] for what, value in fact_rows(found.facts)],
    )
    for difference in found.differences:
        OUT.print(f"differs: {difference.words}", markup=False)
    if found.recommendation is not None:
        OUT.print(
            f"recommended: {found.recommendation.recipe}, for {found.recommendation.reason}", markup=False
        )
        for advice in found.recommendation.needed:
            OUT.print(f"  {advice.words}: {advice.reason}", markup=False)
        OUT.print(f"next: {command}", markup=False)
        if quick:
            OUT.print(f"or, in minutes, by the small recipe for round objects: {quick}", markup=False)
    elif not found.usable:
        OUT.print(
            "put that right, then inspect again: settings are recommended where nothing is wrong",
            markup=False,
        )


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


def _line(problem: "Problem | MaskFault") -> str:
    """WRONG for what must be put right, note for what is worth knowing; then where, what, and what to do."""
    names = ", ".join(problem.images[:MOST_NAMES])
    if len(problem.images) > MOST_NAMES:
        names += f" and {len(problem.images) - MOST_NAMES} more"
    where = "" if not names or problem.message.startswith(f"{names}:") else f"{names}: "
    return f"{'WRONG' if problem.unusable else 'note'}  {where}{problem.message}"


def _image_row(facts: "ImageFacts") -> list[str | int | None]:
    from motes.jobs.inspection import shape_text

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
