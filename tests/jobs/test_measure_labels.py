import csv
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from motes.errors import InputError, OutputError
from motes.formats.images import read_image, write_image
from motes.formats.picks import read_picks
from motes.jobs.measure_labels import MeasureOptions, measure_labels
from motes.jobs.telling import Silent
from motes.units import Length

REAL = os.environ.get("MOTES_REAL_DATA")


@dataclass(frozen=True)
class Listener(Silent):
    said: list[str] = field(default_factory=list)

    def say(self, message: str) -> None:
        self.said.append(message)

    def warn(self, message: str) -> None:
        self.said.append(message)


def disc(shape, centre, radius, number=1):
    grid = np.indices(shape).reshape(len(shape), -1).T
    inside = ((grid - centre) ** 2).sum(axis=1) <= radius**2
    return (number * inside.reshape(shape)).astype(np.uint16)


def two_discs(shape=(60, 80)):
    """A disc of radius 6 with the number 40, and one of radius 9 with the number 7."""
    return disc(shape, (20, 20), 6, 40) + disc(shape, (35, 55), 9, 7)


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def measure(tmp_path, images=True, teller=None, out="out", **options):
    return measure_labels(
        str(tmp_path / "labels"),
        str(tmp_path / "images") if images else None,
        tmp_path / out,
        MeasureOptions(**options),
        teller=teller,
    )


def save(tmp_path, name, labels, image=None):
    write_image(tmp_path / "labels" / f"{name}_labels.tif", labels)
    write_image(
        tmp_path / "images" / f"{name}.png", np.full(labels.shape, 50, np.uint8) if image is None else image
    )


def test_objects_of_known_size_come_out_in_every_table(tmp_path):
    labels = two_discs()
    save(tmp_path, "a", labels, (100 + 50 * (labels == 7)).astype(np.uint8))
    result = measure(tmp_path, pixel_size=1e4, formats=("geojson",))
    (picks,) = read_picks(tmp_path / "out/picks/a.png.csv").values()
    assert picks.extra["label"].tolist() == [7, 40]
    assert picks.extra["size"].tolist() == [(labels == 7).sum(), (labels == 40).sum()]
    assert picks.points == pytest.approx(np.array([(35, 55), (20, 20)]))
    assert picks.diameters == pytest.approx([18, 12], rel=0.02)
    assert picks.extra["diameter_um"] == pytest.approx(picks.diameters)
    assert picks.extra["circularity"] == pytest.approx([1, 1], abs=0.1)
    assert picks.extra["contrast"].tolist() == [50, 0]
    assert [row["label"] for row in rows_of(tmp_path / "out/objects.csv")] == ["7", "40"]
    (row,) = rows_of(tmp_path / "out/summary.csv")
    assert (row["image"], row["status"], row["objects"]) == ("a.png", "done", "2")
    assert float(row["per_mm2"]) == pytest.approx(2e6 / labels.size, rel=1e-5)
    assert float(row["nearest_mean"]) == pytest.approx(np.hypot(15, 35), rel=1e-5)
    assert (tmp_path / "out/geojson/a.geojson").is_file()
    assert (tmp_path / "out/pictures/a.png.png").is_file()
    assert not (tmp_path / "out/labels").exists()  # they are what they were
    assert result.totals["objects"] == 2
    assert json.loads(json.dumps(result.totals)) == result.totals


def test_without_images_there_are_no_intensities(tmp_path):
    save(tmp_path, "a", two_discs())
    result = measure(tmp_path, images=False)
    (picks,) = read_picks(tmp_path / "out/picks/a_labels.tif.csv").values()
    assert "intensity" not in picks.extra
    assert result.totals["intensity_mean"] is None
    assert (tmp_path / "out/pictures/a_labels.tif.png").is_file()


def test_one_label_image_goes_with_one_image_whatever_their_names(tmp_path):
    write_image(tmp_path / "mask.tif", two_discs())
    write_image(tmp_path / "picture.png", np.zeros((60, 80), np.uint8))
    result = measure_labels(str(tmp_path / "mask.tif"), str(tmp_path / "picture.png"), tmp_path / "out")
    assert [row["image"] for row in result.rows] == ["picture.png"]


def test_filters_drop_objects_and_write_the_labels_that_are_left(tmp_path):
    labels = two_discs() + disc((60, 80), (0, 79), 5, 3)
    save(tmp_path, "a", labels)
    assert measure(tmp_path, edge=False).totals["objects"] == 2
    left = read_image(tmp_path / "out/labels/a.tif").data
    assert np.array_equal(left, np.where(labels == 3, 0, labels))
    for number, options in enumerate(
        [
            {"smallest": Length(15, "px")},
            {"smallest": Length(1.5e5, "A"), "pixel_size": 1e4},
            {"largest": Length(16, "px"), "circularity": 0.9, "edge": False},
        ]
    ):
        assert measure(tmp_path, out=f"out{number}", **options).totals["objects"] == 1


def test_what_touched_a_dropped_object_touches_nothing(tmp_path):
    labels = np.zeros((30, 40), np.uint8)
    labels[5:15, 5:15], labels[5:8, 15:18] = 1, 2
    save(tmp_path, "a", labels)
    assert measure(tmp_path).totals["touching"] == 1
    assert measure(tmp_path, out="large", smallest=Length(8, "px")).totals["touching"] == 0


@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_is_told_from_labels_and_binary_numbers_its_regions(tmp_path, value):
    mask = np.where(two_discs() > 0, value, 0).astype(np.uint8)
    save(tmp_path, "a", mask)
    listener = Listener()
    assert measure(tmp_path, teller=listener).totals["objects"] == 1
    assert any(line.startswith("a.png: one number") and "--binary" in line for line in listener.said)
    listener = Listener()
    assert measure(tmp_path, out="regions", binary=True, teller=listener).totals["objects"] == 2
    assert not listener.said
    assert np.unique(read_image(tmp_path / "regions/labels/a.tif").data).tolist() == [0, 1, 2]


def test_a_single_object_is_no_mask(tmp_path):
    save(tmp_path, "a", disc((40, 40), (20, 20), 6))
    listener = Listener()
    measure(tmp_path, teller=listener)
    assert not listener.said


def test_binary_refuses_what_has_numbers_already(tmp_path):
    save(tmp_path, "a", two_discs())
    (failure,) = measure(tmp_path, binary=True).failures
    assert "2 different values above 0, where a binary mask has one" in failure.reason
    assert "leave --binary out" in failure.reason


def test_no_object_is_a_result(tmp_path):
    save(tmp_path, "a", np.zeros((30, 40), np.uint8))
    result = measure(tmp_path, formats=("geojson", "imagej"))
    assert (result.totals["objects"], result.failures) == (0, [])
    assert rows_of(tmp_path / "out/objects.csv") == []
    assert rows_of(tmp_path / "out/summary.csv")[0]["objects"] == "0"


def test_bad_images_are_named_and_cost_no_other(tmp_path):
    labels = two_discs()
    save(tmp_path, "good", labels)
    save(tmp_path, "cut", labels[:50], np.zeros(labels.shape, np.uint8))
    save(tmp_path, "resized", labels.astype(np.float32) + 0.25)
    save(tmp_path, "damaged", labels)
    (tmp_path / "labels/damaged_labels.tif").write_bytes(b"")
    result = measure(tmp_path)
    reasons = {failure.name: failure.reason for failure in result.failures}
    assert "60 x 80 px and its label image cut_labels.tif 50 x 80 px" in reasons["cut.png"]
    assert "resize the masks by nearest neighbour" in reasons["resized.png"]
    assert "empty (0 bytes)" in reasons["damaged.png"]
    assert (result.totals["images"], result.totals["failed"], result.totals["objects"]) == (1, 3, 2)
    rows = rows_of(tmp_path / "out/summary.csv")
    assert rows[0]["image"] == "good.png"
    assert {row["image"]: row["status"] for row in rows[1:]} == reasons


def test_images_in_the_place_of_labels_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    write_image(tmp_path / "labels" / "a.tif", rng.integers(1, 200, (60, 80)).astype(np.uint8))
    write_image(tmp_path / "images" / "a.tif", two_discs())
    result = measure(tmp_path)
    assert "give the label images first" in result.failures[0].reason


def test_a_ball_in_a_volume(tmp_path):
    labels = disc((24, 26, 28), (12, 13, 14), 7, 5)
    save_to = tmp_path / "labels" / "ball.tif"
    write_image(save_to, labels, 20.0)
    result = measure(tmp_path, images=False, ndim=3, formats=("imagej",))
    (picks,) = read_picks(tmp_path / "out/picks/ball.tif.csv").values()
    assert picks.points.tolist() == [[12, 13, 14]]
    assert picks.extra["size"].tolist() == [(labels > 0).sum()]
    assert picks.extra["volume_um3"] == pytest.approx((labels > 0).sum() * 0.002**3)
    assert result.totals["diameter_mean"] == pytest.approx(14, rel=0.02)
    assert result.totals["per_mm3"] == pytest.approx(1 / (labels.size * 2e-6**3))


def test_sections_of_a_file_are_images_unless_volumes_are_asked_for(tmp_path):
    write_image(tmp_path / "labels" / "ball.tif", disc((9, 26, 28), (4, 13, 14), 7, 5))
    listener = Listener()
    result = measure(tmp_path, images=False, teller=listener)
    assert [row["image"] for row in result.rows][:2] == ["000001@ball.tif", "000002@ball.tif"]
    assert len([line for line in listener.said if "--volumes" in line]) == 1


def test_stores_of_labels_and_images(tmp_path, make):
    labels = np.stack([two_discs(), two_discs()])
    make.store(tmp_path / "labels", labels)
    make.store(tmp_path / "images", labels.astype(np.float32))
    result = measure(tmp_path)
    assert [row["image"] for row in result.rows] == ["000001@images", "000002@images"]
    assert result.totals["objects"] == 4
    assert measure(tmp_path, images=False, out="alone").totals["objects"] == 4


def test_the_same_words_measure_anew_and_others_need_overwrite(tmp_path):
    save(tmp_path, "a", two_discs())
    save(tmp_path, "b", two_discs())
    measure(tmp_path)
    (tmp_path / "labels/b_labels.tif").unlink()
    assert measure(tmp_path).totals["images"] == 1
    assert not (tmp_path / "out/picks/b.png.csv").exists()
    with pytest.raises(OutputError, match="another circularity"):
        measure(tmp_path, circularity=0.5)
    words = (str(tmp_path / "labels"), str(tmp_path / "images"), tmp_path / "out")
    measure_labels(*words, MeasureOptions(circularity=0.5), overwrite=True)


def test_a_folder_of_the_users_own_and_the_labels_themselves_are_never_touched(tmp_path):
    save(tmp_path, "a", two_discs())
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        measure(tmp_path, out="mine")
    for place in ("labels", "images", "."):
        with pytest.raises(OutputError, match="lies in"):
            measure(tmp_path, out=place)
    assert (tmp_path / "mine/notes.txt").is_file()
    assert (tmp_path / "labels/a_labels.tif").is_file()


def test_words_that_cannot_be_are_refused_before_anything_is_written(tmp_path):
    save(tmp_path, "a", two_discs())
    with pytest.raises(InputError, match="no format 'svg'"):
        measure(tmp_path, formats=("svg",))
    assert not (tmp_path / "out").exists()
    (failure,) = measure(tmp_path, smallest=Length(9, "px"), largest=Length(3, "px")).failures
    assert "--largest 3px is less than --smallest 9px" in failure.reason


def test_colours_are_no_labels(tmp_path):
    from PIL import Image as PillowImage

    (tmp_path / "labels").mkdir()
    PillowImage.fromarray(two_discs().astype(np.uint8)).convert("P").save(tmp_path / "labels/a.png")
    (failure,) = measure(tmp_path, images=False).failures
    assert "colours or with a palette" in failure.reason


@pytest.mark.real
@pytest.mark.skipif(REAL is None, reason="MOTES_REAL_DATA does not say where the real images are")
@pytest.mark.parametrize(("ndim", "objects"), [(2, 125), (3, 51)])
def test_the_example_of_stardist_has_as_many_nuclei_as_its_authors_say(tmp_path, ndim, objects):
    folder = Path(str(REAL)) / "stardist_example_nuclei"
    words = (str(folder / f"mask{ndim}d.tif"), str(folder / f"img{ndim}d.tif"), tmp_path / "out")
    result = measure_labels(*words, MeasureOptions(ndim=ndim, formats=("geojson",)))
    assert result.totals["objects"] == objects
    assert result.failures == []


@pytest.mark.parametrize("source", ["labels", "images"])
def test_results_do_not_go_among_what_is_measured(tmp_path, source):
    save(tmp_path, "a", two_discs())
    with pytest.raises(OutputError, match="would be read as its images"):
        measure(tmp_path, out=f"{source}/measured")
    assert not (tmp_path / source / "measured").exists()
