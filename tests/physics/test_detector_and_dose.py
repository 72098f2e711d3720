import numpy as np
import pytest

from motes.physics.detector import gain, modulation_transfer, with_hot_pixels
from motes.physics.dose import counted, electrons_per_pixel


def test_electrons_per_pixel_is_dose_times_area() -> None:
    assert electrons_per_pixel(40, 1.5) == pytest.approx(90)


def test_counts_have_a_variance_equal_to_their_mean() -> None:
    counts = counted(np.full((400, 400), 12.0), np.random.default_rng(1))
    assert counts.dtype == np.float32
    assert counts.mean() == pytest.approx(12, rel=0.01)
    assert counts.var() == pytest.approx(12, rel=0.02)
    assert (counted(np.full(5, -3.0), np.random.default_rng(1)) == 0).all()


def test_transfer_falls_from_one() -> None:
    transfer = modulation_transfer((64, 64))
    assert transfer[0, 0] == 1
    assert (np.diff(transfer[0]) < 0).all()
    assert (transfer > 0).all()


def test_a_perfect_camera_has_the_transfer_of_its_pixels() -> None:
    assert modulation_transfer((1, 64), spread=0)[0, 32] == pytest.approx(2 / np.pi)


def test_gain_has_mean_one_and_the_given_variation() -> None:
    factors = gain((300, 300), 0.02, np.random.default_rng(0))
    assert factors.mean() == pytest.approx(1, abs=0.003)
    assert factors.std() == pytest.approx(0.02, rel=0.08)


def test_exactly_the_given_fraction_of_pixels_is_hot() -> None:
    image = np.random.default_rng(0).normal(100, 5, (100, 100)).astype(np.float32)
    hot = with_hot_pixels(image, 0.003, np.random.default_rng(1))
    changed = hot != image
    assert changed.sum() == 30
    assert (hot[changed] > 120).all()
