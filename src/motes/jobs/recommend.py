"""Which recipe for images with masks, and which of its values to change, with a reason for each.

Two recipes are the ends of a scale: sparse-objects (2 to 3 objects in 256 x 256 px) and beads-unet (109). Where data
lie on it is counted in logarithms, and values in between are interpolated.
"""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from motes.data.masks import MaskKind
from motes.errors import InputError
from motes.figures.pages import counted
from motes.jobs.advice import (
    LARGE,
    Advice,
    crop_of,
    crop_pixels,
    dense,
    depth_of,
    drawing,
    mask_kind,
    net_of,
    number,
    outlines,
)
from motes.jobs.domain import SQUARE, Measures, measured
from motes.jobs.mask_facts import MaskFacts
from motes.recipe_file import flat, load_recipe

SPARSE, DENSE = 2.5, 109.4  # objects in 256 x 256 px of the two sets that the rule was drawn from
COVERED = (0.05, 0.3)  # share of objects' pixels at which focal loss, and Dice, is right
FEW, MANY = 1 / 3, 2 / 3  # on the scale of class balance: focal below, Dice above, both between
PIXELS = 32 * SQUARE  # in a step, at most
FEW_STEPS = 10  # in an epoch
FEWEST_BATCH = 8
VARIED = 0.5  # standard deviation of the density over its mean, from which a split is stratified
RULE = "a rule drawn from two data sets only, and not proven: `motes study run object-density` tests it"


@dataclass(frozen=True)
class Recommendation:
    """A shipped recipe, why it is the nearest, and the value of every field that the data decide.

    changes: also those that the recipe has already. scale: where the data lie from sparse (0) to dense (1).
    """

    recipe: str
    reason: str
    changes: list[Advice]
    scale: float

    @property
    def needed(self) -> list[Advice]:
        """Those that the recipe does not say by itself."""
        own = dict(flat(load_recipe(self.recipe).model_dump(mode="json")))
        return [each for each in self.changes if own.get(each.field, "none") != each.value]

    def command(self, images: Sequence[str], masks: str | None = None, data: Path | None = None) -> str:
        """What to type: images and masks, or a table of data sets, as they were given."""
        given = ["--data", str(data)] if data is not None else []
        for image in [] if data is not None else images:
            given += ["--images", image]
        given += [] if masks is None or data is not None else ["--masks", masks]
        words = ["motes", "train", self.recipe, *given, *(each.words for each in self.needed), "--out", "run"]
        return " ".join(map(shlex.quote, words))


def recommend(facts: Sequence[MaskFacts], kind: MaskKind) -> Recommendation:
    """The recipe nearest to images with masks of a kind, and what to change in it.

    Images of the part test do not count. Raises InputError where no image can be used, or none holds an object.
    """
    facts = [each for each in facts if each.part != "test"]  # nothing is chosen by what a model is tested on
    here = measured(facts)
    if not here.objects:
        raise InputError(
            f"the masks of {here.images} images hold no object, so no recipe can be recommended; see that these are "
            "the masks of these images"
        )
    scale = _between(here.density, SPARSE, DENSE)
    recipe = "beads-unet" if scale >= 0.5 else "sparse-objects"
    depth = depth_of(here)
    size = crop_of(facts, here, int(depth.value))
    batch = _batch(here, scale, size)
    changes = [
        *mask_kind(facts, kind),
        *net_of(here, depth),
        size,
        *drawing(here, size, batch),
        _loss(here, scale),
        _learning_rate(here, scale),
        batch,
        _dropout(here, scale),
        *_split(facts, here, scale),
        *outlines(here, kind),
    ]
    return Recommendation(recipe, _nearest(here), changes, scale)


def _between(value: float, low: float, high: float) -> float:
    """Where a value lies from low (0) to high (1), in logarithms; no further out."""
    if value <= 0:
        return 0.0
    return min(1.0, max(0.0, math.log(value / low) / math.log(high / low)))


def _nearest(here: Measures) -> str:
    middle = math.sqrt(SPARSE * DENSE)
    side = "more" if here.density >= middle else "fewer"
    return (
        f"{dense(here)}, {side} than the {middle:.0f} that lie halfway between "
        f"sparse-objects (2 to 3) and beads-unet (109)"
    )


def _loss(here: Measures, scale: float) -> Advice:
    balance = (scale + _between(here.coverage, *COVERED)) / 2
    found = f"{here.coverage:.1%} of the pixels belong to {dense(here)}"
    if balance < FEW:
        return Advice(
            "loss.formula", "focal", f"{found}: focal loss keeps the many easy pixels of background down"
        )
    if balance > MANY:
        return Advice(
            "loss.formula", "dice", f"{found}: Dice answers to the overlap itself, which is what is scored"
        )
    reason = f"{found}, between sparse (focal loss) and dense (Dice): a sum of both"
    return Advice("loss.formula", "0.7 dice + 0.3 focal", reason)


def _learning_rate(here: Measures, scale: float) -> Advice:
    rate = float(f"{10 ** (-3 - scale):.1g}") if scale in (0, 1) else float(f"{10 ** (-3 - scale):.2g}")
    reason = (
        f"{dense(here)}; the rule is 0.001 at 2 to 3 and 0.0001 at 109, since more "
        f"objects would give larger gradients. It is {RULE}"
    )
    return Advice("training.learning_rate", rate, reason)


def _batch(here: Measures, scale: float, size: Advice) -> Advice:
    by_density = int(2 ** round(3 + 2 * scale))
    in_memory = max(1, PIXELS // crop_pixels(size, here.ndim))
    batch = min(by_density, int(2 ** math.floor(math.log2(in_memory))))
    if batch < by_density:
        reason = (
            f"crops of {size.value} px are large: {batch} of them have as many pixels as a step of 32 crops of "
            "256x256 px"
        )
        return Advice("training.batch", batch, reason)
    reason = (
        f"{dense(here)}, between 8 where they are sparse and 32 where they are dense, for steadier gradients"
    )
    steps = math.ceil(here.images * 0.85 / batch)
    if (
        batch > FEWEST_BATCH
        and steps < FEW_STEPS
        and here.pixels < LARGE * here.images * crop_pixels(size, here.ndim)
    ):
        reason += (
            f". An epoch of {here.images} images is then only about {counted(steps, 'step')}: where the score still "
            "rises at the last epoch, try 8 and a learning rate of 0.001 first"
        )
    return Advice("training.batch", batch, reason)


def _dropout(here: Measures, scale: float) -> Advice:
    value = round(0.3 * scale * 20) / 20
    shape = f"the circularity is {min(1, here.circularity):.2f}"
    uniform = (
        "uniform discs are easily learnt by heart" if here.circularity >= 0.9 else "they are no uniform discs"
    )
    reason = f"{dense(here)} and {shape}: {uniform}; 0 where objects are sparse, 0.3 where they are dense"
    return Advice("net.dropout", value, reason)


def _split(facts: Sequence[MaskFacts], here: Measures, scale: float) -> list[Advice]:
    """Nothing where the table of data sets says which images are for validation."""
    if any(each.part == "validation" for each in facts):
        return []
    share = round(0.1 + 0.05 * scale, 2)
    spread = float(here.densities.std() / here.densities.mean()) if here.density else 0.0
    kept = max(1, round(share * here.images))
    validation = Advice(
        "split.validation",
        share,
        f"{here.images} images with {dense(here)}: {kept} for validation, between 10 % "
        "where objects are sparse and 15 % where they are dense",
    )
    ranged = f"{number(here.densities.min())} to {number(here.densities.max())} objects in 256 x 256 px"
    if scale >= 0.5 or spread > VARIED:
        return [
            validation,
            Advice(
                "split.stratify", "objects", f"images hold {ranged}, and both parts shall be equally dense"
            ),
        ]
    return [validation, Advice("split.stratify", "none", f"images hold {ranged}, alike enough for any split")]


def quick_command(images: Sequence[str], masks: str | None, data: Path | None, kind: MaskKind) -> str:
    """What to type for a first net within minutes: the recipe `objects`; nothing for masks in classes."""
    if kind == "classes":
        return ""
    words = [] if kind == "instances" else [Advice("masks.kind", kind, "")]
    return Recommendation("objects", "", words, 0).command(images, masks, data)
