"""Images with masks, the second door: label images beside images, or two stores, read where they are cut."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import ImageEntry
from motes.data.normalise import GreyScale, Normalisation, fill_bad_pixels, grey_scale
from motes.data.regions import IGNORED, label_regions
from motes.data.sampling import Pixels
from motes.formats.images import ImageInfo, image_info
from motes.formats.stores import ChunkCache

MaskKind = Literal["binary", "classes", "instances"]
Window = tuple[slice, ...]

MOST_EXACT = 1 << 24  # from here on float32, which crops are made of, does not hold every whole number


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


def whole(pixels: Pixels) -> NDArray[Any]:
    """All of an image as one array."""
    return pixels[tuple(slice(0, size) for size in pixels.shape)]


def _content_hash(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
