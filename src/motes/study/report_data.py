"""The numbers of a report for programs: JSON of the page, CSV of every score."""

import csv
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from motes.figures.study_results import Arm, FactorEffect, StudyResults
from motes.study.description import ERRORS, METRICS
from motes.study.results import COUNTS, Results, Row


def scores_table(results: Results) -> str:
    """Every score as CSV: a line for each row, seed and test image."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["row", "ensemble", "seed", "fold", "group", "image", *METRICS, *ERRORS, *COUNTS])
    for row in results.rows.values():
        writer.writerows(_lines(row, results))
    return table.getvalue()


def _lines(row: Row, results: Results) -> Iterator[list[Any]]:
    for column, seed in enumerate(row.seeds):
        for place, image in enumerate(results.images):
            values = [row.values[name][place, column] for name in (*METRICS, *ERRORS, *COUNTS)]
            if not all(math.isnan(value) for value in values):
                which = [row.name, int(row.ensemble), "all" if seed < 0 else seed]
                cells = ["" if math.isnan(value) else f"{value:.6g}" for value in values]
                yield [*which, image.fold, image.group, image.name, *cells]


def as_data(page: StudyResults) -> dict[str, Any]:
    """The numbers of the page; what is not known is null, which JSON has in place of nan."""
    data = {
        "study": page.name,
        "question": page.question,
        "answer": page.answer,
        "caveats": page.caveats,
        "metric": page.metric,
        "audit_passed": page.passed,
        "audit": [asdict(row) for row in page.audit],
        "arms": [_arm(arm) for arm in page.arms],
        "comparisons": [asdict(each) for each in page.comparisons],
        "effects": [_effect(effect) for effect in page.effects],
        "spread_of_trainings": [asdict(row) for row in page.spreads],
        "trend": None if page.trend is None else asdict(page.trend),
        "published": None if page.published is None else asdict(page.published),
        "hard_kinds": [asdict(row) for row in page.failures],
        "worst": page.worst,
        "plan": dict(page.plan),
        "manifest": [asdict(row) for row in page.manifest],
        "versions": page.versions,
        "commands": page.commands,
    }
    return {key: _plain(value) for key, value in data.items()}


def _arm(arm: Arm) -> dict[str, Any]:
    return {
        "name": arm.name,
        "ensemble": arm.ensemble,
        "differs": arm.differs,
        "runs": arm.runs,
        "failed": arm.failed,
        "values": {name: asdict(value) for name, value in arm.values.items()},
        "cost": asdict(arm.cost),
        "stability": arm.stability,
        "epochs": arm.epochs,
        "samples": [asdict(each) for each in arm.samples],
        "classes": arm.classes,
    }


def _effect(effect: FactorEffect) -> dict[str, Any]:
    """A factor or an interaction; its comparisons, which stand among the others, by name."""
    return {
        "factors": effect.factors,
        "levels": [asdict(level) for level in effect.levels],
        "share": effect.share,
        "comparisons": [each.name for each in effect.comparisons],
        "words": effect.words,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
