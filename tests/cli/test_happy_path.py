import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.formats.picks import read_picks

Motes = Callable[..., Any]
VERBS = ["simulate", "inspect", "train", "pick", "score", "convert", "doctor"]


def test_help_names_every_verb(motes: Motes) -> None:
    answer = motes("--help")
    assert answer.code == 0
    assert all(verb in answer.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(motes: Motes, verb: str) -> None:
    answer = motes(verb, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


def test_training_leaves_model_recipe_data_and_metrics(tiny: Any) -> None:
    run = tiny.root / "run"
    assert {"model.safetensors", "recipe.yaml", "data.csv", "metrics.jsonl"} <= {
        p.name for p in run.iterdir()
    }
    assert "width: 4" in (run / "recipe.yaml").read_text()
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1]


def test_picking_writes_one_table_for_each_image_and_a_summary(tiny: Any) -> None:
    assert sorted(p.name for p in (tiny.picked / "picks").iterdir()) == [
        f"mic_000{n}.mrc.csv" for n in (1, 2, 3)
    ]
    rows = list(csv.DictReader((tiny.picked / "summary.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["done"] * 3
    assert [row["bad_pixels"] for row in rows] == ["0"] * 3
    index = read_picks(tiny.picked / "relion" / "autopick.star")
    assert {name: len(picks) for name, picks in index.items()} == {r["image"]: int(r["picks"]) for r in rows}


def test_score_of_truth_against_itself_is_one(motes: Motes, tiny: Any) -> None:
    answer = motes("score", tiny.truth, tiny.truth, "--diameter", "37.5px", "--json")
    values = json.loads(answer.out)
    assert answer.code == 0
    assert (values["precision"], values["recall"], values["f1"]) == (1, 1, 1)
    assert values["images"] == 3


def test_score_takes_the_threshold_that_the_picks_were_made_with(motes: Motes, tiny: Any) -> None:
    values = json.loads(motes("score", tiny.picked, tiny.truth, "--json").out)
    settings = json.loads((tiny.picked / "settings.json").read_text())
    rows = list(csv.DictReader((tiny.picked / "summary.csv").read_text().splitlines()))
    assert values["threshold"] == settings["threshold"]
    assert values["picks"] == sum(int(row["picks"]) for row in rows)
    assert json.loads(motes("score", tiny.picked, tiny.truth, "--json", "--threshold", 0).out)[
        "picks"
    ] == sum(int(row["candidates"]) for row in rows)


def test_score_shows_a_table(motes: Motes, tiny: Any) -> None:
    answer = motes("score", tiny.picked, tiny.truth, "--images", tiny.images, "--ignore-rim", "20px")
    assert answer.code == 0
    assert "average_precision" in answer.out


def test_inspect_tells_what_is_here(motes: Motes, tiny: Any) -> None:
    answer = motes("inspect", tiny.images, "--picks", tiny.truth, "--diameter", 150, "--json")
    found = json.loads(answer.out)
    assert answer.code == 0
    assert found["usable"] is True
    assert [image["shape"] for image in found["images"]] == [[256, 256]] * 3
    assert {image["pixel_size"] for image in found["images"]} == {4.0}
    assert {image["picks"]["diameter"] for image in found["images"]} == {37.5}
    assert "256x256" in motes("inspect", tiny.images, "--picks", tiny.truth).out


def test_convert_and_back_keeps_the_picks(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    box, back = tmp_path / "box", tmp_path / "back"
    assert motes("convert", tiny.truth, box, "--to", "eman", "--box-size", 40).code == 0
    assert motes("convert", box, back, "--to", "csv").code == 0
    for name in ("mic_0001", "mic_0002", "mic_0003"):
        (truth,) = read_picks(tiny.truth / f"{name}.csv").values()
        (found,) = read_picks(back / f"{name}.csv").values()
        np.testing.assert_allclose(found.points, truth.points, atol=1e-9)


def test_doctor_times_both_number_formats(motes: Motes) -> None:
    answer = motes("doctor", "--json", "--threads", 1)
    found = json.loads(answer.out)
    assert answer.code == 0
    assert set(found["speed"]["megapixels_per_second"]) == {"float32", "bfloat16"}
    assert found["speed"]["used"] in found["speed"]["megapixels_per_second"]
    assert "torch" in motes("doctor", "--threads", 1).out


def test_simulate_again_makes_what_is_missing_only(motes: Motes, tmp_path: Path) -> None:
    words = ("simulate", "micrographs", tmp_path / "sim", "--size", 128, "--diameter", 60)
    assert motes(*words, "--count", 1).code == 0
    first = (tmp_path / "sim" / "images" / "mic_0001.mrc").stat().st_mtime_ns
    assert motes(*words, "--count", 2).code == 0
    assert (tmp_path / "sim" / "images" / "mic_0001.mrc").stat().st_mtime_ns == first
    assert (tmp_path / "sim" / "images" / "mic_0002.mrc").is_file()
    answer = motes(*words, "--count", 2, "--seed", 5)
    assert answer.code == 1
    assert "seed" in answer.err
