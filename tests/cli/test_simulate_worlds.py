"""motes simulate worlds: micrographs that each differ in everything."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.simulate.worlds import HELD_OUT_STRUCTURES

Motes = Callable[..., Any]


def test_micrographs_of_the_held_out_kind_and_again(motes: Motes, tmp_path: Path) -> None:
    words = ("simulate", "worlds", tmp_path / "sim", "--size", 128, "--seed", 4, "--held-out", "--snr", 1.5)
    answer = motes(*words, "--count", 2)
    assert answer.code == 0, answer.err
    assert f"2 micrographs in {tmp_path / 'sim' / 'images'}, their centres in" in answer.out
    assert f"next: motes pick {tmp_path / 'sim' / 'images'} --diameter 22px --out picked" in answer.out
    record = json.loads((tmp_path / "sim" / "parameters.json").read_text())
    drawn = list(record["images"].values())
    assert {name for each in drawn for name in each["structures"]} <= {*HELD_OUT_STRUCTURES}
    assert [each["snr"] for each in drawn] == pytest.approx([1.5, 1.5])
    for number in (1, 2):
        image = read_image(tmp_path / "sim" / "images" / f"world_{number:06d}.mrc")
        assert image.data.shape == (128, 128)
        found = read_picks(tmp_path / "sim" / "picks" / f"world_{number:06d}.csv")
        assert sum(len(picks) for picks in found.values()) == drawn[number - 1]["particles"]
    before = np.array(read_image(tmp_path / "sim" / "images" / "world_000001.mrc").data)
    refused = motes("simulate", "worlds", tmp_path / "sim", "--count", 1, "--size", 128)
    assert refused.code == 1
    assert "made otherwise" in refused.err
    assert motes(*words, "--count", 1).code == 0
    assert np.array_equal(before, read_image(tmp_path / "sim" / "images" / "world_000001.mrc").data)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--snr", 0), "snr is (0, 0); expected two numbers above 0"),
        (("--snr", -1), "snr is (-1, -1); expected two numbers above 0"),
        (("--size", 64), "greater than or equal to 128"),
    ],
)
def test_worlds_that_cannot_be(motes: Motes, tmp_path: Path, words: tuple[object, ...], message: str) -> None:
    answer = motes("simulate", "worlds", tmp_path / "sim", *words)
    assert answer.code != 0
    assert message in " ".join(answer.err.replace("│", " ").split())
    assert not (tmp_path / "sim").exists()
