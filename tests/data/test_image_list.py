from pathlib import Path

import numpy as np
import pytest

from motes.data.image_list import ImageEntry, find_images
from motes.errors import ImageError
from motes.formats.images import write_image
from motes.formats.relion import write_micrographs_star

OPTICS = {"voltage": 300.0, "spherical_aberration": 2.7, "amplitude_contrast": 0.1}


def entry(folder: Path, name: str) -> ImageEntry:
    """What a micrographs.star with that name alone stands for."""
    write_micrographs_star(folder / "micrographs.star", [name], 4.0, **OPTICS)
    (found,) = find_images([str(folder / "micrographs.star")])
    return found


@pytest.mark.parametrize(
    ("name", "section", "path"),
    [
        ("000003@A/stack.mrcs", 2, "A/stack.mrcs"),
        ("000003@A/lab@home.mrcs", 2, "A/lab@home.mrcs"),
        ("lab@home/001.mrc", 0, "lab@home/001.mrc"),
        ("data/12@home/001.mrc", 0, "data/12@home/001.mrc"),
        ("²@home.mrc", 0, "²@home.mrc"),
        ("@home.mrc", 0, "@home.mrc"),
    ],
)
def test_only_a_number_before_the_first_at_is_a_section(
    tmp_path: Path, name: str, section: int, path: str
) -> None:
    found = entry(tmp_path, name)
    assert (found.name, found.section, found.path) == (name, section, Path(path))


def test_an_image_in_a_folder_with_an_at_is_found(tmp_path: Path) -> None:
    write_image(tmp_path / "lab@home" / "001.mrc", np.ones((4, 6), np.float32), 4.0)
    assert entry(tmp_path, "lab@home/001.mrc").read().shape == (4, 6)


def test_a_pixel_size_of_zero_is_not_passed_over(tmp_path: Path) -> None:
    write_image(tmp_path / "a.mrc", np.ones((4, 6), np.float32), 4.0)
    listed = ImageEntry("a.mrc", tmp_path / "a.mrc", pixel_size=3.0)
    assert listed.read().pixel_size == 3.0
    assert listed.read(pixel_size=2.0).pixel_size == 2.0
    for size in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ImageError, match="pixel size must be above 0"):
            listed.read(pixel_size=size)
