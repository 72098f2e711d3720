"""Picks in tomograms from one program to another: dimension, sizes and names come from files or options."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motes.errors import InputError, PicksError
from motes.formats.images import write_image
from motes.formats.picks import Facts, read_picks, write_picks
from motes.jobs.convert import ConvertOptions, convert
from motes.jobs.telling import Silent
from motes.picks import Picks

POINTS = np.array([[0.0, 3.0, 29.0], [9.0, 19.5, 0.25], [5.0, 10.0, 15.0]])
SHAPE = (10, 20, 30)
FORMATS = ("relion", "relion4", "eman", "dynamo", "challenge", "csv")


class Heard(Silent):
    """Keeps what a job warns of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


@pytest.fixture
def tomogram(tmp_path: Path) -> ConvertOptions:
    write_image(tmp_path / "tomograms" / "TS_1.mrc", np.zeros(SHAPE, np.float32), 10.0)
    return ConvertOptions([str(tmp_path / "tomograms")], box_size=8, tilt_series_pixel_size=2.5)


@pytest.fixture
def picks(tmp_path: Path) -> str:
    path = tmp_path / "in" / "TS_1.csv"
    classes, scores = np.array(["ribosome", "apo-ferritin", "ribosome"]), np.array([0.9, 0.8, 0.7])
    write_picks(path, Picks(POINTS, scores, classes), format="csv", image_name="TS_1.mrc")
    return str(tmp_path / "in")


@pytest.mark.parametrize("to", FORMATS)
def test_every_format_into_every_other(tmp_path: Path, tomogram: ConvertOptions, picks: str, to: str) -> None:
    there = convert(picks, tmp_path / to, to, tomogram)
    assert (there.picks, there.failures) == (3, [])
    for middle in FORMATS:
        onward = convert(str(there.files[0]), tmp_path / "b" / middle, middle, tomogram)
        back = convert(str(onward.files[0]), tmp_path / "c" / f"{middle}.csv", "csv", tomogram)
        found = read_picks(back.files[0])["TS_1.mrc"]
        np.testing.assert_allclose(found.points, POINTS, atol=1e-10)
        assert list(found.classes) == ["ribosome", "apo-ferritin", "ribosome"]
        if "challenge" not in (to, middle):
            np.testing.assert_array_equal(found.scores, [0.9, 0.8, 0.7])


def test_the_option_counts_before_the_header(tmp_path: Path, tomogram: ConvertOptions, picks: str) -> None:
    convert(picks, tmp_path / "a.csv", "challenge", tomogram)
    convert(picks, tmp_path / "b.csv", "challenge", replace(tomogram, pixel_size=20.0))
    first = [(tmp_path / name).read_text().splitlines()[1].split(",")[5] for name in ("a.csv", "b.csv")]
    assert [float(z) for z in first] == [5.0, 10.0]


@pytest.mark.parametrize("to", ["relion", "eman", "challenge"])
def test_a_header_without_a_size_needs_the_option(tmp_path: Path, picks: str, to: str) -> None:
    write_image(tmp_path / "tomograms" / "TS_1.mrc", np.zeros(SHAPE, np.float32))
    options = ConvertOptions([str(tmp_path / "tomograms")], box_size=8)
    with pytest.raises(PicksError, match="--pixel-size"):
        convert(picks, tmp_path / "out", to, options)
    assert convert(picks, tmp_path / "out", to, replace(options, pixel_size=10.0)).picks == 3


def test_what_needs_no_size_of_the_tomogram_goes_without_images(tmp_path: Path, picks: str) -> None:
    submission = convert(picks, tmp_path / "s", "challenge", ConvertOptions(pixel_size=10.0)).indexes[0]
    back = convert(str(submission), tmp_path / "back", "csv", ConvertOptions(pixel_size=10.0))
    np.testing.assert_allclose(read_picks(back.files[0])["TS_1"].points, POINTS, atol=1e-12)
    with pytest.raises(PicksError, match="--images"):
        convert(picks, tmp_path / "r", "relion", ConvertOptions(pixel_size=10.0))


def test_what_an_index_lists_is_read_with_the_sizes_of_its_tomograms(
    tmp_path: Path, tomogram: ConvertOptions, picks: str
) -> None:
    there = convert(picks, tmp_path / "out", "relion", tomogram)
    assert [index.name for index in there.indexes[:2]] == ["import_coordinates.star", "particles.star"]
    for number, index in enumerate(there.indexes[:2]):
        back = convert(str(index), tmp_path / f"{number}.csv", "csv", tomogram)
        np.testing.assert_allclose(read_picks(back.files[0])["TS_1.mrc"].points, POINTS, atol=1e-10)
    ribosomes = convert(str(there.indexes[-1]), tmp_path / "r.csv", "csv", tomogram)
    assert ribosomes.picks == 2


@pytest.mark.parametrize("centre", ["relion", "relion-python"])
def test_the_centre_is_an_option(tmp_path: Path, tomogram: ConvertOptions, picks: str, centre: str) -> None:
    options = replace(tomogram, centre=centre)
    there = convert(picks, tmp_path / "a.star", "relion", options)
    shape = Facts(SHAPE, 10.0, None, 2.5)
    found = read_picks(there.files[0], facts_of=lambda _: shape)["TS_1"]
    moved = 0.25 if centre == "relion-python" else 0.0  # a pixel of bin 1 is a quarter of a voxel
    np.testing.assert_allclose(found.points, POINTS + moved, atol=1e-9)


def test_picks_without_a_class_can_be_given_one(tmp_path: Path, tomogram: ConvertOptions) -> None:
    write_picks(tmp_path / "a.csv", Picks(POINTS), format="csv", image_name="TS_1.mrc")
    with pytest.raises(PicksError, match="--class"):
        convert(str(tmp_path / "a.csv"), tmp_path / "out", "challenge", tomogram)
    named = replace(tomogram, class_name="thyroglobulin")
    convert(str(tmp_path / "a.csv"), tmp_path / "b.csv", "challenge", named)
    assert "0,TS_1,thyroglobulin," in (tmp_path / "b.csv").read_text()


@pytest.mark.parametrize("to", [*FORMATS, "copick"])
def test_picks_outside_their_tomogram_are_left_out_and_counted(
    tmp_path: Path, tomogram: ConvertOptions, to: str
) -> None:
    points, names = np.concatenate([POINTS, [[10.0, 3, 3]]]), np.array(["a_b", "beta gal"] * 2)
    write_picks(tmp_path / "a.csv", Picks(points, classes=names), format="csv", image_name="TS_1.mrc")
    heard = Heard()
    assert convert(str(tmp_path / "a.csv"), tmp_path / "out", to, tomogram, teller=heard).picks == 3
    assert "TS_1.mrc: 1 picks outside the image left out" in heard.warnings


def test_copicks_names_of_classes_are_said(tmp_path: Path, tomogram: ConvertOptions) -> None:
    names = np.array(["a_b", "beta gal", "ribosome"])
    write_picks(tmp_path / "a.csv", Picks(POINTS, classes=names), format="csv", image_name="TS_1.mrc")
    heard = Heard()
    convert(str(tmp_path / "a.csv"), tmp_path / "out", "copick", tomogram, teller=heard)
    assert [warning.partition(" in copick")[0] for warning in heard.warnings] == [
        "a_b is called a-b",
        "beta gal is called beta-gal",
    ]


def test_classes_that_come_back_are_not_warned_of(
    tmp_path: Path, tomogram: ConvertOptions, picks: str
) -> None:
    heard = Heard()
    for to in (*FORMATS, "copick"):
        convert(picks, tmp_path / to, to, tomogram, teller=heard)
    assert heard.warnings == []


@pytest.mark.parametrize("to", ["relion", "eman", "cryolo", "topaz", "csv"])
def test_classes_that_a_format_mixes_are_named(tmp_path: Path, to: str) -> None:
    flat = Picks(POINTS[:2, 1:], classes=np.array(["ribo", "prot"]))
    write_picks(tmp_path / "a.csv", flat, format="csv", image_name="a.mrc")
    heard = Heard()
    result = convert(str(tmp_path / "a.csv"), tmp_path / "out", to, ConvertOptions(box_size=4), teller=heard)
    (found,) = read_picks(result.files[0]).values()
    mixed = f"{to} holds no classes: prot, ribo are written together; csv keeps them apart"
    assert heard.warnings == ([mixed] if found.classes is None else [])
    assert (found.classes is None) == (to != "csv")


def test_an_unknown_binning_is_said_so_where_it_counts(
    tmp_path: Path, tomogram: ConvertOptions, picks: str
) -> None:
    for to, warned in (("relion", False), ("relion4", True), ("eman", True), ("dynamo", False)):
        for number, options in enumerate((tomogram, replace(tomogram, tilt_series_pixel_size=None))):
            heard = Heard()
            convert(picks, tmp_path / f"{to}{number}", to, options, teller=heard)
            assert any("--tilt-series-pixel-size" in each for each in heard.warnings) == (
                warned and number == 1
            )


def test_picks_of_two_dimensions_do_not_mix(tmp_path: Path, picks: str) -> None:
    write_picks(tmp_path / "in" / "b.csv", Picks(POINTS[:2, :2]), format="csv", image_name="b.mrc")
    result = convert(picks, tmp_path / "out", "dynamo")
    assert [file.name for file in result.files] == ["TS_1.tbl"]
    assert [failure.name for failure in result.failures] == ["b.mrc"]
    assert "2D, where 3D ones are expected" in result.failures[0].reason


def test_options_that_cannot_be(tmp_path: Path, picks: str) -> None:
    with pytest.raises(InputError, match="Did you mean 'relion-python'"):
        convert(picks, tmp_path / "out", "relion", ConvertOptions(centre="relion-pyton"))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="above 0"):
        convert(picks, tmp_path / "out", "relion", ConvertOptions(tilt_series_pixel_size=0))


@pytest.mark.parametrize("to", FORMATS)
def test_what_was_written_for_many_tomograms_is_read_from_its_folder(
    tmp_path: Path, tomogram: ConvertOptions, picks: str, to: str
) -> None:
    write_image(tmp_path / "tomograms" / "rec_TS_2_10.00Apx.mrc", np.zeros(SHAPE, np.float32), 10.0)
    second = Picks(POINTS[:2], np.ones(2), np.array(["ribosome"] * 2))
    write_picks(tmp_path / "in" / "TS_2.csv", second, format="csv", image_name="TS_2")
    there = convert(picks, tmp_path / to, to, tomogram)
    assert (len(there.files), there.failures) == (2, [])
    back = convert(str(tmp_path / to), tmp_path / "back", "csv", tomogram)
    assert (back.picks, back.failures) == (5, [])
    for name, points in (("TS_1", POINTS), ("rec_TS_2_10.00Apx", POINTS[:2])):
        found = read_picks(tmp_path / "back" / f"{name}.csv")[f"{name}.mrc"]
        np.testing.assert_allclose(found.points, points, atol=1e-10)
