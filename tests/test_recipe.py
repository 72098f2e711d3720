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
