import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.physics.ctf import (
    Defocus,
    Lens,
    b_factor_envelope,
    contrast_transfer,
    source_envelope,
    wavelength,
)
from motes.physics.fourier import coloured_noise, frequency_axes, frequency_radius

LENS = Lens(300.0, 2.7, 0.1)


def zero_frequencies(lens: Lens, defocus: float, count: int) -> np.ndarray:
    """Where pi lambda D s^2 - pi/2 Cs lambda^3 s^4 + asin(w) = n pi, solved for s."""
    length, cs = wavelength(lens.voltage), lens.spherical_aberration * 1e7
    n = np.arange(1, count + 1) - np.arcsin(lens.amplitude_contrast) / np.pi
    root = np.sqrt(defocus**2 - 2 * cs * length * n)
    return np.sqrt((defocus - root) / (cs * length**2))


@pytest.mark.parametrize(("voltage", "expected"), [(100, 0.03701), (200, 0.02508), (300, 0.01969)])
def test_wavelengths_are_those_of_the_textbooks(voltage: float, expected: float) -> None:
    assert wavelength(voltage) == pytest.approx(expected, abs=1e-5)


def test_at_zero_frequency_it_is_the_amplitude_contrast() -> None:
    axes = frequency_axes((8, 8), 1.0)
    assert contrast_transfer(LENS, Defocus(2e4, 2e4), axes)[0, 0] == pytest.approx(0.1)
    shifted = contrast_transfer(LENS, Defocus(2e4, 2e4, 0, 90), axes)[0, 0]
    assert shifted == pytest.approx(np.cos(np.arcsin(0.1)))


@given(st.floats(8000, 40000))
@settings(max_examples=20, deadline=None)
def test_it_crosses_zero_where_the_formula_says(defocus: float) -> None:
    for zero in zero_frequencies(LENS, defocus, 3):
        nearby = [np.zeros((1, 2)), np.array([[zero - 1e-5, zero + 1e-5]])]
        before, after = contrast_transfer(LENS, Defocus(defocus, defocus), nearby)[0]
        assert before * after < 0


def test_thon_rings_of_filtered_noise_lie_at_the_zeros() -> None:
    shape, defocus = (512, 512), 20000.0
    axes = frequency_axes(shape, 2.0)
    transfer = contrast_transfer(LENS, Defocus(defocus, defocus), axes)
    power = sum(
        np.abs(np.fft.rfft2(coloured_noise(shape, transfer, np.random.default_rng(seed)))) ** 2
        for seed in range(4)
    )
    bins = np.round(frequency_radius(axes) * shape[0] * 2.0).astype(int)
    profile = np.bincount(bins.ravel(), power.ravel()) / np.bincount(bins.ravel())
    for zero in zero_frequencies(LENS, defocus, 4):
        expected = zero * shape[0] * 2.0
        around = np.arange(int(expected) - 5, int(expected) + 7)
        assert abs(around[profile[around].argmin()] - expected) <= 1


def test_the_defocus_along_the_angle_is_u() -> None:
    angle = 30.0
    along = [np.array([[0.04 * np.sin(np.deg2rad(angle))]]), np.array([[0.04 * np.cos(np.deg2rad(angle))]])]
    across = [along[1], -along[0]]
    astigmatic = Defocus(22000, 18000, angle)
    assert contrast_transfer(LENS, astigmatic, along) == pytest.approx(
        contrast_transfer(LENS, Defocus(22000, 22000), along)
    )
    assert contrast_transfer(LENS, astigmatic, across) == pytest.approx(
        contrast_transfer(LENS, Defocus(18000, 18000), across)
    )


def test_envelopes_start_at_one_and_fall() -> None:
    axes = [np.zeros((1, 50)), np.linspace(0, 0.25, 50)[None]]
    for envelope in (b_factor_envelope(axes, 100), source_envelope(LENS, Defocus(2e4, 2e4), axes, 0.05)):
        assert envelope[0, 0] == 1
        assert (np.diff(envelope[0]) < 0).all()
    assert b_factor_envelope(axes, 100)[0, -1] == pytest.approx(np.exp(-100 / 4 * 0.25**2))
