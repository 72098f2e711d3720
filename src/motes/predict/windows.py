"""In which windows a net is shown an image, and what that takes: planned before anything is computed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from motes.errors import RecipeError
from motes.nets.build import net_reach
from motes.nets.description import NetDescription
from motes.predict.cuts import Cut, blended_cuts, divisions, exact_cuts, tiles, with_margin

Blend = Literal["gaussian", "exact"]

OVERLAP = 0.5  # of neighbouring windows, as a share of their sides
FLOAT = 4  # bytes


class Windows(BaseModel):
    """How an image is cut into windows for a net, and how these are put together again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patch: int | tuple[int, ...] | None = Field(
        None,
        description="sides of a window in working pixels: one number, or one an axis as in 32x128x128; none: the "
        "crop of the training for volumes that are blended, else as much as memory allows",
    )
    overlap: float | None = Field(
        None, ge=0, le=0.75, description="of neighbouring windows that are blended, as a share of their sides"
    )
    blend: Blend | None = Field(
        None,
        description="gaussian: overlapping windows, their middles weigh most; exact: windows with as much surround "
        "as the net looks around, equal to the whole image; none: exact where the net can, else gaussian",
    )
    views: Literal[1, 2, 4, 8, 16] = Field(
        1,
        description="how often each window is seen, flipped and turned: 2 half a turn in the plane, 4 flips of y "
        "and x, 8 quarter turns too, 16 (volumes) all of these also with z flipped; probabilities are averaged",
    )

    @field_validator("patch", mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        """Sides may be written as on the command line, 32x128x128."""
        return value.lower().split("x") if isinstance(value, str) and "x" in value.lower() else value


@dataclass(frozen=True)
class Plan:
    """All windows of an image, and what they take.

    shape: of the image, ([z,] y, x) px. cuts: of each axis, in order. together: how many windows are seen at a time.
    memory: bytes, about, beside the program itself. seconds: None until a window has been timed.
    """

    shape: tuple[int, ...]
    cuts: tuple[tuple[Cut, ...], ...]
    blend: Blend
    views: int
    together: int = 1
    memory: int = 0
    seconds: float | None = None

    @property
    def windows(self) -> int:
        """How many there are."""
        return math.prod(map(len, self.cuts))

    @property
    def patch(self) -> tuple[int, ...]:
        """The sides of the largest window, px."""
        return tuple(max(cut.length for cut in cuts) for cuts in self.cuts)

    @property
    def redundancy(self) -> float:
        """How often a pixel is computed, on average."""
        return self.views * math.prod(_seen(cuts) for cuts in self.cuts) / math.prod(self.shape)

    def timed(self, seconds: float) -> "Plan":
        """The plan where a window takes so long."""
        return replace(self, seconds=seconds * self.windows)

    def __str__(self) -> str:
        sides = " x ".join(map(str, self.patch))
        noun = "window" if self.windows == 1 else "windows"
        views = f", seen in {self.views} ways" if self.views > 1 else ""
        takes = f"about {self.memory / 1e9:.2g} GB of memory"
        if self.seconds is not None:
            takes += f" and {in_words(self.seconds)}"
        often = f"each pixel is computed {self.redundancy:.1f} times"
        return f"{self.windows} {noun} of {sides} px{views}; {often}; {takes}"


def in_words(seconds: float) -> str:
    """A duration as people say it."""
    for limit, unit_seconds, unit in ((90, 1, "s"), (5400, 60, "min")):
        if seconds < limit:
            return f"{max(1, round(seconds / unit_seconds))} {unit}"
    return f"{seconds / 3600:.1f} h"


def plan_windows(
    shape: Sequence[int],
    net: NetDescription,
    windows: Windows,
    values: float,
    *,
    trained: Sequence[int] | None = None,
    itemsize: int = FLOAT,
    at_once: int = 1,
) -> Plan:
    """Plan the windows of an image of a shape ([z,] y, x).

    values: how many of itemsize bytes a net may keep in memory. trained: sides of the crops that it was trained on.
    at_once: pixels that are seen at a time, if windows are so small.
    Raises RecipeError for a patch that the net cannot take, and for an overlap or blend that do not go together.
    """
    reach = net_reach(net)
    exact = windows.blend == "exact" or (
        windows.blend is None and windows.overlap is None and reach is not None
    )
    _check(net, windows, exact, reach)
    patch = _sides(windows.patch, net)
    whole = [with_margin(size, net.multiple) for size in shape]
    if exact:
        assert reach is not None
        halo = -(-reach // net.multiple) * net.multiple
        inner = _inner(patch, halo, net) if patch else _cheapest(whole, halo, net, values)
        cuts = [exact_cuts(size, side, halo, net.multiple) for size, side in zip(shape, inner, strict=True)]
    elif patch is None and (trained is None or net.ndim == 2) and math.prod(whole) <= _pixels(net, values):
        cuts = [exact_cuts(size, side, 0, net.multiple) for size, side in zip(shape, whole, strict=True)]
    else:
        sides = patch or _blended_patch(trained, net, values)
        overlap = OVERLAP if windows.overlap is None else windows.overlap
        cuts = [
            blended_cuts(size, side, overlap, net.multiple) for size, side in zip(shape, sides, strict=True)
        ]
    plan = Plan(tuple(shape), tuple(cuts), "exact" if exact else "gaussian", windows.views)
    together = int(min(at_once, _pixels(net, values)) / math.prod(plan.patch))
    plan = replace(plan, together=min(max(1, together), plan.windows))
    return replace(plan, memory=_memory(plan, net, itemsize))


def values_a_pixel(net: NetDescription) -> float:
    """How many values of a pixel are in memory at a time while a net looks at an image."""
    # At full resolution a level holds its skip, the upsampled map, both together, and the block's two;
    # each coarser level holds twice the channels on 1/4 (in 3D 1/8) of the pixels.
    return 6 * net.width * (2 if net.ndim == 2 else 4 / 3)


def _pixels(net: NetDescription, values: float) -> float:
    """The pixels of a window for which so many values are in memory."""
    return values / values_a_pixel(net)


def _check(net: NetDescription, windows: Windows, exact: bool, reach: int | None) -> None:
    if exact and reach is None:
        raise RecipeError(
            f"{net.name} looks over its whole input, so no window can give what the whole image would; leave blend "
            "out, or say gaussian"
        )
    if exact and windows.overlap is not None:
        raise RecipeError(
            "an overlap is for windows that are blended; leave it out, or say gaussian as the blend"
        )
    if windows.views == 16 and net.ndim == 2:
        raise RecipeError("16 views are for volumes; an image has 8")


def _sides(patch: int | Sequence[int] | None, net: NetDescription) -> tuple[int, ...] | None:
    """A patch that was asked for; RecipeError where the net cannot take it."""
    if patch is None:
        return None
    sides = (patch,) * net.ndim if isinstance(patch, int) else tuple(patch)
    written = "x".join(map(str, sides))
    if len(sides) != net.ndim:
        raise RecipeError(
            f"the patch {written} has {len(sides)} sides; give one number, or {net.ndim} "
            f"({'z first' if net.ndim == 3 else 'y first'})"
        )
    fitting = tuple(max(1, round(side / net.multiple)) * net.multiple for side in sides)
    if fitting != sides:
        raise RecipeError(
            f"the patch {written} does not fit {net.name}, whose sides are multiples of {net.multiple}; try "
            f"{'x'.join(map(str, fitting))}"
        )
    return sides


def _inner(patch: Sequence[int], halo: int, net: NetDescription) -> list[int]:
    """What counts of windows of a size that was asked for; RecipeError where nothing would."""
    inner = [side - 2 * halo for side in patch]
    if min(inner) < net.multiple:
        raise RecipeError(
            f"the patch {'x'.join(map(str, patch))} is too small for exact windows: {net.name} looks {halo} px to all "
            f"sides; give sides of at least {2 * halo + net.multiple}, or blend windows (gaussian)"
        )
    return inner


def _cheapest(whole: Sequence[int], halo: int, net: NetDescription, values: float) -> list[int]:
    """The inner sides with which the least is computed of all that fit into memory.

    The first axis has a side of its own, the others share one; where none fits, the smallest.
    """

    @cache
    def seen(size: int, side: int) -> tuple[int, int]:
        """All that is seen along an axis, and the most at once."""
        lengths = [stop - start for start, stop, *_ in tiles(size, side, halo)]
        return sum(lengths), max(lengths)

    def cost(sides: list[int]) -> tuple[float, int]:
        along = [seen(size, side) for size, side in zip(whole, sides, strict=True)]
        largest = math.prod(most for _, most in along)
        fits = largest <= _pixels(net, values)
        return (math.prod(total for total, _ in along) if fits else math.inf), largest

    options = product(divisions(whole[0], net.multiple), divisions(max(whole[1:]), net.multiple))
    sides = ([first, *[side] * (net.ndim - 1)] for first, side in options)
    return min(sides, key=cost)


def _blended_patch(trained: Sequence[int] | None, net: NetDescription, values: float) -> tuple[int, ...]:
    """The crop of the training for volumes, for what such nets say depends on the window; else what fits."""
    if trained is not None and net.ndim == 3:
        return tuple(-(-side // net.multiple) * net.multiple for side in trained)
    side = int(_pixels(net, values) ** (1 / net.ndim)) // net.multiple * net.multiple
    return (max(net.multiple, side),) * net.ndim


def _seen(cuts: Sequence[Cut]) -> int:
    return sum(cut.length for cut in cuts)


def _memory(plan: Plan, net: NetDescription, itemsize: int) -> int:
    """Bytes, about: the image, maps that are not finished, those that are looked at for picks, windows."""
    lateral, seen = math.prod(plan.shape[1:]), plan.together * math.prod(plan.patch)
    open_planes = max(cut.kept.stop - cut.kept.start for cut in plan.cuts[0])
    maps = (net.outputs - net.background) * lateral * (open_planes + 4)
    looked_at = 2 * lateral * (slab_planes(plan.shape) + 4)
    in_float = math.prod(plan.shape) + maps + looked_at + 3 * net.outputs * seen
    return int(FLOAT * in_float + itemsize * values_a_pixel(net) * seen)


def slab_planes(shape: Sequence[int]) -> int:
    """How many planes of a map ([z,] y, x) are handed over at a time: about 32 MB of each class."""
    return max(1, int((1 << 23) // math.prod(shape[1:])))
