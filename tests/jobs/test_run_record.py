"""What a run leaves behind so that others can see how it was done."""

import json
from pathlib import Path
from typing import Any

from motes.jobs.run_record import keep_line, read_lines, read_record, weight_hashes
from motes.nets.build import build_net
from motes.nets.description import NetDescription


def test_a_line_takes_the_place_of_those_that_an_interrupted_try_left(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_lines(path) == []
    for row in ({"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4}, {"epoch": 3, "loss": None}):
        keep_line(path, row)
    keep_line(path, {"epoch": 2, "loss": 0.3})
    assert read_lines(path) == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.3}]


def test_nets_start_with_equal_hashes_in_the_layers_that_they_share() -> None:
    plain, gated, other = (
        weight_hashes(build_net(NetDescription(name=name, width=4, depth=3), seed))
        for name, seed in (("unet", 0), ("attention_unet", 0), ("unet", 1))
    )
    assert plain.keys() < gated.keys()
    assert all(gated[name] == value for name, value in plain.items())
    drawn = [name for name in plain if plain[name] != other[name]]
    assert drawn
    assert all(len(value.split()[1]) == 64 for value in plain.values())


def test_each_start_of_a_run_is_noted_and_its_initial_weights_once(
    motes: Any, make: Any, tmp_path: Path
) -> None:
    images, picks = make.picked(tmp_path)
    words = ("train", "micrographs", "--images", images, "--picks", picks, "--diameter", 48)
    words = (*words, "--threads", 1, "net.widths=[2, 3]", "sampling.size=64", "steps=2", "training.batch=2")
    run = tmp_path / "run"
    assert motes(*words, "epochs=2", "--out", run).code == 0
    first = read_record(run)
    assert first is not None
    assert motes(*words, "epochs=2", "--out", run, "--resume").code == 0
    record = read_record(run)
    assert record is not None
    assert record["initial_weights"] == first["initial_weights"]
    assert record["starts"] == first["starts"] * 2
    assert record["starts"][0]["threads"] == 1
    shown = read_lines(run / "shown.jsonl")
    assert [(line["epoch"], line["steps"]) for line in shown] == [(1, 2), (2, 2)]
    assert shown[0]["order"] != shown[1]["order"]
    assert json.loads((run / "record.json").read_text()) == record
