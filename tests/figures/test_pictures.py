"""Pictures of images with picks."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PillowImage

from motes.figures.pictures import (
    CLASS_COLOURS,
    PICKED,
    TRUE,
    circles,
    class_sections,
    coloured,
    grey,
    middle_section,
    painted,
    planes_of,
    save_picture,
    section,
    split,
)
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


def saved(path: Path) -> NDArray[np.uint8]:
    with PillowImage.open(path) as opened:
        return np.asarray(opened)


def test_circles_are_drawn_where_the_picks_are(tmp_path: Path) -> None:
    centre = picks((20, 30))
    save_picture(tmp_path / "a" / "b.png", np.zeros((50, 60), dtype=np.float32), centre, 16, truth=centre)
    picture = saved(tmp_path / "a" / "b.png")
    assert picture.shape == (200, 240, 3)
    for colour, radius in ((PICKED, 8), (TRUE, 9.2)):
        rows, columns = np.nonzero((picture == colour).all(axis=2))
        distance = np.hypot((rows + 0.5) / 4 - 20.5, (columns + 0.5) / 4 - 30.5)
        assert len(rows) > 50
        assert abs(distance - radius).max() < 0.75


class OnlySome:
    """A volume that notes which planes are read."""

    def __init__(self, data: NDArray[np.float32]) -> None:
        self.data, self.shape, self.ndim = data, data.shape, data.ndim
        self.read: set[int] = set()

    def __getitem__(self, index: tuple[slice, ...]) -> NDArray[np.float32]:
        self.read.update(range(*index[self.ndim - 3].indices(self.shape[self.ndim - 3])))
        return self.data[index]


SIZES = {"big": 12.0, "small": 4.0}


def several() -> Picks:
    points = np.array([[5, 20, 20], [6, 40, 40], [25, 20, 40], [5, 30, 50]], dtype=np.float64)
    return Picks(points, classes=np.array(["big", "big", "small", "small"]))


def test_only_the_planes_that_are_shown_are_read(tmp_path: Path) -> None:
    volume = OnlySome(np.zeros((40, 60, 70), dtype=np.float32))
    maps = OnlySome(np.zeros((2, 40, 60, 70), dtype=np.float32))
    save_picture(tmp_path / "a.png", volume, several(), SIZES, maps=maps)
    assert volume.read == maps.read == {6, 24}


def test_a_volume_has_a_row_of_two_panels_for_each_plane_and_a_key(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", np.zeros((40, 60, 70), dtype=np.float32), several(), SIZES)
    picture = saved(tmp_path / "a.png")
    assert picture.shape[1] == 2 * 280 + 8
    assert picture.shape[0] == 2 * (24 + 240) + 8 + 24 + 8
    for colour in CLASS_COLOURS[:2]:
        rows, columns = np.nonzero((picture[:-32] == colour).all(axis=2))
        assert len(rows) > 20
        assert columns.max() < 280
        assert (picture[-32:] == colour).all(axis=2).sum() >= 16 * 16


def test_the_circle_of_a_class_has_its_own_radius_in_that_plane(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", np.zeros((40, 60, 70), dtype=np.float32), several(), SIZES)
    first = saved(tmp_path / "a.png")[24 : 24 + 240, :280]  # plane 6
    rows, columns = np.nonzero((first == CLASS_COLOURS[0]).all(axis=2))
    y, x = (rows + 0.5) / 4 - 0.5, (columns + 0.5) / 4 - 0.5
    near = np.hypot(y - 20, x - 20) < 15
    assert abs(np.hypot(y - 20, x - 20)[near] - np.sqrt(6**2 - 1)).max() < 0.75
    assert abs(np.hypot(y - 40, x - 40)[~near] - 6).max() < 0.75


def test_beside_the_data_stands_the_probability_of_each_class(tmp_path: Path) -> None:
    maps = np.zeros((2, 40, 60, 70), dtype=np.float32)
    maps[0, :, :30], maps[1, :, 30:] = 1, 1
    save_picture(tmp_path / "a.png", np.zeros((40, 60, 70), dtype=np.float32), several(), SIZES, maps=maps)
    beside = saved(tmp_path / "a.png")[24 : 24 + 240, 288:]
    assert (beside[:116] == CLASS_COLOURS[0]).all()
    assert (beside[124:] == CLASS_COLOURS[1]).all()


def test_true_particles_are_painted_where_there_is_truth(tmp_path: Path) -> None:
    volume, none = np.zeros((40, 60, 70), dtype=np.float32), several().select([])
    save_picture(tmp_path / "a.png", volume, none, SIZES, truth=several())
    painted_colour = np.array(CLASS_COLOURS[0]) * 0.7
    picture = saved(tmp_path / "a.png")
    assert np.abs(picture[24 + 4 * 20 + 2, 288 + 4 * 20 + 2] - painted_colour).max() <= 1
    assert (picture[:, :280] == CLASS_COLOURS[0]).all(axis=2).any()  # and dashed on the left


def test_several_classes_in_an_image_have_one_panel_and_a_key(tmp_path: Path) -> None:
    flat = Picks(several().points[:, 1:], classes=several().classes)
    save_picture(tmp_path / "a.png", np.zeros((60, 70), dtype=np.float32), flat, SIZES)
    picture = saved(tmp_path / "a.png")
    assert picture.shape[1] == 280
    for colour in CLASS_COLOURS[:2]:
        assert (picture[:240] == colour).all(axis=2).sum() > 20


def test_the_planes_cut_most_picks_and_then_most_of_the_rest() -> None:
    heights = picks((5, 0, 0), (6, 0, 0), (7, 0, 0), (20, 0, 0), (21, 0, 0), (33, 0, 0))
    assert planes_of((40, 9, 9), [(heights, 4)]) == [6, 20, 32]
    assert planes_of((40, 9, 9), [(heights, 4)], 1) == [6]
    assert planes_of((40, 9, 9), [(heights.select([]), 4)]) == [20]
    assert planes_of((9, 9), [(picks((1, 1)), 4)]) == [None]


@given(st.lists(st.floats(0, 29), max_size=12), st.floats(2.1, 20), st.integers(1, 4))
def test_every_plane_shows_something_new(heights: list[float], diameter: float, most: int) -> None:
    table = Picks(np.array([[z, 0, 0] for z in heights], dtype=np.float64).reshape(-1, 3))
    planes = planes_of((30, 9, 9), [(table, diameter)], most)
    assert len(planes) == len(set(planes)) <= most
    assert planes == sorted(planes)
    reached = [{n for n, z in enumerate(heights) if abs(z - plane) < diameter / 2} for plane in planes]
    assert not heights or all(reached)
    assert len(set().union(*reached)) >= min(len(planes), len(heights))


def test_picks_without_classes_are_of_the_first() -> None:
    assert [len(table) for table in split(picks((1, 1)), SIZES).values()] == [1, 0]
    assert [len(table) for table in split(several(), SIZES).values()] == [2, 2]
    assert len(split(several(), ["all"])["all"]) == 4


def test_discs_are_painted_with_the_radius_of_the_circle_also_at_the_rim() -> None:
    maps = painted([np.array([[0.0, 0, 2]]), np.array([[10.0, 10, 3], [10, 19, 0]])], (20, 20))
    rows, columns = np.ogrid[:20, :20]
    assert (maps[0] == (rows**2 + columns**2 <= 4)).all()
    assert (maps[1] == ((rows - 10) ** 2 + (columns - 10) ** 2 <= 9)).all()
    on_top = painted([np.array([[10.0, 10, 3]])] * 2, (20, 20))
    assert on_top[0].sum() == 0


def test_sections_of_images_and_volumes() -> None:
    volume = np.arange(2 * 5 * 3 * 4, dtype=np.float32).reshape(2, 5, 3, 4)
    assert (section(volume[0], 3) == volume[0, 3]).all()
    assert (section(volume[0, 0], None) == volume[0, 0]).all()
    assert (class_sections(volume, 3) == volume[:, 3]).all()
    assert (class_sections(volume[:, 0], None) == volume[:, 0]).all()


def test_colours_cover_the_grey_as_far_as_the_probability_goes() -> None:
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (4, 1))
    shown = np.asarray(coloured(ramp, np.stack([np.zeros_like(ramp), np.ones_like(ramp)])))
    assert (shown == CLASS_COLOURS[1]).all()
    bare = np.asarray(coloured(ramp, np.zeros((1, *ramp.shape), dtype=np.float32)))
    assert (bare[..., 0] == bare[..., 1]).all()
    assert 120 < bare.max() < 130
