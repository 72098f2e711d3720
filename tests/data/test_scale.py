import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from motes.data.scale import resample, resampling_matrix, working_shape
from motes.picks import Picks


def blob(shape, centre, sigma):
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    return np.exp(-sum((a - c) ** 2 for a, c in zip(axes, centre, strict=True)) / (2 * sigma**2)).astype(
        np.float32
    )


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_constant_stays_constant(size, new_size):
    weights = resampling_matrix(size, new_size)
    np.testing.assert_allclose(weights @ np.full(size, 7, dtype=np.float32), 7, rtol=1e-5)


def test_the_same_size_changes_nothing():
    array = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    assert np.array_equal(resample(array, (5, 6)), array)


@pytest.mark.parametrize("new_shape", [(30, 40), (90, 120), (31, 43), (20, 80)])
def test_a_spot_lands_where_the_picks_say(new_shape):
    image = blob((60, 80), (24.0, 50.0), 5.0)
    small = resample(image, new_shape)
    factors = [n / o for n, o in zip(small.shape, image.shape, strict=True)]
    expected = Picks(np.array([[24.0, 50.0]])).scaled(factors).points[0]
    np.testing.assert_allclose(ndimage.center_of_mass(small), expected, atol=0.05)


def test_volumes_take_the_same_path():
    volume = blob((12, 20, 24), (5.0, 10.0, 12.0), 2.5)
    small = resample(volume, (6, 10, 12))
    np.testing.assert_allclose(ndimage.center_of_mass(small), (2.25, 4.75, 5.75), atol=0.05)


def test_noise_beyond_the_new_resolution_is_averaged_away():
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    small = resample(noise, (100, 100))
    # A triangle of half width 4 px keeps the sum of its squared weights, along each axis.
    weights = np.clip(1 - np.abs(np.arange(-3.5, 4)) / 4, 0, None)
    weights /= weights.sum()
    assert small.std() == pytest.approx(np.square(weights).sum(), rel=0.05)


def test_a_working_image_has_at_least_a_pixel():
    assert working_shape((3, 1000), 0.1) == (1, 100)
