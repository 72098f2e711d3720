"""The door to coordinate files: read what any known program wrote, write what it reads.

In the program a pick is a particle's centre in pixels of the full-size image as stored, 0-based, row 0
the file's first row; each format's module turns its own convention into that and back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from motes.errors import PicksError, did_you_mean
from motes.formats import (
    challenge,
    copick_picks,
    cryolo,
    cryoppp,
    csv_table,
    dynamo,
    eman,
    eman_info,
    relion,
    relion_tomo,
    topaz,
)
from motes.formats.tables import NO_FACTS, Facts, FactsOf, PicksByImage, read_text
from motes.picks import Picks

__all__ = [
    "COPICK",
    "NO_FACTS",
    "PICKS_FORMATS",
    "WITHOUT_CLASSES",
    "Facts",
    "FactsOf",
    "PicksFormat",
    "picks_format",
    "read_picks",
    "write_index",
    "write_picks",
]

COPICK = "copick"  # a project, written as a whole
WITHOUT_CLASSES = ("relion", "eman", "cryolo", "topaz")  # written without the classes of picks


@dataclass(frozen=True)
class PicksFormat:
    """A way to keep picks in files.

    suffix: what follows the name of the image in its coordinate file. matches: whether a file, with this
    path and text, is of the format. read: path, text and facts of images to picks by image name. write:
    path, picks, image name and facts of the image. write_index: folder, (image name, coordinate file)
    pairs and micrographs.star to the files written; None where the format has no index. volumes: the format that
    the same program has for picks in volumes, where that is another one.
    """

    name: str
    suffix: str
    matches: Callable[[Path, str], bool]
    read: Callable[[Path, str, FactsOf | None], PicksByImage]
    write: Callable[[Path, Picks, str, Facts], None] | None
    write_index: Callable[[Path, Sequence[tuple[str, str]], str | None], list[Path]] | None
    volumes: str | None = None


_FORMATS = [
    PicksFormat(
        "relion", relion.SUFFIX, relion.matches, relion.read, relion.write, relion.write_index, "relion5"
    ),
    PicksFormat(
        "relion5",
        relion_tomo.SUFFIX,
        relion_tomo.never,
        relion.read,
        relion_tomo.write,
        relion_tomo.write_index,
    ),
    PicksFormat(
        "relion4",
        relion_tomo.SUFFIX,
        relion_tomo.never,
        relion.read,
        relion_tomo.write_relion4,
        relion_tomo.write_index,
    ),
    PicksFormat("dynamo", dynamo.SUFFIX, dynamo.matches, dynamo.read, dynamo.write, dynamo.write_index),
    PicksFormat("eman", eman.SUFFIX, eman.matches, eman.read, eman.write, None, "eman-info"),
    PicksFormat("eman-info", eman_info.SUFFIX, eman_info.matches, eman_info.read, eman_info.write, None),
    PicksFormat("cryolo", cryolo.SUFFIX, cryolo.matches, cryolo.read, cryolo.write, None),
    PicksFormat("topaz", topaz.SUFFIX, topaz.matches, topaz.read, topaz.write, topaz.write_index),
    PicksFormat(COPICK, copick_picks.SUFFIX, copick_picks.matches, copick_picks.read, None, None),
    PicksFormat(
        "challenge",
        challenge.SUFFIX,
        challenge.matches,
        challenge.read,
        challenge.write,
        challenge.write_index,
    ),
    PicksFormat("cryoppp", cryoppp.SUFFIX, cryoppp.matches, cryoppp.read, None, None),
    PicksFormat(
        "csv", csv_table.SUFFIX, csv_table.matches, csv_table.read, csv_table.write, csv_table.write_index
    ),
]

# A file belongs to the first that knows it, so those that look at little come last.
PICKS_FORMATS: dict[str, PicksFormat] = {entry.name: entry for entry in _FORMATS}


def read_picks(
    path: Path, *, facts_of: FactsOf | None = None, format: str | None = None
) -> dict[str | None, Picks]:
    """Read a coordinate file: the picks by image name as it stands there, None where the file names none.

    facts_of gives what is known of an image by that name, for formats that store other than its pixels. format
    is known by content unless it is given. Repeated picks are kept. Raises PicksError.
    """
    text = read_text(path)
    entry = _known_by_content(path, text) if format is None else _of_program(format, path, text)
    try:
        return entry.read(path, text, facts_of)
    except OSError as error:
        raise PicksError(f"{path}: a file that it lists cannot be read ({error})") from None


def _known_by_content(path: Path, text: str) -> PicksFormat:
    found = next((entry for entry in PICKS_FORMATS.values() if entry.matches(path, text)), None)
    if found is not None:
        return found
    if not text.strip():
        raise PicksError(f"{path}: empty; a table without picks has at least its header")
    first = text.strip().splitlines()[0][:80]
    raise PicksError(
        f"{path}: not a coordinate file of a known format ({', '.join(PICKS_FORMATS)}); it starts with "
        f"{first!r}, where a STAR block, boxes or a header with x and y are expected"
    )


def picks_format(name: str, ndim: int = 2) -> PicksFormat:
    """The format of that name for picks of that dimension; PicksError for an unknown name, with those there are."""
    if name not in PICKS_FORMATS:
        raise PicksError(f"there is no format {name!r} for picks.{did_you_mean(name, PICKS_FORMATS)}")
    entry = PICKS_FORMATS[name]
    return entry if entry.volumes is None or ndim == 2 else PICKS_FORMATS[entry.volumes]


def _of_program(name: str, path: Path, text: str) -> PicksFormat:
    """The format of that name, or the same program's for volumes where the file is of that."""
    volumes = picks_format(name, 3)
    return volumes if volumes.matches(path, text) else picks_format(name)


def write_picks(path: Path, picks: Picks, *, format: str, image_name: str, facts: Facts = NO_FACTS) -> None:
    """Write the picks of one image. facts: of that image, as its format needs them.

    Raises PicksError where the format cannot hold them, OutputError where the file cannot be written.
    """
    write = picks_format(format, picks.ndim).write
    if write is None:
        writable = ", ".join(name for name, entry in PICKS_FORMATS.items() if entry.write)
        raise PicksError(f"{path}: {format} can be read but not written; choose one of {writable}")
    write(path, picks, image_name, facts)


def write_index(
    folder: Path,
    entries: Sequence[tuple[str, str]],
    format: str,
    micrographs_star: str | None = None,
    *,
    ndim: int = 2,
) -> list[Path]:
    """Write what lists or joins the coordinate files of all images, and return the files written.

    entries: image names as the program that reads them knows them, and coordinate files relative to the
    project's folder. micrographs_star: the list of the images, for RELION 3.1. ndim: of the picks. Nothing is
    written for formats without an index. Raises PicksError and OutputError.
    """
    write = picks_format(format, ndim).write_index
    return [] if write is None else write(folder, entries, micrographs_star)
