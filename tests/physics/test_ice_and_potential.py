import numpy as np
import pytest

from motes.physics.fourier import coloured_noise, filtered, frequency_axes, frequency_radius
from motes.physics.ice import (
    MEAN_FREE_PATH,
    carbon_film,
    contamination_blob,
    ice_structure_factor,
    thickness_map,
    transmission,
)
from motes.physics.potential import ICE, PROTEIN, granularity, interaction_parameter


def test_potentials_and_interaction_are_those_of_the_literature() -> None:
    assert ICE.potential == pytest.approx(4.53, abs=0.02)
    assert 7 < PROTEIN.potential < 8.5
    assert interaction_parameter(300) == pytest.approx(6.53e-4, rel=0.005)
    assert interaction_parameter(100) == pytest.approx(9.24e-4, rel=0.005)


def test_the_phase_noise_of_ice_grows_with_the_root_of_its_thickness() -> None:
    thin, thick = (granularity(ICE, t, 300, 4.0) for t in (200, 800))
    assert thick == pytest.approx(2 * thin)


def test_ice_scatters_most_at_its_ring() -> None:
    frequency = np.linspace(0.05, 0.4, 400)
    assert frequency[ice_structure_factor(frequency).argmax()] == pytest.approx(1 / 3.7, abs=0.01)


@pytest.mark.parametrize("shape", [(96, 128), (24, 32, 28)])
def test_coloured_noise_has_the_spectrum_asked_for(shape: tuple[int, ...]) -> None:
    radius = frequency_radius(frequency_axes(shape, 1.0))
    low_pass = (radius < 0.25).astype(float)
    noise = coloured_noise(shape, low_pass, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfftn(noise)) ** 2
    assert spectrum[radius >= 0.25].max() < 1e-6 * spectrum.max()
    assert spectrum[radius < 0.25].mean() / noise.size == pytest.approx(1, rel=0.1)


def test_a_filter_of_ones_changes_nothing() -> None:
    image = np.random.default_rng(0).normal(size=(15, 21)).astype(np.float32)
    assert filtered(image, np.ones((15, 11))) == pytest.approx(image, abs=1e-6)


def test_thickness_has_its_mean_and_absorbs_as_beer_and_lambert_say() -> None:
    sheet = thickness_map((64, 64), 500, 0.4, np.random.default_rng(2))
    assert sheet.mean() == pytest.approx(500, rel=0.01)
    assert 100 < sheet.max() - sheet.min() < 500
    assert np.ptp(thickness_map((8, 8), 500, 0, np.random.default_rng(2))) == 0
    assert transmission(np.array([0, MEAN_FREE_PATH])) == pytest.approx([1, np.exp(-1)])


@pytest.mark.parametrize("corners", [0, 6])
def test_contamination_fills_its_circle_and_stays_in_its_box(corners: int) -> None:
    blob = contamination_blob(30, corners, np.random.default_rng(3), roughness=0)
    inside = blob > 0
    assert blob.shape[0] % 2 == 1
    assert not inside[[0, -1]].any()
    assert not inside[:, [0, -1]].any()
    circle = np.pi * 30**2
    expected = circle if corners == 0 else 3 * np.sqrt(3) / 2 * 30**2
    assert inside.sum() == pytest.approx(expected, rel=0.03)


def test_the_edge_of_the_carbon_is_an_arc_of_the_hole() -> None:
    film = carbon_film((200, 200), 300, 0.3, np.random.default_rng(4))
    assert set(np.unique(np.round(film[film % 1 == 0]))) == {0, 1}
    assert 0.05 < film.mean() < 0.6
