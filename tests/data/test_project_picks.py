from pathlib import Path

import numpy as np
import pytest

from copick_project import POINTS, RUNS, SHAPE, SIZE, changed, made_project, save_picks
from motes.data.collection import collect, load_picks, read_all_picks
from motes.data.image_list import find_images
from motes.errors import InputError, PicksError
from motes.formats.ome_zarr import write_ome_zarr
from motes.formats.tables import Facts


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return made_project(tmp_path)


def test_each_run_is_an_image_called_as_the_run(config: Path) -> None:
    entries = find_images([f"{config}@denoised@10.0"], ndim=3)
    assert [entry.name for entry in entries] == list(RUNS)
    image = entries[0].read(3)
    assert (image.shape, image.pixel_size, image.name) == (SHAPE, SIZE, "TS_5_4")
    assert find_images([str(config)], ndim=3) == entries


def test_picks_are_in_voxels_of_the_true_size_with_classes_and_diameters(config: Path) -> None:
    found = collect([f"{config}@denoised@10.0"], f"{config}@*:curation/0", 3)
    for number, run in enumerate(RUNS):
        picks = found.picks[run]
        assert picks.classes is not None
        assert picks.diameters is not None
        for name, points in POINTS.items():
            own = picks.select(picks.classes == name)
            np.testing.assert_allclose(own.points, points + number, atol=1e-9)
            assert own.diameters is not None
            np.testing.assert_allclose(own.diameters, {"ribosome": 300, "apo-ferritin": 120}[name] / SIZE)
    assert found.notes == []


def test_the_pixel_size_given_counts_before_the_metadata(config: Path) -> None:
    given = Facts(pixel_size=SIZE / 2)
    found = collect([f"{config}@denoised@10.0"], f"{config}@ribosome:curation/0", 3, given=given)
    np.testing.assert_allclose(found.picks["TS_5_4"].points + 0.5, 2 * (POINTS["ribosome"] + 0.5), atol=1e-9)


def test_one_object_or_several(config: Path) -> None:
    images = find_images([str(config)], 3)
    one = load_picks(f"{config}@ribosome:curation/0", images, 3).picks["TS_6_4"]
    assert one.classes is not None
    assert set(one.classes) == {"ribosome"}
    both = load_picks(f"{config}@apo-ferritin:curation/0 ribosome:curation/0", images, 3).picks["TS_6_4"]
    assert len(both) == 3


def test_what_is_not_there_is_said(config: Path) -> None:
    folder = config.parent / "static" / "ExperimentRuns"
    (folder / "TS_5_4" / "Picks" / "curation_0_apo-ferritin.json").unlink()
    save_picks(config.parent / "overlay", "TS_9_9", "ribosome", POINTS["ribosome"])
    found = collect([str(config)], f"{config}@*:curation/0", 3)
    assert list(found.picks) == list(RUNS)
    assert found.notes == [
        "TS_5_4: no file with picks of apo-ferritin, so it is taken to hold none",
        "TS_9_9: its picks are left out, for it is not among the tomograms",
    ]


def test_a_damaged_file_costs_its_run_only(config: Path) -> None:
    file = config.parent / "static" / "ExperimentRuns" / "TS_5_4" / "Picks" / "curation_0_ribosome.json"
    file.write_text("{")
    found = collect([str(config)], f"{config}@*:curation/0", 3)
    assert list(found.picks) == ["TS_6_4"]
    assert "curation_0_ribosome.json" in found.problems["TS_5_4"]


def test_whose_picks_must_be_said(config: Path) -> None:
    with pytest.raises(
        InputError, match=r"whose picks is not said.*It has apo-ferritin:curation/0, ribosome:cur"
    ):
        read_all_picks(str(config), find_images([str(config)], 3), 3)


def test_without_a_voxel_size_there_are_no_picks(config: Path, tmp_path: Path) -> None:
    with pytest.raises(
        PicksError, match=r"voxel size of the tomogram is not known; .*--images and --tomogram"
    ):
        read_all_picks(f"{config}@ribosome:curation/0")
    found = read_all_picks(f"{config}@ribosome:curation/0", given=Facts(pixel_size=SIZE))
    np.testing.assert_allclose(found.picks["TS_5_4"].points, POINTS["ribosome"], atol=1e-9)


def test_tomograms_of_another_place_belong_to_the_runs_of_their_name(config: Path, tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "elsewhere" / "TS_6_4.zarr", np.zeros(SHAPE), SIZE)
    found = collect([str(tmp_path / "elsewhere")], f"{config}@ribosome:curation/0", 3)
    np.testing.assert_allclose(found.picks["TS_6_4.zarr"].points, POINTS["ribosome"] + 1, atol=1e-9)


def test_a_project_whose_files_are_elsewhere_is_refused(config: Path) -> None:
    with pytest.raises(InputError, match="only folders of this machine"):
        find_images([str(changed(config, static_root="s3://bucket"))], 3)
