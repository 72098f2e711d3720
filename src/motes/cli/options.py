"""Options that several verbs share, each said once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from motes.errors import InputError
from motes.jobs.telling import Failure
from motes.units import Length, Unit, parse_length


def _above_zero(value: float | None) -> float | None:
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value:g} is not a pixel size; expected A/px, above 0")
    return value


Device = Annotated[str | None, typer.Option(help="cpu, cuda or cuda:1; by default a GPU where there is one.")]
Threads = Annotated[int | None, typer.Option(help="How many processor threads to use.")]
PixelSize = Annotated[
    float | None,
    typer.Option(help="A/px of the images; by default what each image's header says.", callback=_above_zero),
]
BoxSize = Annotated[int | None, typer.Option(help="Pixels; for formats that store boxes.", min=1)]
Diameter = Annotated[
    str | None, typer.Option(help="Of the particle: 150 (Angstrom), 15nm, or 60px.", metavar="D")
]
Images = Annotated[
    list[str],
    typer.Option(
        "--images",
        help="A file, a folder, a quoted glob or a micrographs.star; may be repeated.",
        metavar="IMAGES",
    ),
]
LeftOver = Annotated[list[str] | None, typer.Argument(hidden=True)]
NoOrientationCheck = Annotated[
    bool,
    typer.Option(
        "--no-orientation-check", help="Take picks that seem mirrored, and masks that seem shifted."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder for the results.", file_okay=False)]


def length(text: str | None, default_unit: Unit = "A") -> Length | None:
    """A length option, or None where it was not given."""
    return None if text is None else parse_length(text, default_unit)


def refuse_left_over(words: Sequence[str] | None) -> None:
    """Raise InputError for words that belong to no option, as an unquoted pattern leaves them behind."""
    if words:
        raise InputError(
            f"{words[0]!r} belongs to no option. If it comes from a pattern such as *.mrc, put the pattern in "
            "quotes: --images 'folder/*.mrc'"
        )


def finish(failures: Sequence[Failure]) -> None:
    """Name what could not be used, and end with exit code 1 if there was anything."""
    from motes.cli.console import ERR

    if failures:
        ERR.print(f"{len(failures)} could not be used:", style="red")
        for failure in failures:
            named = failure.reason.startswith(failure.name)
            ERR.print(f"  {failure.reason}" if named else f"  {failure.name}: {failure.reason}", markup=False)
        raise typer.Exit(1)
