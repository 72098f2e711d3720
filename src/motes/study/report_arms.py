"""The arms of a study as its report shows them: values, cost, curves, stability."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motes.figures.study_results import Arm, Cost, Curve
from motes.jobs.cost import SUMMARY
from motes.jobs.run_record import METRICS as EPOCHS
from motes.jobs.run_record import read_lines
from motes.study.analysis import interval_of
from motes.study.description import METRICS, Study
from motes.study.file import declared_differences
from motes.study.folder import Folder, Unit
from motes.study.results import Results, Row

LAST_EPOCHS = 10  # whose spread says how stable a training is


def arm_of(folder: Folder, study: Study, name: str, units: Sequence[Unit], results: Results) -> Arm:
    """One arm: what sets it apart, its values on the test images, its cost and its curves."""
    own = [unit for unit in units if unit.arm == name]
    done = [unit for unit in own if folder.done(unit.item).exists()]
    row = results.rows.get(name)
    curves = curves_of([read_lines(folder.run(unit) / EPOCHS) for unit in done])
    return Arm(
        name=name,
        about=study.all_arms[name].about,
        differs=[f"{key}={new}" for key, (_, new) in declared_differences(study, name).items()],
        runs=len(done),
        values={} if row is None else {metric: interval_of(row, metric, results) for metric in METRICS},
        cost=_cost(folder, done, row),
        curves=curves,
        failed=[
            f"{unit.item}: {folder.failed(unit.item).read_text(encoding='utf-8').strip()}"
            for unit in own
            if folder.failed(unit.item).exists()
        ],
        stability=_stability(folder, done),
    )


def ensemble_of(row: Row, results: Results) -> Arm:
    """Nets that predict together, as one more arm."""
    cost = Cost(round(row.parameters), None, None, row.seconds_per_image, None, row.members)
    values = {metric: interval_of(row, metric, results) for metric in METRICS}
    return Arm(row.name, "", (), len(row.seeds), values, cost, ensemble=True)


def _cost(folder: Folder, done: Sequence[Unit], row: Row | None) -> Cost:
    costs = [summary_of(folder, unit)["cost"] for unit in done]
    seconds = [sum(line["seconds"] for line in read_lines(folder.run(unit) / EPOCHS)) for unit in done]
    return Cost(
        parameters=costs[0]["parameters"] if costs else None,
        operations=costs[0]["operations"] if costs else None,
        training_seconds=float(np.mean(seconds)) if seconds else None,
        seconds_per_image=None if row is None else row.seconds_per_image,
        peak_memory=round(np.mean([cost["peak_memory"] for cost in costs])) if costs else None,
    )


def summary_of(folder: Folder, unit: Unit) -> dict[str, Any]:
    """RUN/summary.json; empty for a run that has not ended."""
    path = folder.run(unit) / SUMMARY
    if not path.is_file():
        return {}
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def curves_of(runs: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Curve]:
    """For each number that epochs record its mean, lowest and highest over the runs, by epoch."""
    names = dict.fromkeys(name for run in runs for line in run for name in line)
    return {name: _curve(runs, name) for name in names if name != "epoch"}


def _curve(runs: Sequence[Sequence[Mapping[str, Any]]], name: str) -> Curve:
    by_epoch: dict[int, list[float]] = {}
    for run in runs:
        for line in run:
            if line.get(name) is not None:
                by_epoch.setdefault(int(line["epoch"]), []).append(float(line[name]))
    epochs = sorted(by_epoch)
    mean, low, high = (
        np.array([summary(by_epoch[epoch]) for epoch in epochs], dtype=np.float64)
        for summary in (np.mean, np.min, np.max)
    )
    return Curve(np.array(epochs, dtype=np.float64), mean, low, high)


def _stability(folder: Folder, done: Sequence[Unit]) -> float | None:
    """Standard deviation of the watched metric over the last epochs, the mean over runs."""
    spreads = []
    for unit in done:
        watched = summary_of(folder, unit)["watched"]
        lines = read_lines(folder.run(unit) / EPOCHS)
        values = [line[watched] for line in lines if line.get(watched) is not None][-LAST_EPOCHS:]
        spreads += [float(np.std(values, ddof=1))] if len(values) > 1 else []
    return float(np.mean(spreads)) if spreads else None
