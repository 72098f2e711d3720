"""What motes prepare wrote is what motes train takes; what a mask leaves open does not count."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from motes.formats.stores import open_store
from motes.nets.model_file import load_model

Motes = Callable[..., Any]

SHRUNK = (
    "net.widths=[2, 3]",
    "sampling.size=32",
    "training.batch=2",
    "training.steps=4",
    "training.epochs=1",
)


def masks_of(path: Path) -> NDArray[Any]:
    store = open_store(path)
    return np.stack([store.image(number)[:, :] for number in range(len(store))])


def test_images_and_picks_become_stores_that_train(motes: Motes, make: Any, tmp_path: Path) -> None:
    images, picks = make.picked(tmp_path, (96, 64), 4)
    answer = motes("prepare", images, picks, tmp_path / "out", "--size", 48, "--diameter", "12px")
    assert answer.code == 0, answer.err
    masks = masks_of(tmp_path / "out" / "masks.zarr")
    assert masks.dtype == np.int8
    assert (masks[:, :, :32] >= 0).all()
    assert (masks[:, :, 32:] == -1).all()
    assert (masks == 1).sum(axis=(1, 2)).min() > 0
    command = next(line for line in answer.out.splitlines() if line.startswith("next: motes train"))
    words = command.removeprefix("next: motes ").split()
    words[words.index("--out") + 1] = str(tmp_path / "run")
    answer = motes(*words, "--threads", 1, *SHRUNK)
    assert answer.code == 0, answer.err
    assert load_model(tmp_path / "run" / "model.safetensors").description.net.channels == (2, 3)


def weights_after(
    motes: Motes, make: Any, folder: Path, images: NDArray[Any], masks: NDArray[Any]
) -> dict[str, Any]:
    """The weights of a net without norm, trained on the two images and validated on others."""
    stores = make.store(folder / "images.zarr", images), make.store(folder / "masks.zarr", masks)
    if not (folder.parent / "val").exists():
        make.stores(folder.parent / "val", 2, seed=90)
    val = [folder.parent / "val" / name for name in ("images.zarr", "masks.zarr")]
    words = ["--images", stores[0], "--masks", stores[1], "--validation-images", val[0]]
    words += ["--validation-masks", val[1], "--out", folder / "run", "--threads", 1]
    answer = motes("train", "fair-standard", *words, *SHRUNK, "net.norm=none", "precision=float32")
    assert answer.code == 0, answer.err
    return load_model(folder / "run" / "model.safetensors").net.state_dict()


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_an_image_whose_mask_is_all_minus_one_teaches_nothing(
    motes: Motes, make: Any, tmp_path: Path
) -> None:
    (first, mask, _), (second, other_mask, _) = (make.objects((64, 64), seed) for seed in (1, 2))
    ignored = np.stack([mask.astype(np.int8), np.full(mask.shape, -1, np.int8)])
    counted = np.stack([mask, other_mask]).astype(np.int8)
    pairs = [np.stack([first, second]), np.stack([first, 1 - second])]
    without = [weights_after(motes, make, tmp_path / f"i{n}", pair, ignored) for n, pair in enumerate(pairs)]
    with_it = weights_after(motes, make, tmp_path / "counted", pairs[0], counted)
    assert same(*without)
    assert not same(without[0], with_it)
