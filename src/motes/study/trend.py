"""A rule put to the test: how the best value of a field of the recipe changes with the number of objects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from motes.figures.pages import listed
from motes.figures.study_results import AtDensity, Interval, TrendResult
from motes.figures.study_words import metric_words
from motes.study.claims import Trend
from motes.study.description import Study
from motes.study.results import Results
from motes.study.statistics import LEVEL

Values = NDArray[np.float64]
HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
FIELDS = {"training.learning_rate": "learning rate", "training.batch": "batch", "net.dropout": "dropout"}


@dataclass(frozen=True)
class Line:
    """A straight line through points: slope with its interval, and the value at 0."""

    slope: Interval
    at_zero: float


def trend_of(study: Study, results: Results, tried: Mapping[str, float]) -> TrendResult | None:
    """How the rule of a study fares; None where the study has none, or an arm has no results.

    tried: the value of the field in each arm. The best value at a density is found for each seed by itself, on a scale
    of ratios: the summit of the parabola through the highest mean over test images and its two neighbours.
    """
    if study.trend is None or study.data is None or not all(arm in results.rows for arm in tried):
        return None
    values = sorted(set(tried.values()))
    scores = _scores(study, results, tried, values)
    summits, edges = _summits(np.log10(values), scores)
    objects = study.data.densities
    line = fitted_line(np.log10(objects), summits)
    bests = _intervals(summits)
    rows = [
        AtDensity(count, best, tuple(float(s) for s in scores[n].mean(axis=1)), int(np.sign(edges[n].sum())))
        for n, (count, best) in enumerate(zip(objects, bests, strict=True))
    ]
    may_move = _edge_pull(np.log10(objects), edges)
    verdict = judged(line.slope, study.trend.claimed, may_move)
    words = _in_words(study.trend, study.metric, rows, line.slope, verdict, len(study.seeds))
    return TrendResult(
        field=FIELDS.get(study.trend.field, study.trend.field),
        tried=values,
        rows=rows,
        slope=line.slope,
        at_one=line.at_zero,
        claimed=study.trend.claimed,
        rule=study.trend.rule,
        verdict=verdict,
        words=words,
    )


def _scores(study: Study, results: Results, tried: Mapping[str, float], values: Sequence[float]) -> Values:
    """Means over test images (densities, values, seeds); a training without results, which failed, has 0."""
    assert study.data is not None
    folds = np.array([image.fold for image in results.images])
    made = np.zeros((len(study.data.densities), len(values), len(study.seeds)))
    for place, value in enumerate(values):
        arms = [arm for arm, own in tried.items() if own == value]
        for number in range(len(made)):
            each = [results.rows[arm].values[study.metric][folds == number] for arm in arms]
            made[number, place] = np.mean([_mean_over_images(table) for table in each], axis=0)
    return made


def _mean_over_images(table: Values) -> Values:
    """(images, seeds) to (seeds,), over the images that have a value; 0 where none has."""
    known = ~np.isnan(table)
    return np.asarray(np.where(known, table, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _summits(logs: Values, scores: Values) -> tuple[Values, NDArray[np.int64]]:
    """Where each seed does best (densities, seeds), and -1 or 1 where that is the lowest or highest value tried."""
    densities, _, seeds = scores.shape
    summits, edges = np.zeros((densities, seeds)), np.zeros((densities, seeds), dtype=np.int64)
    for n, seed in np.ndindex(densities, seeds):
        summits[n, seed], edges[n, seed] = summit(logs, scores[n, :, seed])
    return summits, edges


def summit(places: Values, heights: Values) -> tuple[float, int]:
    """The place of the summit of the parabola through the highest point and its neighbours.

    places: (n,) rising; heights: (n,). Returns the highest point itself, and -1 or 1, where it is the first or the
    last, since the summit may lie beyond.
    """
    best = int(np.argmax(heights))
    if best in (0, len(places) - 1):
        return float(places[best]), -1 if best == 0 else 1
    before, after = places[best] - places[best - 1], places[best + 1] - places[best]
    rise, fall = heights[best] - heights[best - 1], heights[best] - heights[best + 1]
    if rise + fall == 0:
        return float(places[best]), 0
    left, right = rise / before, fall / after
    shift = (left * after - right * before) / (left + right) / 2
    return float(places[best] + np.clip(shift, -before / 2, after / 2)), 0


def fitted_line(x: Values, y: Values) -> Line:
    """The line of least squares through y (n, repeats) at x (n,), the slope with its t interval.

    The mean of each place counts as one point: repeats share images, so that they are not independent of each other.
    What a straight line cannot follow widens the interval.
    """
    found = stats.linregress(x, y.mean(axis=1))
    slope, freedom = float(found.slope), x.size - 2
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom) * found.stderr) if freedom > 0 else math.nan
    return Line(Interval(slope, slope - half, slope + half), float(found.intercept))


def _intervals(summits: Values) -> list[Interval]:
    """The best value of each density with its t interval over seeds, whose spread is taken as that of all densities."""
    densities, seeds = summits.shape
    half = math.nan
    if seeds > 1:
        spread = math.sqrt(float(summits.var(axis=1, ddof=1).mean()) / seeds)
        half = float(stats.t.ppf((1 + LEVEL) / 2, densities * (seeds - 1))) * spread
    means = summits.mean(axis=1)
    return [Interval(*(float(10**end) for end in (mean, mean - half, mean + half))) for mean in means]


def _edge_pull(x: Values, edges: NDArray[np.int64]) -> tuple[bool, bool]:
    """Whether best values beyond those that were tried could make the slope lower, and whether they could raise it."""
    pull = np.sign(x - x.mean())[:, None] * edges
    return bool((pull < 0).any()), bool((pull > 0).any())


def judged(slope: Interval, claimed: float, may_move: tuple[bool, bool] = (False, False)) -> str:
    """Whether a rule holds: its slope is in the interval, and no slope at all is not.

    may_move: whether the true slope may be lower, and higher, than the trainings could show.
    """
    if math.isnan(slope.low):
        return OPEN
    if slope.low <= claimed <= slope.high:
        return OPEN if slope.low <= 0 <= slope.high or any(may_move) else HOLDS
    return OPEN if may_move[0 if claimed < slope.low else 1] else FAILS


def _in_words(
    trend: Trend, metric: str, rows: Sequence[AtDensity], slope: Interval, verdict: str, seeds: int
) -> str:
    """The answer in sentences."""
    name = FIELDS.get(trend.field, trend.field)
    told = listed([f"{_best_in_words(row)} at {row.objects:,}" for row in rows])
    edges = [f"{row.objects:,}" for row in rows if row.edge]
    beyond = (
        f" At {listed(edges)} objects that is an end of what was tried: the best may lie beyond."
        if edges
        else ""
    )
    interval = "" if math.isnan(slope.low) else f" (95 % interval {slope.low:+.2f} to {slope.high:+.2f})"
    ends = {
        HOLDS: "the rule holds here",
        FAILS: "the rule does not hold here",
        OPEN: "whether the rule holds cannot be told from this study",
    }
    return (
        f"By {metric_words(metric)} on test images the best {name} is, by objects an image, {told}"
        f" ({'one seed' if seeds == 1 else f'means of {seeds} seeds'}).{beyond} The slope of log10(best {name}) "
        f"against log10(objects) is {slope.value:+.2f}{interval}, and the rule ({trend.rule}) says "
        f"{trend.claimed:+.2f}: {ends[verdict]}."
    )


def _best_in_words(row: AtDensity) -> str:
    best = row.best
    interval = "" if math.isnan(best.low) else f" ({best.low:.2g} to {best.high:.2g})"
    return f"{best.value:.2g}{interval}"
