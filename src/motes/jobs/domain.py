"""What kind of data a recipe was made for, and how other data differ from it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from motes.errors import InputError
from motes.jobs.mask_facts import MaskFacts

SQUARE = 256 * 256  # px that a density counts objects in
LIKE = 1.5  # up to this factor beside its range a density, a size or a coverage is called alike
MARGIN = 0.15  # up to this much beside its range a share or a circularity is

Range = tuple[float, float]


@dataclass(frozen=True)
class Domain:
    """The data that a recipe was made for; None where nothing is known of them.

    source: where the numbers come from. density: objects in 256 x 256 px. coverage: share of the pixels. diameter: px,
    of discs of the same size. touching: share of the objects that touch another. Each is least and most.
    """

    recipe: str
    about: str
    source: str
    density: Range
    coverage: Range | None = None
    diameter: Range | None = None
    circularity: Range | None = None
    touching: Range | None = None


_BEADS = {
    "about": "microbeads in a light microscope, uniform discs, 109 in an image of 256 x 256 px",
    "source": "73 micrographs with 109.4 beads each; coverage, diameters, shape and touching of `motes simulate beads`",
    "density": (109.4, 109.4),
    "coverage": (0.36, 0.44),
    "diameter": (17.0, 19.0),
    "circularity": (0.9, 1.05),
    "touching": (0.1, 0.3),
}
DOMAINS: dict[str, Domain] = {
    "sparse-objects": Domain(
        "sparse-objects",
        "two or three objects, such as mitochondria, in an image of 256 x 256 px",
        "micrographs of mitochondria, 2 to 3 an image; of their sizes and shapes nothing is known",
        (2.0, 3.0),
    ),
    **{
        name: Domain(recipe=name, **_BEADS)  # type: ignore[arg-type]
        for name in ("beads-unet", "beads-attention", "beads-attention-residual")
    },
}


@dataclass(frozen=True)
class Difference:
    """One way in which data differ from a domain. factor: here over there, or there over here where less, always
    above 1; inf where one of them is 0.
    """

    quantity: str
    here: float
    there: Range
    factor: float
    words: str


@dataclass(frozen=True)
class Measures:
    """A whole set of images with masks in a few numbers.

    images: that can be used. densities: (images,) objects in 256 x 256 px, of volumes those that one section of that
    size cuts. density, coverage (share of the pixels): means over the images, as crops are drawn of each. diameter,
    circularity: medians, nan without objects. low, high: 5th and 95th percentile of the diameters, px. touching,
    at_edge: shares of the objects. merged: share of those that are so much larger and less round than the others as
    several that touch, but are marked as one.
    """

    images: int
    objects: int
    pixels: int
    ndim: int
    density: float
    densities: NDArray[np.float64]
    coverage: float
    diameter: float
    low: float
    high: float
    circularity: float
    touching: float
    at_edge: float
    merged: float


def measured(facts: Sequence[MaskFacts]) -> Measures:
    """The set that those of the images make up which can be used; InputError where there is none."""
    usable = [each for each in facts if each.problem is None]
    if not usable:
        raise InputError(
            "no image with a mask can be used, so there is nothing to measure; put right what is wrong with the images"
        )
    pixels = np.array([math.prod(each.shape) for each in usable], dtype=np.float64)
    objects = np.array([each.objects for each in usable], dtype=np.float64)
    cut = np.array([_cut_by_a_section(each) for each in usable])
    areas = np.array([math.prod(each.shape[-2:]) for each in usable], dtype=np.float64)
    diameters = finite([each.diameters for each in usable])
    circularities = finite([each.circularities for each in usable])
    low, middle, high = np.percentile(diameters, [5, 50, 95]) if len(diameters) else [np.nan] * 3
    weights = objects if objects.any() else None
    return Measures(
        images=len(usable),
        objects=int(objects.sum()),
        pixels=int(pixels.sum()),
        ndim=len(usable[0].shape),
        density=float((cut / areas).mean() * SQUARE),
        densities=cut / areas * SQUARE,
        coverage=float(np.mean([each.coverage for each in usable])),
        diameter=float(middle),
        low=float(low),
        high=float(high),
        circularity=float(np.median(circularities)) if len(circularities) else float("nan"),
        touching=float(np.average([each.touching for each in usable], weights=weights)),
        at_edge=float(np.average([each.at_edge for each in usable], weights=weights)),
        merged=_merged(usable, float(middle)),
    )


def _merged(facts: Sequence[MaskFacts], median: float) -> float:
    """Two discs side by side have a diameter of 1.4 and a circularity of one half."""
    if not np.isfinite(median):
        return 0.0
    odd = [np.count_nonzero((f.diameters > 1.25 * median) & (f.circularities < 0.75)) for f in facts]
    return float(sum(odd) / max(1, sum(len(f.diameters) for f in facts)))


def density_of(facts: MaskFacts) -> float:
    """Objects in 256 x 256 px of one image, of a volume those that one section of that size cuts."""
    return _cut_by_a_section(facts) / math.prod(facts.shape[-2:]) * SQUARE


def _cut_by_a_section(facts: MaskFacts) -> float:
    """How many objects one section shows: a ball of diameter d is met by d of the z sections."""
    if len(facts.shape) == 2:
        return float(facts.objects)
    return float(np.nansum(facts.diameters)) / facts.shape[0]


def finite(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The values of all columns in one, those that are no numbers left out."""
    joined: NDArray[np.float64] = np.concatenate([np.zeros(0), *columns])
    return np.asarray(joined[np.isfinite(joined)])


def compare(facts: Sequence[MaskFacts], domain: Domain) -> list[Difference]:
    """How data differ from the domain of a recipe, the largest factor first; nothing is said of what is not known.

    Densities, diameters and coverages are alike up to a factor of 1.5, circularity and the share of touching objects
    up to 0.15 beside the range. Raises InputError where no image can be used.
    """
    here = measured(facts)
    known = {each.name for each in fields(domain)} & set(_WORDS)
    found = []
    for quantity in _WORDS:
        there = getattr(domain, quantity) if quantity in known else None
        value = getattr(here, quantity)
        if there is not None and math.isfinite(value) and _differs(quantity, value, there):
            found.append(_difference(quantity, value, there, domain))
    return sorted(found, key=lambda each: -each.factor)


# quantity: more than there, less than there, the unit, and what follows for a training.
_WORDS = {
    "density": (
        "more objects an image",
        "fewer objects an image",
        " in 256 x 256 px",
        "its learning rate, batch and loss were chosen for that density",
    ),
    "diameter": (
        "wider objects",
        "smaller objects",
        " px",
        "the depth of its net and the size of its crops were chosen for that diameter",
    ),
    "coverage": (
        "more of the image covered by objects",
        "less of the image covered by objects",
        " of the pixels",
        "its loss was chosen for that balance of object and background",
    ),
    "circularity": (
        "rounder objects",
        "less round objects",
        "",
        "its dropout was chosen for uniform discs, which are easily learnt by heart",
    ),
    "touching": (
        "more objects that touch",
        "fewer objects that touch",
        " of the objects",
        "how well touching objects are told apart counts accordingly",
    ),
}
_SHARES = ("coverage", "touching")


def _differs(quantity: str, value: float, there: Range) -> bool:
    low, high = there
    if quantity in ("circularity", "touching"):
        return not low - MARGIN <= value <= high + MARGIN
    return not low / LIKE <= value <= high * LIKE


def _difference(quantity: str, value: float, there: Range, domain: Domain) -> Difference:
    more, less, unit, follows = _WORDS[quantity]
    low, high = there
    factor, what = (_ratio(value, high), more) if value > high else (_ratio(low, value), less)
    by_margin = quantity in ("circularity", "touching") or math.isinf(factor)
    times = what[0].upper() + what[1:] if by_margin else f"{_times(factor)} times {what}"
    if quantity == "diameter" and not by_margin:
        times = (
            f"{'wider' if what == more else 'smaller'} objects by a factor of {_times(factor)}".capitalize()
        )
    range_ = _shown(quantity, low) if low == high else f"{_shown(quantity, low)} to {_shown(quantity, high)}"
    words = f"{times} than in the domain of {domain.recipe} ({range_}{unit}): {_shown(quantity, value)} here; {follows}"
    return Difference(quantity, value, there, factor, words)


def _ratio(larger: float, smaller: float) -> float:
    return larger / smaller if smaller > 0 else math.inf


def _times(factor: float) -> str:
    return f"{factor:.0f}" if factor >= 9.5 else f"{factor:.1f}"


def _shown(quantity: str, value: float) -> str:
    if quantity in _SHARES:
        return f"{100 * value:.0f} %"
    if quantity == "circularity":
        return f"{min(value, 1):.2f}"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"
