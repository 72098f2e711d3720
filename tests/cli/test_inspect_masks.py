"""motes inspect on images with masks."""

import json
import os
import shlex
from pathlib import Path
from typing import get_args

import pytest

from motes.cli.inspect import MaskKind
from motes.data import masks as data_masks
from motes.formats.images import read_image, write_image


@pytest.fixture(scope="module")
def folders(make, tmp_path_factory):
    return make.label_images(tmp_path_factory.mktemp("labelled"), count=6)


def test_facts_and_a_command_that_works(motes, folders):
    images, masks = folders
    told = motes("inspect", images, "--masks", masks)
    assert told.code == 0, told.err
    assert "Nothing wrong was found in 6 images." in told.out
    assert "objects in 256 x 256 px" in told.out
    (command,) = [line for line in told.out.splitlines() if line.startswith("next: motes train ")]
    words = shlex.split(command)
    assert words[words.index("--images") + 1] == str(images)
    assert words[words.index("--masks") + 1] == str(masks)


def test_json_and_a_page(motes, folders, tmp_path):
    images, masks = folders
    page = tmp_path / "look.html"
    told = motes("inspect", images, "--masks", masks, "--json", "--report", page, "--recipe", "beads-unet")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["usable"] is True
    assert len(found["images"]) == 6
    assert found["domain"]["recipe"] == "beads-unet"
    assert found["command"].startswith("motes train ")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_masks_of_0_and_255_are_wrong(motes, folders, tmp_path):
    images, masks = folders
    for path in masks.iterdir():
        write_image(tmp_path / "white" / path.name, read_image(path).data * 255)
    told = motes("inspect", images, "--masks", tmp_path / "white")
    assert told.code == 1
    assert "WRONG" in told.out
    assert "255" in told.out
    assert "to be put right before" in told.out


def test_a_table_of_data_sets(motes, folders, tmp_path):
    images, masks = folders
    table = tmp_path / "data.csv"
    table.write_text(f"image,masks,split\n{images},{masks},train\n")
    told = motes("inspect", "--data", table)
    assert told.code == 0, told.err
    assert "train images" in told.out
    assert f"--data {table}" in told.out


def test_instances(motes, folders):
    images, masks = folders
    told = motes("inspect", images, "--masks", masks, "--mask-kind", "instances")
    assert "masks.kind=instances" in told.out


def test_a_recipe_of_which_no_domain_is_known(motes, folders):
    images, masks = folders
    told = motes("inspect", images, "--masks", masks, "--recipe", "micrographs")
    assert "not compared: what data micrographs was made for is not known" in told.out


def test_the_kinds_are_those_of_recipes():
    assert get_args(MaskKind) == get_args(data_masks.MaskKind)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "there are no images"),
        (("IMAGES", "--recipe", "beads-unet"), "--recipe is for images with masks"),
        (("IMAGES", "--report", "look.html"), "--report is for images with masks"),
        (("IMAGES", "--mask-kind", "classes"), "--mask-kind is for images with masks"),
        (("IMAGES", "--masks", "MASKS", "--picks", "picks"), "--picks goes with picks"),
        (("IMAGES", "--masks", "MASKS", "--diameter", "20px"), "--diameter goes with picks"),
        (("IMAGES", "--data", "data.csv"), "--data stands in place of IMAGES and --masks"),
        (("--masks", "MASKS"), "goes with either"),
        (("IMAGES", "--masks", "MASKS", "--recipe", "beads"), "there is no recipe 'beads'"),
    ],
)
def test_words_that_do_not_go_together(motes, folders, words, said):
    named = {"IMAGES": folders[0], "MASKS": folders[1]}
    told = motes("inspect", *(named.get(word, word) for word in words))
    assert told.code == 1
    assert said in told.err


@pytest.mark.real
@pytest.mark.skipif("MOTES_REAL_DATA" not in os.environ, reason="needs MOTES_REAL_DATA")
def test_real_nuclei(motes, tmp_path):
    folder = Path(os.environ["MOTES_REAL_DATA"]) / "dsb2018_nuclei"
    told = motes(
        "inspect", folder / "images", "--masks", folder / "labels", "--mask-kind", "instances", "--json"
    )
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["all"]["objects"] == 1992  # as index.csv of the folder counts them
    assert found["faults"] == []
    assert found["recommendation"]["recipe"] == "beads-unet"
