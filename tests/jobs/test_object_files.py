import csv
import json

import numpy as np
import pytest

from motes.errors import ImageError, InputError, OutputError
from motes.formats.geojson import read_geojson
from motes.formats.imagej_roi import read_rois
from motes.formats.images import read_image
from motes.formats.outlines import paint_outlines
from motes.formats.picks import read_picks
from motes.jobs.object_files import (
    check_apart,
    joined_values,
    object_values,
    without_objects,
    write_object_table,
    write_objects,
    write_rows,
)
from motes.picking.measure_objects import measure_objects


def squares(*numbers, dtype=np.int64):
    """Squares of 4 x 4 px side by side, each touching the one before, and the last one apart."""
    labels = np.zeros((12, 4 * len(numbers) + 6), dtype)
    for place, number in enumerate(numbers):
        left = 2 + 4 * place + (2 if place == len(numbers) - 1 else 0)
        labels[3:7, left : left + 4] = number
    return labels


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("numbers", "dtype"),
    [((1, 2, 3), "uint16"), ((7, 300, 65_535), "uint16"), ((5, 70_000), "int32"), ((1, 2**31), "uint32")],
)
def test_any_numbers_survive_in_every_file(tmp_path, numbers, dtype):
    labels = squares(*numbers)
    table = measure_objects(labels)
    picks = write_objects(tmp_path, "a/b.png", labels, table, pixel_size=20, formats=("geojson", "imagej"))
    stored = read_image(tmp_path / "labels/a/b.tif")
    assert stored.data.dtype == dtype
    assert np.array_equal(stored.data, labels)
    assert stored.pixel_size == pytest.approx(20)
    (read,) = read_picks(tmp_path / "picks/a/b.png.csv").values()
    assert read.extra["label"].tolist() == picks.extra["label"].tolist() == list(numbers)
    for outlines in (read_geojson(tmp_path / "geojson/a/b.geojson"), read_rois(tmp_path / "imagej/a/b.zip")):
        assert sorted(each.label for each in outlines) == list(numbers)
        small = [each for each in outlines if each.label < 2**31]
        assert np.array_equal(
            paint_outlines(small, labels.shape), np.where(labels < 2**31, labels, 0).astype(np.int32)
        )


def test_the_measurements_of_an_outline_are_those_of_its_own_object(tmp_path):
    labels = np.zeros((20, 20), np.uint8)
    labels[2:4, 2:4], labels[10:15, 10:15] = 9, 4
    write_objects(tmp_path, "a", labels, measure_objects(labels), formats=("geojson",))
    features = json.loads((tmp_path / "geojson/a.geojson").read_text())["features"]
    measured = [feature["properties"]["measurements"] for feature in features]
    assert {each["label"]: each["size"] for each in measured} == {9: 4, 4: 25}
    assert {"diameter", "circularity", "touching"} <= measured[0].keys()
    assert not any(name.startswith("box") for name in measured[0])


def test_a_volume_has_an_outline_in_each_section(tmp_path):
    labels = np.zeros((4, 8, 8), np.int32)
    labels[1:3, 2:5, 2:5] = 30
    labels[2, 6, 6] = 12
    write_objects(tmp_path, "v.mrc", labels, measure_objects(labels), formats=("geojson", "imagej"))
    for outlines in (read_geojson(tmp_path / "geojson/v.geojson"), read_rois(tmp_path / "imagej/v.zip")):
        assert np.array_equal(paint_outlines(outlines, labels.shape), labels)
    assert np.array_equal(read_image(tmp_path / "labels/v.tif", ndim=3).data, labels)


def test_nothing_below_0_is_written_and_no_object_gives_empty_files(tmp_path):
    labels = np.full((5, 6), -1, np.int16)
    write_objects(tmp_path, "a", labels, measure_objects(labels), formats=("geojson", "imagej"))
    assert not read_image(tmp_path / "labels/a.tif").data.any()
    assert read_geojson(tmp_path / "geojson/a.geojson") == read_rois(tmp_path / "imagej/a.zip") == []
    assert len(next(iter(read_picks(tmp_path / "picks/a.csv").values()))) == 0


def test_labels_are_left_out_where_nobody_needs_them(tmp_path):
    labels = squares(1, 2)
    write_objects(tmp_path, "a", labels, measure_objects(labels), with_labels=False)
    assert [path.name for path in tmp_path.iterdir()] == ["picks"]


def test_what_cannot_be_written_is_refused(tmp_path):
    labels = squares(1, 2**32)
    with pytest.raises(ImageError, match="number the objects anew"):
        write_objects(tmp_path, "a", labels, measure_objects(labels))
    with pytest.raises(InputError, match=r"no format 'geojsn' .* Did you mean 'geojson'"):
        write_objects(tmp_path, "a", labels, measure_objects(labels), formats=("geojsn",))
    assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match=r"a\.png and a\.tif"):
        check_apart(["b.png", "a.png", "a.tif"])
    check_apart(["x/a.png", "y/a.png"])


def test_objects_are_taken_out_and_the_others_keep_their_numbers():
    labels = squares(3, 8, 9, dtype=np.uint16)
    left = without_objects(labels, np.array([3, 9]))
    assert np.array_equal(left, np.where(labels == 8, 0, labels))
    assert left.dtype == np.uint16
    assert not without_objects(labels, np.zeros(0, np.int64)).any()


def test_a_summary_has_the_values_of_its_objects():
    labels = squares(1, 2, 3)  # 12 x 18 px; centres 4 and 6 px apart
    values = object_values(measure_objects(labels, 2.0 * (labels > 0)), labels.shape, 1e4)
    found = values.summary()
    diameter = np.sqrt(16 * 4 / np.pi)
    assert found["objects"] == 3
    assert found["coverage"] == pytest.approx(48 / 216)
    assert found["per_megapixel"] == pytest.approx(3e6 / 216)
    assert found["per_mm2"] == pytest.approx(3e6 / 216)  # a pixel is a micrometre
    assert found["diameter_mean"] == found["diameter_median"] == pytest.approx(diameter)
    assert found["diameter_um_mean"] == pytest.approx(diameter)
    assert found["diameter_sd"] == pytest.approx(0)
    assert found["touching"] == pytest.approx(2 / 3)
    assert found["nearest_mean"] == pytest.approx((4 + 4 + 6) / 3)
    assert (found["intensity_mean"], found["contrast_mean"]) == (2, 2)


def test_values_of_several_images_are_put_together_and_what_one_lacks_is_unknown():
    one, two = squares(1, 2), squares(5)
    sized = object_values(measure_objects(one), one.shape, 1e4)
    bare = object_values(measure_objects(two), two.shape, None)
    both = joined_values([sized, bare]).summary()
    assert both["objects"] == 3
    assert both["coverage"] == pytest.approx(48 / (one.size + two.size))
    assert both["per_mm2"] is both["diameter_um_mean"] is both["intensity_mean"] is None
    assert both["nearest_mean"] == pytest.approx(6)  # the lone square has no neighbour
    assert joined_values([sized, sized]).summary()["per_mm2"] == pytest.approx(2e6 / one.size)


def test_no_object_gives_no_means():
    empty = np.zeros((10, 10), np.uint8)
    found = object_values(measure_objects(empty), empty.shape, None).summary()
    assert (found["objects"], found["coverage"], found["per_megapixel"]) == (0, 0, 0)
    assert found["diameter_mean"] is found["touching"] is found["nearest_mean"] is None


def test_tables_of_images_are_joined_with_all_their_columns(tmp_path):
    for name, size in (("a", None), ("b", 10.0), ("c", 10.0)):
        labels = squares(1, 2) * (name != "c")
        write_objects(tmp_path, name, labels, measure_objects(labels), pixel_size=size)
    tables = [tmp_path / "picks" / f"{name}.csv" for name in "abc"]
    write_object_table(tmp_path / "objects.csv", tables)
    rows = rows_of(tmp_path / "objects.csv")
    assert [(row["image"], row["label"]) for row in rows] == [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    assert [bool(row["diameter_um"]) for row in rows] == [False, False, True, True]
    assert len(read_picks(tmp_path / "objects.csv")["b"]) == 2


def test_rows_of_a_summary_have_six_digits_and_gaps(tmp_path):
    write_rows(tmp_path / "s.csv", [{"image": "a", "x": 1 / 3, "n": 2}, {"image": "b", "status": "no, file"}])
    assert rows_of(tmp_path / "s.csv") == [
        {"image": "a", "x": "0.333333", "n": "2", "status": ""},
        {"image": "b", "x": "", "n": "", "status": "no, file"},
    ]
