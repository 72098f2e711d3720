"""The figures of how the arms of a study learnt: validation, loss and rate by epoch, training against validation."""

from collections.abc import Iterable, Mapping, Sequence

from motes.figures.study_curves import MOST_LINES, learning_plot, small_multiples, validation_over_loss
from motes.figures.study_results import Arm, StudyResults
from motes.figures.study_tables import Figure, value_of
from motes.figures.study_words import metric_words


def learning(results: StudyResults) -> list[Figure]:
    """Curves of all arms in one plot; of many arms small plots of all, and one of the base and the best."""
    arms = [arm for arm in results.arms if results.watched in arm.curves]
    watched, lines = metric_words(results.watched), watched_targets(results)
    label = f"{watched}, loss and learning rate by epoch"
    bands = "Lines are means over the runs of an arm, bands go from the lowest run to the highest."
    if not arms:
        return []
    if len(arms) <= MOST_LINES:
        return [Figure(learning_plot(arms, results.watched, lines), label, bands), *_over_loss(results, arms)]
    few = best_arms(results, [arm.name for arm in arms], MOST_LINES)
    kept = [arm for arm in arms if arm.name in few]
    all_words = f"All {len(arms)} arms: {watched} on validation images by epoch. Grey: the base. {bands}"
    few_words = (
        f"{len(arms)} arms are too many for one plot: these are the base and the {len(kept) - 1} others with the "
        f"highest {metric_words(results.metric)} on the test images. {bands}"
    )
    return [
        Figure(small_multiples(arms, results.base, results.watched), f"{watched} by epoch", all_words),
        Figure(learning_plot(kept, results.watched, lines), label, few_words),
        *_over_loss(results, kept),
    ]


def watched_targets(results: StudyResults) -> Mapping[str, float]:
    """The lines to draw among validation curves: those of the deciding metric, where that is what was watched."""
    alike = results.watched.removeprefix("best_") == results.metric.removeprefix("object_")
    return results.targets if alike or results.watched == results.metric else {}


def _over_loss(results: StudyResults, arms: Sequence[Arm]) -> list[Figure]:
    """Training against validation."""
    svg = validation_over_loss(arms, results.watched, watched_targets(results))
    words = (
        "Training against validation: from left to right the loss on training crops falls. Where a line goes on to the "
        "right but no longer up, the net learns its training images by heart. The dot is the last epoch. Losses of "
        "different formulas have different scales: compare the shapes of lines."
    )
    return [Figure(svg, "Training against validation", words)] if svg else []


def best_arms(results: StudyResults, names: Iterable[str], most: int) -> list[str]:
    """At most so many of these arms, base first, then in order: the base and those best in the deciding metric."""
    asked = set(names)
    known = [arm for arm in results.arms if arm.name in asked]
    ranked = sorted(known, key=lambda arm: (arm.name != results.base, -_or_lowest(arm, results.metric)))
    kept = {arm.name for arm in ranked[:most]}
    return sorted((arm.name for arm in known if arm.name in kept), key=lambda name: name != results.base)


def _or_lowest(arm: Arm, metric: str) -> float:
    value = value_of(arm, metric).value
    return value if value == value else float("-inf")
