"""What a search has found, in words and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from motes.study.search_description import Search, Values
from motes.study.search_trials import SearchFolder, Trial, journal, ranked

ENOUGH = 20  # trials, before anything is said of which field matters
TOP = 0.25  # the share of the trials that count as good
CAUTION = (
    "the best of many trials owes a part of its lead to chance, and each was one training: compare best.yaml with the "
    "recipe over several seeds, with motes study run, before you rely on it"
)


@dataclass(frozen=True)
class Found:
    """What a search has found. own: what the recipe itself says. importance: of each field, empty where unknown."""

    folder: SearchFolder
    search: Search
    trials: Sequence[Trial]
    best: Trial
    own: Values
    importance: Mapping[str, float]

    @property
    def done(self) -> list[Trial]:
        """The trials that have a value, best first."""
        return ranked(self.trials)

    @property
    def given_up(self) -> int:
        """How many trials the next launch will try again."""
        return sum(trial.state == "given up" for trial in self.trials)


def in_words(trial: Trial) -> str:
    """A line such as: trial 3: best_f1 0.512 with training.batch=4."""
    values = ", ".join(f"{key}={text}" for key, text in trial.values.items())
    if trial.value is not None:
        return f"trial {trial.number}: {trial.watched} {trial.value:.3f} with {values}"
    return f"trial {trial.number} {trial.state}, with {values}: {trial.reason_in_short}"


def importance_of(folder: SearchFolder, search: Search) -> dict[str, float]:
    """The share of each field in whether a trial is among the best; empty for few trials, or one field.

    PED-ANOVA (Watanabe, Bansal and Hutter 2023), for the best quarter of the trials.
    """
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    with journal(folder, search) as study:
        values = [trial.value for trial in study.get_trials(states=(TrialState.COMPLETE,))]
        if len(values) < ENOUGH or len(search.space) < 2 or len(set(values)) < 2:
            return {}
        return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=TOP))


def good_values(key: str, found: Found) -> str:
    """Where the best quarter of the trials lies: 0.001 to 0.004, or the choices among them; empty for few trials."""
    best = [trial.values[key] for trial in found.done[: int(TOP * len(found.done))]]
    if len(best) < 2:
        return ""
    sought = found.search.space[key]
    if sought.choices is not None:
        return ", ".join(text for text in sought.texts if text in best)
    low, high = min(best, key=float), max(best, key=float)
    return f"{low} to {high}"


def table_of(found: Found) -> tuple[list[str], list[list[str]]]:
    """Columns and rows, one for each field: its best value, the recipe's own, where good values lie, how it matters."""
    columns = ["field", "best", "recipe", "best quarter of trials", "importance"]
    rows = []
    for key in found.search.space:
        matters = f"{found.importance[key]:.2f}" if found.importance else ""
        rows.append([key, found.best.values[key], found.own[key], good_values(key, found), matters])
    shown = [number for number in range(5) if any(row[number] for row in rows)]
    return [columns[number] for number in shown], [[row[number] for number in shown] for row in rows]


def verdict(found: Found) -> list[str]:
    """How good the best values are, how much of that the spread of the trials may explain, and what to do next."""
    values = [trial.value for trial in found.done if trial.value is not None]
    what, before = _before(found, values)
    best, gain = found.best, values[0] - before
    if gain <= 0:
        return [f"no trial of {len(values)} did better than {what}: {best.watched} {before:.3f}"]
    said = [
        f"trial {best.number} is the best of {len(values)}: {best.watched} {values[0]:.3f}, which is {gain:.3f} "
        f"more than {what} ({before:.3f})"
    ]
    if len(values) >= 4:
        low, high = np.quantile(values, [0.25, 0.75])
        share = (high - low) / gain
        size = "larger than the gain" if share >= 1 else f"as large as {share:.0%} of the gain"
        said.append(f"half of the trials lie between {low:.3f} and {high:.3f}: a spread {size}")
    return [*said, CAUTION]


def _before(found: Found, values: Sequence[float]) -> tuple[str, float]:
    """What the best trial is compared with, and how good that is."""
    for trial in found.done:
        if trial.value is not None and dict(trial.values) == dict(found.own):
            return "the recipe's own values", trial.value
    return "the median of the trials", float(np.median(values))
