"""Copick opens what motes writes, and motes reads what copick writes: runs, tomograms, picks, scores, voxel sizes."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copick_project import OBJECTS, POINTS, RUNS, SHAPE, SIZE, made_project, save_picks
from motes.data.collection import collect
from motes.data.image_list import find_images
from motes.formats.copick import list_picks, read_config, read_picks_file
from motes.formats.copick_overlay import Overlay, write_into_project, write_overlay_config
from motes.formats.images import image_info
from motes.formats.ome_zarr import open_volume
from motes.picks import Picks

PYTHON = Path(
    os.environ.get("MOTES_COPICK_PYTHON") or Path(__file__).parents[2] / ".venv-copick" / "bin" / "python"
)
TWO = Picks(
    np.array([[3.0, 4.0, 5.0], [6.5, 7.25, 8.0], [9.0, 1.0, 2.0]]),
    np.array([0.875, 0.5, 0.25]),
    np.array(["ribosome", "ribosome", "apo-ferritin"]),
)

pytestmark = [
    pytest.mark.copick,
    pytest.mark.skipif(not PYTHON.is_file(), reason="copick is not installed (scripts/install --system)"),
]

LOOK = """
import json, sys, copick
from copick.util.ome import get_voxel_size_from_zarr
import zarr
root = copick.from_file(sys.argv[1])
found = {"objects": [[o.name, o.label, o.radius, o.is_particle, list(o.color)] for o in root.pickable_objects]}
found["runs"] = {}
for run in root.runs:
    tomograms = {}
    for spacing in run.voxel_spacings:
        for tomogram in spacing.tomograms:
            size = get_voxel_size_from_zarr(zarr.open(tomogram.zarr()))
            levels = [tomogram.numpy(str(level)) for level in range(3)]
            tomograms[f"{tomogram.tomo_type}@{spacing.voxel_size}"] = {
                "size": size,
                "shapes": [level.shape for level in levels],
                "corner": float(levels[0][1, 2, 3]),
                "mean": float(levels[1][0, 0, 0]),
            }
    picks = {}
    for each in run.picks:
        positions, transforms = each.numpy()
        picks[f"{each.pickable_object_name}:{each.user_id}/{each.session_id}"] = {
            "centres": (positions + transforms[:, :3, 3]).tolist(),
            "scores": [point.score for point in each.points],
            "voxel_spacing": each.meta.voxel_spacing,
            "run": each.meta.run_name,
            "read_only": each.read_only,
        }
    found["runs"][run.name] = {"tomograms": tomograms, "picks": picks}
print(json.dumps(found))
"""

WRITE = """
import sys, copick, numpy as np
root = copick.from_file(sys.argv[1])
run = root.new_run("TS_7_7")
tomogram = run.new_voxel_spacing(13.48).new_tomogram("wbp")
volume = np.arange(10 * 12 * 14, dtype=np.float32).reshape(10, 12, 14)
tomogram.from_numpy(volume)
picks = run.new_picks("ribosome", session_id="4", user_id="someone")
turned = np.tile(np.eye(4), (2, 1, 1))
turned[1, :3, 3] = [13.48, 0, -13.48]
positions = 13.48 * (np.array([[2, 3, 4], [5.5, 6, 7]]) + 0.5)
picks.from_numpy(positions, turned, instance_ids=np.array([1, 2]), scores=np.array([0.5, 0.75]))
picks.store()
"""


def copick(script: str, config: Path) -> str:
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", script, config],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def look(config: Path) -> Any:
    """What copick sees of a project."""
    return json.loads(copick(LOOK, config).splitlines()[-1])


def test_copick_sees_a_project_as_it_was_written(tmp_path: Path) -> None:
    config = made_project(tmp_path)
    save_picks(tmp_path / "overlay", "TS_6_4", "ribosome", POINTS["ribosome"][:1], scores=np.array([0.125]))
    files = write_into_project(read_config(config), {"TS_5_4": TWO}, lambda _: None, session="2")
    assert len(files) == 2
    seen = look(config)
    assert seen["objects"] == [[o.name, o.label, o.radius, o.is_particle, list(o.color)] for o in OBJECTS]
    assert list(seen["runs"]) == list(RUNS)
    for number, run in enumerate(RUNS):
        volume = np.asarray(open_volume(find_images([str(config)], 3)[number].path))
        assert seen["runs"][run]["tomograms"] == {
            "denoised@10.0": {
                "size": SIZE,
                "shapes": [list(SHAPE), [6, 12, 10], [3, 6, 5]],
                "corner": float(volume[1, 2, 3]),
                "mean": pytest.approx(float(volume[:2, :2, :2].mean()), abs=1e-6),
            }
        }
    picks = seen["runs"]["TS_5_4"]["picks"]
    assert set(picks) == {
        "ribosome:curation/0",
        "apo-ferritin:curation/0",
        "ribosome:motes/2",
        "apo-ferritin:motes/2",
    }
    ours = picks["ribosome:motes/2"]
    np.testing.assert_allclose(ours["centres"], (TWO.points[:2, ::-1] + 0.5) * SIZE)
    assert ours["scores"] == [0.875, 0.5]
    assert (ours["voxel_spacing"], ours["run"], ours["read_only"]) == (SIZE, "TS_5_4", False)
    static = picks["ribosome:curation/0"]
    assert static["read_only"]
    np.testing.assert_allclose(static["centres"], (POINTS["ribosome"][:, ::-1] + 0.5) * SIZE)
    # A voxel is where copick's own rule, floor(p / s), finds it.
    np.testing.assert_array_equal(np.floor(np.array(ours["centres"]) / SIZE)[0], [5, 4, 3])
    assert seen["runs"]["TS_6_4"]["picks"]["ribosome:curation/0"]["scores"] == [0.125]


def test_copick_opens_a_folder_of_results_as_it_is(tmp_path: Path) -> None:
    project = read_config(made_project(tmp_path / "project"))
    overlay = Overlay(tmp_path / "picked" / "copick", ("ribosome", "apo-ferritin"))
    overlay.write("TS_5_4", TWO, SIZE)
    radii = {"ribosome": 150.0, "apo-ferritin": 60.0}
    seen = look(write_overlay_config(overlay.root, radii, project))
    assert list(seen["runs"]) == list(RUNS)
    assert list(seen["runs"]["TS_5_4"]["tomograms"]) == ["denoised@10.0"]
    assert seen["runs"]["TS_5_4"]["picks"]["apo-ferritin:motes/0"]["scores"] == [0.25]
    alone = look(write_overlay_config(overlay.root, radii))
    assert list(alone["runs"]) == ["TS_5_4"]
    assert [each[:3] for each in alone["objects"]] == [["ribosome", 1, 150.0], ["apo-ferritin", 2, 60.0]]


def test_motes_reads_what_copick_writes(tmp_path: Path) -> None:
    config = made_project(tmp_path)
    copick(WRITE, config)
    project = read_config(config)
    (known,) = list_picks(project, "TS_7_7")
    assert known.word == "ribosome:someone/4"
    found = read_picks_file(known.path)
    np.testing.assert_array_equal(found.instances, [1, 2])
    (tomogram,) = find_images([f"{config}@wbp@13.48"], 3)
    assert image_info(tomogram.path, 3).pixel_size == 13.48
    image = tomogram.read(3)
    np.testing.assert_array_equal(image.as_float32(), np.arange(10 * 12 * 14).reshape(10, 12, 14))
    np.testing.assert_array_equal(image.data[3:5, 2:3, 4:], image.as_float32()[3:5, 2:3, 4:])
    picks = collect([f"{config}@wbp@13.48"], f"{config}@ribosome:someone/4", 3).picks["TS_7_7"]
    np.testing.assert_allclose(picks.points, [[4, 3, 2], [6, 6, 6.5]], atol=1e-12)
    np.testing.assert_array_equal(picks.scores, [0.5, 0.75])


def test_what_copick_changes_in_a_file_of_motes_is_all_that_changes(tmp_path: Path) -> None:
    """A person rates a pick in a viewer; the file that copick stores is byte for byte the one that motes wrote."""
    config = made_project(tmp_path)
    write_into_project(read_config(config), {"TS_5_4": TWO}, lambda _: None)
    rate = """
import sys, copick
(picks,) = copick.from_file(sys.argv[1]).get_run("TS_5_4").get_picks(user_id="motes", object_name="ribosome")
picks.points[0].score = 0.0625
picks.store()
"""
    before = {each.path: each.path.read_text() for each in list_picks(read_config(config), "TS_5_4")}
    copick(rate, config)
    assert {path: path.read_text() for path in before} == {
        path: text.replace('"score": 0.875', '"score": 0.0625') for path, text in before.items()
    }
    assert any('"score": 0.875' in text for text in before.values())
