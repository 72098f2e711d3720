"""The tables of a run."""

import pytest

from motes.figures.run_tables import (
    MOST_EPOCHS,
    cost_rows,
    duration,
    epochs_in_words,
    metric_rows,
    quantity,
    thinned,
)

COST = {
    "parameters": 31_042_369,
    "crop": [768, 768],
    "operations": 980_000_000_000,
    "image": [1024, 768],
    "seconds_per_image": 0.0512,
    "peak_memory": 2_000_000_000,
    "device": "cpu",
    "threads": 1,
}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (0.0512, "0.051 s"), (12.4, "12 s"), (119, "119 s"), (240, "4 min"), (9000, "2.5 h")],
)
def test_durations_as_people_read_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(12, "12 "), (1500, "1.5 k"), (31_042_369, "31 M"), (9.8e11, "980 G"), (2e12, "2 T")],
)
def test_large_numbers_get_a_prefix(number: float, words: str) -> None:
    assert quantity(number) == words


def test_the_cost_is_told_with_its_units() -> None:
    rows = dict(cost_rows(COST, [{"seconds": s, "waiting": 0.05} for s in (1, 30, 50)]))
    assert rows["parameters"] == "31,042,369"
    assert rows["operations of one forward pass, 768 × 768 px"] == "980 GFLOP"
    assert rows["time of one epoch, validation not counted (median)"] == "30 s"
    assert rows["of that, waiting for data"] == "5.0 %"
    assert rows["time to predict one image, 1024 × 768 px"] == "0.051 s"
    assert rows["peak memory"] == "2 GB"
    assert rows["device"] == "cpu, 1 thread"


def test_without_epochs_there_is_no_time_of_one() -> None:
    assert not [what for what, _ in cost_rows(COST, []) if "epoch" in what or "waiting" in what]


def test_only_validated_epochs_have_metrics() -> None:
    rows = [{"epoch": 1}, {"epoch": 2, "pixel_f1": 0.5, "pixel_auc": None}, {"epoch": 3}]
    assert metric_rows(rows, 2) == [(2, True, ["undefined", "undefined", "0.500", "undefined", "undefined"])]


@pytest.mark.parametrize("best", [1, 37, 38, 100])
def test_of_many_epochs_first_last_and_best_are_shown(best: int) -> None:
    kept = [row["epoch"] for row in thinned([{"epoch": n} for n in range(1, 101)], best)]
    assert {1, best, 100} <= set(kept)
    assert kept == sorted(kept)
    assert MOST_EPOCHS - 1 <= len(kept) <= MOST_EPOCHS


def test_few_epochs_are_all_shown() -> None:
    rows = [{"epoch": n} for n in range(MOST_EPOCHS)]
    assert thinned(rows, 3) == rows


SUMMARY = {
    "epochs": 9,
    "stopped": "",
    "watched": "pixel_iou",
    "best_epoch": 4,
    "best": {"epoch": 4, "pixel_iou": 0.75},
    "model_epoch": 4,
}


def test_the_best_epoch_is_told_with_its_metric() -> None:
    assert epochs_in_words(SUMMARY) == [
        "The best of the validated epochs is 4 (IoU of pixels 0.750).",
        "The model has the weights of that epoch.",
    ]


def test_a_model_of_the_last_epoch_says_so_and_why_training_ended() -> None:
    told = epochs_in_words(SUMMARY | {"model_epoch": 9, "stopped": "pixel_iou has not improved"})
    assert "The model has the weights of epoch 9;" in told[1]
    assert told[2] == "Training ended early, after epoch 9: pixel_iou has not improved."


def test_a_metric_that_was_never_defined_is_undefined() -> None:
    assert "undefined" in epochs_in_words(SUMMARY | {"best": {"epoch": 4}})[0]
