"""What motes picks on the real sets, trained fold by fold by its command line; a finished fold is kept."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import measure
from measure import MOTES, Usage
from motes.formats.picks import read_picks
from motes.nets.model_file import load_model
from motes.picks import Picks, empty_picks
from real_sets import Fold, Micrograph, RealSet
from topaz_folds import FoldPicks


@dataclass(frozen=True)
class Settings:
    """How motes is run: recipe overrides (key=value), threads, and who chooses the validation images.

    validation_field: hold out the last averaged-only field of the training images; otherwise motes splits.
    """

    overrides: tuple[str, ...]
    threads: int = 2
    validation_field: bool = False


def trained(data: RealSet, fold: Fold, work: Path, settings: Settings) -> FoldPicks:
    """The held-out images of a fold, picked by motes trained on the others, and the fitted threshold."""
    points = {one.name: data.training_truth[one.name].points.tolist() for one in fold.train}
    key = {
        "truth": points,
        "test": [one.name for one in fold.test],
        "overrides": settings.overrides,
        "validation": settings.validation_field,
        "diameter": data.diameter,
    }
    out = work / f"{data.name}-fold{fold.number}-{measure.content_key([one.path for one in fold.train], key)}"
    done = measure.load_done(out)
    if done is None:
        shutil.rmtree(out, ignore_errors=True)
        usage = {"train": train(data, fold, out, settings), "pick": pick(fold.test, out, settings)}
        done = measure.save_done(out, usage)
    (threshold,) = load_model(out / "run" / "model.safetensors").description.thresholds.values()
    return FoldPicks(read_back(out / "picked" / "picks", fold.test), {}, done["usage"], threshold)


def train(data: RealSet, fold: Fold, out: Path, settings: Settings) -> Usage:
    """Run `motes train` into out/run."""
    validation = validation_part(fold.train) if settings.validation_field else ()
    stage(out / "train", [one for one in fold.train if one not in validation], data.training_truth)
    options = ["--images", out / "train/images", "--picks", out / "train/picks", "--out", out / "run"]
    if validation:
        stage(out / "validation", validation, data.training_truth)
        options += ["--validation-images", out / "validation/images"]
        options += ["--validation-picks", out / "validation/picks"]
    recipe = [f"diameter={data.diameter:g}px", *settings.overrides, "--threads", settings.threads]
    return measure.run(
        [*MOTES, "train", "micrographs", *options, *recipe], out / "train.log", settings.threads
    )


def validation_part(micrographs: Sequence[Micrograph]) -> tuple[Micrograph, ...]:
    """The last field that is there as an averaged image only."""
    with_single = {one.field for one in micrographs if one.is_single}
    return tuple([one for one in micrographs if one.field not in with_single][-1:])


def pick(micrographs: Sequence[Micrograph], out: Path, settings: Settings) -> Usage:
    """Run `motes pick` on the original files into out/picked."""
    stage(out / "test", micrographs, {})
    options = ["--model", out / "run" / "model.safetensors", "--out", out / "picked"]
    command = [*MOTES, "pick", out / "test/images", *options, "--threads", settings.threads]
    return measure.run(command, out / "pick.log", settings.threads)


def stage(folder: Path, micrographs: Sequence[Micrograph], truth: dict[str, Picks]) -> None:
    """Lay out links to the images, and their picks as CSV where there are any, under the same names."""
    (folder / "images").mkdir(parents=True)
    (folder / "picks").mkdir()
    for one in micrographs:
        (folder / "images" / f"{one.name}{one.path.suffix}").symlink_to(one.path)
        if one.name in truth:
            rows = [f"{x},{y}" for y, x in truth[one.name].points]
            (folder / "picks" / f"{one.name}.csv").write_text("\n".join(["x,y", *rows]) + "\n")


def read_back(folder: Path, micrographs: Sequence[Micrograph]) -> dict[str, Picks]:
    """What `motes pick` wrote for each image, candidates below the threshold included."""
    picks = {}
    for one in micrographs:
        suffixes = (".csv", f"{one.path.suffix}.csv")
        files = [file for suffix in suffixes for file in folder.rglob(f"{one.name}{suffix}")]
        if len(files) != 1:
            raise SystemExit(f"{folder} holds {len(files)} picks files for {one.name}; expected one")
        picks[one.name] = next(iter(read_picks(files[0]).values()), empty_picks(2))
    return picks
