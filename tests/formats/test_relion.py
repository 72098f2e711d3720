import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motes.errors import ImageError, MotesError, PicksError
from motes.formats import star
from motes.formats.picks import read_picks, write_index, write_picks
from motes.formats.relion import (
    MicrographEntry,
    list_index,
    read_listed,
    read_micrographs_star,
    write_micrographs_star,
)
from motes.picks import Picks

OPTICS = {"voltage": 300.0, "spherical_aberration": 2.7, "amplitude_contrast": 0.1}


def test_layout_of_a_coordinate_file(tmp_path: Path) -> None:
    picks = Picks(np.array([[4.4, 9.6]]), np.array([0.75]), extra={"rlnClassNumber": np.array([3.0])})
    write_picks(tmp_path / "a_autopick.star", picks, format="relion", image_name="a.mrc")
    lines = [line for line in (tmp_path / "a_autopick.star").read_text().splitlines() if line]
    assert lines == [
        "# version 30001",
        "data_",
        "loop_",
        "_rlnCoordinateX #1",
        "_rlnCoordinateY #2",
        "_rlnAutopickFigureOfMerit #3",
        "_rlnClassNumber #4",
        "_rlnAnglePsi #5",
        "10\t4\t0.75\t3\t0.000000",
    ]


def test_columns_in_any_order_and_several_images(tmp_path: Path) -> None:
    (tmp_path / "particles.star").write_text(
        "\n# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n1\n\n# version 30001\n\n"
        "data_particles\n\nloop_\n_rlnClassNumber #1\n_rlnMicrographName #2\n_rlnCoordinateY #3\n"
        "_rlnImageName #4\n_rlnCoordinateX #5\n"
        "2 0012 7.5 000001@Extract/a.mrcs 8\n1 data_1.mrc 1 000002@Extract/a.mrcs 2\n2 0012 7.5 x 8\n"
    )
    found = read_picks(tmp_path / "particles.star")
    assert list(found) == ["0012", "data_1.mrc"]
    np.testing.assert_array_equal(found["0012"].points, [[7.5, 8.0], [7.5, 8.0]])
    np.testing.assert_array_equal(found["0012"].extra["rlnClassNumber"], [2.0, 2.0])
    assert found["data_1.mrc"].extra["rlnImageName"][0] == "000002@Extract/a.mrcs"


def test_z_makes_it_3d(tmp_path: Path) -> None:
    (tmp_path / "a.star").write_text(
        "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n_rlnTomoName\n1 2 3 T1\n"
    )
    np.testing.assert_array_equal(read_picks(tmp_path / "a.star")["T1"].points, [[3.0, 2.0, 1.0]])


def test_a_score_of_minus_999_is_none(tmp_path: Path) -> None:
    text = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnAutopickFigureOfMerit\n1 2 -999.0\n"
    (tmp_path / "a.star").write_text(text)
    assert read_picks(tmp_path / "a.star")[None].scores is None


def test_each_score_of_minus_999_is_none(tmp_path: Path) -> None:
    """RELION's manual picker fills them in, to join what it picked with what was picked automatically."""
    text = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnAutopickFigureOfMerit\n1 2 -999.0\n1 2 0.5\n1 2 0.1\n"
    (tmp_path / "a.star").write_text(text)
    picks = read_picks(tmp_path / "a.star")[None]
    np.testing.assert_array_equal(picks.scores, [np.nan, 0.5, 0.1])
    assert len(picks.above(0.3)) == 2


def test_a_pick_without_score_is_written_with_minus_999(tmp_path: Path) -> None:
    picks = Picks(np.array([[4.0, 9.0]] * 2), np.array([np.nan, 0.5]))
    write_picks(tmp_path / "a_autopick.star", picks, format="relion", image_name="a.mrc")
    _, joined = write_index(tmp_path, [("a.mrc", "a_autopick.star")], "relion")
    for path in (tmp_path / "a_autopick.star", joined):
        (table,) = star.read_tables(path.read_text(), path).values()
        assert table["rlnAutopickFigureOfMerit"] == ["-999", "0.5"]


@pytest.mark.parametrize(
    "name",
    ["Müller/a.mrc", "ü'b.mrc", "'Dr. Müller/ä ö.mrc'", "data_ü.mrc", "a\u00a0b\u00a0c.mrc", "日本.mrc"],
)
def test_names_beyond_ascii_need_no_quotes(tmp_path: Path, name: str) -> None:
    head = "# Zürich\ndata_\nloop_ # möglich\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\n"
    (tmp_path / "a.star").write_text(f"{head}{name} 1 2 # gut, ü\n", encoding="utf-8")
    assert list(read_picks(tmp_path / "a.star")) == [name.strip("'")]
    (tmp_path / "m.star").write_text(f"data_\nloop_\n_rlnX\n_rlnMicrographName\n1 {name}\n", encoding="utf-8")
    assert [entry.name for entry in read_micrographs_star(tmp_path / "m.star")] == [name.strip("'")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
def test_any_name_without_spaces_needs_no_quotes(tmp_path: Path, name: str) -> None:
    text = f"data_\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\nM/{name} 1 2\n"
    (tmp_path / "a.star").write_text(text, encoding="utf-8")
    assert list(read_picks(tmp_path / "a.star")) == [f"M/{name}"]


def test_a_byte_order_mark_is_no_part_of_a_list(tmp_path: Path) -> None:
    index = project(tmp_path)[0]
    for path in (index, tmp_path / "micrographs.star"):
        path.write_text(path.read_text(), encoding="utf-8-sig")
    assert len(list_index(index) or {}) == 2
    assert len(read_micrographs_star(tmp_path / "micrographs.star")) == 2


def test_a_class_keeps_its_number_where_zeros_lead(tmp_path: Path) -> None:
    text = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnClassNumber\n1 2 003\n"
    (tmp_path / "a.star").write_text(text)
    picks = read_picks(tmp_path / "a.star")[None]
    write_picks(tmp_path / "b.star", picks, format="relion", image_name="a.mrc")
    assert read_picks(tmp_path / "b.star")[None].extra["rlnClassNumber"] == [3.0]


def test_an_empty_star_file_is_an_image_without_particles(tmp_path: Path) -> None:
    (tmp_path / "a_autopick.star").write_text("")
    assert len(read_picks(tmp_path / "a_autopick.star")[None]) == 0


def project(tmp_path: Path) -> list[Path]:
    """Make a RELION project with two micrographs of the same name and an index of their picks."""
    names = ["MotionCorr/job002/A/001.mrc", "MotionCorr/job002/B/001.mrc"]
    files = ["AutoPick/job004/A/001_autopick.star", "AutoPick/job004/B/001_autopick.star"]
    for number, (name, file) in enumerate(zip(names, files, strict=True), start=1):
        write_picks(tmp_path / file, Picks(np.ones((number, 2))), format="relion", image_name=name)
    write_micrographs_star(tmp_path / "micrographs.star", names, 1.77, **OPTICS)
    return write_index(
        tmp_path / "AutoPick/job004", list(zip(names, files, strict=True)), "relion", "micrographs.star"
    )


@pytest.mark.parametrize("which", [0, 1])
def test_indexes_are_followed_from_anywhere(tmp_path: Path, which: int) -> None:
    index = project(tmp_path)[which]
    assert index.name == ["autopick.star", "coords_suffix_autopick.star"][which]
    found = {name: len(picks) for name, picks in read_picks(index).items()}
    assert found == {"MotionCorr/job002/A/001.mrc": 1, "MotionCorr/job002/B/001.mrc": 2}


def test_indexes_are_followed_from_the_project_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = project(tmp_path / "project")[0]
    moved = index.rename(tmp_path / "autopick.star")
    with pytest.raises(PicksError, match="project's folder"):
        read_picks(moved)
    monkeypatch.chdir(tmp_path / "project")
    assert len(read_picks(moved)) == 2


def test_layout_of_an_index(tmp_path: Path) -> None:
    index, suffix_file, joined = project(tmp_path)
    assert suffix_file.read_text() == "micrographs.star\n"
    assert "data_coordinate_files\n\nloop_\n_rlnMicrographName #1\n_rlnMicrographCoordinates #2\n" in (
        index.read_text()
    )
    assert "data_particles\n\nloop_\n_rlnMicrographName #1\n_rlnCoordinateX #2\n" in joined.read_text()
    assert "data_optics" not in joined.read_text()  # what is not known is not made up
    found = {name: picks.points.tolist() for name, picks in read_picks(joined).items()}
    assert found == {"MotionCorr/job002/A/001.mrc": [[1, 1]], "MotionCorr/job002/B/001.mrc": [[1, 1]] * 2}


def test_micrographs_star_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "micrographs.star"
    write_micrographs_star(path, ["A/001.mrc", "data_2.mrc"], 1.77, **OPTICS)
    assert read_micrographs_star(path) == [
        MicrographEntry("A/001.mrc", 1.77),
        MicrographEntry("data_2.mrc", 1.77),
    ]
    text = path.read_text()
    assert text.startswith("\n# version 30001\n\ndata_optics\n")
    assert "\nopticsGroup1\t1\t1.77\t300\t2.7\t0.1\n" in text
    assert "\ndata_2.mrc\t1\n" in text  # without quotes, which RELION 3.1 takes for a part of the name


def test_each_optics_group_has_its_pixel_size(tmp_path: Path) -> None:
    (tmp_path / "m.star").write_text(
        "data_optics\nloop_\n_rlnOpticsGroup\n_rlnMicrographPixelSize\n1 1.0\n2 0.5\n"
        "data_micrographs\nloop_\n_rlnMicrographName\n_rlnOpticsGroup\na.mrc 2\nb.mrc 1\nc.mrc 3\n"
    )
    assert [entry.pixel_size for entry in read_micrographs_star(tmp_path / "m.star")] == [0.5, 1.0, None]


def test_relion_30_gives_detector_pixel_and_magnification(tmp_path: Path) -> None:
    (tmp_path / "m.star").write_text(
        "data_\nloop_\n_rlnMicrographName\n_rlnDetectorPixelSize\n_rlnMagnification\n"
        "a.mrc 5.0 50000\nb.mrc 5 0\n"
    )
    assert [entry.pixel_size for entry in read_micrographs_star(tmp_path / "m.star")] == [1.0, None]
    (tmp_path / "n.star").write_text("data_\nloop_\n_rlnMicrographName\na.mrc\n")
    assert read_micrographs_star(tmp_path / "n.star") == [MicrographEntry("a.mrc", None)]


def test_what_is_no_list_of_micrographs(tmp_path: Path) -> None:
    (tmp_path / "m.star").write_text("data_\nloop_\n_rlnCoordinateX\n1\n")
    with pytest.raises(ImageError, match=r"no column rlnMicrographName.*rlnCoordinateX"):
        read_micrographs_star(tmp_path / "m.star")
    (tmp_path / "m.star").write_bytes(b"\xff\xfe")
    with pytest.raises(MotesError):
        read_micrographs_star(tmp_path / "m.star")


@pytest.mark.real
@pytest.mark.skipif("MOTES_REAL_DATA" not in os.environ, reason="MOTES_REAL_DATA is not set")
def test_real_star_files() -> None:
    root = Path(os.environ["MOTES_REAL_DATA"])
    ice = read_picks(root / "contaminated_micrograph/Ucsf_stack_1142_DW_bad_autopick.star")[None]
    assert len(ice) == 45
    np.testing.assert_array_equal(ice.points[0], [19.979167, 839.125024])
    assert ice.scores is not None
    assert ice.scores[0] == 0.624705
    ((name, picks),) = read_picks(root / "empiar10017_bgal_cryoppp/sample_14_33_35_0.star").items()
    assert name == "Falcon_2012_06_12-14_33_35_0.mrc"
    np.testing.assert_array_equal(picks.points[0], [693.0, 3752.0])
    tomograms = read_picks(root / "coordinate_tables_only/chlamy_empiar11830_clathrin.star")
    np.testing.assert_array_equal(tomograms["tomo_0404"].points[0], [1400.001, 3336.0, 1491.999])


def test_an_index_lists_files_that_are_read_one_by_one(tmp_path: Path) -> None:
    for index in project(tmp_path)[:2]:
        listed = list_index(index)
        assert listed is not None
        assert list(listed) == ["MotionCorr/job002/A/001.mrc", "MotionCorr/job002/B/001.mrc"]
        assert [len(read_listed(index, file)) for file in listed.values()] == [1, 2]


def test_a_damaged_file_costs_the_others_of_an_index_nothing(tmp_path: Path) -> None:
    index, suffix_file, joined = project(tmp_path)
    (tmp_path / "AutoPick/job004/A/001_autopick.star").write_text("data_\nloop_\n_rlnCoordinateX\n1\n")
    for each in (index, suffix_file):
        damaged, whole = (list_index(each) or {}).values()
        with pytest.raises(PicksError, match="rlnCoordinateY"):
            read_listed(each, damaged)
        assert len(read_listed(each, whole)) == 2
    assert list_index(joined) is None
    with pytest.raises(PicksError, match="not there"):
        read_listed(index, "missing.star")


def test_the_suffix_file_prefers_the_whole_path(tmp_path: Path) -> None:
    names = ["MotionCorr/job002/a.mrc", "a.mrc"]
    for number, name in enumerate(names, start=1):
        file = tmp_path / name.replace(".mrc", "_autopick.star")
        write_picks(file, Picks(np.ones((number, 2))), format="relion", image_name=name)
    write_micrographs_star(tmp_path / "micrographs.star", names, 1.77, **OPTICS)
    (tmp_path / "coords_suffix_autopick.star").write_text("micrographs.star\n")
    found = read_picks(tmp_path / "coords_suffix_autopick.star")
    assert [len(found[name]) for name in names] == [1, 2]
