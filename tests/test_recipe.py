import pytest
from pydantic import BaseModel

from motes.errors import RecipeError
from motes.recipe import Recipe, check_recipe, full_key, leaf_keys, load_recipe, shipped_recipes
from motes.units import Length


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_is_valid_and_named_after_its_file(name):
    assert load_recipe(name).name == name


def test_a_resolved_recipe_reads_back_as_itself(tmp_path):
    recipe = load_recipe("micrographs", ["width=8", "diameter=60px"])
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.as_yaml())
    assert load_recipe(str(path)) == recipe


def test_short_and_dotted_keys_set_the_same_field():
    assert load_recipe("micrographs", ["width=8"]) == load_recipe("micrographs", ["net.width=8"])


def test_a_number_in_scientific_notation_is_a_number():
    assert load_recipe("micrographs", ["learning_rate=1e-4"]).training.learning_rate == 1e-4


def test_the_keys_that_users_are_promised_exist():
    known = set(leaf_keys())
    for key in ("diameter", "pixel_size", "width", "epochs", "seed"):
        assert full_key(key) in known


def test_every_field_of_a_recipe_is_described():
    def undescribed(model: type[BaseModel]) -> list[str]:
        missing = []
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                missing += undescribed(inner)
            elif not field.description and name not in ("name", "classes", "weight_decay"):
                missing.append(f"{model.__name__}.{name}")
        return missing

    assert undescribed(Recipe) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("widht=8", "Did you mean 'net.width'"),
        ("width=0", "net.width"),
        ("net.name=unett", "Did you mean 'unet'"),
        ("loss=bcee", "Did you mean 'bce'"),
        ("diameter=big", "diameter"),
        ("goal=accuracy", "goal"),
        ("a.mrc", "quotes"),
        ("sampling.size=100", r"sampling\.size is 100.*multiple of 16; set it to 96 or 112"),
        ("sampling.size=17", r"multiple of 16; set it to 16 or 32"),
        ("net.inputs=3", r"net\.inputs is 3, but an image has one channel"),
        ("net.outputs=2", r"net\.outputs is 2, but there is 1 in classes \(particle\); set it to 1"),
        ("pixel_size=0", "pixel_size"),
        ("pixel_size=.inf", "pixel_size"),
    ],
)
def test_an_impossible_change_names_the_field_and_what_to_do(change, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("micrographs", [change])


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(RecipeError, match="Did you mean 'micrographs'"):
        load_recipe("micrograph")


def test_an_unknown_field_in_a_file_is_named(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("net:\n  widht: 8\n")
    with pytest.raises(RecipeError, match=r"net\.widht.*Did you mean 'net\.width'"):
        load_recipe(str(path))


def test_a_file_that_is_not_a_recipe_is_refused(tmp_path):
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n- 2\n")
    with pytest.raises(RecipeError, match="expected a recipe"):
        load_recipe(str(path))
    path.write_text("a: [1")
    with pytest.raises(RecipeError, match="not readable YAML"):
        load_recipe(str(path))


def test_a_recipe_may_stand_on_another(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text("based_on: micrographs\nnet:\n  width: 32\n")
    recipe = load_recipe(str(path))
    assert recipe.net.width == 32
    assert recipe.net.depth == load_recipe("micrographs").net.depth
    assert recipe.name == "wide"


def test_lengths_keep_their_unit():
    assert load_recipe("micrographs", diameter="15nm").length == Length(150, "A")
    assert check_recipe({"name": "x", "diameter": 150}).length == Length(150, "A")


def test_crops_leave_more_than_one_value_for_batch_norm():
    with pytest.raises(RecipeError, match=r"single value a channel at depth 5.*training\.batch to 2"):
        load_recipe("micrographs", ["sampling.size=16", "training.batch=1"])
    for fitting in (["sampling.size=16", "training.batch=2"], ["sampling.size=32", "training.batch=1"]):
        assert load_recipe("micrographs", fitting).net.multiple == 16


def test_a_section_with_nothing_in_it_changes_nothing(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("based_on: micrographs\ntraining:\n  # epochs: 5\nnet:\n")
    assert load_recipe(str(path), ["epochs=3"]).training.epochs == 3
    assert load_recipe(str(path)).net == load_recipe("micrographs").net
    path.write_text("training:\n")
    assert load_recipe(str(path)).training == Recipe(name="x").training


def test_a_value_where_a_section_is_needed_is_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("net: 5\n")
    with pytest.raises(RecipeError, match="net cannot be 5"):
        load_recipe(str(path), ["width=8"])


def test_recipes_that_stand_on_each_other_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("based_on: b.yaml\n")
    (tmp_path / "b.yaml").write_text("based_on: a.yaml\n")
    with pytest.raises(RecipeError, match=r"circle: a\.yaml -> b\.yaml -> a\.yaml"):
        load_recipe("a.yaml")
    (tmp_path / "b.yaml").write_text("based_on: ./b.yaml\n")
    with pytest.raises(RecipeError, match=r"circle: b\.yaml -> b\.yaml"):
        load_recipe("b.yaml")
    (tmp_path / "micrographs.yaml").write_text("based_on: micrographs\nnet: {width: 8}\n")
    assert load_recipe("micrographs.yaml").net.width == 8
