"""Images on which the model in the box is measured, beyond the two annotated sets: simulated worlds, and nothing.

Simulated micrographs are of held-out shapes and noise, and are told a diameter of 22 px, which is up to a quarter
off the true one. Each set is described like a real one (real_sets.RealSet).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import measure
import topaz
from measure import MOTES
from motes.formats.images import image_info, read_image, write_image
from motes.formats.picks import read_picks
from motes.picks import Picks, empty_picks
from motes.simulate.micrographs import simulate_micrograph
from motes.simulate.worlds import HELD_OUT, draw_world
from real_micrographs import Outcome
from real_sets import Micrograph, RealSet

STATED = 22.0  # px, what the programs are told
MATCH = 0.35  # stated diameters between a pick and the particle that it found
TOPAZ = topaz.Settings(scale=1, radius=9)
ICE: dict[str, Any] = {
    "carbon_probability": 0.0,
    "contamination": (0, 0),
    "gold": (0, 0),
    "filaments": (0, 0),
}
ICE |= {"scratches": (0, 0)}
EMPTY_WORLDS: dict[str, dict[str, Any]] = {
    "simulated, pure ice": ICE,
    "simulated, ice with dirt": {"carbon_probability": 0.0, "contamination": (4, 12)},
    "simulated, carbon only": {**ICE, "carbon_probability": 1.0, "carbon_depth": (3.0, 3.0)},
    "simulated, edge of carbon": {**ICE, "carbon_probability": 1.0, "carbon_depth": (0.3, 0.7)},
}
NO_PARTICLES = {"particles": (0, 0), "distractors": (), "distractor_count": (0, 0), "aggregates": (0, 0)}


@dataclass(frozen=True)
class Crop:
    """A part of a real image where there is no particle, or none but the annotated ones.

    top, left, bottom, right: px, the last two excluded.
    """

    image: str
    top: int
    left: int
    bottom: int
    right: int


SIDE = 396  # px of a crop; RELION wants images of one size
CARBON = tuple(
    Crop(image, top, left, top + SIDE, left + SIDE)
    for image, corners in {
        "Falcon_2012_06_12-15_30_21_0": [(100, 100), (100, 496), (496, 100), (496, 496)],
        "Falcon_2012_06_12-14_33_35_0": [(3560, 3600)],
    }.items()
    for top, left in corners
)
ICE_BALL = Crop("contaminated_micrograph/Ucsf_stack_1142_DW.mrc", 0, 515, 345, 950)
HOLES = ("mrc_small_real/holey_carbon_tilt1_512.mrc", "mrc_small_real/holey_carbon_tilt2_512.mrc")


def worlds(folder: Path, snr: float, count: int, seed: int) -> RealSet:
    """Held-out worlds with that signal-to-noise ratio, made by `motes simulate worlds`."""
    name = f"worlds-snr{snr:g}-{count}-seed{seed}"
    out = folder / name
    options = ["--count", count, "--seed", seed, "--snr", snr, "--held-out"]
    measure.run([*MOTES, "simulate", "worlds", out, *options], folder / f"{name}.log")
    return described(name, sorted((out / "images").glob("*.mrc")), STATED, out / "picks")


def described(name: str, files: Sequence[Path], diameter: float, truth: Path | None = None) -> RealSet:
    """A set of simulated images, or of images without particles, with the truth in a folder of CSV files."""
    micrographs = tuple(Micrograph(path.stem, path, path.stem) for path in files)
    nothing = {one.name: empty_picks(2) for one in micrographs}
    found = {path.stem: truth_in(truth / f"{path.stem}.csv") for path in files} if truth else nothing
    shape = image_info(files[0]).shape
    return RealSet(name, micrographs, {"truth": found}, MATCH * diameter, 0, diameter, shape, TOPAZ)


def truth_in(file: Path) -> Picks:
    """The picks in a file, none where it has no rows."""
    return next(iter(read_picks(file).values()), empty_picks(2))


def empty_worlds(folder: Path, kind: str, count: int, seed: int) -> RealSet:
    """Simulated micrographs of held-out worlds in which no particle is, of a kind of EMPTY_WORLDS."""
    name = kind.replace(", ", "-").replace(" ", "-")
    files = [folder / f"{name}-seed{seed}" / f"{name}_{index:03d}.mrc" for index in range(count)]
    for index, path in enumerate(files):
        if not path.exists():
            write_image(path, empty_micrograph(kind, seed, index))
    return described(kind, files, STATED)


def empty_micrograph(kind: str, seed: int, index: int) -> np.ndarray:
    """The pixels of a held-out world of that kind, without particles, finished like any other."""
    rng = np.random.default_rng([seed, list(EMPTY_WORLDS).index(kind), index])
    drawn = draw_world(HELD_OUT, rng)
    world = drawn.world.model_copy(update={**NO_PARTICLES, **EMPTY_WORLDS[kind]})
    return drawn.finish.apply(simulate_micrograph(world, seed, index).image.data, rng)


def carbon_crops(data: RealSet, folder: Path) -> RealSet:
    """Parts of two micrographs of beta-galactosidase that lie on carbon, with the little annotated in them."""
    paths = {one.name: one.path for one in data.micrographs}
    files = [cut_out(paths[crop.image], crop, folder) for crop in CARBON]
    made = replace(described("real, carbon", files, data.diameter), radius=data.radius, topaz=data.topaz)
    ((annotator, truth),) = data.truths.items()
    inside = {file.stem: within(truth[crop.image], crop) for file, crop in zip(files, CARBON, strict=True)}
    return replace(made, truths={annotator: inside})


def carbon_in_place(crops: RealSet, outcome: Outcome) -> tuple[RealSet, Outcome]:
    """The same parts, with what was picked there when the whole micrographs were."""
    from_crop = {one.name: crop for one, crop in zip(crops.micrographs, CARBON, strict=True)}
    picks = {name: within(outcome.picks[crop.image], crop) for name, crop in from_crop.items()}
    own = outcome.thresholds
    thresholds = own and {name: own[crop.image] for name, crop in from_crop.items()}
    part = replace(crops, name="real, carbon, within the whole micrograph")
    return part, replace(outcome, picks=picks, thresholds=thresholds)


def within(picks: Picks, crop: Crop) -> Picks:
    """The picks that lie in a crop, in its pixels."""
    low, high = np.array([crop.top, crop.left]), np.array([crop.bottom, crop.right])
    chosen = picks.select(((picks.points >= low) & (picks.points <= high - 1)).all(axis=1))
    return replace(chosen, points=chosen.points - low)


def cut_out(image: Path, crop: Crop, folder: Path) -> Path:
    """Write a part of an image as a file of its own."""
    path = folder / f"{image.stem}_{crop.top}_{crop.left}_{crop.bottom}_{crop.right}.mrc"
    if not path.exists():
        pixels = read_image(image).data[crop.top : crop.bottom, crop.left : crop.right]
        write_image(path, np.ascontiguousarray(pixels, dtype=np.float32))
    return path


def contaminated(root: Path, folder: Path) -> list[RealSet]:
    """A ball of ice, and carbon with empty holes and ice growing on it; the diameter is one that was chosen."""
    ball = cut_out(root / ICE_BALL.image, ICE_BALL, folder)
    holes = [root / name for name in HOLES]
    whole = [cut_out(path, Crop(path.name, 0, 0, 512, 512), folder) for path in holes]
    return [described("real, ball of ice", [ball], 30.0), described("real, holey carbon", whole, STATED)]
