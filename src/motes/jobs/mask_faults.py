"""What is wrong with images and their masks, in words, each with the numbers behind it: the files themselves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from motes.data.mask_evidence import Surfaces
from motes.data.mask_objects import WHITE
from motes.data.masks import MaskKind

FLAT = 0.8  # share of flat pixels that drawings reach
NOT_FLAT = 0.5  # that photographs stay below
LONE = 0.1  # share of lone pixels at rims that whole objects stay far below
FULL = 0.98  # coverage
FEWEST_NUMBERS = 5  # in a mask of classes that may be objects
MANY_NUMBERS = 12
DIFFER = 1.5  # times as many objects are there in one image as in another
ONE_EACH = 1.2  # regions a number, where every object has its own
HALF = 0.5  # coverage
SURE_ENOUGH, MOST = 0.3, 0.7  # shares of the masks that surely, and that may be, inverted


@dataclass(frozen=True)
class MaskFault:
    """One thing that is wrong with images and masks.

    kind: its key, such as values_0_255. message: what was found, what was expected, what to do. images: in which.
    evidence: the numbers behind it. unusable: whether training would fail, or learn nonsense.
    """

    kind: str
    message: str
    images: tuple[str, ...]
    evidence: Mapping[str, float | str]
    unusable: bool


@dataclass(frozen=True)
class Trouble:
    """Why one image cannot be used at all; kind: the key of the fault that this is."""

    kind: str
    message: str


@dataclass(frozen=True)
class Looked:
    """What one image and its mask show by themselves.

    numbers, regions: different numbers above 0 in the mask, and connected regions of equal number; both 0 where they
    were not counted. values: the first different ones. background: whether the surround of objects is marked.
    refused: why training refuses the values. place: groups that are never divided, and the part, where known.
    """

    name: str
    mask_name: str
    shape: tuple[int, ...]
    image: Surfaces
    mask: Surfaces
    values: tuple[float, ...]
    highest: float
    coverage: float
    numbers: int
    regions: int
    background: Literal["no", "maybe", "surely"]
    refused: str | None
    image_sha256: str
    mask_sha256: str
    part: str = ""
    group: str = ""

    @property
    def swapped(self) -> bool:
        """Whether the image is a drawing and the mask a photograph."""
        return self.image.flat > FLAT and self.mask.flat < NOT_FLAT

    @property
    def in_between(self) -> bool:
        """Whether the mask holds values between those of objects and ground."""
        return not self.swapped and self.mask.lone > LONE

    @property
    def black_and_white(self) -> bool:
        """Whether the mask holds nothing but 0 and the highest value of its type."""
        return self.highest in WHITE and set(self.values) <= {0.0, self.highest}


def faults_of_files(looked: Sequence[Looked], kind: MaskKind) -> Iterator[MaskFault]:
    """What is wrong with images and masks by themselves, wherever the objects lie."""
    clean = [each for each in looked if not each.swapped and not each.in_between]
    inverted = _inverted(clean)
    yield from _swapped([each for each in looked if each.swapped])
    yield from _in_between([each for each in looked if each.in_between])
    yield from _values([each for each in clean if each not in inverted], kind)
    yield from _extent(clean, inverted)


def _inverted(looked: Sequence[Looked]) -> list[Looked]:
    """Masks that mark the ground; also those that only look as if, where most do, or all others mark far less."""
    surely = [each for each in looked if each.background == "surely"]
    maybe = [each for each in looked if each.background != "no"]
    others = [each.coverage for each in looked if each.background == "no"]
    if not maybe:
        return []
    most = len(surely) >= SURE_ENOUGH * len(looked) and len(maybe) >= MOST * len(looked)
    unlike = len(others) >= MOST * len(looked) and max(others) < HALF < min(each.coverage for each in maybe)
    return maybe if most or unlike else surely


def _swapped(found: Sequence[Looked]) -> Iterator[MaskFault]:
    if found:
        yield MaskFault(
            "swapped",
            f"image and mask seem to be swapped in {_some(found)}: what is given as the image consists of even areas, "
            "as masks do, and what is given as the mask has other grey values from pixel to pixel, as images have; "
            "exchange them",
            names_of(found),
            {
                "even_share_of_images": median(each.image.flat for each in found),
                "even_share_of_masks": median(each.mask.flat for each in found),
            },
            unusable=True,
        )


def _in_between(found: Sequence[Looked]) -> Iterator[MaskFault]:
    if not found:
        return
    jpeg = all(each.mask_name.lower().endswith((".jpg", ".jpeg")) for each in found)
    why = (
        "they are saved as JPEG, which changes values; keep masks as PNG or TIFF"
        if jpeg
        else "they come from resizing with interpolation, from JPEG, from smoothed outlines, or from a map of "
        "probabilities; resize masks by nearest neighbour, keep them as PNG or TIFF"
    )
    yield MaskFault(
        "interpolated",
        f"the masks of {_some(found)} hold values in between at the rims of objects, where each object should have "
        f"one: {median(each.mask.lone for each in found):.0%} of the pixels at rims are unlike all beside them; {why}, "
        "or cut them off at one half",
        names_of(found),
        {
            "lone_rim_pixels": median(each.mask.lone for each in found),
            "first_values": _listed(found[0].values),
        },
        unusable=True,
    )


def _values(looked: Sequence[Looked], kind: MaskKind) -> Iterator[MaskFault]:
    marked = [each for each in looked if each.highest > 0]
    white = [each for each in marked if each.black_and_white]
    if kind == "instances":
        yield from _one_number(marked)
    elif white:
        yield _white(white)
    numbered = [each for each in marked if each not in white]
    if kind != "instances" and _one_object_each(numbered, kind):
        yield _instances(numbered, kind)
        return
    refused = [each for each in looked if each.refused and not each.black_and_white]
    if refused:
        yield MaskFault(
            "values", str(refused[0].refused), names_of(refused), {"found": _listed(refused[0].values)}, True
        )


def _white(found: Sequence[Looked]) -> MaskFault:
    high = found[0].highest
    return MaskFault(
        "values_0_255",
        f"the masks of {_some(found)} hold 0 and {high:g}, where 0 and 1 are expected; training refuses them, and "
        f"elsewhere they ruin it unseen: divide the masks by {high:g} and write them again (in Python: "
        f"mask // {high:g})",
        names_of(found),
        {"values": f"0, {high:g}"},
        unusable=True,
    )


def _one_number(marked: Sequence[Looked]) -> Iterator[MaskFault]:
    """Masks of instances in which several regions have one number."""
    one = [each for each in marked if each.numbers == 1]
    several = [each for each in one if each.regions > 1]
    white = [each for each in several if each.black_and_white]
    if not white and one and len(one) == len(marked) and all(each.black_and_white for each in one):
        white = one
    if white:
        high, regions = white[0].highest, median(each.regions for each in white)
        yield MaskFault(
            "values_0_255",
            f"the masks of {_some(white)} hold 0 and {high:g}, where each object should have a number of its own: "
            f"{high:g} is given to {regions:g} separate regions; if the masks only tell objects from background, "
            f"write them again as 0 and 1 (in Python: mask // {high:g}) and say masks.kind=binary",
            names_of(white),
            {"values": f"0, {high:g}", "regions_of_one_number": regions},
            unusable=True,
        )
    elif several and len(one) == len(marked):
        regions = median(each.regions for each in several)
        yield MaskFault(
            "classes_as_instances",
            "the masks are read as instances, but in each all objects have one number "
            f"({regions:g} regions an image), so that they count as one; say masks.kind=binary, or number the objects",
            names_of(several),
            {"regions_of_one_number": regions},
            unusable=False,
        )


def _one_object_each(found: Sequence[Looked], kind: MaskKind) -> bool:
    """Whether numbers stand for objects: many of them, each one region, and far more in some images."""
    counted = [each for each in found if each.numbers]
    if not counted or sum(each.regions for each in counted) > ONE_EACH * sum(
        each.numbers for each in counted
    ):
        return False
    usual = median(each.numbers for each in counted)
    if kind == "binary":
        return usual >= 3
    numbers = [each.numbers for each in counted]
    differ = max(numbers) > DIFFER * min(numbers)  # a class may be missing here and there
    return usual >= FEWEST_NUMBERS and (differ or usual >= MANY_NUMBERS)


def _instances(found: Sequence[Looked], kind: MaskKind) -> MaskFault:
    numbers = median(each.numbers for each in found)
    return MaskFault(
        "instances_as_classes",
        f"the masks are read as {'classes' if kind == 'classes' else 'background (0) and objects (1)'}, but their "
        f"numbers stand for objects: {numbers:g} different ones an image, and each is one region; say "
        "masks.kind=instances",
        names_of(found),
        {
            "numbers_an_image": numbers,
            "regions_a_number": sum(each.regions for each in found)
            / max(1, sum(each.numbers for each in found)),
        },
        unusable=True,
    )


def _extent(looked: Sequence[Looked], inverted: Sequence[Looked]) -> Iterator[MaskFault]:
    empty = [each for each in looked if each.highest <= 0]
    full = [each for each in looked if each.coverage > FULL and each.numbers <= 1 and each not in inverted]
    if empty:
        yield _empty(empty, len(looked))
    if full:
        yield MaskFault(
            "full",
            f"the masks of {_some(full)} mark all of the image, so that there is no ground to tell objects from; "
            "see that 0 stands for the ground, and that these are the masks",
            names_of(full),
            {"coverage": median(each.coverage for each in full)},
            unusable=True,
        )
    if inverted:
        yield MaskFault(
            "inverted",
            f"the masks of {_some(inverted)} seem to be inverted: they mark "
            f"{median(each.coverage for each in inverted):.0%} of the image, out to its borders, around many separate "
            "islands that are not; objects must be marked, and the ground be 0, so exchange them (in Python: 1 - mask)",
            names_of(inverted),
            {"coverage": median(each.coverage for each in inverted)},
            unusable=True,
        )


def _empty(found: Sequence[Looked], count: int) -> MaskFault:
    every = len(found) == count
    what = f"all {count} masks are" if every else f"{len(found)} of {count} masks are"
    advice = (
        "there is nothing to learn from them; see that these are the masks of these images, and that they were saved"
        if every
        else "that is right where there are no objects; else label these images, or leave them out, for training takes "
        "all that is in them for ground"
    )
    return MaskFault(
        "empty",
        f"{what} empty: no value above 0; {advice}",
        names_of(found),
        {"share": len(found) / count},
        every,
    )


def names_of(found: Iterable[Looked]) -> tuple[str, ...]:
    """Of the images."""
    return tuple(each.name for each in found)


def _some(found: Sequence[Looked]) -> str:
    return some_names([each.name for each in found])


def some_names(names: Sequence[str]) -> str:
    """a.tif, or a.tif and 3 more."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values[:8])
