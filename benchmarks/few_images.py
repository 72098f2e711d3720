"""A threshold from few images: fitted on those kept for validation alone, or on those trained on too, as motes does.

From `emps_em_particles` (Yildirim and Cole 2021, Journal of Chemical Information and Modeling 61, 1136) nine images are
drawn; the recipe `objects` is trained on seven of them and validated on two, and all others are tested on. Told is the
F1 of objects at an IoU of 0.5 on these, at either threshold, and at the one that would be best there.
MOTES_REAL_DATA names the folder that holds the images.

    python benchmarks/few_images.py --work DIR [--draws 4] [key=value ...]

A net that is trained is kept. Words such as training.epochs=10 change the recipe.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from measure import MOTES, content_key, load_done, run, save_done
from motes.data.sources import write_data_rows
from motes.data.working import to_working_scale
from motes.formats.images import read_image
from motes.nets.model_file import Model, load_model
from motes.picking.thresholds import fit_threshold, parse_goal
from motes.predict.maps import fast_precision, probability_maps
from motes.score.metrics import Curve, Ranked, precision_recall_curve
from motes.train.validate import ranked_objects
from object_runs import Annotated, annotated, save
from real_objects import PARTICLES, real_data

DRAWN, VALIDATED = 9, 2
THREADS = 2


def draw(every: Sequence[Annotated], number: int) -> tuple[list[Annotated], list[Annotated], list[Annotated]]:
    """Images to train on, to validate on, and all others."""
    order = np.random.default_rng([number, 99]).permutation(len(every))
    chosen = [every[place] for place in order]
    return chosen[VALIDATED:DRAWN], chosen[:VALIDATED], chosen[DRAWN:]


def trained(
    train: Sequence[Annotated], validation: Sequence[Annotated], changes: Sequence[str], work: Path
) -> Model:
    """The model that `motes train` makes of these images; a finished one of the same words is kept."""
    files = [file for each in (*train, *validation) for file in (each.image, each.labels)]
    work = work / content_key(files, {"changes": list(changes)})
    if load_done(work) is None:
        work.mkdir(parents=True, exist_ok=True)
        parts = {"train": train, "validation": validation}
        rows = [
            {"image": str(each.image.resolve()), "masks": str(each.labels.resolve()), "split": part}
            for part, images in parts.items()
            for each in images
        ]
        write_data_rows(work / "data.csv", rows)
        words = ["train", "objects", "--data", work / "data.csv", "--out", work / "run", "--resume", *changes]
        save_done(work, {"train": run([*MOTES, *words, "--threads", THREADS], work / "train.log", THREADS)})
    return load_model(work / "run" / "model.safetensors")


def outlined(model: Model, images: Sequence[Annotated]) -> list[Ranked]:
    """The objects of each image by confidence, and which of them are right."""
    described = model.description
    outlining = described.outlining
    assert outlining is not None
    ranked = []
    for each in images:
        image = to_working_scale(read_image(each.image), None, described.scale, described.normalisation)
        maps = probability_maps(
            model.net,
            described.net,
            image.data,
            precision=fast_precision(next(model.net.parameters()).device),
        )
        ranked.append(ranked_objects(outlining, maps, each.truth()))
    return ranked


def f1_at(curve: Curve, threshold: float) -> float:
    """F1 of all that reaches a threshold."""
    reached = curve.reached(threshold)
    return float(curve.f_beta()[reached - 1]) if reached else 0.0


def compare(number: int, every: Sequence[Annotated], changes: Sequence[str], work: Path) -> dict[str, float]:
    """F1 on the images of a draw that took no part, by where the threshold was fitted."""
    train, validation, others = draw(every, number)
    model = trained(train, validation, changes, work)
    few, known, rest = (outlined(model, images) for images in (validation, train, others))
    tested, goal = precision_recall_curve(rest), parse_goal("f1")
    curves = {"validation": precision_recall_curve(few), "both": precision_recall_curve([*few, *known])}
    found = {name: f1_at(tested, fit_threshold(curve, goal).threshold) for name, curve in curves.items()}
    return {**found, "best": float(np.nanmax(tested.f_beta()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("changes", nargs="*", default=["training.epochs=10", "training.validate_every=10"])
    options = parser.parse_intermixed_args()
    every = annotated(real_data() / PARTICLES)
    rows = []
    print("| draw | validation images alone | and training images | best threshold |\n|---|---|---|---|")
    for number in range(options.draws):
        rows.append(compare(number, every, options.changes, options.work))
        print(
            f"| {number + 1} | " + " | ".join(f"{value:.3f}" for value in rows[-1].values()) + " |",
            flush=True,
        )
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    print("| mean | " + " | ".join(f"{value:.3f}" for value in means.values()) + " |")
    save(options.work / "few_images.json", {"changes": options.changes, "rows": rows, "means": means})


if __name__ == "__main__":
    main()
