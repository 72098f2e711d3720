"""The fairness audit: were the arms compared under equal conditions? Answered from what the runs left behind.

Every check compares each run with the base's run of the same fold and seed. Where they differ, and a field in which the
two recipes differ declares that it may change that (motes.fairness), the difference is listed as declared; every
other difference fails the check, and the report is marked. Seeds are never declared: chance is no treatment.
"""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motes.fairness import CHECKS, SEEDS, Check, changed_by
from motes.figures.study_results import AuditRow
from motes.jobs.cost import SUMMARY
from motes.jobs.manifest import MANIFEST
from motes.jobs.run_record import METRICS, SHOWN, read_lines, read_record
from motes.jobs.training_report import read_summary
from motes.nets.build import NETS
from motes.recipe import Recipe
from motes.recipe_file import flat, load_recipe
from motes.study.folder import Unit
from motes.train.shown import chained

DIGITS = 10  # of a hash that a person is shown
MOST = 8  # differences that are told of one check
APART = ("name", "about")  # what a recipe is called


@dataclass(frozen=True)
class RunFacts:
    """What one run left behind.

    recipe: by dotted key. images: (part, hash of pixels and labels). starts: a record of each start. rows: of
    metrics.jsonl. summary: of summary.json.
    """

    unit: Unit
    recipe: Mapping[str, Any]
    images: Sequence[tuple[str, str]]
    shown: Sequence[Mapping[str, Any]]
    weights: Mapping[str, str]
    starts: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]


@dataclass(frozen=True)
class Difference:
    """Two runs that differ in what a check is about. where: in words. declared_by: the fields that may change it."""

    where: str
    declared_by: tuple[str, ...] = ()


@dataclass
class _Found:
    """What a check has found so far, over all pairs of runs."""

    evidence: dict[str, None] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)


def read_facts(run: Path, unit: Unit) -> RunFacts | None:
    """What the folder of a run that has ended records; None where records are missing."""
    record, shown = read_record(run), read_lines(run / SHOWN)
    places = (run / MANIFEST, run / SUMMARY, run / "recipe.yaml")
    if record is None or not shown or not all(place.is_file() for place in places):
        return None
    return RunFacts(
        unit=unit,
        recipe=_comparable(load_recipe(str(run / "recipe.yaml"))),
        images=[(row["part"], row["sha256"]) for row in manifest_rows(run)],
        shown=shown,
        weights=record["initial_weights"],
        starts=record["starts"],
        rows=read_lines(run / METRICS),
        summary=read_summary(run),
    )


def manifest_rows(run: Path) -> list[dict[str, str]]:
    """The rows of RUN/data.csv."""
    return list(csv.DictReader(io.StringIO((run / MANIFEST).read_text(encoding="utf-8"))))


def audit_runs(
    facts: Mapping[Unit, RunFacts | None], base: str, declared: Mapping[str, Sequence[str]]
) -> list[AuditRow]:
    """Every check over every pair of runs: an arm's and the base's of the same fold and seed.

    facts: of the trainings that have ended. declared: for each arm the fields in which its recipe is meant to differ
    from the base's.
    """
    pairs = [
        (known, facts.get(Unit(base, unit.fold, unit.seed)))
        for unit, known in facts.items()
        if unit.arm != base
    ]
    complete = [(arm, other) for arm, other in pairs if arm is not None and other is not None]
    unknown = len(pairs) - len(complete)
    known = [each for each in facts.values() if each is not None]
    return [
        *(_row(check, CHECKS[check], _compared(check, complete), unknown) for check in CHECKS),
        _row("seeds", "the same seeds", _seeds(complete), unknown),
        _row(
            "recipe", "recipes that differ in the declared fields only", _recipes(complete, declared), unknown
        ),
        _row("repeats", "runs of an arm that differ in fold and seed only", _repeats(known), unknown),
        _row("rule", "the epoch kept, and the end, by the rule of the recipe", _rules(known), unknown),
        _row("versions", "the same code and library versions in all runs", _versions(known), unknown),
    ]


def _row(check: str, words: str, found: _Found, unknown: int) -> AuditRow:
    undeclared = [each for each in found.differences if not each.declared_by]
    shown = undeclared or found.differences
    compared = bool(found.evidence) and not unknown
    outcome = "failed" if undeclared else "declared" if found.differences else "same"
    if not undeclared and not compared:
        outcome = "unknown"
    where = [each.where for each in shown[:MOST]]
    if len(shown) > MOST:
        where.append(f"and {len(shown) - MOST} more")
    if unknown:
        where.append(
            f"{unknown} pairs of runs could not be compared, since a run is missing or left no record"
        )
    declared_by = sorted({name for each in found.differences for name in each.declared_by})
    return AuditRow(check, words, outcome, "; ".join(found.evidence) or "none", where, declared_by)


def _compared(check: Check, pairs: Sequence[tuple[RunFacts, RunFacts]]) -> _Found:
    found = _Found()
    compare = COMPARE[check]
    for arm, base in pairs:
        evidence, difference = compare(arm, base)
        found.evidence[f"{_place(arm.unit)}: {evidence}"] = None
        if difference:
            may = declaring(check, arm.recipe, base.recipe)
            where = f"{arm.unit.arm} and {base.unit.arm}, {_place(arm.unit)}: {difference}"
            found.differences.append(Difference(where, may))
    return found


def declaring(check: Check, one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of two recipes, by dotted key, for which they may differ in what a check is about."""
    differing = differing_fields(one, other)
    fields = [key for key in differing if check in changed_by(Recipe, key)]
    if (
        check == "weights"
        and "net.name" in differing
        and any(NETS[each["net.name"]].own_weights for each in (one, other))
    ):
        fields.append("net.name")  # a borrowed net draws its weights in its own way
    if check in ("order", "places") and one["sampling.hard"] and other["sampling.hard"]:
        fields.append("sampling.hard")  # each net is shown again what it got wrong itself
    if check == "steps" and one["training.patience"] and other["training.patience"]:
        fields.append("training.patience")  # each net stops when it no longer improves itself
    return tuple(sorted(set(fields)))


def differing_fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The dotted keys in which two recipes differ, in order."""
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def _seeds(pairs: Sequence[tuple[RunFacts, RunFacts]]) -> _Found:
    """Seeds decide what is drawn: arms that differ in one are not paired, and nothing can declare that."""
    found = _Found()
    for arm, base in pairs:
        words = ", ".join(f"{name} {base.recipe[name]}" for name in SEEDS)
        found.evidence[f"{_place(base.unit)}: {words}"] = None
        for name in SEEDS:
            if arm.recipe[name] != base.recipe[name]:
                where = f"{arm.unit.arm} and {base.unit.arm}, {_place(arm.unit)}"
                told = f"{where}: {name} is {arm.recipe[name]}, not {base.recipe[name]}"
                found.differences.append(Difference(told))
    return found


def _recipes(pairs: Sequence[tuple[RunFacts, RunFacts]], declared: Mapping[str, Sequence[str]]) -> _Found:
    found = _Found()
    for arm, base in pairs:
        differing = differing_fields(arm.recipe, base.recipe)
        found.evidence[f"{arm.unit.arm} differs in {', '.join(differing) or 'nothing'}"] = None
        undeclared = sorted(set(differing) - (set(declared[arm.unit.arm]) - set(SEEDS)))
        if undeclared:
            where = f"{arm.unit.arm}, {_place(arm.unit)}: undeclared {', '.join(undeclared)}"
            found.differences.append(Difference(where))
    return found


def _repeats(runs: Sequence[RunFacts]) -> _Found:
    """Each run of an arm against its first: the recipe but for the seed, and in one fold the images."""
    found = _Found()
    first_of: dict[str, RunFacts] = {}
    in_fold: dict[int, RunFacts] = {}
    for run in runs:
        first, other = first_of.setdefault(run.unit.arm, run), in_fold.setdefault(run.unit.fold, run)
        own = [value for key, value in sorted(run.recipe.items()) if key != "seed"]
        found.evidence[f"{run.unit.arm}: recipe {_digest(own)}"] = None
        differing = [key for key in differing_fields(run.recipe, first.recipe) if key != "seed"]
        if differing:
            told = f"{run.unit.item} differs from {first.unit.item} in {', '.join(differing)}"
            found.differences.append(Difference(told))
        if set(run.images) != set(other.images):
            found.differences.append(Difference(f"{run.unit.item} has other images than {other.unit.item}"))
    return found


def _rules(runs: Sequence[RunFacts]) -> _Found:
    """What a run did against what its recipe says: the epoch whose weights it kept, and when it ended."""
    found = _Found()
    for run in runs:
        rows = [row for row in run.rows if row.get(run.summary["watched"]) is not None]
        best = max(rows, key=lambda row: row[run.summary["watched"]])["epoch"] if rows else None
        epochs, kept = len(run.shown), run.summary["model_epoch"]
        expected = best if run.recipe["training.keep"] == "best" and best else epochs
        found.evidence[f"{run.unit.item}: {epochs} epochs, kept {kept}"] = None
        if kept != expected:
            found.differences.append(Difference(f"{run.unit.item}: kept epoch {kept}, not {expected}"))
        if epochs != run.recipe["training.epochs"] and not run.summary["stopped"]:
            told = f"{epochs} of {run.recipe['training.epochs']} epochs, with no reason to stop"
            found.differences.append(Difference(f"{run.unit.item}: {told}"))
    return found


def _versions(runs: Sequence[RunFacts]) -> _Found:
    """The versions of every start of every run against those of the first."""
    found = _Found()
    used = [
        (run.unit.item, {**start["versions"], "code": start["code"][:DIGITS]})
        for run in runs
        for start in run.starts
    ]
    for item, own in used:
        found.evidence[", ".join(f"{name} {version}" for name, version in own.items())] = None
        first = used[0][1]
        differing = [name for name in {**first, **own} if own.get(name) != first.get(name)]
        if differing:
            told = ", ".join(f"{name} {own.get(name)}, not {first.get(name)}" for name in differing)
            found.differences.append(Difference(f"{item}: {told}"))
    return found


def _images(arm: RunFacts, base: RunFacts) -> tuple[str, str]:
    counts = ", ".join(f"{sum(p == part for p, _ in base.images)} {part}" for part in ("train", "validation"))
    others = len(set(arm.images) ^ set(base.images))
    difference = "" if list(arm.images) == list(base.images) else f"{others} images, or their order, differ"
    return f"{counts}, {_digest(base.images)}", difference


def _sequence(name: str) -> Callable[[RunFacts, RunFacts], tuple[str, str]]:
    """Compare the hashes of the epochs that both runs have."""

    def compare(arm: RunFacts, base: RunFacts) -> tuple[str, str]:
        both = list(zip(arm.shown, base.shown, strict=False))
        differing = [line["epoch"] for line, other in both if line[name] != other[name]]
        evidence = f"{len(both)} epochs, {_digest([other[name] for _, other in both])}"
        return evidence, f"from epoch {differing[0]} on" if differing else ""

    return compare


def _steps(arm: RunFacts, base: RunFacts) -> tuple[str, str]:
    one, other = (sum(line["steps"] for line in run.shown) for run in (arm, base))
    return f"{other} steps", "" if one == other else f"{one} steps, not {other}"


def _weights(arm: RunFacts, base: RunFacts) -> tuple[str, str]:
    """Weights of one name and shape are of a layer that both nets have."""
    shared = [
        name
        for name, value in base.weights.items()
        if name in arm.weights and arm.weights[name].split()[0] == value.split()[0]
    ]
    if not shared:
        return f"no layer in common with {arm.unit.arm}", ""
    differing = [name for name in shared if arm.weights[name] != base.weights[name]]
    evidence = (
        f"{len(shared)} weights shared with {arm.unit.arm}, which has {len(arm.weights) - len(shared)} of its own, "
        f"{_digest([base.weights[name] for name in shared])}"
    )
    return (
        evidence,
        f"{len(differing)} of {len(shared)} differ, the first is {differing[0]}" if differing else "",
    )


def _fields(*keys: str) -> Callable[[RunFacts, RunFacts], tuple[str, str]]:
    """Compare fields of the recipes as the runs recorded them; a key that ends with a dot is a whole section."""

    def compare(arm: RunFacts, base: RunFacts) -> tuple[str, str]:
        chosen = [key for key in base.recipe if key in keys or key.rpartition(".")[0] + "." in keys]
        evidence = ", ".join(f"{key} {base.recipe[key]}" for key in chosen)
        differing = [key for key in chosen if arm.recipe.get(key) != base.recipe[key]]
        told = ", ".join(f"{key} is {arm.recipe.get(key)}, not {base.recipe[key]}" for key in differing)
        return evidence, told

    return compare


def _device(arm: RunFacts, base: RunFacts) -> tuple[str, str]:
    """All starts of a run, and those of both, on one kind of machine."""
    names = ("device", "precision", "compile", "processes", "threads", "machine")
    kinds = {tuple(start[name] for name in names): None for run in (base, arm) for start in run.starts}
    words = [", ".join(f"{n} {value}" for n, value in zip(names, kind, strict=True)) for kind in kinds]
    return words[0], " / ".join(words) if len(words) > 1 else ""


COMPARE: Mapping[Check, Callable[[RunFacts, RunFacts], tuple[str, str]]] = {
    "images": _images,
    "order": _sequence("order"),
    "places": _sequence("places"),
    "draws": _sequence("draws"),
    "steps": _steps,
    "weights": _weights,
    "stopping": _fields(
        "training.epochs", "training.patience", "training.watch", "training.validate_every", "training.keep"
    ),
    "threshold": _fields("goal", "picking.", "splitting.", "keeping.", "start", "labels"),
    "device": _device,
}


def _comparable(recipe: Recipe) -> dict[str, Any]:
    values = flat(recipe.model_dump(mode="json"))
    return {key: value for key, value in values if key not in APART}


def _place(unit: Unit) -> str:
    return f"fold {unit.fold}, seed {unit.seed}"


def _digest(values: Sequence[Any]) -> str:
    """The beginning of a hash over several values."""
    joined = ""
    for value in values:
        joined = chained(joined, str(value))
    return joined[:DIGITS]
