"""A search as its file describes it: a recipe, the fields whose good values are sought, data, how many trials."""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from motes.errors import RecipeError, did_you_mean
from motes.jobs.recipes import written
from motes.recipe import Recipe
from motes.recipe_file import flat, full_key, load_recipe
from motes.study.data_description import Division, Simulated
from motes.study.description import Changes, one_or_more
from motes.study.file import at_size, read_file

Values = Mapping[str, str]  # the values of a trial by their fields' dotted keys, as YAML writes them
DIGITS = 4  # of a number drawn from a range: enough for any training, and people can read them


class Sought(BaseModel):
    """Where the values of a field are sought: in a range, or among some choices."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    low: float | None = Field(None, allow_inf_nan=False, description="the lowest value of a range")
    high: float | None = Field(None, allow_inf_nan=False, description="the highest value of a range")
    log: bool = Field(False, description="as much time for 0.001 to 0.01 as for 0.01 to 0.1")
    choices: tuple[Any, ...] | None = Field(
        None, description="in place of a range: the values to choose from"
    )

    @field_validator("choices", mode="after")
    @classmethod
    def _numbers(cls, choices: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """YAML 1.1 takes 1e-3 for a word; people mean the number."""
        return None if choices is None else tuple(map(_as_number, choices))

    @property
    def ends(self) -> tuple[float, float]:
        """The lowest and the highest value of a range."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    @property
    def texts(self) -> tuple[str, ...]:
        """The choices, or the ends of the range, as YAML writes them."""
        return tuple(map(written, self.choices) if self.choices is not None else map(number_text, self.ends))

    def text_of(self, value: Any) -> str:
        """A value that was drawn, as YAML writes it; a number is rounded, and stays within the range."""
        if self.choices is not None or isinstance(value, int):
            return str(value)
        low, high = self.ends
        return number_text(min(max(float(f"{value:.{DIGITS}g}"), low), high))

    def holds(self, text: str) -> bool:
        """Whether a value is among the choices, or in the range."""
        if self.choices is not None:
            return text in self.texts
        try:
            return self.ends[0] <= float(text) <= self.ends[1]
        except ValueError:
            return False

    def check(self, key: str) -> None:
        """RecipeError where it is neither a range nor choices; key: of the field, for the message."""
        if self.choices is None and (self.low is None or self.high is None):
            raise RecipeError(f"search: space.{key} needs either low and high, or choices")
        if self.choices is not None and (self.low is not None or self.high is not None or self.log):
            raise RecipeError(f"search: space.{key} has both a range and choices; give one of the two")
        if self.choices is not None:
            if not self.choices:
                raise RecipeError(f"search: space.{key} has no choices; list at least one")
            return
        low, high = self.ends
        if low >= high:
            raise RecipeError(
                f"search: space.{key} goes from {low:g} to {high:g}; expected low to be less than high"
            )
        if self.log and low <= 0:
            raise RecipeError(
                f"search: space.{key} has log and begins at {low:g}; expected low above 0, or no log"
            )


class Search(BaseModel):
    """Trials of a recipe with other values of some fields, judged on validation images alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="what the search is called; by default the name of the file")
    question: str = Field(description="what it is to find out")
    about: str = Field("", description="where the question comes from, for the reader")
    recipe: str = Field(description="name or file")
    changes: Changes = Field((), description="of the recipe, for every trial")
    data: Simulated | None = Field(
        None, description="simulated data; without it a table is given with --data"
    )
    division: Division = Field(Division(), description="hold_out; the groups to test on are never read")
    seed: int = Field(
        0, ge=0, description="the values that are tried come from it; trainings have the recipe's"
    )
    trials: int = Field(20, ge=1, description="how many trainings")
    space: dict[str, Sought] = Field(min_length=1, description="fields of the recipe, and where to seek")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Search":
        if self.division.kind != "hold_out":
            raise RecipeError(
                f"search {self.name}: division.kind is {self.division.kind}; expected hold_out: all trials "
                "are judged on the same validation images"
            )
        if self.division.samples > 1:
            raise RecipeError(
                f"search {self.name}: division.samples is {self.division.samples}; a search looks at one validation "
                "set, so leave it at 1"
            )
        if self.data is not None and self.data.densities:
            raise RecipeError(
                f"search {self.name}: data.beads.densities are for studies; a search looks at images of one kind, so "
                "set data.world.beads"
            )
        for key, sought in self.space.items():
            sought.check(key)
        return self


def shipped_searches() -> dict[str, Path]:
    """The searches inside the package, by name."""
    folder = Path(str(resources.files("motes") / "searches"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_search(
    name: str, size: str | None = None, changes: Sequence[str] = (), trials: int | None = None
) -> Search:
    """A search by its name or the path of a YAML file, at a size, with changes of its recipe.

    size: one of those in the file, by default quick where it has sizes. trials: how many, in place of the file's.
    Raises RecipeError for what cannot be read, and for values that the recipe does not take.
    """
    values = at_size(read_file("search", name, shipped_searches()), name, size)
    values["changes"] = [*one_or_more(values.get("changes")), *changes]
    search = with_full_keys(check_search(values))
    check_space(search)
    return search if trials is None else search.model_copy(update={"trials": trials})


def check_search(values: Mapping[str, Any]) -> Search:
    """Validate a search; RecipeError names the field, what was found and what is allowed."""
    try:
        return Search.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    loc = first["loc"]
    place = ".".join(map(str, loc))
    if first["type"] == "extra_forbidden":
        sections: dict[Any, type[BaseModel]] = {"space": Sought, "data": Simulated, "division": Division}
        section = sections[loc[0]] if len(loc) > 1 else Search
        raise RecipeError(
            f"a search has no field {place!r}.{did_you_mean(str(loc[-1]), section.model_fields)}"
        )
    found = "" if isinstance(first["input"], Mapping) else f" cannot be {first['input']!r}"
    raise RecipeError(f"search: {place}{found}: {first['msg'].removeprefix('Value error, ')}")


def with_full_keys(search: Search) -> Search:
    """The search with each field under its whole key: net.dropout for dropout; RecipeError for unknown ones."""
    space: dict[str, Sought] = {}
    for key, sought in search.space.items():
        whole = full_key(key)
        if whole in space:
            raise RecipeError(f"search: {whole} stands twice in space; give it one range")
        if whole == "training.watch":
            raise RecipeError(
                "search: training.watch says by what trials are judged, so it cannot be in space; choose one "
                "with changes"
            )
        space[whole] = sought
    return search.model_copy(update={"space": space})


def check_space(search: Search) -> None:
    """See that the recipe takes each choice and both ends of each range; RecipeError names the one it refuses."""
    trial_recipe(search, {})
    for key, sought in search.space.items():
        for text in sought.texts:
            try:
                trial_recipe(search, {key: text})
            except RecipeError as error:
                raise RecipeError(f"search: space.{key}: {error}") from None


def trial_recipe(search: Search, values: Values, name: str | None = None) -> Recipe:
    """The recipe of a search with some values; name: in place of the recipe's own."""
    words = [f"{key}={text}" for key, text in values.items()]
    recipe = load_recipe(search.recipe, [*search.changes, *words])
    return recipe if name is None else recipe.model_copy(update={"name": name})


def own_values(search: Search) -> Values:
    """What the recipe itself says of the fields that are sought."""
    values = dict(flat(trial_recipe(search, {}).model_dump(mode="json")))
    return {key: written(values[key]) for key in search.space}


def whole_numbers(key: str) -> bool:
    """Whether a field of a recipe takes whole numbers only."""
    model: Any = Recipe
    *sections, name = key.split(".")
    for section in sections:
        model = model.model_fields[section].annotation
    annotation = model.model_fields[name].annotation
    kinds = {annotation, *get_args(annotation)}
    return int in kinds and float not in kinds


def number_text(value: float) -> str:
    """4 for 4.0, so that a field of whole numbers takes it; 0.25 as it is."""
    return str(int(value)) if value.is_integer() else repr(value)


def _as_number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def search_yaml(search: Search) -> str:
    """The whole search with every value."""
    return yaml.safe_dump(search.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
