from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motes.errors import MotesError, PicksError
from motes.formats.picks import PICKS_FORMATS, read_picks, write_index, write_picks
from motes.picks import Picks, empty_picks

WRITABLE = [name for name, entry in PICKS_FORMATS.items() if entry.write is not None]
WITH_NAMES = {"csv", "topaz"}
TOLERANCE = {"relion": 0.5, "csv": 0.0, "topaz": 0.0}  # others within rounding of float64
LOOSE = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}

numbers = st.floats(-1e5, 1e5, allow_subnormal=False)
tables = st.lists(st.tuples(numbers, numbers, st.floats(0, 1)), min_size=1, max_size=20)
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="#\"'"), min_size=1
)


def picks_of(rows: list[tuple[float, float, float]]) -> Picks:
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Picks(table[:, :2], table[:, 2])


@pytest.mark.parametrize("format", WRITABLE)
class TestWriter:
    """What every writer promises."""

    @settings(max_examples=40, **LOOSE)
    @given(rows=tables)
    def test_picks_come_back(
        self, tmp_path: Path, format: str, rows: list[tuple[float, float, float]]
    ) -> None:
        picks, path = picks_of(rows), tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        write_picks(path, picks, format=format, image_name="A/0012.b.mrc", box_size=11)
        ((name, found),) = read_picks(path).items()
        assert name == ({"csv": "A/0012.b.mrc", "topaz": "A/0012.b"}.get(format))
        tolerance = TOLERANCE.get(format, 1e-10 * (1 + np.abs(picks.points).max()))
        assert np.abs(found.points - picks.points).max() <= tolerance
        assert (found.scores is None) == (format == "eman")
        if found.scores is not None:
            np.testing.assert_array_equal(found.scores, picks.scores)

    def test_no_picks_come_back(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        write_picks(path, empty_picks(2), format=format, image_name="image.mrc", box_size=11)
        found = read_picks(path)
        assert [len(picks) for picks in found.values()] == ([] if format == "topaz" else [0])
        assert set(found) <= {None}

    def test_picks_without_scores(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        write_picks(path, Picks(np.array([[4.0, 9.0]])), format=format, image_name="a.mrc", box_size=11)
        ((_, found),) = read_picks(path).items()
        assert found.scores is None
        np.testing.assert_array_equal(found.points, [[4.0, 9.0]])

    def test_volumes_are_refused_or_come_back(self, tmp_path: Path, format: str) -> None:
        picks = Picks(np.array([[1.0, 2.0, 3.5]]))
        path = tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        if format != "csv":
            with pytest.raises(PicksError, match="2D"):
                write_picks(path, picks, format=format, image_name="a.mrc", box_size=11)
            return
        write_picks(path, picks, format=format, image_name="a.mrc")
        np.testing.assert_array_equal(read_picks(path)["a.mrc"].points, picks.points)


@pytest.mark.parametrize("format", ["eman", "cryolo"])
def test_boxes_need_a_size(tmp_path: Path, format: str) -> None:
    with pytest.raises(PicksError, match="--box-size"):
        write_picks(tmp_path / "a.box", empty_picks(2), format=format, image_name="a.mrc")


def test_unknown_formats_and_those_that_are_only_read(tmp_path: Path) -> None:
    with pytest.raises(PicksError, match="Did you mean 'relion'"):
        write_picks(tmp_path / "a", empty_picks(2), format="relin", image_name="a")
    with pytest.raises(PicksError, match="read but not written"):
        write_picks(tmp_path / "a", empty_picks(2), format="cryoppp", image_name="a")
    with pytest.raises(PicksError, match="Known: cryolo"):
        read_picks(Path(__file__), format="nothing like it")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"a,b\n1,2\n", "not a coordinate file"),
        ("a.csv", b"x,y\n1,2\n3\n", "row 2 has 1 values"),
        ("a.csv", b"x,y\n1,2\n3,four\n", "y in row 2 is 'four'"),
        ("a.csv", b"x,y\n1,2\nnan,3\n", "row 2 are not finite"),
        ("a.csv", b"x,y\n,2\n", "row 1 are not finite"),
        ("a.csv", b"x,y\n1,inf\n", "not finite"),
        ("a.star", b"data_\nloop_\n_rlnCoordinateX\n_rlnFoo\n1 2\n", "no column rlnCoordinateY.*rlnFoo"),
        ("a.star", b"data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 nan\n", "row 1 are not finite"),
        ("a.star", b"data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2 3\n", "not a correct STAR"),
        ("a.box", b"1 2 3 4\n1 2 x 4\n", "line 2"),
        ("a.box", b"1 2 -3 4\n", "negative"),
        ("a.cbox", b"data_global\n_a 1\ndata_cryolo_include\nloop_\n_b\n", "no table data_cryolo"),
        ("a.dat", b"\0\1\2", "binary"),
    ],
)
def test_errors_say_what_is_wrong(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PicksError, match=message):
        read_picks(tmp_path / name)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "a.csv", tmp_path):
        with pytest.raises(PicksError, match="cannot be read"):
            read_picks(path)


HEADS = ["", "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n", "x,y\n", "X-Coordinate,Y-Coordinate\n"]
HEADS += ["data_coordinate_files\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\n", "1 2 3 4\n"]
HEADS += [
    "data_cryolo\nloop_\n_CoordinateX\n_CoordinateY\n_Width\n_Height\n",
    "image_name\tx_coord\ty_coord\n",
]


@settings(max_examples=150, **LOOSE)
@given(
    head=st.sampled_from(HEADS),
    body=st.one_of(st.binary(max_size=60), st.text("0123456789 .,\t\n-eNa_'\";#").map(str.encode)),
    name=st.sampled_from(["a.star", "a.box", "a.csv", "coords_suffix_autopick.star"]),
    format=st.sampled_from([None, *PICKS_FORMATS]),
)
def test_damage_raises_our_errors_only(
    tmp_path: Path, head: str, body: bytes, name: str, format: str | None
) -> None:
    (tmp_path / name).write_bytes(head.encode() + body)
    try:
        found = read_picks(tmp_path / name, shape_of=lambda _: (100, 200), format=format)
    except MotesError:
        return
    assert all(np.isfinite(picks.points).all() for picks in found.values())


@settings(max_examples=40, **LOOSE)
@given(name=names)
def test_names_come_back_through_tables_and_indexes(tmp_path: Path, name: str) -> None:
    picks = Picks(np.array([[4.0, 9.0]]))
    write_picks(tmp_path / "a.csv", picks, format="csv", image_name=name)
    assert list(read_picks(tmp_path / "a.csv")) == [name]
    write_picks(tmp_path / "a_autopick.star", picks, format="relion", image_name=name)
    index, joined = write_index(tmp_path, [(name, "a_autopick.star")], "relion")
    assert list(read_picks(index)) == [name]
    assert list(read_picks(joined)) == [name]


@pytest.mark.parametrize("format", sorted(WITH_NAMES))
def test_one_table_for_all_images(tmp_path: Path, format: str) -> None:
    entries = []
    for name, count in [("A/001.mrc", 2), ("B/001.mrc", 1), ("C/001.mrc", 0)]:
        path = tmp_path / f"{name}{PICKS_FORMATS[format].suffix}"
        write_picks(path, Picks(np.ones((count, 2)), np.ones(count)), format=format, image_name=name)
        entries.append((name, str(path.relative_to(tmp_path))))
    (table,) = write_index(tmp_path, entries, format)
    found = {str(name).removesuffix(".mrc"): len(picks) for name, picks in read_picks(table).items()}
    assert found == {"A/001": 2, "B/001": 1}
    (tmp_path / entries[0][1]).write_text("image,x,y\na,1,2\n")
    with pytest.raises(PicksError, match="differ"):
        write_index(tmp_path, entries, format)


def test_formats_without_index_write_none(tmp_path: Path) -> None:
    assert write_index(tmp_path, [("a.mrc", "a.box")], "eman") == []
