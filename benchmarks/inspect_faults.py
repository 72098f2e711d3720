"""Whether `motes inspect` finds planted faults of masks, and keeps silent on clean sets.

30 simulated images of beads, 256 x 256, of both optics, and the real sets in MOTES_REAL_DATA where that is set; each
fault of tests/planted_mask_faults.py is planted in turn, with several seeds. Prints a row for each fault: how often it
was found, the share of its images that were named, images named wrongly, and other faults that were called unusable.

    python benchmarks/inspect_faults.py --seeds 3 [--sets bright-field emps_em_particles] [--faults swapped moved]
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from motes.data.mask_pairs import collect_masks
from motes.data.masks import MaskKind, whole
from motes.data.normalise import Normalisation
from motes.jobs.mask_faults import MaskFault
from motes.jobs.mask_look import look_at_masks
from motes.simulate.bead_world import FLUORESCENT, BeadWorld
from motes.simulate.beads import simulate_beads
from planted_mask_faults import FAULTS, MaskSet, Planted, binary

COUNT = 30
WORLDS = {"bright-field": BeadWorld(), "fluorescence": FLUORESCENT}
REAL = ("dsb2018_nuclei", "emps_em_particles")


@dataclass
class Tally:
    """What came of one fault in one set, over the seeds."""

    runs: int = 0
    found: int = 0
    planted: int = 0
    named: int = 0
    wrong: int = 0
    others: set[str] = field(default_factory=set)


def simulated(optics: str, seed: int) -> MaskSet:
    beads = [simulate_beads(WORLDS[optics], seed, number) for number in range(COUNT)]
    return MaskSet([each.image for each in beads], [each.labels.astype(np.uint16) for each in beads])


def real(name: str) -> MaskSet:
    """Images of which two have the same size at least, so that masks can be exchanged; as 8-bit grey values."""
    root = Path(os.environ["MOTES_REAL_DATA"]) / name
    found = collect_masks([str(root / "images")], str(root / "labels"), "instances", Normalisation()).images
    images = [whole(each.image) for each in found]
    return MaskSet([np.asarray(each, np.uint8) for each in images], [whole(each.mask) for each in found])


def look(planted: MaskSet, kind: MaskKind) -> list[MaskFault]:
    with tempfile.TemporaryDirectory() as folder:
        return look_at_masks(planted.save(Path(folder)), kind)[1]


def tell_clean(name: str, clean: MaskSet) -> None:
    masks = [binary(mask) for mask in clean.masks]
    for kind, kept in (("instances", clean), ("binary", MaskSet(clean.images, masks))):
        found = [f"{fault.kind}{'!' if fault.unusable else ''}" for fault in look(kept, kind)]
        print(f"{name:20} clean, as {kind:18} {', '.join(found) or 'silent'}", flush=True)


def add(tally: Tally, clean: MaskSet, fault: Planted, seed: int) -> None:
    planted = clean.copy()
    try:
        which = fault.plant(planted, np.random.default_rng(seed))
    except ValueError:  # no images of one size
        return
    expected = {f"{number:02d}.tif" for number in which}
    faults = look(planted, fault.kind)
    right = [each for each in faults if each.kind == fault.key]
    named = {Path(name).name for each in right for name in each.images}
    tally.runs += 1
    tally.found += any(each.unusable for each in right) or bool(right and not fault.unusable)
    tally.planted += len(expected)
    tally.named += len(named & expected)
    tally.wrong += len(named - expected)
    tally.others |= {
        each.kind for each in faults if each.unusable and each.kind not in (fault.key, *fault.also)
    }


def sets(names: list[str], seed: int) -> Iterator[tuple[str, MaskSet]]:
    for name in names:
        yield name, simulated(name, seed) if name in WORLDS else real(name)


def main() -> None:
    known = [*WORLDS, *(REAL if "MOTES_REAL_DATA" in os.environ else ())]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", default=known, choices=known)
    parser.add_argument("--faults", nargs="+", default=[""], help="parts of the names of faults")
    options = parser.parse_args()
    chosen = {name: fault for name, fault in FAULTS.items() if any(part in name for part in options.faults)}
    for set_name, clean in sets(options.sets, 0):
        tell_clean(set_name, clean)
        for name, fault in chosen.items():
            tally = Tally()
            for seed in range(options.seeds):
                add(tally, clean, fault, seed)
            share = tally.named / max(1, tally.planted)
            others = ", ".join(sorted(tally.others)) or "-"
            print(
                f"{set_name:20} {name:28} found {tally.found}/{tally.runs}, images {share:.0%}, wrong {tally.wrong}, "
                f"other faults {others}",
                flush=True,
            )


if __name__ == "__main__":
    main()
