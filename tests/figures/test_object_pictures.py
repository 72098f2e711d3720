import numpy as np
from PIL import Image as PillowImage

from motes.figures.object_pictures import COLOURS, outlined_objects, save_object_picture
from motes.figures.panels import GAP, TEXT


def labels_of_two(shape=(500, 900)):
    labels = np.zeros(shape, np.int32)
    labels[100:200, 100:200] = 1
    labels[100:200, 200:300] = 2
    return labels


def colour(number):
    return tuple(int(value) for value in COLOURS[number - 1])


def test_each_object_has_its_outermost_pixels_in_its_own_colour():
    data = np.tile(np.linspace(0, 1, 900, dtype=np.float32), (500, 1))
    picture = outlined_objects(labels_of_two(), data)
    assert picture.size == (900, 500)
    for x, y in ((100, 150), (199, 150), (150, 100), (150, 199)):
        assert picture.getpixel((x, y)) == colour(1)
    assert picture.getpixel((200, 150)) == colour(2)
    for x, y in ((99, 150), (150, 150), (300, 150), (101, 150)):
        red, green, blue = picture.getpixel((x, y))
        assert red == green == blue


def test_an_object_at_the_edge_of_the_image_stays_open_there():
    labels = np.zeros((500, 900), np.uint16)
    labels[:50, :50] = 1
    picture = outlined_objects(labels, np.zeros((500, 900), np.float32))
    assert picture.getpixel((0, 20)) == (0, 0, 0)
    assert picture.getpixel((49, 20)) == colour(1)


def test_a_small_image_is_enlarged_and_without_an_image_objects_are_filled():
    labels = np.zeros((20, 30), np.uint8)
    labels[5:15, 5:15] = 3
    picture = outlined_objects(labels)
    assert picture.size == (120, 80)
    assert picture.getpixel((20, 40)) == colour(3)
    assert picture.getpixel((40, 40)) == tuple(value // 2 for value in colour(3))
    assert picture.getpixel((10, 40)) == (0, 0, 0)


def test_bad_pixels_do_not_spoil_the_picture():
    data = np.tile(np.linspace(0, 1, 30, dtype=np.float32), (20, 1))
    data[0, :3] = (np.nan, np.inf, -np.inf)
    picture = np.asarray(outlined_objects(np.zeros((20, 30), np.uint8), data))
    assert picture.min() == 0
    assert picture.max() == 255


def test_a_volume_is_shown_by_its_middle_section(tmp_path):
    labels = np.zeros((5, 20, 30), np.uint16)
    labels[2, 5:15, 5:15] = 1
    labels[1, 5:15, 20:25] = 2
    save_object_picture(tmp_path / "v.png", labels, np.zeros(labels.shape, np.float32))
    with PillowImage.open(tmp_path / "v.png") as picture:
        assert picture.size == (120, 80 + TEXT + GAP)
        assert picture.getpixel((20, TEXT + GAP + 40)) == colour(1)
        assert colour(2) not in {each for _, each in picture.getcolors(10**6)}


def test_a_very_large_image_is_thinned_out(tmp_path):
    labels = np.zeros((10, 9001), np.uint8)
    labels[2:8, 3000:3600] = 1
    save_object_picture(tmp_path / "large.png", labels, np.zeros(labels.shape, np.uint8))
    with PillowImage.open(tmp_path / "large.png") as picture:
        assert picture.size == (3001, 4)
