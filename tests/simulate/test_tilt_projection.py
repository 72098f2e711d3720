import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.physics.tilt import tilt_angles
from motes.simulate.tilt_projection import across_detector, detector_width, project_volume

SHAPE = (12, 5, 20)


@given(st.floats(-75, 75), st.integers(0, 11), st.integers(0, 4), st.integers(0, 19))
def test_a_voxel_falls_whole_where_geometry_says(angle: float, z: int, y: int, x: int) -> None:
    volume = np.zeros(SHAPE, np.float32)
    volume[z, y, x] = 2
    width = detector_width(SHAPE)
    image = project_volume(volume, np.array([angle]), width)[0]
    tilt = np.deg2rad(angle)
    u = (x - 9.5) * np.cos(tilt) + (z - 5.5) * np.sin(tilt) + (width - 1) / 2
    assert image.sum() == pytest.approx(2, rel=1e-4)
    assert np.flatnonzero(image.any(axis=1)).tolist() == [y]
    assert (image[y] * np.arange(width)).sum() / 2 == pytest.approx(u, abs=0.05)  # whole pixels
    assert across_detector(SHAPE, angle, width)[z, x] == pytest.approx(u)


@given(st.floats(-75, 75), st.floats(4, 7), st.floats(6, 13))
def test_the_middle_of_a_blob_falls_where_geometry_says(angle: float, z: float, x: float) -> None:
    away = (np.arange(12)[:, None, None] - z) ** 2 + (np.arange(20)[None, None, :] - x) ** 2
    volume = np.exp(-away / (2 * 1.2**2)).astype(np.float32)
    width = detector_width(volume.shape)
    line = project_volume(volume, np.array([angle]), width)[0, 0].astype(float)
    tilt, mass = np.deg2rad(angle), volume.astype(float)
    z, x = (mass * np.arange(12)[:, None, None]).sum(), (mass * np.arange(20)).sum()
    z, x = z / mass.sum() - 5.5, x / mass.sum() - 9.5
    place = x * np.cos(tilt) + z * np.sin(tilt) + (width - 1) / 2
    assert (line * np.arange(width)).sum() / line.sum() == pytest.approx(place, abs=0.01)


def test_untilted_it_is_the_sum_along_z() -> None:
    volume = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    width = 20
    assert project_volume(volume, np.zeros(1), width)[0] == pytest.approx(volume.sum(axis=0), abs=1e-3)


def test_a_slab_without_end_is_as_even_as_it_is_thick() -> None:
    angles = tilt_angles(60, 15)
    images = project_volume(np.ones((12, 2, 40), np.float32), angles, 56, repeat=True)
    for image, angle in zip(images, angles, strict=True):
        assert image == pytest.approx(np.full((2, 56), 12 / np.cos(np.deg2rad(angle))), rel=1e-3)


def test_without_repeating_there_is_empty_ice_beyond_the_edges() -> None:
    image = project_volume(np.ones((12, 2, 40), np.float32), np.zeros(1), 56)[0]
    assert image[:, :8] == pytest.approx(np.zeros((2, 8)), abs=1e-3)
    assert image[:, 8:48] == pytest.approx(np.full((2, 40), 12.0), abs=1e-3)
