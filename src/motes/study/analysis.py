"""From the results of a study to its comparisons: every difference with interval, tests and correction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from motes.figures.study_results import Comparison, Interval
from motes.score.statistics import percentile_interval
from motes.study.contrasts import Contrast, differences, factorial, pairs, steps
from motes.study.description import METRICS, Study
from motes.study.resampling import hierarchical_bootstrap
from motes.study.results import Results, Row, Values
from motes.study.statistics import Effect, estimate, holm, in_words, paired_t, wilcoxon


def contrasts_of(study: Study) -> list[Contrast]:
    """What a study compares: factors' effects, or each arm with the base, and each step of the ladder with the last."""
    if study.factors:
        return factorial(study.levels)
    alone = [arm for arm in study.all_arms if arm not in study.steps[2:]]
    return [*pairs(alone, study.base), *steps(study.steps)[1:], *_whole_ladder(study)]


def _whole_ladder(study: Study) -> list[Contrast]:
    if len(study.steps) < 3:
        return []
    return [replace(each, kind="pair") for each in pairs([study.base, study.steps[-1]], study.base)]


def compare(study: Study, results: Results) -> list[Comparison]:
    """Every contrast in every metric; p values are corrected among all contrasts of one metric, ensembles apart."""
    values = {name: row for name, row in results.rows.items() if not row.ensemble}
    made: list[Comparison] = []
    for metric in METRICS:
        tables = {name: row.values[metric] for name, row in values.items()}
        possible = [each for each in contrasts_of(study) if all(arm in tables for arm in each.weights)]
        made += _corrected([_comparison(study, metric, each, tables, results) for each in possible])
        made += _corrected(list(_of_ensembles(study, metric, results)))
    return made


def _comparison(
    study: Study, metric: str, contrast: Contrast, tables: Mapping[str, Values], results: Results
) -> Comparison:
    arm, base = two_arms(contrast)
    d = differences(tables, contrast)
    reference = _mean(tables[base], results) if base else float("nan")
    return _compared(metric, contrast, d, results, arm, base, reference, study)


def two_arms(contrast: Contrast) -> tuple[str, str]:
    """The arm and the one it is compared with, where it is a difference of two."""
    if contrast.kind not in ("pair", "step"):
        return "", ""
    arm, base = sorted(contrast.weights, key=lambda name: -contrast.weights[name])
    return arm, base


def _compared(
    metric: str,
    contrast: Contrast,
    d: Values,
    results: Results,
    arm: str,
    base: str,
    reference: float,
    study: Study,
) -> Comparison:
    effect = estimate(d, results.groups)
    return Comparison(
        name=contrast.name,
        kind=contrast.kind,
        metric=metric,
        arm=arm,
        base=base,
        difference=Interval(effect.value, effect.low, effect.high),
        relative=effect.value / reference if reference else None,
        words=in_words(effect),
        p=effect.p,
        p_holm=float("nan"),
        bootstrap=percentile_interval(hierarchical_bootstrap(d, results.groups)),
        paired_t=paired_t(d, results.groups).p,
        wilcoxon=wilcoxon(d, results.groups).p,
        groups=effect.groups,
        images=effect.images,
        seeds=effect.seeds,
        method=effect.method,
        guessed=guessed_gain(study, contrast) if metric == study.metric else None,
    )


def guessed_gain(study: Study, contrast: Contrast) -> tuple[float, float] | None:
    """What was expected of a comparison, in points of 100: of an arm, of a step's own strategy, of the whole ladder."""
    arm, base = two_arms(contrast)
    if contrast.kind == "step":
        return study.all_arms[study.ladder[study.steps.index(arm) - 1]].guessed
    if arm in study.steps[2:] and base == study.base:
        each = [study.all_arms[name].guessed or (0.0, 0.0) for name in study.ladder]
        return sum(low for low, _ in each), sum(high for _, high in each)
    return study.all_arms[arm].guessed if arm in study.all_arms and base == study.base else None


def _corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    adjusted = holm([each.p for each in comparisons])
    return [replace(each, p_holm=float(p)) for each, p in zip(comparisons, adjusted, strict=True)]


def _of_ensembles(study: Study, metric: str, results: Results) -> list[Comparison]:
    """Each ensemble against the mean single net of its arm, or of the base."""
    made = []
    for name, row in results.rows.items():
        single = results.rows.get(_arm_of(name, study))
        if not row.ensemble or single is None:
            continue
        alone = single.values[metric]
        paired = alone if row.values[metric].shape == alone.shape else alone.mean(axis=1, keepdims=True)
        d = row.values[metric] - paired
        contrast = Contrast(f"{name} - {single.name} alone", {name: 1.0, single.name: -1.0}, "pair")
        made.append(
            replace(
                _compared(metric, contrast, d, results, name, single.name, _mean(alone, results), study),
                kind="ensemble",
            )
        )
    return made


def _arm_of(ensemble: str, study: Study) -> str:
    """The arm whose nets an ensemble joins; the base, where it joins several arms."""
    return next((arm for arm in study.all_arms if ensemble.startswith(f"{arm}, ")), study.base)


def interval_of(row: Row, metric: str, results: Results) -> Interval:
    """The mean of a metric over groups, images and seeds, with its interval."""
    effect = estimate(row.values[metric], results.groups)
    return Interval(effect.value, effect.low, effect.high)


def _mean(values: Values, results: Results) -> float:
    effect: Effect = estimate(values, results.groups)
    return effect.value
