"""The conventions of the other programs, in numbers."""

import os
from pathlib import Path

import numpy as np
import pytest

from motes.errors import PicksError
from motes.formats import star
from motes.formats.images import IMAGE_SUFFIXES
from motes.formats.picks import Facts, read_picks, write_picks
from motes.formats.tables import text_of, without_image_suffix
from motes.picks import Picks

ONE = Picks(np.array([[9.0, 8.0]]), np.array([0.5]))  # x 8, y 9


def test_a_box_of_10_at_3_4_has_its_centre_at_8_9(tmp_path: Path) -> None:
    (tmp_path / "a.box").write_text("3\t4\t10\t10\n3 4 10 10 -3\n")
    np.testing.assert_array_equal(read_picks(tmp_path / "a.box")[None].points, [[9.0, 8.0]] * 2)
    write_picks(tmp_path / "b.box", ONE, format="eman", image_name="b.mrc", facts=Facts(box_size=10))
    assert (tmp_path / "b.box").read_text() == "3\t4\t10\t10\n"


CBOX = """
data_global

_cbox_format_version 1.0

data_cryolo

loop_
_CoordinateX #1
_CoordinateY #2
_CoordinateZ #3
_Width #4
_Height #5
_Depth #6
_EstWidth #7
_EstHeight #8
_Confidence #9
_NumBoxes #10
_Angle #11
3.0 4.0 <NA> 10.0 10.0 <NA> 8.5 9.5 0.5 1.0 <NA>
3.0 4.0 <NA> 10.0 10.0 <NA> 8.5 9.5 0.25 1.0 <NA>

data_cryolo_include

loop_
_slice_index #1
0
"""


def test_cbox_holds_corners_and_confidences(tmp_path: Path) -> None:
    (tmp_path / "a.cbox").write_text(CBOX)
    picks = read_picks(tmp_path / "a.cbox")[None]
    np.testing.assert_array_equal(picks.points, [[9.0, 8.0]] * 2)
    np.testing.assert_array_equal(picks.scores, [0.5, 0.25])
    np.testing.assert_array_equal(picks.diameters, [10.0, 10.0])
    assert set(picks.extra) == {"EstWidth", "EstHeight", "NumBoxes"}


def test_cbox_with_depth_is_3d(tmp_path: Path) -> None:
    text = CBOX.replace("4.0 <NA> 10.0 10.0 <NA>", "4.0 5.0 10.0 10.0 10.0")
    (tmp_path / "a.cbox").write_text(text)
    np.testing.assert_array_equal(read_picks(tmp_path / "a.cbox")[None].points, [[10.0, 9.0, 8.0]] * 2)


def test_layout_of_cbox(tmp_path: Path) -> None:
    write_picks(tmp_path / "a.cbox", ONE, format="cryolo", image_name="a.mrc", facts=Facts(box_size=10))
    text = (tmp_path / "a.cbox").read_text()
    assert "data_global\n\n_cbox_format_version 1.0\n" in text
    assert "\n3\t4\t<NA>\t10\t10\t<NA>\t<NA>\t<NA>\t0.5\t<NA>\t<NA>\n" in text
    assert text.rstrip().endswith("data_cryolo_include\n\nloop_\n_slice_index #1")


def test_what_is_not_known_is_na_in_cbox(tmp_path: Path) -> None:
    mixed = Picks(np.array([[9.0, 8.0]] * 2), np.array([0.5, np.nan]))
    write_picks(tmp_path / "a.cbox", mixed, format="cryolo", image_name="a.mrc", facts=Facts(box_size=10))
    table = star.read_tables((tmp_path / "a.cbox").read_text(), tmp_path)["cryolo"]
    assert table["Confidence"] == ["0.5", "<NA>"]


def test_topaz_names_images_without_extension(tmp_path: Path) -> None:
    write_picks(tmp_path / "a.txt", ONE, format="topaz", image_name="May08_03.05.02.bin.png")
    assert (tmp_path / "a.txt").read_text() == (
        "image_name\tx_coord\ty_coord\tscore\nMay08_03.05.02.bin\t8\t9\t0.5\n"
    )
    (tmp_path / "b.txt").write_text(
        "image_name\tx_coord\ty_coord\tscore\n0012\t1\t2\t-3.5\nb\t3\t4\t1\n0012\t5\t6\t0\n"
    )
    found = read_picks(tmp_path / "b.txt")
    assert list(found) == ["0012", "b"]
    np.testing.assert_array_equal(found["0012"].points, [[2.0, 1.0], [6.0, 5.0]])
    np.testing.assert_array_equal(found["0012"].scores, [-3.5, 0.0])


def test_cryoppp_counts_rows_from_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("X-Coordinate,Y-Coordinate,Diameter\n8,0,108\n8,99,108\n8,90,108\n")
    with pytest.raises(PicksError, match="--images"):
        read_picks(tmp_path / "a.csv")
    picks = read_picks(tmp_path / "a.csv", facts_of=lambda _: Facts((100, 200)))[None]
    np.testing.assert_array_equal(picks.points, [[99.0, 8.0], [0.0, 8.0], [9.0, 8.0]])
    np.testing.assert_array_equal(picks.diameters, [108.0] * 3)
    as_csv = read_picks(tmp_path / "a.csv", format="csv")[None]
    np.testing.assert_array_equal(as_csv.points[2], [90.0, 8.0])


@pytest.mark.parametrize("layout", ["as it is", "quoted", "semicolons", "a comment first"])
@pytest.mark.parametrize(
    ("table", "name", "place"),
    [
        ("X-Coordinate,Y-Coordinate,Diameter\n8,20,108\n", None, [179.0, 8.0]),
        ("id,experiment,particle_type,x,y,z\n0,T,ribosome,100,200,300\n", "T", [29.5, 19.5, 9.5]),
    ],
)
def test_a_header_is_known_however_it_is_written(
    tmp_path: Path, table: str, name: str | None, place: list[float], layout: str
) -> None:
    header, row = table.splitlines()
    quoted = ",".join(f'"{column}"' for column in header.split(","))
    text = {
        "as it is": table,
        "quoted": f"{quoted}\n{row}\n",
        "semicolons": table.replace(",", ";"),
        "a comment first": f"\n# of R, by hand\n{table}",
    }[layout]
    (tmp_path / "a.csv").write_text(text)
    facts = Facts((200, 300) if len(place) == 2 else None, 10.0)
    picks = read_picks(tmp_path / "a.csv", facts_of=lambda _: facts)[name]
    np.testing.assert_array_equal(picks.points, [place])
    assert picks.extra == {}
    assert picks.classes is None or list(picks.classes) == ["ribosome"]


def test_csv_needs_only_x_and_y_in_any_order(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# made by hand\nY , X\n2.5, 1\n\n2.5,1\n")
    picks = read_picks(tmp_path / "a.csv")[None]
    np.testing.assert_array_equal(picks.points, [[2.5, 1.0], [2.5, 1.0]])
    assert picks.scores is None


@pytest.mark.parametrize(
    "text", ["image,x,y\n#1.mrc,1,2\n#2.mrc,3,4\n", "# by hand\nimage_name\tx_coord\ty_coord\n#1.mrc\t1\t2\n"]
)
def test_names_of_images_may_start_with_a_number_sign(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    found = read_picks(tmp_path / "a.csv")
    assert list(found) == ["#1.mrc", "#2.mrc"][: len(found)]
    np.testing.assert_array_equal(found["#1.mrc"].points, [[2.0, 1.0]])


def test_lines_with_a_number_sign_are_comments_where_a_number_is_expected(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n# the large ones\n1,2\n#3,4\n")
    np.testing.assert_array_equal(read_picks(tmp_path / "a.csv")[None].points, [[2.0, 1.0]])


def test_a_comment_among_the_names_of_images_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,x,y\n# by hand\n#1.mrc,1,2\n# the small ones, those at the rim\n")
    ((name, picks),) = read_picks(tmp_path / "a.csv").items()
    assert (name, picks.points.tolist()) == ("#1.mrc", [[2, 1]])


@pytest.mark.parametrize("header", ["x_coord,y_coord", "rlnCoordinateX;rlnCoordinateY", "Center X\tCenter Y"])
def test_other_names_for_x_and_y(tmp_path: Path, header: str) -> None:
    separator = next(mark for mark in ",;\t" if mark in header)
    (tmp_path / "a.csv").write_bytes(f"\ufeff{header}\r\n1{separator}2\r\n".encode())
    np.testing.assert_array_equal(read_picks(tmp_path / "a.csv")[None].points, [[2.0, 1.0]])


def test_every_column_of_csv_comes_back(tmp_path: Path) -> None:
    picks = Picks(
        np.array([[0.1, 1e-7, 3.0], [1 / 3, 2.0, 12345.678901234567]]),
        np.array([0.1 + 0.2, 1.0]),
        np.array(["0012", "a, b"]),
        np.array([10.5, 11.0]),
        {"psi": np.array([1.5, -2.0]), "who": np.array(["A", 'B "c"'])},
    )
    write_picks(tmp_path / "a.csv", picks, format="csv", image_name="A/0012.mrc")
    header = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert header == "image,x,y,z,score,class,diameter,psi,who"
    found = read_picks(tmp_path / "a.csv")["A/0012.mrc"]
    np.testing.assert_array_equal(found.points, picks.points)
    np.testing.assert_array_equal(found.scores, picks.scores)
    np.testing.assert_array_equal(found.classes, picks.classes)
    np.testing.assert_array_equal(found.diameters, picks.diameters)
    np.testing.assert_array_equal(found.extra["psi"], picks.extra["psi"])
    np.testing.assert_array_equal(found.extra["who"], picks.extra["who"])


def test_codes_and_long_numbers_in_further_columns_stay_as_they_are(tmp_path: Path) -> None:
    rows = "12345678901234567891,007,2024_01,9007199254740993,1.50\n17276427399876543210,10,1,-2,2\n"
    (tmp_path / "a.csv").write_text(
        "x,y,uid,code,day,edge,psi\n" + "".join(f"1,2,{row}\n" for row in rows.split())
    )
    extra = {name: values.tolist() for name, values in read_picks(tmp_path / "a.csv")[None].extra.items()}
    assert extra == {
        "uid": ["12345678901234567891", "17276427399876543210"],
        "code": ["007", "10"],
        "day": ["2024_01", "1"],
        "edge": ["9007199254740993", "-2"],
        "psi": [1.5, 2.0],
    }


def test_minus_999_is_a_score_outside_relion(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,score\n1,2,-999\n1,2,0.5\n")
    np.testing.assert_array_equal(read_picks(tmp_path / "a.csv")[None].scores, [-999.0, 0.5])


def test_tables_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,score\n")
    assert len(read_picks(tmp_path / "a.csv")[None]) == 0
    (tmp_path / "b.csv").write_text("image,x,y,score\n")
    assert read_picks(tmp_path / "b.csv") == {}
    (tmp_path / "c.box").write_text("")
    assert len(read_picks(tmp_path / "c.box")[None]) == 0


@pytest.mark.parametrize(
    ("value", "text"), [(8.0, "8"), (-0.5, "-0.5"), (1 / 3, "0.3333333333333333"), (1e300, "1e+300")]
)
def test_numbers_as_text_come_back(value: float, text: str) -> None:
    assert text_of(value) == text
    assert float(text) == value


def test_only_the_extension_of_an_image_is_stripped() -> None:
    assert without_image_suffix("A/b.bin.MRC") == "A/b.bin"
    assert without_image_suffix("b.mrc.gz") == "b"
    assert without_image_suffix("May08_03.05.02") == "May08_03.05.02"


@pytest.mark.real
@pytest.mark.skipif("MOTES_REAL_DATA" not in os.environ, reason="MOTES_REAL_DATA is not set")
def test_real_tables() -> None:
    root = Path(os.environ["MOTES_REAL_DATA"])
    path = root / "empiar10146_apoferritin/coords_annotatorA_discs/May08_03.05.02.bin.csv"
    picks = read_picks(path)[None]
    np.testing.assert_array_equal(picks.points[0], [32.3, 406.0])
    assert picks.diameters is not None
    assert picks.diameters[0] == 64.3
    assert picks.extra["touches_border"][0] == 1
    for path in root.glob("*/boxes_px/*.csv"):
        assert len(read_picks(path)[None]) > 0


@pytest.mark.parametrize("suffix", [*IMAGE_SUFFIXES, ".MRC"])
def test_every_readable_image_loses_its_suffix(suffix: str) -> None:
    assert without_image_suffix(f"A/b.c{suffix}") == "A/b.c"
