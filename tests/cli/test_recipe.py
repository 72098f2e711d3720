"""motes recipe."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motes.recipe_file import leaf_keys, load_recipe, shipped_recipes

Motes = Callable[..., Any]


def test_all_recipes_are_listed_with_a_sentence(motes: Motes) -> None:
    answer = motes("recipe")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[::2] == sorted(shipped_recipes())
    assert [line.strip() for line in lines[1::2]] == [load_recipe(name).about for name in lines[::2]]


def test_all_recipes_as_json(motes: Motes) -> None:
    assert json.loads(motes("recipe", "--json").out) == {n: load_recipe(n).about for n in shipped_recipes()}


@pytest.mark.parametrize("name", shipped_recipes())
def test_one_recipe_shows_every_value_and_what_it_means(motes: Motes, name: str) -> None:
    answer = motes("recipe", name)
    assert answer.code == 0
    title, *blocks = answer.out.strip().split("\n\n")
    assert title == f"{name}: {load_recipe(name).about}"
    assert [block.partition(" = ")[0] for block in blocks] == list(leaf_keys())
    assert {len(block.splitlines()) for block in blocks} == {2}


def test_changed_values_stand_beside_their_defaults(motes: Motes) -> None:
    answer = motes("recipe", "fair-standard", "epochs=7")
    assert (
        "training.epochs = 7   (default 20)\n    how often it goes round; whole number, at least 1\n"
        in answer.out
    )
    assert "loss.formula = 0.7 focal + 0.3 dice   (default bce)" in answer.out
    assert "training.clip = 1.0\n" in answer.out
    assert "net.name = attention_unet" in motes("recipe", "fair-attention").out


@pytest.mark.parametrize("name", shipped_recipes())
def test_printed_as_yaml_or_json_it_is_the_same_recipe(motes: Motes, tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(motes("recipe", name, "--yaml").out)
    assert load_recipe(str(path)) == load_recipe(name)
    assert json.loads(motes("recipe", name, "--json").out) == load_recipe(name).model_dump(mode="json")
    assert motes("recipe", path, "--yaml").out == path.read_text()


def test_a_printed_recipe_trains(motes: Motes, make: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    changes = ("net.widths=[2, 3]", "sampling.size=32", "batch=2", "steps=1", "epochs=1")
    path.write_text(motes("recipe", "fair-attention", *changes, "--yaml").out)
    images, masks = make.stores(tmp_path)
    words = ("--images", images, "--masks", masks, "--out", tmp_path / "run", "--threads", 1)
    answer = motes("train", path, *words)
    assert answer.code == 0, answer.err
    assert (tmp_path / "run" / "recipe.yaml").read_text().startswith("name: fair-attention\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["fair-standart"],
            "there is no recipe 'fair-standart', neither shipped nor a file. Did you mean 'fair-",
        ),
        (["micrographs", "widht=3"], "a recipe has no field 'widht'. Did you mean 'net.width'?"),
        (["micrographs", "norm=bacth"], "net.norm cannot be 'bacth'"),
        (["micrographs", "other"], "'other' is not a change of the recipe (key=value)"),
    ],
)
def test_what_goes_wrong_is_one_line(motes: Motes, words: list[str], message: str) -> None:
    answer = motes("recipe", *words)
    assert (answer.code, answer.out) == (1, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1
