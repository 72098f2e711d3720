"""Reading studies: shipped ones and files, at one of their sizes, and the recipe of each arm."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from motes.errors import RecipeError, did_you_mean
from motes.recipe import Recipe
from motes.recipe_file import flat, load_recipe, split_change
from motes.study.description import OF_OBJECTS, Study, named, one_or_more

SIZES = "sizes"
TASK = (
    "diameter",
    "pixel_size",
    "classes",
    "masks.kind",
    "net.ndim",
)  # what is looked for, and judged


def shipped_studies() -> dict[str, Path]:
    """The studies inside the package, by name."""
    folder = Path(str(resources.files("motes") / "studies"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_study(name: str, size: str | None = None, changes: Sequence[str] = ()) -> Study:
    """A study by its name or the path of a YAML file, at a size, with changes for every arm.

    size: one of those in the file, by default quick where it has sizes. Raises RecipeError for what cannot be read,
    and for an arm whose recipe cannot be.
    """
    values = at_size(read_file("study", name, shipped_studies()), name, size)
    values["changes"] = [*one_or_more(values.get("changes")), *changes]
    study = check_study(values)
    check_same_task(study)
    return study


def check_study(values: Mapping[str, Any]) -> Study:
    """Validate a study; RecipeError names the field, what was found and what is allowed."""
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        raise RecipeError(f"a study has no field {place!r}.{did_you_mean(place, Study.model_fields)}")
    found = "" if isinstance(first["input"], Mapping) else f" cannot be {first['input']!r}"
    raise RecipeError(f"study: {place}{found}: {first['msg'].removeprefix('Value error, ')}")


def arm_recipe(study: Study, name: str, seed: int = 0) -> Recipe:
    """The recipe of an arm for one of the study's seeds.

    An arm that names a seed of its own keeps it, on top of the study's, and is no longer paired with the others.
    """
    arm = study.all_arms[name]
    recipe = load_recipe(str(arm.recipe or study.recipe), [*study.changes, *arm.changes])
    own = recipe.seed if any(split_change(change)[0] == "seed" for change in arm.changes) else 0
    return recipe.model_copy(update={"name": name, "seed": seed + own})


def differences_of(base: Recipe, arm: Recipe) -> dict[str, tuple[Any, Any]]:
    """The fields in which an arm's recipe differs from the base's: (base's, arm's) value by dotted key."""
    one, other = (dict(flat(each.model_dump(mode="json"))) for each in (base, arm))
    return {
        key: (one.get(key), other.get(key))
        for key in sorted({*one, *other} - {"name", "about"})
        if one.get(key) != other.get(key)
    }


def check_same_task(study: Study) -> None:
    """RecipeError where arms look for other things than the base, or not for what the metric is of."""
    base = arm_recipe(study, study.base)
    for name in study.all_arms:
        recipe = arm_recipe(study, name)
        if study.metric in OF_OBJECTS and recipe.outlining is None:
            raise RecipeError(
                f"study {study.name}: the metric is {study.metric}, but {name} outlines no objects; add "
                "picking.method=outlines to the changes of the study, or choose another metric"
            )
        differing = [key for key in differences_of(base, recipe) if key in TASK]
        if differing:
            raise RecipeError(
                f"study {study.name}: {name} differs from {study.base} in {', '.join(differing)}, which says what is "
                "looked for; all arms of a study look for the same, so make it a change of the study"
            )


def as_yaml(study: Study) -> str:
    """The whole study with every value."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def read_file(what: str, name: str, shipped: Mapping[str, Path]) -> dict[str, Any]:
    """The values in a shipped file, or in the one at a path; RecipeError for what is none. what: study or search.

    Recipes that lie beside the file get their whole path.
    """
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise RecipeError(
            f"there is no {what} {name!r}, neither shipped nor a file.{did_you_mean(name, shipped)}"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not readable YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected a {what} (key: value), found {type(values).__name__}")
    values.setdefault("name", path.stem)
    arms = values.get("arms")
    for holder in (values, *(arms.values() if isinstance(arms, dict) else ())):
        beside = path.parent / str(holder.get("recipe")) if isinstance(holder, dict) else path
        if beside != path and beside.is_file():
            holder["recipe"] = str(beside.absolute())
    return values


def at_size(values: dict[str, Any], name: str, size: str | None) -> dict[str, Any]:
    """The values with those of a size laid over them; without one, quick where there is that.

    RecipeError for a size that is not there, and for sizes that are none.
    """
    expected = "the values of each size by its name (quick: {key: value})"
    sizes = named(_values_of(values.pop(SIZES, None), f"{name}: sizes", expected), "a size")
    chosen = size or ("quick" if "quick" in sizes else None)
    if chosen is None:
        return values
    if chosen not in sizes:
        raise RecipeError(f"{name} has no size {chosen!r}.{did_you_mean(chosen, sizes or ['none'])}")
    return _merged(values, _values_of(sizes[chosen], f"{name}: the size {chosen}", "values (key: value)"))


def _values_of(value: Any, place: str, expected: str) -> Mapping[Any, Any]:
    """A mapping in a file, nothing being an empty one; RecipeError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise RecipeError(f"{place} cannot be {value!r}; expected {expected}")
    return value


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a size over others; lists of changes are added to, all else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if key == "changes":
            merged[key] = [*one_or_more(before), *one_or_more(value)]
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged
