"""A tiny run from the command line, made once for all tests that need one."""

import contextlib
import io
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

TINY = ("width=4", "training.steps=4", "epochs=1", "sampling.size=64")


@dataclass(frozen=True)
class Spoken:
    """What a command answered."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class TinyRun:
    """Three simulated micrographs of 256 px with truth, a model trained on them, and its picks."""

    root: Path

    @property
    def images(self) -> Path:
        return self.root / "sim" / "images"

    @property
    def truth(self) -> Path:
        return self.root / "sim" / "picks"

    @property
    def model(self) -> Path:
        return self.root / "run" / "model.safetensors"

    @property
    def picked(self) -> Path:
        return self.root / "picked"

    def copy_images(self, folder: Path, names: Sequence[str] = ("mic_0001.mrc", "mic_0002.mrc")) -> Path:
        """A folder with some of the images, that a test may spoil."""
        folder.mkdir(parents=True)
        for name in names:
            shutil.copy(self.images / name, folder / name)
        return folder


Motes = Callable[..., Spoken]


def _motes(*words: object) -> Spoken:
    from motes.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["motes", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
    return Spoken(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def motes() -> Motes:
    """Run the command line in this process, as `motes` does, with its messages and exit code."""
    return _motes


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    root = tmp_path_factory.mktemp("tiny")
    run = TinyRun(root)
    steps: list[tuple[object, ...]] = [
        ("simulate", "micrographs", root / "sim", "--count", 3, "--size", 256, "--snr", 1),
        (
            "train",
            "micrographs",
            "--images",
            run.images,
            "--picks",
            run.truth,
            "--out",
            root / "run",
            "--threads",
            1,
            *TINY,
        ),
        ("pick", run.images, "--model", run.model, "--out", run.picked, "--format", "relion"),
    ]
    for step in steps:
        answer = _motes(*step)
        assert answer.code == 0, answer.err
    return run
