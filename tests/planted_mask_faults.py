"""Faults of masks, each planted into a clean set of images with instance labels: what `inspect` has to find."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as pillow
from scipy import ndimage

from motes.data.masks import MaskKind
from motes.data.sources import DataSource, Part

Array = NDArray[Any]


@dataclass
class MaskSet:
    """Images (y, x), or (y, x, 3) in colours, and their masks; mask_suffix: .tif, or .jpg for values it changes.

    parts: of each image, train and the like; empty: not divided.
    """

    images: list[Array]
    masks: list[Array]
    mask_suffix: str = ".tif"
    parts: list[Part] = field(default_factory=list)

    def copy(self) -> "MaskSet":
        """Lists of its own; planting replaces arrays and changes none."""
        return MaskSet(list(self.images), list(self.masks), self.mask_suffix, list(self.parts))

    def save(self, folder: Path) -> list[DataSource]:
        """Write it, and name it as data sources, one for each part."""
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True)
        parts = self.parts or [""] * len(self.images)
        named: dict[Part, list[tuple[str, str]]] = {}
        for number, (image, mask, part) in enumerate(zip(self.images, self.masks, parts, strict=True)):
            first = folder / "images" / f"{number:02d}.tif"
            second = folder / "masks" / f"{number:02d}{self.mask_suffix}"
            colours = {"photometric": "rgb"} if image.ndim == 3 else {"photometric": "minisblack"}
            tifffile.imwrite(first, image, **colours)
            if self.mask_suffix == ".tif":
                tifffile.imwrite(second, mask, photometric="minisblack")
            else:
                pillow.fromarray(mask).save(second, quality=90)
            named.setdefault(part, []).append((str(first), str(second)))
        return [
            DataSource(tuple(i for i, _ in files), None, tuple(m for _, m in files), part=part)
            for part, files in named.items()
        ]


Plant = Callable[[MaskSet, np.random.Generator], list[int]]  # changes a set; which images must be named


@dataclass(frozen=True)
class Planted:
    """A fault. key: of what must be found; kind: as which the masks are read; also: what else may be found with it."""

    plant: Plant
    key: str
    kind: MaskKind = "instances"
    also: tuple[str, ...] = ()
    unusable: bool = True


def _all(found: MaskSet) -> list[int]:
    return list(range(len(found.images)))


def _three(found: MaskSet, rng: np.random.Generator) -> list[int]:
    return sorted(rng.choice(len(found.images), 3, replace=False).tolist())


def binary(mask: Array) -> Array:
    """0 and 1 of instance labels."""
    return (mask > 0).astype(np.uint8)


def _on_masks(change: Callable[[Array], Array], some: bool = False) -> Plant:
    def plant(found: MaskSet, rng: np.random.Generator) -> list[int]:
        which = _three(found, rng) if some else _all(found)
        for number in which:
            found.masks[number] = np.ascontiguousarray(change(found.masks[number]))
        return which

    return plant


def _resampled(mask: Array, small: float, order: int) -> Array:
    """To a smaller size by nearest neighbour, and back with interpolation of that order."""
    size = [max(4, round(side * small)) for side in mask.shape]
    index = [
        np.minimum((np.arange(n) / n * side).astype(int), side - 1)
        for n, side in zip(size, mask.shape, strict=True)
    ]
    few = mask[np.ix_(*index)]
    if order == 0:
        back = [(np.arange(side) * n // side) for n, side in zip(size, mask.shape, strict=True)]
        return few[np.ix_(*back)]
    return ndimage.zoom(
        few.astype(float), [s / n for s, n in zip(mask.shape, size, strict=True)], order=order
    )


def _interpolated(mask: Array) -> Array:
    return np.rint(_resampled(binary(mask) * 255.0, 0.6, 1)).clip(0, 255).astype(np.uint8)


def _interpolated_labels(mask: Array) -> Array:
    return np.rint(_resampled(mask, 0.6, 1)).clip(0).astype(np.uint16)


def _jpeg(found: MaskSet, rng: np.random.Generator) -> list[int]:
    found.masks = [binary(mask) * np.uint8(255) for mask in found.masks]
    found.mask_suffix = ".jpg"
    return _all(found)


def _jpeg_inside(mask: Array) -> Array:
    """Through JPEG and kept as TIFF, so that the name does not tell."""
    kept = io.BytesIO()
    pillow.fromarray(binary(mask) * np.uint8(255)).save(kept, "JPEG", quality=90)
    return np.asarray(pillow.open(kept))


def _swapped(some: bool) -> Plant:
    def plant(found: MaskSet, rng: np.random.Generator) -> list[int]:
        which = _three(found, rng) if some else _all(found)
        for number in which:
            found.images[number], found.masks[number] = found.masks[number], found.images[number]
        return which

    return plant


def _moved(shift: tuple[int, int]) -> Callable[[Array], Array]:
    """Moved, with ground where nothing comes in."""

    def change(mask: Array) -> Array:
        return ndimage.shift(mask, shift, order=0, mode="constant", cval=0)

    return change


def _exchanged(found: MaskSet, rng: np.random.Generator) -> list[int]:
    """The masks of three images of one size go round."""
    shapes = [image.shape for image in found.images]
    fitting = [n for n, shape in enumerate(shapes) if shapes.count(shape) >= 3]
    first = int(rng.choice(fitting))
    same = [n for n in fitting if shapes[n] == shapes[first]]
    which = sorted(rng.choice(same, 3, replace=False).tolist())
    found.masks[which[0]], found.masks[which[1]], found.masks[which[2]] = (
        found.masks[which[1]], found.masks[which[2]], found.masks[which[0]],
    )  # fmt: skip
    return which


def _all_exchanged(found: MaskSet, rng: np.random.Generator) -> list[int]:
    """Each image has the mask of the next one of its size, as lists sorted in two ways give."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for number, image in enumerate(found.images):
        by_shape.setdefault(image.shape, []).append(number)
    masks = list(found.masks)
    for same in by_shape.values():
        for number, other in zip(same, [*same[1:], same[0]], strict=True):
            found.masks[number] = masks[other]
    return sorted(n for same in by_shape.values() if len(same) > 1 for n in same)


def _inverted(mask: Array) -> Array:
    return (1 - binary(mask)).astype(np.uint8)


def _binary_first(plant: Plant) -> Plant:
    """For sets that are read as binary."""

    def planted(found: MaskSet, rng: np.random.Generator) -> list[int]:
        found.masks = [binary(mask) for mask in found.masks]
        return plant(found, rng)

    return planted


def _duplicated(change: Callable[[Array], Array], parts: bool) -> Plant:
    """The last image is another one once more, changed; where parts are named they are in two."""

    def plant(found: MaskSet, rng: np.random.Generator) -> list[int]:
        last = len(found.images) - 1
        first = int(rng.integers(last))
        found.images[last], found.masks[last] = (
            np.ascontiguousarray(change(each)) for each in (found.images[first], found.masks[first])
        )
        if parts:
            found.parts = ["train"] * last + ["validation"]
        return [first, last]

    return plant


def _other_grey(array: Array) -> Array:
    """Another grey scale, for masks none: these have few values."""
    if array.dtype != np.uint8 or len(np.unique(array)) < 8:
        return array
    return (255 * (array / 255.0) ** 0.7 * 0.8 + 20).clip(0, 255).astype(np.uint8)


def _other_channel(found: MaskSet, rng: np.random.Generator) -> list[int]:
    """Images of another dye: fine noise and soft blobs of their own."""
    for number, image in enumerate(found.images):
        soft = ndimage.gaussian_filter(rng.normal(size=image.shape), 6)
        found.images[number] = (
            (100 + 40 * soft / soft.std() + rng.normal(0, 8, image.shape)).clip(0, 255).astype(np.uint8)
        )
    return _all(found)


def _in_blue(found: MaskSet, rng: np.random.Generator) -> list[int]:
    """The objects show faintly in blue only; red and green hold another stain, which makes up the luminance."""
    for number, image in enumerate(found.images):
        red, green = (ndimage.gaussian_filter(rng.normal(size=image.shape), 3) for _ in range(2))
        others = [(120 + 50 * each / each.std()).clip(0, 255).astype(np.uint8) for each in (red, green)]
        low, high = np.percentile(image, (1, 99))
        blue = ((image - low) / max(high - low, 1) * 80).clip(0, 80).astype(np.uint8)
        found.images[number] = np.stack([*others, blue], axis=-1)
    return _all(found)


def _outlined(colour: tuple[int, int, int] | None) -> Plant:
    """Outlines drawn into the images, in colour or in white."""

    def plant(found: MaskSet, rng: np.random.Generator) -> list[int]:
        for number, (image, mask) in enumerate(zip(found.images, found.masks, strict=True)):
            rim = (mask > 0) & ~ndimage.binary_erosion(mask > 0)
            drawn = np.array(image) if colour is None else np.stack([image] * 3, axis=-1)
            drawn[rim] = np.iinfo(image.dtype).max if colour is None else colour
            found.images[number] = drawn
        return _all(found)

    return plant


def _coloured(found: MaskSet, rng: np.random.Generator) -> list[int]:
    """Areas of the masks laid half transparent upon the images."""
    for number, (image, mask) in enumerate(zip(found.images, found.masks, strict=True)):
        drawn = np.stack([image] * 3, axis=-1).astype(float)
        drawn[mask > 0] = 0.6 * drawn[mask > 0] + 0.4 * np.array([255, 0, 0])
        found.images[number] = drawn.astype(np.uint8)
    return _all(found)


def _flat(found: MaskSet, rng: np.random.Generator) -> list[int]:
    which = _three(found, rng)
    for number in which:
        found.images[number] = np.full_like(found.images[number], 7)
    return which


def _same(array: Array) -> Array:
    return array


def _cut(array: Array) -> Array:
    """Without the outermost pixels, different on every side."""
    side = min(array.shape)
    return array[side // 40 :, : -(side // 30)]


MISFIT = ("other_image",)

FAULTS: dict[str, Planted] = {
    "0 and 255": Planted(_on_masks(lambda m: binary(m) * np.uint8(255)), "values_0_255", "binary"),
    "0 and 255 in three": Planted(
        _binary_first(_on_masks(lambda m: m * np.uint8(255), some=True)), "values_0_255", "binary"
    ),
    "0 and 255 as instances": Planted(_on_masks(lambda m: binary(m) * np.uint8(255)), "values_0_255"),
    "0 and 65535": Planted(_on_masks(lambda m: binary(m) * np.uint16(65535)), "values_0_255", "binary"),
    "interpolated": Planted(_on_masks(_interpolated), "interpolated", "binary"),
    "interpolated in three": Planted(_on_masks(_interpolated, some=True), "interpolated"),
    "interpolated to [0, 1]": Planted(
        _on_masks(lambda m: _resampled(binary(m), 0.6, 1).astype(np.float32)), "interpolated", "binary"
    ),
    "interpolated labels": Planted(_on_masks(_interpolated_labels), "interpolated"),
    "saved as JPEG": Planted(_jpeg, "interpolated", "binary"),
    "once saved as JPEG": Planted(_on_masks(_jpeg_inside), "interpolated", "binary"),
    "half the size": Planted(_on_masks(lambda m: m[::2, ::2]), "resized"),
    "half the size in three": Planted(_on_masks(lambda m: m[::2, ::2], some=True), "resized"),
    "enlarged 2 times": Planted(_on_masks(lambda m: _resampled(m, 0.5, 0)), "resized", unusable=False),
    "enlarged 4 times": Planted(_on_masks(lambda m: _resampled(m, 0.25, 0)), "resized", unusable=False),
    "enlarged 1.5 times": Planted(_on_masks(lambda m: _resampled(m, 2 / 3, 0)), "resized", unusable=False),
    "swapped": Planted(_swapped(False), "swapped"),
    "swapped in three": Planted(_swapped(True), "swapped"),
    "moved 7, -5": Planted(_on_masks(_moved((7, -5))), "shifted"),
    "moved 3, 0": Planted(_on_masks(_moved((3, 0))), "shifted", unusable=False),
    "moved 8, 0 in three": Planted(_on_masks(_moved((8, 0)), some=True), "shifted"),
    "upside down": Planted(_on_masks(lambda m: m[::-1]), "mirrored"),
    "left to right in three": Planted(_on_masks(lambda m: m[:, ::-1], some=True), "mirrored"),
    "turned by 180": Planted(_on_masks(lambda m: m[::-1, ::-1]), "mirrored"),
    "transposed": Planted(_on_masks(lambda m: m.T), "mirrored", also=("resized",)),
    "turned by 90 in three": Planted(_on_masks(np.rot90, some=True), "mirrored", also=("resized",)),
    "three exchanged": Planted(_exchanged, "other_image"),
    "all exchanged": Planted(_all_exchanged, "other_image"),
    "all empty": Planted(_on_masks(np.zeros_like), "empty"),
    "three empty": Planted(_on_masks(np.zeros_like, some=True), "empty", unusable=False),
    "three full": Planted(_on_masks(np.ones_like, some=True), "full"),
    "inverted": Planted(_on_masks(_inverted), "inverted", "binary"),
    "inverted in three": Planted(_binary_first(_on_masks(_inverted, some=True)), "inverted", "binary"),
    "ground is an instance": Planted(_on_masks(lambda m: np.where(m == 0, m.max() + 1, m)), "inverted"),
    "same image twice": Planted(_duplicated(_same, False), "duplicated"),
    "same image in both parts": Planted(_duplicated(_same, True), "duplicated"),
    "brighter in both parts": Planted(_duplicated(_other_grey, True), "duplicated", also=("same_mask",)),
    "flipped in both parts": Planted(_duplicated(np.fliplr, True), "duplicated"),
    "cut in both parts": Planted(_duplicated(_cut, True), "duplicated"),
    "instances as classes": Planted(_on_masks(_same), "instances_as_classes", "classes"),
    "instances as binary": Planted(_on_masks(_same), "instances_as_classes", "binary"),
    "another channel": Planted(_other_channel, "wrong_channel"),
    "only in blue": Planted(_in_blue, "wrong_channel"),
    "outlines in white": Planted(_outlined(None), "overlay"),
    "outlines in yellow": Planted(_outlined((255, 255, 0)), "overlay"),
    "areas in red": Planted(_coloured, "overlay"),
    "three flat": Planted(_flat, "flat"),
}
