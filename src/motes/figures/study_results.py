"""What the page of a study tells, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motes.picks import Picks


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; nan where it is not known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Cost:
    """What an arm costs, as means over its runs; None where it was not measured.

    operations: of a forward pass over one crop. training_seconds: of a run, validation not counted.
    seconds_per_image: to predict one test image. peak_memory: bytes. members: how many nets predict together.
    """

    parameters: int | None
    operations: int | None
    training_seconds: float | None
    seconds_per_image: float | None
    peak_memory: int | None
    members: int = 1


@dataclass(frozen=True)
class Curve:
    """A metric, the loss or the learning rate by epoch: (epochs,) each, mean, lowest and highest over the runs."""

    epochs: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class OfSample:
    """What an arm reached when it was trained on one sample.

    values: of each metric, means over test images and seeds. together: F4 and the challenge's score of all test images
    together. minutes: of training, None where it was not measured.
    """

    values: Mapping[str, float]
    together: Mapping[str, float]
    minutes: float | None


@dataclass(frozen=True)
class Arm:
    """One arm, or an ensemble of arms' nets.

    differs: its declared difference from the base, as words key=value. values: of each metric, on the test images.
    curves: by name (metrics of validation, loss, learning_rate). failed: reasons of runs that failed. stability: spread
    (standard deviation) of the watched validation metric over the last epochs, the mean over runs. samples: by sample,
    where there are several. classes: by class its scores in all test images together, where there are several.
    epochs: how many were trained, and which one was kept, as means over runs.
    """

    name: str
    about: str
    differs: Sequence[str]
    runs: int
    values: Mapping[str, Interval]
    cost: Cost
    curves: Mapping[str, Curve] = field(default_factory=dict)
    failed: Sequence[str] = ()
    stability: float | None = None
    ensemble: bool = False
    samples: Sequence[OfSample] = ()
    classes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    epochs: tuple[float, float] | None = None


@dataclass(frozen=True)
class Comparison:
    """A difference between arms in one metric.

    name: as people read it, 'attention - standard'. kind: pair, step, main effect, interaction, ensemble. arm, base:
    the two arms of a pair or a step, else empty. arm_value, base_value: their means over the images and seeds that
    both have; nan where there are not two. relative: the difference over the base's value. words: 'higher', 'lower',
    'not distinguishable from no difference', or why nothing can be said. p: of the interval's own test; p_holm:
    corrected for all comparisons of this metric, those of ensembles apart. bootstrap: the hierarchical bootstrap's
    interval. paired_t, wilcoxon: p over images, as if these were independent. guessed: what was expected beforehand,
    lowest and highest, in points of 100 of the metric. by_sample: the difference in each sample by itself, where there
    are several. minutes: by which training becomes longer, nan where it was not measured.
    """

    name: str
    kind: str
    metric: str
    arm: str
    base: str
    arm_value: float
    base_value: float
    difference: Interval
    relative: float | None
    words: str
    p: float
    p_holm: float
    bootstrap: tuple[float, float]
    paired_t: float
    wilcoxon: float
    groups: int
    images: int
    seeds: int
    method: str
    guessed: tuple[float, float] | None = None
    samples: int = 1
    by_sample: Sequence[float] = ()
    minutes: float = float("nan")


@dataclass(frozen=True)
class Level:
    """One level of a factor: the mean of the arms that have it, and of their minutes of training."""

    name: str
    mean: Interval
    minutes: float


@dataclass(frozen=True)
class FactorEffect:
    """What a factor, or an interaction of several, does in the deciding metric.

    factors: their names. levels: of a factor by itself. share: in the differences among the arms, nan where unknown.
    comparisons: its own among those of the study. words: a few sentences.
    """

    factors: tuple[str, ...]
    levels: Sequence[Level]
    share: float
    comparisons: Sequence[Comparison]
    words: str


@dataclass(frozen=True)
class AtDensity:
    """What serves best in images with so many objects.

    best: value of the field. scores: the mean of the deciding metric for each value tried. edge: -1 or 1 where the best
    is the lowest or the highest of these, else 0.
    """

    objects: int
    best: Interval
    scores: Sequence[float]
    edge: int = 0


@dataclass(frozen=True)
class TrendResult:
    """How the best value of a field of the recipe changes with the number of objects in an image.

    field: in words. tried: its values, rising. slope: of log10(best) against log10(objects); at_one: log10 of the best
    where the line meets one object. claimed: the slope that the rule says. verdict: holds, does not hold, or cannot be
    told. words: the answer in sentences.
    """

    field: str
    tried: Sequence[float]
    rows: Sequence[AtDensity]
    slope: Interval
    at_one: float
    claimed: float
    rule: str
    verdict: str
    words: str


@dataclass(frozen=True)
class SpreadRow:
    """How much trainings differ: standard deviations in the deciding metric, averaged over so many tables."""

    what: str
    samples: float
    seeds: float
    tables: int


@dataclass(frozen=True)
class PublishedNumbers:
    """What others found. values, minutes: by arm, of each sample. lines: by name, in the deciding metric.

    epochs: by arm, trained and the best of them. stability: by arm, as that of Arm.
    """

    source: str
    values: Mapping[str, Sequence[float]]
    minutes: Mapping[str, Sequence[float]]
    lines: Mapping[str, float]
    epochs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    stability: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class AuditRow:
    """One check of the fairness audit.

    outcome: same, declared (a declared field may change it), failed, or unknown. evidence: hashes or numbers.
    where: of a failed check, which runs and from when on.
    """

    check: str
    words: str
    outcome: str
    evidence: str
    where: Sequence[str] = ()
    declared_by: Sequence[str] = ()


@dataclass(frozen=True)
class FailureRow:
    """Recall of each arm (in the order of the arms) among the true particles of one kind, and how many those are."""

    kind: str
    words: str
    particles: int
    recall: Sequence[float]


@dataclass(frozen=True)
class Shown:
    """One test image as several arms see it.

    data: (y, x) or (z, y, x) at the working scale. truth: in its pixels. picks, probability: by arm, in the
    same pixels. diameter: px. f1: by arm, of the seed that is shown.
    """

    name: str
    group: str
    data: NDArray[np.float32]
    truth: Picks
    picks: Mapping[str, Picks]
    probability: Mapping[str, NDArray[np.float32]]
    diameter: float
    f1: Mapping[str, float]
    why: str = ""


@dataclass(frozen=True)
class ManifestRow:
    """The images of one group and part. fold: -1 where there is one division only."""

    group: str
    part: str
    fold: int
    images: int
    particles: int | None


@dataclass(frozen=True)
class StudyResults:
    """All that the page tells.

    answer: one sentence, with the interval. metric: the one that decides. metrics: all, in order. targets: by words
    ('target', 'previous best'), values of the deciding metric to draw as lines. plan: (what, how much) of what was said
    before the study ran: runs, hours, the effect that it can detect. worst: by arm, the (image, group, value) with the
    lowest values. caveats: what the reader must know. method: paragraphs; references: what they cite. factors: by name,
    its levels, where the design is a factorial. watched: the name of the validation curve to draw. effects: of factors
    and their interactions. spreads: between trainings. published: by others. trend: of a rule put to the test.
    """

    name: str
    question: str
    answer: str
    caveats: Sequence[str]
    base: str
    metric: str
    metrics: Sequence[str]
    arms: Sequence[Arm]
    comparisons: Sequence[Comparison]
    audit: Sequence[AuditRow]
    failures: Sequence[FailureRow]
    shown: Sequence[Shown]
    worst: Mapping[str, Sequence[tuple[str, str, float]]]
    manifest: Sequence[ManifestRow]
    plan: Sequence[tuple[str, str]]
    targets: Mapping[str, float]
    method: Sequence[str]
    references: Sequence[str]
    versions: Mapping[str, str]
    commands: Sequence[str]
    study_yaml: str
    watched: str
    factors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ladder: Sequence[str] = ()
    effects: Sequence[FactorEffect] = ()
    spreads: Sequence[SpreadRow] = ()
    published: PublishedNumbers | None = None
    trend: TrendResult | None = None

    @property
    def passed(self) -> bool:
        """Whether no check of the audit failed or stayed unknown."""
        return all(row.outcome in ("same", "declared") for row in self.audit)
