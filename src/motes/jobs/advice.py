"""What the sizes of objects, and what masks mark, decide of a recipe: each value with the reason for it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from motes.data.masks import MaskKind
from motes.jobs.domain import Measures
from motes.jobs.mask_facts import MaskFacts
from motes.nets.description import NetDescription
from motes.nets.unet import unet_reach

LOOK = 1.5  # how many diameters of a wide object the net is to see to every side
DEPTHS = (4, 5, 6)
ACROSS = 4  # diameters of a wide object in a crop
SIDES = {2: (256, 512), 3: (64, 128)}  # px of a crop, least and most, where the images allow it
TOUCH = 0.02  # share of touching objects from which they have to be told apart
LARGE = 2  # crops that an image holds, from which it is too large to see one of each image only
MOST_STEPS = 200


@dataclass(frozen=True)
class Advice:
    """A value for a field of a recipe, such as net.depth, and why, in a sentence that names what was measured."""

    field: str
    value: Any
    reason: str

    @property
    def words(self) -> str:
        """As `motes train` takes it: net.depth=5."""
        shown = f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.field}={shown}"


def mask_kind(facts: Sequence[MaskFacts], kind: MaskKind) -> list[Advice]:
    """What the values in masks mean, and the classes where there are several."""
    numbers = sorted({v for each in facts if each.problem is None for v in each.values if v > 0})
    shown = ", ".join(f"{v:g}" for v in numbers[:4]) + (", ..." if len(numbers) > 4 else "")
    meaning = {
        "binary": "every pixel above 0 is an object",
        "classes": "each number is a class",
        "instances": "each number is an object",
    }[kind]
    found = [Advice("masks.kind", kind, f"the masks hold 0 and {shown}, and you said that {meaning}")]
    if kind == "classes":
        count = int(max(numbers, default=1))
        names = ", ".join(f"class{number}" for number in range(1, count + 1))
        reason = (
            f"the highest number in the masks is {count}, so there are {count} classes; give them their names"
        )
        found += [Advice("classes", f"[{names}]", reason)] if count > 1 else []
    return found


def depth_of(here: Measures) -> Advice:
    """The fewest levels with which the net sees far enough beyond a wide object."""
    reaches = {depth: unet_reach(NetDescription(depth=depth)) or 0 for depth in DEPTHS}
    wanted = LOOK * here.high
    depth = next((each for each, reach in reaches.items() if reach >= wanted), DEPTHS[-1])
    seen = (
        f"a net of {depth} levels sees {reaches[depth]} px to every side, and 95 % of the objects are at most "
        f"{here.high:.0f} px wide"
    )
    if reaches[depth] < wanted:
        seen += (
            f"; that is still too near for them, so shrink images and masks to {reaches[depth] / wanted:.0%}"
        )
    elif depth != DEPTHS[0]:
        shallower = reaches[depth - 1]
        seen += f"; {depth - 1} levels see {shallower} px, too few to look well beyond them"
    return Advice("net.depth", depth, seen)


def net_of(here: Measures, depth: Advice) -> list[Advice]:
    """Depth and width of the net, and its dimensions where these are 3."""
    if here.ndim == 3:
        dimensions = Advice("net.ndim", 3, f"images of {here.ndim} dimensions, so volumes")
        reason = f"objects of {here.diameter:.0f} px in 3 dimensions; those take many times the memory of 2"
        return [dimensions, depth, Advice("net.width", 16, reason)]
    if depth.value == DEPTHS[-1]:
        reason = (
            f"objects of {here.high:.0f} px need {depth.value} levels, whose coarsest has {16 * 2 ** (DEPTHS[-1] - 1)} "
            "channels with a width of 16 already"
        )
        return [depth, Advice("net.width", 16, reason)]
    uniform = "are plain discs" if here.circularity >= 0.9 else "are more than plain discs"
    reason = (
        f"objects of {here.diameter:.0f} px and a circularity of {min(1, here.circularity):.2f} {uniform}; "
        "32 channels are what beads-unet was made with, and 16 are faster where it learns well"
    )
    return [depth, Advice("net.width", 32, reason)]


def crop_of(facts: Sequence[MaskFacts], here: Measures, depth: int) -> Advice:
    """A crop as large as several objects, no larger than the images, that the net can halve evenly."""
    usable = [each.shape for each in facts if each.problem is None]
    sides = [sorted(axis)[len(axis) // 2] for axis in zip(*usable, strict=True)]
    least, most = SIDES[here.ndim]
    wanted = min(max(least, math.ceil(ACROSS * here.high)), most)
    multiple = 2 ** (depth - 1)
    crop = [max(16, math.ceil(min(side, wanted) / multiple) * multiple) for side in sides]
    value: int | str = crop[0] if len(set(crop)) == 1 else "x".join(map(str, crop))
    reason = (
        f"images of {'x'.join(map(str, sides))} px with objects of up to {here.high:.0f} px: a crop holds "
        f"{min(crop) / here.high:.0f} of them side by side, and its sides are multiples of {multiple}, as {depth} "
        "levels need"
    )
    return Advice("sampling.size", value, reason)


def crop_pixels(size: Advice, ndim: int) -> int:
    """Pixels of a crop of that size."""
    sides = [int(side) for side in str(size.value).split("x")]
    return math.prod(sides if len(sides) == ndim else sides * ndim)


def drawing(here: Measures, size: Advice, batch: Advice) -> list[Advice]:
    """Where images are much larger than a crop, an epoch of one crop of each image sees little of them."""
    crops = here.pixels / crop_pixels(size, here.ndim)
    if crops < LARGE * here.images:
        return []
    steps = min(MOST_STEPS, math.ceil(crops / int(batch.value)))
    reason = (
        f"{here.images} images hold {crops:.0f} crops of {size.value} px, and an epoch that goes through the images "
        "once would see one crop of each"
    )
    return [
        Advice("sampling.images", "random", f"{reason}; so crops are drawn anywhere, as often as steps says"),
        Advice(
            "training.steps",
            steps,
            f"{crops:.0f} crops, {batch.value} in a step: so many steps see each place about once",
        ),
    ]


def outlines(here: Measures, kind: MaskKind) -> list[Advice]:
    """How objects are told apart, counted and selected, where the masks allow it."""
    if kind == "classes" or (kind == "binary" and max(here.touching, here.merged) < TOUCH):
        return []
    found = f"{here.touching:.0%} of the {here.objects:,} objects touch another"
    if kind == "binary" and here.merged >= here.touching:
        found = (
            f"{here.merged:.0%} of the {here.objects:,} regions are larger and less round than the others, as objects "
            "that touch are"
        )
    half = here.low / 2
    smallest = float(math.floor(half)) if half >= 4 else round(half, 1)
    reason = f"95 % of the objects are wider than {number(here.low)} px, so what is half as wide is dirt"
    return [
        Advice("picking.method", "outlines", f"{found}; outlines split, count and measure them"),
        _separator(here, kind),
        Advice("keeping.smallest", smallest, reason),
    ]


def _separator(here: Measures, kind: MaskKind) -> Advice:
    if kind == "instances" and here.touching >= TOUCH:
        reason = f"{here.touching:.0%} of the objects touch, and numbered masks teach the net where one of them ends"
        return Advice("splitting.separator", "distance", reason)
    if kind == "instances":
        reason = (
            f"only {here.touching:.1%} of the objects touch, so their shape alone is enough to split them"
        )
    else:
        reason = "masks of 0 and 1 do not say where one of two touching objects ends, so their shape has to split them"
    return Advice("splitting.separator", "none", reason)


def dense(here: Measures) -> str:
    """How dense the images are, in words."""
    return f"{number(here.density)} objects in 256 x 256 px"


def number(value: float | None) -> str:
    """Three digits, as people read them; - for what is no number."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 99.5 else f"{value:.3g}"
