"""How many objects a mask marks, and whether masks of instances really number them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.masks import MaskKind
from motes.data.regions import label_regions
from motes.errors import ImageError

WHITE = (255, 65535)  # what programs write for "object" in masks of 8 and 16 bits


@dataclass(frozen=True)
class OneNumber:
    """A mask that holds one number beside 0, and how many separate regions have it."""

    name: str
    number: int
    regions: int


def count_objects(mask: NDArray[Any], kind: MaskKind) -> int:
    """How many objects a mask, ([z,] y, x), marks; what is ignored is none.

    Instances: its different numbers; else the connected regions of each class, in which objects that touch are one.
    """
    numbers = np.unique(mask[mask > 0])
    if kind == "instances":
        return len(numbers)
    return sum(label_regions(mask == number)[1] for number in numbers)


def one_number(mask: NDArray[Any], name: str) -> OneNumber | None:
    """What a mask of instances, ([z,] y, x), that marks something holds; None where it holds several numbers."""
    marked = mask > 0
    number = mask.max()
    if (mask[marked] != number).any():
        return None
    return OneNumber(name, int(number), label_regions(marked)[1])


def check_numbered(masks: Sequence[OneNumber | None]) -> str:
    """See that masks of instances, as one_number found them, give each object its own number.

    Returns a note where they seem to be binary, which costs no more than that touching objects are one; else
    nothing. Raises ImageError where they surely are black and white.
    """
    alike = [each for each in masks if each is not None]
    several = [each for each in alike if each.regions > 1]
    white = [each for each in several if each.number in WHITE]
    if len(alike) == len(masks) > 1 and all(each.number in WHITE for each in alike):
        white = white or alike
    if white:
        raise ImageError(_refusal(white[0]))
    if several and len(alike) == len(masks):
        first = several[0]
        return (
            f"masks.kind is instances, but in each mask all objects have one number (in {first.name} {first.regions} "
            f"regions are {first.number}), so objects that touch count as one; if the masks only tell objects from "
            "background say masks.kind=binary"
        )
    return ""


def _refusal(mask: OneNumber) -> str:
    regions = "one region" if mask.regions == 1 else f"{mask.regions} separate regions"
    return (
        f"{mask.name}: the mask holds 0 and {mask.number}, and {mask.number} is given to {regions}, where "
        "masks.kind=instances expects a number for each object; number the objects, or, if the masks only tell "
        f"objects from background, write them again as 0 and 1 (in Python: mask // {mask.number}) and say "
        "masks.kind=binary"
    )
