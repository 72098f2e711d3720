import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.data.normalise import Normalisation, fill_bad_pixels, normalise
from motes.data.working import Scale, check_diameter, to_working_scale
from motes.errors import ImageError, UnitError
from motes.image import Image

ANY = np.random.default_rng(0).normal(100, 20, (90, 120)).astype(np.float32)


@given(st.floats(0.1, 1000), st.floats(-1000, 1000))
def test_gain_and_offset_of_the_camera_do_not_matter(gain, offset):
    changed = (ANY * gain + offset).astype(np.float32)
    np.testing.assert_allclose(
        normalise(changed, Normalisation()), normalise(ANY, Normalisation()), atol=2e-2
    )


def test_normalised_means_mean_0_and_standard_deviation_1():
    result = normalise(ANY, Normalisation())
    assert result.dtype == np.float32
    assert result.mean() == pytest.approx(0, abs=1e-5)
    assert result.std() == pytest.approx(1, abs=1e-5)


def test_a_hot_pixel_does_not_set_the_scale():
    hot = ANY.copy()
    hot[3, 4] = 1e9
    np.testing.assert_allclose(
        normalise(hot, Normalisation())[50:], normalise(ANY, Normalisation())[50:], atol=0.05
    )


@pytest.mark.parametrize("value", [0.0, 1.0, -1e6, 1e-20])
def test_a_constant_image_is_refused_by_name(value):
    with pytest.raises(ImageError, match=r"flat\.mrc: all pixels have the same value"):
        normalise(np.full((8, 8), value, dtype=np.float32), Normalisation(), "flat.mrc")


def test_bad_pixels_take_the_median_and_are_counted():
    pixels = ANY.copy()
    pixels[0, :3] = [np.nan, np.inf, -np.inf]
    filled, bad = fill_bad_pixels(pixels, "x")
    assert bad == 3
    assert filled[0, 0] == filled[0, 1] == np.median(pixels[np.isfinite(pixels)])
    assert np.array_equal(filled[1:], pixels[1:])


def test_an_image_of_nothing_but_bad_pixels_is_refused():
    with pytest.raises(ImageError, match="NaN or infinite"):
        fill_bad_pixels(np.full((4, 4), np.nan), "x")


def test_the_particle_gets_the_working_diameter():
    working = to_working_scale(Image(ANY, 2.0, "x"), 30, Scale(20), Normalisation())
    assert working.data.shape == (60, 80)
    assert working.factors == (60 / 90, 80 / 120)
    assert working.full_shape == (90, 120)


def test_each_axis_keeps_its_own_factor():
    working = to_working_scale(Image(ANY[:89, :113], 2.0, "x"), 30, Scale(20), Normalisation())
    assert working.factors == (59 / 89, 75 / 113)


@pytest.mark.parametrize("diameter", [0.5, 3.0])
def test_a_particle_of_three_pixels_is_refused(diameter):
    with pytest.raises(UnitError, match=r"too small.*--pixel-size"):
        check_diameter(diameter, (100, 100), "x")


def test_a_particle_larger_than_the_image_is_refused():
    with pytest.raises(UnitError, match="larger than the image"):
        check_diameter(101, (100, 200), "x")
    check_diameter(100, (100, 200), "x")


def test_voxels_of_almost_the_working_size_are_left_as_they_are():
    volume = Image(np.random.default_rng(0).normal(size=(18, 63, 63)).astype(np.float32), 10.012444, "TS_6_4")
    working = to_working_scale(volume, None, Scale(pixel_size=10), Normalisation(clip_percent=0))
    assert working.factors == (1, 1, 1)
    np.testing.assert_allclose(working.data, normalise(volume.data, Normalisation(clip_percent=0)))
    assert Scale(pixel_size=10).factor(Image(volume.data, 10.2, "other"), None) == pytest.approx(1.02)
