"""Objects in real images: nuclei in fluorescence and nanoparticles in electron micrographs.

MOTES_REAL_DATA names the folder that holds both (images/ and labels/ each).
`dsb2018_nuclei` (Caicedo et al. 2019, Nature Methods 16, 1247; labels as corrected by lopuhin): of its images those of
fluorescence, which are grey with a dark ground, the median below the middle of the range of grey values. Every second
one by size and number of objects is one half; a net is trained on each half and tested on the other.
`emps_em_particles` (Yildirim and Cole 2021, Journal of Chemical Information and Modeling 61, 1136): 30 images to
train on, 11 to test on, spread evenly over the numbers of objects. Intervals come from resampling images. Otsu's
threshold and a watershed stand beside, fitted on the images that the net was trained on.

    python benchmarks/real_objects.py [key=value ...] --work DIR [--sets nuclei particles]

A net that is trained is kept. Words such as training.epochs=30 change the recipe `objects`. Nothing of the images is
copied into DIR but what was found in them.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from classical_objects import Classical, fitted
from motes.formats.images import image_info
from motes.recipe_file import load_recipe
from object_runs import (
    Annotated,
    Labels,
    annotated,
    difference,
    minutes,
    outlined,
    record,
    save,
    scored,
    segmented,
    table,
    trained_and_outlined,
    with_interval,
)

NUCLEI, PARTICLES = "dsb2018_nuclei", "emps_em_particles"
TESTED = 11  # images of particles
CORES = 2
SETTINGS: dict[str, tuple[str, ...]] = {
    "nuclei": (  # from 8 to 50 px across
        "net.depth=5",
        "sampling.size=160",
        "augmentation.scale=0.5",
        "training.epochs=12",
    ),
    "particles": ("training.epochs=10",),
}
VIEWS = {"nuclei": 8, "particles": 1}
Fold = tuple[list[Annotated], list[Annotated]]


def real_data() -> Path:
    root = Path(os.environ.get("MOTES_REAL_DATA", ""))
    if not (root / NUCLEI).is_dir():
        raise SystemExit(f"MOTES_REAL_DATA is {str(root)!r}; it must be the folder that holds {NUCLEI}/")
    return root


def nuclei() -> list[Fold]:
    """Both halves of the fluorescence images, each to train on once."""
    every = annotated(real_data() / NUCLEI)
    taken = by_size([each for each in every if is_fluorescence(each)])
    print(f"{NUCLEI}: {len(taken)} of {len(every)} images are fluorescence")
    halves = taken[::2], taken[1::2]
    return [(halves[0], halves[1]), (halves[1], halves[0])]


def is_fluorescence(each: Annotated) -> bool:
    pixels = each.pixels()
    low, high = np.percentile(pixels, [1, 99])
    return bool(np.median(pixels) < (low + high) / 2)


def by_size(images: Sequence[Annotated]) -> list[Annotated]:
    return sorted(images, key=lambda each: (image_info(each.image).shape, objects_in(each), each.name))


def particles() -> list[Fold]:
    """One fold: of the images in the order of their objects, one of each of so many equal parts is tested."""
    every = sorted(annotated(real_data() / PARTICLES), key=lambda each: (objects_in(each), each.name))
    middles = {int((part + 0.5) * len(every) / TESTED) for part in range(TESTED)}
    test = [each for number, each in enumerate(every) if number in middles]
    return [([each for each in every if each not in test], test)]


def objects_in(each: Annotated) -> int:
    return int(np.count_nonzero(np.unique(each.truth())))


def compare(name: str, folds: Sequence[Fold], changes: Sequence[str], work: Path) -> dict[str, object]:
    """Train and test on each fold, score the images of all folds together, and print what came out."""
    test: list[Annotated] = []
    found: dict[str, list[Labels]] = {"motes": [], "Otsu + watershed": []}
    settings: list[Classical] = []
    parts = at_once(folds, [*SETTINGS[name], *changes], work, VIEWS[name])
    for part, (shown, hidden) in zip(parts, folds, strict=True):
        settings.append(fitted(shown))
        found["motes"] += outlined(part, hidden)
        found["Otsu + watershed"] += segmented(hidden, settings[-1].segment)
        test += hidden
    rows = {program: scored(labels, test) for program, labels in found.items()}
    spent = max(minutes(part) for part in parts)
    took = {"motes": spent}
    better = difference(rows["motes"], rows["Otsu + watershed"], "f1")
    sizes = " and ".join(f"{len(shown)} to train on, {len(hidden)} to test on" for shown, hidden in folds)
    print(f"\n{name}: {sizes}")
    print(table(rows, took))
    print(f"object F1 at IoU 0.5, motes less Otsu + watershed: {with_interval(better)}")
    worst = sorted(rows["motes"].images, key=lambda image: image.values()["f1_50"])[:3]
    print("worst: " + ", ".join(f"{image.name} {image.values()['f1_50']:.3f}" for image in worst))
    asked(name, rows["motes"].values["f1"].value, better.value, spent)
    return {
        "changes": [*SETTINGS[name], *changes],
        "rows": record(rows, took),
        "classical": [asdict(each) for each in settings],
        "difference_f1": [better.value, better.low, better.high],
    }


def at_once(folds: Sequence[Fold], changes: Sequence[str], work: Path, views: int) -> list[Path]:
    """The folder of each fold; all are trained at the same time and share two cores."""
    with ThreadPoolExecutor(len(folds)) as pool:
        started = [
            pool.submit(trained_and_outlined, "objects", changes, *fold, work, views, CORES // len(folds))
            for fold in folds
        ]
        return [each.result() for each in started]


def asked(name: str, f1: float, better: float, spent: float) -> None:
    """What is asked, and whether it is reached."""
    wanted = {"object F1 >= 0.85": f1 >= 0.85, "<= 15 min": spent <= 15}
    if name == "particles":
        wanted = {"object F1 at least 0.10 above Otsu + watershed": better >= 0.10}
    print("; ".join(f"{what}: {'yes' if reached else 'NO'}" for what, reached in wanted.items()))


SETS: dict[str, Callable[[], list[Fold]]] = {"nuclei": nuclei, "particles": particles}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("changes", nargs="*")
    options = parser.parse_intermixed_args(arguments)
    for name in options.sets:
        load_recipe("objects", [*SETTINGS[name], *options.changes])  # before anything is done with bad words
    for name in options.sets:
        content = compare(name, SETS[name](), options.changes, options.work / name)
        save(options.work / f"{name}.json", content)


if __name__ == "__main__":
    main()
