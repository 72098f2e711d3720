import json
from pathlib import Path

import numpy as np
import pytest

from motes.data import collection as module
from motes.data.collection import (
    clean_picks,
    collect,
    inside_image,
    keep_inside,
    load_picks,
    own_threshold,
    read_all_picks,
)
from motes.data.image_list import ImageEntry, find_images
from motes.errors import InputError, PicksError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.picks import AdaptedThreshold, Picks

PIXELS = np.zeros((6, 8), np.float32)


def image(path: Path) -> Path:
    write_image(path, PIXELS, 4.0)
    return path


def names(*sources: Path | str) -> list[str]:
    return [entry.name for entry in find_images([str(source) for source in sources])]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("A/001.mrc", "B/001.mrc", "B/C/x.y.mrc"):
        image(tmp_path / name)
    (tmp_path / "B" / "notes.txt").write_text("not an image")
    image(tmp_path / ".trash" / "old.mrc")
    return tmp_path


def test_folders_files_and_patterns_give_names_below_what_they_share(tree: Path) -> None:
    assert names(tree) == ["A/001.mrc", "B/001.mrc", "B/C/x.y.mrc"]
    assert names(tree / "B") == ["001.mrc", "C/x.y.mrc"]
    assert names(tree / "A", tree / "B") == ["A/001.mrc", "B/001.mrc", "B/C/x.y.mrc"]
    assert names(tree / "A" / "001.mrc", tree / "B" / "001.mrc") == ["A/001.mrc", "B/001.mrc"]
    assert names(f"{tree}/*/001.mrc") == ["A/001.mrc", "B/001.mrc"]
    assert names(f"{tree}/B/0*.mrc") == ["001.mrc"]


def test_an_image_named_twice_is_one(tree: Path) -> None:
    assert names(tree, tree) == names(tree)


def test_a_list_is_echoed_and_found_from_the_folders_above_it(tree: Path) -> None:
    star = tree / "job" / "micrographs.star"
    star.parent.mkdir()
    star.write_text("data_\nloop_\n_rlnMicrographName\n./A/001.mrc\nB/001.mrc\ngone.mrc\n")
    entries = find_images([str(star)])
    assert [entry.name for entry in entries] == ["./A/001.mrc", "B/001.mrc", "gone.mrc"]
    assert [entry.path.exists() for entry in entries] == [True, True, False]


def test_a_stack_is_one_image_for_each_section(tmp_path: Path) -> None:
    write_image(tmp_path / "s.mrcs", np.arange(96, dtype=np.float32).reshape(2, 6, 8), 4.0)
    entries = find_images([str(tmp_path)])
    assert [entry.name for entry in entries] == ["000001@s.mrcs", "000002@s.mrcs"]
    assert float(entries[1].read().data[0, 0]) == 48


def test_nothing_to_find(tmp_path: Path) -> None:
    for source in ("none.mrc", "none/*.mrc", "."):
        with pytest.raises(InputError, match=r"does not exist|no image found"):
            find_images([str(tmp_path / source)])


@pytest.mark.parametrize(
    ("name", "inside"), [("A/a.mrc", "A/a.mrc"), ("/data/a.mrc", "data/a.mrc"), ("../../a.mrc", "_/_/a.mrc")]
)
def test_output_names_stay_inside(name: str, inside: str) -> None:
    assert ImageEntry(name, Path(name)).output_name == inside


def save(path: Path, image_name: str, points: list[list[float]]) -> None:
    write_picks(path, Picks(np.array(points).reshape(-1, 2)), format="csv", image_name=image_name)


def test_picks_of_a_folder_go_by_the_names_inside_or_of_the_files(tmp_path: Path) -> None:
    save(tmp_path / "p" / "a.csv", "A/a.mrc", [[1, 2]])
    (tmp_path / "p" / "b_autopick.box").write_text("0 0 4 4\n")
    save(tmp_path / "p" / "c.csv", "c.mrc", [])
    assert {name: len(picks) for name, picks in load_picks(str(tmp_path / "p")).picks.items()} == {
        "A/a.mrc": 1,
        "b": 1,
        "c": 0,
    }


def test_a_damaged_file_is_a_problem_of_its_own(tmp_path: Path) -> None:
    save(tmp_path / "p" / "a.csv", "a.mrc", [[1, 2]])
    (tmp_path / "p" / "b.csv").write_text("x,y\n1,two\n")
    loaded = read_all_picks(str(tmp_path / "p"))
    assert list(loaded.picks) == ["a.mrc"]
    assert "'two'" in loaded.problems["b.csv"]
    with pytest.raises(PicksError, match=r"'two'.*1 of the files"):
        load_picks(str(tmp_path / "p"))
    for name in ("a.mrc", "b.mrc"):
        image(tmp_path / "images" / name)
    collection = collect([str(tmp_path / "images")], str(tmp_path / "p"))
    assert list(collection.picks) == ["a.mrc"]
    assert list(collection.problems) == ["b.csv"]
    assert any("'two'" in note for note in collection.notes)


def test_picks_of_an_image_in_two_files_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.csv", "a.mrc", [[1, 2]])
    save(tmp_path / "again.csv", "a.mrc", [[1, 2]])
    with pytest.raises(PicksError, match=r"picks of a.mrc stand in two files"):
        load_picks(str(tmp_path))


def test_an_index_beside_its_files_is_not_read_twice(tmp_path: Path) -> None:
    save(tmp_path / "a.csv", "a.mrc", [[1, 2]])
    (tmp_path / "picks.csv").write_text((tmp_path / "a.csv").read_text())
    assert list(load_picks(str(tmp_path)).picks) == ["a.mrc"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.txt", "made by hand\n"),
        ("class_averages.star", "data_\nloop_\n_rlnReferenceImage #1\n000001@averages.mrcs\n"),
        ("optimisation_set.star", "data_\n_rlnTomoParticlesFile particles.star\n"),
    ],
)
def test_a_table_of_all_picks_counts_where_nothing_else_holds_any(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / "particles.star").write_text(
        "data_particles\nloop_\n_rlnMicrographName\n_rlnCoordinateX\n_rlnCoordinateY\na.mrc 1 2\nb.mrc 3 4\n"
    )
    (tmp_path / name).write_text(content)
    loaded = load_picks(str(tmp_path))
    assert list(loaded.picks) == ["a.mrc", "b.mrc"]
    assert len(loaded.notes) == 1
    assert name in loaded.notes[0]


def test_a_star_file_of_particles_is_known_however_much_stands_before_them(tmp_path: Path) -> None:
    groups = "".join(f"{number} opticsGroup{number}\n" for number in range(6000))
    (tmp_path / "a.star").write_text(
        f"data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n{groups}\n"
        "data_particles\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n"
    )
    assert list(load_picks(str(tmp_path)).picks) == ["a"]


def test_images_that_differ_in_their_extension_only_may_both_be_empty(tmp_path: Path) -> None:
    for name in ("x.mrc", "x.tif"):
        image(tmp_path / "images" / name)
        save(tmp_path / "p" / f"{name}.csv", name, [])
    assert list(collect([str(tmp_path / "images")], str(tmp_path / "p")).picks) == ["x.mrc", "x.tif"]


def test_the_threshold_of_a_picking_job(tmp_path: Path) -> None:
    assert own_threshold(str(tmp_path)) is None
    (tmp_path / "picks").mkdir()
    (tmp_path / "settings.json").write_text(json.dumps({"threshold": 0.3}))
    assert own_threshold(str(tmp_path)) == 0.3
    assert own_threshold(str(tmp_path / "picks")) == 0.3  # the folder that people see the picks in
    (tmp_path / "settings.json").write_text(json.dumps({"threshold": None, "adaptive": [0.3, 0.8]}))
    assert own_threshold(str(tmp_path)) == AdaptedThreshold(0.3, 0.8)
    for damaged in ("{}", "[]", '{"threshold": null}', '{"adaptive": [1]}'):
        (tmp_path / "settings.json").write_text(damaged)
        with pytest.raises(PicksError, match="--threshold"):
            own_threshold(str(tmp_path))


def test_the_rim_of_the_outermost_pixels_is_inside() -> None:
    points = np.array([[-0.5, 0], [5.5, 7.5], [-0.51, 0], [0, 7.51]])
    assert inside_image(points, (6, 8)).tolist() == [True, True, False, False]


def test_cleaning_keeps_order_and_columns() -> None:
    points = np.array(
        [[3.0, 1], [0, 0], [3, 1], [1, 1], [2, 2], [4, 4], [5, 5], [9, 9], *[[0, c] for c in range(1, 8)]]
    )
    picks = Picks(points, np.arange(len(points), dtype=float))
    kept, notes = clean_picks(picks, (6, 8), "a.mrc")
    assert kept.scores is not None
    assert kept.scores.tolist() == [0, 1, 3, 4, 5, 6, *range(8, 15)]
    assert notes == ["a.mrc: 1 picks outside the image left out", "a.mrc: 1 repeated picks left out"]
    with pytest.raises(PicksError, match=r"8 x 6 px, x first"):
        clean_picks(Picks(points * 2), (6, 8), "a.mrc")


def test_repeated_picks_may_stay() -> None:
    kept, notes = keep_inside(Picks(np.array([[3.0, 1], [3, 1], [6, 1]])), (6, 8), "a.mrc")
    assert kept.points.tolist() == [[3, 1], [3, 1]]
    assert notes == ["a.mrc: 1 picks outside the image left out"]


@pytest.fixture
def two_images(tmp_path: Path) -> str:
    for name in ("a.mrc", "b.mrc"):
        image(tmp_path / "images" / name)
    return str(tmp_path / "images")


def test_scores_of_other_programs_cut_nothing(tmp_path: Path, two_images: str) -> None:
    (tmp_path / "a.txt").write_text(
        "image_name\tx_coord\ty_coord\tscore\na\t1\t2\t-3.5\na\t3\t4\t-999\na\t5\t1\tnan\na\t2\t2\t1.5\n"
    )
    picks = collect([two_images], str(tmp_path / "a.txt")).picks["a.mrc"]
    assert picks.points[:, 1].tolist() == [1, 3, 5, 2]


def test_candidates_are_taken_on_request_only(tmp_path: Path, two_images: str) -> None:
    picks = Picks(np.array([[1.0, 2], [3, 4]]), np.array([0.9, 0.1]))
    write_picks(tmp_path / "job" / "picks" / "a.csv", picks, format="csv", image_name="a.mrc")
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": 0.5}))
    assert len(collect([two_images], str(tmp_path / "job")).picks["a.mrc"]) == 1
    assert len(collect([two_images], str(tmp_path / "job"), candidates=True).picks["a.mrc"]) == 2


@pytest.mark.parametrize("name", ["README.txt", "times.csv", "notes.star", "log.tsv"])
def test_other_files_beside_the_picks_are_passed_over_with_a_note(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("made, by hand\nin, 2019\n")
    with pytest.raises(PicksError, match=f"no coordinate file found.*{name}"):
        load_picks(str(tmp_path))
    save(tmp_path / "a.csv", "a.mrc", [[1, 2]])
    loaded = load_picks(str(tmp_path))
    assert list(loaded.picks) == ["a.mrc"]
    assert len(loaded.notes) == 1
    assert name in loaded.notes[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.csv", b""),
        ("b.csv", bytes(9)),
        ("b.box", b"1 2\n"),
        ("b.star", b"data_\nloop_\n_rlnCoordinateX\n1\n"),
        ("b.star", b"data_\nloop_\n_rlnCoord"),
        ("b_autopick.star", b"data_\nloop_\n_rlnMicrographName\na.mrc\n"),
    ],
)
def test_damaged_coordinates_are_not_taken_for_something_else(
    tmp_path: Path, name: str, content: bytes
) -> None:
    save(tmp_path / "a.csv", "a.mrc", [[1, 2]])
    (tmp_path / name).write_bytes(content)
    assert list(read_all_picks(str(tmp_path)).problems) == [name]


def test_a_damaged_file_of_an_index_costs_the_others_nothing(tmp_path: Path, two_images: str) -> None:
    job = tmp_path / "job"
    job.mkdir()
    (job / "a.star").write_text("data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n1 2\n")
    (job / "b.star").write_text("data_\nloop_\n_rlnCoordinateX\n1\n")
    rows = f"a.mrc {job}/a.star\nb.mrc {job}/b.star\nc.mrc {job}/gone.star\n"
    index = job / "autopick.star"
    index.write_text(f"data_\nloop_\n_rlnMicrographName\n_rlnMicrographCoordinates\n{rows}")
    for source in (job, index):
        found = collect([two_images], str(source))
        assert list(found.picks) == ["a.mrc"]
        assert list(found.problems) == ["b.mrc", "c.mrc"]
        assert "rlnCoordinateY" in found.problems["b.mrc"]
        with pytest.raises(PicksError, match="2 of the files"):
            load_picks(str(source))


def test_a_damaged_image_costs_only_the_picks_that_need_its_height(tmp_path: Path, two_images: str) -> None:
    for name in ("a", "b"):
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / f"{name}.csv").write_text("X-Coordinate,Y-Coordinate\n1,2\n")
    Path(two_images, "b.mrc").write_bytes(b"")
    loaded = read_all_picks(str(tmp_path / "p"), find_images([two_images]))
    assert loaded.picks["a"].points.tolist() == [[3, 1]]
    assert list(loaded.problems) == ["b.csv"]


def test_heights_are_found_without_going_through_all_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def counted(images, keys, ndim):
        seen.append(len(images))
        return pair(images, keys, ndim)

    pair = module.pair
    monkeypatch.setattr(module, "pair", counted)
    image(tmp_path / "i" / "0.mrc")
    entries = [ImageEntry(f"{n}.mrc", tmp_path / "i" / "0.mrc") for n in range(30)]
    (tmp_path / "p").mkdir()
    for n in range(30):
        (tmp_path / "p" / f"{n}.csv").write_text("X-Coordinate,Y-Coordinate\n1,2\n")
    assert len(read_all_picks(str(tmp_path / "p"), entries).picks) == 30
    assert sum(seen) == 30


def test_a_threshold_of_its_own_counts_under_whatever_name_the_image_is_listed(tmp_path: Path) -> None:
    for name, scores in (("a.mrc", [0.9, 0.9, 0.35]), ("b.mrc", [0.5, 0.5, 0.35])):
        image(tmp_path / "project" / "Micrographs" / name)
        points = np.array([[0.0, 1], [2, 3], [4, 5]])
        write_picks(
            tmp_path / "job" / "picks" / f"{name}.csv",
            Picks(points, np.array(scores)),
            format="csv",
            image_name=name,
        )
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": None, "adaptive": [0.2, 0.8]}))
    found = collect([str(tmp_path / "project")], str(tmp_path / "job"))
    assert {name: len(picks) for name, picks in found.picks.items()} == {
        "Micrographs/a.mrc": 2,
        "Micrographs/b.mrc": 3,
    }
