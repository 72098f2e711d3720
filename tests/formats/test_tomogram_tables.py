"""The conventions of EMAN2, Dynamo and the challenge for picks in tomograms, in numbers."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from motes.errors import PicksError
from motes.formats.images import image_info, write_image
from motes.formats.picks import Facts, read_picks, write_index, write_picks
from motes.formats.tables import tomogram_name
from motes.picks import Picks

BIN4 = Facts((50, 100, 201), 10.0, 8, 2.5)
TRUE_SIZE = 10.012444


def picks(
    points: list[list[float]], classes: list[str] | None = None, scores: list[float] | None = None
) -> Picks:
    return Picks(
        np.array(points, dtype=float),
        None if scores is None else np.array(scores),
        None if classes is None else np.array(classes),
    )


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("A/rec_TS_01.mrc", "TS_01"),
        ("TS_01_10.00Apx.mrc", "TS_01"),
        ("TS_01_rec.mrc", "TS_01"),
        ("TS_01.tomostar", "TS_01"),
        ("TS_01_bin4_info", "TS_01"),
        ("tomo_0404", "tomo_0404"),
        ("TS.1.rec", "TS.1"),
        ("rec_", "rec_"),
    ],
)
def test_the_name_of_a_tilt_series(name: str, bare: str) -> None:
    assert tomogram_name(name) == bare


class TestChallenge:
    def test_a_voxel_spans_from_its_number_to_the_next(self, tmp_path: Path) -> None:
        """The middle of voxel 0 is half a voxel from the corner; the winners' floor and + 0.5 give it back."""
        facts = Facts((184, 630, 630), TRUE_SIZE)
        given = picks([[0, 3, 629], [183, 0, 0]], ["ribosome"] * 2)
        write_picks(tmp_path / "a.csv", given, format="challenge", image_name="T/TS_6_4.mrc", facts=facts)
        header, first, _ = csv.reader((tmp_path / "a.csv").read_text().splitlines())
        assert header == ["id", "experiment", "particle_type", "x", "y", "z"]
        assert first[:3] == ["0", "TS_6_4", "ribosome"]
        angstrom = np.array(first[3:], dtype=float)
        np.testing.assert_allclose(angstrom, np.array([629.5, 3.5, 0.5]) * TRUE_SIZE)
        np.testing.assert_array_equal(np.floor(angstrom / TRUE_SIZE), [629, 3, 0])

    def test_the_first_truth_of_ts_99_9(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text(
            "experiment,particle_type,x,y,z\nTS_99_9,apo-ferritin,6072.464,4038,715.679\n"
        )
        found = read_picks(tmp_path / "a.csv", facts_of=lambda _: Facts(None, TRUE_SIZE))["TS_99_9"]
        np.testing.assert_allclose(found.points[0], [70.97895, 402.79814, 605.99168], atol=1e-5)
        assert (found.classes == ["apo-ferritin"]).all()

    def test_each_experiment_has_its_own_voxel_size(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("id,experiment,particle_type,x,y,z\n0,a,r,10,10,10\n1,b,r,10,10,10\n")
        found = read_picks(tmp_path / "a.csv", facts_of=lambda n: Facts(None, {"a": 10.0, "b": 5.0}[str(n)]))
        assert [found[n].points.tolist() for n in "ab"] == [[[0.5] * 3], [[1.5] * 3]]

    def test_ids_run_through_the_submission(self, tmp_path: Path) -> None:
        entries = []
        for name, count in (("a.mrc", 2), ("b.mrc", 0), ("c.mrc", 1)):
            given = picks([[1, 2, 3]] * count, ["r"] * count) if count else Picks(np.zeros((0, 3)))
            write_picks(tmp_path / f"{name}.csv", given, format="challenge", image_name=name, facts=BIN4)
            entries.append((name, str(tmp_path / f"{name}.csv")))
        (joined,) = write_index(tmp_path, entries, "challenge", ndim=3)
        assert joined.name == "submission.csv"
        assert [line.split(",")[:2] for line in joined.read_text().splitlines()[1:]] == [
            ["0", "a"],
            ["1", "a"],
            ["2", "c"],
        ]

    def test_names_of_digits_stay_names(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("id,experiment,particle_type,x,y,z\n0,0012,01,10,10,10\n")
        ((name, found),) = read_picks(tmp_path / "a.csv", facts_of=lambda _: BIN4).items()
        assert (name, list(found.classes), found.extra) == ("0012", ["01"], {})

    def test_tables_that_lack_something(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("x,y,z\n1,2,3\n")
        with pytest.raises(PicksError, match="not a table of the challenge"):
            read_picks(tmp_path / "a.csv", format="challenge")


class TestEman:
    def test_boxes_count_from_voxel_n_over_2(self, tmp_path: Path) -> None:
        """Odd and even sizes: 201 // 2 is 100, 100 // 2 is 50. Voxel 104 is 16 unbinned pixels from voxel 100."""
        path = tmp_path / "TS_01_info.json"
        given = picks([[25, 50, 104.0]], ["ribosome"], [0.5])
        write_picks(path, given, format="eman", image_name="TS_01.hdf", facts=BIN4)
        assert json.loads(path.read_text()) == {
            "apix_unbin": 2.5,
            "class_list": {"0": {"boxsize": 32, "name": "ribosome"}},
            "boxes_3d": [[16.0, 0.0, 0.0, "motes", 0.5, 0]],
        }

    def test_a_pick_without_score_has_0(self, tmp_path: Path) -> None:
        path = tmp_path / "TS_01_info.json"
        given = picks([[1, 2, 3], [4, 5, 6]], scores=[np.nan, 0.5])
        write_picks(path, given, format="eman", image_name="TS_01.hdf", facts=BIN4)
        assert [box[4] for box in json.loads(path.read_text())["boxes_3d"]] == [0.0, 0.5]
        assert len(next(iter(read_picks(path, facts_of=lambda _: BIN4).values()))) == 2

    def test_what_else_eman_knows_of_a_tomogram_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "a_info.json"
        path.write_text('{"apix_unbin": 5.0, "tlt_params": [1, 2], "boxes_3d": [[1, 2, 3, "manual", 0, 7]]}')
        write_picks(path, picks([[25, 50, 104.0]]), format="eman", image_name="a", facts=BIN4)
        info = json.loads(path.read_text())
        assert (info["tlt_params"], info["apix_unbin"]) == ([1, 2], 5.0)
        assert info["boxes_3d"] == [[8.0, 0.0, 0.0, "motes", 0.0, 0]]

    def test_short_boxes_and_classes_without_a_list(self, tmp_path: Path) -> None:
        path = tmp_path / "a_info.json"
        path.write_text('{"apix_unbin": 2.5, "boxes_3d": [[16, 0, 0], [0, 0, 0, "tm", 0.25, 3]]}')
        (found,) = read_picks(path, facts_of=lambda _: BIN4).values()
        np.testing.assert_array_equal(found.points, [[25, 50, 104], [25, 50, 100]])
        assert found.scores.tolist() == [0.0, 0.25]
        assert found.classes.tolist() == ["particles_00", "particles_03"]

    def test_before_2018_boxes_count_voxels(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").write_text('{"boxes_3d": [[16, 5, 4, "manual"]]}')
        assert read_picks(tmp_path / "a.json")[None].points.tolist() == [[4, 5, 16]]

    @pytest.mark.parametrize(
        "text",
        [
            '{"boxes_3d": [[1, 2]]}',
            '{"boxes_3d": [[1, 2, "x"]]}',
            '{"boxes_3d": 4}',
            '{"boxes_3d": [',
            "[]",
            '{"apix_unbin": 0, "boxes_3d": [[1, 2, 3]]}',
            '{"boxes_3d": [[1e999, 2, 3]]}',
        ],
    )
    def test_damaged_files(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a_info.json").write_text(text)
        with pytest.raises(PicksError):
            read_picks(tmp_path / "a_info.json", facts_of=lambda _: BIN4, format="eman-info")

    def test_boxes_need_a_size(self, tmp_path: Path) -> None:
        with pytest.raises(PicksError, match="--box-size"):
            write_picks(
                tmp_path / "a", picks([[1, 2, 3]]), format="eman", image_name="a", facts=Facts((9,) * 3, 2.0)
            )


class TestDynamo:
    def test_layout(self, tmp_path: Path) -> None:
        given = picks([[1, 2, 3.5], [4, 5, 6]], ["ribosome", "apo"], [0.5, 0.25])
        write_picks(tmp_path / "a.tbl", given, format="dynamo", image_name="a.mrc")
        rows = np.loadtxt(tmp_path / "a.tbl")
        assert rows.shape == (2, 35)
        np.testing.assert_array_equal(rows[:, 23:26], [[3.5, 2, 1], [6, 5, 4]])
        np.testing.assert_array_equal(rows[:, [0, 1, 9, 19, 21]], [[1, 1, 0.5, 0, 2], [2, 1, 0.25, 0, 1]])
        assert (tmp_path / "a_classes.doc").read_text() == "1 apo\n2 ribosome\n"

    def test_shifts_move_a_particle_and_angles_stay(self, tmp_path: Path) -> None:
        row = np.zeros(35)
        row[3:9] = [0.5, -1, 2, 30, 40, 50]
        row[23:26] = [10, 20, 30]
        (tmp_path / "a.tbl").write_text(" ".join(map(str, row)) + "\n")
        (found,) = read_picks(tmp_path / "a.tbl").values()
        assert found.points.tolist() == [[32, 19, 10.5]]
        assert {name: values.tolist() for name, values in found.extra.items()} == {
            "tdrot": [30.0],
            "tilt": [40.0],
            "narot": [50.0],
        }
        write_picks(tmp_path / "b.tbl", found, format="dynamo", image_name="a")
        np.testing.assert_array_equal(
            np.loadtxt(tmp_path / "b.tbl")[[3, 4, 5, 6, 7, 8, 23]], [0, 0, 0, 30, 40, 50, 10.5]
        )

    def test_one_table_for_all_tomograms_with_their_names(self, tmp_path: Path) -> None:
        entries = []
        for name, classes in (("A/a b.mrc", ["y"]), ("b.mrc", []), ("c.mrc", ["z", "y"])):
            given = picks([[1, 2, 3]] * len(classes), classes) if classes else Picks(np.zeros((0, 3)))
            path = tmp_path / f"{Path(name).stem}.tbl"
            write_picks(path, given, format="dynamo", image_name=name)
            entries.append((name, str(path)))
        joined, listed, _ = write_index(tmp_path, entries, "dynamo", ndim=3)
        assert listed.read_text() == "1 A/a b.mrc\n2 b.mrc\n3 c.mrc\n"
        found = read_picks(joined)
        assert {name: list(p.classes) for name, p in found.items()} == {
            "A/a b.mrc": ["y"],
            "c.mrc": ["z", "y"],
        }
        np.testing.assert_array_equal(np.loadtxt(joined)[:, 0], [1, 2, 3])
        listed.unlink()
        with pytest.raises(PicksError, match=r"2 tomograms.*particles.doc"):
            read_picks(joined)

    def test_complex_numbers_and_short_rows(self, tmp_path: Path) -> None:
        row = ["0"] * 22 + ["1+2i", "7", "8", "9"]
        (tmp_path / "a.tbl").write_text(" ".join(row))
        assert read_picks(tmp_path / "a.tbl")[None].points.tolist() == [[9, 8, 7]]
        for text in (
            " ".join(row) + "\n1 2 3\n",
            " ".join(row) + "\n" + " ".join([*row, "4"]),
            " ".join([*row[:25], "nan"]),
        ):
            (tmp_path / "a.tbl").write_text(text)
            with pytest.raises(PicksError):
                read_picks(tmp_path / "a.tbl")


@pytest.mark.parametrize("size", [0.0, 1.0, None])
def test_a_header_without_a_voxel_size_does_not_become_one(tmp_path: Path, size: float | None) -> None:
    write_image(tmp_path / "a.mrc", np.zeros((4, 5, 6), np.float32), size or None)
    known = image_info(tmp_path / "a.mrc", 3)
    assert known.pixel_size is None
    with pytest.raises(PicksError, match="--pixel-size"):
        write_picks(
            tmp_path / "a.star",
            picks([[1, 2, 3]]),
            format="relion",
            image_name="a.mrc",
            facts=Facts(known.shape, known.pixel_size),
        )
