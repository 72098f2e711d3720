"""The page of a study, in the order in which a reviewer reads: answer, results, comparisons, audit, all the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.figures.examples import LARGEST, ClassPicks, Example, ExampleView, view
from motes.figures.pages import counted, listed, write_page
from motes.figures.pictures import middle_section
from motes.figures.study_before_after import before_after_plot
from motes.figures.study_comparisons import (
    before_after_table,
    comparison_table,
    comparisons_of,
    guess_table,
)
from motes.figures.study_costs import cost_table, gain_table
from motes.figures.study_factors import factor_tables, levels_plot, time_plot
from motes.figures.study_learning import best_arms, learning
from motes.figures.study_plots import forest_plots, interaction_plot, staircase, values_plot
from motes.figures.study_results import AuditRow, Shown, StudyResults
from motes.figures.study_tables import (
    Figure,
    Table,
    arm_tables,
    difference_table,
    failed_runs,
    failure_tables,
    find_arm,
    manifest_table,
    metric_order,
    stability_table,
    worst_table,
)
from motes.figures.study_trend import trend_plots, trend_tables
from motes.figures.study_words import metric_words

MOST_COLUMNS = 4  # arms side by side
MOST_SHOWN = 5  # images side by side, for the size of the file
MAP_SIDE = LARGEST // 2  # px: a probability map is smooth, and stands in a column of a quarter of the page
LONG = 15  # rows, from which on a table of data is folded
FEW_EVIDENCE = 2  # pieces of evidence of a check that are told at once
OUTCOMES = {"same": "✓ same", "declared": "△ declared", "failed": "✗ FAILED", "unknown": "? unknown"}
FAILED = "The audit FAILED: these arms were not compared under equal conditions"
UNKNOWN = "The audit is INCOMPLETE: it is not known whether these arms were compared under equal conditions"


@dataclass(frozen=True)
class Alarm:
    """What stands at the very top of a page whose audit did not pass: in words, and the checks."""

    words: str
    checks: Sequence[AuditRow]


@dataclass(frozen=True)
class SideBySide:
    """An image with the views of several arms, in order. f1: of each. left_out: arms that are not shown."""

    shown: Shown
    views: Sequence[ExampleView]
    f1: Sequence[float | None]
    left_out: int


@dataclass(frozen=True)
class MetricTables:
    """All that is told of the differences in one metric."""

    metric: str
    comparisons: Table | None
    before_after: Table


def write_study_page(path: Path, results: StudyResults) -> None:
    """Write the page as one HTML file; OutputError where it cannot be written."""
    decides, *others = (_metric_tables(results, metric) for metric in metric_order(results))
    comparisons = comparisons_of(results, results.metric)
    manifest = manifest_table(results.manifest)
    write_page(
        path,
        "study.html",
        title=f"Study: {results.name}",
        results=results,
        metric=metric_words(results.metric),
        alarm=alarm(results),
        audit_words=audit_in_words(results.audit),
        outcomes=OUTCOMES,
        audit=[(row, *_evidence(row)) for row in results.audit],
        arms=[*trend_tables(results), *arm_tables(results), *factor_tables(results)],
        trend_plots=trend_plots(results),
        arms_plot=_arms_plot(results),
        failed=failed_runs(results.arms),
        declared=difference_table(results),
        decides=decides,
        others=others,
        other_metrics=listed([other.metric for other in others]) if others else "",
        guessed=guess_table(comparisons),
        comparison_plots=_comparison_plots(results),
        learning=learning(results),
        stability=stability_table(results.arms, results.watched),
        shown=[_side_by_side(results, each) for each in results.shown[:MOST_SHOWN]],
        not_shown=[each.name for each in results.shown[MOST_SHOWN:]],
        worst=worst_table(results.worst, results.metric),
        failures=failure_tables(results.arms, results.failures),
        costs=cost_table(results),
        gain=gain_table(results, results.metric),
        other_gains=[gain_table(results, metric) for metric in metric_order(results)[1:]],
        manifest=manifest,
        manifest_words=_manifest_words(results),
        long=LONG,
    )


# The audit


def alarm(results: StudyResults) -> Alarm | None:
    """What cannot be missed where the audit did not pass, or was not made."""
    if results.passed and results.audit:
        return None
    bad = [row for row in results.audit if row.outcome not in ("same", "declared")]
    failed = any(row.outcome == "failed" for row in bad)
    return Alarm(FAILED if failed else UNKNOWN, bad)


def audit_in_words(audit: Sequence[AuditRow]) -> str:
    """How many checks there were, and how they ended."""
    ends = {
        "same": "found the same for all arms",
        "declared": "found a difference that the study declares",
        "failed": "failed",
        "unknown": "could not be made",
    }
    counts = {outcome: sum(row.outcome == outcome for row in audit) for outcome in ends}
    told = [f"{count} {ends[outcome]}" for outcome, count in counts.items() if count]
    return f"{counted(len(audit), 'check')}: {listed(told)}." if told else "No check was made."


def _evidence(row: AuditRow) -> tuple[list[str], list[str]]:
    """The evidence of a check in pieces: those told at once, and those that are folded."""
    pieces = row.evidence.split("; ")
    return pieces[:FEW_EVIDENCE], pieces[FEW_EVIDENCE:]


# Results and comparisons


def _arms_plot(results: StudyResults) -> Figure:
    targets = f" Dashed: {listed(list(results.targets))}." if results.targets else ""
    published = results.published.values if results.published else {}
    targets += (
        " Short upright lines: what others published of the arm, one for each sample." if published else ""
    )
    return Figure(
        values_plot(results.arms, results.base, results.metric, results.targets, published),
        f"{metric_words(results.metric)} of each arm",
        f"The mean {metric_words(results.metric)} of each arm on the test images, with its 95 % interval. The diamond "
        f"and the dotted line are the base, {results.base}; squares are ensembles.{targets} Overlapping intervals do "
        "not show that two arms are alike: all met the same images, and the comparisons below make use of that.",
    )


def _metric_tables(results: StudyResults, metric: str) -> MetricTables:
    comparisons = comparisons_of(results, metric)
    return MetricTables(
        metric=metric_words(metric),
        comparisons=comparison_table(comparisons) if comparisons else None,
        before_after=before_after_table(results, metric),
    )


def _comparison_plots(results: StudyResults) -> list[Figure]:
    """Differences around zero, the steps of a ladder, and how factors act together."""
    name = metric_words(results.metric)
    comparisons = comparisons_of(results, results.metric)
    guessed = " The pale bar is what was guessed before." if any(each.guessed for each in comparisons) else ""
    figures = [
        Figure(
            svg,
            f"Differences in {name} around zero",
            f"Differences in {name} with their 95 % intervals. Filled: a difference was found; open: the interval "
            f"holds zero.{guessed}",
        )
        for svg in forest_plots(comparisons)
    ]
    steps = [arm for arm in (find_arm(results, step) for step in results.ladder) if arm]
    if steps:
        words = (
            f"The ladder: {name} after each step, every step on top of those before it, with 95 % intervals."
        )
        figures.append(Figure(staircase(steps, results.metric, results.targets), f"{name} by step", words))
    levels = levels_plot(results.effects, results.metric)
    if levels:
        words = f"The mean {name} of each level of each factor, with its 95 % interval, and the minutes of a training."
        figures.append(Figure(levels, f"{name} by level of each factor", words))
    changed = before_after_plot(results)
    if changed:
        words = f"Before and after: {name} of each arm with the first level of a factor, and where the second takes it."
        figures.append(Figure(changed, f"{name} before and after", words))
    over_time = time_plot(results.arms, results.metric) if results.factors else ""
    if over_time:
        words = f"{name} of each arm over its minutes of training. Dashed, with names: no arm is better in less time."
        figures.append(Figure(over_time, f"{name} over training time", words))
    crossed = interaction_plot(results.arms, results.factors, results.metric)
    if crossed:
        words = f"How the factors act together on {name}: where lines run side by side, their effects add up."
        figures.append(Figure(crossed, f"{name} by the levels of two factors", words))
    return figures


# Images


def _side_by_side(results: StudyResults, shown: Shown) -> SideBySide:
    """The views of the base and the best arms of an image."""
    names = best_arms(results, shown.picks, MOST_COLUMNS)
    return SideBySide(
        shown=shown,
        views=[_view(shown, name) for name in names],
        f1=[shown.f1.get(name) for name in names],
        left_out=len(shown.picks) - len(names),
    )


def _view(shown: Shown, arm: str) -> ExampleView:
    found = ClassPicks("particle", shown.picks[arm], shown.truth, shown.diameter)
    return view(Example(arm, shown.data, reduced(shown.probability[arm]), [found]))


def reduced(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map, or a volume's middle section, its longer side at most MAP_SIDE px: means over whole blocks of pixels."""
    section = middle_section(probability)
    block = -(-max(section.shape) // MAP_SIDE)
    picture = PillowImage.fromarray(np.ascontiguousarray(section, dtype=np.float32))
    return np.asarray(picture.reduce(block))


# Data


def _manifest_words(results: StudyResults) -> str:
    """How many groups and images there are, where these stand in one division only."""
    groups = counted(len({row.group for row in results.manifest}), "group")
    if any(row.fold >= 0 for row in results.manifest):
        return f"{groups}, divided in {counted(len({row.fold for row in results.manifest}), 'fold')}"
    return f"{groups}, {counted(sum(row.images for row in results.manifest), 'image')}"
