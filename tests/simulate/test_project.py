import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.simulate.orientations import random_rotations
from motes.simulate.project import fourier_map, project
from motes.simulate.shapes import ball, filled
from motes.simulate.structures import Structure

RADIUS, VOXEL = 40.0, 2.0


def ball_structure(centre: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Structure:
    side = 65
    return Structure("ball", filled(ball(RADIUS, centre), side, VOXEL), VOXEL, (side // 2,) * 3, 2 * RADIUS)


def chords(side: int, pixel_size: float, centre: np.ndarray) -> np.ndarray:
    """Path through a ball, A, at each pixel; centre y, x in px relative to index side // 2."""
    y, x = np.indices((side, side)) - side // 2
    squared = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) * pixel_size**2
    return 2 * np.sqrt(np.maximum(RADIUS**2 - squared, 0))


def centre_of_mass(image: np.ndarray) -> np.ndarray:
    y, x = np.indices(image.shape) - np.reshape(np.array(image.shape) // 2, (2, 1, 1))
    return np.array([(image * y).sum(), (image * x).sum()]) / image.sum()


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.sampled_from([(48, 4.0), (49, 4.0), (70, 2.5)]))
@settings(max_examples=15, deadline=None)
def test_a_ball_projects_to_its_chords_at_the_stated_centre(
    dy: float, dx: float, geometry: tuple[int, float]
) -> None:
    side, pixel_size = geometry
    offset = np.array([dy, dx])
    rotation = random_rotations(1, np.random.default_rng(0))
    image = project(fourier_map(ball_structure()), rotation, offset[None], side, pixel_size)[0]
    expected = chords(side, pixel_size, offset)
    assert np.sqrt(((image - expected) ** 2).mean()) < 0.02 * 2 * RADIUS
    assert image.sum() * pixel_size**2 == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.01)
    assert centre_of_mass(image) == pytest.approx(offset, abs=0.02)


def test_a_ball_off_the_centre_goes_where_the_rotation_takes_it() -> None:
    place = np.array([12.0, -8.0, 15.0])  # x, y, z
    rotations = random_rotations(6, np.random.default_rng(1))
    images = project(fourier_map(ball_structure(tuple(place))), rotations, np.zeros((6, 2)), 64, 2.5)
    for image, rotation in zip(images, rotations, strict=True):
        x, y, _ = rotation @ place / 2.5
        assert centre_of_mass(image) == pytest.approx([y, x], abs=0.05)
        assert np.sqrt(((image - chords(64, 2.5, np.array([y, x]))) ** 2).mean()) < 0.02 * 2 * RADIUS


def test_no_rotation_gives_the_sum_along_z() -> None:
    density = np.random.default_rng(2).uniform(size=(17, 17, 17)).astype(np.float32)
    structure = Structure("noise", density, 3.0, (8, 8, 8), 51)
    image = project(fourier_map(structure), np.eye(3)[None], np.zeros((1, 2)), 36, 3.0)[0]
    smooth = density.sum(axis=0) * 3.0
    low = np.hypot(np.fft.fftfreq(36)[:, None], np.fft.rfftfreq(36)[None]) < 0.5
    wide = np.pad(smooth, ((10, 9), (10, 9)))
    expected = np.fft.irfft2(np.fft.rfft2(wide) * low, s=(36, 36))
    assert np.corrcoef(image.ravel(), expected.ravel())[0, 1] > 0.99


def test_no_rotations_give_no_images() -> None:
    images = project(fourier_map(ball_structure()), np.zeros((0, 3, 3)), np.zeros((0, 2)), 48, 4.0)
    assert images.shape == (0, 48, 48)
