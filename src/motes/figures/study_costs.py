"""The tables of what arms cost, and of what they gain for it."""

from collections.abc import Callable, Mapping

from motes.figures.run_tables import duration, quantity
from motes.figures.study_results import Arm, StudyResults
from motes.figures.study_tables import Cell, Row, Table, by_ensemble, find_arm, numbers, value_of, words
from motes.figures.study_words import UNKNOWN, change, metric_words, percent, signed


def _exact(number: float) -> str:
    return f"{number:,.0f}"


def _operations(number: float) -> str:
    return f"{quantity(number)}FLOP"


def _bytes(number: float) -> str:
    return f"{quantity(number)}B"


COSTS: Mapping[str, tuple[str, Callable[[float], str]]] = {
    "parameters": ("parameters", _exact),
    "operations": ("operations", _operations),
    "training_seconds": ("training time", duration),
    "seconds_per_image": ("time per image", duration),
    "peak_memory": ("peak memory", _bytes),
}


def cost_table(results: StudyResults) -> Table:
    """What each arm costs, and how that differs from the base."""
    base = find_arm(results, results.base)

    def row(arm: Arm) -> Row:
        costs = [_cost_cell(arm, base, key) for key in COSTS]
        return [arm.name, str(arm.cost.members), *costs]

    meanings = [
        ("nets", "how many predict together"),
        ("operations", "of one forward pass over one crop"),
        ("training time", "of one run, validation not counted"),
        ("time per image", "to predict one test image"),
        ("below each", f"the difference to the base, {results.base}, and that as a part of the base's cost"),
    ]
    heads = [*words("arm"), *numbers("nets", *(name for name, _ in COSTS.values()))]
    return Table(heads, by_ensemble(results.arms, row), meanings)


def _cost_cell(arm: Arm, base: Arm | None, key: str) -> Cell:
    value: float | None = getattr(arm.cost, key)
    if value is None:
        return "not measured"
    written = COSTS[key][1]
    absolute, relative = change(getattr(base.cost, key) if base else None, value)
    if arm is base or absolute is None:
        return written(value)
    if not absolute:
        return written(value), "no change"
    return written(value), f"{'+' if absolute > 0 else '−'}{written(abs(absolute))}", percent(relative)


def gain_table(results: StudyResults, metric: str) -> Table:
    """The relative gain in a metric over the relative cost that it took."""
    base = find_arm(results, results.base)

    def row(arm: Arm) -> Row:
        gain = change(value_of(base, metric).value, value_of(arm, metric).value)[1] if base else None
        costs = [_relative_cost(arm, base, key) for key in COSTS]
        return [arm.name, percent(gain), *(_gain_over_cost(gain, cost) for cost in costs)]

    others = [arm for arm in results.arms if arm.name != results.base]
    heads = [
        *words("arm"),
        *numbers(f"gain in {metric_words(metric)}", *(f"over {name}" for name, _ in COSTS.values())),
    ]
    meaning = (
        "",
        f"The relative gain in {metric_words(metric)} divided by the relative rise of each cost: 0.5 means that 10 % "
        "more cost bring 5 % more. Below zero, one rose while the other fell. Undefined where the cost did not change "
        "or was not measured. Times change a little from run to run: over a small change of cost the quotient says "
        "little",
    )
    return Table(heads, by_ensemble(others, row), [meaning])


def _relative_cost(arm: Arm, base: Arm | None, key: str) -> float | None:
    return change(getattr(base.cost, key), getattr(arm.cost, key))[1] if base else None


def _gain_over_cost(gain: float | None, cost: float | None) -> str:
    return UNKNOWN if gain is None or not cost else signed(gain / cost, 3)
