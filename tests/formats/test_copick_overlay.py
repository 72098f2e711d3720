from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from copick_project import OBJECTS, RUNS, SIZE, changed, made_project, save_picks
from motes.errors import InputError, OutputError, PicksError, UnitError
from motes.formats.copick import (
    CopickObject,
    list_picks,
    read_config,
    read_picks_file,
    runs,
    tomogram_file,
)
from motes.formats.copick_overlay import (
    Overlay,
    check_run_names,
    renamed,
    run_name,
    write_into_project,
    write_overlay,
    write_overlay_config,
)
from motes.formats.ome_zarr import write_ome_zarr
from motes.picks import Picks, empty_picks

POINTS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5], [7.0, 8.0, 9.0]])
TWO = Picks(POINTS, np.array([0.9, 0.8, 0.7]), np.array(["ribosome", "apo-ferritin", "ribosome"]))


def files_below(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


class TestOverlay:
    def test_each_class_has_a_file_in_every_run(self, tmp_path: Path) -> None:
        overlay = Overlay(tmp_path, ("ribosome", "apo-ferritin", "virus"), session="2")
        files = overlay.write("A/TS_1.mrc", TWO, SIZE)
        folder = tmp_path / "ExperimentRuns" / "A-TS_1" / "Picks"
        assert files == [folder / f"motes_2_{name}.json" for name in ("ribosome", "apo-ferritin", "virus")]
        assert files == overlay.files("A/TS_1.mrc")
        assert overlay.has("A/TS_1.mrc")
        ribosomes, _, viruses = map(read_picks_file, files)
        np.testing.assert_allclose(ribosomes.points(SIZE), POINTS[[0, 2]])
        np.testing.assert_array_equal(ribosomes.scores, [0.9, 0.7])
        assert (ribosomes.run, len(viruses.centres)) == ("A-TS_1", 0)
        files[2].unlink()
        assert not overlay.has("A/TS_1.mrc")

    def test_picks_of_one_class_carry_no_name(self, tmp_path: Path) -> None:
        (file,) = Overlay(tmp_path, ("ribosome",)).write("TS_1", Picks(POINTS), SIZE)
        assert file.name == "motes_0_ribosome.json"
        assert len(read_picks_file(file).centres) == 3

    def test_two_classes_that_copick_would_call_the_same(self, tmp_path: Path) -> None:
        with pytest.raises(PicksError, match=r"a_b and a-b .* called 'a-b' in copick"):
            Overlay(tmp_path, ("a_b", "a-b")).write("t", empty_picks(3), SIZE)
        assert files_below(tmp_path) == {}

    def test_without_a_voxel_size_and_in_micrographs_nothing_is_written(self, tmp_path: Path) -> None:
        with pytest.raises(UnitError, match="--pixel-size"):
            Overlay(tmp_path).write("TS_1", TWO, None)
        with pytest.raises(PicksError, match="these are 2D"):
            Overlay(tmp_path).write("TS_1", empty_picks(2), SIZE)
        assert files_below(tmp_path) == {}

    def test_its_config_keeps_the_objects_of_the_project(self, tmp_path: Path) -> None:
        project = read_config(made_project(tmp_path / "project"))
        config = write_overlay_config(tmp_path / "picked", {"ribosome": 99.0, "new_one": 40.0}, project)
        found = read_config(config)
        assert found.objects[:3] == OBJECTS
        assert (found.objects[3].name, found.objects[3].label, found.objects[3].radius) == (
            "new-one",
            4,
            40.0,
        )
        assert found.static_root == project.static_root
        assert found.overlay_root == tmp_path / "picked"

    def test_images_from_elsewhere_need_no_project(self, tmp_path: Path) -> None:
        found = read_config(write_overlay_config(tmp_path, {"a": None, "b": 5.0}))
        assert [(each.name, each.label, each.radius) for each in found.objects] == [
            ("a", 1, None),
            ("b", 2, 5.0),
        ]
        assert (found.static_root, found.overlay_root) == (None, tmp_path)


class TestFolder:
    def test_picks_and_config_are_a_project(self, tmp_path: Path) -> None:
        sized = replace(TWO, diameters=np.array([30.0, 12.0, 30.0]))
        sizes = {"A/t.mrc": 10.0, "u.mrc": 5.0}
        files = write_overlay(tmp_path, {"A/t.mrc": sized, "u.mrc": empty_picks(3)}, sizes.__getitem__)
        assert len(files) == 4  # an image without picks has the same files
        project = read_config(tmp_path / "config.json")
        assert runs(project) == ["A-t", "u"]
        assert {each.name: each.radius for each in project.objects} == {
            "apo-ferritin": 60.0,
            "ribosome": 150.0,
        }
        (found,) = [each for each in list_picks(project, "A-t") if each.object_name == "ribosome"]
        np.testing.assert_allclose(read_picks_file(found.path).points(10.0), POINTS[[0, 2]])

    def test_picks_without_a_class_take_the_name_that_is_given(self, tmp_path: Path) -> None:
        files = write_overlay(tmp_path, {"t": Picks(POINTS)}, lambda _: 10.0, session="7", unnamed="virus")
        assert [file.name for file in files] == ["motes_7_virus.json"]
        assert [each.name for each in read_config(tmp_path / "config.json").objects] == ["virus"]

    def test_without_a_voxel_size_it_is_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(UnitError, match="--pixel-size"):
            write_overlay(tmp_path, {"t": Picks(POINTS)}, lambda _: None)


@pytest.mark.parametrize(
    ("image", "run"),
    [
        ("TS_6_4", "TS_6_4"),
        ("a/b/t.1.mrc", "a-b-t.1"),
        ("t.zarr", "t"),
        ("/x/t.rec", "x-t"),
        ("../t.mrc", "t"),
    ],
)
def test_the_run_of_an_image(image: str, run: str) -> None:
    assert run_name(image) == run


def test_names_that_change_are_told() -> None:
    assert renamed(["ribosome", "TS-1"]) == []
    (note,) = renamed(["ribosome", "apo_ferritin"])
    assert "apo_ferritin is called apo-ferritin in copick" in note


def test_two_images_of_one_run() -> None:
    with pytest.raises(OutputError, match=r"a/t.mrc and a-t.mrc would both be the run a-t"):
        check_run_names(["a/t.mrc", "a-t.mrc"])


class TestIntoProject:
    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        return made_project(tmp_path)

    def test_nothing_else_is_touched(self, config: Path) -> None:
        before = files_below(config.parent)
        files = write_into_project(read_config(config), {"TS_5_4": TWO}, lambda _: None, session="3")
        after = files_below(config.parent)
        assert {name: after[name] for name in before} == before
        assert sorted(after.keys() - before.keys()) == sorted(
            str(f.relative_to(config.parent)) for f in files
        )
        assert [file.name for file in files] == ["motes_3_ribosome.json", "motes_3_apo-ferritin.json"]
        np.testing.assert_allclose(read_picks_file(files[0]).points(SIZE), POINTS[[0, 2]], atol=1e-12)

    def test_the_voxel_size_given_counts_before_the_tomograms(self, config: Path) -> None:
        (file, _) = write_into_project(read_config(config), {"TS_5_4": TWO}, lambda _: 5.0)
        np.testing.assert_allclose(read_picks_file(file).centres[0], (POINTS[0] + 0.5) * 5)

    def test_files_that_are_there_stay_unless_it_is_said(self, config: Path) -> None:
        project = read_config(config)
        save_picks(config.parent / "overlay", "TS_6_4", "ribosome", POINTS[:1], user="motes")
        before = files_below(config.parent)
        both = dict.fromkeys(RUNS, TWO)
        with pytest.raises(OutputError, match=r"motes_0_ribosome.json is there already .*--overwrite"):
            write_into_project(project, both, lambda _: None)
        assert files_below(config.parent) == before
        assert len(write_into_project(project, both, lambda _: None, overwrite=True)) == 4

    def test_no_earlier_picks_of_a_class_are_left_behind(self, config: Path) -> None:
        project = read_config(config)
        write_into_project(project, {"TS_6_4": TWO}, lambda _: None)
        again = {"TS_6_4": TWO.select([0, 2])}  # no apo-ferritin is sure enough any more
        files = write_into_project(
            project, again, lambda _: None, overwrite=True, classes=["apo-ferritin", "ribosome"]
        )
        found = {read_picks_file(file).object_name: len(read_picks_file(file).centres) for file in files}
        assert found == {"ribosome": 2, "apo-ferritin": 0}

    def test_a_run_in_which_nothing_was_picked_says_so(self, config: Path) -> None:
        picks = dict(zip(RUNS, (TWO, empty_picks(3)), strict=True))
        files = write_into_project(read_config(config), picks, lambda _: None)
        assert [len(read_picks_file(file).centres) for file in files] == [2, 1, 0, 0]
        alone = write_into_project(
            read_config(config), {RUNS[0]: empty_picks(3)}, lambda _: None, session="4", classes=["ribosome"]
        )
        assert [file.name for file in alone] == ["motes_4_ribosome.json"]

    def test_picks_without_a_class_need_one_object(self, config: Path) -> None:
        plain = {"TS_5_4": Picks(POINTS)}
        with pytest.raises(
            PicksError, match=r"name no class, and .* several objects \(ribosome, apo-ferritin\)"
        ):
            write_into_project(read_config(config), plain, lambda _: None)
        (file,) = write_into_project(read_config(config), plain, lambda _: None, unnamed="apo-ferritin")
        assert file.name == "motes_0_apo-ferritin.json"
        one = changed(config, pickable_objects=[{"name": "ribosome", "is_particle": True}])
        (file,) = write_into_project(read_config(one), {"TS_5_4": empty_picks(3)}, lambda _: None)
        assert file.name == "motes_0_ribosome.json"

    @pytest.mark.parametrize(
        ("picks", "words"),
        [
            ({"TS_5_5": TWO}, r"has no run 'TS_5_5'. Did you mean 'TS_5_4'"),
            (
                {"TS_5_4": Picks(POINTS, classes=np.full(3, "ribosom"))},
                r"no object 'ribosom'. Did you mean 'ribosome'",
            ),
        ],
    )
    def test_what_the_project_has_not(self, config: Path, picks: dict[str, Picks], words: str) -> None:
        with pytest.raises(InputError, match=words):
            write_into_project(read_config(config), picks, lambda _: None)

    def test_two_voxel_sizes_are_one_too_many(self, config: Path) -> None:
        write_ome_zarr(
            tomogram_file(config.parent / "static", "TS_5_4", "raw", 5.0), np.zeros((4, 4, 4)), 5.0
        )
        with pytest.raises(InputError, match=r"which voxel size its picks have .* 5, 10.0124 A"):
            write_into_project(read_config(config), {"TS_5_4": TWO}, lambda _: None)

    def test_without_an_overlay_there_is_no_place(self, config: Path) -> None:
        with pytest.raises(InputError, match="no overlay_root"):
            write_into_project(read_config(changed(config, overlay_root=None)), {}, lambda _: None)

    def test_an_object_is_known_by_its_clean_name(self, config: Path) -> None:
        picks = {"TS_5_4": Picks(POINTS, classes=np.full(3, "apo_ferritin"))}
        (file,) = write_into_project(read_config(config), picks, lambda _: None)
        assert file.name == "motes_0_apo-ferritin.json"
        assert read_picks_file(file).object_name == "apo-ferritin"
        assert CopickObject("apo-ferritin", 2, 60.0) in read_config(config).objects
