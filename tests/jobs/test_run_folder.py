"""What killed trainings have left in a run folder goes when the run goes on, and nothing else."""

from pathlib import Path
from typing import Any

from motes.jobs.parts import Parts
from motes.jobs.run_folder import FILES, begin
from motes.recipe_file import load_recipe

LEFT = (
    *(f".0badcafe-{name}" for name in FILES),
    "checkpoints/.7d7235f9-best-0001.safetensors",
    "checkpoints/.7d7235f9-snapshot-0002.safetensors",
    "checkpoints/.abcdef01-last.pt",
)
OTHERS = (
    ".0badcafe",
    ".0badcafe-picks.star",  # of another command, which may be at work here
    ".notes-2026.txt",
    ".deadbeef0-data.csv",
    "0badcafe-data.csv",
    "pick/.0badcafe-summary.csv",
    "checkpoints/best-0001.safetensors",
    "checkpoints/.deadbeef0-last.pt",
)


def test_half_written_files_of_the_run_go_and_all_others_stay(tmp_path: Path) -> None:
    for name in (*LEFT, *OTHERS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    begin(tmp_path, load_recipe("micrographs"), Parts([], [], []), resume=True)
    assert [name for name in LEFT if (tmp_path / name).exists()] == []
    assert [name for name in OTHERS if not (tmp_path / name).exists()] == []


def test_every_file_of_a_run_is_known(motes: Any, make: Any, tmp_path: Path) -> None:
    images, picks = make.picked(tmp_path)
    words = ("train", "micrographs", "--images", images, "--picks", picks, "--diameter", 48, "--threads", 1)
    shrunk = ("net.widths=[2, 3]", "sampling.size=64", "steps=1", "training.batch=2", "epochs=1")
    assert motes(*words, *shrunk, "--out", tmp_path / "run").code == 0
    assert {path.name for path in (tmp_path / "run").iterdir()} == {*FILES, "checkpoints"}
