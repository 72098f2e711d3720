"""Images and their masks, brought together by name or by place."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry, find_images
from motes.data.masks import FilePixels, MaskedImage, MaskKind
from motes.data.normalise import Normalisation
from motes.data.pairing import bare_name, pair
from motes.errors import ImageError, InputError
from motes.formats.images import IMAGE_SUFFIX, is_store_of_images
from motes.formats.stores import ChunkCache, Store, open_store
from motes.image import sides

INDEX = "index.csv"  # beside a store: what `motes prepare` made its images from
APPENDED = re.compile(r"_(cp_masks|mask|masks|label|labels|seg|segmentation)$", re.IGNORECASE)
TOGETHER = 4  # chunks whose images are mixed in one pass


@dataclass(frozen=True)
class MaskedCollection:
    """Images with their masks. notes: what was left out. together: chunks that are at hand at once."""

    images: list[MaskedImage]
    notes: list[str] = field(default_factory=list)
    together: int = TOGETHER

    def order(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """The order of one pass over all images; see pass_order."""
        return pass_order([image.chunk for image in self.images], seed, epoch, self.together)


def collect_masks(
    image_sources: Sequence[str],
    masks_source: str | Sequence[str],
    kind: MaskKind,
    normalisation: Normalisation,
    ndim: int = 2,
    cache: ChunkCache | None = None,
) -> MaskedCollection:
    """Find images and their masks; none of them is read yet.

    Label images (a file, a folder, a quoted glob) are paired with images by name, as picks are; `_mask` and
    the like at the end of a name do not count. Of several masks each belongs to the image in the same place,
    whatever its name. A store of masks goes with one store of images. cache: for files, shared with other
    collections. Raises ImageError for what is no store, and for stores of different lengths or shapes;
    InputError where no mask belongs to any image.
    """
    if isinstance(masks_source, str) and is_store_of_images(Path(masks_source)):
        return _collect_stores(image_sources, masks_source, kind, normalisation, ndim)
    for source in image_sources:
        if isinstance(masks_source, str) and is_store_of_images(Path(source)):
            found = "is not a store" if Path(masks_source).exists() else "does not exist"
            raise ImageError(
                f"{masks_source} {found}, but {source} is a store; the masks of a store of images are a store "
                "of the same length, such as masks.zarr"
            )
    images = find_images(image_sources, ndim)
    if isinstance(masks_source, str):
        mask_of, notes = _paired_by_name(images, masks_source, ndim)
    else:
        mask_of, notes = _paired_by_place(images, image_sources, masks_source, ndim), []
    cache = ChunkCache() if cache is None else cache
    masked = [
        MaskedImage(
            entry.name,
            FilePixels(entry, ndim, cache),
            FilePixels(mask_of[entry.name], ndim, cache),
            kind,
            normalisation,
            mask_of[entry.name].name,
            number,
            entry.name,
        )
        for number, entry in enumerate(each for each in images if each.name in mask_of)
    ]
    return MaskedCollection(masked, notes)


def _collect_stores(
    image_sources: Sequence[str], masks_source: str, kind: MaskKind, normalisation: Normalisation, ndim: int
) -> MaskedCollection:
    if len(image_sources) != 1:
        raise ImageError(
            f"{masks_source} holds the masks of one store, but {len(image_sources)} sources of images are "
            "given; name one store, and list several data sets with --data"
        )
    images = open_store(Path(image_sources[0]), ndim)
    masks = open_store(Path(masks_source), ndim)
    _check_same_shape(images, masks)
    per_chunk = max(images.images_per_chunk, masks.images_per_chunk)
    origins = _origins(images)
    masked = [
        MaskedImage(
            _section_name(images, number),
            images.image(number),
            masks.image(number),
            kind,
            normalisation,
            _section_name(masks, number),
            number // per_chunk,
            origins[number],
        )
        for number in range(len(images))
    ]
    return MaskedCollection(masked, together=min(TOGETHER, images.chunks_held, masks.chunks_held))


def _section_name(store: Store, number: int) -> str:
    """The name of an image of a store as everywhere else, counted from 1."""
    return f"{number + 1:06d}@{store.path.name}"


def _origins(store: Store) -> list[str]:
    """The micrograph that each image of a store was made from, by the table that `motes prepare` leaves there."""
    index = store.path.parent / INDEX
    if index.is_file():
        with index.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if len(rows) == len(store) and all(row.get("image") for row in rows):
            return [row["image"] for row in rows]
    return [_section_name(store, number) for number in range(len(store))]


def _check_same_shape(images: Store, masks: Store) -> None:
    if len(images) != len(masks):
        raise ImageError(
            f"{images.path} holds {len(images)} images and {masks.path} {len(masks)} masks; there must be one "
            "mask for each image, in the same order"
        )
    if images.shape != masks.shape:
        raise ImageError(
            f"the images of {images.path} are {sides(images.shape[1:])} px and the masks of {masks.path} "
            f"{sides(masks.shape[1:])} px; both must be of one size, bring the masks to that of the images"
        )


def _paired_by_name(
    images: Sequence[ImageEntry], source: str, ndim: int
) -> tuple[dict[str, ImageEntry], list[str]]:
    """The masks of a source by the name of their image, and what was left out."""
    masks = _masks_by_name(source, ndim)
    pairing = pair([entry.name for entry in images], masks, ndim)
    if not pairing.key_of:
        raise InputError(
            f"none of the masks belongs to one of the images: images are named like {images[0].name!r}, "
            f"masks like {next(iter(masks.values())).name!r}; the names must agree, rename one of them"
        )
    left_over = [masks[key].name for key in pairing.left_over]
    notes = [f"without a mask, left out: {', '.join(pairing.unlabelled)}"] if pairing.unlabelled else []
    notes += [f"masks without an image, left out: {', '.join(left_over)}"] if left_over else []
    return {name: masks[key] for name, key in pairing.key_of.items()}, notes


def _paired_by_place(
    images: Sequence[ImageEntry], image_files: Sequence[str], mask_files: Sequence[str], ndim: int
) -> dict[str, ImageEntry]:
    """The masks by the name of their image, of files that belong together one by one; of stacks each section."""
    mask_of: dict[str, ImageEntry] = {}
    sections: dict[Path, list[ImageEntry]] = {}
    for entry in images:
        sections.setdefault(entry.path, []).append(entry)
    for image_file, mask_file in zip(image_files, mask_files, strict=True):
        entries, masks = sections[Path(image_file)], find_images([mask_file], ndim)
        if len(entries) != len(masks):
            raise InputError(
                f"{image_file} holds {len(entries)} images and {mask_file} {len(masks)} masks; there must be one "
                "mask for each image, in the same order"
            )
        mask_of.update(zip([entry.name for entry in entries], masks, strict=True))
    return mask_of


def _masks_by_name(source: str, ndim: int) -> dict[str, ImageEntry]:
    """Label images by the name of the image that they belong to."""
    found: dict[str, ImageEntry] = {}
    for entry in find_images([source], ndim):
        bare = APPENDED.sub("", bare_name(entry.name))
        suffix = IMAGE_SUFFIX.search(entry.name)
        name = bare + (suffix.group(0) if suffix else "")
        if name in found:
            raise InputError(
                f"{source}: {found[name].name} and {entry.name} are both masks of {name}; keep one of them"
            )
        found[name] = entry
    return found


def pass_order(chunk_of: Sequence[int], seed: int, epoch: int, together: int = TOGETHER) -> NDArray[np.int64]:
    """A random order of all images in which those of one chunk come near each other.

    chunk_of: for each image, the number of the chunk that holds it. The chunks are shuffled, and the images
    of every `together` of them, so that each chunk is read once a pass by whoever can hold that many. Where
    every image is a chunk of its own this is any order. Seed and epoch alone decide. Returns (n,) int64.
    """
    rng = np.random.default_rng([seed, epoch, 0x0DE2])
    chunks, chunk = np.unique(np.asarray(chunk_of, dtype=np.int64), return_inverse=True)
    turn = rng.permutation(len(chunks))[chunk] // max(1, together)
    return np.lexsort((rng.random(len(turn)), turn))
