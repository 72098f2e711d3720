"""Picking in a copick project, and putting picks into one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copick_project import RUNS, SHAPE, SIZE, made_project
from motes.errors import OutputError, PicksError
from motes.formats.copick import list_picks, read_config, read_picks_file
from motes.formats.images import write_image
from motes.formats.picks import read_picks
from motes.jobs.convert import ConvertOptions, convert
from motes.jobs.pick import PickOptions, pick
from motes.nets.description import NetDescription
from small_model import saved

CLASSES = ["ribosome", "apo-ferritin"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return made_project(tmp_path / "project")


@pytest.fixture
def model(tmp_path: Path) -> str:
    net = NetDescription(name="unet", ndim=3, width=2, depth=2, outputs=3)
    return saved(
        tmp_path / "model.safetensors",
        net=net,
        classes=CLASSES,
        diameters=[80.0, 60.0],
        working_diameter=None,
        thresholds=dict.fromkeys(CLASSES, 0.0),
    )


def picked(config: Path, model: str, out: Path, **options: Any) -> Path:
    result = pick([f"{config}@denoised@10.0"], model, out, PickOptions(**options))
    assert not result.failures
    return out


def test_picks_of_tomograms_lie_there_for_copick_too(config: Path, model: str, tmp_path: Path) -> None:
    out = picked(config, model, tmp_path / "picked")
    project = read_config(out / "copick" / "config.json")
    assert project.static_root == config.parent / "static"
    assert project.objects == read_config(config).objects
    for run in RUNS:
        ours = [each for each in list_picks(project, run) if each.user == "motes"]
        assert [each.word for each in ours] == ["apo-ferritin:motes/0", "ribosome:motes/0"]
        (table,) = read_picks(out / "picks" / f"{run}.csv").values()
        assert table.classes is not None
        assert len(table) > 0
        for each in ours:
            own = table.select(table.classes == each.object_name)
            found = read_picks_file(each.path)
            np.testing.assert_allclose(found.points(SIZE), own.points, atol=1e-9)
            np.testing.assert_array_equal(found.scores, own.scores)


def test_what_is_missing_is_written_again(config: Path, model: str, tmp_path: Path) -> None:
    out = picked(config, model, tmp_path / "picked")
    files = {path: path.read_bytes() for path in (out / "copick").rglob("*.json")}
    next(path for path in files if "ribosome" in path.name).unlink()
    picked(config, model, out)
    assert {path: path.read_bytes() for path in (out / "copick").rglob("*.json")} == files


def test_other_formats_take_its_place(config: Path, model: str, tmp_path: Path) -> None:
    assert not (picked(config, model, tmp_path / "picked", formats=()) / "copick").exists()


def test_a_tomogram_without_a_pixel_size_is_left_out_by_name(model: str, tmp_path: Path) -> None:
    for name, size in (("a", SIZE), ("b", None)):
        write_image(
            tmp_path / "in" / f"{name}.mrc", np.random.default_rng(0).normal(size=SHAPE).astype("f4"), size
        )
    result = pick([str(tmp_path / "in")], model, tmp_path / "picked", PickOptions(formats=("copick",)))
    assert [failure.name for failure in result.failures] == ["b.mrc"]
    project = read_config(tmp_path / "picked" / "copick" / "config.json")
    assert [each.word for each in list_picks(project, "a")] == ["apo-ferritin:motes/0", "ribosome:motes/0"]


def test_flat_images_are_not_for_copick(tmp_path: Path) -> None:
    write_image(tmp_path / "in" / "a.mrc", np.zeros((64, 64), np.float32), 10.0)
    with pytest.raises(PicksError, match="tomograms, these are 2D"):
        pick(
            [str(tmp_path / "in")],
            saved(tmp_path / "m.safetensors"),
            tmp_path / "o",
            PickOptions(formats=("copick",)),
        )


def test_picks_go_into_a_project(config: Path, model: str, tmp_path: Path) -> None:
    out = picked(config, model, tmp_path / "picked")
    before = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    options = ConvertOptions(session="2")
    result = convert(str(out), config, "copick", options)
    assert len(result.files) == 2
    after = {path: path.read_bytes() for path in config.parent.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert sorted(path.name for path in after.keys() - before.keys()) == 2 * [
        "motes_2_apo-ferritin.json"
    ] + 2 * ["motes_2_ribosome.json"]
    with pytest.raises(OutputError, match="--overwrite"):
        convert(str(out), config, "copick", options)
    convert(str(out), config, "copick", options, overwrite=True)
    for run in RUNS:
        one, two = (
            read_picks_file(root / "ExperimentRuns" / run / "Picks" / f"motes_{session}_ribosome.json")
            for root, session in ((config.parent / "overlay", 2), (out / "copick", 0))
        )
        np.testing.assert_allclose(one.centres, two.centres)


def test_picks_become_a_project_of_their_own(config: Path, tmp_path: Path) -> None:
    images = [f"{config}@denoised@10.0"]
    convert(
        f"{config}@*:curation/0", tmp_path / "out", "copick", ConvertOptions(images=images, check_flips=False)
    )
    for run in RUNS:
        theirs = config.parent / "static" / "ExperimentRuns" / run / "Picks" / "curation_0_ribosome.json"
        ours = tmp_path / "out" / "ExperimentRuns" / run / "Picks" / "motes_0_ribosome.json"
        np.testing.assert_allclose(read_picks_file(ours).centres, read_picks_file(theirs).centres)
    found = read_config(tmp_path / "out" / "config.json").objects
    assert {each.name: each.radius for each in found} == {"ribosome": 150.0, "apo-ferritin": 60.0}
