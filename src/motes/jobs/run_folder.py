"""The folder of a run: whether a training may begin in it, or go on."""

from pathlib import Path

import yaml
from torch import nn

from motes.errors import OutputError
from motes.jobs.cost import SUMMARY
from motes.jobs.history_table import HISTORY, TABLE
from motes.jobs.manifest import MANIFEST, keep_manifest
from motes.jobs.parts import Parts
from motes.jobs.run_record import METRICS, RECORD, SHOWN, read_record, weight_hashes
from motes.jobs.training_report import REPORT
from motes.output import remove_half_written, write_text
from motes.recipe import Recipe
from motes.recipe_file import flat
from motes.train.checkpoint import LAST

MODEL = "model.safetensors"
RECIPE = "recipe.yaml"
FILES = (RECIPE, MANIFEST, RECORD, METRICS, SHOWN, MODEL, SUMMARY, HISTORY, TABLE, REPORT)


def check_run(run: Path, resume: bool) -> None:
    """See that the folder holds no run that has got anywhere, unless it is to be gone on with."""
    if not resume and has_begun(run):
        raise OutputError(
            f"{run} already holds a run; add --resume to go on with it, or give another folder with --out"
        )


def has_begun(run: Path) -> bool:
    """Whether there is something to lose: a run without a checkpoint may begin anew, with other words too."""
    return (run / LAST).exists() or (run / MODEL).exists()


def check_weights(run: Path, net: nn.Module, recipe: Recipe) -> None:
    """See that the model which a resumed run started from is still the same."""
    record = read_record(run) if recipe.start is not None and (run / LAST).is_file() else None
    if record is not None and record["initial_weights"] != weight_hashes(net):
        raise OutputError(
            f"{recipe.start} holds other weights now than when {run} began; put the model back that it began with, "
            "or use another folder"
        )


def begin(run: Path, recipe: Recipe, parts: Parts, resume: bool) -> None:
    """Write recipe and manifest; with resume see that the run began with this very recipe and these data."""
    kept = run / RECIPE
    resume = resume and has_begun(run)
    if resume and kept.is_file() and kept.read_text(encoding="utf-8") != recipe.as_yaml():
        raise OutputError(
            f"{run} began with another recipe ({differences(kept, recipe)}); resume with the same words, or use "
            "another folder"
        )
    _clean(run)
    keep_manifest(run, parts, resume)
    write_text(kept, recipe.as_yaml())


def _clean(run: Path) -> None:
    """Remove what killed trainings have left half written: a run may be killed many times, and weights are large.

    checkpoints/ is the run's alone; beside it other commands may be writing files of other names.
    """
    for name in FILES:
        remove_half_written(run / name)
    remove_half_written(run / LAST.parent / "*")


def differences(kept: Path, recipe: Recipe) -> str:
    """The first fields in which a recipe differs from the one that a run began with."""
    before = dict(flat(yaml.safe_load(kept.read_text(encoding="utf-8"))))
    now = dict(flat(yaml.safe_load(recipe.as_yaml())))
    changed = [key for key in now if now[key] != before.get(key)]
    told = [f"{key} is {before.get(key)} there and {now[key]} here" for key in changed[:3]]
    return ", ".join(told) or str(kept)
