import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from motes.errors import MotesError, PicksError
from motes.formats import star
from motes.formats.picks import PICKS_FORMATS, Facts, picks_format, read_picks, write_index, write_picks
from motes.formats.tables import without_image_suffix
from motes.picks import Picks, empty_picks

VOLUMES_ONLY = ("relion5", "relion4", "dynamo", "eman-info", "challenge")
FLAT = [name for name, entry in PICKS_FORMATS.items() if entry.write is not None and name not in VOLUMES_ONLY]
VOLUMES = [*VOLUMES_ONLY, "relion", "eman", "csv"]
NAME_OF = {"csv": "A/TS_01.mrc", "dynamo": None, "eman": "image", "eman-info": "image"}
WITH_NAMES = {"csv", "topaz"}
TOLERANCE = {"relion": 0.5, "csv": 0.0, "topaz": 0.0}  # others within rounding of float64
LOOSE = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}

numbers = st.floats(-1e5, 1e5, allow_subnormal=False)
tables = st.lists(st.tuples(numbers, numbers, st.floats(0, 1)), min_size=1, max_size=20)
mixed = st.lists(st.floats(0.001, 1) | st.just(np.nan), min_size=1, max_size=9)
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\"'"), min_size=1
)


def picks_of(rows: list[tuple[float, float, float]]) -> Picks:
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return Picks(table[:, :2], table[:, 2])


@pytest.mark.parametrize("format", FLAT)
class TestWriter:
    """What every writer promises."""

    @settings(max_examples=40, **LOOSE)
    @given(rows=tables)
    def test_picks_come_back(
        self, tmp_path: Path, format: str, rows: list[tuple[float, float, float]]
    ) -> None:
        picks, path = picks_of(rows), tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        write_picks(path, picks, format=format, image_name="A/0012.b.mrc", facts=Facts(box_size=11))
        ((name, found),) = read_picks(path).items()
        assert name == ({"csv": "A/0012.b.mrc", "topaz": "A/0012.b"}.get(format))
        tolerance = TOLERANCE.get(format, 1e-10 * (1 + np.abs(picks.points).max()))
        assert np.abs(found.points - picks.points).max() <= tolerance
        assert (found.scores is None) == (format == "eman")
        if found.scores is not None:
            np.testing.assert_array_equal(found.scores, picks.scores)

    def test_no_picks_come_back(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        write_picks(path, empty_picks(2), format=format, image_name="image.mrc", facts=Facts(box_size=11))
        found = read_picks(path)
        assert [len(picks) for picks in found.values()] == ([] if format == "topaz" else [0])
        assert set(found) <= {None}

    def test_picks_without_scores(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        write_picks(
            path, Picks(np.array([[4.0, 9.0]])), format=format, image_name="a.mrc", facts=Facts(box_size=11)
        )
        ((_, found),) = read_picks(path).items()
        assert found.scores is None
        np.testing.assert_array_equal(found.points, [[4.0, 9.0]])

    @settings(max_examples=40, **LOOSE)
    @given(scores=mixed)
    def test_a_score_that_is_missing_stays_so(self, tmp_path: Path, format: str, scores: list[float]) -> None:
        path = tmp_path / f"image{PICKS_FORMATS[format].suffix}"
        picks = Picks(np.ones((len(scores), 2)), np.array(scores))
        write_picks(path, picks, format=format, image_name="a.mrc", facts=Facts(box_size=11))
        ((_, found),) = read_picks(path).items()
        assert (found.scores is None) == (format == "eman" or bool(np.isnan(scores).all()))
        if found.scores is not None:
            np.testing.assert_array_equal(found.scores, scores)


@pytest.mark.parametrize("format", ["cryolo", "topaz"])
def test_volumes_are_refused_where_there_is_no_place_for_them(tmp_path: Path, format: str) -> None:
    with pytest.raises(PicksError, match="these are 3D"):
        write_picks(
            tmp_path / "a", empty_picks(3), format=format, image_name="a.mrc", facts=Facts(box_size=11)
        )


@pytest.mark.parametrize("format", VOLUMES_ONLY)
def test_images_are_refused_where_there_is_no_place_for_them(tmp_path: Path, format: str) -> None:
    with pytest.raises(PicksError, match="these are 2D"):
        write_picks(
            tmp_path / "a", empty_picks(2), format=format, image_name="a.mrc", facts=Facts((9, 9), 1.0, 4)
        )


rows3 = st.lists(st.tuples(numbers, numbers, numbers, st.floats(0.001, 1)), min_size=1, max_size=20)
sizes = st.floats(0.1, 50)


@pytest.mark.parametrize("format", VOLUMES)
class TestVolumeWriter:
    """What every writer of picks in volumes promises."""

    @settings(max_examples=40, **LOOSE)
    @given(
        rows=rows3,
        shape=st.tuples(*[st.integers(1, 5000)] * 3),
        voxel=sizes,
        bin1=st.none() | sizes,
        centre=st.sampled_from(["relion", "relion-python"]),
    )
    def test_picks_come_back(
        self,
        tmp_path: Path,
        format: str,
        rows: list[tuple[float, ...]],
        shape: tuple[int, int, int],
        voxel: float,
        bin1: float | None,
        centre: Any,
    ) -> None:
        table = np.array(rows)
        if format == "relion4":  # which refuses to guess the binning of picks outside the tomogram
            bin1 = bin1 or voxel
        names = np.resize(np.array(["ribosome", "a, b", "0012"]), len(table))
        picks, facts = Picks(table[:, :3], table[:, 3], names), Facts(shape, voxel, 9, bin1, centre)
        path = tmp_path / f"image{picks_format(format, 3).suffix}"
        write_picks(path, picks, format=format, image_name="A/TS_01.mrc", facts=facts)
        for told in (None, format):
            ((name, found),) = read_picks(path, facts_of=lambda _: facts, format=told).items()
            assert name == NAME_OF.get(format, "TS_01")
            size = np.abs(picks.points).max() + max(shape) + (bin1 or 0) / voxel
            assert np.abs(found.points - picks.points).max() <= 1e-12 * size
            assert [str(each) for each in found.classes] == list(names)
            if format == "challenge":
                assert found.scores is None
            else:
                np.testing.assert_array_equal(found.scores, picks.scores)

    def test_no_picks_come_back(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"image{picks_format(format, 3).suffix}"
        facts = Facts((9, 9, 9), 2.0, 4)
        write_picks(path, empty_picks(3), format=format, image_name="a.mrc", facts=facts)
        assert [(len(p), p.ndim) for p in read_picks(path, facts_of=lambda _: facts).values()] in (
            [],
            [(0, 3)],
        )

    def test_what_is_unknown_is_never_made_up(self, tmp_path: Path, format: str) -> None:
        path = tmp_path / f"image{picks_format(format, 3).suffix}"
        picks = Picks(np.array([[1.0, 2.0, 3.0]]), classes=np.array(["a"]))
        bin1 = Facts((9, 9, 9), None, 4, 2.0)
        if format in ("csv", "dynamo"):
            write_picks(path, picks, format=format, image_name="a.mrc")
            np.testing.assert_array_equal(next(iter(read_picks(path).values())).points, picks.points)
            return
        with pytest.raises(PicksError, match="--pixel-size"):
            write_picks(path, picks, format=format, image_name="a.mrc", facts=bin1)
        write_picks(path, picks, format=format, image_name="a.mrc", facts=Facts((9, 9, 9), 4.0, 4, 2.0))
        with pytest.raises(PicksError, match="--pixel-size"):
            read_picks(path, facts_of=lambda _: bin1)

    def test_picks_without_scores_and_classes(self, tmp_path: Path, format: str) -> None:
        path, facts = tmp_path / f"image{picks_format(format, 3).suffix}", Facts((9, 8, 7), 2.0, 4)
        picks = Picks(np.array([[1.0, 2.0, 3.0]]))
        if format == "challenge":
            with pytest.raises(PicksError, match="--class"):
                write_picks(path, picks, format=format, image_name="a.mrc", facts=facts)
            return
        write_picks(path, picks, format=format, image_name="a.mrc", facts=facts)
        (found,) = read_picks(path, facts_of=lambda _: facts).values()
        assert (found.scores, found.classes) == (None, None)
        np.testing.assert_allclose(found.points, picks.points)

    @settings(max_examples=40, **LOOSE)
    @given(scores=mixed)
    def test_a_score_that_is_missing_stays_so(self, tmp_path: Path, format: str, scores: list[float]) -> None:
        """EMAN2 has no word for that but 0."""
        path, facts = tmp_path / f"image{picks_format(format, 3).suffix}", Facts((9, 8, 7), 2.0, 4)
        given_scores = np.array([*scores, 0.5])
        picks = Picks(np.ones((len(given_scores), 3)), given_scores, np.full(len(given_scores), "a"))
        write_picks(path, picks, format=format, image_name="a.mrc", facts=facts)
        (found,) = read_picks(path, facts_of=lambda _: facts).values()
        if format == "challenge":
            assert found.scores is None
            return
        expected = np.nan_to_num(given_scores) if format in ("eman", "eman-info") else given_scores
        np.testing.assert_array_equal(found.scores, expected)


@pytest.mark.parametrize("format", ["relion5", "eman-info"])
def test_what_is_counted_from_the_centre_needs_the_size(tmp_path: Path, format: str) -> None:
    picks = Picks(np.array([[1.0, 2.0, 3.0]]))
    with pytest.raises(PicksError, match="--images"):
        write_picks(tmp_path / "a", picks, format=format, image_name="a", facts=Facts(None, 2.0, 4))
    write_picks(tmp_path / "a", picks, format=format, image_name="a", facts=Facts((9, 9, 9), 2.0, 4))
    with pytest.raises(PicksError, match="--images"):
        read_picks(tmp_path / "a", facts_of=lambda _: Facts(None, 2.0))


@pytest.mark.parametrize("format", ["eman", "cryolo"])
def test_boxes_need_a_size(tmp_path: Path, format: str) -> None:
    with pytest.raises(PicksError, match="--box-size"):
        write_picks(tmp_path / "a.box", empty_picks(2), format=format, image_name="a.mrc")


def test_unknown_formats_and_those_that_are_only_read(tmp_path: Path) -> None:
    with pytest.raises(PicksError, match="Did you mean 'relion'"):
        write_picks(tmp_path / "a", empty_picks(2), format="relin", image_name="a")
    with pytest.raises(PicksError, match="read but not written"):
        write_picks(tmp_path / "a", empty_picks(2), format="cryoppp", image_name="a")
    with pytest.raises(PicksError, match="Known: challenge"):
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
    "data_particles\nloop_\n_rlnTomoName\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n",
    "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\n",
    "id,experiment,particle_type,x,y,z\n",
    '{"apix_unbin": 2, "boxes_3d": ',
    f"{'1 ' * 25}",
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
        found = read_picks(tmp_path / name, facts_of=lambda _: Facts((50, 100, 200), 2.0), format=format)
    except MotesError:
        return
    assert all(np.isfinite(picks.points).all() for picks in found.values())


@settings(max_examples=40, **LOOSE)
@given(name=names)
@example(name="#1.mrc")
def test_names_come_back_through_tables_and_indexes(tmp_path: Path, name: str) -> None:
    picks = Picks(np.array([[4.0, 9.0]]))
    write_picks(tmp_path / "a.csv", picks, format="csv", image_name=name)
    assert list(read_picks(tmp_path / "a.csv")) == [name]
    write_picks(tmp_path / "a.txt", picks, format="topaz", image_name=name)
    assert list(read_picks(tmp_path / "a.txt")) == [without_image_suffix(name)]
    write_picks(tmp_path / "a_autopick.star", picks, format="relion", image_name=name)
    index, joined = write_index(tmp_path, [(name, "a_autopick.star")], "relion")
    assert list(read_picks(index)) == [name]
    assert list(read_picks(joined)) == [name]


@settings(max_examples=40, **LOOSE)
@given(values=st.lists(st.from_regex(r"[0-9]{1,25}", fullmatch=True), min_size=1, max_size=5))
def test_whole_numbers_and_codes_in_further_columns_come_back(tmp_path: Path, values: list[str]) -> None:
    columns = {f"rlnCoordinate{axis}": ["1"] * len(values) for axis in "XYZ"} | {"rlnImageUid": values}
    (tmp_path / "a.star").write_text(star.format_table("particles", columns))
    ((_, picks),) = read_picks(tmp_path / "a.star").items()
    write_picks(tmp_path / "b.star", picks, format="relion4", image_name="a.mrc", facts=Facts(None, 1.0))
    write_picks(tmp_path / "b.csv", picks, format="csv", image_name="a.mrc")
    again = star.read_tables((tmp_path / "b.star").read_text(), tmp_path / "b.star")["particles"]
    assert again["rlnImageUid"] == values
    with (tmp_path / "b.csv").open(encoding="utf-8", newline="") as table:
        assert [row["rlnImageUid"] for row in csv.DictReader(table)] == values


@settings(max_examples=40, **LOOSE)
@given(values=st.lists(st.floats(), min_size=1, max_size=5))
def test_numbers_in_further_columns_stay_numbers(tmp_path: Path, values: list[float]) -> None:
    picks = Picks(np.ones((len(values), 2)), extra={"psi": np.array(values)})
    write_picks(tmp_path / "a.csv", picks, format="csv", image_name="a.mrc")
    found = read_picks(tmp_path / "a.csv")["a.mrc"].extra["psi"]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values)


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
