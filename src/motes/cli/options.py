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
Tomogram = Annotated[
    str | None,
    typer.Option(
        help="Which tomograms of a copick project (config.json): denoised@10.0.", metavar="TYPE@SPACING"
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


def images_of(images: Sequence[str] | None, tomogram: str | None) -> list[str]:
    """Images as find_images takes them, with the tomogram chosen of each copick project among them.

    Raises InputError for a tomogram that is chosen of no project.
    """
    if tomogram is None:
        return list(images or ())
    chosen = [f"{each}@{tomogram}" if _is_bare_project(each) else each for each in images or ()]
    if chosen == list(images or ()):
        raise InputError(
            "--tomogram chooses tomograms of a copick project; name its config.json as the images"
        )
    return chosen


def picks_of(picks: Sequence[str] | None, images: Sequence[str], *, ask: bool = False) -> str | None:
    """Picks as read_all_picks takes them, or None where none are named.

    Where the images are a copick project, words such as ribosome:curation/0 are picks of it; with ask none at all
    become the project itself, which then says what it has. Raises InputError for several words otherwise.
    """
    configs = {config: None for config in map(project_of, images) if config is not None}
    if not picks:
        return str(next(iter(configs))) if ask and len(configs) == len(images) == 1 else None
    if len(picks) == 1 and (not configs or Path(picks[0]).exists() or project_of(picks[0])):
        return picks[0]
    if len(configs) != 1:
        raise InputError(
            f"picks are one file or folder, found {', '.join(picks)}; several are chosen of one copick project only, "
            "whose config.json is the images. Other sets are listed in a table, with --data"
        )
    return f"{next(iter(configs))}@{' '.join(picks)}"


def scored_of(picks: str, truth: str, words: Sequence[str] | None) -> tuple[str, str]:
    """Picks and truth, the words chosen of the one that is a copick project; InputError where not just one is."""
    if not words:
        return picks, truth
    bare = [_is_bare_project(each) for each in (picks, truth)]
    if sum(bare) != 1:
        raise InputError(
            f"--picks chooses of a copick project, and {'both PICKS and TRUTH are' if all(bare) else 'neither is'} "
            "one; write the choice after the name, as 'config.json@ribosome:curation/0'"
        )
    chosen = [
        f"{each}@{' '.join(words)}" if own else each for each, own in zip((picks, truth), bare, strict=True)
    ]
    return chosen[0], chosen[1]


def project_of(source: str) -> Path | None:
    """The config of the copick project that images or picks are chosen of; None where they are of none."""
    from motes.formats.copick import split_source  # brings readers of images along, which take time to import

    found = split_source(source)
    return None if found is None else found[0]


def _is_bare_project(source: str) -> bool:
    config = project_of(source)
    return config is not None and str(config) == str(Path(source))


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
