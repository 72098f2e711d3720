import numpy as np
import pytest

from motes.formats.images import read_image
from motes.formats.picks import read_picks


def test_beads_with_the_outline_of_each(motes, tmp_path):
    told = motes("simulate", "beads", tmp_path / "out", "--count", 2, "--size", "96x128", "--density", 12)
    assert told.code == 0
    for name in ("beads_0001", "beads_0002"):
        image = read_image(tmp_path / "out/images" / f"{name}.tif").data
        labels = read_image(tmp_path / "out/labels" / f"{name}.tif").data
        (picks,) = read_picks(tmp_path / "out/picks" / f"{name}.csv").values()
        assert image.shape == labels.shape == (96, 128)
        assert len(np.unique(labels)) == len(picks) + 1 == 13


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--density", "300", "--size", "128"], "300 beads of 19 px do not lie side by side in 128x128 px"),
        (["--diameter", "1.8"], "diameter"),
    ],
)
def test_beads_that_cannot_be(motes, tmp_path, words, said):
    told = motes("simulate", "beads", tmp_path / "out", *words)
    assert told.code == 1
    assert said in told.err
