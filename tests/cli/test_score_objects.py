"""motes score, of label images."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.picks import Picks

Motes = Callable[..., Any]
POINTS = np.array([[4.0, 4], [12, 5], [9, 14]])


def discs(moved: float = 0, count: int = 3) -> np.ndarray:
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20), indexing="ij"), axis=-1)
    labels = np.zeros((20, 20), dtype=np.uint8)
    for number, point in enumerate(POINTS[:count] + moved, start=1):
        labels[((grid - point) ** 2).sum(axis=-1) <= 9] = number
    return labels


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    for name, found in (("a", discs(1)), ("b", discs(count=2))):
        write_image(tmp_path / "truth" / f"{name}_mask.png", discs())
        write_image(tmp_path / "found" / f"{name}.png", found)
    return tmp_path


def test_tables_for_people(motes: Motes, labels: Path) -> None:
    answer = motes("score", labels / "found", labels / "truth")
    assert answer.code == 0, answer.err
    for words in (
        "IoU",
        "panoptic quality",
        "Data Science Bowl",
        "Lin's concordance",
        "Wasserstein",
        "Clark-Evans",
    ):
        assert words in answer.out
    assert answer.out.index("b_mask.png") < answer.out.index("a_mask.png")  # an object is missing there


def test_one_flat_object(motes: Motes, labels: Path) -> None:
    values = json.loads(motes("score", labels / "found", labels / "truth", "--json").out)
    assert (values["images"], values["objects_found"], values["objects_true"]) == (2, 5, 6)
    assert values["count_total_error"] == pytest.approx(-1 / 6)
    assert not any(isinstance(value, dict | list) for value in values.values())


def test_raters_are_a_and_b(motes: Motes, labels: Path) -> None:
    answer = motes("score", labels / "found", labels / "truth", "--raters")
    assert answer.code == 0, answer.err
    assert "Cohen's kappa" in answer.out
    assert "objects_only_b" in answer.out
    for words in ("precision", "recall", "error", "found", "true"):
        assert words not in answer.out


def test_a_table_and_pictures(motes: Motes, labels: Path) -> None:
    answer = motes(
        "score",
        labels / "found",
        labels / "truth",
        "--table",
        labels / "t.csv",
        "--pictures",
        labels / "pictures",
    )
    assert answer.code == 0, answer.err
    assert len((labels / "t.csv").read_text().splitlines()) == 3
    assert len(list((labels / "pictures").glob("*.svg"))) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("--radius", "3"),
        ("--diameter", "6px"),
        ("--weights", "a=2"),
        ("--beta", "4"),
        ("--metric", "czii"),
        ("--ignore-rim", "3"),
        ("--images", "x.mrc"),
        ("--pixel-size", "2"),
        ("--no-orientation-check",),
    ],
    ids=lambda words: words[0],
)
def test_options_for_picks_are_named(motes: Motes, labels: Path, words: tuple[str, ...]) -> None:
    answer = motes("score", labels / "found", labels / "truth", *words)
    assert answer.code == 1
    assert f"leave out {words[0]}" in answer.err


def test_objects_have_no_classes(motes: Motes, labels: Path) -> None:
    answer = motes("score", labels / "found", labels / "truth", "--threshold", "bead=0.4")
    assert answer.code == 1
    assert "objects have no classes" in answer.err


def test_options_for_label_images_are_named(motes: Motes, tmp_path: Path) -> None:
    write_picks(tmp_path / "picks" / "a.csv", Picks(POINTS), format="csv", image_name="a.mrc")
    answer = motes("score", tmp_path / "picks", tmp_path / "picks", "--pictures", tmp_path / "pictures")
    assert answer.code == 1
    assert "leave out --pictures" in answer.err
    for words in (["--raters"], ["--objects", "binary"]):
        answer = motes("score", tmp_path / "picks", tmp_path / "picks", *words)
        assert answer.code == 1
        assert "is not label images" in answer.err


def test_picks_have_a_table_too(motes: Motes, tmp_path: Path) -> None:
    write_picks(tmp_path / "picks" / "a.csv", Picks(POINTS), format="csv", image_name="a.mrc")
    words = ("--radius", "2", "--table", tmp_path / "t.csv")
    assert motes("score", tmp_path / "picks", tmp_path / "picks", *words).code == 0
    assert (tmp_path / "t.csv").read_text().startswith("image,precision,recall,f1")
