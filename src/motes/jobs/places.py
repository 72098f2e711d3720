"""Where an image's coordinate file lies in an output folder."""

from collections.abc import Sequence
from pathlib import Path

from motes.data.pairing import IMAGE_SUFFIX
from motes.errors import OutputError
from motes.formats.picks import PICKS_FORMATS


def coordinate_places(names: Sequence[str], folder: Path, format_name: str) -> dict[str, Path]:
    """By image name, its coordinate file: folders stay, an image's extension gives way to the format's suffix.

    names: as paths that stay inside a folder. Raises OutputError where two images would share a file.
    """
    suffix = PICKS_FORMATS[format_name].suffix
    places = {name: folder / f"{IMAGE_SUFFIX.sub('', name)}{suffix}" for name in names}
    owner: dict[Path, str] = {}
    for name, place in places.items():
        if place in owner:
            raise OutputError(
                f"the {format_name} picks of {owner[place]} and {name} would both be written to {place}; "
                "rename one of the images, or put them into different folders"
            )
        owner[place] = name
    return places
