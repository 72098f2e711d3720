"""How far a study has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from motes.errors import InputError
from motes.study.description import Study
from motes.study.folder import Folder, Unit, items_of_tests, training_units
from motes.study.pieces import kept_study
from motes.study.run import epochs_done, epochs_of_arms, failures
from motes.study.work import task_of


@dataclass(frozen=True)
class Status:
    """A row for each arm: its name, how many of its trainings are done, running, failed and waiting, and epochs."""

    name: str
    stage: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int]]
    failed: dict[str, str]


def open_study(path: Path) -> tuple[Folder, Study, int]:
    """The folder of a study, the study, and its number of folds; InputError where there is none."""
    folder = Folder(path)
    if not folder.begun:
        raise InputError(
            f"{path} is not the folder of a study; expected one that `motes study run` wrote with --out"
        )
    return folder, kept_study(folder), len(list(folder.fold(0).parent.glob("fold-*.csv")))


def status_of(path: Path) -> Status:
    """Where every training of a study stands; InputError where the folder holds no study."""
    folder, study, folds = open_study(path)
    units = training_units(study, folds)
    columns = ("arm", "done", "running", "failed", "waiting", "epochs")
    epochs = epochs_of_arms(folder, study)
    rows = [_row(folder, arm, [unit for unit in units if unit.arm == arm], epochs) for arm in study.all_arms]
    return Status(study.name, _stage(folder, study, folds), columns, rows, failures(folder))


def _row(folder: Folder, arm: str, units: Sequence[Unit], each: Mapping[str, int]) -> Sequence[str | int]:
    tasks = [task_of(folder, unit.item) for unit in units]
    done, failed = (sum(getattr(task, kind).exists() for task in tasks) for kind in ("done", "failed"))
    running = sum(not task.over and task.busy for task in tasks)
    epochs, total = epochs_done(folder, units, each)
    return arm, done, running, failed, len(tasks) - done - running - failed, f"{epochs} of {total}"


def _stage(folder: Folder, study: Study, folds: int) -> str:
    """What it is at."""
    over = [task_of(folder, unit.item).over for unit in training_units(study, folds)]
    tested = [task_of(folder, item).over for item in items_of_tests(study, folds)]
    if not folds:
        return "data are being laid out"
    if not folder.plan.is_file():
        return "measuring what it costs"
    if not all(over):
        return f"training, {sum(over)} of {len(over)} ended"
    if not all(tested):
        return f"testing, {sum(tested)} of {len(tested)} ended"
    return f"finished, see {folder.report}"
