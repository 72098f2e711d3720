"""What a training cost, in one file."""

import json
from pathlib import Path

from motes.jobs.cost import SUMMARY, TrainingCost, file_hash, keep_summary
from motes.train.checkpoint import Progress

COST = TrainingCost(
    parameters=1,
    crop=(8, 8),
    operations=2,
    image=(8, 8),
    seconds_per_image=0.5,
    peak_memory=3,
    device="cpu",
    threads=1,
)


def test_checksums_are_of_whole_weights_only(tmp_path: Path) -> None:
    whole = (
        "model.safetensors",
        "checkpoints/best-0001.safetensors",
        "checkpoints/snapshot-0001.safetensors",
    )
    (tmp_path / "checkpoints").mkdir()
    for name in (*whole, "checkpoints/.7d7235f9-best-0001.safetensors", "checkpoints/last.pt"):
        (tmp_path / name).write_text(name)
    progress = Progress(epochs=1, rows=[{"epoch": 1, "best_f1": 0.5}])
    keep_summary(tmp_path, COST, progress, "best_f1", 1)
    kept = json.loads((tmp_path / SUMMARY).read_text())["sha256"]
    assert kept == {name: file_hash(tmp_path / name) for name in whole}
