import hashlib
import subprocess
import sys

import numpy as np
import pytest
from scipy import fft, ndimage

from motes.errors import RecipeError
from motes.simulate import SimulatedTomogram, TomogramWorld, simulate_tomogram
from motes.simulate.reconstruct import back_projected
from motes.simulate.tilt_series import take_tilt_series
from motes.simulate.tomogram_clutter import soft_ball

EACH = {
    "apo-ferritin": 4,
    "beta-amylase": 4,
    "beta-galactosidase": 4,
    "ribosome": 4,
    "virus-like-particle": 4,
}
WORLD = TomogramWorld(size=(48, 112, 144), density=0, counts=EACH, vesicles=0, sheets=0, gold=0)


@pytest.fixture(scope="module")
def made() -> SimulatedTomogram:
    return simulate_tomogram(WORLD, 0, 0)


def contrast_at(volume: np.ndarray, points: np.ndarray, reach: float) -> np.ndarray:
    """Mean in a ball (px) about each point (z, y, x), in standard deviations of such means over the volume."""
    axes = np.ogrid[tuple(slice(-int(reach), int(reach) + 1) for _ in range(3))]
    ball = (sum(axis**2 for axis in axes) <= reach**2).astype(float)
    means = ndimage.convolve(volume.astype(float), ball / ball.sum())
    return (means[tuple(np.round(points).astype(int).T)] - means.mean()) / means.std()


def middle(box: np.ndarray) -> np.ndarray:
    """The point (z, y, x) about which a box is most like its own mirror image."""
    sides = [2 * n for n in box.shape]
    mirrored = fft.irfftn(fft.rfftn(box, sides) ** 2, sides)
    top = np.unravel_index(mirrored.argmax(), mirrored.shape)
    found = []
    for axis in range(3):
        line = np.moveaxis(mirrored, axis, 0)[(slice(None), *(t for k, t in enumerate(top) if k != axis))]
        before, at, after = line[top[axis] - 1 : top[axis] + 2]
        found.append((top[axis] + (before - after) / (2 * (before - 2 * at + after))) / 2)
    return np.array(found)


def test_truth_says_what_is_in_it(made: SimulatedTomogram) -> None:
    assert made.image.shape == made.denoised.shape == WORLD.size
    assert made.image.data.dtype == np.float32
    assert made.image.pixel_size == 10
    assert made.picks.classes is not None
    assert made.picks.diameters is not None
    names, counts = np.unique(made.picks.classes, return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == EACH
    assert {str(n): float(d) for n, d in zip(made.picks.classes, made.picks.diameters, strict=True)} == {
        "apo-ferritin": 12,
        "beta-amylase": 13,
        "beta-galactosidase": 18,
        "ribosome": 30,
        "virus-like-particle": 27,
    }
    assert made.parameters["particles"] == {**EACH, "thyroglobulin": 0}
    assert len(made.parameters["defocus"]) == len(made.parameters["angles"]) == 41


def test_proteins_are_dark_at_their_centres_and_nowhere_else_by_turning_axes(made: SimulatedTomogram) -> None:
    ribosomes = made.picks.points[made.picks.classes == "ribosome"]
    at = contrast_at(made.denoised.data, ribosomes, 4).mean()
    assert at < -2.5
    for axes in ((1,), (2,), (1, 2)):  # the ice is too thin for z; beads show that
        elsewhere = ribosomes.copy()
        for axis in axes:
            elsewhere[:, axis] = WORLD.size[axis] - 1 - elsewhere[:, axis]
        assert contrast_at(made.denoised.data, elsewhere, 4).mean() > at / 2


def test_ribosomes_stand_out_and_beta_amylase_hardly(made: SimulatedTomogram) -> None:
    strength = {
        name: -contrast_at(made.denoised.data, made.picks.points[made.picks.classes == name], 3).mean()
        for name in ("ribosome", "beta-amylase")
    }
    assert strength["ribosome"] > 2.5
    assert strength["beta-amylase"] < 0.6 * strength["ribosome"]


@pytest.mark.parametrize(("kind", "most"), [("image", 0.02), ("denoised", 0.04)])
def test_the_missing_wedge_is_empty(made: SimulatedTomogram, kind: str, most: float) -> None:
    volume = getattr(made, kind).data
    power = np.abs(np.fft.fftn(volume - volume.mean())) ** 2
    kz, _, kx = np.meshgrid(*(np.fft.fftfreq(n) for n in volume.shape), indexing="ij", sparse=True)
    wedge = np.abs(kz) > np.tan(np.deg2rad(60 + 5)) * np.abs(kx)
    assert power[np.broadcast_to(wedge, power.shape)].sum() < most * power.sum()


@pytest.mark.parametrize("place", [(21.3, 40.0, 60.6), (30.0, 20.7, 15.2), (25.5, 60.25, 80.0)])
def test_a_bead_that_was_imaged_is_found_at_its_declared_centre(place: tuple[float, float, float]) -> None:
    world = TomogramWorld(size=(48, 80, 96), alignment_error=3, contrast=0.6, ice_noise=0)
    density, whole = np.zeros(world.size, np.float32), np.round(place).astype(int)
    bead = soft_ball(50, np.array(place) - whole, world.voxel_size) * 7
    density[tuple(slice(w - len(bead) // 2, w + len(bead) // 2 + 1) for w in whole)] = bead
    series = take_tilt_series(world, density, 0, 0)
    volume = -back_projected(series.images, series.angles, world.size)
    corner = whole - 8
    assert middle(volume[tuple(slice(c, c + 17) for c in corner)]) + corner == pytest.approx(place, abs=0.1)


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    small = "size=(40, 48, 56), density=0, counts={'apo-ferritin': 2}, crowding=0.005"
    code = (
        "from motes.simulate import *; import hashlib;"
        f"m = simulate_tomogram(TomogramWorld({small}), 5, 3);"
        "print(hashlib.sha256(m.image.data.tobytes() + m.picks.points.tobytes()).hexdigest())"
    )
    elsewhere = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    world = TomogramWorld(size=(40, 48, 56), density=0, counts={"apo-ferritin": 2}, crowding=0.005)
    here, *others = (simulate_tomogram(world, *which) for which in ((5, 3), (5, 2), (6, 3)))
    assert hashlib.sha256(here.image.data.tobytes() + here.picks.points.tobytes()).hexdigest() == elsewhere
    assert all(not np.array_equal(here.image.data, other.image.data) for other in others)


def test_seeds_below_zero_are_refused() -> None:
    with pytest.raises(RecipeError, match="seed and index must be 0 or more"):
        simulate_tomogram(WORLD, -1, 0)
