"""A study that takes seconds: two narrow nets, two seeds, eight small images in four groups."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motes.data.sources import write_data_rows

STUDY = """
question: is a second width better?
recipe: micrographs
base: narrow
changes: [net.depth=2, sampling.size=64, training.batch=2, training.steps=3, training.epochs=2, working_diameter=12]
arms:
  narrow: {changes: [net.width=2]}
  wide: {changes: [net.width=3]}
seeds: 2
ensembles: [seeds, arms]
pilot: null
"""


@dataclass(frozen=True)
class Made:
    """A study's file, its data, and its folder."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    def words(self, out: Path | None = None, study: Path | None = None) -> list[str]:
        given = study or self.root / "study.yaml"
        return [
            "study",
            "run",
            str(given),
            "--data",
            str(self.root / "data.csv"),
            "--out",
            str(out or self.out),
        ]

    def results(self, out: Path | None = None) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(((out or self.out) / "results.json").read_text())
        return found


def make_study(root: Path, make: Any) -> Made:
    images, picks = make.picked(root, shape=(64, 64), count=8)
    rows = [
        {
            "image": f"{images}/{n}.mrc",
            "picks": f"{picks}/{n}.csv",
            "group": f"g{n // 2}",
            "diameter": "48",
        }
        for n in range(8)
    ]
    write_data_rows(root / "data.csv", rows)
    (root / "study.yaml").write_text(STUDY)
    return Made(root)


def events(out: Path, kind: str) -> Counter[str]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return Counter(line["item"] for line in lines if line["event"] == kind)
