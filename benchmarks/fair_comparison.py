"""The fair comparison of a standard and an attention U-Net, each by one command, on simulated stores of its shape.

Simulates micrographs, brings them to stores of 768 x 768, trains both recipes at full width with the batch
of the reference, and prints what each reached every tenth epoch and what it cost. So few images say
nothing about which net is better: that is what studies are for.

    python benchmarks/fair_comparison.py [--images 8] [--validation 2] [--epochs 10] [--work FOLDER]
"""

import argparse
import json
from pathlib import Path
from typing import Any

import measure

METRICS = ("precision", "recall", "f1", "iou", "auc")
RECIPES = ("fair-standard", "fair-attention")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=8, help="training images of 768 x 768")
    parser.add_argument("--validation", type=int, default=2, help="validation images")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("benchmark-results/fair"))
    parser.add_argument("changes", nargs="*", help="changes of both recipes, as accumulate=2")
    options = parser.parse_args()
    stores(options.work / "train", options.images, seed=1)
    stores(options.work / "val", options.validation, seed=2)
    for recipe in RECIPES:
        run = options.work / recipe
        if not (run / "report.html").exists():
            train(recipe, options.work, run, [f"epochs={options.epochs}", *options.changes], options.threads)
    print(curves({recipe: options.work / recipe for recipe in RECIPES}))
    print(costs({recipe: options.work / recipe for recipe in RECIPES}))


def stores(folder: Path, count: int, seed: int) -> None:
    """images.zarr and masks.zarr of simulated micrographs of 1536 x 1536, brought to 768 x 768."""
    if (folder / "masks.zarr").exists():
        return
    made = folder.with_name(f"{folder.name}-simulated")
    simulate = ["--count", count, "--size", "1536x1536", "--seed", seed]
    measure.run([*measure.MOTES, "simulate", "micrographs", made, *simulate], made.with_suffix(".log"))
    measure.run(
        [*measure.MOTES, "prepare", made / "images", made / "picks", folder, "--size", 768],
        folder.with_suffix(".log"),
    )


def train(recipe: str, data: Path, run: Path, changes: list[str], threads: int) -> None:
    """The command of the reference experiment."""
    options: list[object] = ["--images", data / "train/images.zarr", "--masks", data / "train/masks.zarr"]
    options += ["--validation-images", data / "val/images.zarr"]
    options += ["--validation-masks", data / "val/masks.zarr", "--out", run, "--threads", threads]
    resume = ["--resume"] if (run / "recipe.yaml").exists() else []
    log = run.with_suffix(".log")
    measure.run([*measure.MOTES, "train", recipe, *changes, *options, *resume], log, threads)


def curves(runs: dict[str, Path]) -> str:
    """Markdown: the five metrics at each validation."""
    lines = ["| recipe | epoch | " + " | ".join(METRICS) + " |", "|---" * (2 + len(METRICS)) + "|"]
    for recipe, run in runs.items():
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        for row in rows:
            if "pixel_f1" in row:
                values = " | ".join(shown(row[f"pixel_{name}"]) for name in METRICS)
                lines.append(f"| {recipe} | {row['epoch']} | {values} |")
    return "\n".join(lines) + "\n"


def costs(runs: dict[str, Path]) -> str:
    """Markdown: what each run cost."""
    names = ["parameters", "TFLOP a pass", "s an epoch", "s an image predicted", "peak GiB", "best epoch"]
    lines = ["| recipe | " + " | ".join(names) + " | model, SHA-256 |", "|---" * (2 + len(names)) + "|"]
    for recipe, run in runs.items():
        rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        summary: dict[str, Any] = json.loads((run / "summary.json").read_text())
        cost = summary["cost"]
        values = [
            f"{cost['parameters']:,}",
            f"{cost['operations'] / 1e12:.3f}",
            f"{sum(row['seconds'] for row in rows) / len(rows):.1f}",
            f"{cost['seconds_per_image']:.2f}",
            f"{cost['peak_memory'] / 2**30:.1f}",
            str(summary["best_epoch"]),
            summary["sha256"]["model.safetensors"][:16],
        ]
        lines.append(f"| {recipe} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


if __name__ == "__main__":
    main()
