"""A copick project where images, picks and truth are named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from copick_project import POINTS, RUNS, SIZE, made_project, save_picks
from motes.cli.options import images_of, picks_of, project_of, scored_of
from motes.errors import InputError

Motes = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return made_project(tmp_path)


class TestWords:
    def test_a_tomogram_is_chosen_of_the_project(self, config: Path) -> None:
        assert images_of([str(config)], "denoised@10.0") == [f"{config}@denoised@10.0"]
        assert images_of([str(config)], None) == [str(config)]
        assert images_of(None, None) == []
        both = ["a.mrc", f"{config}@wbp@10.0", str(config)]
        assert images_of(both, "denoised@10.0") == [*both[:2], f"{config}@denoised@10.0"]
        for others in ([], ["a.mrc"], [f"{config}@wbp@10.0"]):
            with pytest.raises(InputError, match=r"name its config\.json as the images"):
                images_of(others, "denoised@10.0")

    def test_picks_are_chosen_of_the_project_of_the_images(self, config: Path, tmp_path: Path) -> None:
        images = [f"{config}@denoised@10.0"]
        assert picks_of(["*:curation/0"], images) == f"{config}@*:curation/0"
        assert picks_of(["a:u/1", "b:u/1"], images) == f"{config}@a:u/1 b:u/1"
        assert picks_of([str(tmp_path)], images) == str(tmp_path)
        assert picks_of([f"{config}@a:u/1"], ["a.mrc"]) == f"{config}@a:u/1"
        assert picks_of(["picks"], ["a.mrc"]) == "picks"
        assert picks_of(None, images) is None
        assert picks_of([], images, ask=True) == str(config)
        assert picks_of([], ["a.mrc"], ask=True) is None

    def test_several_picks_need_one_project(self, config: Path, tmp_path: Path) -> None:
        for images in (["a.mrc"], [str(config), str(made_project(tmp_path / "other"))]):
            with pytest.raises(InputError, match="several are chosen of one copick project only"):
                picks_of(["a:u/1", "b:u/1"], images)

    def test_truth_or_picks_are_chosen(self, config: Path) -> None:
        assert scored_of("picked", str(config), ["a:u/1"]) == ("picked", f"{config}@a:u/1")
        assert scored_of(str(config), "truth", ["a:u/1", "b"]) == (f"{config}@a:u/1 b", "truth")
        assert scored_of("picked", "truth", None) == ("picked", "truth")
        for pair in ((str(config), str(config)), ("picked", "truth"), ("picked", f"{config}@a:u/1")):
            with pytest.raises(InputError, match="--picks chooses of a copick project"):
                scored_of(*pair, ["a:u/1"])
        assert project_of("picked") is None


def test_a_project_is_inspected(config: Path, motes: Motes) -> None:
    answer = motes("inspect", config, "--tomogram", "denoised@10.0", "--picks", "*:curation/0", "--json")
    found = json.loads(answer.out)
    assert [image["name"] for image in found["images"]] == list(RUNS)
    assert {image["pixel_size"] for image in found["images"]} == {SIZE}
    assert [image["picks"]["count"] for image in found["images"]] == [3, 3]


def test_training_asks_whose_picks(config: Path, motes: Motes, tmp_path: Path) -> None:
    answer = motes(
        "train", "tomogram", "--images", config, "--tomogram", "denoised@10.0", "--out", tmp_path / "run"
    )
    assert answer.code == 1
    assert "It has apo-ferritin:curation/0, ribosome:curation/0" in answer.err


def test_picks_of_a_project_are_scored(config: Path, motes: Motes) -> None:
    for number, run in enumerate(RUNS):
        for name, points in POINTS.items():
            moved = points + number + np.array([0.0, 1.0, 0.0])
            save_picks(config.parent / "overlay", run, name, moved, user="motes")

    def scored(*words: Any) -> dict[str, Any]:
        answer = motes("score", f"{config}@*:motes/0", config, "--picks", "*:curation/0", "--json", *words)
        assert answer.code == 0, answer.err
        return dict(json.loads(answer.out))

    assert scored()["f1"] == 1
    assert scored("--radius", f"{SIZE / 2}A")["f1"] == 0
