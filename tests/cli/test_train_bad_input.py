"""What cannot be trained on: one message each, and the corrected command works in the same folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Motes = Callable[..., Any]
Spoil = Callable[[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]

SHRUNK = (
    "net.widths=[2, 3]",
    "sampling.size=32",
    "training.batch=2",
    "training.steps=1",
    "training.epochs=1",
)


def soft(masks: NDArray[Any]) -> NDArray[Any]:
    """Masks as they come out of resizing with interpolation: with values in between."""
    return (255 * ((masks + np.roll(masks, 1, axis=-1)) / 2)).astype(np.uint8)


SPOILT: dict[str, tuple[Spoil, list[str]]] = {
    "lengths": (lambda i, m: (i, m[:-1]), ["holds 8 images", "7 masks", "one mask for each image"]),
    "shapes": (lambda i, m: (i, m[:, :-16]), ["are 128 x 128 px", "112 x 128 px", "must be of one size"]),
    "255": (
        lambda i, m: (i, 255 * m),
        ["000001@masks.zarr", "holds 0 and 255", "0 and 1 are expected", "mask // 255"],
    ),
    "grey": (
        lambda i, m: (i, soft(m)),
        ["000001@masks.zarr", "0, 127, 255", "0 and 1 are expected", "nearest neighbour"],
    ),
    "empty": (lambda i, m: (i, 0 * m), ["all 8 masks are empty", "nothing to learn"]),
    "shifted": (lambda i, m: (i, np.roll(m, 12, axis=1)), ["seem to be shifted", "moved by -12 px in y"]),
    "range": (
        lambda i, m: (255 * i, m),
        ["000001@images.zarr", "between 0 and 1", "normalisation.kind=zscore"],
    ),
}


def train_words(stores: tuple[Path, Path], run: Path, *more: object) -> tuple[object, ...]:
    images, masks = stores
    start = ("train", "fair-standard", "--images", images, "--masks", masks, "--out", run, "--threads", 1)
    return (*start, *SHRUNK, *more)


def refused(motes: Motes, words: tuple[object, ...], *expected: str) -> None:
    """See that a command ends with exit code 1 and one message that holds these pieces."""
    answer = motes(*words)
    assert answer.code == 1, answer.err
    (message,) = [line for line in answer.err.splitlines() if line.startswith("motes: ")]
    assert answer.err.endswith(message + "\n")
    for piece in expected:
        assert piece in message
    assert answer.out == ""


@pytest.fixture(scope="module")
def sound(make: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Stores of images and masks that can be trained on."""
    return make.stores(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("name", SPOILT)
def test_stores_that_are_spoilt(
    motes: Motes, make: Any, sound: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    spoil, expected = SPOILT[name]
    pairs = [make.objects((128, 128), number)[:2] for number in range(8)]
    images, masks = spoil(*(np.stack(arrays) for arrays in zip(*pairs, strict=True)))
    spoilt = make.store(tmp_path / "images.zarr", images), make.store(tmp_path / "masks.zarr", masks)
    refused(motes, train_words(spoilt, tmp_path / "run"), *expected)
    answer = motes(*train_words(sound, tmp_path / "run"))
    assert answer.code == 0, answer.err


def test_what_is_no_store(motes: Motes, sound: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "folder.zarr"
    folder.mkdir()
    (folder / "readme.txt").write_text("nothing here")
    missing = tmp_path / "missing.zarr"
    refused(motes, train_words((folder, sound[1]), tmp_path / "run"), "folder.zarr", "not a zarr store")
    refused(motes, train_words((sound[0], folder), tmp_path / "run"), "folder.zarr", "not a store")
    refused(motes, train_words((missing, sound[1]), tmp_path / "run"), "missing.zarr: no such store")
    refused(motes, train_words((sound[0], missing), tmp_path / "run"), "missing.zarr", "does not exist")
    assert not (tmp_path / "run").exists()


def test_masks_and_picks_go_apart(motes: Motes, sound: tuple[Path, Path], tmp_path: Path) -> None:
    words = train_words(sound, tmp_path / "run")
    refused(motes, (*words, "--picks", tmp_path), "--images goes with either --picks or --masks; found both")
    refused(motes, words[:4] + words[6:], "--images goes with either --picks or --masks; found neither")
    refused(motes, words[:2] + words[4:], "--images goes with either --picks or --masks; found no images")
    refused(motes, words[:2] + words[6:], "give --images with --picks or --masks, or a row of --data")
    refused(motes, (*words, "--validation-images", sound[0]), "--validation-images goes with either")
    assert not (tmp_path / "run").exists()


TABLES = {
    "image,mask\n{images},{masks}\n": ["there is no column 'mask'", "Did you mean 'masks'?"],
    "image,group\n{images},a\n": ["found columns image, group", "picks or masks"],
    "image,masks,split\n{images},{masks},tset\n": ["row 2", "split is 'tset'", "train, validation, test"],
    "image,masks,weight\n{images},{masks},0\n": ["row 2", "weight is '0'", "above 0"],
    "image,masks\n": ["has no rows"],
}


@pytest.mark.parametrize("written", TABLES)
def test_a_table_that_cannot_be_read(
    motes: Motes, sound: tuple[Path, Path], tmp_path: Path, written: str
) -> None:
    table = tmp_path / "DATA.csv"
    table.write_text(written.format(images=sound[0], masks=sound[1]))
    start = ("train", "fair-standard", "--data", table, "--out", tmp_path / "run", "--threads", 1, *SHRUNK)
    refused(motes, start, "DATA.csv", *TABLES[written])
    assert not (tmp_path / "run").exists()


RECIPES = {
    "training:\n  epoch: 3\n": ["no field 'training.epoch'", "Did you mean 'training.epochs'?"],
    "training:\n  epochs: 0\n": ["training.epochs cannot be 0", "greater than or equal to 1"],
    "net:\n  norm: bacth\n": ["net.norm cannot be 'bacth'", "'batch', 'instance', 'group' or 'none'"],
    "loss:\n  formula: dize\n": ["dize", "Did you mean 'dice'?"],
    "augmentation:\n  rotation: much\n": ["augmentation.rotation cannot be 'much'", "number"],
    "learning_rate: 0.1\n": ["no field 'learning_rate'", "Did you mean 'training.learning_rate'?"],
}


@pytest.mark.parametrize("written", RECIPES)
def test_a_recipe_that_cannot_be(
    motes: Motes, sound: tuple[Path, Path], tmp_path: Path, written: str
) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("based_on: fair-standard\n" + written)
    words = train_words(sound, tmp_path / "run")
    refused(motes, ("train", recipe, *words[2:-5]), *RECIPES[written])
    assert not (tmp_path / "run").exists()


def test_what_needs_picks_is_not_watched_with_masks(
    motes: Motes, sound: tuple[Path, Path], tmp_path: Path
) -> None:
    words = train_words(sound, tmp_path / "run")
    refused(motes, (*words, "training.watch=best_f1"), "training.watch is best_f1", "needs picks", "pixel_f1")
    answer = motes(*words, "training.watch=pixel_best_f1")
    assert answer.code == 0, answer.err
