"""Recipes that start from a model: what they take over from it, what contradicts it, when it is not needed."""

from pathlib import Path

import pytest
import yaml

from motes.errors import ModelError, RecipeError
from motes.nets.description import NetDescription
from motes.picking.instances import Keeping, Splitting
from motes.picking.picker import Picking
from motes.recipe_file import check_against_start, fine_tuning_values, flat, load_recipe
from small_model import NET, saved


@pytest.fixture
def model(tmp_path: Path) -> str:
    return saved(tmp_path / "model.safetensors")


def test_what_the_weights_demand_is_taken_over_and_training_is_short(model: str) -> None:
    recipe = load_recipe("micrographs", start=model)
    assert recipe.net == NET
    assert recipe.normalisation.clip_percent == 0.5
    assert (recipe.target.shape, recipe.target.radius) == ("disc", 0.7)
    assert recipe.scale.diameter == 18
    assert recipe.picking.minimum_distance == 0.8
    found = dict(flat(recipe.model_dump()))
    assert {key: found[key] for key, _ in flat(fine_tuning_values())} == dict(flat(fine_tuning_values()))
    plain = dict(flat(load_recipe("micrographs").model_dump()))
    changed = {key.partition(".")[0] for key in found if found[key] != plain[key]}
    assert changed == {"net", "normalisation", "target", "working_diameter", "picking", "training", "start"}


def test_a_scale_by_pixel_size_is_taken_over(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", working_diameter=None, working_pixel_size=8.0)
    recipe = load_recipe("micrographs", start=path)
    assert (recipe.scale.diameter, recipe.scale.pixel_size) == (None, 8)


def test_the_word_and_the_option_are_the_same(model: str) -> None:
    assert load_recipe("micrographs", [f"start={model}"]) == load_recipe("micrographs", start=model)


def test_what_the_user_says_counts_before_the_short_training_and_picking(model: str) -> None:
    recipe = load_recipe("micrographs", ["epochs=3", "minimum_distance=0.5"], start=model)
    assert recipe.training.epochs == 3
    assert recipe.training.steps == fine_tuning_values()["training"]["steps"]
    assert recipe.picking.minimum_distance == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("width=32", r"net\.width is 32, but the weights of .* were made with 3; leave net\.width out"),
        ("net.name=unet", r"net\.name is unet, .* made with attention_unet"),
        ("widths=[3, 6, 12]", r"net\.widths is \[3, 6, 12\], .* made with None"),
        ("working_diameter=20", r"working_diameter is 20, .* made with 18"),
        ("working_pixel_size=4", r"working_pixel_size is 4, .* made with None"),
        ("clip_percent=1", r"normalisation\.clip_percent is 1, .* made with 0\.5"),
        ("target.radius=1", r"target\.radius is 1, .* made with 0\.7"),
        ("classes=[a, b]", r"the number of classes is 2, but .* was made for 1 \(ribosome\)"),
        ("encoder_weights=resnet.pth", "weights come from one file"),
    ],
)
def test_words_that_contradict_the_weights_are_refused(model: str, change: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("micrographs", [change], start=model)


def test_words_that_agree_with_the_weights_are_taken(model: str) -> None:
    words = [
        "width=3",
        "net.name=attention_unet",
        "working_diameter=18",
        "target.radius=0.7",
        "classes=[virus]",
    ]
    assert load_recipe("micrographs", words, start=model).class_names == ["virus"]


def test_a_file_that_names_a_start_stands_on_it_and_keeps_its_own_words(model: str, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"based_on": "micrographs", "start": model, "training": {"epochs": 7}}))
    recipe = load_recipe(str(own), ["batch=4"])
    assert recipe.net == NET
    assert (recipe.training.epochs, recipe.training.steps, recipe.training.batch) == (7, 50, 4)
    own.write_text(yaml.safe_dump({"based_on": "micrographs", "start": model, "net": {"width": 8}}))
    with pytest.raises(RecipeError, match=r"net\.width is 8, but the weights of"):
        load_recipe(str(own))


def test_the_words_of_a_recipe_that_names_no_start_give_way_to_it(model: str, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("based_on: micrographs\nnet: {widths: [8, 16]}\ntraining: {epochs: 7}\n")
    recipe = load_recipe(str(own), start=model)
    assert (recipe.net, recipe.training.epochs) == (NET, fine_tuning_values()["training"]["epochs"])


def test_a_whole_recipe_is_read_as_it_stands_and_without_the_model(model: str, tmp_path: Path) -> None:
    recipe = load_recipe("micrographs", ["epochs=3"], start=model)
    kept = tmp_path / "recipe.yaml"
    kept.write_text(recipe.as_yaml())
    assert load_recipe(str(kept)) == recipe
    Path(model).unlink()
    assert load_recipe(str(kept)) == recipe
    with pytest.raises(ModelError, match="does not exist"):
        load_recipe("micrographs", start=model)


def test_a_start_is_taken_back_by_none(model: str, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump({"based_on": "micrographs", "start": model}))
    assert load_recipe(str(own), ["start=none", "width=5"]).net.width == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["labels=partial"], r"labels is partial, .* give one with --start .*, or mark every particle"),
        (
            ["labels=partial", "start=MODEL", "goal=precision=0.9"],
            r"goal is precision=0\.9, which cannot be known",
        ),
        (
            ["labels=partial", "start=MODEL", "watch=best_f1"],
            r"training\.watch is best_f1, which cannot be known",
        ),
    ],
)
def test_partial_labels_need_a_start_and_leave_precision_open(
    model: str, changes: list[str], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("micrographs", [change.replace("MODEL", model) for change in changes])


@pytest.fixture
def outliner(tmp_path: Path) -> str:
    """A model that outlines, and whose second map is of boundaries."""
    return saved(
        tmp_path / "outliner",
        net=NetDescription(width=3, depth=3, outputs=2, independent=True),
        working_diameter=None,
        picking=Picking(method="outlines"),
        splitting=Splitting(separator="boundary", depth=0.4, smoothing=2),
        keeping=Keeping(circularity=0.5),
    )


def test_how_a_model_outlines_is_taken_over(outliner: str) -> None:
    recipe = load_recipe("objects", start=outliner)
    assert recipe.splitting == Splitting(separator="boundary", depth=0.4, smoothing=2)
    assert recipe.keeping == Keeping(circularity=0.5)
    other = load_recipe("objects", ["splitting.depth=0.2", "circularity=0"], start=outliner)
    assert (other.splitting.depth, other.splitting.smoothing, other.keeping.circularity) == (0.2, 2, 0)


@pytest.mark.parametrize("separator", ["distance", "none"])
def test_what_separates_objects_is_what_the_second_map_was_trained_for(outliner: str, separator: str) -> None:
    message = rf"splitting\.separator is {separator}, but the weights of .* made with boundary; leave"
    with pytest.raises(RecipeError, match=message):
        load_recipe("objects", [f"separator={separator}"], start=outliner)
    whole = load_recipe("objects", start=outliner).model_dump(mode="json")
    whole["splitting"]["separator"] = separator
    with pytest.raises(RecipeError, match=message):
        check_against_start(whole)
    assert load_recipe("objects", ["separator=boundary"], start=outliner).splitting.separator == "boundary"


def test_a_net_of_one_map_separates_objects_by_their_shape_alone(tmp_path: Path) -> None:
    one_map = {"net": NetDescription(width=3, depth=3), "working_diameter": None}
    shapes = saved(tmp_path / "a", **one_map, picking=Picking(method="outlines"), splitting=Splitting())
    peaks = saved(tmp_path / "b", **one_map)
    assert load_recipe("objects", start=shapes).splitting.separator == "none"
    for start in (shapes, peaks):
        with pytest.raises(RecipeError, match=r"splitting\.separator is distance, .* made with none"):
            load_recipe("objects", ["separator=distance", "method=outlines"], start=start)
    recipe = load_recipe("objects", ["method=outlines"], start=peaks)
    assert recipe.outlining is not None
    assert recipe.splitting.separator == "none"


def test_a_whole_recipe_that_outlines_is_read_without_the_model(outliner: str, tmp_path: Path) -> None:
    recipe = load_recipe("objects", ["splitting.depth=0.2"], start=outliner)
    kept = tmp_path / "recipe.yaml"
    kept.write_text(recipe.as_yaml())
    Path(outliner).unlink()
    assert load_recipe(str(kept)) == recipe


def test_a_model_of_several_classes_wants_as_many(tmp_path: Path) -> None:
    net = NetDescription(width=3, depth=3, outputs=3)
    path = saved(
        tmp_path / "m", net=net, classes=["a", "b"], working_diameter=None, thresholds={"a": 0.3, "b": 0.4}
    )
    with pytest.raises(RecipeError, match=r"the number of classes is 1, but .* made for 2 \(a, b\)"):
        load_recipe("micrographs", start=path)
    assert load_recipe("micrographs", ["classes=[c, d]"], start=path).net == net
