from pathlib import Path

import mrcfile
import numpy as np
import pytest

from motes.formats import mrc
from motes.formats.images import read_image
from motes.formats.mrc_slabs import slabs_of


@pytest.mark.parametrize("shape", [(7, 6, 5), (1, 6, 5), (9, 8)])
@pytest.mark.parametrize("planes", [1, 3, 20])
@pytest.mark.parametrize("pixel_size", [None, 3.5])
def test_a_file_of_slabs_is_that_of_the_whole(tmp_path: Path, shape, planes, pixel_size):
    data = np.random.default_rng(0).random(shape, np.float32)
    mrc.write(tmp_path / "whole.mrc", data, pixel_size)
    with slabs_of(tmp_path / "slabs.mrc", pixel_size) as writer:
        for start in range(0, len(data), planes):
            writer.add(data[start : start + planes])
        assert not (tmp_path / "slabs.mrc").exists()
    assert mrcfile.validate(tmp_path / "slabs.mrc")
    with mrcfile.open(tmp_path / "whole.mrc") as whole, mrcfile.open(tmp_path / "slabs.mrc") as slabs:
        np.testing.assert_array_equal(slabs.data, whole.data)
        for name in whole.header.dtype.names:
            if name in ("dmean", "rms"):
                assert slabs.header[name] == pytest.approx(whole.header[name], rel=1e-5)
            elif name == "cella":
                found, expected = (
                    tuple(float(f.header.cella[axis]) for axis in "xyz") for f in (slabs, whole)
                )
                assert found == pytest.approx(expected)
            else:
                assert slabs.header[name].tolist() == whole.header[name].tolist(), name


def test_slabs_may_be_views_of_memory_that_is_used_again(tmp_path: Path):
    place = np.zeros((2, 4, 6, 5), np.float32)
    with slabs_of(tmp_path / "map.mrc", 2.0) as writer:
        for number in range(3):
            place[:] = number
            writer.add(place[1, :2])
    image = read_image(tmp_path / "map.mrc", ndim=3)
    assert (image.shape, image.pixel_size) == ((6, 6, 5), 2.0)
    assert image.data[:, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_what_breaks_off_leaves_nothing(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt), slabs_of(tmp_path / "map.mrc", None) as writer:
        writer.add(np.zeros((2, 4, 4), np.float32))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
