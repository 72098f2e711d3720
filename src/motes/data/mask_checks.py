"""All that ruins a training on masks, found before it, in one pass over images and masks."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from motes.data.mask_objects import OneNumber, check_numbered, count_objects, one_number
from motes.data.mask_shift import ShiftPool
from motes.data.masks import FilePixels, MaskedImage, MaskKind, class_numbers, whole
from motes.data.normalise import fill_bad_pixels
from motes.errors import ImageError
from motes.formats.colour import NOTE as COLOUR
from motes.image import sides

MOST_LOOKED_AT = 20  # masks that may be inverted
MOST_VALUES = 5  # shown in a message


@dataclass(frozen=True)
class MaskCheck:
    """What a pass over images with masks has found.

    usable: the images to train on. problems: by name, why an image cannot be used; it costs no other. notes:
    what the user should know. foreground: share of the pixels that belong to an object, among those that
    are not ignored. objects: how many each usable image's mask marks, by name (count_objects).
    """

    usable: list[MaskedImage]
    problems: dict[str, str]
    notes: list[str]
    foreground: float
    objects: dict[str, int]

    @property
    def with_objects(self) -> frozenset[str]:
        """Names of the usable images whose masks mark something."""
        return frozenset(name for name, count in self.objects.items() if count)


def check_masks(
    images: Sequence[MaskedImage],
    classes: int = 1,
    *,
    check_shift: bool = True,
    alone: bool = True,
    done: Callable[[int], None] = lambda _: None,
) -> MaskCheck:
    """Read every image and mask once, and see whether they can be trained on.

    classes: how many the recipe has. check_shift: whether masks that lie beside their objects are refused.
    alone: whether there are no others, so that nothing usable, or nothing marked, is refused.
    done: told how many images have been looked at. Each image keeps its grey scale and hash from this pass.
    A single image that is unreadable, of another size than its mask, mostly NaN or without contrast is among
    the problems. Raises ImageError where the masks are not what their kind says, all empty, inverted, black and
    white where each object should have a number, or shifted against the images, where images that are to stay as
    they are lie outside [0, 1], and where no image is usable.
    """
    tally = _Tally(ShiftPool(len(images)) if check_shift else None)
    for number, each in enumerate(images):
        try:
            image, mask, bad = _read(each)
        except (ImageError, OSError) as error:
            tally.problems[each.name] = str(error)
        else:
            check_values(mask, each.kind, classes, each.mask_name)
            if _has_grey_scale(each, image, mask, tally):
                tally.add(each, image, mask, bad)
        done(number + 1)
    if alone:
        tally.refuse_useless()
    tally.refuse_inverted()
    note = check_numbered(tally.numbered)
    tally.notes += [note] if note else []
    if tally.shifts is not None and tally.usable:
        tally.shifts.refuse()
    return MaskCheck(tally.usable, tally.problems, tally.notes, tally.foreground, tally.objects)


def _read(each: MaskedImage) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Image and mask as stored, and how many pixels of the image are NaN or infinite."""
    if tuple(each.mask.shape) != each.shape:
        raise ImageError(
            f"{each.name} is {sides(each.shape)} px and its mask {each.mask_name} {sides(each.mask.shape)} px; "
            "both must be of one size, write the mask again at that of the image"
        )
    if isinstance(each.mask, FilePixels) and each.mask.info.note == COLOUR:
        raise ImageError(
            f"{each.mask_name}: a mask in colours or with a palette, where numbers are expected; save it as a grey "
            "PNG or TIFF"
        )
    image, mask = whole(each.image), whole(each.mask)
    return image, mask, fill_bad_pixels(image, each.name)[1]


def _has_grey_scale(each: MaskedImage, image: NDArray[Any], mask: NDArray[Any], tally: "_Tally") -> bool:
    """Let an image learn its grey scale; where values are to stay as they are, wrong ones are all images' fault."""
    try:
        each.learn(image, mask)
    except ImageError as error:
        if each.normalisation.kind == "none":
            raise
        tally.problems[each.name] = str(error)
        return False
    return True


def check_values(mask: NDArray[Any], kind: MaskKind, classes: int, name: str) -> None:
    """Raise ImageError where the values of a mask are not what its kind says.

    binary: 0 and 1; classes: 0 to their number; instances: whole numbers from 0. -1 is ignored.
    """
    if mask.dtype.kind == "b":
        return
    if mask.dtype.kind == "f" and not np.isfinite(mask).all():
        raise ImageError(f"{name}: the mask holds NaN or infinite values; write it again with whole numbers")
    low, high = float(mask.min()), float(mask.max())
    most = {"binary": 1, "classes": classes, "instances": np.inf}[kind]
    whole_numbers = mask.dtype.kind in "iu" or bool(np.all(mask == np.rint(mask)))
    if whole_numbers and low >= -1 and high <= most:
        return
    found = np.unique(mask)
    if high > most and set(found.tolist()) <= {0, 255}:
        raise ImageError(
            f"{name}: the mask holds 0 and 255, where 0 and 1 are expected; divide the masks by 255 and write "
            "them again (in Python: mask // 255)"
        )
    raise ImageError(
        f"{name}: the mask holds {_some(found)}, {_expected(kind, classes, found, whole_numbers)}"
    )


def _expected(kind: MaskKind, classes: int, found: NDArray[Any], whole_numbers: bool) -> str:
    """What should stand in a mask in place of what was found, and what to do."""
    wanted = {
        "binary": "0 and 1",
        "classes": f"0 to {classes} (0 background, then the recipe's {classes} classes)",
        "instances": "whole numbers from 0",
    }[kind]
    if found.min() < -1:
        return f"where {wanted} are expected, and -1 for what is to be ignored; nothing else may be below 0"
    if not whole_numbers or (kind == "binary" and found.max() in (254, 255)):
        return (
            f"where {wanted} are expected; values in between come from resizing with interpolation or from JPEG, "
            "so resize the masks by nearest neighbour and keep them as PNG or TIFF, or cut them off at one half"
        )
    if kind == "classes":
        return (
            f"where {wanted} are expected; add the missing classes to the recipe, or say masks.kind=instances"
        )
    return (
        f"where {wanted} are expected; if each object has a number of its own say masks.kind=instances, if "
        "the numbers are classes masks.kind=classes"
    )


@dataclass
class _Tally:
    """What is added up during the pass."""

    shifts: ShiftPool | None
    usable: list[MaskedImage] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    full: list[NDArray[np.bool_]] = field(default_factory=list)
    objects: dict[str, int] = field(default_factory=dict)
    numbered: list[OneNumber | None] = field(default_factory=list)
    object_pixels: int = 0
    counted_pixels: int = 0
    ignored_pixels: int = 0

    def add(self, each: MaskedImage, image: NDArray[Any], mask: NDArray[Any], bad: int) -> None:
        """Add an image that is usable."""
        self.usable.append(each)
        if bad:
            self.notes.append(f"{each.name}: {bad} NaN or infinite pixels masked")
        numbers = class_numbers(mask, each.kind)
        objects = numbers > 0
        self.objects[each.name] = count_objects(mask, each.kind)
        if each.kind == "instances" and self.objects[each.name]:
            self.numbered.append(one_number(mask, each.mask_name))
        self.object_pixels += int(np.count_nonzero(objects))
        counted = int(np.count_nonzero(numbers >= 0))
        self.counted_pixels += counted
        self.ignored_pixels += numbers.size - counted
        if each.kind == "binary" and objects.mean() > 0.5 and len(self.full) < MOST_LOOKED_AT:
            step = -(-max(objects.shape) // 512)
            self.full.append(objects[(slice(None, None, step),) * objects.ndim].copy())
        if self.shifts is not None:
            self.shifts.add(each.grey.apply(image), objects, each.mask_name)

    @property
    def foreground(self) -> float:
        """Share of the pixels that belong to an object."""
        return self.object_pixels / max(1, self.counted_pixels)

    def refuse_useless(self) -> None:
        """Raise ImageError where no image is usable, or no mask holds any object."""
        if not self.usable:
            raise ImageError(next(iter(self.problems.values()), "there is no image with a mask"))
        if self.object_pixels == 0:
            first = self.usable[0].mask_name
            ignored = " (-1 means ignored; 255 as a signed byte is -1)" if self.ignored_pixels else ""
            raise ImageError(
                f"all {len(self.usable)} masks are empty, beginning with {first}: no value above 0{ignored} was "
                "found, so there is nothing to learn; see that these are the masks of these images"
            )

    def refuse_inverted(self) -> None:
        """Raise ImageError where the masks surely mark the background in place of the objects."""
        enough = len(self.full) >= min(len(self.usable), MOST_LOOKED_AT) / 2
        if self.foreground > 0.5 and enough and np.mean([looks_inverted(m) for m in self.full]) > 0.8:
            raise ImageError(
                f"the masks seem to be inverted: {self.foreground:.0%} of their pixels are 1, out to the borders "
                f"of the image, around many small islands of 0, in {self.usable[0].mask_name} and others; "
                "1 must stand for the objects, so write them again as 1 - mask"
            )


def looks_inverted(objects: NDArray[np.bool_]) -> bool:
    """Whether what is marked is a connected surround of many separate, round islands that are not.

    The gaps between crowded round objects are no such islands: their sides are hollow, so that they fill
    less of the boxes around them than discs (pi / 4) and balls (pi / 6) do.
    """
    rim = np.ones(objects.shape, dtype=bool)
    rim[(slice(1, -1),) * objects.ndim] = False
    marked = ndimage.label(objects)[1]
    islands, count = ndimage.label(~objects)
    if objects[rim].mean() < 0.75 or count < max(5, 3 * marked):
        return False
    boxes = sum(islands[box].size for box in ndimage.find_objects(islands))
    round_one = math.pi / {2: 4, 3: 6}[objects.ndim]
    return bool(np.count_nonzero(islands) > 0.75 * round_one * boxes)


def _some(values: NDArray[Any]) -> str:
    shown = [f"{value:g}" for value in values[:MOST_VALUES]]
    if len(values) > MOST_VALUES:
        shown = [*shown[:-1], f"... {float(values[-1]):g} ({len(values)} different values)"]
    return ", ".join(shown)
