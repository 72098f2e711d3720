"""Which picks belong to which image: by path, then by name, with and without what programs append."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from motes.errors import PicksError
from motes.formats.images import IMAGE_SUFFIX
from motes.formats.tables import tomogram_name

PICKS_SUFFIX = re.compile(r"\.(star|box|cbox|csv|txt|tsv|json|tbl)$", re.IGNORECASE)
APPENDED = re.compile(r"_(autopick|manualpick|pick|picks|topaz|cryolo|particles|particles_selected|boxes)$")


@dataclass(frozen=True)
class Pairing:
    """key_of: image name to picks key. unlabelled: images without one. left_over: keys without an image."""

    key_of: dict[str, str]
    unlabelled: list[str]
    left_over: list[str]


def pair(images: Sequence[str], keys: Iterable[str]) -> Pairing:
    """Pair names of images with names under which picks were found.

    Both may hold folders and dots. The whole path counts first, then ever shorter ends of it, then the tilt series
    that a tomogram is named after (rec_TS_01_10.00Apx.mrc after TS_01); a name that fits several keys equally well
    raises PicksError, for a guess could mix up two images.
    """
    remaining = list(dict.fromkeys(keys))
    key_of: dict[str, str] = {}
    longest = max((len(_parts(name)) for name in [*images, *remaining]), default=0)
    for depth in [None, *range(longest, -1, -1)]:
        by_tail = _by_tail(remaining, depth)
        open_images = _by_tail([name for name in images if name not in key_of], depth)
        for tail, names in open_images.items():
            matching = by_tail.get(tail, [])
            if len(matching) == 1 and len(names) == 1:
                key_of[names[0]] = matching[0]
            elif matching and depth in (0, 1):
                raise PicksError(
                    f"cannot tell which picks belong to which image: {_some(names)} and {_some(matching)} "
                    "have the same name; keep the picks in the same folders as the images"
                )
        taken = set(key_of.values())
        remaining = [key for key in remaining if key not in taken]
    return Pairing(key_of, [name for name in images if name not in key_of], remaining)


def bare_name(name: str) -> str:
    """A path without the extension of an image or a coordinate file, and without what programs append."""
    stripped = PICKS_SUFFIX.sub("", name)
    stripped = IMAGE_SUFFIX.sub("", stripped)
    return APPENDED.sub("", stripped)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in PurePosixPath(bare_name(name)).parts if part not in ("/", ".", ".."))


def _by_tail(names: Iterable[str], depth: int | None) -> dict[tuple[str, ...], list[str]]:
    """Names by the last parts of their bare path; with depth None as written, with 0 by their tilt series."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        parts = _parts(name)
        if depth is None:
            found.setdefault((name,), []).append(name)
        elif depth == 0:
            found.setdefault((tomogram_name(bare_name(name)),), []).append(name)
        elif len(parts) >= depth:
            found.setdefault(parts[-depth:], []).append(name)
    return found


def _some(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
