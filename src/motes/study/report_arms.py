"""The arms of a study as its report shows them: values, cost, curves, stability."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from motes.figures.study_results import Arm, Cost, Curve, Interval, OfSample
from motes.jobs.cost import SUMMARY
from motes.jobs.history_table import stability
from motes.jobs.run_record import METRICS as EPOCHS
from motes.jobs.run_record import read_lines
from motes.jobs.training_report import read_summary
from motes.study.analysis import interval_of, mean_over_seeds, means_of_samples
from motes.study.description import Study
from motes.study.folder import Folder, Unit
from motes.study.results import Results, Row


def arm_of(
    folder: Folder,
    study: Study,
    name: str,
    units: Sequence[Unit],
    results: Results,
    differs: Mapping[str, tuple[Any, Any]],
) -> Arm:
    """One arm: what sets it apart from the base, its values on the test images, its cost and its curves."""
    own = [unit for unit in units if unit.arm == name]
    done = [unit for unit in own if folder.done(unit.item).exists()]
    row = results.rows.get(name)
    curves = curves_of([read_lines(folder.run(unit) / EPOCHS) for unit in done])
    return Arm(
        name=name,
        about=study.all_arms[name].about,
        differs=[f"{key}={new}" for key, (_, new) in differs.items()],
        runs=len(done),
        values={} if row is None else _values(row, study, results),
        cost=_cost(folder, done, row),
        curves=curves,
        failed=[
            f"{unit.item}: {folder.failed(unit.item).read_text(encoding='utf-8').strip()}"
            for unit in own
            if folder.failed(unit.item).exists()
        ],
        stability=_stability(folder, done),
        samples=() if row is None else samples_of(folder, study, row, done, results),
        classes={} if row is None else results.of_classes(row),
        epochs=_epochs(folder, done),
    )


def _values(row: Row, study: Study, results: Results) -> dict[str, Interval]:
    return {metric: interval_of(row, metric, results) for metric in results.metrics(study.metric)}


def samples_of(
    folder: Folder, study: Study, row: Row, done: Sequence[Unit], results: Results
) -> list[OfSample]:
    """What an arm reached on each sample, and in how many minutes; empty for a study without samples."""
    if results.samples == 1:
        return []
    means = {
        metric: means_of_samples(row.values[metric], results) for metric in results.metrics(study.metric)
    }
    together = {name: mean_over_seeds(table) for name, table in results.together(row).items()}
    return [
        OfSample(
            values={metric: by_sample[number] for metric, by_sample in means.items()},
            together={name: float(table[number]) for name, table in together.items() if number < len(table)},
            minutes=_minutes(folder, [unit for unit in done if unit.fold == number]),
        )
        for number in range(results.samples)
    ]


def _minutes(folder: Folder, units: Sequence[Unit]) -> float | None:
    return float(np.mean([_seconds(folder, unit) for unit in units])) / 60 if units else None


def ensemble_of(folder: Folder, study: Study, row: Row, results: Results) -> Arm:
    """Nets that predict together, as one more arm; to train it costs what its nets cost."""
    seconds = [_seconds_to_train(folder, fold, members) for fold, members in row.members]
    cost = Cost(
        parameters=round(row.parameters),
        operations=None,
        training_seconds=float(np.mean(seconds)),
        seconds_per_image=row.seconds_per_image,
        peak_memory=None,
        members=max(len(members) for _, members in row.members),
    )
    values = _values(row, study, results)
    return Arm(row.name, "", (), len(row.seeds), values, cost, ensemble=True, classes=results.of_classes(row))


def _seconds_to_train(folder: Folder, fold: int, members: Sequence[str]) -> float:
    """Of the trainings that some nets come from, named arm/seed; snapshots of one training cost it once."""
    trainings = {tuple(name.split("/")[:2]) for name in members}
    return sum(_seconds(folder, Unit(arm, fold, int(seed))) for arm, seed in trainings)


def _seconds(folder: Folder, unit: Unit) -> float:
    """What a training took, validation not counted."""
    return float(sum(line["seconds"] for line in read_lines(folder.run(unit) / EPOCHS)))


def _cost(folder: Folder, done: Sequence[Unit], row: Row | None) -> Cost:
    costs = [summary_of(folder, unit)["cost"] for unit in done]
    seconds = [_seconds(folder, unit) for unit in done]
    return Cost(
        parameters=costs[0]["parameters"] if costs else None,
        operations=costs[0]["operations"] if costs else None,
        training_seconds=float(np.mean(seconds)) if seconds else None,
        seconds_per_image=None if row is None else row.seconds_per_image,
        peak_memory=round(np.mean([cost["peak_memory"] for cost in costs])) if costs else None,
    )


def summary_of(folder: Folder, unit: Unit) -> dict[str, Any]:
    """RUN/summary.json; empty for a run that has not ended."""
    run = folder.run(unit)
    return read_summary(run) if (run / SUMMARY).is_file() else {}


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
    """Standard deviation of the watched metric over the last validations, the mean over runs; None where unknown."""
    spreads = [stability(_watched(folder, unit)) for unit in done]
    known = [spread for spread in spreads if spread is not None]
    return float(np.mean(known)) if known else None


def _epochs(folder: Folder, done: Sequence[Unit]) -> tuple[float, float] | None:
    """How many epochs were trained, and which one was kept, as means over runs; None without any run."""
    trained = [len(read_lines(folder.run(unit) / EPOCHS)) for unit in done]
    kept = [summary_of(folder, unit)["model_epoch"] for unit in done]
    return (float(np.mean(trained)), float(np.mean(kept))) if done else None


def _watched(folder: Folder, unit: Unit) -> list[float]:
    """The watched metric at each validation that gave it."""
    watched = summary_of(folder, unit)["watched"]
    return [line[watched] for line in read_lines(folder.run(unit) / EPOCHS) if line.get(watched) is not None]
