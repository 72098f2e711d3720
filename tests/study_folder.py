"""The folder of a study whose tests are made up: two arms, two groups, two seeds."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from motes.data.sources import write_data_rows
from motes.output import write_text
from motes.study.description import METRICS, Study
from motes.study.file import arm_recipe, as_yaml, check_study
from motes.study.folder import Folder

SINGLE = {f"{arm}/{seed}" for arm in ("plain", "gated") for seed in (0, 1)}
IMAGES = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b"), ("b3", "b")]


def made_up_study(**values: Any) -> Study:
    arms = {"plain": None, "gated": {"changes": ["net.skips=gate"], "guessed": [1, 2]}}
    given = {"name": "s", "question": "q", "recipe": "micrographs", "base": "plain", "arms": arms, "seeds": 2}
    return check_study({**given, **values})


def write_test(
    folder: Folder,
    item: str,
    nets: Mapping[str, Callable[[int], float | None]],
    kinds: str = "10",
    images: Sequence[tuple[str, str]] = IMAGES,
    fold: int = 0,
) -> None:
    """What a test leaves: for each net, by its name, a value for each image in every metric."""
    rows = [
        {
            "name": name,
            "group": group,
            "sha256": name,
            "image_sha256": f"pixels of {name}",
            "particles": 2,
            "kinds": {"edge": kinds},
        }
        for name, group in images
    ]
    record = {
        "item": item,
        "fold": fold,
        "by": {"device": "cpu", "code": "c0de"},
        "models": {},
        "images": rows,
        "nets": [_net(name, value, len(images)) for name, value in nets.items()],
        "left_out": {},
        "unread": {},
    }
    write_text(folder.tested(item), json.dumps(record))


def _net(name: str, value: Callable[[int], float | None], images: int) -> dict[str, Any]:
    counts = {"true_positives": 1, "false_positives": 0, "false_negatives": 1}
    return {
        "name": name,
        "members": [name] if name in SINGLE else ["plain/0", "gated/1"],
        "parameters": 10,
        "seconds_per_image": 0.5,
        "thresholds": {"particle": 0.5},
        "scores": [dict.fromkeys(METRICS, value(number)) | counts for number in range(images)],
        "found": ["10"] * images,
    }


def made_up_folder(path: Path, gain: float = 0.1) -> tuple[Study, Folder]:
    """Every image of the gated arm is better by the gain, and more so with seed 1."""
    study, folder = made_up_study(ensembles=["seeds", "arms"]), Folder(path)
    write_text(folder.study, as_yaml(study))
    write_text(folder.settings, json.dumps({"device": None, "threads": 1}))
    for arm in study.all_arms:
        write_text(folder.arm(arm), arm_recipe(study, arm).as_yaml())
    parts = {"a": "test", "b": "test", "c": "train", "d": "validation"}
    rows = [{"image": f"/{g}.mrc", "picks": "/p.csv", "group": g, "split": part} for g, part in parts.items()]
    write_data_rows(folder.fold(0), rows)
    base = [0.5, 0.6, 0.3, 0.4, 0.2]
    plain = {f"plain/{seed}": (lambda n, s=seed: base[n] + 0.01 * s) for seed in (0, 1)}
    gated = {f"gated/{seed}": (lambda n, s=seed: base[n] + gain + 0.02 * s) for seed in (0, 1)}
    write_test(folder, "test/fold-0/plain", {**plain, "plain, all seeds": lambda n: base[n] + 0.05})
    write_test(folder, "test/fold-0/gated", {**gated, "gated, all seeds": lambda n: base[n] + gain + 0.05})
    together = {f"all arms/{seed}": (lambda n: base[n] + 0.2) for seed in (0, 1)}
    write_test(folder, "test/fold-0/ensembles of arms", together)
    return study, folder
