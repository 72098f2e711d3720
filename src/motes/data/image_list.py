"""The images that a user names, in whatever way."""

import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from motes.errors import InputError, MotesError
from motes.formats import copick
from motes.formats.images import image_info, is_image, read_image
from motes.formats.ome_zarr import is_level
from motes.formats.relion import read_micrographs_star
from motes.formats.stores import is_store
from motes.formats.tiff import SUFFIXES as TIFF
from motes.image import Image


@dataclass(frozen=True)
class ImageEntry:
    """One image of a collection, not yet read.

    name: as the user's list writes it, or the path below the folder that was named, or the run of a copick project.
    section: which image of a stack, from 0. pixel_size: A/px where the list itself gives it.
    """

    name: str
    path: Path
    section: int = 0
    pixel_size: float | None = None

    def read(self, ndim: int = 2, pixel_size: float | None = None) -> Image:
        """Read the image; a pixel size given here counts before the list's and the header's."""
        return read_image(
            self.path,
            ndim=ndim,
            section=self.section,
            pixel_size=self.pixel_size if pixel_size is None else pixel_size,
            name=self.name,
        )

    @property
    def output_name(self) -> str:
        """The name as a path that stays inside an output folder."""
        parts = [part for part in PurePosixPath(self.name).parts if part not in ("/", ".")]
        return str(PurePosixPath(*("_" if part == ".." else part for part in parts)))


def find_images(sources: Sequence[str], ndim: int = 2) -> list[ImageEntry]:
    """The images that a user's words stand for: files, globs, folders, micrographs.star files, zarr stores.

    A copick project is named as config.json@denoised@10.0; each of its runs is an image. Raises InputError where
    there are none, or two would have the same name.
    """
    listed: list[ImageEntry] = []
    files: list[tuple[Path, Path]] = []
    for source in sources:
        project = copick.split_source(source)
        if project is not None:
            found = copick.chosen_tomograms(copick.read_config(project[0]), project[1])
            listed += [ImageEntry(run, store) for run, store in found.items()]
        elif source.endswith(".star"):
            listed += _from_star(Path(source))
        else:
            files += _files_of(source)
    shared = _common_folder([base for _, base in files])
    for path, _ in files:
        named = path.parent if ndim == 3 and is_level(path) else path  # tomogram.zarr/1 is tomogram.zarr
        listed += _sections(path, named.absolute().relative_to(shared).as_posix(), ndim)
    if not listed:
        raise InputError(f"no image found in {', '.join(sources)}; expected MRC, TIFF, PNG, JPEG or OME-Zarr")
    unique = {entry.name: entry for entry in listed}
    if len(unique) < len(listed) and len({(e.path, e.section) for e in listed}) > len(unique):
        raise InputError("two of the images have the same name; name the folder above them instead")
    return list(unique.values())


def begin_with_volume(sources: Sequence[str]) -> bool:
    """Whether the first image that can be read is a volume by its header; pages of a TIFF say nothing."""
    for entry in find_images(sources, 2):
        if entry.path.name.lower().endswith(TIFF):
            return False
        for ndim in (2, 3):
            try:
                image_info(entry.path, ndim)
            except MotesError:
                continue
            return ndim == 3
    return False


def _from_star(star: Path) -> list[ImageEntry]:
    if not star.is_file():
        raise InputError(f"{star} does not exist")
    places = [Path.cwd(), *star.absolute().parents]
    entries = []
    for micrograph in read_micrographs_star(star):
        section, name = section_and_file(micrograph.name)
        path = next((p / name for p in places if (p / name).exists()), Path(name))
        entries.append(ImageEntry(micrograph.name, path, section, micrograph.pixel_size))
    return entries


def section_and_file(name: str) -> tuple[int, str]:
    """(0, 'stack.mrcs') from 000001@stack.mrcs; any other @ is a letter of the path."""
    number, at, rest = name.partition("@")
    return (int(number) - 1, rest) if at and re.fullmatch("[0-9]+", number) else (0, name)


def _files_of(source: str) -> list[tuple[Path, Path]]:
    """Image files, each with the folder that its name is counted from."""
    path = Path(source)
    if is_store(path):
        return [(path, (path.parent if is_level(path) else path).absolute().parent)]
    if path.is_dir():
        return [(p, path.absolute()) for p in sorted(_images_below(path))]
    if path.exists():
        return [(path, path.absolute().parent)]
    if glob.has_magic(source):
        fixed = re.split(r"[*?\[]", source, maxsplit=1)[0]
        base = Path(fixed if fixed.endswith("/") else str(Path(fixed).parent)).absolute()
        matching = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - may be absolute, unlike Path.glob
        return [(Path(p), base) for p in matching if Path(p).is_file() or is_store(Path(p))]
    raise InputError(f"{source} does not exist; give a file, a folder, a quoted glob or a micrographs.star")


def _images_below(folder: Path) -> Iterator[Path]:
    """Image files and OME-Zarr images at any depth; the files within a zarr store are none."""
    for place, folders, files in os.walk(folder, followlinks=False):
        visible = [Path(place, name) for name in folders if not name.startswith(".")]
        yield from (path for path in visible if is_image(path))
        folders[:] = [path.name for path in visible if not is_store(path)]
        yield from (path for path in (Path(place, name) for name in files) if is_image(path))


def is_hidden(path: Path) -> bool:
    """Whether a path goes through a name that begins with a dot, as half-written files do."""
    return any(part.startswith(".") for part in path.parts)


def _common_folder(folders: Sequence[Path]) -> Path:
    folders = list(dict.fromkeys(folders))
    if not folders:
        return Path.cwd()
    return next(p for p in [folders[0], *folders[0].parents] if all(f.is_relative_to(p) for f in folders))


def _sections(path: Path, name: str, ndim: int) -> list[ImageEntry]:
    """One entry, or one for each image of a stack, named as RELION does: 000001@stack.mrcs."""
    try:
        sections = image_info(path, ndim).sections
    except MotesError:  # it is reported when it is read, and costs the other images nothing
        sections = 1
    if sections == 1:
        return [ImageEntry(name, path)]
    return [ImageEntry(f"{number + 1:06d}@{name}", path, number) for number in range(sections)]
