import numpy as np
import pytest
from scipy import fft

from motes.physics.ctf import Defocus, Lens, contrast_transfer
from motes.physics.fourier import filtered, frequency_axes
from motes.simulate.tilt_series import alignment_shifts, developed, take_tilt_series
from motes.simulate.tomogram_world import TomogramWorld

QUIET = {"ice_noise": 0, "alignment_error": 0, "defocus_error": 0, "quantum_efficiency": 1, "contrast": 1}


def world(**fields: object) -> TomogramWorld:
    return TomogramWorld.model_validate({"size": (40, 48, 64)} | fields)


def test_bare_ice_is_counted_with_the_noise_of_its_electrons_fewer_at_high_tilts() -> None:
    described = world(**QUIET, dose=82, tilt_step=3)
    series = take_tilt_series(described, np.zeros(described.size, np.float32), 0, 0)
    assert len(series.images) == 41
    assert series.images.mean() == pytest.approx(0, abs=1e-3)
    path = described.ice_thickness / np.cos(np.deg2rad(series.angles))
    electrons = 2.0 * 100 * np.exp(-path / 3950)  # 2 e/A^2 on 100 A^2, what comes through the ice
    assert series.images.std(axis=(1, 2)) == pytest.approx(electrons**-0.5, rel=0.05)
    assert series.dose.max() == pytest.approx(80)
    assert series.dose[20] == 0


def test_protein_is_dark_in_every_image() -> None:
    described = world(**QUIET, dose=700, tilt_step=20, b_factor=0, amplitude_contrast=0.3)
    density = np.zeros(described.size, np.float32)
    density[16:24, 20:28, 28:36] = 1
    series = take_tilt_series(described, density, 0, 0)
    middle = series.images.shape[2] // 2
    inside = series.images[:, 22:26, middle - 2 : middle + 2].mean(axis=(1, 2))
    outside = series.images[:, :8, :8].mean(axis=(1, 2))
    assert (inside < outside - 0.05).all()


def test_defocus_changes_across_a_tilted_specimen() -> None:
    described, shape, angle = world(), (64, 120), 60.0
    tilt = np.tan(np.deg2rad(angle)) * 10
    axes, lens = frequency_axes(shape, 10), Lens(300, 2.7, 0.07)
    for column in (0 + 30, 119 - 30):  # the middles of strips, so nothing is interpolated
        point = np.zeros(shape, np.float32)
        point[32, column] = 1
        made = developed(described, fft.rfft2(point), shape, 35000.0, angle)
        local = 35000.0 + (column - 59.5) * tilt
        expected = filtered(point, -2 * contrast_transfer(lens, Defocus(local, local), axes))
        other = filtered(point, -2 * contrast_transfer(lens, Defocus(70000 - local, 70000 - local), axes))
        here = slice(column - 8, column + 9)
        assert np.abs(made - expected)[:, here].max() < 0.1 * np.abs(made - other)[:, here].max()


def test_what_the_alignment_leaves_does_not_move_the_volume() -> None:
    angles = np.arange(-60, 61, 3.0)
    shifts = alignment_shifts(angles, 1.5, np.random.default_rng(0))
    assert shifts.std() == pytest.approx(1.5, rel=0.2)
    tilt = np.deg2rad(angles)
    assert shifts[:, 0].mean() == pytest.approx(0, abs=1e-9)
    assert (shifts[:, 1] * np.cos(tilt)).sum() == pytest.approx(0, abs=1e-9)
    assert (shifts[:, 1] * np.sin(tilt)).sum() == pytest.approx(0, abs=1e-9)
    assert not alignment_shifts(angles, 0, np.random.default_rng(0)).any()
