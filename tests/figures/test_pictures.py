"""Pictures of images with picks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from motes.figures.pictures import PICKED, TRUE, circles, grey, middle_section, save_picture
from motes.picks import Picks


def picks(*points: tuple[float, ...]) -> Picks:
    return Picks(np.array(points, dtype=np.float64))


def test_an_image_is_its_own_section() -> None:
    image = np.zeros((4, 6), dtype=np.float32)
    assert middle_section(image) is image


def test_the_section_of_a_volume_is_the_middle_one() -> None:
    volume = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 3, 4), dtype=np.float32)
    assert middle_section(volume).shape == (3, 4)
    assert (middle_section(volume) == 2).all()


def test_in_an_image_every_circle_has_the_radius_of_the_particle() -> None:
    rows = circles(picks((3, 4), (7.5, 1)), (20, 20), 6)
    assert rows.tolist() == [[3, 4, 3], [7.5, 1, 3]]


def test_a_ball_is_cut_in_a_smaller_circle_and_not_at_all_beyond_its_radius() -> None:
    rows = circles(picks((10, 3, 4), (13, 3, 4), (16, 3, 4)), (20, 30, 30), 10)
    assert rows.tolist() == [[3, 4, 5], [3, 4, 4], [3, 4, 0]]


@given(st.floats(0, 40), st.floats(1, 20))
def test_no_circle_is_larger_than_its_particle(z: float, diameter: float) -> None:
    assert 0 <= circles(picks((z, 0, 0)), (40, 9, 9), diameter)[0, 2] <= diameter / 2


def test_grey_runs_from_black_to_white_whatever_the_unit() -> None:
    ramp = np.linspace(-3, 900, 1000, dtype=np.float32).reshape(20, 50)
    shown = np.asarray(grey(ramp))
    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, 255)
    assert (np.diff(shown.ravel().astype(int)) >= 0).all()


def test_a_constant_image_has_a_picture_all_the_same() -> None:
    assert (np.asarray(grey(np.full((5, 5), 7, dtype=np.float32))) == 0).all()


@pytest.mark.parametrize("shape", [(50, 60), (9, 50, 60)])
def test_circles_are_drawn_where_the_picks_are(shape: tuple[int, ...], tmp_path) -> None:
    centre = picks((*[4] * (len(shape) - 2), 20, 30))
    save_picture(tmp_path / "a" / "b.png", np.zeros(shape, dtype=np.float32), centre, 16, truth=centre)
    with PillowImage.open(tmp_path / "a" / "b.png") as opened:
        picture = np.asarray(opened)
    assert picture.shape == (200, 240, 3)
    for colour, radius in ((PICKED, 8), (TRUE, 9.2)):
        rows, columns = np.nonzero((picture == colour).all(axis=2))
        distance = np.hypot((rows + 0.5) / 4 - 20.5, (columns + 0.5) / 4 - 30.5)
        assert len(rows) > 50
        assert abs(distance - radius).max() < 0.75
