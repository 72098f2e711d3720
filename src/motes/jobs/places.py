"""Where an image's coordinate file lies in an output folder, and what cannot be kept apart there."""

from collections.abc import Sequence
from pathlib import Path

from motes.errors import OutputError
from motes.formats.images import IMAGE_SUFFIX
from motes.formats.picks import WITHOUT_CLASSES, picks_format
from motes.formats.relion import without_job
from motes.jobs.telling import Teller


def coordinate_places(names: Sequence[str], folder: Path, format_name: str, ndim: int = 2) -> dict[str, Path]:
    """By image name, its coordinate file: folders stay, an image's extension gives way to the format's suffix.

    names: as paths that stay inside a folder. ndim: of the picks. Raises OutputError where two images would share
    a file.
    """
    suffix = picks_format(format_name, ndim).suffix
    bare = {name: IMAGE_SUFFIX.sub("", name) for name in names}
    if format_name == "relion" and ndim == 2:
        # RELION 3.1 looks for them without the job that the micrographs come from.
        short = {name: without_job(stem) for name, stem in bare.items()}
        # Micrographs of equal names from two jobs keep the job: the index of RELION 4 and 5 finds them so.
        bare = short if len(set(short.values())) == len(short) else bare
    places = {name: folder / f"{stem}{suffix}" for name, stem in bare.items()}
    owner: dict[Path, str] = {}
    for name, place in places.items():
        if place in owner:
            raise OutputError(
                f"the {format_name} picks of {owner[place]} and {name} would both be written to {place}; "
                "rename one of the images, or put them into different folders"
            )
        owner[place] = name
    return places


def warn_of_mixed_classes(format_name: str, ndim: int, classes: Sequence[str], teller: Teller) -> None:
    """Say so where picks of several classes go into a format that does not tell them apart. ndim: of the picks."""
    if len(classes) > 1 and picks_format(format_name, ndim).name in WITHOUT_CLASSES:
        teller.warn(
            f"{format_name} holds no classes: {', '.join(classes)} are written together; csv keeps them apart"
        )
