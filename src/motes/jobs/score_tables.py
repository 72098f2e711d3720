"""Picks and truth brought together for scoring: paired by name, and in one unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from motes.data.collection import LoadedPicks, accepted, load_picks
from motes.data.image_list import ImageEntry, find_images
from motes.data.pairing import pair
from motes.errors import MotesError, PicksError, UnitError
from motes.formats.copick import split_source
from motes.formats.images import image_info
from motes.formats.picks import PICKS_FORMATS, Facts
from motes.jobs.telling import Silent, Teller
from motes.picks import Picks
from motes.units import Length, Unit

IN_ANGSTROM = ("challenge", "copick")  # formats that count in A from the corner of a tomogram
LOOKED_AT = 20  # files of a folder, which are of one kind
DIGITS = 6  # of A; without rounding a voxel three voxels of 10 A away would not be exactly 30 A away


@dataclass(frozen=True)
class Tables:
    """Picks and truth by the name of the truth; picks without truth under their own name.

    image_of: the image of each truth that was named. ndim: of the images. angstrom: points are in A from the corner
    of the volume, not in pixels. pixel_size: A/px, counts before the images' own.
    """

    picks: dict[str, Picks]
    truth: dict[str, Picks]
    image_of: dict[str, ImageEntry]
    ndim: int
    angstrom: bool = False
    pixel_size: float | None = None

    @property
    def unit(self) -> Unit:
        """Of the points."""
        return "A" if self.angstrom else "px"

    @property
    def scored(self) -> dict[str, Picks]:
        """The picks of those images that have truth."""
        return {name: picks for name, picks in self.picks.items() if name in self.truth}

    def size(self, name: str) -> float | None:
        """A/px of an image, whose header is read only where nothing else gives it; None where it is not known."""
        image = self.image_of.get(name)
        if self.pixel_size is not None or image is None:
            return self.pixel_size
        return image.pixel_size or image_info(image.path, self.ndim).pixel_size

    def length(self, name: str, length: Length) -> float:
        """A length in the unit of the points of an image; UnitError where its pixel size is needed and not known."""
        if self.angstrom and length.unit == "A":
            return length.value
        size = None if length.unit == "px" and not self.angstrom else self.size(name)
        try:
            if not self.angstrom:
                return length.in_pixels(size)
            return length.value * _known(size)
        except UnitError as error:
            raise UnitError(f"{name}: {error}") from None

    def in_angstrom(self, counted: Mapping[str, bool]) -> "Tables":
        """The same in A. counted: whether picks and truth, by this word, are so already, with a voxel of 1 A."""

        def brought(tables: Mapping[str, Picks], done: bool) -> dict[str, Picks]:
            return {n: _angstrom(n, p, 1.0 if done else self.size(n), done) for n, p in tables.items()}

        left_over = {name: picks for name, picks in self.picks.items() if name not in self.truth}
        return replace(
            self,
            picks={**brought(self.scored, counted["picks"]), **left_over},
            truth=brought(self.truth, counted["truth"]),
            angstrom=True,
        )


def load_tables(
    picks_source: str,
    truth_source: str,
    image_sources: Sequence[str] = (),
    *,
    ndim: int | None = None,
    pixel_size: float | None = None,
    angstrom: bool = False,
    teller: Teller | None = None,
) -> Tables:
    """Read picks and truth and pair them by name; of what `motes pick` wrote all candidates, as truth its picks.

    ndim: of the images, found from the truth unless given. angstrom: bring both to A; so is done where one of the
    files counts in A. Raises PicksError where no names agree or a file cannot be read, UnitError where pixels are to
    become A and the pixel size is not known.
    """
    counted = {"picks": counts_in_angstrom(picks_source), "truth": counts_in_angstrom(truth_source)}
    found = _load_truth(truth_source, image_sources, counted["truth"], ndim, pixel_size)
    images, loaded_truth, ndim = found
    loaded = _load(picks_source, images, counted["picks"], ndim, pixel_size)
    for note in (*loaded_truth.notes, *loaded.notes):
        (teller or Silent()).warn(note)
    truth = accepted(loaded_truth.picks, truth_source)
    pairing = pair(list(truth), loaded.picks, ndim)
    if not pairing.key_of:
        raise PicksError(
            f"no image has both picks and truth: picks are named like {next(iter(loaded.picks), 'nothing')!r}, "
            f"truth like {next(iter(truth), 'nothing')!r}; the names must agree"
        )
    picks = {name: loaded.picks[key] for name, key in pairing.key_of.items()}
    picks |= {key: loaded.picks[key] for key in pairing.left_over if key not in truth}
    tables = Tables(picks, truth, _images_of(truth, images, ndim), ndim, pixel_size=pixel_size)
    return tables.in_angstrom(counted) if angstrom or any(counted.values()) else tables


def counts_in_angstrom(source: str) -> bool:
    """Whether the coordinates of a source are in A from the corner of a tomogram, by the content of its files."""
    if split_source(source) is not None:
        return True
    path = Path(source)
    folder = path / "picks" if (path / "picks").is_dir() else path
    files = (
        [path] if path.is_file() else [p for p in sorted(folder.rglob("*")) if p.suffix in (".csv", ".json")]
    )
    return any(_is_in_angstrom(file) for file in files[:LOOKED_AT])


def _is_in_angstrom(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:  # it is reported when it is read
        return False
    return any(PICKS_FORMATS[name].matches(file, text) for name in IN_ANGSTROM)


def _load_truth(
    source: str, image_sources: Sequence[str], counted: bool, ndim: int | None, pixel_size: float | None
) -> tuple[list[ImageEntry], LoadedPicks, int]:
    """The images, the truth, and the dimension of both: the first in which they can be read and which they have."""
    problem: MotesError | None = None
    for dimension in (3,) if counted else (2, 3) if ndim is None else (ndim,):
        try:
            images = find_images(image_sources, dimension) if image_sources else []
            loaded = _load(source, images, counted, dimension, pixel_size)
        except MotesError as error:
            problem = problem or error
            continue
        if ndim is not None or all(picks.ndim == dimension for picks in loaded.picks.values() if len(picks)):
            return images, loaded, dimension
        problem = problem or PicksError(f"{source}: its truth is of images and of volumes; score them apart")
    raise problem or PicksError(f"{source}: cannot be read")


def _load(
    source: str, images: Sequence[ImageEntry], counted: bool, ndim: int, pixel_size: float | None
) -> LoadedPicks:
    """Picks in pixels; those that are counted in A in voxels of 1 A, so that no voxel size is needed."""
    if counted:
        return load_picks(source, (), 3, Facts(pixel_size=1.0))
    return load_picks(source, images, ndim, Facts(pixel_size=pixel_size))


def _images_of(truth: Mapping[str, Picks], images: Sequence[ImageEntry], ndim: int) -> dict[str, ImageEntry]:
    """By the name of its truth, each image that was named."""
    by_name = {entry.name: entry for entry in images}
    return {name: by_name[key] for name, key in pair(list(truth), by_name, ndim).key_of.items()}


def _angstrom(name: str, picks: Picks, size: float | None, done: bool) -> Picks:
    """Picks in A from the corner; a voxel of that size (A) runs from its number to the next one."""
    if not len(picks):
        return picks
    try:
        scaled = picks.scaled(_known(size))
    except UnitError as error:
        raise UnitError(f"{name}: {error}") from None
    points = scaled.points + 0.5
    return replace(scaled, points=points if done else np.round(points, DIGITS))


def _known(size: float | None) -> float:
    if size is None:
        raise UnitError(
            "its coordinates are in pixels and are to become Angstrom, but the pixel size is not known; give "
            "--pixel-size (A/px), or the volumes with --images"
        )
    return size
