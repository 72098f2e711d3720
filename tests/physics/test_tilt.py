import numpy as np
import pytest

from motes.physics.tilt import damage_envelope, dose_before, tilt_angles


@pytest.mark.parametrize(("reach", "step", "count"), [(60, 3, 41), (60, 2, 61), (50, 3, 33), (0.9, 0.3, 7)])
def test_tilts_are_evenly_spaced_about_zero(reach: float, step: float, count: int) -> None:
    angles = tilt_angles(reach, step)
    assert len(angles) == count
    assert np.allclose(angles, -angles[::-1])
    assert np.allclose(np.diff(angles), step)
    assert reach - step < angles.max() <= reach + 1e-9


def test_low_tilts_are_taken_first_from_side_to_side() -> None:
    angles = tilt_angles(6, 3)
    before = dose_before(angles, 2.5)
    assert angles[np.argsort(before)].tolist() == [0, 3, -3, 6, -6]
    assert sorted(before) == [0, 2.5, 5, 7.5, 10]


def test_damage_takes_fine_detail_first_and_leaves_the_mean() -> None:
    kept = damage_envelope(np.array([0.0, 1 / 100, 1 / 20, 1 / 4]), 60)
    assert kept[0] == pytest.approx(1)
    assert (np.diff(kept) < 0).all()
    assert (damage_envelope(np.array([0.01, 0.2]), 0) == 1).all()
    # Their critical dose at 1/10 A is 0.245 * 10^1.665 + 2.81 = 14.14 e/A^2: amplitudes fall to exp(-1/2)
    assert damage_envelope(np.array([0.1]), 14.138)[0] == pytest.approx(np.exp(-0.5), abs=1e-3)
