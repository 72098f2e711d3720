"""Reruns, resumed runs, models and recipes that are refused, names that never collide."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from motes.formats.picks import read_picks
from motes.formats.relion import write_micrographs_star

Motes = Callable[..., Any]
KILLED = ("width=4", "training.steps=10", "epochs=3", "sampling.size=64", "training.batch=4")


def train_words(tiny: Any, run: Path, *words: object) -> list[str]:
    start = [
        "train",
        "micrographs",
        "--images",
        tiny.images,
        "--picks",
        tiny.truth,
        "--out",
        run,
        "--threads",
        1,
    ]
    return [str(word) for word in (*start, *words)]


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    motes: Motes, tiny: Any, tmp_path: Path
) -> None:
    program = "from motes.cli.main import main; main()"
    command = [sys.executable, "-c", program, *train_words(tiny, tmp_path / "killed", *KILLED)]
    training = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.pt"
    patience = time.monotonic() + 60
    while not checkpoint.exists() and training.poll() is None and time.monotonic() < patience:
        time.sleep(0.005)
    time.sleep(0.1)  # into the next epoch
    os.kill(training.pid, signal.SIGKILL)
    assert training.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    assert motes(*train_words(tiny, tmp_path / "killed", "--resume", *KILLED)).code == 0
    assert motes(*train_words(tiny, tmp_path / "whole", *KILLED)).code == 0
    models = [(tmp_path / run / "model.safetensors").read_bytes() for run in ("killed", "whole")]
    assert models[0] == models[1]
    lines = (tmp_path / "killed" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_the_same_training_twice_gives_the_same_bytes(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    words = ("width=4", "training.steps=3", "epochs=1", "sampling.size=64")
    for run, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert motes(*train_words(tiny, tmp_path / run, f"seed={seed}", *words)).code == 0
    first, second, other = ((tmp_path / run / "model.safetensors").read_bytes() for run in "abc")
    assert first == second
    assert first != other


def test_a_run_folder_in_use(motes: Motes, tiny: Any) -> None:
    answer = motes(*train_words(tiny, tiny.root / "run"))
    assert (answer.code, "already holds a run; add --resume" in answer.err) == (1, True)
    answer = motes(*train_words(tiny, tiny.root / "run", "--resume", "width=8"))
    assert (answer.code, "began with another recipe" in answer.err) == (1, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["widht=8"], "a recipe has no field 'widht'. Did you mean 'net.width'?"),
        (["training.epoch=8"], "Did you mean 'training.epochs'?"),
        (["width=wide"], "net.width cannot be 'wide'"),
        (["width=0"], "net.width cannot be 0"),
        (["loss=dise"], "there is no loss called 'dise'"),
        (["goal=best"], "goal"),
        (["b.mrc", "c.mrc"], "put the pattern in quotes: --images 'folder/*.mrc'"),
    ],
)
def test_words_that_the_recipe_does_not_know(
    motes: Motes, tiny: Any, tmp_path: Path, words: list[str], message: str
) -> None:
    answer = motes(*train_words(tiny, tmp_path / "run", *words))
    assert answer.code == 1
    assert message in answer.err
    assert not (tmp_path / "run").exists()


def test_an_unknown_recipe(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    words = train_words(tiny, tmp_path / "run")
    words[1] = "micrograph"
    answer = motes(*words)
    assert answer.code == 1
    assert (
        "there is no recipe 'micrograph', neither shipped nor a file. Did you mean 'micrographs'?"
        in answer.err
    )


def test_models_that_cannot_be_used(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    content = tiny.model.read_bytes()
    with safe_open(tiny.model, framework="pt") as file:
        described = json.loads(file.metadata()["motes"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    bad = {name: tmp_path / f"{name}.safetensors" for name in ("letter", "cut", "newer", "foreign", "unfit")}
    bad["letter"].write_text("dear colleague")
    bad["cut"].write_bytes(content[: len(content) // 2])
    save_file(tensors, bad["newer"], {"motes": json.dumps(described | {"format_version": 99})})
    save_file({"weight": torch.zeros(3)}, bad["foreign"])
    save_file({"weight": torch.zeros(3)}, bad["unfit"], {"motes": json.dumps(described)})
    messages = {
        "letter": "is not a model file of motes, or is damaged",
        "cut": "is not a model file of motes, or is damaged",
        "newer": "was written by a newer motes (format 99, this one reads 2); update motes",
        "foreign": "was not written by motes",
        "unfit": "the weights do not fit",
        "missing": "does not exist; expected a model file such as RUN/model.safetensors",
    }
    for name, message in messages.items():
        path = bad.get(name, tmp_path / "missing")
        answer = motes("pick", tiny.images, "--model", path, "--out", tmp_path / "out")
        assert (answer.code, message in answer.err) == (1, True), answer.err
    assert not (tmp_path / "out").exists()


def test_picking_again_does_what_is_missing(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    words = ("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out", "--format", "relion")
    assert motes(*words).code == 0
    tables = sorted((tmp_path / "out" / "picks").iterdir())
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tables}
    summary = (tmp_path / "out" / "summary.csv").read_text()
    tables[1].unlink()
    again = motes(*words)
    assert again.code == 0
    assert "2 of 3 images are done already" in again.err
    assert [before[p][0] == p.stat().st_mtime_ns for p in tables] == [True, False, True]
    assert [before[p][1] == p.read_bytes() for p in tables] == [True, True, True]
    assert without_times((tmp_path / "out" / "summary.csv").read_text()) == without_times(summary)


def without_times(table: str) -> list[str]:
    rows = [line.split(",") for line in table.splitlines()]
    time = rows[0].index("seconds")
    return [",".join([*row[:time], *row[time + 1 :]]) for row in rows]


def test_other_options_are_refused_without_overwrite(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    words = ("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out")
    assert motes(*words).code == 0
    refused = motes(*words, "--threshold", 0.99)
    assert refused.code == 1
    assert "made with another threshold; give another --out, or --overwrite" in refused.err
    assert motes(*words, "--threshold", 0.99, "--overwrite").code == 0
    assert json.loads((tmp_path / "out" / "settings.json").read_text())["threshold"] == 0.99


def project(tiny: Any, folder: Path, names: list[str]) -> None:
    """A folder with these micrographs and a list of them."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((tiny.images / "mic_0001.mrc").read_bytes())
    write_micrographs_star(
        folder / "micrographs.star", names, 4.0, voltage=300, spherical_aberration=2.7, amplitude_contrast=0.1
    )


def pick_project(
    motes: Motes, tiny: Any, folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tiny, folder, names)
    monkeypatch.chdir(folder)
    words = ("pick", "micrographs.star", "--model", tiny.model, "--out", "job", "--format", "relion")
    answer = motes(*words)
    assert answer.code == 0, answer.err


def test_equal_names_in_two_folders_never_collide(
    motes: Motes, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pick_project(motes, tiny, tmp_path, ["A/001.mrc", "B/001.mrc"], monkeypatch)
    for folder in "AB":
        assert (tmp_path / "job" / "picks" / folder / "001.mrc.csv").is_file()
        assert (tmp_path / "job" / "relion" / folder / "001_autopick.star").is_file()
    for source in ("job/relion/autopick.star", "job"):
        answer = motes(
            "convert", source, Path(source).name + "_out", "--to", "csv", "--images", "micrographs.star"
        )
        assert answer.code == 0, answer.err
        assert sorted(read_picks(Path(Path(source).name + "_out") / "picks.csv")) == [
            "A/001.mrc",
            "B/001.mrc",
        ]
    assert motes("pick", "A", "B", "--model", tiny.model, "--out", "two").code == 0
    assert sorted(p.relative_to("two/picks").as_posix() for p in Path("two/picks").rglob("*.csv")) == [
        "A/001.mrc.csv",
        "B/001.mrc.csv",
    ]


def index_names(index: Path) -> list[str]:
    """The first words of an index's rows, as RELION splits them: at white space, quotes being letters."""
    rows = [line.split() for line in index.read_text().splitlines()]
    return [row[0] for row in rows if len(row) == 2 and row[1].startswith(("job/", "'job/"))]


def test_names_are_echoed_character_for_character(
    motes: Motes, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["Micrographs/A-1.x.mrc", "Micrographs/0012.mrc", "./Micrographs/0013.mrc"]
    pick_project(motes, tiny, tmp_path, names, monkeypatch)
    assert index_names(Path("job/relion/autopick.star")) == names
    assert list(read_picks(Path("job/relion/autopick.star"))) == names


def test_names_with_underscores_are_echoed_without_quotes(
    motes: Motes, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["MotionCorr/job002/Movies/mic_0001.mrc"]
    pick_project(motes, tiny, tmp_path, names, monkeypatch)
    assert index_names(Path("job/relion/autopick.star")) == names
