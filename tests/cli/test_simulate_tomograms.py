"""motes simulate tomograms: tilt series of six kinds of particles, reconstructed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motes.formats.images import read_image
from motes.formats.picks import read_picks

Motes = Callable[..., Any]


def test_tomograms_of_the_size_that_is_asked_for_and_again(motes: Motes, tmp_path: Path) -> None:
    out = tmp_path / "sim"
    words = ("simulate", "tomograms", out, "--size", "40x64x72", "--density", 0, "--seed", 4, "--at-least", 1)
    answer = motes(*words, "--count", 1)
    assert answer.code == 0, answer.err
    assert f"1 tomograms in {out / 'tomograms'}, their centres in {out / 'picks'}" in answer.out
    assert f"a copick project: {out / 'config.json'}" in answer.out
    assert f"next: motes train tomogram --images {out / 'tomograms'}" in answer.out
    assert read_image(out / "tomograms" / "TS_0001.mrc", ndim=3).data.shape == (40, 64, 72)
    picks = next(iter(read_picks(out / "picks" / "TS_0001.csv").values()))
    assert picks.classes is not None
    assert len(set(picks.classes.tolist())) == len(picks) == 6
    before = (out / "tomograms" / "TS_0001.mrc").stat().st_mtime_ns
    assert motes(*words, "--count", 1).code == 0
    assert (out / "tomograms" / "TS_0001.mrc").stat().st_mtime_ns == before
    refused = motes(*words, "--count", 1, "--seed", 5)
    assert refused.code == 1
    assert "made otherwise" in refused.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "64x256"), "a size of 3 numbers is needed"),
        (("--size", "big"), "write it as 256 or 184x630x630, depth first"),
        (("--size", 24), "a ribosome of 300 A does not fit into 204 A of ice"),
        (("--voxel-size", 60), "smaller than 3 voxels of 60 A"),
        (("--size", "40x40x40", "--at-least", 9), "find room in (40, 40, 40) voxels; ask for fewer"),
    ],
)
def test_tomograms_that_cannot_be(
    motes: Motes, tmp_path: Path, words: tuple[object, ...], message: str
) -> None:
    answer = motes("simulate", "tomograms", tmp_path / "sim", *words)
    assert answer.code != 0
    assert message in " ".join(answer.err.replace("│", " ").split())
