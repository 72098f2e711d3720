"""The tables of a study's page: what their cells say, and what their columns mean."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

from motes.figures.pages import counted, shown
from motes.figures.study_results import Arm, FailureRow, Interval, ManifestRow, StudyResults
from motes.figures.study_words import metric_words, value_range

Cell = str | tuple[str, ...]  # what it says; or that, and lines that stand below it in small letters
Row = Sequence[Cell]
Item = TypeVar("Item")

COLUMNS = 6  # of numbers, that fit beside the name of an arm on paper
NOT_KNOWN = Interval(float("nan"), float("nan"), float("nan"))
PARTS = {"train": "training"}


@dataclass(frozen=True)
class Table:
    """What a table says.

    heads: (name, whether its column holds numbers). groups: the title of some rows ('' for none), and these rows.
    meanings: (column, what it means); a column of '' for what concerns them all.
    """

    heads: Sequence[tuple[str, bool]]
    groups: Sequence[tuple[str, Sequence[Row]]]
    meanings: Sequence[tuple[str, str]] = ()

    @property
    def rows(self) -> list[Row]:
        """All rows, in order."""
        return [row for _, rows in self.groups for row in rows]


@dataclass(frozen=True)
class Figure:
    """An SVG, what it is for those who cannot see it, and what is written below it."""

    svg: str
    label: str
    caption: str


def words(*names: str) -> list[tuple[str, bool]]:
    """Heads of columns of words."""
    return [(name, False) for name in names]


def numbers(*names: str) -> list[tuple[str, bool]]:
    """Heads of columns of numbers."""
    return [(name, True) for name in names]


def metric_order(results: StudyResults) -> list[str]:
    """All metrics, the one that decides first."""
    return [results.metric, *(metric for metric in results.metrics if metric != results.metric)]


def value_of(arm: Arm, metric: str) -> Interval:
    """The value of an arm, nan where it has none."""
    return arm.values.get(metric, NOT_KNOWN)


def find_arm(results: StudyResults, name: str) -> Arm | None:
    """The arm of that name, None where there is none."""
    return next((arm for arm in results.arms if arm.name == name), None)


def arm_tables(results: StudyResults) -> list[Table]:
    """The mean of each metric by arm with its interval, in as many tables as fit on paper."""
    first, *more = _even_parts(metric_order(results))
    meanings = [
        (
            "runs",
            "how many trained nets, or ensembles of these, were examined: each from other seeds or on other images",
        ),
        (
            "the others",
            "the mean over runs and test images; below it the range that holds the true mean in 95 of 100 such "
            "studies (95 % interval). All run from 0 (useless) to 1 (perfect), but of an error 0 is perfect. Whether "
            "two arms differ is not read off here but from the comparisons below",
        ),
    ]
    tables = [_arm_table(results, first, True), *(_arm_table(results, metrics, False) for metrics in more)]
    return [*tables[:-1], replace(tables[-1], meanings=meanings)]


def _arm_table(results: StudyResults, metrics: Sequence[str], with_runs: bool) -> Table:
    names = [metric_words(metric) + (" (decides)" if metric == results.metric else "") for metric in metrics]

    def row(arm: Arm) -> Row:
        about = "; ".join(filter(None, ["the base" if arm.name == results.base else "", arm.about]))
        runs = (str(arm.runs), f"{len(arm.failed)} failed" if arm.failed else "")
        values = [value_of(arm, metric) for metric in metrics]
        return [
            (arm.name, about),
            *([runs] if with_runs else []),
            *((shown(value.value), value_range(value)) for value in values),
        ]

    heads = [*words("arm"), *numbers(*(["runs"] if with_runs else []), *names)]
    return Table(heads, by_ensemble(results.arms, row))


def by_ensemble(arms: Iterable[Arm], row: Callable[[Arm], Row]) -> list[tuple[str, list[Row]]]:
    """Rows of single nets, then those of ensembles set apart."""
    arms = list(arms)
    nets = [row(arm) for arm in arms if not arm.ensemble]
    ensembles = [row(arm) for arm in arms if arm.ensemble]
    return [("", nets)] + (
        [("Ensembles: several nets that predict together", ensembles)] if ensembles else []
    )


def _even_parts(names: Sequence[Item]) -> list[Sequence[Item]]:
    """As few parts as hold at most COLUMNS each, of about the same size."""
    parts = max(1, -(-len(names) // COLUMNS))
    ends = [number * len(names) // parts for number in range(parts + 1)]
    return [names[first:last] for first, last in pairwise(ends)]


def failed_runs(arms: Sequence[Arm]) -> list[tuple[str, list[str]]]:
    """How many runs of an arm failed, in words, and the reasons, for each arm of which some did."""
    return [
        (f"{arm.name}: {counted(len(arm.failed), 'run')} failed", list(dict.fromkeys(arm.failed)))
        for arm in arms
        if arm.failed
    ]


def difference_table(results: StudyResults) -> Table:
    """What each arm declares to change."""
    rows = [
        [arm.name, "nothing: the base" if arm.name == results.base else ", ".join(arm.differs) or "nothing"]
        for arm in results.arms
    ]
    meaning = ("changes", "fields of the recipe that differ from the base, with their new values")
    return Table(words("arm", "changes"), [("", rows)], [meaning])


def stability_table(arms: Sequence[Arm], watched: str) -> Table | None:
    """How much validation still moved at the end; None where that is not known."""
    rows = [[arm.name, shown(arm.stability, 4)] for arm in arms if arm.stability is not None]
    meaning = (
        "spread",
        f"the standard deviation of {metric_words(watched)} on validation images over the last epochs of a run, as the "
        "mean over runs: the smaller, the less it matters which epoch is kept",
    )
    return (
        Table([*words("arm"), *numbers("spread over the last epochs")], [("", rows)], [meaning])
        if rows
        else None
    )


def worst_table(worst: Mapping[str, Sequence[tuple[str, str, float]]], metric: str) -> Table:
    """The images with the lowest values, by arm."""
    groups = [
        (arm, [[image, group, shown(value)] for image, group, value in rows]) for arm, rows in worst.items()
    ]
    meaning = ("", f"Of each arm the test images with the lowest {metric_words(metric)}, the lowest first")
    return Table([*words("image", "group"), *numbers(metric_words(metric))], groups, [meaning])


def failure_tables(arms: Sequence[Arm], failures: Sequence[FailureRow]) -> list[Table]:
    """Recall of each arm among the particles of each kind, in as many tables as fit on paper."""
    return [_failure_table(arms, some) for some in _even_parts(failures) if some]


def _failure_table(arms: Sequence[Arm], failures: Sequence[FailureRow]) -> Table:
    rows = [
        [arm.name, *(shown(row.recall[number] if number < len(row.recall) else None) for row in failures)]
        for number, arm in enumerate(arms)
        if any(number < len(row.recall) for row in failures)
    ]
    heads = [
        *words("arm"),
        *numbers(*(f"{row.kind} ({counted(row.particles, 'particle')})" for row in failures)),
    ]
    recall = ("", "Recall: the part of the true particles of each kind that is found")
    return Table(heads, [("", rows)], [recall, *((row.kind, row.words) for row in failures)])


def manifest_table(manifest: Sequence[ManifestRow]) -> Table:
    """The images by group and part, and by fold where there are several."""
    folds = any(row.fold >= 0 for row in manifest)
    rows = [
        [
            row.group,
            PARTS.get(row.part, row.part),
            *([str(row.fold)] if folds else []),
            f"{row.images:,}",
            "masks" if row.particles is None else f"{row.particles:,}",
        ]
        for row in manifest
    ]
    heads = [*words("group", "part"), *numbers(*(["fold"] if folds else []), "images", "particles")]
    torn = torn_groups(manifest)
    apart = (
        f"In two parts of the same division: {', '.join(torn)}"
        if torn
        else "No group has images in two parts of the same division"
    )
    return Table(heads, [("", rows)], [("", apart + (". A fold is one division" if folds else ""))])


def torn_groups(manifest: Sequence[ManifestRow]) -> list[str]:
    """The groups with images in two parts of the same division: what was learnt there may help in the test."""
    parts: dict[tuple[str, int], set[str]] = {}
    for row in manifest:
        parts.setdefault((row.group, row.fold), set()).add(row.part)
    return list(dict.fromkeys(group for (group, _), found in parts.items() if len(found) > 1))
