"""A recipe: one run, described. It is the only home of a run's defaults."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from motes.data.augment import Augmentation
from motes.data.crops import Sampling
from motes.data.normalise import Normalisation
from motes.data.paint import Target
from motes.errors import RecipeError, UnitError, did_you_mean
from motes.nets.build import NETS
from motes.nets.unet import NetDescription
from motes.picking.picker import Picking
from motes.picking.thresholds import Goal, parse_goal
from motes.train.losses import LOSSES
from motes.train.settings import Training
from motes.units import Length, parse_length


class Split(BaseModel):
    """Which images are kept for validation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    validation: float = Field(0.2, ge=0, lt=1, description="share of the images, at least one")
    by: Literal["image", "folder"] = Field(
        "image", description="what is never divided: an image, or all images of one folder"
    )


class Recipe(BaseModel):
    """One run: what particles, which net, trained how, and how picks are found and cut off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
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
    working_diameter: float = Field(
        20, ge=6, description="what the diameter becomes on the image that the net sees, px"
    )
    classes: list[str] = Field(["particle"], min_length=1, max_length=1)
    seed: int = Field(0, ge=0, description="all chance in the run comes from it")
    split: Split = Split()
    normalisation: Normalisation = Normalisation()
    net: NetDescription = NetDescription()
    target: Target = Target()
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    training: Training = Training()
    picking: Picking = Picking()
    goal: str = Field(
        "f1", description="what the threshold is fitted for: f1, f2, precision=0.9 or recall=0.95"
    )

    @field_validator("diameter", mode="before")
    @classmethod
    def _readable_diameter(cls, value: Any) -> Any:
        if value is None:
            return None
        try:
            return str(parse_length(value)).replace(" A", "")
        except UnitError as error:
            raise ValueError(str(error)) from None

    @field_validator("goal")
    @classmethod
    def _readable_goal(cls, value: str) -> str:
        parse_goal(value)
        return value

    @field_validator("net")
    @classmethod
    def _known_net(cls, net: NetDescription) -> NetDescription:
        if net.name not in NETS:
            raise ValueError(f"there is no net called {net.name!r}.{did_you_mean(net.name, NETS)}")
        return net

    @field_validator("training")
    @classmethod
    def _known_loss(cls, training: Training) -> Training:
        if training.loss not in LOSSES:
            raise ValueError(
                f"there is no loss called {training.loss!r}.{did_you_mean(training.loss, LOSSES)}"
            )
        return training

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        _check_channels(self.net, self.classes)
        _check_crops(self.net, self.sampling.size, self.training.batch)
        return self

    @property
    def length(self) -> Length | None:
        """The diameter as a length."""
        return None if self.diameter is None else parse_length(self.diameter)

    @property
    def threshold_goal(self) -> Goal:
        """The goal that the threshold is fitted for."""
        return parse_goal(self.goal)

    def as_yaml(self) -> str:
        """The whole recipe with every value."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _check_channels(net: NetDescription, classes: Sequence[str]) -> None:
    """RecipeError unless the net takes one image and gives one map a class."""
    if net.inputs != 1:
        raise RecipeError(f"recipe: net.inputs is {net.inputs}, but an image has one channel; set it to 1")
    if net.outputs != len(classes):
        raise RecipeError(
            f"recipe: net.outputs is {net.outputs}, but there {'is' if len(classes) == 1 else 'are'} "
            f"{len(classes)} in classes ({', '.join(classes)}); set it to {len(classes)}"
        )


def _check_crops(net: NetDescription, size: int, batch: int) -> None:
    """RecipeError unless crops of size (px) halve evenly on every level, and leave the coarsest level more
    than one value a channel in a step: batch norm has no variance otherwise.
    """
    below = size // net.multiple * net.multiple
    if below != size:
        nearest = " or ".join(str(fitting) for fitting in (below, below + net.multiple) if fitting >= 16)
        raise RecipeError(
            f"recipe: sampling.size is {size}, where a net of depth {net.depth} needs a multiple of "
            f"{net.multiple}; set it to {nearest}, or choose another net.depth"
        )
    if batch * (size // net.multiple) ** net.ndim == 1:
        raise RecipeError(
            f"recipe: one crop of {size} px leaves a single value a channel at depth {net.depth}, too few for "
            f"batch norm; set training.batch to 2 or more, or sampling.size to {2 * size}"
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
    for change in changes:
        key, given = split_change(change)
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
        raise RecipeError(
            f"recipe: {key or 'the recipe'} cannot be {first['input']!r}: {first['msg']}"
        ) from None


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
        base[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return base


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = full_key(key).split(".")
    for parent in parents:
        values = values.setdefault(parent, {})
        if not isinstance(values, dict):
            raise RecipeError(f"recipe: {parent} cannot be {values!r}; expected its own fields (key: value)")
    values[last] = value


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
