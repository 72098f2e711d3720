"""Which picks belong to which image: by path, then by name, with and without what programs append."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from motes.errors import PicksError
from motes.formats.images import IMAGE_SUFFIX
from motes.formats.tables import tomogram_name

PICKS_SUFFIX = re.compile(r"\.(star|box|cbox|csv|txt|tsv|json|tbl)$", re.IGNORECASE)
APPENDED = re.compile(r"_(autopick|manualpick|pick|picks|topaz|cryolo|particles|particles_selected|boxes)$")
_BINNING = re.compile(r"_(bin(?P<bin>\d+)|(?P<Apx>\d+(\.\d+)?)Apx)(?=_|$)")


@dataclass(frozen=True)
class Pairing:
    """key_of: image name to picks key. unlabelled: images without one. left_over: keys without an image."""

    key_of: dict[str, str]
    unlabelled: list[str]
    left_over: list[str]


def pair(images: Sequence[str], keys: Iterable[str], ndim: int = 2) -> Pairing:
    """Pair names of images with names under which picks were found. ndim: of the images.

    Both may hold folders and dots. The whole path counts first, then ever shorter ends of it, then, of volumes, the
    tilt series that a tomogram is named after (rec_TS_01_10.00Apx.mrc after TS_01). A guess could mix up two images,
    so a name that fits several keys equally well raises PicksError, and what would fit an image or a key that has
    its partner already gets none.
    """
    every_key = list(dict.fromkeys(keys))
    key_of: dict[str, str] = {}
    longest = max((len(_parts(name)) for name in [*images, *every_key]), default=0)
    for depth in [None, *range(longest, 0, -1), *([0] if ndim == 3 else [])]:
        key_of |= _more_pairs(images, every_key, depth, key_of)
    taken = set(key_of.values())
    left_over = [key for key in every_key if key not in taken]
    return Pairing(key_of, [name for name in images if name not in key_of], left_over)


def _more_pairs(
    images: Sequence[str], keys: Sequence[str], depth: int | None, key_of: Mapping[str, str]
) -> dict[str, str]:
    """Further pairs, of names that agree as far as _by_tail compares them at that depth. key_of: those there are."""
    found: dict[str, str] = {}
    by_tail, taken = _by_tail(keys, depth), set(key_of.values())
    for tail, alike in _by_tail(images, depth).items():
        sharing = by_tail.get(tail, [])
        names = [name for name in alike if name not in key_of]
        matching = [key for key in sharing if key not in taken]
        if depth == 0:
            matching = [key for key in matching if any(_may_be_binned_alike(name, key) for name in names)]
        if len(names) == len(matching) == 1:
            others = [name for name in [*alike, *sharing] if name not in (*names, *matching)]
            if not _may_be_of_another(names[0], matching[0], others):
                found[names[0]] = matching[0]
        elif names and matching and depth in (0, 1):
            raise PicksError(
                f"cannot tell which picks belong to which image: {_some(names)} and {_some(matching)} "
                "have the same name; keep the picks in the same folders as the images"
            )
    return found


def _may_be_of_another(name: str, key: str, others: Sequence[str]) -> bool:
    """Whether the end of a path that an image and a key share could mean one of the others that share it.

    Where image and key share the whole path, only those of the same whole path count.
    """
    whole = _parts(name)
    return any(_parts(other) == whole for other in others) if _parts(key) == whole else bool(others)


def _may_be_binned_alike(first: str, second: str) -> bool:
    """Whether two tomograms may have voxels of one size: not where both names tell a binning, and no common one."""
    own, other = _binnings(first), _binnings(second)
    shared = own.keys() & other.keys()
    return not (own and other) or (bool(shared) and all(own[kind] == other[kind] for kind in shared))


def _binnings(name: str) -> dict[str, float]:
    """What the name of a tomogram tells of its binning: {"bin": 4} of x_bin4, {"Apx": 10} of x_10.00Apx."""
    found = _BINNING.finditer(PurePosixPath(bare_name(name)).name)
    return {"bin" if tag["bin"] else "Apx": float(tag["bin"] or tag["Apx"]) for tag in found}


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
