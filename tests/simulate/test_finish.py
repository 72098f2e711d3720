"""What programs do to a micrograph: each change alone, by what it must keep and what it must take away."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.simulate.finish import (
    Finish,
    denoised,
    evened,
    smooth_field,
    standardised,
    surroundings,
    with_rim,
)

NOISE = np.random.default_rng(0).normal(3, 5, (96, 80)).astype(np.float32)
ALL = Finish(1.0, 1.0, 0.5, 20.0, 20.0, 1.0, 256, (3, 0, 5, 2))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.floats(0.01, 1000), st.floats(-1000, 1000))
def test_standardised_forgets_the_unit(scale: float, offset: float) -> None:
    found = standardised(np.float32(scale) * NOISE + np.float32(offset))
    assert found.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert found.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(found, standardised(NOISE), atol=0.02)


def test_no_contrast_stays_none() -> None:
    flat = np.full((20, 30), 7, np.float32)
    assert not standardised(flat).any()
    np.testing.assert_allclose(denoised(flat, 1.0), flat, rtol=1e-6)
    np.testing.assert_allclose(surroundings(flat, 6.0), flat, rtol=1e-6)
    assert not evened(flat, 5.0).any()
    assert np.isfinite(ALL.apply(flat, rng())).all()


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_a_smooth_field_is_smooth_and_the_same_for_the_same_seed(seed: int) -> None:
    field = smooth_field((120, 160), rng(seed))
    assert field.shape == (120, 160)
    assert field.std() == pytest.approx(1, abs=1e-4)
    assert max(np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1)) < 0.15
    assert np.array_equal(field, smooth_field((120, 160), rng(seed)))


def test_denoising_quietens_the_ground_and_leaves_what_stands_out() -> None:
    noise = rng().normal(0, 1, (100, 100)).astype(np.float32)
    image = noise.copy()
    image[40:60, 40:60] += 40
    found = denoised(image, 1.0)
    assert found[:30].std() < 0.5
    assert found[45:55, 45:55].mean() - found[:30].mean() == pytest.approx(40, abs=0.5)
    edge = (slice(38, 42), slice(45, 55))
    assert np.abs(found[edge] - image[edge]).max() < 1
    assert np.array_equal(denoised(image, 0.0), image)
    np.testing.assert_allclose(denoised(image, 0.5), (image + found) / 2, atol=1e-4)


def test_contrast_is_made_even() -> None:
    image = rng().normal(0, 1, (200, 200)).astype(np.float32)
    image[:, 100:] *= 10
    found = evened(image + 5, 12.0)
    left, right = found[:, :60].std(), found[:, 140:].std()
    assert right / left == pytest.approx(1, abs=0.05)
    assert np.abs(found).max() <= 1
    np.testing.assert_allclose(evened(3 * image + 20, 12.0), found, atol=1e-3)


@pytest.mark.parametrize("sigma", [1.4, 3.0, 8.3, 20.0])
def test_surroundings_are_as_wide_as_asked_for_and_lose_nothing(sigma: float) -> None:
    image = np.zeros((161, 161), np.float32)
    image[80, 80] = 1
    along = surroundings(image, sigma).sum(axis=1, dtype=np.float64)
    places = np.arange(161)
    centre = (along * places).sum()
    assert along.sum() == pytest.approx(1, abs=1e-4)
    assert centre == pytest.approx(80, abs=1.51)  # three even windows each lie half a pixel aside
    assert np.sqrt((along * (places - centre) ** 2).sum()) == pytest.approx(sigma, rel=0.08)


@given(st.tuples(*[st.integers(0, 20)] * 4))
def test_a_rim_repeats_the_last_whole_line(rim: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = rim
    found = with_rim(NOISE, rim)
    height, width = NOISE.shape
    rows = np.clip(np.arange(height), top, height - 1 - bottom)
    columns = np.clip(np.arange(width), left, width - 1 - right)
    assert np.array_equal(found, NOISE[rows][:, columns])


def test_without_changes_an_image_is_only_standardised() -> None:
    assert np.array_equal(Finish().apply(NOISE, rng()), standardised(NOISE))


def test_shading_is_added_in_units_of_the_images_spread() -> None:
    found = Finish(shading=2).apply(NOISE, rng(4)) - standardised(NOISE)
    np.testing.assert_allclose(found, 2 * smooth_field(NOISE.shape, rng(4)), atol=1e-5)


@pytest.mark.parametrize(
    "change", [{"low_pass": 1.5}, {"denoise": 0.8}, {"background": 10.0}, {"flatten": 15.0}]
)
def test_filtered_images_have_mean_0_and_spread_1(change: dict[str, float]) -> None:
    found = Finish(**change).apply(NOISE, rng())
    assert found.mean() == pytest.approx(0, abs=1e-4)
    assert found.std() == pytest.approx(1, abs=1e-4)
    assert not np.allclose(found, standardised(NOISE), atol=0.01)


def test_a_low_pass_takes_the_fine_and_a_background_the_coarse() -> None:
    slope = np.linspace(0, 30, 96, dtype=np.float32)[:, None] + NOISE

    def share(image: np.ndarray, fine: bool) -> float:
        power = np.abs(np.fft.rfft2(image - image.mean())) ** 2
        radius = np.hypot(np.fft.fftfreq(96)[:, None], np.fft.rfftfreq(80)[None])
        return float(power[radius > 0.25 if fine else radius < 0.02].sum() / power.sum())

    plain = Finish().apply(slope, rng())
    fine = (share(Finish(low_pass=sigma).apply(NOISE, rng()), True) for sigma in (0.0, 1.5))
    assert next(fine) > 30 * next(fine)
    assert share(Finish(background=10).apply(slope, rng()), False) < 0.1 * share(plain, False)


def test_clipping_cuts_at_the_percentiles_and_levels_are_counted() -> None:
    plain = standardised(NOISE)
    clipped = Finish(clip=2).apply(NOISE, rng())
    assert (clipped.min(), clipped.max()) == pytest.approx(tuple(np.percentile(plain, [2, 98])))
    inside = (plain > clipped.min()) & (plain < clipped.max())
    assert np.array_equal(clipped[inside], plain[inside])
    coarse = Finish(levels=8).apply(NOISE, rng())
    assert len(np.unique(coarse)) == 8
    step = (plain.max() - plain.min()) / 7
    assert np.abs(coarse - (plain - plain.min())).max() <= step / 2 + 1e-5


def test_everything_together_ends_with_the_rim() -> None:
    found = ALL.apply(NOISE, rng(2))
    assert (found.dtype, found.shape) == (np.float32, NOISE.shape)
    assert np.array_equal(found, ALL.apply(NOISE, rng(2)))
    assert (found[:3] == found[3]).all()
    assert (found[:, :5] == found[:, 5:6]).all()
    assert (found[:, -2:] == found[:, -3:-2]).all()
    assert len(np.unique(found)) <= 256
