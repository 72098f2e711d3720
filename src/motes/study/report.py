"""From a study's folder to its report: the page, the same numbers as JSON, and every score as CSV."""

import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from motes.errors import RecipeError
from motes.figures.references import cited
from motes.figures.study_page import write_study_page
from motes.figures.study_results import FailureRow, ManifestRow, PublishedNumbers, StudyResults
from motes.jobs.cost import SUMMARY
from motes.jobs.history_table import training_summary, write_summaries
from motes.jobs.manifest import MANIFEST
from motes.jobs.run_record import library_versions, read_record
from motes.output import write_text
from motes.recipe import Recipe
from motes.recipe_file import flat, load_recipe
from motes.study.analysis import compare
from motes.study.audit import manifest_rows
from motes.study.description import Study
from motes.study.effects import effects_of, minutes_of, spreads_of, with_minutes
from motes.study.file import as_yaml, differences_of
from motes.study.folder import Folder, Unit, training_units
from motes.study.kinds import KINDS
from motes.study.pieces import recipe_of, settings_of
from motes.study.planning import read_plan
from motes.study.report_arms import arm_of, ensemble_of, summary_of
from motes.study.report_audit import audit_of
from motes.study.report_data import as_data, scores_table
from motes.study.report_images import side_by_side, worst
from motes.study.results import Results, read_results, recall_of_kinds
from motes.study.trend import trend_of
from motes.study.words import answer, caveats, method_of


def write_report(folder: Folder, study: Study, folds: int) -> Path:
    """Write report.html, results.json, scores.csv and trainings.csv from what has been done so far; the page's path."""
    results = read_results(study, folder, folds)
    page = page_of(folder, study, folds, results)
    write_text(folder.scores, scores_table(results))
    runs = [folder.run(unit) for unit in training_units(study, folds)]
    ended = [run for run in runs if (run / SUMMARY).is_file()]
    write_summaries(folder.trainings, training_summary(ended))
    write_text(folder.results, json.dumps(as_data(page), indent=1) + "\n")
    write_study_page(folder.report, page)
    return folder.report


def page_of(folder: Folder, study: Study, folds: int, results: Results) -> StudyResults:
    """All that the page tells."""
    units = training_units(study, folds)
    recipes = {name: load_recipe(str(folder.arm(name))) for name in study.all_arms}
    differs = {name: differences_of(recipes[study.base], recipe) for name, recipe in recipes.items()}
    arms = [arm_of(folder, study, name, units, results, differs[name]) for name in study.all_arms]
    minutes = minutes_of(arms)
    comparisons = with_minutes(study, compare(study, results), minutes)
    audit = audit_of(folder, study, units, results, {name: list(each) for name, each in differs.items()})
    method = method_of(study, results, folds, audit)
    plan = read_plan(folder)
    watched = [summary_of(folder, unit).get("watched") for unit in units]
    page = StudyResults(
        name=study.name,
        question=study.question,
        answer="",
        caveats=(),
        base=study.base,
        metric=study.metric,
        metrics=results.metrics(study.metric),
        arms=[
            *arms,
            *(ensemble_of(folder, study, row, results) for row in results.rows.values() if row.ensemble),
        ],
        comparisons=comparisons,
        audit=audit,
        failures=_hard_kinds(study, results),
        shown=side_by_side(folder, study, results),
        worst={
            name: worst(row, study.metric, results) for name, row in results.rows.items() if not row.ensemble
        },
        manifest=manifest_of(folder, study, folds, results),
        plan=[] if plan is None else plan.rows(study.metric),
        targets=_targets(study),
        method=method,
        references=cited(method),
        versions=_versions(folder, units),
        commands=commands_of(folder, study),
        study_yaml=as_yaml(study),
        watched=next((str(name) for name in watched if name), "best_f1"),
        factors={name: list(levels) for name, levels in study.factors.items()},
        ladder=study.steps,
        effects=effects_of(study, results, comparisons, minutes),
        spreads=spreads_of(study, results),
        trend=None
        if study.trend is None
        else trend_of(study, results, tried_values(study.trend.field, recipes)),
        published=None if study.published is None else PublishedNumbers(**study.published.model_dump()),
    )
    return replace(page, answer=answer(page), caveats=caveats(page, results))


def tried_values(key: str, recipes: Mapping[str, Recipe]) -> dict[str, float]:
    """The number that each arm's recipe has in a field, by its dotted key; RecipeError where it is none."""
    found = {name: dict(flat(recipe.model_dump(mode="json"))).get(key) for name, recipe in recipes.items()}
    for name, value in found.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
            raise RecipeError(
                f"study: trend.field is {key}, which is {value!r} in {name}; expected a number above 0 in each arm"
            )
    return {name: float(value) for name, value in found.items() if value is not None}


def _targets(study: Study) -> dict[str, float]:
    """By words, values of the deciding metric to draw as lines: what is to be reached, and what others reached."""
    own = {"target": study.target, "previous best": study.previous}
    lines = {} if study.published is None else study.published.lines
    return {name: value for name, value in own.items() if value is not None} | dict(lines)


def _hard_kinds(study: Study, results: Results) -> list[FailureRow]:
    """The recall of each arm among particles of each hard kind that the truth tells; nan for an arm without results."""
    made = []
    for kind, words in KINDS.items():
        found = {name: recall_of_kinds(row, results.images, kind) for name, row in results.rows.items()}
        particles = max((count for count, _ in found.values()), default=0)
        if particles:
            recalls = [found[name][1] if name in found else math.nan for name in study.all_arms]
            made.append(FailureRow(kind, words, particles, recalls))
    return made


def manifest_of(folder: Folder, study: Study, folds: int, results: Results) -> list[ManifestRow]:
    """The images and particles of each group and part, by fold."""
    rows = []
    for fold in range(folds):
        counts: dict[tuple[str, str], list[int | None]] = {}
        for part, group, particles in _images_of(folder, study, fold, results):
            counts.setdefault((part, group), []).append(particles)
        number = fold if folds > 1 else -1
        rows += [
            ManifestRow(group, part, number, len(each), None if None in each else sum(n or 0 for n in each))
            for (part, group), each in counts.items()
        ]
    return rows


def _images_of(
    folder: Folder, study: Study, fold: int, results: Results
) -> Iterator[tuple[str, str, int | None]]:
    """Part, group and particles of each image of a fold: as a run noted them, and as the test saw them."""
    units = [Unit(arm, fold, seed) for arm in study.all_arms for seed in study.seeds]
    runs = [folder.run(unit) for unit in units if (folder.run(unit) / MANIFEST).is_file()]
    for line in manifest_rows(runs[0]) if runs else []:
        count = line["particles"] or line.get("objects")
        yield line["part"], line["group"], int(count) if count else None
    for image in results.images:
        if image.fold == fold:
            yield "test", image.group, image.particles


def _versions(folder: Folder, units: Sequence[Unit]) -> dict[str, str]:
    """The versions that the first training was done with; those of this program where there is none."""
    records = (read_record(folder.run(unit)) for unit in units)
    used = next((record["starts"][0]["versions"] for record in records if record), None)
    return dict(used or library_versions())


def commands_of(folder: Folder, study: Study) -> list[str]:
    """What to type to repeat the study, and one of its trainings."""
    device, threads = settings_of(folder)
    alike = ["--threads", str(threads), *(["--device", device] if device else [])]
    table = [] if study.data is not None else ["--data", str(folder.table)]
    seed = recipe_of(folder, Unit(study.base, 0, study.seeds[0])).seed
    out = ["--out", f"{folder.path}-again"]
    training = [str(folder.arm(study.base)), f"seed={seed}", "--data", str(folder.fold(0))]
    return [
        shlex.join(["motes", "study", "run", str(folder.study), *table, *alike, *out]),
        shlex.join(["motes", "train", *training, *alike, "--out", f"{study.base}-again"]),
    ]
