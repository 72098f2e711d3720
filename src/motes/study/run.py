"""Running a study: data, plan, trainings, and at the very end the test and the report. Every step is taken once."""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from motes.cluster.local import run_here
from motes.cluster.options import SlurmOptions, slurm_options
from motes.cluster.slurm import on_slurm
from motes.cluster.tasks import Standing
from motes.errors import InputError, OutputError
from motes.jobs.run_folder import differences
from motes.jobs.run_record import METRICS
from motes.jobs.telling import Silent, Teller
from motes.output import write_text
from motes.recipe import Recipe
from motes.recipe_file import flat, load_recipe
from motes.study.data import lay_out_data
from motes.study.description import Study
from motes.study.file import arm_recipe, as_yaml
from motes.study.folder import Folder, Unit, items_of_tests, pilot_units, training_units
from motes.study.planning import Plan, check_budget, make_plan, read_plan
from motes.study.report import write_report
from motes.study.work import note, task_of

LOOK = 2.0  # seconds between looks at how far trainings have come


@dataclass(frozen=True)
class Where:
    """Where the work is done. slurm: what to ask of it in place of its template, None for this machine. template: of a
    site. processes: trainings at a time, here. threads: of each. poll: seconds between two looks at Slurm.

    None: what fits the machine; a study that has begun goes on with the threads and the device of its beginning.
    """

    slurm: Mapping[str, Any] | None = None
    template: Path | None = None
    processes: int | None = None
    threads: int | None = None
    device: str | None = None
    poll: float = 10.0


@dataclass(frozen=True)
class Options:
    """What the user chose. table: of images. pilot: folder of an earlier study to take the spread from. budget: hours,
    in place of the study's. plan_only: say what it would cost, and stop. retry: begin again what has failed.
    """

    table: Path | None = None
    pilot: Path | None = None
    budget: float | None = None
    plan_only: bool = False
    retry: bool = False


@dataclass(frozen=True)
class Outcome:
    """What has become of a study. failed: pieces of work and why; report: None where it was only planned."""

    folder: Folder
    plan: Plan
    failed: dict[str, str]
    report: Path | None


def run_study(
    study: Study, out: Path, where: Where, options: Options, teller: Teller | None = None
) -> Outcome:
    """Run a study, or go on with one; what is done is never done again, and two launches share the work.

    Raises OutputError where the folder holds another study, InputError for data that do not fit, or a budget that
    is too small. A training that fails is named in the outcome and in the report, and costs the others nothing.
    """
    teller = teller or Silent()
    folder = Folder(out)
    if options.table is not None:
        if study.trend is not None:
            raise InputError(
                f"the study {study.name} compares densities of simulated images; leave out --data, or take "
                "`motes study search` to find a good value for your own images"
            )
        study = study.model_copy(update={"data": None})  # the user's images take the place of simulated ones
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".preparing.lock"):
        claim(folder, study)
        do = doer(folder, where, teller)
        folds = lay_out_data(study, options.table, folder, teller)
        if options.retry:
            forget_failures(folder)
    plan = _planned(study, folder, folds, do, options)
    check_budget(plan, study.budget.hours if options.budget is None else options.budget)
    if options.plan_only:
        return Outcome(folder, plan, {}, None)
    units = training_units(study, folds)
    epochs = epochs_of_arms(folder, study)
    do.all("training", [unit.item for unit in units], lambda: epochs_done(folder, units, epochs))
    tests = list(items_of_tests(study, folds))
    drop_stale_tests(folder, units, folds, tests)
    do.all("testing", tests)
    return Outcome(folder, plan, failures(folder), write_report(folder, study, folds))


@dataclass(frozen=True)
class Doer:
    """Sees to it that pieces of work are done, on Slurm, or here so many at a time with so many threads each."""

    folder: Folder
    slurm: SlurmOptions | None
    processes: int
    threads: int
    teller: Teller
    poll: float

    def all(
        self, title: str, items: Sequence[str], count: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        """Have every piece done or failed. count: gives how much is done, of how much, where pieces are long."""
        tasks = [task_of(self.folder, item) for item in items]
        if all(task.over for task in tasks):
            return
        latest = Standing(0, 0, 0, len(tasks))

        def keep(standing: Standing) -> None:
            nonlocal latest
            latest = standing

        total, unit = (len(tasks), "pieces") if count is None else (count()[1], "epochs")
        with (
            self.teller.progress(title, total, unit) as done,
            _repeated(lambda: done(latest.done + latest.failed if count is None else count()[0])),
        ):
            if self.slurm is None:
                run_here(tasks, self.processes, self.threads, keep)
            else:
                on_slurm(tasks, self.folder.path, self.slurm, keep, self.poll)


def doer(folder: Folder, where: Where, teller: Teller) -> Doer:
    """Who does the work of a study; the first launch decides the threads and the device of all of it."""
    slurm = None if where.slurm is None else slurm_options(folder.path, where.template, **where.slurm)
    cores = len(os.sched_getaffinity(0))
    processes = where.processes or cores
    threads = where.threads or (max(1, cores // processes) if slurm is None else slurm.cpus)
    if not (folder.settings.is_file() and folder.planned):
        write_text(folder.settings, json.dumps({"device": where.device, "threads": threads}) + "\n")
    settings = json.loads(folder.settings.read_text(encoding="utf-8"))
    kept: int = settings["threads"]
    if where.device not in (None, settings["device"]):
        teller.warn(
            f"the device stays {settings['device'] or 'that of the beginning'}, so that all trainings are alike"
        )
    if kept != threads:
        teller.say(f"each training has {kept} threads, as in the beginning, so that all are alike")
    at_once = processes if slurm is None else slurm.at_once or slurm.in_queue
    return Doer(folder, slurm, at_once, kept, teller, where.poll)


def claim(folder: Folder, study: Study) -> None:
    """Make the folder this study's, with the recipe of each arm; OutputError where it holds something else."""
    if not folder.begun:
        check_free(folder, "study")
    elif folder.study.read_text(encoding="utf-8") != as_yaml(study):
        if folder.planned:
            found = difference_words(folder.study.read_text(encoding="utf-8"), as_yaml(study))
            raise OutputError(
                f"{folder.path} holds a study that began otherwise ({found}); go on with the same words, or use "
                "another folder"
            )
        folder.forget_pieces()
        folder.forget_arms()
    for name in study.all_arms:
        _keep_recipe(folder, name, arm_recipe(study, name))
    write_text(folder.study, as_yaml(study))


def _keep_recipe(folder: Folder, name: str, recipe: Recipe) -> None:
    """Write an arm's recipe; OutputError where the study began with another."""
    kept = folder.arm(name)
    if folder.planned and kept.is_file() and kept.read_text(encoding="utf-8") != recipe.as_yaml():
        raise OutputError(
            f"the recipe of {name} has changed since the study in {folder.path} began ({differences(kept, recipe)}); "
            "change it back, or use another folder"
        )
    write_text(kept, recipe.as_yaml())


def check_free(folder: Folder, what: str) -> None:
    """OutputError where a folder holds other things than what a launch that was killed at once has left."""
    strange = [
        path.name for path in folder.path.iterdir() if not path.name.startswith(".") and path.name != "arms"
    ]
    if strange:
        raise OutputError(
            f"{folder.path} holds {strange[0]!r} and no {what} of its own; give a new or an empty folder with --out"
        )


def failures(folder: Folder) -> dict[str, str]:
    """The pieces of work that have failed for good, with the reason of each."""
    root = folder.failed("x").parent
    return {
        path.relative_to(root).as_posix().removesuffix(".failed.txt"): path.read_text(
            encoding="utf-8"
        ).strip()
        for path in sorted(root.rglob("*.failed.txt"))
    }


def forget_failures(folder: Folder) -> None:
    """Let what has failed be begun again."""
    for item in failures(folder):
        folder.failed(item).unlink(missing_ok=True)
        note(folder, item, "begun again")


def drop_stale_tests(folder: Folder, units: Sequence[Unit], folds: int, items: Sequence[str]) -> None:
    """Let the tests of a fold be done again where a training has ended since, which only --retry brings about."""
    for fold in range(folds):
        ended = [done_at(folder, unit.item) for unit in units if unit.fold == fold]
        tests = [item for item in items if item.startswith(f"test/fold-{fold}/")]
        if any(when and when < max(ended) for when in (done_at(folder, item) for item in tests)):
            for item in tests:
                folder.done(item).unlink(missing_ok=True)


def done_at(folder: Folder, item: str) -> str:
    """When a piece of work was done, as 2026-01-31T12:00:00.000000+00:00; empty where it is not."""
    return str(folder.outcome(item).get("at", ""))


def _planned(study: Study, folder: Folder, folds: int, do: Doer, options: Options) -> Plan:
    """What is said before the study runs, measured once."""
    plan = read_plan(folder)
    if plan is None:
        do.all("measuring a few steps of each arm", [f"measure/{arm}" for arm in study.all_arms])
        _check_measured(study, folder)
        if options.pilot is None:
            do.all("pilot", [unit.item for unit in pilot_units(study)])
        plan = make_plan(study, folder, folds, do.processes, options.pilot)
        write_text(folder.plan, plan.as_json())
    for what, how_much in plan.rows(study.metric):
        do.teller.say(f"{what}: {how_much}")
    return plan


def _check_measured(study: Study, folder: Folder) -> None:
    """InputError with the reason where an arm cannot even be begun: the data or its recipe are wrong."""
    for arm in study.all_arms:
        failed = folder.failed(f"measure/{arm}")
        if failed.is_file():
            reason = failed.read_text(encoding="utf-8").strip()
            failed.unlink(missing_ok=True)  # the next launch looks again, after the data have been mended
            raise InputError(f"the arm {arm} cannot be trained: {reason}")


def epochs_of_arms(folder: Folder, study: Study) -> dict[str, int]:
    """How many epochs a training of each arm has at most."""
    return {name: load_recipe(str(folder.arm(name))).training.epochs for name in study.all_arms}


def epochs_done(folder: Folder, units: Sequence[Unit], epochs: Mapping[str, int]) -> tuple[int, int]:
    """How many epochs of all trainings are done, of how many; a training that has ended counts as whole."""
    done = 0
    for unit in units:
        metrics = folder.run(unit) / METRICS
        if folder.done(unit.item).exists() or folder.failed(unit.item).exists():
            done += epochs[unit.arm]
        elif metrics.is_file():
            done += metrics.read_bytes().count(b"\n")
    return done, sum(epochs[unit.arm] for unit in units)


@contextmanager
def _repeated(work: Callable[[], None]) -> Iterator[None]:
    """Do something every now and then while the block runs, and once more at its end."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(LOOK):
            work()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        work()


def difference_words(before: str, now: str) -> str:
    """The first fields in which two YAML texts differ, with both values; of lists, what only one of them has."""
    one, other = (dict(flat(yaml.safe_load(text))) for text in (before, now))
    changed = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    return ", ".join(_in_words(key, one.get(key), other.get(key)) for key in changed[:3])


def _in_words(key: str, there: Any, here: Any) -> str:
    if isinstance(there, list) and isinstance(here, list):
        there, here = [v for v in there if v not in here], [v for v in here if v not in there]
    return f"{key} is {there} there and {here} here"
