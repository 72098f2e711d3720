"""Programs that pick without being trained on the images: the shipped model of motes, and its three peers.

Each is called as a program and gives all its picks with their scores; a finished piece of work is kept. Peers:
Topaz's packaged detector (topaz.py), RELION 3.1's Laplacian of Gaussian (Zivanov et al. 2018, eLife 7, e42166) and
blob_log of scikit-image (van der Walt et al. 2014, PeerJ 2, e453).
"""

import csv
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import measure
import motes
import motes_folds
import topaz
import topaz_folds
from measure import MOTES
from motes.data.scale import resample, working_shape
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.formats.relion import write_micrographs_star
from motes.nets.model_file import load_model
from motes.picking.suppress import suppress
from motes.picks import Picks, empty_picks
from real_micrographs import Outcome, best_threshold, score_all
from real_sets import Micrograph, RealSet

SHIPPED = Path(motes.__file__).parent / "models" / "default.safetensors"
WORKING_DIAMETER = 22.0  # px, of a particle in the images that blob_log sees
NEAREST = 0.7  # diameters between two picks of blob_log
AROUND = 0.1  # RELION looks for diameters so much smaller and larger than the true one
ALL = -5  # RELION's threshold in standard deviations; low enough to give every pick


@dataclass(frozen=True)
class Box:
    """The model in the box. model: another file in its place. threads: of each program."""

    model: Path | None = None
    threads: int = 2

    @property
    def file(self) -> Path:
        """The model file that is used."""
        return self.model or SHIPPED

    @property
    def options(self) -> list[object]:
        """What `motes pick` is told; nothing for the shipped model."""
        return ["--model", self.model] if self.model else []

    @cached_property
    def key(self) -> str:
        """A short name for the bytes of the model."""
        return measure.content_key([self.file], {})


def motes_box(data: RealSet, work: Path, box: Box, factor: float = 1.0) -> Outcome:
    """`motes pick` on the original files, told factor times the diameter; thresholds are its own."""
    diameter = factor * data.diameter
    out = place(data, work / "motes", {"model": box.key, "diameter": diameter})
    done = measure.load_done(out)
    if done is None:
        shutil.rmtree(out, ignore_errors=True)
        motes_folds.stage(out / "test", data.micrographs, {})
        options = ["--diameter", f"{diameter:g}px", "--out", out / "picked", "--threads", box.threads]
        command = [*MOTES, "pick", out / "test/images", *box.options, *options]
        done = measure.save_done(out, {"pick": measure.run(command, out / "pick.log", box.threads)})
    return picked(out / "picked", data.micrographs, box.file, [done["usage"]])


def picked(folder: Path, micrographs: tuple[Micrograph, ...], model: Path, usage: Any) -> Outcome:
    """What `motes pick` left in its folder: candidates, and the threshold of each image."""
    with (folder / "summary.csv").open(newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    (general,) = load_model(model).description.thresholds.values()
    picks, thresholds = motes_folds.read_back(folder / "picks", micrographs), {}
    for one in micrographs:
        row = rows[f"{one.name}{one.path.suffix}"]
        thresholds[one.name] = float(row.get("threshold") or general)
        above = len(picks[one.name].above(thresholds[one.name]))
        if above != int(row["picks"]):
            print(f"{one.name}: {above} picks reach the threshold; the summary says {row['picks']}")
    return Outcome(picks, thresholds, usage)


def topaz_packaged(data: RealSet, work: Path, factor: float = 1.0) -> Outcome:
    """Topaz's packaged detector, on images scaled down as much as the set says, or factor times that."""
    settings = replace(data.topaz, scale=max(1, round(factor * data.topaz.scale)))
    done = topaz_folds.packaged(replace(data, topaz=settings), work / "topaz")
    return Outcome(done.picks, None, [done.usage])


def relion_log(data: RealSet, work: Path, factor: float = 1.0) -> Outcome:
    """RELION's Laplacian of Gaussian, told factor times the diameter."""
    diameter = factor * data.diameter
    out = place(data, work / "relion", {"diameter": diameter, "around": AROUND, "threshold": ALL})
    done = measure.load_done(out)
    if done is None:
        shutil.rmtree(out, ignore_errors=True)
        (out / "images").mkdir(parents=True)
        for one in data.micrographs:
            original = topaz.to_mrc(one.path, work / "topaz" / "mrc" / data.name, one.name)
            (out / "images" / f"{one.name}.mrc").symlink_to(original)
        done = measure.save_done(out, {"pick": run_relion(out, diameter)})
    files = {one.name: out / "picks/images" / f"{one.name}_autopick.star" for one in data.micrographs}
    return Outcome({name: read_one(file) for name, file in files.items()}, None, [done["usage"]])


def run_relion(out: Path, diameter: float) -> measure.Usage:
    """Pick out/images/*.mrc into out/picks, shrunk as its users do. At 1 A/px pixels stand for Angstroms."""
    names = sorted(f"images/{image.name}" for image in (out / "images").glob("*.mrc"))
    optics = {"voltage": 300, "spherical_aberration": 2.7, "amplitude_contrast": 0.1}
    write_micrographs_star(out / "micrographs.star", names, 1.0, **optics)
    sizes = ["--LoG_diam_min", (1 - AROUND) * diameter, "--LoG_diam_max", (1 + AROUND) * diameter]
    options = ["--i", "micrographs.star", "--odir", "picks/", "--pickname", "autopick"]
    options += ["--shrink", min(1.0, WORKING_DIAMETER / diameter), "--LoG_adjust_threshold", ALL]
    command = ["env", f"--chdir={out}", "relion_autopick", *options, "--LoG", *sizes]
    return measure.run(command, out / "pick.log", threads=1)


def read_one(file: Path) -> Picks:
    """The picks in a file of one image; none where there is no file."""
    return next(iter(read_picks(file).values()), empty_picks(2)) if file.exists() else empty_picks(2)


def blob_log(data: RealSet, work: Path, factor: float = 1.0) -> Outcome:
    """blob_log, told factor times the diameter, on standardised images; the best of near blobs stays."""
    diameter = factor * data.diameter
    out = place(data, work / "blob_log", {"diameter": diameter, "working": WORKING_DIAMETER})
    shrunk = min(1.0, WORKING_DIAMETER / data.diameter)
    done = measure.load_done(out)
    if done is None:
        out.mkdir(parents=True, exist_ok=True)
        for one in data.micrographs:
            np.save(out / f"{one.name}.npy", standardised(one.path, shrunk))
        program = Path(__file__).with_name("run_blob_log.py")
        command = [with_skimage(), program, out, shrunk * diameter]
        done = measure.save_done(out, {"pick": measure.run(command, out / "pick.log")})
    picks = {}
    for one in data.micrographs:
        table = np.load(out / "blobs" / f"{one.name}.npy")
        found = Picks(table[:, :2], scores=table[:, 2]).scaled(1 / shrunk)
        picks[one.name] = suppress(found, NEAREST * data.diameter)
    return Outcome(picks, None, [done["usage"]])


def standardised(path: Path, factor: float) -> np.ndarray:
    """An image scaled by a factor, with mean 0 and variance 1."""
    pixels = read_image(path).data.astype(np.float32)
    small = resample(pixels, working_shape(pixels.shape, factor))
    return (small - small.mean()) / small.std()


def with_skimage() -> str:
    """The Python that runs blob_log; SystemExit where MOTES_SKIMAGE names none."""
    path = os.environ.get("MOTES_SKIMAGE", sys.executable)
    if not Path(path).is_file():
        raise SystemExit(
            f"MOTES_SKIMAGE is {path!r}; it must be a Python that has scikit-image "
            "(python -m venv ENV; ENV/bin/pip install scikit-image; MOTES_SKIMAGE=ENV/bin/python)"
        )
    return path


def place(data: RealSet, work: Path, settings: Mapping[str, Any]) -> Path:
    """The folder for what a program does with a set of images: named by their bytes and the settings."""
    names = [one.name for one in data.micrographs]
    key = measure.content_key([one.path for one in data.micrographs], {"names": names, **settings})
    return work / f"{data.name.replace(',', '').replace(' ', '-')}-{key}"


@dataclass(frozen=True)
class Peer:
    """A program with the factors by which the diameter, or the scale, that it is told may be off."""

    run: Callable[[RealSet, Path, float], Outcome]
    factors: tuple[float, ...]

    def best(self, data: RealSet, work: Path) -> tuple[Outcome, float]:
        """The outcome with the highest F1 at any threshold on these very images, and its factor."""
        outcomes = {factor: self.run(data, work, factor) for factor in self.factors}
        factor = max(outcomes, key=lambda one: highest_f1(data, outcomes[one]))
        return outcomes[factor], factor


def highest_f1(data: RealSet, outcome: Outcome) -> float:
    """The F1 against the first annotator at the threshold that is best for it; 0 without picks."""
    _, best = best_threshold(score_all(data, outcome.picks, next(iter(data.truths))))
    return best or 0.0


PEERS = {
    "topaz-packaged": Peer(topaz_packaged, (0.6, 0.75, 1.0)),
    "relion-log": Peer(relion_log, (0.6, 0.8, 1.0, 1.3)),
    "blob-log": Peer(blob_log, (0.6, 0.8, 1.0, 1.3)),
}
