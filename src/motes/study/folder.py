"""Where everything of a study lies in its folder, and the names of its pieces of work."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.study.description import Study


@dataclass(frozen=True)
class Unit:
    """One training: an arm with a seed on a fold; in the pilot on the first fold, with fewer epochs."""

    arm: str
    fold: int
    seed: int
    pilot: bool = False

    @property
    def item(self) -> str:
        """Its name among the pieces of work."""
        return f"{'pilot' if self.pilot else 'train'}/{self.arm}/fold-{self.fold}/seed-{self.seed}"


@dataclass(frozen=True)
class Folder:
    """The folder of a study."""

    path: Path

    @property
    def study(self) -> Path:
        """The study with every value."""
        return self.path / "study.yaml"

    @property
    def begun(self) -> bool:
        """Whether a study has begun here; a study's own file may lie in any folder."""
        return self.study.is_file() and self.arm("x").parent.is_dir()

    @property
    def planned(self) -> bool:
        """Whether it has been said what the study costs; before that nothing is lost if it begins anew."""
        return self.plan.is_file()

    def forget_pieces(self) -> None:
        """Remove what was measured and piloted, by a study that has not been planned."""
        for name in ("work", "pilot", "folds"):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def forget_arms(self) -> None:
        """Remove the recipes of all arms, but not their folder: without it, no study has begun here."""
        for recipe in self.arm("x").parent.iterdir():
            recipe.unlink(missing_ok=True)

    @property
    def settings(self) -> Path:
        """How many threads each run has, and the device, for all launches alike."""
        return self.path / "settings.json"

    @property
    def table(self) -> Path:
        """The images with their labels and groups."""
        return self.path / "data.csv"

    @property
    def simulated(self) -> Path:
        """Simulated images, a folder for each group."""
        return self.path / "data"

    @property
    def plan(self) -> Path:
        """What was said before the study ran."""
        return self.path / "plan.json"

    @property
    def log(self) -> Path:
        """A line for each start and end of a piece of work."""
        return self.path / "log.jsonl"

    @property
    def results(self) -> Path:
        """All numbers of the report."""
        return self.path / "results.json"

    @property
    def scores(self) -> Path:
        """Every score of every net on every test image."""
        return self.path / "scores.csv"

    @property
    def trainings(self) -> Path:
        """A row for each training that has ended."""
        return self.path / "trainings.csv"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    def arm(self, name: str) -> Path:
        """The whole recipe of an arm."""
        return self.path / "arms" / f"{name}.yaml"

    def fold(self, number: int) -> Path:
        """The table of a fold, each image with its part."""
        return self.path / "folds" / f"fold-{number}.csv"

    def run(self, unit: Unit) -> Path:
        """The run folder of a training."""
        kind = "pilot" if unit.pilot else "runs"
        return self.path / kind / unit.arm / f"fold-{unit.fold}" / f"seed-{unit.seed}"

    def done(self, item: str) -> Path:
        """The file that exists once a piece of work is done, and says when."""
        return self.path / "work" / f"{item}.done.json"

    def outcome(self, item: str) -> dict[str, Any]:
        """What a piece of work that is done says of it; empty where it is not done."""
        path = self.done(item)
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}

    def failed(self, item: str) -> Path:
        """The file that exists once a piece of work has failed for good, and says why."""
        return self.path / "work" / f"{item}.failed.txt"

    def lock(self, item: str) -> Path:
        """The file that a process holds locked while it works on a piece."""
        return self.path / "work" / f"{item}.lock"

    def output(self, item: str) -> Path:
        """What the processes that worked on a piece have printed."""
        return self.path / "work" / f"{item}.log"

    def tested(self, item: str) -> Path:
        """What a test found."""
        return self.path / "tests" / f"{item.removeprefix('test/')}.json"

    def place(self, item: str) -> Path:
        """Where a piece of work keeps what it needs while it runs."""
        return self.path / ".working" / item


def training_units(study: Study, folds: int) -> list[Unit]:
    """Every training of a study: seed by seed, so that whole comparisons are there early."""
    return [Unit(arm, fold, seed) for seed in study.seeds for fold in range(folds) for arm in study.all_arms]


def pilot_units(study: Study) -> list[Unit]:
    """The trainings of the pilot: the base and the first other arm."""
    if study.pilot is None or len(study.all_arms) < 2:
        return []
    other = next(name for name in study.all_arms if name != study.base)
    return [
        Unit(arm, 0, seed, pilot=True) for seed in range(study.pilot.seeds) for arm in (study.base, other)
    ]


def items_of_tests(study: Study, folds: int) -> Iterator[str]:
    """Every test: all nets of an arm on a fold, and where arms predict together all nets of a fold."""
    for fold in range(folds):
        for arm in study.all_arms:
            yield f"test/fold-{fold}/{arm}"
        if "arms" in study.ensembles:
            yield f"test/fold-{fold}/ensembles of arms"
