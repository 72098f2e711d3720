import json
from pathlib import Path

import numpy as np
import pytest

from motes.errors import OutputError
from motes.formats.copick import read_config, read_picks_file, runs, tomograms
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.simulate import TomogramWorld, simulate_tomogram, write_tomograms
from motes.simulate.tomogram_world import CHALLENGE_CLASSES

COUNTS = {"apo-ferritin": 3, "beta-amylase": 0, "beta-galactosidase": 2}
WORLD = TomogramWorld(
    size=(32, 48, 56), classes=CHALLENGE_CLASSES[:3], counts=COUNTS, sheets=0, filaments=0, crowding=0.005
)


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (
        path for path in folder.rglob("*") if path.is_file() and path.name != "config.json"
    )  # holds its place
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_folder_holds_tomograms_truth_and_a_copick_project(tmp_path: Path) -> None:
    out, steps = tmp_path / "sim", []
    paths = write_tomograms(WORLD, out, 2, 7, lambda done, count: steps.append((done, count)))
    assert [path.relative_to(out).as_posix() for path in paths] == [
        "tomograms/TS_0001.mrc",
        "tomograms/TS_0002.mrc",
    ]
    assert steps == [(1, 2), (2, 2)]
    made = simulate_tomogram(WORLD, 7, 1)
    for folder, image in (("tomograms", made.image), ("tomograms_denoised", made.denoised)):
        read = read_image(out / folder / "TS_0002.mrc", ndim=3)
        assert np.array_equal(read.data, image.data)
        assert read.pixel_size == pytest.approx(10)
    picks = next(iter(read_picks(out / "picks" / "TS_0002.csv").values()))
    assert picks.points == pytest.approx(made.picks.points, abs=1e-4)
    assert picks.diameters == pytest.approx(made.picks.diameters)
    assert picks.classes is not None
    assert made.picks.classes is not None
    assert picks.classes.tolist() == made.picks.classes.tolist()
    record = json.loads((out / "parameters.json").read_text())
    assert record["seed"] == 7
    assert record["images"]["TS_0001.mrc"]["particles"] == COUNTS


def test_the_project_holds_the_same_tomograms_and_centres(tmp_path: Path) -> None:
    write_tomograms(WORLD, tmp_path, 1, 7)
    project = read_config(tmp_path / "config.json")
    assert [(each.name, each.label, each.radius) for each in project.objects] == [
        ("apo-ferritin", 1, 60),
        ("beta-amylase", 2, 65),
        ("beta-galactosidase", 3, 90),
    ]
    assert project.overlay_root == tmp_path / "overlay"
    assert runs(project) == ["TS_0001"]
    made = simulate_tomogram(WORLD, 7, 0)
    found = tomograms(project, "TS_0001")
    assert sorted(found) == ["denoised@10.0", "wbp@10.0"]
    for word, image in (("wbp@10.0", made.image), ("denoised@10.0", made.denoised)):
        read = read_image(found[word], ndim=3)
        assert np.array_equal(np.asarray(read.data), image.data)
        assert read.pixel_size == pytest.approx(10)
    folder = tmp_path / "copick" / "ExperimentRuns" / "TS_0001" / "Picks"
    for name, count in COUNTS.items():
        truth = read_picks_file(folder / f"simulation_0_{name}.json")
        assert len(truth.centres) == count
        assert truth.points(10.0) == pytest.approx(made.picks.points[made.picks.classes == name], abs=1e-6)


def test_a_second_call_makes_what_is_missing_and_the_same_bytes(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_tomograms(WORLD, whole, 2)
    write_tomograms(WORLD, parts, 1)
    first = (parts / "tomograms" / "TS_0001.mrc").stat().st_mtime_ns
    write_tomograms(WORLD, parts, 2)
    assert (parts / "tomograms" / "TS_0001.mrc").stat().st_mtime_ns == first
    (parts / "copick" / "ExperimentRuns" / "TS_0002" / "Picks" / "simulation_0_apo-ferritin.json").unlink()
    write_tomograms(WORLD, parts, 2)
    assert snapshot(whole) == snapshot(parts)


def test_another_world_is_refused_unless_overwritten_which_leaves_the_overlay(tmp_path: Path) -> None:
    write_tomograms(WORLD, tmp_path, 2)
    other = WORLD.model_copy(update={"dose": 60.0})
    with pytest.raises(OutputError, match=r"dose: 120\.0 there, 60\.0 now"):
        write_tomograms(other, tmp_path, 1)
    own = tmp_path / "overlay" / "mine.txt"
    own.write_text("kept")
    write_tomograms(other, tmp_path, 1, overwrite=True)
    assert own.read_text() == "kept"
    left = [
        path.name
        for folder in ("tomograms", "tomograms_denoised", "picks")
        for path in (tmp_path / folder).iterdir()
    ]
    assert left == ["TS_0001.mrc", "TS_0001.mrc", "TS_0001.csv"]
    assert [each.name for each in (tmp_path / "copick" / "ExperimentRuns").iterdir()] == ["TS_0001"]
