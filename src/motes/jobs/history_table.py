"""Trainings as tables: RUN/history.csv with a row for each epoch, RUN/summary.csv with one for the run."""

import csv
import io
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from motes.errors import InputError
from motes.figures.net_words import net_in_short
from motes.jobs.cost import SUMMARY
from motes.jobs.run_record import METRICS, read_lines
from motes.jobs.training_report import read_summary
from motes.output import write_text
from motes.recipe_file import load_recipe

HISTORY = "history.csv"
TABLE = "summary.csv"
LAST = 10  # validations that stability is told of

Cell = str | int | float | None


@dataclass(frozen=True)
class TrainingSummary:
    """What a training came to, as one row.

    best_epoch: of the watched metric, counted from 1; best: its value there. pixel_iou, pixel_f1: of the validation
    images in that epoch; best_f1: of picks, or of objects where there are outlines. stability: of the watched
    metric, see stability. seconds: of all steps, without validation. stopped: why, if
    early; empty for one that went through all epochs. model: its file. None: not known.
    """

    recipe: str
    net: str
    parameters: int
    watched: str
    best_epoch: int
    best: float | None
    pixel_iou: float | None
    pixel_f1: float | None
    best_f1: float | None
    stability: float | None
    epochs: int
    seconds: float
    stopped: str
    model: str


def write_history(run: Path) -> Path:
    """Write RUN/history.csv: RUN/metrics.jsonl as a table, empty where an epoch was not validated.

    Raises InputError where no epoch has been finished.
    """
    rows = _epochs(run)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return _write(run / HISTORY, columns, rows)


def write_training_summary(run: Path) -> Path:
    """Write RUN/summary.csv: one row, in which the model's place is told from the run folder.

    RUN/summary.json must be there. Raises InputError where training has not ended.
    """
    row = training_summary([run])[0]
    return write_summaries(run / TABLE, [replace(row, model=Path(row.model).name)])


def write_summaries(path: Path, rows: Sequence[TrainingSummary]) -> Path:
    """Write a table of trainings, a row for each."""
    return _write(path, [field.name for field in fields(TrainingSummary)], [asdict(row) for row in rows])


def training_summary(runs: Sequence[Path]) -> list[TrainingSummary]:
    """A row for each run, in their order; InputError for a run whose training has not ended."""
    return [_summary(run) for run in runs]


def stability(values: Iterable[float | None]) -> float | None:
    """Standard deviation of the last of a metric's values that are defined, as of a sample; None for fewer than 2.

    The last are 10, and no more than half of all, since at first a net learns.
    """
    known = [value for value in values if value is not None]
    last = known[len(known) - min(LAST, len(known) // 2) :]
    return round(statistics.stdev(last), 6) if len(last) > 1 else None


def _summary(run: Path) -> TrainingSummary:
    rows = _epochs(run)
    if not (run / SUMMARY).is_file():
        raise InputError(
            f"{run} holds no {SUMMARY}, so its training has not ended; go on with it (--resume), or leave it out"
        )
    told = read_summary(run)
    recipe, best, watched = load_recipe(str(run / "recipe.yaml")), told["best"], told["watched"]
    return TrainingSummary(
        recipe=recipe.name,
        net=net_in_short(recipe.net),
        parameters=told["cost"]["parameters"],
        watched=watched,
        best_epoch=told["best_epoch"],
        best=best.get(watched),
        pixel_iou=best.get("pixel_iou"),
        pixel_f1=best.get("pixel_f1"),
        best_f1=best.get("best_f1"),
        stability=stability(row.get(watched) for row in rows),
        epochs=told["epochs"],
        seconds=round(sum(row["seconds"] for row in rows), 3),
        stopped=told["stopped"],
        model=str(run / "model.safetensors"),
    )


def _epochs(run: Path) -> Sequence[dict[str, Any]]:
    rows = read_lines(run / METRICS)
    if not rows:
        raise InputError(f"{run} holds no {METRICS} with a finished epoch; give the folder of a training")
    return rows


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> Path:
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    write_text(path, table.getvalue())
    return path
