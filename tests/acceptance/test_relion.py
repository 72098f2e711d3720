"""RELION 3.1 reads what motes writes: every particle is cut, and its middle lies in the middle of the box."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray

from motes.formats.images import write_image
from motes.formats.picks import read_picks, write_index, write_picks
from motes.formats.relion import without_job, write_micrographs_star
from motes.jobs.places import coordinate_places
from motes.picks import Picks
from motes.simulate import MicrographWorld, simulate_micrograph

WORLD = MicrographWorld(
    size=(512, 640),
    structures=("apoferritin_like",),
    particles=(40, 45),
    snr=0.5,
    carbon_probability=0,
    contamination=(0, 0),
    aggregates=(0, 0),
)
DIAMETER = WORLD.diameter / WORLD.pixel_size
BOX = 64
NAMES = ["MotionCorr/job002/A/001.mrc", "MotionCorr/job002/B/001.mrc"]
JOB = "AutoPick/job001"

pytestmark = [
    pytest.mark.relion,
    pytest.mark.skipif(
        shutil.which("relion_preprocess") is None,
        reason="RELION is not installed (Debian: apt-get install relion)",
    ),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RELION project with two micrographs of the same name in two folders, and a picking job's output."""
    root = tmp_path_factory.mktemp("project")
    truth = {}
    for index, name in enumerate(NAMES):
        micrograph = simulate_micrograph(WORLD, seed=3, index=index)
        (root / name).parent.mkdir(parents=True)
        write_image(root / name, micrograph.image.data, micrograph.image.pixel_size)
        truth[name] = micrograph.picks
    write_micrographs_star(
        root / "micrographs.star",
        NAMES,
        WORLD.pixel_size,
        voltage=WORLD.voltage,
        spherical_aberration=WORLD.spherical_aberration,
        amplitude_contrast=WORLD.amplitude_contrast,
    )
    write_job(root, JOB, truth)
    write_job(root, "AutoPick/flipped", {name: flipped(picks) for name, picks in truth.items()})
    return root


def write_job(root: Path, job: str, picks: dict[str, Picks]) -> None:
    places = coordinate_places(list(picks), Path(job), "relion")
    for name, one in picks.items():
        scored = replace(one, scores=np.linspace(1, 0.5, len(one)))
        write_picks(root / places[name], scored, format="relion", image_name=name)
    listed = [(name, place.as_posix()) for name, place in places.items()]
    write_index(root / job, listed, "relion", "micrographs.star")


def flipped(picks: Picks) -> Picks:
    return replace(picks, points=picks.points * [-1, 1] + [WORLD.size[0] - 1, 0])


def run(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def cut(root: Path, job: str, out: str) -> NDArray[np.float32]:
    """Extract as RELION 3.1's window does from a job's suffix file; all particles (n, y, x), bright."""
    (suffix_file,) = (root / job).glob("coords_suffix*.star")
    where = ["--coord_dir", f"{job}/", "--coord_suffix", suffix_file.name.removeprefix("coords_suffix")]
    put = ["--part_star", f"{out}/particles.star", "--part_dir", f"{out}/"]
    how = ["--extract", "--extract_size", f"{BOX}", "--norm", "--bg_radius", "26", "--invert_contrast"]
    run(root, "relion_preprocess", "--i", suffix_file.read_text().strip(), *where, *put, *how)
    stacks = sorted((root / out).rglob("*.mrcs"))
    assert [stack.relative_to(root / out).as_posix() for stack in stacks] == [
        f"{without_job(name)}s" for name in NAMES
    ]
    return np.concatenate([np.asarray(mrcfile.read(stack)).reshape(-1, BOX, BOX) for stack in stacks])


def from_centre() -> NDArray[np.float64]:
    """Distance in px of every pixel of a box from its middle, which RELION has at BOX / 2."""
    y, x = np.indices((BOX, BOX)) - BOX // 2
    return np.hypot(y, x)


def contrast(mean: NDArray[np.float64]) -> float:
    """How much brighter the disc is than the ring around it, in units of the noise of the background."""
    radius = from_centre()
    ring = (radius > 0.6 * DIAMETER) & (radius < BOX / 2)
    return float(mean[radius < DIAMETER / 2].mean() - mean[ring].mean())


def centre_of_mass(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """y, x of the contrast around the middle of the box, as an offset from that middle in px."""
    radius = from_centre()
    ring = (radius > 0.6 * DIAMETER) & (radius < BOX / 2)
    mass = np.where(radius < 0.6 * DIAMETER, mean - mean[ring].mean(), 0)
    grid = np.indices(mean.shape) - BOX // 2
    return np.asarray((grid * mass).sum(axis=(1, 2)) / mass.sum())


@pytest.fixture(scope="module")
def particles(project: Path) -> NDArray[np.float32]:
    return cut(project, JOB, "Extract/job002")


def test_every_particle_is_cut(project: Path, particles: NDArray[np.float32]) -> None:
    written = read_picks(project / JOB / "autopick.star")
    listed = read_picks(project / "Extract/job002/particles.star")
    assert {name: len(picks) for name, picks in listed.items()} == {
        name: len(picks) for name, picks in written.items()
    }
    assert len(particles) == sum(len(picks) for picks in written.values())
    for name, picks in written.items():
        np.testing.assert_array_equal(listed[name].points, picks.points)


def test_the_mean_shows_the_particle_at_its_centre(particles: NDArray[np.float32]) -> None:
    mean = particles.mean(axis=0, dtype=np.float64)
    assert contrast(mean) > 0.3
    assert np.abs(centre_of_mass(mean)).max() < 1


def test_flipped_and_shifted_coordinates_show_much_less(
    project: Path, particles: NDArray[np.float32]
) -> None:
    right = contrast(particles.mean(axis=0, dtype=np.float64))
    wrong = cut(project, "AutoPick/flipped", "Extract/flipped").mean(axis=0, dtype=np.float64)
    shifted = np.roll(particles.mean(axis=0, dtype=np.float64), round(DIAMETER / 2), axis=1)
    assert abs(contrast(wrong)) < right / 4
    assert contrast(shifted) < right / 2


def test_its_own_parser_reads_coordinates_and_scores(project: Path) -> None:
    file = f"{JOB}/A/001_autopick.star"
    columns = ["rlnCoordinateX", "rlnCoordinateY", "rlnAutopickFigureOfMerit"]
    printed = run(project, "relion_star_printtable", file, "data_", *columns)
    table = np.array([line.split() for line in printed.splitlines() if line.strip()], dtype=np.float64)
    picks = read_picks(project / file)[None]
    np.testing.assert_array_equal(table[:, 1::-1], picks.points)
    np.testing.assert_allclose(table[:, 2], picks.scores, atol=1e-6)
