"""One trial of a search: python -m motes.study.search_trials FOLDER NUMBER.

A trial asks optuna for values, or takes those that it had when it was stopped, trains, and tells optuna how good
they are.
"""

import hashlib
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from filelock import FileLock

from motes.cluster.tasks import holding
from motes.data.sources import read_data_table
from motes.errors import InputError, MotesError, RecipeError, TrainingError
from motes.jobs.cost import SUMMARY
from motes.jobs.run_record import METRICS, read_lines
from motes.jobs.telling import Printed
from motes.jobs.train import TrainingData, train
from motes.jobs.training_report import read_summary
from motes.output import write_text
from motes.study.folder import Folder
from motes.study.pieces import settings_of
from motes.study.search_description import (
    Search,
    Sought,
    Values,
    check_search,
    own_values,
    trial_recipe,
    whole_numbers,
)
from motes.study.work import now

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

NUMBER, VALUES = "number", "values"  # what optuna keeps of a trial for us
OUTCOME = ("value", "watched", "reason")  # of a trial that is over


class SearchFolder(Folder):
    """Where everything of a search lies in its folder."""

    @property
    def planned(self) -> bool:
        """Whether a trial has begun; before that nothing is lost if the search begins anew."""
        return self.journal.is_file()

    @property
    def search(self) -> Path:
        """The search with every value."""
        return self.path / "search.yaml"

    @property
    def recipe(self) -> Path:
        """The recipe before anything was sought."""
        return self.path / "recipe.yaml"

    @property
    def journal(self) -> Path:
        """What optuna knows of the trials."""
        return self.path / "journal.log"

    @property
    def trials(self) -> Path:
        """A line for each trial."""
        return self.path / "trials.csv"

    @property
    def best(self) -> Path:
        """The recipe with the best values."""
        return self.path / "best.yaml"

    def run_of(self, values: Values) -> Path:
        """The run folder of some values; equal values have the same."""
        return self.path / "trials" / name_of(values)


@dataclass(frozen=True)
class Trial:
    """One trial as it stands. value: the best of its validations, None where there is none.

    state: done; failed: with these values nothing can be trained; given up: its process died, or its images could not
    be read, and the next launch tries again; unfinished: it runs, or was stopped. seconds: spent in its epochs.
    """

    number: int
    values: Values
    state: str
    run: Path
    value: float | None = None
    watched: str = ""
    reason: str = ""
    epochs: int = 0
    seconds: float = 0.0

    @property
    def reason_in_short(self) -> str:
        """Its first line; where a process died, the end of its output follows."""
        return self.reason.partition("\n")[0]

    @property
    def over(self) -> bool:
        """Whether this launch has nothing more to do for it."""
        return self.state != "unfinished"


def kept_search(folder: SearchFolder) -> Search:
    """The search that a folder holds."""
    return check_search(yaml.safe_load(folder.search.read_text(encoding="utf-8")))


def item_of(number: int) -> str:
    """The name of a trial among the pieces of work."""
    return f"trial-{number:03d}"


def name_of(values: Values) -> str:
    """12 hexadecimal digits that stand for some values."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()[:12]


def work_on(folder: SearchFolder, number: int) -> None:
    """Carry out a trial unless it is over already; leave word of how it ended.

    Values that cannot be trained with count as the trial's outcome. Images that cannot be read do not: the next launch
    tries the same values once more.
    """
    need_optuna()
    item, search = item_of(number), kept_search(folder)
    with holding(folder.lock(item)):
        if folder.done(item).exists() or folder.failed(item).exists():
            return
        known, values = take(folder, search, number)
        try:
            outcome = tried(folder, search, values)
        except (TrainingError, RecipeError) as error:
            outcome = {"value": None, "watched": "", "reason": str(error)}
        except InputError as error:
            write_text(folder.failed(item), f"{error}\n")
            return
        # Told first: a process killed between the two tells the same once more.
        tell(folder, search, known, outcome["value"])
        write_text(folder.done(item), json.dumps({"at": now(), **outcome}, indent=1) + "\n")


def take(folder: SearchFolder, search: Search, number: int) -> tuple[int, Values]:
    """Optuna's number and the values of a trial: those that it began with, or else new ones.

    The first trial has the recipe's own values, where they lie in the space.
    """
    with journal(folder, search, number) as study:
        for trial in study.trials:
            if trial.user_attrs.get(NUMBER) == number:
                return trial.number, trial.user_attrs[VALUES]
        _drop_half_begun(study)
        own = own_values(search)
        first = number == 1 and all(sought.holds(own[key]) for key, sought in search.space.items())
        if first:
            study.enqueue_trial({key: drawn(sought, own[key]) for key, sought in search.space.items()})
        asked = study.ask({key: distribution(key, sought) for key, sought in search.space.items()})
        texts = {key: sought.text_of(asked.params[key]) for key, sought in search.space.items()}
        values = own if first else texts
        asked.set_user_attr(VALUES, values)
        asked.set_user_attr(NUMBER, number)
        return asked.number, values


def tried(folder: SearchFolder, search: Search, values: Values) -> dict[str, Any]:
    """Train with some values, or go on with that, and give the best of the metric that is watched.

    Raises TrainingError where that is never defined.
    """
    run, table = folder.run_of(values), folder.fold(0)
    lock = folder.lock(name_of(values))
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # another trial may have drawn the same values
        if not (run / SUMMARY).is_file():
            recipe = trial_recipe(search, values)
            data = TrainingData(read_data_table(table), table=table)
            device, threads = settings_of(folder)
            train(recipe, data, run, resume=True, device=device, threads=threads, teller=Printed())
    summary = read_summary(run)
    watched = summary["watched"]
    if summary["best"][watched] is None:
        raise TrainingError(f"{watched} was not defined at any validation")
    return {"value": summary["best"][watched], "watched": watched, "reason": ""}


def tell(folder: SearchFolder, search: Search, known: int, value: float | None) -> None:
    """Tell optuna how good a trial was; None: nothing can be trained with its values. known: optuna's number."""
    from optuna.trial import TrialState

    state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    with journal(folder, search) as study:
        study.tell(known, value, state, skip_if_finished=True)


def need_optuna() -> None:
    """Silence optuna; MotesError where it is missing."""
    try:
        import optuna
    except ImportError:
        raise MotesError(
            "a search needs optuna, which is not installed; pip install 'motes[search]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@contextmanager
def journal(folder: SearchFolder, search: Search, number: int = 0) -> Iterator["optuna.Study"]:
    """The trials in optuna's words; no other process changes them while the block runs.

    number: of the trial that asks for values, which are drawn from the search's seed and this number.
    Values are chosen by a tree-structured Parzen estimator (Bergstra et al. 2011), of all fields together.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    place = str(folder.journal)
    with FileLock(folder.path / ".journal.lock"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _drop_torn_line(folder.journal)
        sampler = optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0]),
            n_startup_trials=min(10, 1 + search.trials // 4),  # of few trials not all may be left to chance
            multivariate=True,
            constant_liar=True,  # keeps processes that ask at the same time apart
        )
        storage = JournalStorage(JournalFileBackend(place, lock_obj=JournalFileOpenLock(place)))
        if not optuna.get_all_study_names(storage):
            optuna.create_study(storage=storage, study_name=search.name, direction="maximize")
        yield optuna.load_study(storage=storage, study_name=search.name, sampler=sampler)


def distribution(key: str, sought: Sought) -> "BaseDistribution":
    """Where values of a field are sought, in optuna's words; choices as YAML writes them."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if sought.choices is not None:
        return CategoricalDistribution(sought.texts)
    low, high = sought.ends
    if whole_numbers(key):
        return IntDistribution(int(low), int(high), log=sought.log)
    return FloatDistribution(low, high, log=sought.log)


def drawn(sought: Sought, text: str) -> str | float:
    """A value as it would have been drawn."""
    return text if sought.choices is not None else float(text)


def _drop_half_begun(study: "optuna.Study") -> None:
    """Fail the trials of processes that were killed before they had noted down for whom they asked."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if NUMBER not in trial.user_attrs:
            study.tell(trial.number, state=TrialState.FAIL)


def _drop_torn_line(path: Path) -> None:
    """Remove a last line that was not written whole, as a full disk leaves it."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        text = file.read()
        if text and not text.endswith(b"\n"):
            file.truncate(text.rfind(b"\n") + 1)


def read_trials(folder: SearchFolder, search: Search) -> list[Trial]:
    """Every trial that was begun, in their order."""
    with journal(folder, search) as study:
        begun = {
            trial.user_attrs[NUMBER]: trial.user_attrs[VALUES]
            for trial in study.get_trials(deepcopy=False)
            if NUMBER in trial.user_attrs
        }
    return [_trial(folder, number, begun[number]) for number in sorted(begun)]


def _trial(folder: SearchFolder, number: int, values: Values) -> Trial:
    run, item = folder.run_of(values), item_of(number)
    lines = read_lines(run / METRICS)
    spent = {"epochs": len(lines), "seconds": round(sum(line["seconds"] for line in lines), 3)}
    if folder.done(item).is_file():
        outcome = json.loads(folder.done(item).read_text(encoding="utf-8"))
        state = "failed" if outcome["value"] is None else "done"
        return Trial(number, values, state, run, **{key: outcome[key] for key in OUTCOME}, **spent)
    if folder.failed(item).is_file():
        reason = folder.failed(item).read_text(encoding="utf-8").strip()
        return Trial(number, values, "given up", run, reason=reason, **spent)
    return Trial(number, values, "unfinished", run, **spent)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that have a value, best first, of equals the earlier."""
    return sorted((t for t in trials if t.value is not None), key=lambda t: (-(t.value or 0), t.number))


if __name__ == "__main__":
    work_on(SearchFolder(Path(sys.argv[1])), int(sys.argv[2]))
