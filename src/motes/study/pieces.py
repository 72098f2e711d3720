"""What each kind of a study's pieces of work does: measure, pilot, train, test."""

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import yaml

from motes.data.sources import Part, read_data_table
from motes.errors import InputError
from motes.jobs.cost import file_hash
from motes.jobs.device import choose_device
from motes.jobs.measure import measure_training
from motes.jobs.parts import Prepared
from motes.jobs.run_folder import MODEL
from motes.jobs.run_record import computed_by
from motes.jobs.telling import Failure, Printed
from motes.jobs.train import TrainingData, train
from motes.jobs.training_data import gather_part
from motes.nets.build import parameter_count
from motes.nets.model_file import Model, load_model
from motes.output import write_text
from motes.predict.ensemble import agree
from motes.recipe import Recipe
from motes.recipe_file import load_recipe
from motes.study.class_scores import ClassCounts
from motes.study.description import Study
from motes.study.examine import Ensemble, Examination, Examiner
from motes.study.file import check_study
from motes.study.folder import Folder, Unit, training_units
from motes.study.kinds import kinds_of
from motes.study.shown_images import keep_shown_images, kept_numbers
from motes.study.true_centres import with_centres
from motes.train.checkpoint import load_weights
from motes.train.precision import chosen_precision

Outcome = dict[str, Any]
SEEDS_APART = 1000  # from one sample to the next, so that trainings on two samples share no chance


def settings_of(folder: Folder) -> tuple[str | None, int]:
    """The device as the user named it, and the threads of each process: the same for all of a study."""
    settings = json.loads(folder.settings.read_text(encoding="utf-8"))
    return settings["device"], settings["threads"]


def unit_of(item: str) -> Unit:
    """The training that an item such as train/attention/fold-0/seed-1 is."""
    kind, arm, fold, seed = item.split("/")
    return Unit(arm, int(fold.removeprefix("fold-")), int(seed.removeprefix("seed-")), kind == "pilot")


def recipe_of(folder: Folder, unit: Unit) -> Recipe:
    """The recipe of a training: the arm's, with its own seed; on another sample of images it has another."""
    recipe = load_recipe(str(folder.arm(unit.arm)))
    in_samples = unit.fold > 0 and kept_study(folder).division.samples > 1
    apart = SEEDS_APART * unit.fold if in_samples else 0
    return recipe.model_copy(update={"seed": recipe.seed + unit.seed + apart})


def kept_study(folder: Folder) -> Study:
    """The study that a folder holds; nothing outside of the folder is read."""
    return check_study(yaml.safe_load(folder.study.read_text(encoding="utf-8")))


@contextmanager
def own_place(folder: Folder, item: str) -> Iterator[Path]:
    """A folder for a piece's working images, without what an earlier try left; removed in the end."""
    place = folder.place(item)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def measure_piece(folder: Folder, item: str) -> Outcome:
    """What a few steps of an arm cost."""
    device, threads = settings_of(folder)
    unit = Unit(item.partition("/")[2], 0, 0)
    with own_place(folder, item) as place:
        sources = read_data_table(folder.fold(0))
        measured = measure_training(recipe_of(folder, unit), sources, place, choose_device(device, threads))
    return {"seconds": measured.seconds, **asdict(measured)}


def train_piece(folder: Folder, item: str) -> Outcome:
    """One training, into a run folder of its own."""
    unit = unit_of(item)
    return _trained(folder, unit, recipe_of(folder, unit))


def pilot_piece(folder: Folder, item: str) -> Outcome:
    """A short training, and its scores on each validation image; the test images are not touched."""
    unit, study = unit_of(item), kept_study(folder)
    recipe = recipe_of(folder, unit)
    assert study.pilot is not None
    epochs = math.ceil(study.pilot.share * recipe.training.epochs)
    short = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": epochs})})
    outcome = _trained(folder, unit, short)
    models = {"net": load_model(folder.run(unit) / MODEL, str(choose_device(*settings_of(folder))))}
    with own_place(folder, item) as place:
        validation, _ = _images(folder, unit.fold, "validation", short, place)
        examiner = _examiner(folder, study, short, models)
        (found,) = examiner.examine(models, [Ensemble("net", ("net",))], validation, validation)
    scores = [each.get(study.metric) for each in found.scores]
    return {**outcome, "epochs": epochs, "scores": scores, "groups": [image.group for image in validation]}


def test_piece(folder: Folder, item: str) -> Outcome:
    """All nets of an arm on one fold, alone and together; or, for ensembles of arms, all nets of a fold."""
    study = kept_study(folder)
    _, fold_name, name = item.split("/")
    fold = int(fold_name.removeprefix("fold-"))
    trained = [
        unit
        for unit in training_units(study, fold + 1)
        if unit.fold == fold and folder.done(unit.item).exists()
    ]
    of_arms = name not in study.all_arms
    units = trained if of_arms else [unit for unit in trained if unit.arm == name]
    if not units:
        return {"nets": 0}
    models = {_net_name(unit): load_model(folder.run(unit) / MODEL) for unit in units}
    ensembles = ensembles_of_arms(units) if of_arms else ensembles_of_seeds(units, study)
    if not of_arms and "snapshots" in study.ensembles:
        snapshots = {
            key: model for unit in units for key, model in snapshots_of(folder, unit, models).items()
        }
        ensembles += ensembles_of_snapshots(units, snapshots)
        models |= snapshots
    record = _examined(folder, item, study, units, models, ensembles)
    hashes = {_net_name(unit): file_hash(folder.run(unit) / MODEL) for unit in units}
    write_text(
        folder.tested(item), json.dumps({"item": item, "fold": fold, "models": hashes, **record}) + "\n"
    )
    return {"nets": len(record["nets"])}


PIECES: Mapping[str, Callable[[Folder, str], Outcome]] = {
    "measure": measure_piece,
    "pilot": pilot_piece,
    "train": train_piece,
    "test": test_piece,
}


def ensembles_of_seeds(units: Sequence[Unit], study: Study) -> list[Ensemble]:
    """Each net alone, and all of them together where the study asks for that."""
    names = [_net_name(unit) for unit in units]
    alone = [Ensemble(name, (name,)) for name in names]
    together = "seeds" in study.ensembles and len(units) > 1
    return [*alone, Ensemble(f"{units[0].arm}, all seeds", tuple(names))] if together else alone


def ensembles_of_arms(units: Sequence[Unit]) -> list[Ensemble]:
    """For each seed the nets of all arms together."""
    by_seed: dict[int, list[str]] = {}
    for unit in units:
        by_seed.setdefault(unit.seed, []).append(_net_name(unit))
    return [Ensemble(f"all arms/{seed}", tuple(names)) for seed, names in by_seed.items() if len(names) > 1]


def snapshots_of(folder: Folder, unit: Unit, models: Mapping[str, Model]) -> dict[str, Model]:
    """The snapshots of a run as models, which know what its model knows."""
    name, found = _net_name(unit), {}
    for path in sorted((folder.run(unit) / "checkpoints").glob("snapshot-*.safetensors")):
        copy = load_model(folder.run(unit) / MODEL)
        load_weights(path, copy.net)
        found[f"{name}/{path.stem}"] = Model(copy.net.eval(), models[name].description)
    return found


def ensembles_of_snapshots(units: Sequence[Unit], snapshots: Mapping[str, Model]) -> list[Ensemble]:
    """For each run the snapshots of it together."""
    members = {unit: tuple(n for n in snapshots if n.startswith(f"{_net_name(unit)}/")) for unit in units}
    return [
        Ensemble(f"{unit.arm}, snapshots/{unit.seed}", names)
        for unit, names in members.items()
        if len(names) > 1
    ]


def _net_name(unit: Unit) -> str:
    return f"{unit.arm}/{unit.seed}"


def _trained(folder: Folder, unit: Unit, recipe: Recipe) -> Outcome:
    device, threads = settings_of(folder)
    table = folder.fold(unit.fold)
    data = TrainingData(read_data_table(table), table=table)
    run, started = folder.run(unit), time.monotonic()
    train(recipe, data, run, resume=True, device=device, threads=threads, teller=Printed())
    return {"seconds": round(time.monotonic() - started, 3), "model": file_hash(run / MODEL)}


def _images(
    folder: Folder,
    fold: int,
    part: Part,
    recipe: Recipe,
    place: Path,
    sizes: tuple[float, ...] | None = None,
) -> tuple[list[Prepared], list[Failure]]:
    """The images of one part of a fold as the recipe's nets see them, each with its centres; and those left out.

    sizes: see with_centres. InputError for validation images without any particle.
    """
    images, failures = gather_part(read_data_table(folder.fold(fold)), part, recipe, place / part, Printed())
    for failure in failures:
        print(f"left out: {failure.name}: {failure.reason}", flush=True)
    images = with_centres(images, len(recipe.classes), sizes, numbered=recipe.outlining is not None)
    if part == "validation" and not any(len(image.labelled.points) for image in images):
        raise InputError(
            f"no validation image of fold {fold} holds a particle, so no threshold can be fitted"
        )
    return images, failures


def _examiner(folder: Folder, study: Study, recipe: Recipe, models: Mapping[str, Model]) -> Examiner:
    """All arms are judged by the base's targets: what counts as a particle's pixels is not for an arm to say."""
    device = next(next(iter(models.values())).net.parameters()).device
    target = load_recipe(str(folder.arm(study.base))).target
    judged = recipe.model_copy(update={"target": target})
    return Examiner(judged, chosen_precision(recipe.training, device), study.metric)


def _examined(
    folder: Folder,
    item: str,
    study: Study,
    units: Sequence[Unit],
    models: Mapping[str, Model],
    ensembles: Sequence[Ensemble],
) -> Outcome:
    """Predict and score; nets that cannot predict together are left out, with the reason."""
    device = choose_device(*settings_of(folder))
    recipe, fold = load_recipe(str(folder.run(units[0]) / "recipe.yaml")), units[0].fold
    for model in models.values():
        model.net.to(device)
    reasons = {each.name: agree([models[name] for name in each.members]) for each in ensembles}
    possible = [each for each in ensembles if not reasons[each.name]]
    with own_place(folder, item) as place:
        validation, _ = _images(folder, fold, "validation", recipe, place)
        test, failures = _images(folder, fold, "test", recipe, place, validation[0].working)
        examiner = _examiner(folder, study, recipe, models)
        found = examiner.examine(models, possible, validation, test, kept_numbers(len(test)))
        if found:
            keep_shown_images(folder.tested(item).with_suffix(".npz"), test, found[0])
        rows = _image_rows(test)
    return {
        "by": computed_by(device, examiner.precision),
        "weights": {each.name: each.weight for each in examiner.recipe.classes},
        "images": rows,
        "nets": [_net_row(each, models) for each in found],
        "left_out": {name: reason for name, reason in reasons.items() if reason},
        "unread": {failure.name: failure.reason for failure in failures},
    }


def _image_rows(images: Sequence[Prepared]) -> list[dict[str, Any]]:
    """Name, group, hashes and particles of each test image, with the particles of each hard kind as 0 and 1."""
    return [
        {
            "name": image.name,
            "group": image.group,
            "sha256": image.sha256,
            "image_sha256": image.image_sha256,
            "particles": len(image.labelled.points),
            "kinds": {
                kind: "".join("01"[flag] for flag in flags.astype(int)) for kind, flags in kinds.items()
            },
        }
        for image, kinds in zip(images, kinds_of(images), strict=True)
    ]


def _net_row(found: Examination, models: Mapping[str, Model]) -> dict[str, Any]:
    members = [models[name] for name in found.ensemble.members]
    return {
        "name": found.ensemble.name,
        "members": list(found.ensemble.members),
        "parameters": sum(parameter_count(model.net) for model in members),
        "seconds_per_image": found.seconds_per_image,
        "thresholds": found.thresholds,
        "scores": found.scores,
        "found": ["".join("01"[flag] for flag in flags.astype(int)) for flags in found.found],
        "classes": _class_rows(found.classes),
    }


def _class_rows(images: Sequence[Mapping[str, ClassCounts]]) -> dict[str, dict[str, list[tuple[int, ...]]]]:
    """For each class and way of counting the true and false positives and false negatives of each image."""
    names = list(images[0]) if images else []
    return {
        name: {
            kind: [astuple(getattr(image[name], kind)) for image in images] for kind in ("strict", "official")
        }
        for name in names
    }
