"""Searching for good values of a recipe's fields: trials on validation images, shared by processes and launches."""

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from motes.cluster.local import run_here
from motes.cluster.tasks import Standing, Task
from motes.errors import InputError, OutputError
from motes.jobs.run_folder import differences
from motes.jobs.telling import Silent, Teller
from motes.output import write_text
from motes.study.data import lay_out_data
from motes.study.run import Where, check_free, difference_words, doer, failures
from motes.study.search_description import Search, own_values, search_yaml, trial_recipe
from motes.study.search_trials import (
    SearchFolder,
    Trial,
    item_of,
    kept_search,
    need_optuna,
    ranked,
    read_trials,
)
from motes.study.search_words import Found, importance_of, in_words


def run_search(
    search: Search, out: Path, where: Where, table: Path | None = None, teller: Teller | None = None
) -> Found:
    """Search, or go on with a search; trials that are done are never done again, and two launches share the work.

    table: of the user's images; None for simulated ones. Raises OutputError where the folder holds another search,
    InputError where no trial gave a value, MotesError where optuna is not installed.
    """
    need_optuna()
    teller = teller or Silent()
    folder = SearchFolder(out)
    out.mkdir(parents=True, exist_ok=True)
    with FileLock(out / ".preparing.lock"):
        claim(folder, search)
        do = doer(folder, where, teller)
        lay_out_data(search, table, folder, teller)
    for item in failures(folder):
        folder.failed(item).unlink(missing_ok=True)
    tasks = [task_of(folder, number) for number in range(1, search.trials + 1)]
    if not all(task.over for task in tasks):
        told = {trial.number for trial in write_trials(folder, search) if trial.over}
        with teller.progress("searching", len(tasks), "trials") as done:
            run_here(tasks, do.processes, do.threads, _follow(folder, search, told, teller, done))
    return found_by(folder, search)


def found_by(folder: SearchFolder, search: Search) -> Found:
    """What the trials so far have found; InputError where none has a value."""
    trials = write_trials(folder, search)
    if not ranked(trials):
        raise InputError(
            f"no trial of {len(trials)} gave a value; the first did not because {trials[0].reason}"
        )
    own, importance = own_values(search), importance_of(folder, search)
    return Found(folder, search, trials, ranked(trials)[0], own, importance)


def claim(folder: SearchFolder, search: Search) -> None:
    """Make the folder this search's; OutputError where it holds something else. More trials are welcome."""
    if folder.search.is_file():
        kept = kept_search(folder)
        same_trials = search.model_copy(update={"trials": kept.trials})
        if kept != same_trials:
            found = difference_words(search_yaml(kept), search_yaml(same_trials))
            raise OutputError(
                f"{folder.path} holds a search that began otherwise ({found}); go on with the same words, or use "
                "another folder"
            )
    else:
        check_free(folder, "search")
    recipe = trial_recipe(search, {})
    if folder.recipe.is_file() and folder.recipe.read_text(encoding="utf-8") != recipe.as_yaml():
        raise OutputError(
            f"the recipe {search.recipe} has changed since the search in {folder.path} began "
            f"({differences(folder.recipe, recipe)}); change it back, or use another folder"
        )
    write_text(folder.search, search_yaml(search))
    write_text(folder.recipe, recipe.as_yaml())


def task_of(folder: SearchFolder, number: int) -> Task:
    """A trial for whoever hands it out."""
    item = item_of(number)
    return Task(
        name=item,
        command=(sys.executable, "-m", "motes.study.search_trials", str(folder.path.absolute()), str(number)),
        done=folder.done(item),
        failed=folder.failed(item),
        lock=folder.lock(item),
        log=folder.output(item),
    )


def write_trials(folder: SearchFolder, search: Search) -> list[Trial]:
    """Write DIR/trials.csv and, where a trial has a value, DIR/best.yaml; returns all trials that were begun."""
    trials = read_trials(folder, search)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["number", "state", "value", *search.space, "epochs", "seconds", "run", "reason"])
    for trial in trials:
        values = [trial.values[key] for key in search.space]
        place, reason = trial.run.relative_to(folder.path).as_posix(), trial.reason_in_short
        rows.writerow(
            [trial.number, trial.state, trial.value, *values, trial.epochs, trial.seconds, place, reason]
        )
    write_text(folder.trials, table.getvalue())
    if ranked(trials):
        best = trial_recipe(search, ranked(trials)[0].values, name=f"{search.name}-best")
        write_text(folder.best, best.as_yaml())
    return trials


def _follow(
    folder: SearchFolder, search: Search, told: set[int], teller: Teller, done: Callable[[int], None]
) -> Callable[[Standing], None]:
    """What is shown and written whenever a trial begins or ends. told: numbers of trials that need no word."""

    def follow(standing: Standing) -> None:
        done(standing.done + standing.failed)
        for trial in write_trials(folder, search):
            if trial.over and trial.number not in told:
                told.add(trial.number)
                (teller.say if trial.state == "done" else teller.warn)(in_words(trial))

    return follow
