"""Reading recipes: shipped ones and files, the changes of a command line, and what to say of a mistake."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from motes.errors import ModelError, RecipeError, did_you_mean
from motes.nets.description import NAMED
from motes.nets.model_file import ModelDescription, model_path, read_model_description
from motes.recipe import ParticleClass, Recipe

SHORT = {
    "loss": "loss.formula",
    "lr": "training.learning_rate",
    "depth": "net.depth",
}  # words for fields that are not the only ones of their last name
WEIGHTS_DEMAND = (
    "net",
    "working_diameter",
    "working_pixel_size",
    "normalisation",
    "target",
    "splitting.separator",
)
TAKEN_OVER = ("picking", "splitting", "keeping")  # from a model that training starts from, beside its demands
# What safe_load raises; all but the first where a tag or a date does not fit its value, as in !!int x.
UNREADABLE = (yaml.YAMLError, ValueError, LookupError, AttributeError)


def shipped_recipes() -> dict[str, Path]:
    """The recipes inside the package, by name."""
    folder = Path(str(resources.files("motes") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_recipe(name: str, changes: Sequence[str] = (), **fields: Any) -> Recipe:
    """A recipe by its name or the path of a YAML file, with changes.

    changes: words such as width=16 or training.epochs=5. fields: top-level values that are not None
    (diameter=..., start=...), as options of the command line give them. Raises ModelError where a model that the
    recipe starts from is needed to fill it in and cannot be read.
    """
    wanted = [_read_change(change) for change in changes]
    given = {key: value for key, value in fields.items() if value is not None}
    values = _standing_on_start(_read(name), {**dict(wanted), **given})
    for key, value in sorted(wanted, key=lambda each: each[0] != "net.name"):  # it sets others
        _put(values, key, value)
    values |= given
    check_against_start(values)
    return check_recipe(values)


def _standing_on_start(below: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What values that name a model to start from stand on: its demands, its way of picking, a short training.

    below: what they would stand on without it. Values that say all of this themselves, as RUN/recipe.yaml does, are
    read without the model.
    """
    start = said.get("start")
    if start in (None, "none"):
        return below
    short = fine_tuning_values()
    demanded = {key for key in leaf_keys() if {key, key.partition(".")[0]} & set(WEIGHTS_DEMAND)}
    filled_in = demanded | set(dict(flat(short)))
    if filled_in <= set(dict(flat(said))):
        return below
    description = read_model_description(model_path(str(start)))
    ways = {name: getattr(description, name) for name in TAKEN_OVER}
    taken_over = {name: way.model_dump(mode="json") for name, way in ways.items() if way is not None}
    return _merged(_merged(_merged(below, short), taken_over), demands(description))


def fine_tuning_values() -> dict[str, Any]:
    """What a training that starts from a model changes in the recipe that it is named in."""
    text = (resources.files("motes") / "fine_tuning.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text)
    return values


def demands(description: ModelDescription) -> dict[str, Any]:
    """The values of a recipe that the weights of a model were made for, as sections.

    What separates objects is among them: it is what the second map was trained to show, and without it there is none.
    """
    values: dict[str, Any] = {
        "net": description.net.model_dump(mode="json"),
        "working_diameter": description.working_diameter,
        "working_pixel_size": description.working_pixel_size,
        "normalisation": description.normalisation.model_dump(mode="json"),
        "splitting": {
            "separator": "none" if description.splitting is None else description.splitting.separator
        },
    }
    return values | {key: description.recipe[key] for key in ("target",) if key in description.recipe}


def check_against_start(values: Mapping[str, Any]) -> None:
    """RecipeError where the values of a recipe contradict what the weights of its start demand.

    Where that file is not there nothing is said: whoever wants the weights will see.
    """
    start = values.get("start")
    if start is None:
        return
    try:
        description = read_model_description(model_path(str(start)))
    except ModelError:
        return
    found = dict(flat(values))
    for key, wanted in flat(demands(description)):
        if key in found and found[key] != wanted:
            raise RecipeError(
                f"recipe: {key} is {found[key]}, but the weights of {start}, from which training starts, were made "
                f"with {wanted}; leave {key} out, or train without start"
            )
    classes = values.get("classes")
    count = len(classes) if isinstance(classes, list) else 1
    if count != len(description.classes):
        raise RecipeError(
            f"recipe: the number of classes is {count}, but {start}, from which training starts, was made for "
            f"{len(description.classes)} ({', '.join(description.classes)}); name as many in classes, or train "
            "without start"
        )


def check_recipe(values: Mapping[str, Any]) -> Recipe:
    """Validate a recipe; RecipeError names the field, what was found and what is allowed."""
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    loc, value = first["loc"], first["input"]
    if first["type"] == "extra_forbidden":
        raise RecipeError(_unknown_key(".".join(map(str, loc))))
    if first["type"] == "model_type" and loc[0] in _sections():
        raise RecipeError(_plain_section(str(loc[0]), value))
    found = "" if isinstance(value, Mapping) else f" cannot be {value!r}"
    place = f"{_key_at(loc)}{found}: ".removeprefix(": ")
    raise RecipeError(f"recipe: {place}{first['msg'].removeprefix('Value error, ')}")


def _key_at(loc: Sequence[int | str]) -> str:
    """The dotted key of a place in a recipe; what pydantic adds for each kind of value a field takes is left out."""
    names = {part for key in leaf_keys() for part in key.split(".")} | set(ParticleClass.model_fields)
    return ".".join(str(part) for part in loc if isinstance(part, int) or part in names)


def _plain_section(section: str, value: Any) -> str:
    """What is wrong with a plain value in place of a section, and which of its fields may have been meant."""
    model = Recipe.model_fields[section].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    fitting = [name for name in model.model_fields if _fits(model, name, value)]
    hint = f"Known: {', '.join(model.model_fields)}."
    if len(fitting) == 1:
        hint = f"Did you mean {section}.{fitting[0]}={value}?"
    return f"recipe: {section} cannot be {value!r}: it has fields of its own (key: value). {hint}"


def _fits(section: type[BaseModel], name: str, value: Any) -> bool:
    try:
        section.model_validate({name: value})
    except (ValidationError, RecipeError):
        return False
    return True


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested sections."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def split_change(change: str) -> tuple[str, str]:
    """('width', '16') from width=16; RecipeError for a word without =, which a shell's glob leaves behind."""
    key, equals, value = change.partition("=")
    if not equals:
        raise RecipeError(
            f"{change!r} is not a change of the recipe (key=value). If it belongs to a value with spaces, put the "
            "change in quotes: 'loss=bce + dice'. If it comes from a pattern such as *.mrc, put the pattern in "
            "quotes: --images 'folder/*.mrc'"
        )
    return key.strip(), value.strip()


def _read_change(change: str) -> tuple[str, Any]:
    """('net.width', 16) from width=16; RecipeError where there is no such field, or it is a whole section."""
    key, given = split_change(change)
    value = _read_value(change, given)
    if key == "name" and isinstance(value, str) and value in NAMED:
        raise RecipeError(f"name is what the run is called; did you mean net.name={value}?")
    if key in _sections() - set(SHORT):
        raise RecipeError(_plain_section(key, value))
    return full_key(key), value


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
    hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."
    return f"a recipe has no field {key!r}. {hint}"


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
    except UNREADABLE as error:
        raise RecipeError(f"{path} is not readable YAML: {error}") from None
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: expected a recipe (key: value), found {type(values).__name__}")
    _check_keys(path, values)
    # A section whose keys are all commented out is None to YAML, and means that nothing is changed in it.
    values = {key: value for key, value in values.items() if value is not None or key not in _sections()}
    values.setdefault("name", path.stem)
    base = values.pop("based_on", None)
    below = {} if base is None else _read(str(base), chain)
    return _merged(_standing_on_start(below, values), values)


def _check_keys(path: Path, values: Mapping[Any, Any], place: str = "") -> None:
    """RecipeError for a key that is no word, which YAML makes of 1: 2 and of yes: 2."""
    for key, value in values.items():
        if not isinstance(key, str):
            raise RecipeError(
                f"{path}: {place}{key} is no name of a field: expected a word that a recipe knows, as in "
                "net: {width: 16}"
            )
        if isinstance(value, Mapping):
            _check_keys(path, value, f"{place}{key}.")


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
            raise RecipeError(_plain_section(parent, values))
    if parents == ["net"]:
        _make_way(values, last, value)
    values[last] = None if value == "none" and _takes_none(key) else value


def _make_way(net: dict[str, Any], key: str, value: Any) -> None:
    """Remove what a net's new name, or its new list of widths, says in its own way.

    What the former name set goes too: a recipe with every value would else give the former net the new name.
    """
    replaced: set[str] = set()
    if key == "name":
        former = NAMED.get(str(net.get("name")), {})
        replaced = {*NAMED.get(str(value), {}), *(each for each in former if net.get(each) == former[each])}
    elif key == "widths" and isinstance(value, list):  # null leaves width and depth as they are
        replaced = {"width", "depth"}
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
    except UNREADABLE:
        raise RecipeError(f"cannot read the value in {change!r}") from None
    # YAML 1.1 takes 1e-3 for a word; people mean the number.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
