"""Sizes that cannot be, tables that fit a terminal, and stopping half way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motes.cli import console

Motes = Callable[..., Any]


@pytest.mark.parametrize("size", ["0", "-2", "nan", "inf"])
def test_a_pixel_size_that_cannot_be(motes: Motes, tiny: Any, tmp_path: Path, size: str) -> None:
    for command in (
        ("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out"),
        ("train", "micrographs", "--images", tiny.images, "--picks", tiny.truth, "--out", tmp_path / "out"),
        ("inspect", tiny.images),
        ("score", tiny.picked, tiny.truth),
        ("convert", tiny.truth, tmp_path / "out", "--to", "csv"),
    ):
        answer = motes(*command, f"--pixel-size={size}")
        assert (answer.code, "is not a pixel size; expected A/px, above 0" in flat(answer.err)) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [0, -64])
def test_a_box_size_that_cannot_be(motes: Motes, tiny: Any, tmp_path: Path, size: int) -> None:
    for command in (
        ("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out", "--format", "eman"),
        ("convert", tiny.truth, tmp_path / "out", "--to", "eman"),
    ):
        answer = motes(*command, f"--box-size={size}")
        assert (answer.code, "'--box-size'" in answer.err) == (2, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("width", ["-1", "nan", "inf", "wide"])
def test_a_rim_that_cannot_be(motes: Motes, tiny: Any, width: str) -> None:
    answer = motes("score", tiny.picked, tiny.truth, f"--ignore-rim={width}")
    assert (answer.code, "--ignore-rim is a number of pixels" in answer.err) == (1, True)


def test_scores_of_other_programs_are_no_probabilities(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    for threshold in (-3.5, 12):
        words = ("--threshold", threshold, "--to", "csv", "--overwrite")
        assert motes("convert", tiny.picked, tmp_path / "out", *words).code == 0
        assert motes("score", tiny.picked, tiny.truth, "--threshold", threshold).code == 0


def test_the_table_of_images_fits_a_terminal(
    motes: Motes, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "WIDE", 80)
    answer = motes("score", tiny.picked, tiny.truth)
    table = answer.out[answer.out.index("images, worst first") :]
    lines = [line for line in table.splitlines() if line.strip()]
    assert lines[1].split() == ["image", "precision", "recall", "f1", "picks", "truth", "distance"]
    assert max(len(line) for line in lines) <= 80
    assert sum("mic_000" in line for line in lines) == 3
    assert "…" not in answer.out


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_is_stopped_says_how_to_go_on(tiny: Any, tmp_path: Path, number: int) -> None:
    run = tmp_path / "run"
    words = ["train", "micrographs", "--images", tiny.images, "--picks", tiny.truth, "--out", run]
    words += ["--threads", 1, "width=4", "training.steps=500", "sampling.size=64", "training.batch=2"]
    stopped = interrupted(words, number, lambda: (run / "recipe.yaml").exists())
    assert stopped.returncode == 128 + number
    assert stopped.stderr.splitlines()[-1] == "motes: stopped; the same command with --resume goes on"
    assert "Traceback" not in stopped.stderr


@pytest.mark.slow
def test_a_simulation_that_is_stopped_says_how_to_go_on(tmp_path: Path) -> None:
    words = ["simulate", "micrographs", tmp_path / "sim", "--count", 1000, "--size", 256]
    stopped = interrupted(words, signal.SIGINT, lambda: (tmp_path / "sim" / "images").exists())
    assert stopped.returncode == 130
    assert stopped.stderr.splitlines()[-1].startswith("motes: stopped; the same command again goes on")


def interrupted(
    words: list[object], number: int, begun: Callable[[], bool]
) -> subprocess.CompletedProcess[str]:
    """Run motes in a process of its own, and send it a signal once it has begun."""
    # Where the tests run in the background of a script, Ctrl-C is ignored, and children inherit that.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from motes.cli.main import main; main()"
    command = [sys.executable, "-c", program, *map(str, words)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    patience = time.monotonic() + 60
    while not begun() and running.poll() is None and time.monotonic() < patience:
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(running.pid, number)
    out, err = running.communicate(timeout=60)
    return subprocess.CompletedProcess(command, running.returncode, out, err)


def flat(text: str) -> str:
    """A message in one line, without the frame that folds it."""
    return " ".join(text.replace("│", " ").split())
