"""Scores of picks of several classes: each class by itself, and their weighted mean."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from motes.errors import PicksError
from motes.picks import Picks, Threshold, empty_picks
from motes.score.metrics import ratio
from motes.score.scores import Report, Row, Shapes, Value, flat_values, score
from motes.score.statistics import percentile_interval
from motes.units import Unit

COUNTS = ("picks", "truth", "true_positives", "false_positives", "false_negatives", "median_distance")

ByImage = Mapping[str, Picks]


@dataclass(frozen=True)
class ClassReport:
    """The scores of a set of images with several classes.

    together: of all picks, each paired with truth of its own class. classes: of each class over the same images.
    weights: how much each class counts in the weighted means.
    """

    together: Report
    classes: Mapping[str, Report]
    weights: Mapping[str, float]

    @property
    def weighted(self) -> dict[str, Value]:
        """The weighted means of the micro metrics over the classes that have them, with 95 % intervals.

        A class that was never picked has recall and F of 0, and so has one that is picked but not in the truth a
        precision and F of 0; nan, and left out, is only what has no meaning.
        """
        weights = np.array([self.weights[name] for name in self.classes])
        means = {}
        for metric in self.together.micro:
            values = np.array([[report.micro[metric].value] for report in self.classes.values()])
            drawn = [report.resampled[metric] for report in self.classes.values()]
            complete = len({column.size for column in drawn}) == 1
            interval = percentile_interval(_means(np.array(drawn), weights)) if complete else (np.nan, np.nan)
            means[metric] = Value(float(_means(values, weights)[0]), *interval)
        return means

    @property
    def per_image(self) -> list[Row]:
        """One row an image, of all classes together, the worst F1 first."""
        return self.together.per_image

    def as_dict(self) -> Row:
        """Give one flat dictionary for JSON: what Report gives, weighted_<metric>, then <key>_<class>.

        undefined_<metric>_classes counts the classes that have no such value and are left out of the mean.
        """
        flat = {**self.together.as_dict(), **flat_values(self.weighted, "weighted_")}
        for metric in self.together.micro:
            values = [report.micro[metric].value for report in self.classes.values()]
            flat[f"undefined_{metric}_classes"] = int(np.count_nonzero(np.isnan(values)))
        for name, report in self.classes.items():
            every = report.as_dict()
            flat |= flat_values(report.micro, suffix=f"_{name}")
            flat |= {f"{key}_{name}": every[key] for key in COUNTS}
            flat[f"weight_{name}"] = self.weights[name]
        return flat


def class_names(*tables: ByImage) -> list[str]:
    """The classes of picks, sorted; none where they carry no classes."""
    named = (picks.classes for table in tables for picks in table.values() if picks.classes is not None)
    return sorted({str(name) for classes in named for name in classes})


def score_by_class(
    picks_by_image: ByImage,
    truth_by_image: ByImage,
    *,
    radius: Mapping[str, Mapping[str, float]],
    weights: Mapping[str, float] | None = None,
    threshold: Threshold | None = None,
    ignore_rim: float = 0,
    shapes: Shapes | None = None,
    beta: float | None = None,
    unit: Unit = "px",
    bootstrap: int = 1000,
    seed: int = 0,
) -> ClassReport:
    """Score the picks of every image that has truth, each class by itself and all together.

    radius: pixels, inclusive, by image and class. weights: by class, 1 where none is given. The rest, and what is
    raised, as in `score`; PicksError too where only some of the picks carry a class.
    """
    scored = {name: picks for name, picks in picks_by_image.items() if name in truth_by_image}
    names = class_names(scored, truth_by_image)
    if not names:
        raise PicksError("neither picks nor truth carry a class; write that of each into a column `class`")
    _check_classes(scored, "picks")
    _check_classes(truth_by_image, "truth")

    def scored_against(picks: ByImage, truth: ByImage) -> Report:
        return score(
            picks,
            truth,
            radius={image: _radii(each, radius[image]) for image, each in truth.items()},
            threshold=threshold,
            ignore_rim=ignore_rim,
            shapes=shapes,
            beta=beta,
            unit=unit,
            bootstrap=bootstrap,
            seed=seed,
        )

    together = scored_against(picks_by_image, truth_by_image)
    reports = {
        name: scored_against(_of_class(picks_by_image, name), _of_class(truth_by_image, name))
        for name in names
    }
    given = weights or {}
    return ClassReport(together, reports, {name: given.get(name, 1.0) for name in names})


def _radii(truth: Picks, radius: Mapping[str, float]) -> NDArray[np.float64]:
    """The radius of each truth (m,)."""
    names = [] if truth.classes is None else truth.classes.tolist()
    return np.array([radius[name] for name in names], dtype=np.float64)


def _of_class(tables: ByImage, name: str) -> dict[str, Picks]:
    return {
        image: empty_picks(picks.ndim) if picks.classes is None else picks.select(picks.classes == name)
        for image, picks in tables.items()
    }


def _check_classes(tables: ByImage, what: str) -> None:
    for image, picks in tables.items():
        if picks.classes is None and len(picks):
            raise PicksError(
                f"{image}: its {what} carry no class, while others do; write the class of each into a column `class`"
            )


def _means(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means over classes of values (classes, n), those that are nan left out; (n,)."""
    known = np.isfinite(values)
    return ratio(weights @ np.where(known, values, 0.0), weights @ known.astype(np.float64))
