"""The two annotated sets of real micrographs, and their folds for cross-validation by image.

MOTES_REAL_DATA names the folder that holds them. Sources: apoferritin, EMPIAR-10146, two people's
annotations (A: Al-Azzawi et al. 2019, BMC Bioinformatics 20, 451; B: github.com/Joac1137);
beta-galactosidase, EMPIAR-10017, annotated in CryoPPP (Dhakal et al. 2023, Scientific Data 10, 392).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from motes.picks import Picks
from topaz import Settings

FIELDS_PER_FOLD = 2
BY_TWO_PEOPLE = "empiar10146_apoferritin"
BY_CRYOPPP = "empiar10017_bgal_cryoppp"
CRYOPPP_RIM = 130  # px; nearer to an edge CryoPPP has no particle in any of these micrographs


@dataclass(frozen=True)
class Micrograph:
    """One image file; single exposures of a field have its name with '_single' added."""

    name: str
    path: Path
    field: str

    @property
    def is_single(self) -> bool:
        """Whether this is a single exposure, nearly without contrast; its field is there averaged too."""
        return self.name != self.field


@dataclass(frozen=True)
class RealSet:
    """Annotated micrographs with what is needed to train on them and to score them.

    truths: annotator -> image name -> picks; the first is the one trained on. radius: px, of a match.
    rim: px, left out of the score. diameter: px, of a particle.
    """

    name: str
    micrographs: tuple[Micrograph, ...]
    truths: dict[str, dict[str, Picks]]
    radius: float
    rim: float
    diameter: float
    shape: tuple[int, int]
    topaz: Settings

    @property
    def training_truth(self) -> dict[str, Picks]:
        """The picks trained on, by image name."""
        return next(iter(self.truths.values()))


@dataclass(frozen=True)
class Fold:
    """One part of a cross-validation: the images trained on and the images held out."""

    number: int
    train: tuple[Micrograph, ...]
    test: tuple[Micrograph, ...]


def load_sets(epoch_size: int, threads: int = 2) -> list[RealSet]:
    """Both sets; Topaz trains with these updates an epoch. SystemExit when MOTES_REAL_DATA is not their folder."""
    root = Path(os.environ.get("MOTES_REAL_DATA", ""))
    if not (root / BY_TWO_PEOPLE).is_dir():
        raise SystemExit(
            f"MOTES_REAL_DATA is {str(root)!r}; it must be the folder that holds {BY_TWO_PEOPLE}/"
        )
    return [
        apoferritin(root / BY_TWO_PEOPLE, Settings(4, 7, epoch_size=epoch_size, threads=threads)),
        galactosidase(root / BY_CRYOPPP, Settings(8, 7, epoch_size=epoch_size, threads=threads)),
    ]


def apoferritin(root: Path, settings: Settings) -> RealSet:
    """Eight averaged fields of 1240 x 1200, two of them as single exposures too, by two annotators."""
    averaged = [Micrograph(path.stem, path, path.stem) for path in (root / "images").glob("*.png")]
    single = [
        Micrograph(f"{path.stem}_single", path, path.stem)
        for path in (root / "noisy_unaveraged").glob("*.png")
    ]
    micrographs = in_order(averaged + single)
    truths = {
        "A": load_truth(root / "coords_annotatorA_discs", micrographs),
        "B": load_truth(root / "coords_annotatorB_points", micrographs),
    }
    return RealSet("apoferritin", micrographs, truths, 20, 0, 66, (1200, 1240), settings)


def galactosidase(root: Path, settings: Settings) -> RealSet:
    """Eight micrographs of 4096 x 4096 with a smeared rim, annotated in CryoPPP."""
    micrographs = in_order(
        [Micrograph(path.stem, path, path.stem) for path in (root / "images").glob("*.jpg")]
    )
    truths = {"CryoPPP": load_truth(root / "coords_cryoppp", micrographs)}
    return RealSet("beta-galactosidase", micrographs, truths, 40, CRYOPPP_RIM, 108, (4096, 4096), settings)


def in_order(micrographs: Sequence[Micrograph]) -> tuple[Micrograph, ...]:
    """Sorted by name, a field before its single exposure."""
    return tuple(sorted(micrographs, key=lambda one: one.name))


def load_truth(folder: Path, micrographs: Sequence[Micrograph]) -> dict[str, Picks]:
    """The annotation of every image: the first two columns are x and y in px of the full-size image."""
    truth = {}
    for one in micrographs:
        table = np.loadtxt(folder / f"{one.field}.csv", delimiter=",", skiprows=1, usecols=(0, 1), ndmin=2)
        truth[one.name] = Picks(table[:, ::-1])
    return truth


def make_folds(micrographs: Sequence[Micrograph]) -> list[Fold]:
    """Fold k holds out fields 2k and 2k + 1 in the order of their names, with their single exposures."""
    fields = sorted({one.field for one in micrographs})
    folds = []
    for start in range(0, len(fields), FIELDS_PER_FOLD):
        held_out = fields[start : start + FIELDS_PER_FOLD]
        test = tuple(one for one in micrographs if one.field in held_out)
        train = tuple(one for one in micrographs if one.field not in held_out)
        folds.append(Fold(start // FIELDS_PER_FOLD, train, test))
    return folds
