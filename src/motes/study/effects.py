"""What each factor of a factorial does, and how factors act together: levels, shares, minutes, and a few sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from motes.figures.pages import listed
from motes.figures.study_results import Arm, Comparison, FactorEffect, Level, SpreadRow
from motes.figures.study_words import metric_words
from motes.study.analysis import CLEAR, bounded_mean, contrasts_of, mean_of
from motes.study.contrasts import differences, mean_at, shares
from motes.study.description import Study
from motes.study.results import Results, Values
from motes.study.variance import training_spread

HIGHEST = 2  # factors of the interactions that are told one by one


def with_minutes(
    study: Study, comparisons: Sequence[Comparison], minutes: Mapping[str, float]
) -> list[Comparison]:
    """The comparisons with what they cost in minutes of training; minutes: by arm, those that were measured."""
    weights = {each.name: each.weights for each in contrasts_of(study)}
    return [replace(each, minutes=_weighted(weights.get(each.name, {}), minutes)) for each in comparisons]


def _weighted(weights: Mapping[str, float], values: Mapping[str, float]) -> float:
    needed = {arm: weight for arm, weight in weights.items() if weight}
    if not needed or not needed.keys() <= values.keys():
        return math.nan
    return sum(weight * values[arm] for arm, weight in needed.items())


def effects_of(
    study: Study, results: Results, comparisons: Sequence[Comparison], minutes: Mapping[str, float]
) -> list[FactorEffect]:
    """Each factor by itself, then each two together, in the deciding metric; empty for other designs.

    minutes: of training, by arm, those that were measured.
    """
    rows = {name: row for name, row in results.rows.items() if not row.ensemble}
    if not study.factors or not all(arm in rows for arm in study.levels):
        return []
    tables = {arm: rows[arm].values[study.metric] for arm in study.levels}
    parted = shares(study.levels, {arm: mean_of(values, results) for arm, values in tables.items()})
    decides = [each for each in comparisons if each.metric == study.metric]
    made = []
    for count in range(1, min(HIGHEST, len(study.factors)) + 1):
        for names in combinations(study.factors, count):
            own = [each for each in decides if each.name.startswith(f"{' x '.join(names)}: ")]
            levels = _levels(study, names[0], tables, results, minutes) if count == 1 else []
            effect = FactorEffect(names, levels, parted.get(names, math.nan), own, "")
            made.append(replace(effect, words=in_sentences(effect, study.metric)))
    return made


def _levels(
    study: Study, name: str, tables: Mapping[str, Values], results: Results, minutes: Mapping[str, float]
) -> list[Level]:
    return [
        Level(
            level,
            bounded_mean(differences(tables, contrast), study.metric, results),
            _weighted(contrast.weights, minutes),
        )
        for level in study.factors[name]
        for contrast in [mean_at(study.levels, name, level)]
    ]


def in_sentences(effect: FactorEffect, metric: str) -> str:
    """What an effect is, for people: its levels, and which of its differences are clear after correction."""
    return " ".join(
        filter(None, [_levels_in_words(effect, metric), _differences_in_words(effect), _cost(effect)])
    )


def _levels_in_words(effect: FactorEffect, metric: str) -> str:
    known = [level for level in effect.levels if not math.isnan(level.mean.value)]
    if not known:
        return ""
    told = listed([f"{level.mean.value:.3f} with {level.name}" for level in known])
    return f"{effect.factors[0]}: the mean {metric_words(metric)} is {told}."


def _differences_in_words(effect: FactorEffect) -> str:
    known = [each for each in effect.comparisons if not math.isnan(each.difference.low)]
    alone = len(effect.factors) == 1
    name = "" if alone else f"{' x '.join(effect.factors)}: "
    if not known:
        return f"{name}{'Nothing' if alone else 'nothing'} can be said of its differences."
    clear = [each for each in known if each.p_holm < CLEAR]
    largest = max(clear or known, key=lambda each: abs(each.difference.value))
    found = f"{_change(largest)}, {_difference(largest)}{_in_samples(largest)}"
    if clear:
        share = "The one" if len(known) == 1 else f"{len(clear)} of {len(known)}"
        what = "difference" if alone else "interaction"
        which = "is" if len(clear) == 1 else "are"
        told = f"{share} {what}{'' if len(known) == 1 else 's'} {which} clear after correction, the largest is {found}."
        return f"{name}{told}" if alone else f"{name}{told[0].lower()}{told[1:]}"
    if alone:
        return f"No difference between its levels is clear after correction; the largest is {found}."
    return (
        f"{name}no interaction is clear after correction, so as far as this study can tell their effects add up; the "
        f"largest is {found}."
    )


def _change(comparison: Comparison) -> str:
    """'128 - 64' from 'patch: 128 - 64'."""
    return comparison.name.partition(": ")[2]


def _difference(comparison: Comparison) -> str:
    value = comparison.difference
    return f"{value.value:+.4f} (95 % interval {value.low:+.4f} to {value.high:+.4f})"


def _in_samples(comparison: Comparison) -> str:
    known = [value for value in comparison.by_sample if not math.isnan(value)]
    return f"; sample by sample {listed([f'{value:+.4f}' for value in known])}" if len(known) > 1 else ""


def _cost(effect: FactorEffect) -> str:
    known = [level for level in effect.levels if not math.isnan(level.minutes)]
    if len(known) < 2:
        return ""
    return f"A training takes {listed([f'{level.minutes:.3g} min with {level.name}' for level in known])}."


def spreads_of(study: Study, results: Results) -> list[SpreadRow]:
    """How much trainings differ between samples and between seeds: of the arms, and of their differences from the base.

    Empty for a study without samples.
    """
    rows = {name: row for name, row in results.rows.items() if name in study.all_arms}
    if results.samples == 1 or study.base not in rows:
        return []
    values = {name: row.values[study.metric] for name, row in rows.items()}
    base = values[study.base]
    made = []
    for what, tables in (
        ("what an arm reaches", list(values.values())),
        (
            f"its difference from {study.base}",
            [own - base for name, own in values.items() if name != study.base],
        ),
    ):
        found = training_spread([_over_images(results.by_sample(table)) for table in tables])
        made.append(SpreadRow(what, found.samples, found.seeds, found.tables))
    return [row for row in made if row.tables]


def _over_images(table: Values) -> Values:
    """(images, samples, seeds) to (samples, seeds): the mean over the images that all trainings have; nan without."""
    whole = table[~np.isnan(table).any(axis=(1, 2))]
    return whole.mean(axis=0) if len(whole) else np.full(table.shape[1:], np.nan)


def minutes_of(arms: Sequence[Arm]) -> dict[str, float]:
    """Minutes of training of each arm that was measured."""
    return {
        arm.name: arm.cost.training_seconds / 60
        for arm in arms
        if arm.cost.training_seconds is not None and not arm.ensemble
    }
