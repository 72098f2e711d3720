"""What tests of the command line share: a tiny run, made once, and data to train on that are plain to see."""

import contextlib
import io
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray

from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.formats.stores import create_store
from motes.picks import Picks

# How long an example takes depends on what else the machine does; that is no failure.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """Every test draws the same numbers whenever it runs, and whatever ran before it."""
    torch.manual_seed(0)


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


@dataclass(frozen=True)
class Maker:
    """Dark round objects on a bright ground, in images or volumes with values in [0, 1], written to files."""

    def objects(
        self, shape: Sequence[int], seed: int, count: int = 8, radius: float = 6
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float64]]:
        """An image, its mask of 0 and 1, and the centres (count, ndim)."""
        rng = np.random.default_rng(seed)
        sides = np.array(shape)
        points = rng.uniform(
            np.minimum(radius, sides / 3), sides - np.minimum(radius, sides / 3), (count, len(shape))
        )
        grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
        mask = np.zeros(shape, dtype=np.uint8)
        for point in points:
            mask[((grid - point) ** 2).sum(axis=-1) <= radius**2] = 1
        image = 0.7 - 0.4 * mask + rng.normal(0, 0.05, shape)
        return np.clip(image, 0, 1).astype(np.float32), mask, points

    def stores(self, folder: Path, count: int = 5, side: int = 64, seed: int = 0) -> tuple[Path, Path]:
        """images.zarr and masks.zarr."""
        pairs = [self.objects((side, side), seed + number)[:2] for number in range(count)]
        images, masks = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        return self.store(folder / "images.zarr", images), self.store(folder / "masks.zarr", masks)

    def store(self, path: Path, data: NDArray[Any]) -> Path:
        """One store of images (image, y, x)."""
        writer = create_store(path, data.shape[1:], data.dtype)
        for number, image in enumerate(data):
            writer.write(number, image)
        writer.resize(len(data))
        return path

    def label_images(self, folder: Path, count: int = 7, side: int = 64, seed: int = 0) -> tuple[Path, Path]:
        """Folders of PNG images and masks."""
        for number in range(count):
            image, mask, _ = self.objects((side, side), seed + number)
            write_image(folder / "images" / f"{number}.png", (255 * image).astype(np.uint8))
            write_image(folder / "masks" / f"{number}.png", mask)
        return folder / "images", folder / "masks"

    def picked(
        self,
        folder: Path,
        shape: Sequence[int] = (96, 96),
        count: int = 4,
        pixel_size: float | None = 4.0,
        *,
        radius: float = 6,
        classes: Sequence[str] = (),
        seed: int = 0,
    ) -> tuple[Path, Path]:
        """Folders of MRC images and of CSV picks, of each class in turn where there are several."""
        for number in range(count):
            image, _, points = self.objects(shape, seed + number, radius=radius)
            names = np.resize(np.array(classes, dtype=np.str_), len(points)) if classes else None
            write_image(folder / "images" / f"{number}.mrc", image, pixel_size)
            write_picks(
                folder / "picks" / f"{number}.csv",
                Picks(points, classes=names),
                format="csv",
                image_name=f"{number}.mrc",
            )
        return folder / "images", folder / "picks"


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
def make() -> Maker:
    """Write images with plain objects in them, and what marks these, to train on."""
    return Maker()


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
