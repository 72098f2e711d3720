"""From the results of a study to its comparisons: every difference with interval, tests and correction."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from motes.figures.study_results import Comparison, Interval
from motes.score.statistics import percentile_interval
from motes.study.contrasts import Contrast, between_levels, differences, factorial, pairs, steps
from motes.study.description import ERRORS, Study
from motes.study.resampling import hierarchical_bootstrap
from motes.study.results import Results, Row, Values
from motes.study.statistics import estimate, holm, in_words, paired_t, wilcoxon

CLEAR = 0.05  # the level of the corrected p value
UNCLEAR_AMONG_MANY = "not distinguishable from no difference, once corrected for the number of comparisons"


def contrasts_of(study: Study) -> list[Contrast]:
    """What a study compares: factors' effects, or each arm with the base, and each step of the ladder with the last."""
    if study.factors:
        return _effects(study)
    alone = [arm for arm in study.all_arms if arm not in study.steps[2:]]
    return [*pairs(alone, study.base), *steps(study.steps)[1:], *_whole_ladder(study)]


def _effects(study: Study) -> list[Contrast]:
    """Main effects of each pair of levels, factor by factor, then interactions."""
    found = factorial(study.levels)
    main = [*(each for each in found if each.kind == "main effect"), *between_levels(study.levels)]
    by_factor = [each for name in study.factors for each in main if each.name.startswith(f"{name}: ")]
    return [*by_factor, *(each for each in found if each.kind == "interaction")]


def _whole_ladder(study: Study) -> list[Contrast]:
    if len(study.steps) < 3:
        return []
    return [replace(each, kind="pair") for each in pairs([study.base, study.steps[-1]], study.base)]


def compare(study: Study, results: Results) -> list[Comparison]:
    """Every contrast in every metric; p values are corrected among all contrasts of one metric, ensembles apart."""
    rows = {name: row for name, row in results.rows.items() if not row.ensemble}
    contrasts = [each for each in contrasts_of(study) if all(arm in rows for arm in each.weights)]
    made: list[Comparison] = []
    for metric in results.metrics(study.metric):
        tables = {name: row.values[metric] for name, row in rows.items()}
        between = [_comparison(study, metric, each, tables, results) for each in contrasts]
        made += [*corrected(between), *corrected(list(_of_ensembles(study, metric, results)))]
    return made


def _comparison(
    study: Study, metric: str, contrast: Contrast, tables: Mapping[str, Values], results: Results
) -> Comparison:
    """One contrast in one metric; the values of its two arms, where it has two, are those of what both have."""
    d = differences(tables, contrast)
    repeats = results.repeats(d)
    effect = estimate(repeats.values, repeats.groups, repeats.sample_of)
    arm, base = two_arms(contrast)
    common = {name: np.where(np.isnan(d), np.nan, tables[name]) for name in (arm, base) if name}
    means = {name: mean_of(values, results) for name, values in common.items()}
    return Comparison(
        name=contrast.name,
        kind=contrast.kind,
        metric=metric,
        arm=arm,
        base=base,
        arm_value=means.get(arm, math.nan),
        base_value=means.get(base, math.nan),
        difference=Interval(effect.value, effect.low, effect.high),
        relative=effect.value / means[base] if means.get(base) else None,
        words=in_words(effect),
        p=effect.p,
        p_holm=math.nan,
        bootstrap=percentile_interval(hierarchical_bootstrap(repeats.averaged, repeats.groups)),
        paired_t=paired_t(repeats.values, repeats.groups).p,
        wilcoxon=wilcoxon(repeats.values, repeats.groups).p,
        groups=effect.groups,
        images=effect.images,
        seeds=min(effect.seeds, repeats.seeds) if results.samples > 1 else effect.seeds,
        samples=repeats.samples,
        by_sample=means_of_samples(d, results),
        method="; ".join(filter(None, [effect.method, repeats.words])),
        guessed=guessed_gain(study, contrast) if metric == study.metric else None,
    )


def mean_of(values: Values, results: Results) -> float:
    """The mean of values (images, seeds) as the statistics take it; nan where there are none."""
    repeats = results.repeats(values)
    return estimate(repeats.values, repeats.groups, repeats.sample_of).value


def means_of_samples(values: Values, results: Results) -> tuple[float, ...]:
    """The mean of values (images, seeds) in each sample by itself; empty for a study without samples."""
    if results.samples == 1:
        return ()
    folds = np.array([image.fold for image in results.images])
    groups = results.groups
    return tuple(estimate(values[folds == n], groups[folds == n]).value for n in range(results.samples))


def two_arms(contrast: Contrast) -> tuple[str, str]:
    """The arm and the one it is compared with, where it is a difference of two."""
    if contrast.kind not in ("pair", "step"):
        return "", ""
    arm, base = sorted(contrast.weights, key=lambda name: -contrast.weights[name])
    return arm, base


def guessed_gain(study: Study, contrast: Contrast) -> tuple[float, float] | None:
    """What was expected of a comparison, in points of 100: of an arm, of a step's own strategy, of the whole ladder."""
    arm, base = two_arms(contrast)
    if contrast.kind == "step":
        return study.all_arms[study.ladder[study.steps.index(arm) - 1]].guessed
    if arm in study.steps[2:] and base == study.base:
        each = [study.all_arms[name].guessed for name in study.ladder]
        known = [guess for guess in each if guess is not None]
        return (
            (sum(low for low, _ in known), sum(high for _, high in known))
            if len(known) == len(each)
            else None
        )
    return study.all_arms[arm].guessed if arm in study.all_arms and base == study.base else None


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same with Holm's p values; what is clear alone, but not among so many, is said to be so."""
    adjusted = holm([each.p for each in comparisons])
    return [
        replace(each, p_holm=float(p), words=UNCLEAR_AMONG_MANY if _lost(each, float(p)) else each.words)
        for each, p in zip(comparisons, adjusted, strict=True)
    ]


def _lost(comparison: Comparison, p: float) -> bool:
    return comparison.words in ("higher", "lower") and p >= CLEAR


def _of_ensembles(study: Study, metric: str, results: Results) -> Iterator[Comparison]:
    """Each ensemble against the single nets of its arm, or of the base: seed by seed, or with their mean."""
    for name, row in results.rows.items():
        single = results.rows.get(_arm_of(name, study))
        if not row.ensemble or single is None:
            continue
        alone = single.values[metric]
        if row.seeds == [-1]:
            alone = mean_over_seeds(alone)[:, None]
        else:
            alone = alone[:, [list(single.seeds).index(seed) for seed in row.seeds]]
        contrast = Contrast(f"{name} - {single.name} alone", {name: 1.0, single.name: -1.0}, "pair")
        tables = {name: row.values[metric], single.name: alone}
        yield replace(_comparison(study, metric, contrast, tables, results), kind="ensemble")


def mean_over_seeds(values: Values) -> Values:
    """The mean of the seeds that have a value, (images,); nan where none has."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def _arm_of(ensemble: str, study: Study) -> str:
    """The arm whose nets an ensemble joins; the base, where it joins several arms."""
    return next((arm for arm in study.all_arms if ensemble.startswith(f"{arm}, ")), study.base)


def interval_of(row: Row, metric: str, results: Results) -> Interval:
    """The mean of a metric over groups, images and seeds, with its interval."""
    return bounded_mean(row.values[metric], metric, results)


def bounded_mean(values: Values, metric: str, results: Results) -> Interval:
    """The mean of values (images, seeds) with its interval; no metric leaves 0 to 1, but czii and errors may."""
    repeats = results.repeats(values)
    effect = estimate(repeats.values, repeats.groups, repeats.sample_of)
    low, high = np.clip([effect.low, effect.high], 0, np.inf if metric in ("czii", *ERRORS) else 1).tolist()
    return Interval(effect.value, low, high)
