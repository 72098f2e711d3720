import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.data.normalise import Normalisation
from motes.data.working import Scale, WorkingImage, to_working_scale
from motes.picking.quality import (
    VERDICTS,
    Signs,
    binned,
    large_patches,
    near,
    outlying,
    overlapping_share,
    signs,
    unusual_ground,
    usual_range,
    without_slope,
)
from motes.picks import Picks, empty_picks
from motes.simulate import MicrographWorld, simulate_micrograph

DIAMETER = 22.0
CLEAN = {"contamination": (0, 0), "carbon_probability": 0.0, "aggregates": (0, 0)}
DIRTY = CLEAN | {"contamination": (4, 8), "contamination_diameter": (400.0, 900.0)}
CARBON = CLEAN | {"carbon_probability": 1.0, "carbon_depth": (0.4, 0.5), "hole_diameter": 4000.0}


def micrograph(seed: int = 0, **world) -> tuple[WorkingImage, Picks]:
    """A simulated micrograph as the net sees it, and the truth on it."""
    values = {"size": 512, "pixel_size": 6, "particles": (0, 0), **world}
    made = simulate_micrograph(MicrographWorld.model_validate(values), seed, 0)
    working = to_working_scale(made.image, 150 / 6, Scale(DIAMETER), Normalisation())
    return working, Picks(made.picks.scaled(working.factors).points, np.ones(len(made.picks)))


def verdict(seed: int = 0, **world) -> str:
    working, picks = micrograph(seed, **world)
    return signs(working.data, picks, DIAMETER).verdict


@pytest.mark.parametrize("seed", range(3))
def test_simulated_micrographs(seed):
    assert verdict(seed, **CLEAN, particles=(80, 80)) == "ok"
    assert verdict(seed, **CLEAN, particles=(5, 5)) == "few particles"
    assert verdict(seed, **CLEAN) == "probably nothing"
    assert verdict(seed, **DIRTY, particles=(60, 60)) == "much ice or carbon"
    assert verdict(seed, **CARBON, particles=(60, 60)) == "much ice or carbon"
    assert verdict(seed, **CLEAN, particles=(500, 500), spacing=0.75, overlapping=0.3) == "crowded"


@pytest.mark.parametrize("seed", range(3))
def test_particles_alone_are_no_unusual_ground(seed):
    working, _ = micrograph(seed, **CLEAN, particles=(80, 80), snr=1, thickness_gradient=1.0)
    assert signs(working.data, empty_picks(2), DIAMETER).unusual < 0.03


def test_the_worst_comes_first():
    good = {"unusual": 0.0, "covered": 0.2, "overlapping": 0.0}
    found = [Signs(**good | change).verdict for change in (
        {}, {"overlapping": 0.5}, {"covered": 0.01, "overlapping": 0.5},
        {"unusual": 0.2, "covered": 0.01}, {"unusual": 0.2, "covered": 0.001},
    )]  # fmt: skip
    assert tuple(found) == VERDICTS


def disc(shape, centre, radius):
    return np.hypot(*(np.indices(shape) - np.array(centre)[:, None, None])) <= radius


def noise(shape=(300, 400), seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("shade", [-2, 2])
def test_a_dark_or_bright_patch_is_found_where_it_is(shade):
    image = (
        noise() + np.float32(shade) * disc((300, 400), (100, 250), 50) + np.linspace(0, 1, 400, dtype="f4")
    )
    found = unusual_ground(image, DIAMETER, 4)
    true = binned(disc((300, 400), (100, 250), 50).astype(np.float32), 4) > 0.5
    assert found[true].mean() > 0.95
    assert not found[~near(np.array([[25.0, 62.0]]), true.shape, (50 + DIAMETER) / 4)].any()


def test_a_rough_patch_is_found():
    image = noise() * np.where(disc((300, 400), (100, 250), 50), 2, 1).astype(np.float32)
    found = unusual_ground(image, DIAMETER, 4)
    assert found[25, 62]
    assert found.mean() < 0.12


def test_a_single_particle_is_not_unusual_ground():
    image = noise() + 3 * disc((300, 400), (100, 250), 8).astype(np.float32)
    assert signs(image, empty_picks(2), DIAMETER).unusual == 0


def test_what_picks_cover_does_not_count():
    """Objects that fill the image are no ice, as long as they are picked."""
    centres = np.array([(60 + 40 * i, 60 + 40 * j) for i in range(2) for j in range(2)], dtype=float)
    image = noise() + sum(3 * disc((300, 400), centre, 18) for centre in centres).astype(np.float32)
    assert signs(image, empty_picks(2), 40).unusual > 0.03
    assert signs(image, Picks(centres), 40).unusual == 0


def test_expected_particles_are_counted():
    picks = Picks(np.array([[20.0, 20], [80, 80]]), np.array([0.9, 0.5]))
    assert signs(noise((100, 100)), picks, 10).covered == pytest.approx(1.4 * np.pi * 25 / 1e4)


def test_a_plane_is_taken_off_whatever_lies_on_it():
    y, x = np.indices((60, 80), dtype=np.float32)
    field = 3 + 0.02 * y - 0.01 * x + 0.01 * noise((60, 80))
    field[20:40, 10:30] -= 5
    rest = without_slope(field)
    assert np.abs(rest[45:]).max() < 0.1
    assert rest[20:40, 10:30].mean() == pytest.approx(-5, abs=0.1)


def test_the_usual_range_does_not_feel_half_an_image_of_ice():
    values = noise((90_000,))
    assert usual_range(values) == pytest.approx((0, 1), abs=0.1)
    values[:40_000] = np.linspace(-30, -4, 40_000)
    middle, spread = usual_range(values)
    assert middle == pytest.approx(0, abs=0.2)
    assert 1 < spread < 2


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.floats(0.1, 10), st.floats(-10, 10))
def test_the_usual_range_moves_with_the_values(values, times, shift):
    middle, spread = usual_range(np.array(values))
    moved = usual_range(times * np.array(values) + shift)
    assert moved[1] == pytest.approx(times * spread, abs=1e-6)
    if len(values) < 3:
        assert moved[0] == pytest.approx(times * middle + shift, abs=1e-6)


@given(st.floats(-5, 5), st.integers(0, 5))
def test_outlying_does_not_depend_on_the_mean(shift, seed):
    field = noise((30, 40), seed)
    field[:5, :5] += 20
    assert (outlying(field + np.float32(shift), 0.3) == outlying(field, 0.3)).all()


def test_even_ground_has_nothing_unusual():
    assert not outlying(np.zeros((20, 20), np.float32), 0.3).any()
    assert not unusual_ground(np.zeros((100, 100), np.float32), DIAMETER, 4).any()


def test_small_patches_are_dropped():
    found = np.zeros((20, 20), bool)
    found[:3, :3] = found[10:14, 10:14] = True
    assert large_patches(found, 10).sum() == 16


def test_squares_are_means_and_ends_are_left_out():
    assert binned(np.arange(35, dtype=np.float32).reshape(5, 7), 2).tolist() == [[4, 6, 8], [18, 20, 22]]


def test_near_a_point():
    assert near(np.array([[2.0, 3.0]]), (5, 6), 1).sum() == 5
    assert not near(np.zeros((0, 2)), (5, 6), 3).any()


def test_overlapping_by_hand():
    points = np.array([[0.0, 0], [0, 5], [0, 20]])
    assert overlapping_share(points, 5.1) == pytest.approx(2 / 3)
    assert overlapping_share(points, 5.0) == 0
    assert overlapping_share(points[:1], 5) == 0
