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
from motes.study.description import Study

SIZES = "sizes"


def shipped_studies() -> dict[str, Path]:
    """The studies inside the package, by name."""
    folder = Path(str(resources.files("motes") / "studies"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_study(name: str, size: str | None = None, changes: Sequence[str] = ()) -> Study:
    """A study by its name or the path of a YAML file, at a size, with changes for every arm.

    size: one of those in the file, by default quick where it has sizes. Raises RecipeError for what cannot be read,
    and for an arm whose recipe cannot be.
    """
    values = _read(name)
    sizes = values.pop(SIZES, None) or {}
    if size is None and "quick" in sizes:
        size = "quick"
    if size is not None:
        if size not in sizes:
            raise RecipeError(
                f"the study {name} has no size {size!r}.{did_you_mean(size, sizes or ['none'])}"
            )
        values = _merged(values, sizes[size] or {})
    values["changes"] = [*(values.get("changes") or ()), *changes]
    study = check_study(values)
    for arm in study.all_arms:
        arm_recipe(study, arm)
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


def declared_differences(study: Study, name: str) -> dict[str, tuple[Any, Any]]:
    """The fields in which an arm differs from the base, as the study's file declares it: (base's, arm's) value."""
    base, arm = (dict(flat(arm_recipe(study, each).model_dump(mode="json"))) for each in (study.base, name))
    return {
        key: (base.get(key), arm.get(key))
        for key in sorted({*base, *arm} - {"name", "about"})
        if base.get(key) != arm.get(key)
    }


def as_yaml(study: Study) -> str:
    """The whole study with every value."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _read(name: str) -> dict[str, Any]:
    shipped = shipped_studies()
    path = shipped.get(name, Path(name))
    if not path.is_file():
        raise RecipeError(
            f"there is no study {name!r}, neither shipped nor a file.{did_you_mean(name, shipped)}"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not readable YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected a study (key: value), found {type(values).__name__}")
    values.setdefault("name", path.stem)
    for holder in (values, *(values.get("arms") or {}).values()):
        if holder and holder.get("recipe") and (path.parent / str(holder["recipe"])).is_file():
            holder["recipe"] = str((path.parent / str(holder["recipe"])).absolute())
    return values


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a size over those of the study; lists of changes are added to, all else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        if key == "changes":
            merged[key] = [*(before or ()), *value]
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged
