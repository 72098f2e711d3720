"""Runs Topaz, a picker by positive-unlabelled learning, as a program in an environment of its own.

Source: Bepler et al. 2019, Nature Methods 16, 1153-1160; PyPI topaz-em. The environment variable
MOTES_TOPAZ names its program. Topaz sees images scaled down so that a particle's radius is about 8 px,
as its tutorial says; coordinates in and out are here always pixels of the full-size image.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np

import measure
from measure import Usage
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.picks import Picks


@dataclass(frozen=True)
class Settings:
    """How Topaz is run on one data set.

    scale: images are scaled down by it. radius: of a pick, px after scaling (no two picks are closer).
    epochs, epoch_size: training epochs, and updates in each. The rest of training keeps Topaz's defaults:
    GE-binomial, positive regions of radius 3 px, resnet8 of 32 units from the packaged weights.
    """

    scale: int
    radius: int
    epochs: int = 10
    epoch_size: int = 1000
    threads: int = 2


def program() -> str:
    """The path of the topaz program; SystemExit when MOTES_TOPAZ does not name one."""
    path = os.environ.get("MOTES_TOPAZ", "")
    if not Path(path).is_file():
        raise SystemExit(
            f"MOTES_TOPAZ is {path!r}; it must be the path of the program topaz "
            "(python -m venv ENV; ENV/bin/pip install topaz-em torch torchvision; MOTES_TOPAZ=ENV/bin/topaz)"
        )
    return path


def to_mrc(image: Path, folder: Path, name: str | None = None) -> Path:
    """Write any picture as a float32 MRC file, which every picker reads; rows keep their order."""
    path = folder / f"{name or image.stem}.mrc"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = read_image(image).data.astype(np.float32)
        temporary = path.with_suffix(".part")
        with mrcfile.new(temporary, overwrite=True) as mrc:
            mrc.set_data(pixels)
        temporary.rename(path)
    return path


def preprocess(images: Sequence[Path], out: Path, settings: Settings) -> Usage:
    """Scale and normalise images into a folder, under the same names."""
    out.mkdir(parents=True, exist_ok=True)
    options = ["-d", -1, "-j", settings.threads, "-s", settings.scale, "-o", f"{out}/"]
    return measure.run([program(), "preprocess", *options, *images], out / "preprocess.log", settings.threads)


def extract(images: Sequence[Path], out: Path, settings: Settings, model: Path | None = None) -> Usage:
    """Pick preprocessed images into one Topaz table; without a model, with the packaged detector."""
    options: list[object] = [
        "-d",
        -1,
        "-j",
        settings.threads,
        "-r",
        settings.radius,
        "-x",
        settings.scale,
        "-o",
        out,
    ]
    if model is not None:
        options += ["-m", model]
    command = [program(), "extract", *options, *images]
    return measure.run(command, out.with_suffix(".log"), settings.threads)


def train(images: Sequence[Path], truth: Mapping[str, Picks], out: Path, settings: Settings) -> Usage:
    """Train on preprocessed images and the picks of each (by the image's stem); see trained_model.

    The expected number of particles per micrograph (-n) is the mean number of the picks, which is the
    truth here and so in Topaz's favour.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_targets(out / "targets.txt", {image.stem: truth[image.stem] for image in images}, settings.scale)
    lines = [f"{image.stem}\t{image}" for image in images]
    (out / "images.txt").write_text("\n".join(["image_name\tpath", *lines]) + "\n")
    expected = round(float(np.mean([len(truth[image.stem]) for image in images])))
    options: list[object] = ["-d", -1, "-j", settings.threads, "--num-workers", 0, "-n", expected]
    options += ["--train-images", out / "images.txt", "--train-targets", out / "targets.txt"]
    options += ["--num-epochs", settings.epochs, "--epoch-size", settings.epoch_size]
    options += ["--save-prefix", out / "model", "-o", out / "curve.txt"]
    return measure.run([program(), "train", *options], out / "train.log", settings.threads)


def trained_model(out: Path, settings: Settings) -> Path:
    """The model after the last epoch of a training into that folder."""
    return out / f"model_epoch{settings.epochs}.sav"


def write_targets(path: Path, truth: Mapping[str, Picks], scale: int) -> None:
    """Write picks as a Topaz table in pixels of the preprocessed images (whole numbers, as Topaz reads)."""
    lines = ["image_name\tx_coord\ty_coord"]
    for name, picks in truth.items():
        scaled = np.floor((picks.points + 0.5) / scale).astype(int)
        lines += [f"{name}\t{x}\t{y}" for y, x in scaled]
    path.write_text("\n".join(lines) + "\n")


def read_table(path: Path) -> dict[str, Picks]:
    """Read a Topaz table written by extract: picks with scores (log-odds) by the image's stem."""
    return {str(name): picks for name, picks in read_picks(path, format="topaz").items() if name is not None}


def describe(settings: Settings) -> dict[str, Any]:
    """The settings as plain data, for keys and reports."""
    return asdict(settings)
