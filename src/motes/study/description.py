"""A study as its file describes it: arms, data, division into parts, seeds, what is measured, what it may cost."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from motes.errors import RecipeError, did_you_mean
from motes.study.claims import Published, Trend
from motes.study.data_description import Division, Simulated

ARM_NAME = re.compile(r"\w[\w.-]*")
FEWEST_DENSITIES = 3  # of a series that a line is drawn through
EnsembleKind = Literal["seeds", "arms", "snapshots"]
METRICS = (
    "f1",
    "precision",
    "recall",
    "average_precision",
    "pixel_f1",
    "pixel_precision",
    "pixel_recall",
    "pixel_iou",
    "pixel_auc",
    "f4",
    "czii",
    "object_f1",
)
OF_CLASSES = ("f4", "czii")  # of METRICS, those of several classes together; other studies do without
OF_OBJECTS = ("object_f1",)  # of METRICS, those of nets that give outlines; other studies do without
ERRORS = ("object_count_error",)  # beside METRICS, of nets that outline: 0 is best, so none decides


def one_or_more(value: Any) -> Sequence[Any]:
    """Changes as a list: a single one may stand without brackets, and nothing means none.

    RecipeError for what is neither a word nor a list.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise RecipeError(
            f"changes cannot be {value!r}; expected key=value, or a list of such words: "
            "[net.width=8, training.epochs=20]"
        )
    return value


def named(values: Any, what: str) -> Any:
    """A mapping with its names as words: 16 is a name, but on and off are true and false to YAML."""
    if not isinstance(values, Mapping):
        return values
    for name in values:
        if isinstance(name, bool):
            raise RecipeError(
                f"study: {what} is called {name}: YAML reads on, off, yes and no so; put the name in quotes"
            )
    return {str(name): value for name, value in values.items()}


Changes = Annotated[tuple[str, ...], BeforeValidator(one_or_more)]


class Arm(BaseModel):
    """One way to train a net: a recipe and changes of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: str | None = Field(None, description="name or file; by default the study's own")
    changes: Changes = Field((), description="words such as net.name=attention_unet, as for motes train")
    about: str = Field("", description="one sentence for people")
    guessed: tuple[float, float] | None = Field(
        None,
        description="gain expected before anything was measured, in points of 100 of the metric: from, to",
    )


class Pilot(BaseModel):
    """Short trainings of the first two arms, from which the study learns what difference it could detect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: int = Field(2, ge=2, description="trainings of each of the two arms")
    share: float = Field(0.25, gt=0, le=1, description="of the epochs of a whole training")


class Budget(BaseModel):
    """What a study may cost before it has to be asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: float | None = Field(
        None, gt=0, description="of this machine; a study that needs more does not start"
    )


class Study(BaseModel):
    """An experiment: arms x folds x seeds on the same data, measured on images kept for the end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="what the study is called; by default the name of the file")
    question: str = Field(description="what it is to find out")
    about: str = Field("", description="where the question comes from, for the reader")
    recipe: str | None = Field(None, description="of every arm that names none")
    changes: Changes = Field((), description="changes for every arm, before its own")
    arms: dict[str, Arm] = Field({}, description="by name")
    factors: dict[str, dict[str, Changes]] = Field(
        {},
        description="a factorial design in place of arms: for each factor its levels, for each level the changes "
        "that make it; the arms are all combinations, named gate-32",
    )
    combinations: dict[str, Changes] = Field(
        {}, description="of a factorial: by arm, changes of that combination alone, after those of its levels"
    )
    ladder: tuple[str, ...] = Field(
        (), description="arms whose changes are also tried together, one more at each step, after the base"
    )
    base: str = Field(description="the arm that others are compared with")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1, description="each arm is trained once with each")
    division: Division = Division()
    data: Simulated | None = Field(
        None, description="simulated data; without it a table is given with --data"
    )
    metric: str = Field("f1", description="the one that decides: " + ", ".join(METRICS))
    target: float | None = Field(None, description="drawn as a line in the report: what is to be reached")
    previous: float | None = Field(None, description="drawn as a line: the best before")
    published: Published | None = Field(None, description="what others found with the same arms")
    trend: Trend | None = Field(
        None, description="a rule to put to the test, of a study with data.beads.densities"
    )
    ensembles: tuple[EnsembleKind, ...] = Field((), description="nets that predict together, as extra rows")
    pilot: Pilot | None = Field(
        Pilot(), description="null: none, and nothing is said of what can be detected"
    )
    budget: Budget = Budget()

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted_seeds(cls, value: Any) -> Any:
        """A number n of seeds stands for 0 to n - 1."""
        return tuple(range(value)) if isinstance(value, int) else value

    @field_validator("arms", mode="before")
    @classmethod
    def _plain_arms(cls, value: Any) -> Any:
        """An arm without anything of its own may be left empty."""
        arms = named(value, "an arm")
        return {name: arm or {} for name, arm in arms.items()} if isinstance(arms, Mapping) else arms

    @field_validator("factors", mode="before")
    @classmethod
    def _plain_levels(cls, value: Any) -> Any:
        factors = named(value, "a factor")
        if not isinstance(factors, Mapping):
            return factors
        return {name: named(levels, f"a level of {name}") for name, levels in factors.items()}

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, metric: str) -> str:
        if metric not in METRICS:
            raise RecipeError(f"study: there is no metric {metric!r}.{did_you_mean(metric, METRICS)}")
        return metric

    @model_validator(mode="after")
    def _parts_fit(self) -> "Study":
        if bool(self.arms) == bool(self.factors):
            found = "both" if self.arms else "neither"
            raise RecipeError(f"study {self.name}: expected either arms or factors, found {found}")
        _check_ladder(self)
        for name in (self.base, *self.ladder):
            if name not in self.all_arms:
                raise RecipeError(
                    f"study {self.name}: there is no arm {name!r}.{did_you_mean(name, self.all_arms)}"
                )
        _check_arms(self)
        _check_published(self)
        _check_series(self)
        repeated = {seed for seed in self.seeds if self.seeds.count(seed) > 1}
        if repeated:
            raise RecipeError(f"study {self.name}: the seed {repeated.pop()} stands twice in seeds")
        return self

    @property
    def all_arms(self) -> dict[str, Arm]:
        """Every arm by its name, those of a factorial and the steps of the ladder included."""
        arms = dict(self.arms) or {
            name: Arm(changes=(*self._changes_of(levels), *self.combinations.get(name, ())))
            for levels in self._combinations()
            for name in ["-".join(levels)]
        }
        for number in range(2, len(self.ladder) + 1):
            together = [arms[name] for name in self.ladder[:number]]
            arms[step_name(self.ladder, number)] = Arm(
                changes=tuple(change for arm in together for change in arm.changes),
                about=f"{' + '.join(self.ladder[:number])}",
            )
        return arms

    @property
    def levels(self) -> dict[str, dict[str, str]]:
        """For each arm of a factorial the level of each factor; empty for other designs."""
        return {
            "-".join(levels): dict(zip(self.factors, levels, strict=True)) for levels in self._combinations()
        }

    @property
    def steps(self) -> list[str]:
        """The arms of the ladder: the base, then one with one change more at a time."""
        if not self.ladder:
            return []
        return [self.base, *(step_name(self.ladder, number) for number in range(1, len(self.ladder) + 1))]

    def _combinations(self) -> list[tuple[str, ...]]:
        return list(product(*self.factors.values())) if self.factors else []

    def _changes_of(self, levels: tuple[str, ...]) -> tuple[str, ...]:
        chosen = zip(self.factors.values(), levels, strict=True)
        return tuple(change for factor, level in chosen for change in factor[level])


def _check_ladder(study: Study) -> None:
    """RecipeError for steps that are no arms, or that change nothing."""
    for name in study.ladder:
        if name not in study.arms:
            raise RecipeError(
                f"study {study.name}: there is no arm {name!r}.{did_you_mean(name, study.arms)}"
            )
        if name == study.base:
            raise RecipeError(
                f"study {study.name}: the ladder begins at the base, {name}, by itself; leave it out of the ladder"
            )


def _check_arms(study: Study) -> None:
    """RecipeError for names that cannot be those of files or mean two arms, and for arms without a recipe."""
    for name, arm in study.all_arms.items():
        if not ARM_NAME.fullmatch(name):
            raise RecipeError(
                f"study {study.name}: an arm is called {name!r}; its name is that of files too, so use letters, "
                "digits, and the signs _ . - only"
            )
        if arm.recipe is None and study.recipe is None:
            raise RecipeError(f"study {study.name}: the arm {name} has no recipe; give it one, or the study")
    expected = math.prod(len(levels) for levels in study.factors.values()) if study.factors else 0
    if study.factors and len(study.all_arms) != expected:
        raise RecipeError(
            f"study {study.name}: two combinations of levels have one name; use no - in names of levels"
        )
    for name in study.combinations:
        if name not in study.levels:
            raise RecipeError(
                f"study {study.name}: combinations has changes of {name!r}, which is no combination of levels."
                f"{did_you_mean(name, study.levels)}"
            )
    clash = set(study.steps[2:]) & set(study.arms)
    if clash:
        raise RecipeError(
            f"study {study.name}: {clash.pop()} is the name of a step of the ladder; call the arm otherwise"
        )
    other = [name for name in study.ladder if study.arms and study.arms[name].recipe is not None]
    if other:
        raise RecipeError(
            f"study {study.name}: {other[0]} has a recipe of its own, so its changes cannot be added up in the ladder; "
            "write them as changes of the study's recipe"
        )


def _check_published(study: Study) -> None:
    """RecipeError for published numbers of arms that the study does not have."""
    if study.published is None:
        return
    published = study.published
    for name in (*published.values, *published.minutes, *published.epochs, *published.stability):
        if name not in study.all_arms:
            raise RecipeError(
                f"study {study.name}: published has numbers of {name!r}, which is no arm."
                f"{did_you_mean(name, study.all_arms)}"
            )


def _check_series(study: Study) -> None:
    """RecipeError for a series of densities that is divided otherwise, and for a rule without such a series."""
    densities = study.data.densities if study.data else ()
    if densities and (study.division.kind != "hold_out" or study.division.samples > 1):
        raise RecipeError(
            f"study {study.name}: data.beads.densities makes a division of each density, so leave division.kind at "
            "hold_out and division.samples at 1"
        )
    if study.trend is not None and len(densities) < FEWEST_DENSITIES:
        raise RecipeError(
            f"study {study.name}: trend asks how a value changes with the number of objects, and data.beads.densities "
            f"names {len(densities)} densities; name {FEWEST_DENSITIES} or more"
        )


def step_name(ladder: tuple[str, ...], number: int) -> str:
    """The arm that has the first `number` changes of a ladder: the first step is that arm itself."""
    return ladder[0] if number == 1 else f"up_to_{ladder[number - 1]}"
