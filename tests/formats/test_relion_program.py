"""RELION's own programs read what is written for them."""

import shutil
import subprocess
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.formats.relion import write_micrographs_star
from motes.picks import Picks


@pytest.mark.relion
@pytest.mark.skipif(shutil.which("relion_preprocess") is None, reason="RELION 3.1 is not installed")
def test_relion_cuts_every_particle_with_its_centre_in_the_middle(tmp_path: Path) -> None:
    points = np.array([[20.0, 30.0], [40.3, 70.0], [50.0, 24.6], [55.0, 90.0]])  # y, x
    pixels = np.zeros((80, 120), np.float32)
    rows, columns = np.rint(points).astype(int).T
    pixels[rows, columns] = 100
    write_image(tmp_path / "mics/a.mrc", pixels, 2.0)
    write_micrographs_star(
        tmp_path / "micrographs.star",
        ["mics/a.mrc"],
        2.0,
        voltage=300,
        spherical_aberration=2.7,
        amplitude_contrast=0.1,
    )
    coordinates = tmp_path / "coords/mics/a_autopick.star"
    write_picks(coordinates, Picks(points, np.ones(4)), format="relion", image_name="mics/a.mrc")
    command = "relion_preprocess --i micrographs.star --coord_dir coords/ --coord_suffix _autopick.star "
    command += "--part_star out/particles.star --part_dir out/ --extract --extract_size 16"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    (stack,) = tmp_path.glob("out/**/*.mrcs")
    particles = mrcfile.read(stack)
    assert particles.shape == (4, 16, 16)
    assert all(np.unravel_index(cut.argmax(), cut.shape) == (8, 8) for cut in particles)
