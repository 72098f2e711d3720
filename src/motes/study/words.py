"""What a study found, in sentences: the answer, what limits it, and the method ready for a paper."""

import math
from collections.abc import Sequence

from motes.figures.pages import counted, listed
from motes.figures.study_results import AuditRow, Comparison, StudyResults
from motes.figures.study_words import metric_words
from motes.study.analysis import CLEAR
from motes.study.description import OF_CLASSES, Study
from motes.study.results import Results
from motes.study.samples import FEWEST_SAMPLES, repeats_planned
from motes.study.variance import FEWEST_GROUPS

KINDS_OF_DIVISION = {
    "hold_out": "one division of the groups into training, validation and test",
    "k_fold": "cross-validation by group, in which each group is tested once",
    "leave_one_group_out": "cross-validation that leaves out one group at a time for the test",
}
MOST_NAMED = 3  # differences in the answer
HARDLY = 0.65  # area under the ROC curve of pixels


def answer(page: StudyResults) -> str:
    """A sentence or two that answer the question, with their intervals; of a rule put to the test, how it fares."""
    return " ".join(filter(None, [page.trend.words if page.trend else "", _answer_by_arms(page)]))


def _answer_by_arms(page: StudyResults) -> str:
    deciding = [each for each in page.comparisons if each.metric == page.metric and each.kind != "ensemble"]
    known = [each for each in deciding if not math.isnan(each.difference.low)]
    if not known:
        return _no_answer(deciding)
    return (
        _answer_of_one(page, known[0]) if len(known) == 1 and known[0].arm else _answer_of_many(page, known)
    )


def _no_answer(deciding: Sequence[Comparison]) -> str:
    measured = [each for each in deciding if not math.isnan(each.difference.value)]
    if not measured:
        return "There is no answer yet: the test results of two arms that could be compared are missing."
    first = measured[0]
    return f"{first.name} is {first.difference.value:+.4f}, which cannot be judged: {first.method}."


def _answer_of_one(page: StudyResults, found: Comparison) -> str:
    better = {"higher": f"so {found.arm} is better", "lower": f"so {found.arm} is worse"}
    return (
        f"On {_seen_on(found)}, {found.arm} reaches {_a_metric(page.metric)} of {found.arm_value:.3f} and "
        f"{found.base} {found.base_value:.3f}: a difference of {difference(found)}, "
        f"{better.get(found.words, found.words)}."
    )


def _answer_of_many(page: StudyResults, known: Sequence[Comparison]) -> str:
    """How many differences can be told from none after correction, and the largest of them."""
    clear = [each for each in known if each.p_holm < CLEAR]
    largest = sorted(clear or known, key=lambda each: -abs(each.difference.value))
    count = f"Of {len(known)} differences in {metric_words(page.metric)} on {_seen_on(known[0])}"
    if not clear:
        return (
            f"{count}, none is distinguishable from no difference after correction for their number; the largest is "
            f"{_named(largest[0])}."
        )
    verb = "is" if len(clear) == 1 else "are"
    named = listed([_named(each) for each in largest[:MOST_NAMED]])
    which = "" if len(clear) <= MOST_NAMED else "the largest are "
    return (
        f"{count}, {len(clear)} {verb} distinguishable from no difference after correction: {which}{named}."
    )


def _seen_on(found: Comparison) -> str:
    return f"{counted(found.images, 'test image')} of {counted(found.groups, 'group')}"


def _named(found: Comparison) -> str:
    return f"{found.name} with {difference(found)}"


def _a_metric(metric: str) -> str:
    name = metric_words(metric)
    return f"{'an' if name[0] in 'aeioF' else 'a'} {name}"


def difference(found: Comparison) -> str:
    """'+0.0040 (95 % interval -0.0100 to +0.0180)'."""
    value = found.difference
    return f"{value.value:+.4f} (95 % interval {value.low:+.4f} to {value.high:+.4f})"


def caveats(page: StudyResults, results: Results) -> list[str]:
    """What the reader must know to trust the answer as far as it goes, and no further."""
    deciding = [each for each in page.comparisons if each.metric == page.metric]
    groups = max((each.groups for each in deciding), default=0)
    seeds = min((each.seeds for each in deciding if each.kind != "ensemble"), default=0)
    failed = [arm.name for arm in page.arms if arm.failed]
    empty = sum(image.particles == 0 for image in results.images)
    notes = []
    if 0 < groups < FEWEST_GROUPS:
        there = "is one test group" if groups == 1 else f"are only {groups} test groups"
        notes.append(f"There {there}: the intervals speak of these groups only, not of other proteins.")
    areas = [
        arm.values["pixel_auc"].value for arm in page.arms if "pixel_auc" in arm.values and not arm.ensemble
    ]
    if areas and max(areas) < HARDLY:
        notes.append(
            "No arm tells particles from background much better than chance (area under the ROC curve of pixels at "
            f"most {max(areas):.2f}; chance gives 0.5): train for longer, or look at the labels, before you compare."
        )
    if results.samples > 1:
        notes.append(_samples_in_words(results.samples, seeds))
    elif seeds == 1:
        notes.append("There is one seed: the intervals do not say how much another training would differ.")
    if seeds == 2 and results.samples < FEWEST_SAMPLES:
        notes.append(
            "There are only two seeds, which tell little of how much trainings differ: intervals are wide, or now and "
            "then narrow by luck. Three or more are better."
        )
    if failed:
        notes.append(
            f"Trainings of {listed(failed)} failed. Comparisons leave out what either arm is missing (a seed, or in "
            "several folds the images of a fold), so they speak of the trainings that worked."
        )
    if empty:
        notes.append(
            f"{counted(empty, 'test image')} without particles count in no metric of picks; the false picks there "
            "stand in scores.csv."
        )
    if results.unread:
        name, reason = next(iter(results.unread.items()))
        notes.append(
            f"{counted(len(results.unread), 'test image')} could not be used, the first is {name}: {reason}"
        )
    if page.published is not None:
        notes.append(
            f"Published numbers stand beside those of this study, and are no part of it: {page.published.source}"
        )
    notes += [f"The ensemble {name} was left out: {reason}." for name, reason in results.left_out.items()]
    return notes


def _samples_in_words(samples: int, seeds: int) -> str:
    """What intervals take as repeats where there are samples."""
    if samples >= FEWEST_SAMPLES:
        return (
            f"Trainings on {samples} samples are the repeats: intervals hold what other images would change."
        )
    if seeds > 1:
        return (
            f"The {samples} samples are taken as they are, and seeds are the repeats: intervals do not say how much "
            "other training images would change. The spread between samples stands beside that between seeds."
        )
    return (
        f"There is one training on each of {samples} samples: intervals take these as repeats, so what other images "
        "and what another seed would change cannot be told apart, and so few repeats make intervals wide. More seeds "
        "are better."
    )


def method_of(study: Study, results: Results, folds: int, audit: Sequence[AuditRow]) -> list[str]:
    """The method in words, ready for a paper; citations are keys of the references."""
    return [
        _design_in_words(study, results, folds),
        _fairness_in_words(audit),
        _statistics_in_words(study, results),
    ]


def _design_in_words(study: Study, results: Results, folds: int) -> str:
    arms = list(study.all_arms)
    named = listed(arms) if len(arms) <= 8 else f"{study.base} and {len(arms) - 1} others"
    kind = f"a factorial of {listed(list(study.factors))}" if study.factors else counted(len(arms), "arm")
    data = _data_in_words(study)
    division = KINDS_OF_DIVISION[study.division.kind]
    each = f"on {counted(folds, 'fold')}: {division}"
    if study.division.samples > 1:
        each = (
            f"on {counted(folds, 'sample')}: disjoint draws of the groups to train and validate on, with one test set "
            "for all"
        )
    densities = study.data.densities if study.data else ()
    if densities:
        each = f"on images of {len(densities)} densities, each with a division of its own"
    return (
        f"The study compares {kind} ({named}), each trained with {counted(len(study.seeds), 'seed')} "
        f"{each}. The data are {data}; a group is never "
        "divided between parts. Thresholds were fitted on validation images. "
        f"{counted(results.distinct, 'test image')} of {counted(len(set(results.groups)), 'group')} were read once, "
        "after the last training had ended."
    )


def _data_in_words(study: Study) -> str:
    data = study.data
    if data is None:
        return "the images listed in the manifest"
    if data.tomograms is not None:
        return "tomograms simulated from physics, each a group of its own"
    if data.beads is not None:
        what = "light-microscopy images of beads simulated from physics, each a group of its own"
        numbers = listed([f"{number:,}" for number in data.densities]) if data.densities else ""
        return f"{what}, in a series with {numbers} beads in an image" if numbers else what
    if data.worlds is not None:
        return (
            "micrographs simulated from physics, each of a world of its own; a group is all of one structure"
        )
    return f"micrographs simulated from physics, {data.groups} proteins with {data.images} micrographs each"


def _fairness_in_words(audit: Sequence[AuditRow]) -> str:
    """What was equal, as far as the audit shows it."""
    wrong = [row.words for row in audit if row.outcome not in ("same", "declared")]
    declared = sorted({name for row in audit for name in row.declared_by})
    equal = [row.words for row in audit if row.outcome == "same"]
    sentences = (
        [f"By hashes and numbers that the runs recorded, all arms had {listed(equal)}."] if equal else []
    )
    if declared:
        sentences.append(f"The declared differences in {listed(declared)} change what else they imply.")
    if wrong:
        sentences.append(f"The audit does not show, or shows to be wrong: {listed(wrong)}.")
    return " ".join(sentences)


def _statistics_in_words(study: Study, results: Results) -> str:
    scope = "Groups, images and seeds are taken as samples"
    if len(set(results.groups)) < FEWEST_GROUPS:
        scope = "Groups are taken as fixed, images and seeds as samples"
    if study.division.samples > 1:
        scope += f"; {_repeats_in_words(study.division.samples, len(study.seeds))}"
    return (
        "Arms were compared image by image and seed by seed. A difference is the mean over the images of a group, then "
        f"over groups. {scope}: the variance of the mean was put together from the mean squares of groups or images, "
        "of seeds, and of what neither explains, with degrees of freedom after Satterthwaite 1946, and the 95 % "
        "interval is that of the t distribution. Beside it stand the percentile interval of a hierarchical bootstrap "
        "(Davison & Hinkley 1997), which is too narrow with few groups and seeds, and the paired t test and the "
        "signed-rank test (Wilcoxon 1945) over images, which take images as independent. P values were corrected for "
        f"the number of comparisons (Holm 1979). The metric that decides is "
        f"{metric_words(study.metric)}; {_matching_in_words(study.metric)}"
    )


def _repeats_in_words(samples: int, seeds: int) -> str:
    if repeats_planned(samples, seeds) == samples and not (seeds > 1 and samples < FEWEST_SAMPLES):
        return "a training on another sample takes the place of a seed, since it differs in both"
    return "samples of training images, whose trainings have seeds of their own, are taken as fixed"


def _matching_in_words(metric: str) -> str:
    """What counts as found, in the metric that decides and in the others."""
    half = "picks and particles were matched one to one within half a diameter."
    if metric not in OF_CLASSES:
        return half
    own = {
        "f4": "picks and particles of a class were matched one to one within a quarter of a diameter, and F4, in which "
        "recall weighs four times as much as precision, averaged over the classes that an image holds by their weights",
        "czii": "picks were counted as in the challenge for tomograms, within a quarter of a diameter and not one to "
        "one, and F4 averaged over the classes that an image holds by their weights",
    }
    return f"for it {own[metric]}; thresholds of each class were fitted for that distance. For other metrics {half}"
