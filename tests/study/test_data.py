"""The data of a study: simulated groups, a table of one's own, and the table of each fold."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from motes.data.sources import read_data_rows, read_data_table, write_data_rows
from motes.errors import InputError, OutputError, RecipeError
from motes.formats.images import image_info
from motes.jobs.simulate import WorldsRequest, simulate_worlds
from motes.jobs.telling import Printed, Silent
from motes.output import write_text
from motes.simulate import world_folder
from motes.simulate.worlds import HELD_OUT_STRUCTURES, TRAINING_STRUCTURES, Worlds
from motes.study import data as study_data
from motes.study.data import group_name, grouped, lay_out_data, world_of
from motes.study.data_description import DrawnWorlds, Simulated
from motes.study.description import Study
from motes.study.file import check_study
from motes.study.folder import Folder

WORLD = {"size": 64, "pixel_size": 8, "particles": [2, 3]}


def study(**values: Any) -> Study:
    arms = {"a": None, "b": {"changes": ["net.width=8"]}}
    return check_study(
        {"name": "s", "question": "q", "recipe": "micrographs", "base": "a", "arms": arms, **values}
    )


def simulated(groups: int = 4, **more: Any) -> Simulated:
    return Simulated(groups=groups, images=1, world=WORLD, vary={"diameter": (90, 150)}, **more)


def test_groups_are_simulated_once_with_sizes_of_their_own(tmp_path: Path) -> None:
    described, folder = study(data=simulated().model_dump()), Folder(tmp_path)
    assert lay_out_data(described, None, folder, Silent()) == 1
    rows = read_data_rows(folder.table)
    assert [row["group"] for row in rows] == [group_name(number) for number in range(4)]
    assert len({row["diameter"] for row in rows}) == 4
    assert image_info(Path(rows[0]["image"])).shape == (64, 64)
    made = Path(rows[0]["image"]).stat().st_mtime_ns
    assert lay_out_data(described, None, folder, Silent()) == 1
    assert Path(rows[0]["image"]).stat().st_mtime_ns == made
    parts = [row["split"] for row in read_data_rows(folder.fold(0))]
    assert sorted(parts) == ["test", "test", "train", "validation"]
    assert {source.part for source in read_data_table(folder.fold(0))} == set(parts)


def test_structures_take_turns_and_what_varies_lies_between_its_limits() -> None:
    data = simulated(6, seed=3)
    worlds = [world_of(data, number) for number in range(6)]
    assert worlds[0].structures == worlds[4].structures != worlds[1].structures
    assert all(90 <= world.diameter <= 150 for world in worlds)
    assert worlds == [world_of(data, number) for number in range(6)]
    assert worlds[0] != world_of(simulated(6, seed=4), 0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"vary": {"snr": (0.5, 0.1)}}, "data.vary.snr is .0.5, 0.1.; expected two numbers above 0"),
        ({"world": {"colour": 1}}, "data: colour cannot be 1"),
        ({"world": {"particles": "many"}}, "data: particles cannot be 'many'"),
    ],
)
def test_a_world_that_cannot_be_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        world_of(Simulated.model_validate(more), 0)


@pytest.fixture
def small_worlds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worlds of 128 px, made in this process."""

    @contextmanager
    def threads(_: Worlds) -> Iterator[Executor]:
        with ThreadPoolExecutor(1) as pool:
            yield pool

    def small(request: WorldsRequest, *words: Any, **more: Any) -> list[dict[str, Any]]:
        return simulate_worlds(replace(request, size=128), *words, **more)

    monkeypatch.setattr(world_folder, "world_makers", threads)
    monkeypatch.setattr(study_data, "simulate_worlds", small)


@pytest.mark.usefixtures("small_worlds")
def test_worlds_fall_into_parts_that_share_no_group(tmp_path: Path) -> None:
    described, folder = study(data={"worlds": {"train": 3, "validation": 2, "test": 4}}), Folder(tmp_path)
    assert lay_out_data(described, None, folder, Silent()) == 1
    rows = read_data_rows(folder.fold(0))
    assert [row["split"] for row in rows] == ["train"] * 3 + ["validation"] * 2 + ["test"] * 4
    assert {row["diameter"] for row in rows} == {"22px"}
    groups = {part: {row["group"] for row in rows if row["split"] == part} for part in ("train", "test")}
    assert groups["train"] <= {*TRAINING_STRUCTURES}
    assert groups["test"] <= {*HELD_OUT_STRUCTURES}
    assert all(row["group"].endswith(" (validation)") for row in rows if row["split"] == "validation")
    assert all(Path(row["image"]).is_file() and Path(row["picks"]).is_file() for row in rows)
    hashes = {Path(row["image"]).read_bytes() for row in rows}
    assert len(hashes) == 9
    assert {source.part for source in read_data_table(folder.fold(0))} == {"train", "validation", "test"}
    made = [Path(row["image"]).stat().st_mtime_ns for row in rows]
    lay_out_data(described, None, folder, Silent())
    assert [Path(row["image"]).stat().st_mtime_ns for row in rows] == made


@pytest.mark.usefixtures("small_worlds")
def test_worlds_follow_the_seed_of_the_data(tmp_path: Path) -> None:
    images = []
    for seed in (0, 1):
        data = {"seed": seed, "worlds": {"train": 1, "validation": 1, "test": 1}}
        lay_out_data(study(data=data), None, Folder(tmp_path / str(seed)), Silent())
        rows = read_data_rows(Folder(tmp_path / str(seed)).table)
        images += [Path(row["image"]).read_bytes() for row in rows]
    assert len(set(images)) == 6


@pytest.mark.parametrize("change", [{"train": 0}, {"test": None}, {"more": 1}])
def test_every_part_of_drawn_worlds_has_a_count(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DrawnWorlds.model_validate({"train": 1, "validation": 1, "test": 1} | change)


def table(folder: Path, make: Any, groups: int = 4) -> Path:
    images, picks = make.picked(folder, count=groups)
    rows = [
        {
            "image": str(images / f"{n}.mrc"),
            "picks": str(picks / f"{n}.csv"),
            "group": f"g{n}",
            "diameter": "48",
        }
        for n in range(groups)
    ]
    write_data_rows(folder / "data.csv", rows)
    return folder / "data.csv"


def test_a_table_goes_into_the_folder_with_absolute_paths(tmp_path: Path, make: Any) -> None:
    given, folder = table(tmp_path, make), Folder(tmp_path / "study")
    assert lay_out_data(study(), given, folder, Silent()) == 1
    rows = read_data_rows(folder.table)
    assert all(Path(row["image"]).is_absolute() and Path(row["image"]).is_file() for row in rows)
    assert lay_out_data(study(), given, folder, Silent()) == 1
    less = read_data_rows(given)[:-1]
    write_data_rows(tmp_path / "less.csv", less)
    write_text(folder.plan, "{}")
    with pytest.raises(OutputError, match="began with other data"):
        lay_out_data(study(), tmp_path / "less.csv", folder, Silent())


def test_a_table_may_be_mended_until_the_study_is_planned(tmp_path: Path, make: Any) -> None:
    given, folder = table(tmp_path, make, groups=5), Folder(tmp_path / "study")
    lay_out_data(study(), given, folder, Silent())
    write_text(folder.done("measure/a"), "{}")
    write_data_rows(tmp_path / "less.csv", read_data_rows(given)[:-1])
    lay_out_data(study(), tmp_path / "less.csv", folder, Silent())
    assert not folder.done("measure/a").exists()  # it was measured on other images
    assert len(read_data_rows(folder.table)) == 4


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"picks": "nowhere.csv"}, "row 3 of the table: .*nowhere.csv does not exist; correct the path"),
        ({"image": "nowhere.mrc"}, "row 3 of the table: .*nowhere.mrc does not exist"),
        ({"image": "none/*.mrc"}, "row 3 of the table: .*none/.*does not exist"),
        ({"image": "images"}, "images/.* is of the groups 'g0' and 'g1'; an image is of one group"),
    ],
)
def test_rows_are_looked_at_before_anything_runs(
    tmp_path: Path, make: Any, row: dict[str, str], words: str
) -> None:
    given = table(tmp_path, make)
    rows = read_data_rows(given)
    rows[1] |= {name: str(tmp_path / word) for name, word in row.items()}
    write_data_rows(given, rows)
    with pytest.raises(InputError, match=words):
        lay_out_data(study(), given, Folder(tmp_path / "study"), Silent())


def test_without_data_a_study_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="brings no data; give a table with --data"):
        lay_out_data(study(), None, Folder(tmp_path), Silent())


def test_rows_without_a_group_are_warned_of(
    tmp_path: Path, make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    given = table(tmp_path, make)
    rows = read_data_rows(given)
    rows[0]["group"] = ""
    write_data_rows(given, rows)
    lay_out_data(study(), given, Folder(tmp_path / "study"), Printed())
    said = capsys.readouterr().out
    assert f"warning: 1 of 4 rows in {given} name no group, so each is a group of its own" in said
    assert "fold 0: trains on " in said


def test_a_row_without_a_group_is_one_by_itself() -> None:
    rows = [{"image": "a.mrc", "group": ""}, {"image": "b.mrc", "group": "g"}]
    assert [row["group"] for row in grouped(rows)] == ["a.mrc", "g"]


def test_a_group_in_two_parts_is_refused(tmp_path: Path, make: Any) -> None:
    given = table(tmp_path, make)
    rows = [{**row, "group": "g", "split": "train"} for row in read_data_rows(given)]
    rows[1]["split"] = "test"
    write_data_rows(given, rows)
    with pytest.raises(InputError, match="the group 'g' stands both in train and in test"):
        lay_out_data(study(), given, Folder(tmp_path / "study"), Silent())
