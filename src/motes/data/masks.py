"""Images with masks, the second door: label images beside images, or two stores, read where they are cut."""

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry, find_images
from motes.data.normalise import GreyScale, Normalisation, fill_bad_pixels, grey_scale
from motes.data.pairing import bare_name, pair
from motes.data.regions import label_regions
from motes.data.sampling import Pixels
from motes.errors import ImageError, InputError
from motes.formats.images import IMAGE_SUFFIX, ImageInfo, image_info, is_store_of_images
from motes.formats.stores import ChunkCache, Store, open_store

MaskKind = Literal["binary", "classes", "instances"]
Window = tuple[slice, ...]

IGNORED = -1
INDEX = "index.csv"  # beside a store: what `motes prepare` made its images from
APPENDED = re.compile(r"_(cp_masks|mask|masks|label|labels|seg|segmentation)$", re.IGNORECASE)
MOST_EXACT = 1 << 24  # from here on float32, which crops are made of, does not hold every whole number
TOGETHER = 4  # chunks whose images are mixed in one pass


class FilePixels:
    """One image file, or section of a stack; files used last are kept, as chunks of a store are."""

    def __init__(self, entry: ImageEntry, ndim: int, cache: ChunkCache) -> None:
        self.entry = entry
        self.ndim = ndim
        self.cache = cache
        self._info: ImageInfo | None = None

    @property
    def info(self) -> ImageInfo:
        """What the file's header says; ImageError where it cannot be read."""
        if self._info is None:
            self._info = image_info(self.entry.path, self.ndim)
        return self._info

    @property
    def shape(self) -> tuple[int, ...]:
        """([z,] y, x) from the file's header."""
        return self.info.shape

    def __getitem__(self, window: Window) -> NDArray[Any]:
        """([z,] y, x) pixels as stored."""
        key = (self.entry.path, self.entry.section)
        return np.array(self.cache.get(key, lambda: self.entry.read(self.ndim).data)[window])


@dataclass(eq=False)
class MaskedImage:
    """One image and its mask, as stored, not read before they are needed.

    image, mask: ([z,] y, x) of one shape. name: of the file, or as 000017@images.zarr. chunk: images of equal
    number are read together. origin: the micrograph that it is a piece of, or its name. What is learnt of the
    whole image (its grey scale, its hash) is kept.
    """

    name: str
    image: Pixels
    mask: Pixels
    kind: MaskKind
    normalisation: Normalisation
    mask_name: str
    chunk: int = 0
    origin: str = ""
    _grey: GreyScale | None = field(default=None, repr=False)
    _sha256: str | None = field(default=None, repr=False)
    _image_sha256: str | None = field(default=None, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """([z,] y, x) of the image."""
        return tuple(self.image.shape)

    @property
    def ndim(self) -> int:
        """2 or 3."""
        return self.image.ndim

    @property
    def pixels(self) -> "NormalisedPixels":
        """The image for training: float32, normalised over the whole image."""
        return NormalisedPixels(self)

    @property
    def labels(self) -> "ClassNumbers":
        """The mask for training: int16, 0 background, 1 and more the classes, -1 ignored."""
        return ClassNumbers(self.mask, self.kind)

    @property
    def objects(self) -> "ObjectNumbers":
        """The mask for training on outlines: int32, 0 background, a number for each object, -1 ignored."""
        return ObjectNumbers(self.mask, self.kind)

    @property
    def grey(self) -> GreyScale:
        """The grey scale of the whole image, which is read for it once."""
        if self._grey is None:
            self._grey = grey_scale_of_stored(whole(self.image), self.normalisation, self.name)
        return self._grey

    @property
    def sha256(self) -> str:
        """SHA-256 of the pixels and of the mask as stored, with their shapes and types."""
        if self._sha256 is None:
            self._sha256 = _content_hash(whole(self.image), whole(self.mask))
        return self._sha256

    @property
    def image_sha256(self) -> str:
        """SHA-256 of the pixels alone."""
        if self._image_sha256 is None:
            self._image_sha256 = _content_hash(whole(self.image))
        return self._image_sha256

    def learn(self, image: NDArray[Any], mask: NDArray[Any]) -> None:
        """Take grey scale and hashes from the whole image and mask, by someone who has just read them."""
        self._sha256 = _content_hash(image, mask)
        self._image_sha256 = _content_hash(image)
        self._grey = grey_scale_of_stored(image, self.normalisation, self.name)


class NormalisedPixels:
    """An image read where it is sliced, as float32 on the grey scale of the whole."""

    def __init__(self, masked: MaskedImage) -> None:
        self.masked = masked
        self.shape = masked.shape
        self.ndim = masked.ndim

    def __getitem__(self, window: Window) -> NDArray[np.float32]:
        """([z,] y, x) float32."""
        return self.masked.grey.apply(self.masked.image[window])


class ClassNumbers:
    """A mask read where it is sliced, as int16 class numbers: 0 background, -1 ignored."""

    def __init__(self, mask: Pixels, kind: MaskKind) -> None:
        self.mask = mask
        self.kind = kind
        self.shape = tuple(mask.shape)
        self.ndim = mask.ndim

    def __getitem__(self, window: Window) -> NDArray[np.int16]:
        """([z,] y, x) int16."""
        return class_numbers(self.mask[window], self.kind)


class ObjectNumbers:
    """A mask read where it is sliced, as int32 numbers of objects: 0 background, -1 ignored.

    Of a mask that holds no such numbers each connected region of a slice is an object; diagonals connect.
    """

    def __init__(self, mask: Pixels, kind: MaskKind) -> None:
        self.mask = mask
        self.kind = kind
        self.shape = tuple(mask.shape)
        self.ndim = mask.ndim

    def __getitem__(self, window: Window) -> NDArray[np.int32]:
        """([z,] y, x) int32."""
        values = self.mask[window]
        if self.kind == "instances":
            return small_numbers(values)
        classes = class_numbers(values, self.kind)
        return np.where(classes < 0, np.int32(IGNORED), label_regions(classes > 0)[0])


def small_numbers(values: NDArray[Any]) -> NDArray[np.int32]:
    """Numbers of objects as int32, what is below 0 as -1; given anew, from 1, where some are too high for float32."""
    if values.max(initial=0) < MOST_EXACT:
        return np.maximum(values.astype(np.int32), IGNORED)
    objects = values > 0
    numbers = np.searchsorted(np.unique(values[objects]), values) + 1
    return np.where(objects, numbers, np.where(values < 0, IGNORED, 0)).astype(np.int32)


def grey_scale_of_stored(pixels: NDArray[Any], how: Normalisation, name: str) -> GreyScale:
    """The grey scale of an image as stored, bad pixels and all; ImageError as fill_bad_pixels and grey_scale."""
    values, bad = fill_bad_pixels(pixels, name)
    return grey_scale(values, how, name, fill=float(np.median(values)) if bad else 0.0)


def class_numbers(mask: NDArray[Any], kind: MaskKind) -> NDArray[np.int16]:
    """Class numbers of mask values: every object is of class 1 where they are instances; -1 is ignored."""
    if kind == "classes":
        return np.asarray(mask, dtype=np.int16)
    numbers = (mask > 0).astype(np.int16)
    if mask.dtype.kind in "if":
        numbers[mask < 0] = IGNORED
    return numbers


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
            f"the images of {images.path} are {_size(images.shape[1:])} px and the masks of {masks.path} "
            f"{_size(masks.shape[1:])} px; both must be of one size, bring the masks to that of the images"
        )


def _paired_by_name(
    images: Sequence[ImageEntry], source: str, ndim: int
) -> tuple[dict[str, ImageEntry], list[str]]:
    """The masks of a source by the name of their image, and what was left out."""
    masks = _masks_by_name(source, ndim)
    pairing = pair([entry.name for entry in images], masks)
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


def whole(pixels: Pixels) -> NDArray[Any]:
    """All of an image as one array."""
    return pixels[tuple(slice(0, size) for size in pixels.shape)]


def _content_hash(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _size(shape: Sequence[int]) -> str:
    return " x ".join(str(side) for side in shape)
