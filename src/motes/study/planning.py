"""What is said before a study runs: how many runs, how long on this machine, and what difference it could detect."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motes.data.image_list import find_images
from motes.data.sources import read_data_rows
from motes.errors import InputError
from motes.figures.run_tables import duration
from motes.formats.images import is_store_of_images
from motes.formats.stores import open_store
from motes.recipe_file import load_recipe
from motes.study.description import Study
from motes.study.folder import Folder, pilot_units
from motes.study.pieces import kept_study
from motes.study.power import Spread, detectable, spread
from motes.study.results import read_results
from motes.study.samples import repeats_planned
from motes.study.variance import FEWEST_GROUPS


@dataclass(frozen=True)
class Plan:
    """What was said before a study ran.

    runs: trainings. hours: of this machine, for all that is to be done. largest: seconds of the longest training.
    detects: the smallest difference in the deciding metric that would be found in four studies of five; None where
    it is not known. pilot: where the spread behind it comes from. groups, images, seeds: tested.
    """

    runs: int
    hours: float
    largest: float
    processes: int
    detects: float | None
    pilot: str
    groups: int
    images: int
    seeds: int
    samples: int = 1

    def rows(self, metric: str) -> list[tuple[str, str]]:
        """What and how much, for people."""
        detects = "not known" if self.detects is None else f"{self.detects:.4f}"
        if self.detects is not None and self.detects > 1:
            detects = "none: trainings of the pilot vary too much; take more seeds, or more epochs"
        return [
            ("trainings", f"{self.runs}"),
            ("time, about", f"{duration(3600 * self.hours)} with {self.processes} at a time"),
            ("longest training, about", duration(self.largest)),
            ("tested on", f"{self.images} images of {self.groups} groups, with {self._repeats}"),
            (
                f"smallest difference in {metric.replace('_', ' ')} that would be found in 4 of 5 such studies",
                detects,
            ),
            ("spread taken from", self.pilot),
        ]

    def as_json(self) -> str:
        """All of it, to be read back."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @property
    def _repeats(self) -> str:
        seeds = f"{self.seeds} seed{'' if self.seeds == 1 else 's'}"
        return seeds if self.samples == 1 else f"{seeds} on each of {self.samples} samples"


def make_plan(study: Study, folder: Folder, folds: int, processes: int, pilot: Path | None) -> Plan:
    """Put together what was measured. pilot: the folder of an earlier study to take the spread from.

    Raises InputError where that folder holds no results to compare two arms by.
    """
    measured = {arm: folder.outcome(f"measure/{arm}") for arm in study.all_arms}
    images, groups = _tested(study, folder, folds)
    samples, seeds = study.division.samples, len(study.seeds)
    each = {arm: record["seconds"] for arm, record in measured.items()}
    trainings = sum(each.values()) * folds * seeds
    looks = sum(record["image"] for record in measured.values()) * images * samples * seeds
    found, words = _from_study(pilot, study.metric) if pilot else _from_pilot(study, folder)
    detects = None
    if found is not None:
        repeats = repeats_planned(samples, seeds)
        reach = detectable(found, groups, max(1, round(images / groups)), repeats)
        detects = reach if math.isfinite(reach) else None
    runs = len(study.all_arms) * folds * seeds
    at_a_time = min(processes, runs)
    return Plan(
        runs=runs,
        hours=max(max(each.values()), (trainings + looks) / at_a_time) / 3600,
        largest=max(each.values()),
        processes=at_a_time,
        detects=detects,
        pilot=f"{words}{_why_not(found, groups) if detects is None else ''}",
        groups=groups,
        images=images,
        seeds=seeds,
        samples=samples,
    )


def _why_not(found: Spread | None, groups: int) -> str:
    """Why it is not known what could be detected."""
    if found is None:
        return ""
    if groups >= FEWEST_GROUPS and math.isnan(found.groups):
        return "; of one group, it does not show how much groups differ"
    return "; it does not show all that varies"


def read_plan(folder: Folder) -> Plan | None:
    """What was said before the study ran; None where nothing was."""
    return Plan(**json.loads(folder.plan.read_text(encoding="utf-8"))) if folder.planned else None


def check_budget(plan: Plan, hours: float | None) -> None:
    """Raise InputError where a study would take longer than it may."""
    if hours is not None and plan.hours > hours:
        raise InputError(
            f"the study would take about {duration(3600 * plan.hours)} with {plan.processes} trainings at a time, and "
            f"its budget is {duration(3600 * hours)}; allow more with --budget HOURS, or take fewer seeds, arms or "
            "epochs"
        )


def _from_pilot(study: Study, folder: Folder) -> tuple[Spread | None, str]:
    units = pilot_units(study)
    records = {unit: folder.outcome(unit.item) for unit in units}
    if not units or not all(records.values()):
        return None, "no pilot was run" if not units else "the pilot's trainings failed, see the folder pilot"
    groups = next(iter(records.values()))["groups"]
    seeds = sorted({unit.seed for unit in units})
    tables = {arm: _table(records, arm, seeds) for arm in dict.fromkeys(unit.arm for unit in units)}
    base, arm = tables
    epochs = records[units[0]].get("epochs", "fewer")
    words = (
        f"a pilot: {arm} and {base}, {len(seeds)} seeds each, {epochs} epochs, on {len(groups)} validation images of "
        f"{len(set(groups))} group{'s' if len(set(groups)) > 1 else ''}"
    )
    return spread(tables[arm] - tables[base], groups), words


def _table(records: Mapping[Any, Mapping[str, Any]], arm: str, seeds: Sequence[int]) -> NDArray[np.float64]:
    """The scores of one arm in the pilot, (images, seeds)."""
    columns = {unit.seed: record["scores"] for unit, record in records.items() if unit.arm == arm}
    return np.array(
        [[np.nan if v is None else v for v in columns[seed]] for seed in seeds], dtype=np.float64
    ).T


def _from_study(path: Path, metric: str) -> tuple[Spread, str]:
    """The spread of the first arm's difference from the base in an earlier study."""
    folder = Folder(path)
    if not folder.begun:
        raise InputError(
            f"{path} is not the folder of a study; give one that `motes study run` wrote with --pilot"
        )
    earlier = kept_study(folder)
    results = read_results(earlier, folder, len(list(folder.fold(0).parent.glob("fold-*.csv"))))
    arms = [name for name in results.rows if name in earlier.all_arms]
    if earlier.base not in arms or len(arms) < 2:
        raise InputError(
            f"{path} has no test results of two arms yet; let that study finish, or leave --pilot out"
        )
    arm = next(name for name in arms if name != earlier.base)
    values = {name: results.rows[name].values[metric] for name in (arm, earlier.base)}
    words = f"the earlier study {path}: {arm} and {earlier.base}, {results.distinct} test images"
    repeats = results.repeats(values[arm] - values[earlier.base])
    return spread(repeats.averaged, repeats.groups), words


def _tested(study: Study, folder: Folder, folds: int) -> tuple[int, int]:
    """How many images are tested, those of several samples once, and of how many groups."""
    folds = 1 if study.division.samples > 1 else folds
    ndim = load_recipe(str(folder.arm(study.base))).net.ndim
    rows = [
        row for fold in range(folds) for row in read_data_rows(folder.fold(fold)) if row["split"] == "test"
    ]
    return sum(count_images(row["image"], ndim) for row in rows), len({row["group"] for row in rows})


def count_images(word: str, ndim: int) -> int:
    """How many images a word of a table stands for: a file, a folder, a pattern, a list or a store."""
    if is_store_of_images(Path(word)):
        return len(open_store(Path(word), ndim))
    return len(find_images([word], ndim))
