import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copick_project import OBJECTS, POINTS, RUNS, SIZE, changed, made_project, save_picks
from motes.errors import InputError, MotesError, PicksError
from motes.formats import copick
from motes.formats.copick import (
    CopickObject,
    chosen_picks,
    chosen_tomograms,
    clean_name,
    list_picks,
    picks_file,
    read_config,
    read_picks_file,
    runs,
    split_source,
    tomogram,
    tomograms,
    write_config,
    write_picks_file,
)
from motes.formats.copick_picks import parse_picks
from motes.formats.ome_zarr import write_ome_zarr
from motes.formats.picks import Facts, read_picks

coordinates = st.floats(-1e3, 1e4, allow_subnormal=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return made_project(tmp_path)


class TestConfig:
    def test_comes_back(self, config: Path) -> None:
        project = read_config(config)
        assert project.objects == OBJECTS
        assert project.roots == [config.parent / "overlay", config.parent / "static"]
        assert project.particles == ["ribosome", "apo-ferritin"]
        found = json.loads(config.read_text())
        assert found["config_type"] == "filesystem"
        assert found["overlay_root"] == f"local://{config.parent / 'overlay'}"
        assert found["overlay_fs_args"] == {"auto_mkdir": True}

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("static", "{}/static"),
            ("./static/", "{}/static"),
            ("local://static", "{}/static"),
            ("/data/static", "/data/static"),
            ("local:///data/static", "/data/static"),
            ("file:///data/static", "/data/static"),
            (None, None),
        ],
    )
    def test_roots_are_plain_or_local_and_count_from_the_config(
        self, config: Path, written: str | None, expected: str | None
    ) -> None:
        found = read_config(changed(config, static_root=written)).static_root
        assert found == (None if expected is None else Path(expected.format(config.parent)))

    @pytest.mark.parametrize("written", ["s3://bucket/data", "ssh://host/data", "https://a/b"])
    def test_other_places_are_refused(self, config: Path, written: str) -> None:
        with pytest.raises(InputError, match=rf"its files are at {written}; only folders of this machine"):
            read_config(changed(config, overlay_root=written))

    def test_the_data_portal_is_refused(self, config: Path) -> None:
        with pytest.raises(InputError, match="of type cryoet_data_portal; only those in folders"):
            read_config(changed(config, config_type="cryoet_data_portal"))

    @pytest.mark.parametrize(
        "text", ["{", "[]", "{}", '{"pickable_objects": [{}]}', '{"pickable_objects": 3}']
    )
    def test_what_is_no_config_is_named(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(InputError, match=r"c.json: cannot be read as the config of a copick project"):
            read_config(tmp_path / "c.json")

    def test_only_what_is_missing_is_left_to_defaults(self, tmp_path: Path) -> None:
        (tmp_path / "c.json").write_text(
            '{"pickable_objects": [{"name": "a", "label": null, "metadata": null}]}'
        )
        assert read_config(tmp_path / "c.json").objects == (CopickObject("a", 1),)


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("ribosome", "ribosome"),
        ("apo_ferritin", "apo-ferritin"),
        (' a<b>:"/\\|?*c\t', "a-b--------c"),
        ("80S (membrane)", "80S-(membrane)"),
        ("β-amylase.v2", "β-amylase.v2"),
    ],
)
def test_names_without_what_copick_forbids(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def test_a_name_of_which_nothing_is_left() -> None:
    with pytest.raises(InputError, match="needs letters or digits"):
        clean_name("_ _")


class TestPicksFile:
    @given(
        points=st.lists(st.tuples(coordinates, coordinates, coordinates), max_size=8),
        size=st.floats(0.5, 30),
    )
    def test_picks_come_back(
        self, tmp_path_factory: Any, points: list[tuple[float, ...]], size: float
    ) -> None:
        file = tmp_path_factory.mktemp("p") / "a.json"
        table = np.array(points).reshape(-1, 3)
        scores = np.linspace(0, 1, len(table))
        write_picks_file(file, table, size, object_name="a", user="u", session="s", run="TS_1", scores=scores)
        found = read_picks_file(file)
        np.testing.assert_allclose(found.points(size), table, atol=1e-9)
        assert (found.object_name, found.user, found.session, found.run) == ("a", "u", "s", "TS_1")
        assert found.voxel_spacing == size
        assert found.scores is not None
        np.testing.assert_array_equal(found.scores, scores)

    def test_a_voxel_spans_from_its_number_to_the_next(self, tmp_path: Path) -> None:
        """Voxel i holds i s to (i + 1) s, so its centre lies at (i + 0.5) s and floor(location / s) is i."""
        file = save_picks(tmp_path, "R", "a", np.array([[0.0, 7.0, 183.0]]))
        place = json.loads(file.read_text())["points"][0]["location"]
        assert place == pytest.approx({"x": 183.5 * SIZE, "y": 7.5 * SIZE, "z": 0.5 * SIZE})
        assert [int(place[axis] // SIZE) for axis in "zyx"] == [0, 7, 183]

    def test_the_text_is_as_copick_writes_it(self, tmp_path: Path) -> None:
        file = save_picks(tmp_path, "TS_6_4", "ribosome", np.zeros((1, 3)), user="u", scores=np.array([0.25]))
        assert file == tmp_path / "ExperimentRuns" / "TS_6_4" / "Picks" / "u_0_ribosome.json"
        identity = np.eye(4).tolist()
        half = SIZE / 2
        assert file.read_text() == json.dumps(
            {
                "pickable_object_name": "ribosome",
                "user_id": "u",
                "session_id": "0",
                "run_name": "TS_6_4",
                "voxel_spacing": SIZE,
                "unit": "angstrom",
                "points": [
                    {
                        "location": {"x": half, "y": half, "z": half},
                        "transformation_": identity,
                        "instance_id": 0,
                        "score": 0.25,
                    }
                ],
                "trust_orientation": False,
            },
            indent=4,
        )

    def test_the_shift_of_a_transformation_belongs_to_the_centre(self, tmp_path: Path) -> None:
        turned = np.eye(4)
        turned[:3] = [[0, -1, 0, 3.0], [1, 0, 0, -4.0], [0, 0, 1, 5.0]]
        point = {"location": {"x": 100, "y": 200, "z": 300}, "transformation_": turned.tolist()}
        found = parse_picks(tmp_path, json.dumps({"points": [point]}))
        np.testing.assert_array_equal(found.centres, [[305, 196, 103]])
        np.testing.assert_array_equal(found.transforms, [turned])
        file = save_picks(tmp_path, "R", "a", np.array([[1.0, 2.0, 3.0]]), transforms=turned[None])
        np.testing.assert_allclose(read_picks_file(file).points(SIZE), [[1, 2, 3]])
        assert json.loads(file.read_text())["trust_orientation"] is True

    def test_what_real_projects_leave_out(self, tmp_path: Path) -> None:
        """Null spacings, missing scores and null fields, as in the challenge's files."""
        place = {"location": {"x": 5, "y": 5, "z": 15}}
        points = [place, {**place, "score": None, "instance_id": None, "transformation_": None}]
        found = parse_picks(tmp_path, json.dumps({"voxel_spacing": None, "run_name": None, "points": points}))
        np.testing.assert_array_equal(found.points(10), [[1, 0, 0], [1, 0, 0]])
        assert (found.scores, found.voxel_spacing, found.run, found.user) == (None, None, "", "")
        scored = parse_picks(
            tmp_path, json.dumps({"points": [place, {**place, "score": 0.5, "instance_id": 3}]})
        )
        np.testing.assert_array_equal(scored.scores, [np.nan, 0.5])
        np.testing.assert_array_equal(scored.instances, [0, 3])
        assert len(parse_picks(tmp_path, '{"points": null}').centres) == 0

    def test_another_unit_counts(self, tmp_path: Path) -> None:
        text = json.dumps({"unit": "nanometer", "points": [{"location": {"x": 1, "y": 2, "z": 3}}]})
        np.testing.assert_array_equal(parse_picks(tmp_path, text).centres, [[30, 20, 10]])

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{}",
            '{"points": {"a": 1}}',
            '{"points": [], "unit": "pixel"}',
            '{"points": [], "voxel_spacing": "wide"}',
            '{"points": [3]}',
            '{"points": [{"location": {"x": 1, "y": 2}}]}',
            '{"points": [{"location": {"x": 1, "y": 2, "z": NaN}}]}',
            '{"points": [{"location": {"x": 1, "y": 2, "z": 1' + "0" * 400 + "}}]}",
            '{"points": [{"location": {"x": 1, "y": 2, "z": 3}, "transformation_": [[1, 2], [3, 4]]}]}',
            '{"points": [{"location": {"x": 1, "y": 2, "z": 3}, "transformation_": [[1], [3, 4]]}]}',
        ],
    )
    def test_damage_is_named(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(PicksError, match=r"a\.json"):
            read_picks_file(tmp_path / "a.json")

    def test_one_file_is_a_coordinate_file_for_all_that_take_some(self, tmp_path: Path) -> None:
        file = save_picks(tmp_path, "TS_1", "ribosome", POINTS["ribosome"])
        found = read_picks(file, facts_of=lambda _: Facts(pixel_size=SIZE))["TS_1"]
        np.testing.assert_allclose(found.points, POINTS["ribosome"])
        assert found.classes is not None
        assert set(found.classes) == {"ribosome"}
        with pytest.raises(PicksError, match=r"are in Angstrom.*--pixel-size"):
            read_picks(file)


class TestTomograms:
    def test_are_found_by_type_and_spacing(self, config: Path) -> None:
        project = read_config(config)
        assert runs(project) == list(RUNS)
        store = (
            config.parent / "static" / "ExperimentRuns" / "TS_5_4" / "VoxelSpacing10.000" / "denoised.zarr"
        )
        assert tomograms(project, "TS_5_4") == {"denoised@10.0": store}
        for word in ("denoised@10.0", "denoised@10", "denoised@10.000"):
            assert tomogram(project, "TS_5_4", word) == store
        for word in ("denoised@10.01", "wbp@10.0"):
            assert tomogram(project, "TS_5_4", word) is None
        for word in ("denoised", "denoised@ten", "@10"):
            with pytest.raises(InputError, match="names no tomogram"):
                tomogram(project, "TS_5_4", word)

    def test_the_overlay_comes_before_the_static_root(self, config: Path) -> None:
        own = copick.tomogram_file(config.parent / "overlay", "TS_5_4", "denoised", 10.0)
        write_ome_zarr(own, np.zeros((4, 4, 4)), SIZE)
        project = read_config(config)
        found = chosen_tomograms(project, "denoised@10.0")
        assert found["TS_5_4"] == own
        assert found["TS_6_4"].is_relative_to(config.parent / "static")

    def test_the_only_kind_needs_no_name(self, config: Path) -> None:
        project = read_config(config)
        assert chosen_tomograms(project, "") == chosen_tomograms(project, "denoised@10.0")
        write_ome_zarr(
            copick.tomogram_file(config.parent / "overlay", "TS_6_4", "wbp", 10.0), np.zeros((4, 4, 4)), SIZE
        )
        with pytest.raises(
            InputError, match=r"--tomogram. It has 2 runs with the tomograms denoised@10.0, wbp@10.0"
        ):
            chosen_tomograms(project, "")
        assert list(chosen_tomograms(project, "wbp@10")) == ["TS_6_4"]
        with pytest.raises(InputError, match=r"no tomogram raw@10.0 in it; it has 2 runs"):
            chosen_tomograms(project, "raw@10.0")

    def test_features_and_hidden_folders_are_none(self, config: Path) -> None:
        folder = copick.tomogram_file(config.parent / "static", "TS_5_4", "denoised", 10.0).parent
        (folder / "denoised_sam_features.zarr").mkdir()
        (folder / ".1234-denoised.zarr").mkdir()
        (folder.parent / "VoxelSpacingwide").mkdir()
        (folder.parent.parent / ".DS_Store").mkdir()
        assert list(tomograms(read_config(config), "TS_5_4")) == ["denoised@10.0"]
        assert runs(read_config(config)) == list(RUNS)

    def test_the_config_may_list_the_runs(self, config: Path) -> None:
        assert runs(read_config(changed(config, runs=["TS_6_4", "TS_9_9"]))) == ["TS_6_4"]


class TestPicks:
    def test_static_and_overlay_are_merged_and_the_overlay_wins(self, config: Path) -> None:
        own = save_picks(config.parent / "overlay", "TS_5_4", "ribosome", np.zeros((3, 3)))
        save_picks(config.parent / "overlay", "TS_5_4", "ribosome", np.zeros((0, 3)), user="motes")
        known = list_picks(read_config(config), "TS_5_4")
        assert [each.word for each in known] == [
            "apo-ferritin:curation/0",
            "ribosome:curation/0",
            "ribosome:motes/0",
        ]
        assert known[1].path == own

    def test_bare_names_of_the_challenge(self, config: Path) -> None:
        folder = config.parent / "static" / "ExperimentRuns" / "TS_5_4" / "Picks"
        (folder / "curation_0_ribosome.json").rename(folder / "ribosome.json")
        (folder / "apo-ferritin.json").write_text('{"points": []}')
        (folder / "curation_0_apo-ferritin.json").unlink()
        (folder / "not_copick.json").write_text("{}")
        known = list_picks(read_config(config), "TS_5_4")
        assert [each.word for each in known] == ["apo-ferritin:?/?", "ribosome:curation/0"]
        chosen = chosen_picks(changed_project(config, "TS_5_4"), ["*:curation/0"])
        assert [each.object_name for each in chosen["TS_5_4"]] == ["ribosome"]
        chosen = chosen_picks(changed_project(config, "TS_5_4"), ["*"])
        assert [each.object_name for each in chosen["TS_5_4"]] == ["apo-ferritin", "ribosome"]

    def test_words_choose(self, config: Path) -> None:
        save_picks(config.parent / "overlay", "TS_5_4", "ribosome", np.zeros((1, 3)), user="motes")
        save_picks(config.parent / "overlay", "TS_5_4", "membrane", np.zeros((1, 3)))
        project = read_config(config)

        def chosen(*words: str) -> list[str]:
            return [each.word for each in chosen_picks(project, words).get("TS_5_4", [])]

        assert chosen("ribosome:motes/0") == ["ribosome:motes/0"]
        assert chosen("*:curation/0") == ["apo-ferritin:curation/0", "ribosome:curation/0"]
        assert chosen("membrane:curation/0") == ["membrane:curation/0"]
        assert chosen("ribosome:motes", "apo-ferritin") == ["ribosome:motes/0", "apo-ferritin:curation/0"]
        assert chosen("ribosome:motes/0", "ribosome:motes/*") == ["ribosome:motes/0"]
        with pytest.raises(
            InputError, match=r"TS_5_4 has several picks of ribosome, ribosome:curation/0 and"
        ):
            chosen("ribosome")
        with pytest.raises(
            InputError, match=r"no picks virus:curation/0 in it; it has apo-ferritin:curation/0, "
        ):
            chosen("virus:curation/0")
        with pytest.raises(
            InputError, match=r"whose picks is not said.*It has apo-ferritin:curation/0, membrane"
        ):
            chosen()


def changed_project(config: Path, run: str) -> copick.CopickProject:
    """The project with one run only."""
    return read_config(changed(config, runs=[run]))


def test_a_source_is_a_config_and_what_is_chosen_of_it(config: Path, tmp_path: Path) -> None:
    for chosen in ("", "denoised@10.0", "*:curation/0 a:b/c"):
        source = f"{config}@{chosen}" if chosen else str(config)
        assert split_source(source) == (config, chosen)
    (tmp_path / "other.json").write_text("{}")
    for other in ("a.mrc", str(tmp_path / "other.json"), str(tmp_path / "gone.json"), "lab@home.mrc"):
        assert split_source(other) is None
    with pytest.raises(InputError, match=r"gone.json does not exist, so 'a@10' cannot be chosen"):
        split_source(str(tmp_path / "gone.json@a@10"))
    with pytest.raises(InputError, match="is not the config of a copick project"):
        split_source(str(tmp_path / "other.json@a@10"))


def test_a_file_of_picks_takes_any_run_name(tmp_path: Path) -> None:
    assert (
        picks_file(tmp_path, "TS_6_4", "my user", "a_b", "apo_ferritin").name
        == "my-user_a-b_apo-ferritin.json"
    )
    write_config(tmp_path / "c.json", [CopickObject("apo_ferritin", 1)])
    assert [each.name for each in read_config(tmp_path / "c.json").objects] == ["apo-ferritin"]


@given(
    st.text(max_size=40),
    st.sampled_from(["", '{"points": [', '{"pickable_object_name":1,"points":[{"location":']),
)
def test_no_text_raises_anything_but_our_errors(text: str, head: str) -> None:
    with contextlib.suppress(MotesError):
        parse_picks(Path("a.json"), head + text)
