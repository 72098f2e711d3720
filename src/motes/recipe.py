"""A recipe: one run, described. It is the only home of a run's defaults."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from motes.data.augment import Augmentation
from motes.data.crops import Sampling
from motes.data.masks import MaskKind
from motes.data.normalise import Normalisation
from motes.data.object_targets import Separator
from motes.data.paint import Target
from motes.data.working import Scale
from motes.errors import RecipeError, UnitError
from motes.fairness import may_change
from motes.nets.description import NetDescription
from motes.picking.instances import Keeping, Splitting
from motes.picking.outlining import Outlining
from motes.picking.picker import Picking
from motes.picking.thresholds import Goal, parse_goal
from motes.simulate.worlds import Worlds
from motes.train.losses import LossDescription, check_class_weights
from motes.train.settings import Training
from motes.units import Length, parse_length


class Split(BaseModel):
    """Which images are kept for validation."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra=may_change("images", "order", "places", "draws", "steps"),
    )

    validation: float = Field(0.2, ge=0, lt=1, description="share of the images, at least one")
    by: Literal["image", "folder"] = Field(
        "image", description="what is never divided: an image, or all images of one folder"
    )
    stratify: Literal["none", "objects"] = Field(
        "none",
        description="objects: both parts get images of equally many objects; none: chosen without looking at them",
    )


class ParticleClass(BaseModel):
    """One kind of particle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    diameter: str | None = Field(None, description="150 (Angstrom), 15nm or 60px")
    weight: float = Field(1, ge=0, allow_inf_nan=False, description="how much it counts in a score")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("diameter", mode="before")
    @classmethod
    def _readable_diameter(cls, value: Any) -> Any:
        return readable_diameter(value)


class Masks(BaseModel):
    """What the values in masks mean."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=may_change("places"))

    kind: MaskKind = Field(
        "binary",
        description="binary: 0 and 1; classes: the number of each pixel's class; instances: a number for each "
        "object",
    )


def readable_diameter(value: Any) -> str | None:
    """A diameter as a recipe writes it: 150, or 60 px; ValueError for what is none."""
    if value is None:
        return None
    try:
        return str(parse_length(value)).replace(" A", "")
    except UnitError as error:
        raise ValueError(str(error)) from None


class Recipe(BaseModel):
    """One run: what particles, which net, trained how, and how picks are found and cut off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="what the run is called; by default the name of the file")
    about: str = Field("", description="one sentence for people")
    diameter: str | None = Field(
        None,
        description="of the particle: 150 (Angstrom), 15nm or 60px; without it, from the picks",
        json_schema_extra=may_change("places"),
    )
    pixel_size: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="A/px of all images; without it, from each image's header",
        json_schema_extra=may_change("places"),
    )
    working_diameter: float | None = Field(
        20,
        ge=6,
        description="what the diameter becomes on the image that the net sees, px; none: images stay as they are",
        json_schema_extra=may_change("places"),
    )
    working_pixel_size: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="A/px of the image that the net sees, in place of working_diameter; needed for several classes",
        json_schema_extra=may_change("places"),
    )
    classes: list[ParticleClass] = Field(
        [ParticleClass(name="particle")],
        min_length=1,
        description="names, or for several kinds of particles {name: ..., diameter: ..., weight: ...}",
        json_schema_extra=may_change("places"),
    )
    masks: Masks = Masks()
    worlds: Worlds = Worlds()
    seed: int = Field(0, ge=0, description="all chance in the run comes from it")
    split: Split = Split()
    normalisation: Normalisation = Normalisation()
    net: NetDescription = NetDescription()
    loss: LossDescription = LossDescription()
    target: Target = Target()
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()
    picking: Picking = Picking()
    splitting: Splitting = Splitting()
    keeping: Keeping = Keeping()
    goal: str = Field(
        "f1",
        description="what the threshold is fitted for: f1, f2, precision=0.9 or recall=0.95",
        json_schema_extra=may_change("threshold"),
    )
    match_distance: float = Field(
        0.5,
        gt=0,
        le=1,
        description="how near a pick must be to a particle to count in validation, as a share of the diameter",
        json_schema_extra=may_change("threshold", "stopping"),
    )
    encoder_weights: str | None = Field(
        None,
        description="a file with weights for the encoder of a ResNet or EfficientNet net, .pth or .safetensors",
        json_schema_extra=may_change("weights"),
    )
    start: str | None = Field(
        None,
        description="a model to start from: default, the one that ships, or a model file; net, scale, normalisation "
        "and target are then the model's",
        json_schema_extra=may_change("weights", "threshold"),
    )
    labels: Literal["complete", "partial"] = Field(
        "complete",
        description="partial: not every particle is marked, so what start sees as one is no background; needs start",
        json_schema_extra=may_change("threshold"),
    )

    @model_validator(mode="before")
    @classmethod
    def _outputs_follow_classes(cls, values: Any) -> Any:
        """A map for one class; for several one each and one for the background; for outlines what separates too."""
        if not isinstance(values, Mapping):
            return values
        classes, net = values.get("classes"), values.get("net") or {}
        if not isinstance(net, Mapping):
            return values
        if isinstance(classes, list) and len(classes) > 1:
            return {**values, "net": {"outputs": len(classes) + 1, **net}}
        if _separator_in(values) != "none":
            return {**values, "net": {"outputs": 2, "independent": True, **net}}
        return values

    @field_validator("diameter", mode="before")
    @classmethod
    def _readable_diameter(cls, value: Any) -> Any:
        return readable_diameter(value)

    @field_validator("goal")
    @classmethod
    def _readable_goal(cls, value: str) -> str:
        parse_goal(value)
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        _check_outlines(self)
        _check_channels(self.net, self.class_names, self.splitting.separator)
        _check_scale(self)
        _check_crops(self.net, self.sampling.shape(self.net.ndim), self.training.batch)
        _check_pairs(self)
        _check_start(self)
        _check_worlds(self)
        check_class_weights(self.loss, 1 if self.net.independent else self.net.outputs)
        return self

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, in order."""
        return [each.name for each in self.classes]

    @property
    def outlining(self) -> Outlining | None:
        """How objects are outlined; None where that is not how they are found."""
        return Outlining(self.splitting, self.keeping) if self.picking.method == "outlines" else None

    @property
    def scale(self) -> Scale:
        """How large images are made before the net sees them."""
        by_size = self.working_pixel_size is not None
        return Scale(None if by_size else self.working_diameter, self.working_pixel_size)

    @property
    def lengths(self) -> list[Length] | None:
        """The diameter of each class; None where they are not all known."""
        written = [each.diameter or self.diameter for each in self.classes]
        known = [parse_length(text) for text in written if text is not None]
        return known if len(known) == len(written) else None

    @property
    def threshold_goal(self) -> Goal:
        """The goal that the threshold is fitted for."""
        return parse_goal(self.goal)

    def as_yaml(self) -> str:
        """The whole recipe with every value."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _separator_in(values: Mapping[str, Any]) -> Any:
    """What a recipe that is not checked yet says of splitting.separator."""
    splitting = values.get("splitting")
    if isinstance(splitting, Splitting):
        return splitting.separator
    return splitting.get("separator", "none") if isinstance(splitting, Mapping) else "none"


def _check_outlines(recipe: Recipe) -> None:
    """RecipeError where objects are to be outlined that have several classes, or settings of it have no effect."""
    if recipe.outlining is not None:
        if len(recipe.classes) > 1:
            raise RecipeError(
                f"recipe: picking.method is outlines, which is for one class, and there are {len(recipe.classes)} "
                f"({', '.join(recipe.class_names)}); name one, or choose peaks or components"
            )
        return
    for section, default in (("splitting", Splitting()), ("keeping", Keeping())):
        for name, value in getattr(recipe, section).model_dump().items():
            if value != getattr(default, name):
                raise RecipeError(
                    f"recipe: {section}.{name} is {value}, but picking.method is {recipe.picking.method}, so it "
                    "would have no effect; set picking.method=outlines, or leave it out"
                )


def _check_channels(net: NetDescription, classes: Sequence[str], separator: Separator) -> None:
    """RecipeError unless the net takes one image and gives one map, or for several classes one more than those.

    Where neighbouring objects are told apart by a map of its own there is one more, and both are independent.
    """
    if net.inputs != 1:
        raise RecipeError(f"recipe: net.inputs is {net.inputs}, but an image has one channel; set it to 1")
    repeated = [name for name in classes if classes.count(name) > 1]
    if repeated:
        raise RecipeError(f"recipe: two classes are called {repeated[0]!r}; give each its own name")
    if net.independent != (separator != "none"):
        raise RecipeError(
            f"recipe: net.independent is {net.independent}, but splitting.separator is {separator}; set it to "
            f"{not net.independent}, or leave it out, it follows"
        )
    if separator != "none" and net.outputs != 2:
        raise RecipeError(
            f"recipe: net.outputs is {net.outputs}, but splitting.separator is {separator}, so there are two maps, of "
            "the interior and of what separates; leave net.outputs out"
        )
    if separator != "none":
        return
    expected = 1 if len(classes) == 1 else len(classes) + 1
    if net.outputs != expected:
        background = "" if expected == 1 else ", and one map is the background's"
        raise RecipeError(
            f"recipe: net.outputs is {net.outputs}, but there {'is' if len(classes) == 1 else 'are'} "
            f"{len(classes)} in classes ({', '.join(classes)}){background}; set it to {expected}"
        )


def _check_scale(recipe: Recipe) -> None:
    """RecipeError where several classes leave the scale open, or their diameter is said for all at once."""
    if len(recipe.classes) == 1:
        return
    if recipe.working_diameter is not None and recipe.working_pixel_size is None:
        raise RecipeError(
            "recipe: with several classes it is not clear which of them working_diameter is for; set "
            "working_pixel_size (A/px), or working_diameter to none for images that stay as they are"
        )
    if recipe.diameter is not None:
        raise RecipeError(
            f"recipe: diameter is {recipe.diameter}, but there are {len(recipe.classes)} classes; give each its "
            "own: classes: [{name: ribosome, diameter: 300}, ...]"
        )


def _check_crops(net: NetDescription, shape: Sequence[int], batch: int) -> None:
    """RecipeError unless crops of a shape (px) halve evenly on every level, and leave the coarsest level more
    than one value a channel where it is normalised: there is no variance otherwise.
    """
    for size in shape:
        below = size // net.multiple * net.multiple
        if below != size:
            nearest = " or ".join(str(fitting) for fitting in (below, below + net.multiple) if fitting >= 16)
            raise RecipeError(
                f"recipe: sampling.size is {size}, where a net of depth {net.depth} needs a multiple of "
                f"{net.multiple}; set it to {nearest}, or choose another net.depth"
            )
    coarsest = math.prod(size // net.multiple for size in shape)
    if net.norm in ("batch", "instance") and (batch if net.norm == "batch" else 1) * coarsest == 1:
        more = "training.batch to 2 or more, or " if net.norm == "batch" else ""
        raise RecipeError(
            f"recipe: one crop of {shape[0]} px leaves a single value a channel at depth {net.depth}, too few for "
            f"{net.norm} norm; set {more}sampling.size to {2 * shape[0]}"
        )


def _check_pairs(recipe: Recipe) -> None:
    """RecipeError where crops are mixed in pairs and one would be left over."""
    mixing = recipe.augmentation.mixup or recipe.augmentation.cutmix
    if mixing and recipe.training.batch // recipe.training.accumulate % 2:
        raise RecipeError(
            f"recipe: mixup and cutmix mix pairs of crops, but training.batch is {recipe.training.batch} in "
            f"{recipe.training.accumulate} parts; make each part an even number of crops"
        )


def _check_start(recipe: Recipe) -> None:
    """RecipeError where two files are to give the weights, or where partial labels leave open what is asked for."""
    if recipe.start is not None and recipe.encoder_weights is not None:
        raise RecipeError(
            f"recipe: start is {recipe.start} and encoder_weights is {recipe.encoder_weights}, but weights come from "
            "one file; set one of the two to none"
        )
    if recipe.labels == "complete":
        return
    if recipe.start is None:
        raise RecipeError(
            "recipe: labels is partial, so an unmarked place may hold a particle, and only a model that already sees "
            "particles can say where there is background; give one with --start (default is the one that ships), or "
            "mark every particle of some images and leave labels at complete"
        )
    unknown = "which cannot be known where not every particle is marked (labels is partial)"
    if recipe.threshold_goal.name == "precision":
        raise RecipeError(f"recipe: goal is {recipe.goal}, {unknown}; set it to f1 or recall=0.9")
    if recipe.training.watch.startswith("best_f") or recipe.training.watch == "average_precision":
        raise RecipeError(
            f"recipe: training.watch is {recipe.training.watch}, {unknown}; set it to pixel_best_f1, which leaves out "
            "the pixels that are not known"
        )


def _check_worlds(recipe: Recipe) -> None:
    """RecipeError where simulated micrographs do not fit the rest of the recipe."""
    worlds = recipe.worlds
    if not worlds.use:
        return
    if recipe.working_diameter != worlds.across:
        raise RecipeError(
            f"recipe: worlds.across is {worlds.across:g} px, but working_diameter is {recipe.working_diameter}; "
            "make them the same"
        )
    if recipe.net.ndim != 2 or len(recipe.classes) > 1 or recipe.sampling.hard:
        raise RecipeError(
            "recipe: worlds are micrographs with one kind of particle, none of which comes twice; set net.ndim to 2, "
            "name one class, and leave sampling.hard at 0"
        )
    group = worlds.together * worlds.crops_each
    if group % recipe.training.batch:
        raise RecipeError(
            f"recipe: worlds.together x worlds.crops_each is {group}, but training.batch is {recipe.training.batch}; "
            "make the first a multiple of the second"
        )
