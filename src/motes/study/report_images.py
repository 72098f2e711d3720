"""Which test images a report shows: the most telling ones side by side, and the worst by name."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from motes.figures.study_results import Shown
from motes.study.analysis import mean_over_seeds
from motes.study.description import Study
from motes.study.folder import Folder
from motes.study.results import Results, Row
from motes.study.samples import distinct
from motes.study.shown_images import ShownImage, read_shown_images

MOST_SHOWN = 4  # images, and arms beside each other
MOST_WORST = 5


def worst(row: Row, metric: str, results: Results) -> list[tuple[str, str, float]]:
    """Name, group and value of the test images with the lowest mean over seeds, and over samples."""
    if results.samples == 1:
        means, names = (
            mean_over_seeds(row.values[metric]),
            [(each.group, each.name) for each in results.places],
        )
    else:
        table = results.by_sample(row.values[metric])
        means, names = mean_over_seeds(table.reshape(len(table), -1)), distinct(results.places)
    order = [int(n) for n in np.argsort(means, kind="stable") if not math.isnan(means[n])]
    return [(names[n][1], names[n][0], float(means[n])) for n in order[:MOST_WORST]]


def side_by_side(folder: Folder, study: Study, results: Results) -> list[Shown]:
    """A few of the kept test images with what up to four arms made of them: the most telling ones."""
    others = [name for name in study.all_arms if name != study.base]
    arms = [name for name in (study.base, *others) if name in results.rows][:MOST_SHOWN]
    if not arms:
        return []
    folds = sorted({image.fold for image in results.images})
    shown = [each for fold in folds for each in _of_fold(folder, fold, arms, results)]
    return telling(shown, arms)[:MOST_SHOWN]


def _of_fold(folder: Folder, fold: int, arms: Sequence[str], results: Results) -> list[Shown]:
    kept = {arm: _kept(folder, fold, arm) for arm in arms}
    places = {image.name: place for place, image in enumerate(results.images) if image.fold == fold}
    names = [name for name in places if all(name in each for each in kept.values())]
    return [_shown({arm: kept[arm][name] for arm in arms}, places[name], results) for name in names]


def _kept(folder: Folder, fold: int, arm: str) -> dict[str, ShownImage]:
    path = folder.tested(f"test/fold-{fold}/{arm}").with_suffix(".npz")
    return {each.name: each for each in read_shown_images(path)}


def _shown(kept: Mapping[str, ShownImage], place: int, results: Results) -> Shown:
    """One image; arms that see it at another scale than the first are left out."""
    image, first = results.images[place], next(iter(kept.values()))
    alike = {arm: each for arm, each in kept.items() if each.data.shape == first.data.shape}
    return Shown(
        name=image.name,
        group=image.group,
        data=first.data,
        truth=first.truth,
        picks={arm: each.picks for arm, each in alike.items()},
        probability={arm: each.probability for arm, each in alike.items()},
        diameter=first.diameter,
        f1={arm: _first_f1(results.rows[arm], place) for arm in alike},
    )


def _first_f1(row: Row, place: int) -> float:
    """The F1 of the first seed that was tested: the one whose picks are shown."""
    values = row.values["f1"][place]
    known = values[~np.isnan(values)]
    return float(known[0]) if known.size else math.nan


def telling(shown: Sequence[Shown], arms: Sequence[str]) -> list[Shown]:
    """The base's worst image and its median one, and where the second arm gains the most and loses the most."""
    base = arms[0]
    known = [each for each in shown if not math.isnan(each.f1[base])]
    if not known:
        return list(shown)
    by_base = sorted(known, key=lambda each: each.f1[base])
    chosen = [
        (by_base[0], f"where {base} does worst"),
        (by_base[len(by_base) // 2], f"a median image for {base}"),
    ]
    both = [each for each in known if len(arms) > 1 and not math.isnan(each.f1.get(arms[1], math.nan))]
    if both:
        gains = [each.f1[arms[1]] - each.f1[base] for each in both]
        most, least = both[int(np.argmax(gains))], both[int(np.argmin(gains))]
        chosen.append((most, f"where {arms[1]} {'gains the most' if max(gains) > 0 else 'loses the least'}"))
        chosen.append((least, f"where {arms[1]} {'loses the most' if min(gains) < 0 else 'gains the least'}"))
    first_of: dict[tuple[str, str], Shown] = {}
    for each, why in chosen:
        first_of.setdefault((each.group, each.name), replace(each, why=why))
    return list(first_of.values())
