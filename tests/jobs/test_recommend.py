"""Which recipe for which data, and that every reason names what was measured."""

import math
import re
import shlex

import numpy as np
import pytest

from motes.errors import InputError
from motes.jobs.mask_facts import MaskFacts
from motes.jobs.recommend import recommend
from motes.nets.description import NetDescription
from motes.nets.unet import unet_reach
from motes.recipe import Split
from motes.recipe_file import leaf_keys, load_recipe


def images(
    count, objects, diameter, *, shape=(256, 256), touching=0.0, circularity=1.0, kind="binary", part=""
):
    """Images with so many objects each, or with the numbers of a list in turn."""
    each = [objects] if isinstance(objects, int) else objects
    size = math.pi / 4 * diameter**2 if len(shape) == 2 else math.pi / 6 * diameter**3
    return [
        MaskFacts(
            name=f"{number}.png",
            shape=shape,
            objects=each[number % len(each)],
            coverage=each[number % len(each)] * size / math.prod(shape),
            diameters=np.full(each[number % len(each)], float(diameter)),
            circularities=np.full(each[number % len(each)], circularity),
            contrasts=np.full(each[number % len(each)], 1.0),
            touching=touching,
            at_edge=0.1,
            values=(0.0, 1.0) if kind == "binary" else (0.0, 1.0, 2.0, 3.0),
            kind=kind,
            image_sha256="",
            mask_sha256="",
            part=part,
        )
        for number in range(count)
    ]


SPARSE = images(40, [2, 3], 30)
DENSE = images(73, [105, 114], 18, touching=0.2, kind="instances")
SETS = {
    "sparse": (SPARSE, "binary"),
    "dense": (DENSE, "instances"),
    "between": (images(30, 17, 24), "binary"),
    "merged": (images(30, 60, 24, touching=0.1), "binary"),
    "classes": (images(30, 17, 24, kind="classes"), "classes"),
    "large images": (images(4, 900, 40, shape=(2000, 3000), touching=0.1, kind="instances"), "instances"),
    "large objects": (images(10, 3, 180, shape=(512, 512)), "binary"),
    "narrow images": (images(10, 9, 12, shape=(90, 300)), "binary"),
    "volumes": (images(5, 50, 12, shape=(31, 61, 57), touching=0.4, kind="instances"), "instances"),
}


def values(recommendation):
    return {each.field: each.value for each in recommendation.changes}


def test_the_sparse_point():
    found = recommend(SPARSE, "binary")
    said = values(found)
    assert found.recipe == "sparse-objects"
    assert said["loss.formula"] == "focal"
    assert said["training.learning_rate"] == 1e-3
    assert 8 <= said["training.batch"] <= 16
    assert said["net.dropout"] == 0
    assert (said["split.validation"], said["split.stratify"]) == (0.1, "none")


def test_the_dense_point():
    found = recommend(DENSE, "instances")
    said = values(found)
    assert found.recipe == "beads-unet"
    assert said["loss.formula"] == "dice"
    assert said["training.learning_rate"] == 1e-4
    assert said["training.batch"] == 32
    assert said["net.dropout"] == 0.3
    assert (said["split.validation"], said["split.stratify"]) == (0.15, "objects")
    assert said["sampling.size"] == 256
    assert (said["picking.method"], said["splitting.separator"]) == ("outlines", "distance")


def test_between_the_points_by_the_logarithm_of_the_density():
    halfway = values(recommend(SETS["between"][0], "binary"))  # sqrt(2.5 * 109) is 16.5
    assert halfway["training.learning_rate"] == pytest.approx(10**-3.5, rel=0.05)
    assert halfway["training.batch"] == 16
    assert halfway["net.dropout"] == 0.15
    rates = [
        values(recommend(images(30, count, 10), "binary"))["training.learning_rate"]
        for count in (1, 3, 10, 30, 100, 300)
    ]
    assert rates == sorted(rates, reverse=True)
    assert (rates[0], rates[-1]) == (1e-3, 1e-4)


def test_the_loss_is_by_class_balance_too():
    assert values(recommend(images(20, 110, 3), "binary"))["loss.formula"] == "0.7 dice + 0.3 focal"
    assert values(recommend(images(20, 3, 150), "binary"))["loss.formula"] == "0.7 dice + 0.3 focal"


@pytest.mark.parametrize("diameter", [6, 18, 40, 65, 130])
def test_the_net_looks_further_than_an_object(diameter):
    said = values(recommend(images(9, 4, diameter, shape=(1024, 1024)), "binary"))
    reach = unet_reach(NetDescription(depth=said["net.depth"]))
    assert reach is not None
    assert reach > diameter
    assert said["sampling.size"] >= 3 * diameter
    assert said["sampling.size"] % 2 ** (said["net.depth"] - 1) == 0


def test_objects_too_large_for_any_net_are_to_be_shrunk():
    (depth,) = [
        each
        for each in recommend(images(5, 2, 300, shape=(2048, 2048)), "binary").changes
        if each.field == "net.depth"
    ]
    assert "shrink images and masks to 49%" in depth.reason


def test_a_step_holds_no_more_pixels_than_32_crops_of_256():
    said = values(recommend(images(30, 400, 100, shape=(2048, 2048)), "binary"))
    assert said["sampling.size"] == 416
    assert said["training.batch"] * said["sampling.size"] ** 2 <= 32 * 256**2


def test_large_images_are_seen_as_often_as_they_are_large():
    said = values(recommend(*SETS["large images"]))
    assert said["sampling.images"] == "random"
    crops = 4 * 2000 * 3000 / said["sampling.size"] ** 2
    assert said["training.steps"] == math.ceil(crops / said["training.batch"])
    assert "sampling.images" not in values(recommend(DENSE, "instances"))


def test_images_of_very_different_density_are_divided_by_it():
    assert values(recommend(images(40, [1, 1, 1, 9], 20), "binary"))["split.stratify"] == "objects"


def test_where_a_table_says_what_is_for_validation_no_split_is_advised():
    facts = [*images(10, 50, 18, part="train"), *images(4, 50, 18, part="validation")]
    assert not any(field.startswith("split.") for field in values(recommend(facts, "binary")))


def test_test_images_choose_nothing():
    facts = [*SPARSE, *images(200, 300, 12, part="test")]
    assert values(recommend(facts, "binary")) == values(recommend(SPARSE, "binary"))


def test_objects_marked_as_one_are_split_by_their_shape():
    facts = images(10, 60, 20)
    for each in facts:
        each.diameters[:6], each.circularities[:6] = 29, 0.5
    said = {each.field: each for each in recommend(facts, "binary").changes}
    assert said["picking.method"].value == "outlines"
    assert "10% of the 600 regions are larger and less round" in said["picking.method"].reason
    assert said["splitting.separator"].value == "none"
    assert said["keeping.smallest"].value == 10
    assert "picking.method" not in values(recommend(SETS["between"][0], "binary"))


@pytest.mark.parametrize("name", SETS)
def test_every_reason_is_a_sentence_that_names_a_number(name):
    facts, kind = SETS[name]
    for each in recommend(facts, kind).changes:
        assert re.search(r"\d", each.reason), each
    rate = next(each for each in recommend(facts, kind).changes if each.field == "training.learning_rate")
    assert "motes study run object-density" in rate.reason


@pytest.mark.parametrize("name", SETS)
def test_the_recommended_recipe_loads(name):
    facts, kind = SETS[name]
    found = recommend(facts, kind)
    missing = {each.field for each in found.needed} - set(leaf_keys())
    if missing:
        pytest.skip(f"recipes have no field {', '.join(missing)} yet")
    recipe = load_recipe(found.recipe, [each.words for each in found.needed])
    assert recipe.masks.kind == kind
    assert recipe.training.batch == values(found)["training.batch"]


@pytest.mark.skipif("stratify" not in Split.model_fields, reason="recipes have no split.stratify yet")
def test_the_words_for_a_split_are_those_of_recipes():
    for word in ("none", "objects"):
        assert Split.model_validate({"stratify": word})


def test_what_the_recipe_says_by_itself_is_not_said_again():
    found = recommend(SPARSE, "binary")
    said = {"training.learning_rate", "loss.formula", "training.batch"}
    assert said <= set(values(found))
    needed = {each.field for each in found.needed}
    assert "net.depth" in needed
    assert not said & needed


def test_the_command_quotes_what_a_shell_would_take_apart():
    command = recommend(*SETS["classes"]).command(["my images/*.tif"], "masks")
    words = shlex.split(command)
    assert words[:7] == ["motes", "train", "beads-unet", "--images", "my images/*.tif", "--masks", "masks"]
    assert "classes=[class1, class2, class3]" in words
    assert words[-2:] == ["--out", "run"]


def test_nothing_can_be_recommended_for_empty_masks():
    with pytest.raises(InputError, match="no object"):
        recommend(images(5, 0, 10), "binary")


def test_fields_that_are_advised_are_fields_of_recipes():
    known = set(leaf_keys()) | {"split.stratify"}
    for facts, kind in SETS.values():
        assert set(values(recommend(facts, kind))) <= known
