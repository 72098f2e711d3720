"""Several data sets at once, listed in a table."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motes.nets.model_file import load_model

Motes = Callable[..., Any]

SHRUNK = (
    "net.widths=[2, 3]",
    "sampling.size=48",
    "training.batch=4",
    "training.steps=2",
    "training.epochs=2",
)
HEADER = "image,picks,group,split,pixel_size,diameter,weight"


@pytest.fixture(scope="module")
def folder(make: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two data sets that differ in pixel size and in the size of their particles."""
    root = tmp_path_factory.mktemp("sets")
    make.picked(root / "coarse", (96, 96), 4, None, radius=5)
    make.picked(root / "fine", (144, 144), 3, None, radius=9, seed=20)
    return root


def trained(motes: Motes, folder: Path, run: Path, *rows: str) -> list[dict[str, str]]:
    """Train on a table in the data's folder; what data.csv of the run says."""
    table = folder / f"{run.parent.name}.csv"
    table.write_text("\n".join([HEADER, *rows]) + "\n")
    answer = motes("train", "micrographs", "--data", table, "--out", run, "--threads", 1, *SHRUNK)
    assert answer.code == 0, answer.err
    return list(csv.DictReader((run / "data.csv").read_text().splitlines()))


def test_sets_of_two_pixel_sizes_and_diameters(motes: Motes, folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    rows = trained(
        motes, folder, run, "coarse/images,coarse/picks,,,4,40,1", "fine/images,fine/picks,,train,2,36,3"
    )
    sizes = {(float(row["pixel_size"]), float(row["diameter_px"])) for row in rows}
    weights = {row["pixel_size"]: float(row["weight"]) for row in rows}
    assert sizes == {(4, 10), (2, 18)}
    assert weights == pytest.approx({"4": 1 / 4, "2": 3 / 3})
    assert {row["part"] for row in rows if row["pixel_size"] == "2"} == {"train"}
    assert [row["part"] for row in rows].count("validation") == 1
    assert load_model(run / "model.safetensors").description.diameters == []


def test_the_diameter_of_the_model_of_two_sets_is_asked_for(
    motes: Motes, folder: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    trained(motes, folder, run, "coarse/images,coarse/picks,,,4,40,", "fine/images,fine/picks,,,2,36,")
    words = (
        "pick",
        folder / "coarse" / "images",
        "--model",
        run / "model.safetensors",
        "--out",
        tmp_path / "out",
    )
    refused = motes(*words, "--pixel-size", 4)
    assert refused.code == 1
    assert refused.err.count("give --diameter 150 (Angstrom) or 60px") >= 1
    answer = motes(*words, "--pixel-size", 4, "--diameter", 40)
    assert answer.code == 0, answer.err
    assert (tmp_path / "out" / "picks" / "0.mrc.csv").is_file()


def test_split_and_group_are_as_written(motes: Motes, folder: Path, tmp_path: Path) -> None:
    rows = trained(
        motes,
        folder,
        tmp_path / "run",
        "coarse/images/0.mrc,coarse/picks/0.csv,night,train,4,40,",
        "coarse/images/1.mrc,coarse/picks/1.csv,night,train,4,40,",
        "coarse/images/2.mrc,coarse/picks/2.csv,day,val,4,40,",
        "coarse/images/3.mrc,coarse/picks/3.csv,later,test,4,40,",
    )
    found = {Path(row["image"]).name: (row["part"], row["group"]) for row in rows}
    assert found == {"0.mrc": ("train", "night"), "1.mrc": ("train", "night"), "2.mrc": ("validation", "day")}


@pytest.mark.parametrize("seed", range(2))
def test_a_group_is_never_divided(motes: Motes, folder: Path, tmp_path: Path, seed: int) -> None:
    table = folder / "groups.csv"
    pairs = [(f"coarse/images/{n}.mrc", f"coarse/picks/{n}.csv", "ab"[n // 2]) for n in range(4)]
    table.write_text("image,picks,group\n" + "\n".join(",".join(row) for row in pairs) + "\n")
    words = ("--data", table, "--pixel-size", 4, "--diameter", 40, "--out", tmp_path / "run", "--threads", 1)
    answer = motes("train", "micrographs", *words, *SHRUNK, f"seed={seed}", "training.epochs=1")
    assert answer.code == 0, answer.err
    rows = list(csv.DictReader((tmp_path / "run" / "data.csv").read_text().splitlines()))
    parts = {(row["group"], row["part"]) for row in rows}
    assert len(rows) == 4
    assert {group for group, _ in parts} == {"a", "b"}
    assert {part for _, part in parts} == {"train", "validation"}
    assert len(parts) == 2


def test_a_group_in_two_parts_is_refused(motes: Motes, folder: Path, tmp_path: Path) -> None:
    table = folder / "divided.csv"
    rows = [
        "coarse/images/0.mrc,coarse/picks/0.csv,night,train",
        "coarse/images/1.mrc,coarse/picks/1.csv,night,val",
    ]
    table.write_text("\n".join(["image,picks,group,split", *rows]) + "\n")
    answer = motes(
        "train", "micrographs", "--data", table, "--out", tmp_path / "run", "--diameter", "12px", *SHRUNK
    )
    assert answer.code == 1
    assert "the group 'night' stands both in train and in validation" in answer.err
    assert not (tmp_path / "run").exists()
