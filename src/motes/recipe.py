"""A recipe: one run, described. It is the only home of a run's defaults."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from motes.data.augment import Augmentation
from motes.data.crops import Sampling
from motes.data.masks import MaskKind
from motes.data.normalise import Normalisation
from motes.data.paint import Target
from motes.data.working import Scale
from motes.errors import RecipeError, UnitError, did_you_mean
from motes.nets.description import NAMED, NetDescription
from motes.picking.picker import Picking
from motes.picking.thresholds import Goal, parse_goal
from motes.train.losses import LossDescription, check_class_weights
from motes.train.settings import Training
from motes.units import Length, parse_length


class Split(BaseModel):
    """Which images are kept for validation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validation: float = Field(0.2, ge=0, lt=1, description="share of the images, at least one")
    by: Literal["image", "folder"] = Field(
        "image", description="what is never divided: an image, or all images of one folder"
    )


SHORT = {"loss": "loss.formula"}  # words for fields that are not the only ones of their last name


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

    model_config = ConfigDict(extra="forbid", frozen=True)

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
        None, description="of the particle: 150 (Angstrom), 15nm or 60px; without it, from the picks"
    )
    pixel_size: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="A/px of all images; without it, from each image's header",
    )
    working_diameter: float | None = Field(
        20,
        ge=6,
        description="what the diameter becomes on the image that the net sees, px; none: images stay as they are",
    )
    working_pixel_size: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="A/px of the image that the net sees, in place of working_diameter; needed for several classes",
    )
    classes: list[ParticleClass] = Field(
        [ParticleClass(name="particle")],
        min_length=1,
        description="names, or for several kinds of particles {name: ..., diameter: ..., weight: ...}",
    )
    masks: Masks = Masks()
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
    goal: str = Field(
        "f1", description="what the threshold is fitted for: f1, f2, precision=0.9 or recall=0.95"
    )
    encoder_weights: str | None = Field(
        None,
        description="a file with weights for the encoder of a ResNet or EfficientNet net, .pth or .safetensors",
    )

    @model_validator(mode="before")
    @classmethod
    def _outputs_follow_classes(cls, values: Any) -> Any:
        """A map for one class; for several one each and one for the background."""
        classes, net = (
            (values.get("classes"), values.get("net") or {}) if isinstance(values, Mapping) else (None, 0)
        )
        if isinstance(classes, list) and len(classes) > 1 and isinstance(net, Mapping):
            return {**values, "net": {"outputs": len(classes) + 1, **net}}
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
        _check_channels(self.net, self.class_names)
        _check_scale(self)
        _check_crops(self.net, self.sampling.shape(self.net.ndim), self.training.batch)
        _check_grey_values(self)
        check_class_weights(self.loss, self.net.outputs)
        return self

    @property
    def class_names(self) -> list[str]:
        """The names of the classes, in order."""
        return [each.name for each in self.classes]

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


def _check_channels(net: NetDescription, classes: Sequence[str]) -> None:
    """RecipeError unless the net takes one image and gives one map, or for several classes one more than those."""
    if net.inputs != 1:
        raise RecipeError(f"recipe: net.inputs is {net.inputs}, but an image has one channel; set it to 1")
    repeated = [name for name in classes if classes.count(name) > 1]
    if repeated:
        raise RecipeError(f"recipe: two classes are called {repeated[0]!r}; give each its own name")
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


def _check_grey_values(recipe: Recipe) -> None:
    """RecipeError for changes of grey values that need what the recipe does not give."""
    mixing = recipe.augmentation.mixup or recipe.augmentation.cutmix
    if mixing and recipe.training.batch // recipe.training.accumulate % 2:
        raise RecipeError(
            f"recipe: mixup and cutmix mix pairs of crops, but training.batch is {recipe.training.batch} in "
            f"{recipe.training.accumulate} parts; make each part an even number of crops"
        )


def shipped_recipes() -> dict[str, Path]:
    """The recipes inside the package, by name."""
    folder = Path(str(resources.files("motes") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(name: str, changes: Sequence[str] = (), **fields: Any) -> Recipe:
    """A recipe by its name or the path of a YAML file, with changes.

    changes: words such as width=16 or training.epochs=5. fields: top-level values that are not None
    (diameter=..., pixel_size=...), as options of the command line give them.
    """
    values = _read(name)
    wanted = [(full_key(key), change, given) for change in changes for key, given in [split_change(change)]]
    for key, change, given in sorted(wanted, key=lambda each: each[0] != "net.name"):  # it sets others
        _put(values, key, _read_value(change, given))
    values |= {key: value for key, value in fields.items() if value is not None}
    return check_recipe(values)


def check_recipe(values: Mapping[str, Any]) -> Recipe:
    """Validate a recipe; RecipeError names the field, what was found and what is allowed."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise RecipeError(_unknown_key(key)) from None
        why = first["msg"].removeprefix("Value error, ")
        raise RecipeError(f"recipe: {key or 'the recipe'} cannot be {first['input']!r}: {why}") from None


def split_change(change: str) -> tuple[str, str]:
    """('width', '16') from width=16; RecipeError for a word without =, which a shell's glob leaves behind."""
    key, equals, value = change.partition("=")
    if not equals:
        raise RecipeError(
            f"{change!r} is not a change of the recipe (key=value). If it comes from a pattern such as "
            "*.mrc, put the pattern in quotes: --images 'folder/*.mrc'"
        )
    return key.strip(), value.strip()


def leaf_keys(model: type[BaseModel] = Recipe, prefix: str = "") -> Iterator[str]:
    """Every dotted key that a recipe may set, such as net.width."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaf_keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def full_key(key: str) -> str:
    """net.width from width, where only one field has that name; RecipeError otherwise."""
    known = list(leaf_keys())
    key = SHORT.get(key, key)
    if key in known:
        return key
    fitting = [k for k in known if k.endswith(f".{key}")]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise RecipeError(f"{key!r} could mean {' or '.join(fitting)}; write it in full")
    raise RecipeError(_unknown_key(key))


def _unknown_key(key: str) -> str:
    known = list(leaf_keys())
    short = {k.rsplit(".", 1)[-1]: k for k in known}
    close = difflib.get_close_matches(key, known, n=1) or [
        short[name] for name in difflib.get_close_matches(key.rsplit(".", 1)[-1], short, n=1)
    ]
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"a recipe has no field {key!r}.{hint} Known: {', '.join(known)}."


def _read(name: str, above: Sequence[Path] = ()) -> dict[str, Any]:
    """The values of a recipe; a file may stand on another recipe by naming it in `based_on`.

    above: the files that stand on this one, for a circle would never end.
    """
    shipped = shipped_recipes()
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise RecipeError(
            f"there is no recipe {name!r}, neither shipped nor a file.{did_you_mean(name, shipped)}"
        )
    chain = [*above, path.resolve()]
    if chain[-1] in above:
        raise RecipeError(
            f"based_on goes in a circle: {' -> '.join(each.name for each in chain)}; a recipe may stand on a "
            "shipped one, or on a file that does not lead back to it"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not readable YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected a recipe (key: value), found {type(values).__name__}")
    # A section whose keys are all commented out is None to YAML, and means that nothing is changed in it.
    values = {key: value for key, value in values.items() if value is not None or key not in _sections()}
    values.setdefault("name", path.stem)
    base = values.pop("based_on", None)
    return values if base is None else _merged(_read(str(base), chain), values)


def _sections() -> set[str]:
    return {key.partition(".")[0] for key in leaf_keys() if "." in key}


def _merged(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        inner = base.get(key)
        if key == "net" and isinstance(inner, dict) and isinstance(value, dict):
            for word in value:
                _make_way(inner, word, value[word])
        base[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return base


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        if parent == "loss" and isinstance(values.get(parent), str):
            values[parent] = {"formula": values[parent]}
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise RecipeError(f"recipe: {parent} cannot be {values!r}; expected its own fields (key: value)")
    if parents == ["net"]:
        _make_way(values, last, value)
    values[last] = None if value == "none" and _takes_none(key) else value


def _make_way(net: dict[str, Any], key: str, value: Any) -> None:
    """Remove what a net's new name, or its new list of widths, says in its own way."""
    replaced = NAMED.get(str(value), {}) if key == "name" else ("width", "depth") if key == "widths" else ()
    for each in replaced:
        net.pop(each, None)


def _takes_none(key: str) -> bool:
    """Whether a field may be left open, so that the word none means that."""
    model: type[BaseModel] = Recipe
    *parents, last = key.split(".")
    for parent in parents:
        inner = model.model_fields[parent].annotation
        assert isinstance(inner, type)
        model = inner
    return type(None) in get_args(model.model_fields[last].annotation)


def _read_value(change: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise RecipeError(f"cannot read the value in {change!r}") from None
    # YAML 1.1 takes 1e-3 for a word; people mean the number.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
