"""Fine-tuning from the command line: training that starts from the weights of a model."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from motes.formats.picks import read_picks, write_picks
from motes.jobs.run_record import weight_hashes
from motes.nets.model_file import load_model, save_model

Motes = Callable[..., Any]
SHORT = ("training.steps=3", "epochs=1", "sampling.size=64", "training.batch=2")


def words(tiny: Any, run: Path, *more: object, picks: Path | None = None) -> list[object]:
    given = ("--images", tiny.images, "--picks", picks or tiny.truth, "--start", tiny.model)
    return ["train", "micrographs", *given, "--out", run, "--threads", 1, *SHORT, *more]


def few_of(tiny: Any, folder: Path, kept: int = 5) -> Path:
    """The first picks of each image."""
    for path in tiny.truth.iterdir():
        picks = read_picks(path)[f"{path.stem}.mrc"]
        write_picks(
            folder / path.name, picks.select(range(kept)), format="csv", image_name=f"{path.stem}.mrc"
        )
    return folder


@pytest.fixture(scope="module")
def tuned(motes: Motes, tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A run that started from the tiny model, and what was said of it."""
    run = tmp_path_factory.mktemp("tuned") / "run"
    answer = motes(*words(tiny, run))
    assert answer.code == 0, answer.err
    return run, answer


def test_a_started_run_begins_with_the_weights_of_the_model(tuned: tuple[Path, Any], tiny: Any) -> None:
    run, answer = tuned
    before = load_model(tiny.model)
    record = json.loads((run / "record.json").read_text())
    assert record["initial_weights"] == weight_hashes(before.net)
    assert f"training starts from {tiny.model}" in answer.err
    after = load_model(run / "model.safetensors")
    assert weight_hashes(after.net) != weight_hashes(before.net)
    assert after.description.net == before.description.net


def test_the_model_file_records_what_it_started_from_and_no_folder(
    tuned: tuple[Path, Any], tiny: Any
) -> None:
    described = load_model(tuned[0] / "model.safetensors").description
    assert described.started_from is not None
    assert described.started_from.name == "model.safetensors"
    assert described.started_from.sha256 == hashlib.sha256(tiny.model.read_bytes()).hexdigest()
    assert described.recipe["start"] == "model.safetensors"
    assert str(tiny.root) not in described.model_dump_json()
    assert load_model(tiny.model).description.started_from is None


def test_the_resolved_recipe_trains_the_same_again(
    motes: Motes, tuned: tuple[Path, Any], tiny: Any, tmp_path: Path
) -> None:
    run, _ = tuned
    kept = yaml.safe_load((run / "recipe.yaml").read_text())
    assert kept["start"] == str(tiny.model)
    assert kept["training"]["learning_rate"] == 0.003
    again = motes(
        *("train", run / "recipe.yaml", "--images", tiny.images, "--picks", tiny.truth),
        *("--out", tmp_path / "again", "--threads", 1),
    )
    assert again.code == 0, again.err
    models = [(place / "model.safetensors").read_bytes() for place in (run, tmp_path / "again")]
    assert models[0] == models[1]


def test_a_stopped_run_is_gone_on_with_and_wants_the_same_model(
    motes: Motes, tuned: tuple[Path, Any], tiny: Any, tmp_path: Path
) -> None:
    """A run without its model file, as one that was killed after its last epoch, ends as the whole one did."""
    model = tmp_path / "start.safetensors"
    shutil.copy(tiny.model, model)
    run = tmp_path / "run"
    start = [str(word).replace(str(tiny.model), str(model)) for word in words(tiny, run)]
    assert motes(*start).code == 0
    before = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").unlink()
    assert motes(*start, "--resume").code == 0
    assert (run / "model.safetensors").read_bytes() == before
    shutil.copy(tuned[0] / "model.safetensors", model)
    refused = motes(*start, "--resume")
    assert refused.code == 1
    assert "holds other weights now than when" in refused.err


def test_a_model_in_half_precision_is_a_start_too(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    save_model(half, load_model(tiny.model), half=True)
    start = [half if word == tiny.model else word for word in words(tiny, tmp_path / "run")]
    assert motes(*start).code == 0
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["initial_weights"] == weight_hashes(load_model(half).net)
    described = load_model(tmp_path / "run" / "model.safetensors")
    assert {tensor.dtype for tensor in described.net.parameters()} == {torch.float32}


def test_a_single_image_keeps_the_threshold_of_the_start(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    one = tiny.copy_images(tmp_path / "one", ("mic_0001.mrc",))
    start = [one if word == tiny.images else word for word in words(tiny, tmp_path / "run")]
    answer = motes(*start)
    assert answer.code == 0, answer.err
    before, after = (load_model(run / "model.safetensors") for run in (tiny.model.parent, tmp_path / "run"))
    assert after.description.thresholds == before.description.thresholds
    note = after.description.threshold_note
    assert note.startswith("the threshold is that of model.safetensors, which training started from")
    assert note in " ".join(answer.out.split())
    assert "what is said of validation is found on the training images" in " ".join(answer.err.split())


@pytest.fixture(scope="module")
def partial(motes: Motes, tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A run with five labels an image that declares them partial."""
    root = tmp_path_factory.mktemp("partial")
    few = few_of(tiny, root / "few")
    answer = motes(*words(tiny, root / "run", "labels=partial", picks=few))
    assert answer.code == 0, answer.err
    return root, answer


def test_partial_labels_say_what_is_left_out_and_keep_the_threshold(
    partial: tuple[Path, Any], tiny: Any
) -> None:
    root, answer = partial
    said = " ".join(answer.err.split())
    assert "labels are partial: " in said
    described = load_model(root / "run" / "model.safetensors").description
    assert described.thresholds == load_model(tiny.model).description.thresholds
    assert "not every particle is marked, so precision is not known here" in described.threshold_note
    assert "F1 undefined, precision undefined, recall " in answer.out
    summary = json.loads((root / "run" / "summary.json").read_text())
    assert summary["watched"] == "pixel_best_f1"
    assert not (root / "run" / ".working-images").exists()


def test_partial_and_complete_train_on_the_same_crops_to_other_weights(
    motes: Motes, partial: tuple[Path, Any], tiny: Any, tmp_path: Path
) -> None:
    root, _ = partial
    assert motes(*words(tiny, tmp_path / "run", picks=root / "few")).code == 0
    one, other = root / "run", tmp_path / "run"
    assert (one / "shown.jsonl").read_text() == (other / "shown.jsonl").read_text()
    hashes = [weight_hashes(load_model(run / "model.safetensors").net) for run in (one, other)]
    assert hashes[0] != hashes[1]


def test_a_partial_run_is_gone_on_with(
    motes: Motes, partial: tuple[Path, Any], tiny: Any, tmp_path: Path
) -> None:
    root, _ = partial
    run = tmp_path / "run"
    shutil.copytree(root / "run", run)
    before = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").unlink()
    answer = motes(*words(tiny, run, "labels=partial", "--resume", picks=root / "few"))
    assert answer.code == 0, answer.err
    assert (run / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("width=32", "net.width is 32, but the weights of"),
        ("working_diameter=30", "working_diameter is 30, but the weights of"),
        ("classes=[a, b]", "the number of classes is 2"),
    ],
)
def test_words_that_contradict_the_model_stop_before_anything_is_written(
    motes: Motes, tiny: Any, tmp_path: Path, change: str, message: str
) -> None:
    refused = motes(*words(tiny, tmp_path / "run", change))
    assert refused.code == 1
    assert message in refused.err
    assert not (tmp_path / "run").exists()


def test_partial_labels_without_a_start_say_what_to_do(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    given = ("--images", tiny.images, "--picks", tiny.truth, "--out", tmp_path / "run")
    refused = motes("train", "micrographs", *given, "labels=partial")
    assert refused.code == 1
    assert "give one with --start" in refused.err


def test_a_start_that_is_not_there_is_named(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    start = ["nowhere.safetensors" if word == tiny.model else word for word in words(tiny, tmp_path / "run")]
    refused = motes(*start)
    assert refused.code == 1
    assert "nowhere.safetensors does not exist" in refused.err
