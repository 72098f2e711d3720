"""Half voxels, centres and shifts of RELION's particles in tomograms, in numbers."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from motes.errors import PicksError
from motes.formats import star
from motes.formats.picks import Facts, read_picks, write_index, write_picks
from motes.formats.relion import list_index, read_listed
from motes.picks import Picks, empty_picks

BIN4 = Facts((50, 100, 201), 10.0, None, 2.5)  # a tomogram of 201 x 100 x 50 voxels, binned four times
CENTRED = [f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]
PLAIN = [f"rlnCoordinate{axis}" for axis in "XYZ"]
LOOSE = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


def one(path: Path, facts: Facts = BIN4) -> Picks:
    (picks,) = read_picks(path, facts_of=lambda _: facts).values()
    return picks


def table(path: Path, block: str = "particles") -> star.Table:
    return star.read_tables(path.read_text(), path)[block]


def row(path: Path, *tags: str) -> list[float]:
    return [float(table(path)[tag][0]) for tag in tags]


def of(tags: list[str], *values: str) -> dict[str, list[str]]:
    return {tag: list(values) for tag in tags}


def put(path: Path, columns: dict[str, list[str]], optics: dict[str, list[str]] | None = None) -> Path:
    text = star.format_table("optics", optics) if optics else ""
    path.write_text(text + star.format_table("particles", columns))
    return path


@pytest.mark.parametrize("voxel", [0.0, 1.0, 25.0])
def test_voxel_0_stays_at_0_under_binning(tmp_path: Path, voxel: float) -> None:
    picks = Picks(np.array([[voxel, 7.0, 9.5]]))
    write_picks(tmp_path / "a.star", picks, format="relion4", image_name="a.mrc", facts=BIN4)
    assert row(tmp_path / "a.star", *PLAIN) == [38, 28, 4 * voxel]


@pytest.mark.parametrize(("centre", "x"), [("relion", -1005.0), ("relion-python", -1002.5)])
def test_the_centre_is_half_the_size_or_a_pixel_of_bin_1_less(tmp_path: Path, centre: str, x: float) -> None:
    facts = Facts(BIN4.shape, 10.0, None, 2.5, centre)
    picks = Picks(np.array([[25.0, 50.0, 0.0]]))  # z and y at half the size
    write_picks(tmp_path / "a.star", picks, format="relion", image_name="a.mrc", facts=facts)
    assert row(tmp_path / "a.star", *CENTRED) == [x, x + 1005, x + 1005]
    bin1 = (np.array([0.0, 200.0, 100.0]) - (np.array([804, 400, 200]) / 2 - (centre != "relion"))) * 2.5
    np.testing.assert_allclose(row(tmp_path / "a.star", *CENTRED), bin1)
    np.testing.assert_allclose(one(tmp_path / "a.star", facts).points, picks.points)


def test_the_true_voxel_size_counts_not_a_round_one(tmp_path: Path) -> None:
    facts = Facts((184, 630, 630), 10.012444)
    write_picks(
        tmp_path / "a.star", Picks(np.array([[0.0, 0, 629]])), format="relion", image_name="a", facts=facts
    )
    assert row(tmp_path / "a.star", CENTRED[0]) == [pytest.approx(314 * 10.012444)]


def test_layout_of_a_tomogram(tmp_path: Path) -> None:
    picks = Picks(
        np.array([[25.0, 50, 0.5]]),
        np.array([0.75]),
        np.array(["virus-like particle"]),
        np.array([12.0]),
        {"rlnAngleRot": np.array([30.0]), "box_y0": np.array([4.0]), "rlnOriginXAngst": np.array([3.0])},
    )
    write_picks(tmp_path / "a.star", picks, format="relion", image_name="T/rec_TS_01.mrc", facts=BIN4)
    lines = [line for line in (tmp_path / "a.star").read_text().splitlines() if line]
    assert lines == [
        "# version 30001",
        "data_particles",
        "loop_",
        "_rlnTomoName #1",
        "_rlnCenteredCoordinateXAngst #2",
        "_rlnCenteredCoordinateYAngst #3",
        "_rlnCenteredCoordinateZAngst #4",
        "_rlnAutopickFigureOfMerit #5",
        "_motesClassName #6",
        "_rlnTomoTiltSeriesPixelSize #7",
        "_rlnAngleRot #8",
        "TS_01\t-1000\t0\t0\t0.75\t'virus-like particle'\t2.5\t30",
    ]
    assert one(tmp_path / "a.star").extra["rlnAngleRot"].tolist() == [30.0]


def test_relion_5_coordinates_count_where_both_are_there(tmp_path: Path) -> None:
    columns = {"rlnTomoName": ["a"]} | of(PLAIN, "7") | of(CENTRED, "0")
    np.testing.assert_array_equal(one(put(tmp_path / "a.star", columns)).points, [[25, 50, 100.5]])


def test_each_optics_group_has_its_pixel_size(tmp_path: Path) -> None:
    optics = {"rlnOpticsGroup": ["1", "2"], "rlnTomoTiltSeriesPixelSize": ["2.5", "5"]}
    columns = {"rlnTomoName": ["a", "b"], "rlnOpticsGroup": ["2", "1"]} | of(PLAIN, "20", "20")
    path = put(tmp_path / "a.star", columns, optics)
    found = read_picks(path, facts_of=lambda _: Facts((50, 50, 50), 10.0))
    assert {name: picks.points.tolist() for name, picks in found.items()} == {
        "a": [[10.0] * 3],
        "b": [[5.0] * 3],
    }
    told = read_picks(
        path, facts_of=lambda _: Facts((50, 50, 50), 10.0, None, 10.0)
    )  # the option counts first
    assert told["a"].points.tolist() == [[20.0] * 3]


def test_a_binning_that_nothing_tells_is_1_unless_that_cannot_be(tmp_path: Path) -> None:
    near = put(tmp_path / "a.star", {"rlnTomoName": ["a"] * 3} | of(PLAIN, "40", "40", "40"))
    assert one(near, Facts((50, 50, 50), 10.0)).points.tolist() == [[40.0] * 3] * 3
    assert len(read_picks(near)["a"]) == 3
    with pytest.raises(PicksError, match=r"3 of 3 picks lie outside.*--tilt-series-pixel-size"):
        one(near, Facts((30, 30, 30), 10.0))


def test_a_known_binning_needs_the_size_of_a_voxel(tmp_path: Path) -> None:
    columns = {"rlnTomoName": ["a"], "rlnTomoTiltSeriesPixelSize": ["2"]} | of(PLAIN, "40")
    with pytest.raises(PicksError, match="--pixel-size"):
        read_picks(put(tmp_path / "a.star", columns))


@settings(max_examples=30, **LOOSE)
@given(angles=st.tuples(*[st.floats(-180, 180)] * 3), origin=st.tuples(*[st.floats(-50, 50)] * 3))
def test_a_particle_that_was_moved_is_read_at_its_new_place(
    tmp_path: Path, angles: tuple[float, ...], origin: tuple[float, ...]
) -> None:
    """Coordinate - A origin, A being what turns by -psi about z, -tilt about y, -rot about z, one after the other."""
    columns = {"rlnTomoName": ["a"]} | of(CENTRED, "0")
    columns |= {f"rlnOrigin{axis}Angst": [repr(v)] for axis, v in zip("XYZ", origin, strict=True)}
    columns |= {
        f"rlnTomoSubtomogram{n}": [repr(v)] for n, v in zip(("Rot", "Tilt", "Psi"), angles, strict=True)
    }
    found = one(put(tmp_path / "a.star", columns))
    rot, tilt, psi = angles
    a = np.eye(3)
    for axis, angle in (("z", -rot), ("y", -tilt), ("z", -psi)):
        a = Rotation.from_euler(axis, angle, degrees=True).as_matrix() @ a
    expected = np.array([100.5, 50, 25]) - a @ np.array(origin) / 10
    np.testing.assert_allclose(found.points[0, ::-1], expected, atol=1e-9)
    assert set(found.extra) == {"rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi"}


def test_a_quarter_turn_of_a_subtomogram_by_hand(tmp_path: Path) -> None:
    """RELION's matrix of rot 90 takes x to -y: its first column is (cos, -sin, 0)."""
    columns = {"rlnTomoName": ["a"], "rlnTomoSubtomogramRot": ["90"]} | of(PLAIN, "40")
    columns |= {"rlnTomoSubtomogramTilt": ["0"], "rlnTomoSubtomogramPsi": ["0"], "rlnOriginXAngst": ["20"]}
    columns |= {"rlnOriginYAngst": ["0"], "rlnOriginZAngst": ["0"]}
    found = one(put(tmp_path / "a.star", columns), Facts((50, 50, 50), 10.0))
    np.testing.assert_allclose(found.points, [[40, 42, 40]], atol=1e-12)


def test_scores_of_pytom_match_pick_are_scores(tmp_path: Path) -> None:
    columns = {"rlnTomoName": ["a"], "rlnLCCmax": ["0.25"]} | of(CENTRED, "0")
    assert one(put(tmp_path / "a.star", columns)).scores == [0.25]


def test_a_pick_without_score_has_minus_999(tmp_path: Path) -> None:
    given = Picks(np.ones((2, 3)), np.array([np.nan, 0.5]))
    write_picks(tmp_path / "a.star", given, format="relion", image_name="a.mrc", facts=BIN4)
    assert table(tmp_path / "a.star")["rlnAutopickFigureOfMerit"] == ["-999", "0.5"]
    np.testing.assert_array_equal(one(tmp_path / "a.star").scores, given.scores)


def written(folder: Path, classes: bool, sizes: tuple[float | None, ...] = (2.5, 2.5, 2.5)) -> list[Path]:
    entries = []
    for number, size in enumerate(sizes):
        name, count = f"T/rec_TS_{number}.mrc", (3, 2, 0)[number]
        names = np.resize(np.array(["ribosome", "apo ferritin"]), count) if classes else None
        picks = (
            Picks(np.arange(3.0 * count).reshape(count, 3), np.ones(count), names)
            if count
            else empty_picks(3)
        )
        file = folder / "T" / f"rec_TS_{number}.star"
        facts = Facts(BIN4.shape, 10.0, None, size)
        write_picks(file, picks, format="relion", image_name=name, facts=facts)
        entries.append((name, str(file)))
    return write_index(folder, entries, "relion", ndim=3)


def test_what_relion_imports(tmp_path: Path) -> None:
    index, joined = written(tmp_path, classes=False)
    assert index.name == "import_coordinates.star"
    assert table(index, "coordinate_files") == {
        "rlnTomoName": ["TS_0", "TS_1"],  # RELION takes no file without particles
        "rlnTomoImportParticleFile": [str(tmp_path / "T" / f"rec_TS_{n}.star") for n in (0, 1)],
    }
    assert table(joined, "optics") == {
        "rlnOpticsGroup": ["1"],
        "rlnOpticsGroupName": ["opticsGroup1"],
        "rlnTomoTiltSeriesPixelSize": ["2.5"],
    }
    for path in (index, joined):
        found = read_picks(path, facts_of=lambda _: BIN4)
        assert {name: len(picks) for name, picks in found.items()} == {"TS_0": 3, "TS_1": 2}
        np.testing.assert_allclose(found["TS_0"].points, np.arange(9.0).reshape(3, 3))
    listed = list_index(index)
    assert listed is not None
    assert len(read_listed(index, listed["TS_1"], "TS_1", lambda _: BIN4)) == 2


def test_optics_groups_are_one_for_each_pixel_size_and_none_without(tmp_path: Path) -> None:
    joined = written(tmp_path / "a", False, (2.5, 1.25, 2.5))[1]
    assert table(joined, "optics")["rlnTomoTiltSeriesPixelSize"] == ["2.5", "1.25"]
    assert table(joined)["rlnOpticsGroup"] == ["1", "1", "1", "2", "2"]
    joined = written(tmp_path / "b", False, (None, None, None))[1]
    assert "data_optics" not in joined.read_text()


def test_each_class_has_files_of_its_own(tmp_path: Path) -> None:
    files = written(tmp_path, classes=True)
    assert [str(file.relative_to(tmp_path)) for file in files] == [
        "import_coordinates.star",
        "particles.star",
        "apo_ferritin/import_coordinates.star",
        "apo_ferritin/particles.star",
        "ribosome/import_coordinates.star",
        "ribosome/particles.star",
    ]
    found = [read_picks(file, facts_of=lambda _: BIN4) for file in files]
    assert [sum(map(len, each.values())) for each in found] == [5, 5, 2, 2, 3, 3]
    assert set(found[4]["TS_0"].classes) == {"ribosome"}
    first = table(Path(table(files[4], "coordinate_files")["rlnTomoImportParticleFile"][0]))
    assert list(first) == list(table(tmp_path / "T" / "rec_TS_0.star"))


def test_tomograms_of_one_name_and_other_columns_are_refused(tmp_path: Path) -> None:
    picks = Picks(np.ones((1, 3)))
    for folder in "AB":
        write_picks(
            tmp_path / folder / "x.star", picks, format="relion", image_name=f"{folder}/x", facts=BIN4
        )
    entries = [(f"{folder}/x", str(tmp_path / folder / "x.star")) for folder in "AB"]
    with pytest.raises(PicksError, match="both of a tomogram called 'x'"):
        write_index(tmp_path, entries, "relion", ndim=3)
    write_picks(tmp_path / "B/x.star", picks, format="relion4", image_name="B/y", facts=BIN4)
    with pytest.raises(PicksError, match="differ"):
        write_index(tmp_path, entries, "relion", ndim=3)


@pytest.mark.parametrize(
    ("format_name", "classes", "names", "words"),
    [
        ("relion", ["a b", "a_b"], ["x", "y"], "'a b' and 'a_b' would both have the folder a_b"),
        ("challenge", ["a", "a"], ["A/x", "B/x"], "A/x and B/x would both be the experiment 'x'"),
    ],
)
def test_what_would_be_joined_under_one_name_is_refused(
    tmp_path: Path, format_name: str, classes: list[str], names: list[str], words: str
) -> None:
    entries = []
    for number, (kind, name) in enumerate(zip(classes, names, strict=True)):
        file = tmp_path / f"{number}.table"
        one = Picks(np.ones((1, 3)), classes=np.array([kind]))
        write_picks(file, one, format=format_name, image_name=name, facts=BIN4)
        entries.append((name, str(file)))
    with pytest.raises(PicksError, match=words):
        write_index(tmp_path, entries, format_name, ndim=3)


def test_an_index_with_two_files_for_a_tomogram(tmp_path: Path) -> None:
    text = "data_\nloop_\n_rlnTomoName\n_rlnTomoImportParticleFile\nT1 a.star\nT1 b.star\n"
    (tmp_path / "a.star").write_text(text)
    with pytest.raises(PicksError, match="several files for one image"):
        read_picks(tmp_path / "a.star")


@pytest.mark.real
@pytest.mark.skipif("MOTES_REAL_DATA" not in os.environ, reason="MOTES_REAL_DATA is not set")
def test_real_particles_of_relion_4() -> None:
    path = Path(os.environ["MOTES_REAL_DATA"]) / "coordinate_tables_only/chlamy_empiar11830_clathrin.star"
    binned = read_picks(path, facts_of=lambda _: Facts((512, 1024, 1024), 7.84, None, 1.96))["tomo_0404"]
    np.testing.assert_allclose(binned.points[0], np.array([1400.001, 3336.0, 1491.999]) / 4)
    assert "rlnAngleRot" in binned.extra
