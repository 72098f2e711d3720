"""What Topaz picks on the real sets, packaged and trained fold by fold; every finished piece is kept."""

from dataclasses import dataclass
from pathlib import Path

import measure
import topaz
from motes.picks import Picks, empty_picks
from real_sets import Fold, Micrograph, RealSet


@dataclass(frozen=True)
class FoldPicks:
    """What a program did with one fold.

    picks: of the held-out images, all of them with their scores. training_picks: of the images trained on,
    for fitting a threshold (empty when the program fitted its own). usage: step -> measure.Usage as a dict.
    """

    picks: dict[str, Picks]
    training_picks: dict[str, Picks]
    usage: dict[str, dict[str, float]]
    threshold: float | None = None


def prepare(data: RealSet, micrographs: tuple[Micrograph, ...], work: Path) -> dict[str, Path]:
    """Preprocessed images by name, with the time that it took in done.json beside them."""
    settings = topaz.describe(data.topaz)
    names = {"names": [one.name for one in micrographs], "scale": settings["scale"]}
    out = work / f"preprocessed-{measure.content_key([one.path for one in micrographs], names)}"
    if measure.load_done(out) is None:
        originals = [topaz.to_mrc(one.path, work / "mrc" / data.name, one.name) for one in micrographs]
        measure.save_done(out, {"preprocess": topaz.preprocess(originals, out, data.topaz)})
    return {one.name: out / f"{one.name}.mrc" for one in micrographs}


def packaged(data: RealSet, work: Path) -> FoldPicks:
    """All images of a set picked by the packaged detector."""
    images = prepare(data, data.micrographs, work)
    preprocessing = next(iter(images.values())).parent
    key = {"preprocessed": preprocessing.name, "radius": data.topaz.radius, "scale": data.topaz.scale}
    out = work / f"packaged-{measure.content_key([], key)}"
    done = measure.load_done(out)
    if done is None:
        usage = topaz.extract(list(images.values()), out / "picks.txt", data.topaz)
        done = measure.save_done(out, {"extract": usage})
    steps = {**(measure.load_done(preprocessing) or done)["usage"], **done["usage"]}
    return FoldPicks(complete(topaz.read_table(out / "picks.txt"), data.micrographs), {}, steps)


def trained(data: RealSet, fold: Fold, work: Path) -> FoldPicks:
    """The held-out images of a fold, and those trained on, picked by Topaz trained on the others."""
    images = prepare(data, data.micrographs, work)
    truth = {one.name: data.training_truth[one.name] for one in fold.train}
    points = {name: picks.points.tolist() for name, picks in truth.items()}
    key = {**topaz.describe(data.topaz), "truth": points, "test": [one.name for one in fold.test]}
    out = work / f"trained-{measure.content_key([one.path for one in fold.train], key)}"
    done = measure.load_done(out)
    if done is None:
        usage = {"train": topaz.train([images[one.name] for one in fold.train], truth, out, data.topaz)}
        model = topaz.trained_model(out, data.topaz)
        for part, chosen in (("test", fold.test), ("train", fold.train)):
            files = [images[one.name] for one in chosen]
            usage[f"extract_{part}"] = topaz.extract(files, out / f"{part}.txt", data.topaz, model)
        done = measure.save_done(out, usage)
    held_out = complete(topaz.read_table(out / "test.txt"), fold.test)
    return FoldPicks(held_out, complete(topaz.read_table(out / "train.txt"), fold.train), done["usage"])


def complete(picks: dict[str, Picks], micrographs: tuple[Micrograph, ...]) -> dict[str, Picks]:
    """The same, with images in which nothing was found."""
    return {one.name: picks.get(one.name, empty_picks(2)) for one in micrographs}
