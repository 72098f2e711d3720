import pytest
from pydantic import BaseModel

from motes.errors import RecipeError
from motes.recipe import Recipe
from motes.recipe_file import check_recipe, full_key, leaf_keys, load_recipe, shipped_recipes
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
            elif not field.description:
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
        ("loss=bce + 2", "0.7 focal"),
        ("schedule=cosin", "training.schedule cannot be 'cosin'.*'cosine'"),
        ("norm=batches", "net.norm cannot be 'batches'.*'instance'"),
        ("training.accumulate=3", "cannot be worked through in 3 equal parts"),
        ("training.best=-1", "training.best"),
        ("sampling.background=0.9", "more than 1|at most 1|sum"),
        ("name=attention_unet", r"did you mean net\.name=attention_unet"),
        ("+", "'loss=bce \\+ dice'"),
        ("pixel_size=0", "pixel_size"),
        ("pixel_size=.inf", "pixel_size"),
        ("size=64.5", r"sampling\.size cannot be 64\.5"),
        ("class_weights=even", r"loss\.class_weights cannot be 'even'"),
        ("classes=[{name: a, diameter: big}]", r"classes\.0\.diameter cannot be 'big'"),
        ("sampling.background=0.9", r"^recipe: sampling: the shares"),
        ("net=attention_unet", r"net cannot be 'attention_unet'.* Did you mean net\.name=attention_unet\?$"),
        ("split=folder", r"Did you mean split\.by=folder\?$"),
        ("training=5", "Known: epochs, steps"),
        ("widht=8", r"Did you mean 'net\.width'\?$"),
        ("zzzz=8", "Known: name, about"),
        ("loss=0.7fokal", "Did you mean 'focal'"),
        ("on_grid=1", r"augmentation\.scale \(0\.1\) would have no effect"),
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


@pytest.mark.parametrize("name", ["[a]", "{}"])
def test_a_name_that_is_no_word_is_refused(name):
    with pytest.raises(RecipeError, match=r"^recipe: name"):
        load_recipe("micrographs", [f"name={name}"])


@pytest.mark.parametrize("start", [None, "default"])
@pytest.mark.parametrize(
    ("text", "key"), [("1: 2", "1"), ("net: {1: 2}", r"net\.1"), ("net: {yes: 2}", r"net\.True")]
)
def test_a_key_that_is_no_word_is_refused(text, key, start, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=rf"mine\.yaml: {key} is no name of a field: .* net: {{width: 16}}"):
        load_recipe(str(path), start=start)


def test_numbers_as_keys_in_a_change_are_refused():
    for start in (None, "default"):
        with pytest.raises(RecipeError, match=r"class_weights"):
            load_recipe("micrographs", ["class_weights={1: 2}"], start=start)


@pytest.mark.parametrize("value", ["!!int x", "!!bool x", "!!timestamp x", "!!int ''", "2001-99-99"])
def test_a_value_that_is_not_what_it_says_it_is_is_refused(value, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"training: {{epochs: {value}}}")
    with pytest.raises(RecipeError, match=r"mine\.yaml is not readable YAML"):
        load_recipe(str(path))
    with pytest.raises(RecipeError, match=r"cannot read the value in .epochs="):
        load_recipe("micrographs", [f"epochs={value}"])


def test_a_recipe_may_stand_on_another(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text("based_on: micrographs\nnet:\n  width: 32\n")
    recipe = load_recipe(str(path))
    assert recipe.net.width == 32
    assert recipe.net.depth == load_recipe("micrographs").net.depth
    assert recipe.name == "wide"


def test_lengths_keep_their_unit():
    assert load_recipe("micrographs", diameter="15nm").lengths == [Length(150, "A")]
    assert check_recipe({"name": "x", "diameter": 150}).lengths == [Length(150, "A")]
    assert load_recipe("micrographs").lengths is None


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


@pytest.mark.parametrize("changes", [["rotation=15", "scale=0.2"], ["elastic=0.5"]])
def test_resampling_needs_crops_off_the_grid(changes):
    with pytest.raises(RecipeError, match="set on_grid=0"):
        load_recipe("patches-128", changes)
    assert load_recipe("patches-128", [*changes, "on_grid=0"]).augmentation.on_grid == 0


def test_a_plain_value_for_a_section_in_a_file_says_which_field_is_meant(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("net: attention_unet\n")
    with pytest.raises(RecipeError, match=r"Did you mean net\.name=attention_unet\?"):
        load_recipe(str(path))


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


def test_the_name_of_a_net_brings_its_values_and_other_words_go_on_top():
    assert load_recipe("micrographs", ["net.name=unet_96"]).net.width == 96
    attention = load_recipe("micrographs", ["width=8", "net.name=attention_unet"]).net
    assert (attention.skips, attention.width) == ("gate", 8)
    assert load_recipe("micrographs", ["net.name=attention_unet", "width=8"]).net == attention
    assert load_recipe("micrographs", ["net.widths=[4, 8, 12]"]).net.channels == (4, 8, 12)


@pytest.mark.parametrize("nothing", ["null", "none", "~"])
def test_no_list_of_widths_leaves_width_and_depth_as_they_are(nothing, tmp_path):
    words = ["net.width=8", f"net.widths={nothing}"]
    for order in (words, words[::-1]):
        assert load_recipe("tomogram", order).net.channels == (8, 16, 32, 64, 128)
    plain = load_recipe("micrographs").net
    assert load_recipe("micrographs", [f"net.widths={nothing}"]).net == plain
    path = tmp_path / "mine.yaml"
    path.write_text("based_on: micrographs\nnet: {widths: null}\n")
    assert load_recipe(str(path)).net == plain


def test_another_name_takes_along_what_the_former_one_set(tmp_path):
    whole = tmp_path / "whole.yaml"
    whole.write_text(load_recipe("fair-attention").as_yaml())
    standard = load_recipe("fair-standard").net
    assert load_recipe(str(whole), ["net.name=unet"]).net == standard
    assert load_recipe(str(whole), ["skips=gate", "net.name=unet"]).net.skips == "gate"
    se = load_recipe(str(whole), ["net.name=se_unet"]).net
    assert (se.skips, se.encoder_attention, se.channels) == ("none", "se", standard.channels)
    above = tmp_path / "above.yaml"
    above.write_text(f"based_on: {whole}\nnet: {{name: unet}}\n")
    assert load_recipe(str(above)).net == standard


@pytest.mark.parametrize(
    ("words", "skips", "width"),
    [
        (["net.name=unet", "skips=gate"], "gate", 16),
        (["net.name=unet_96"], "none", 64),
        (["net.name=segresnet", "width=24"], "none", 24),
    ],
)
def test_another_name_leaves_what_the_former_one_did_not_set(words, skips, width, tmp_path):
    whole = tmp_path / "whole.yaml"
    whole.write_text(load_recipe("micrographs", words).as_yaml())
    found = load_recipe(str(whole), ["net.name=unet"]).net
    assert (found.skips, found.width) == (skips, width)


def test_none_leaves_open_what_may_be_left_open_and_nothing_else():
    recipe = load_recipe("micrographs", ["working_diameter=none", "steps=none"])
    assert recipe.working_diameter is None
    assert recipe.training.steps is None
    assert load_recipe("micrographs", ["norm=none"]).net.norm == "none"


def test_the_arms_of_the_fair_comparison_differ_in_the_net_alone():
    standard, attention = (load_recipe(name).model_dump() for name in ("fair-standard", "fair-attention"))
    differing = {key for key in standard if standard[key] != attention[key]} - {"name", "about"}
    assert differing == {"net"}
    nets = standard["net"], attention["net"]
    assert {key for key in nets[0] if nets[0][key] != nets[1][key]} == {"name", "skips"}


def test_the_recipe_of_system_1_says_what_was_done():
    recipe = load_recipe("fair-standard")
    training = recipe.training
    assert recipe.loss.terms == {"focal": 0.7, "dice": 0.3}
    assert (recipe.loss.focal_alpha, recipe.loss.focal_gamma, recipe.loss.epsilon) == (0.25, 2, 1e-6)
    assert (training.optimiser, training.learning_rate, training.weight_decay) == ("adamw", 1e-3, 1e-4)
    assert (training.batch, training.epochs, training.clip, recipe.seed) == (8, 100, 1.0, 42)
    assert training.learning_rate * training.lowest_rate == pytest.approx(1e-5)
    assert training.is_validated(10)
    assert not training.is_validated(11)


@pytest.mark.parametrize(
    "changes",
    [
        [f"net.name={net}", f"net.widths={widths}", f"sampling.size={patch}"]
        for net in ("unet", "attention_unet", "se_unet", "cbam_unet")
        for widths in ("[16, 32, 64, 128]", "[32, 64, 128, 256]")
        for patch in ("32x64x64", "32x96x96", "32x128x128")
    ],
    ids=" ".join,
)
def test_every_run_of_system_4_is_a_few_words(changes):
    recipe = load_recipe("tomogram", changes)
    assert recipe.net.outputs == 7
    assert recipe.net.name == changes[0].partition("=")[2]
    assert recipe.sampling.shape(3)[0] == 32


def test_several_classes_have_a_scale_and_diameters_of_their_own():
    two = {"classes": [{"name": "a", "diameter": 100}, "b"], "name": "x"}
    with pytest.raises(RecipeError, match="working_pixel_size"):
        check_recipe(two)
    scaled = {**two, "working_pixel_size": 10}
    assert check_recipe(scaled).net.outputs == 3
    assert check_recipe(scaled).lengths is None
    with pytest.raises(RecipeError, match="give each its own"):
        check_recipe({**scaled, "diameter": 100})
    with pytest.raises(RecipeError, match="two classes are called 'a'"):
        check_recipe({**scaled, "classes": ["a", "a"]})
    with pytest.raises(RecipeError, match="the background's; set it to 3"):
        check_recipe({**scaled, "net": {"outputs": 2}})


def test_mixing_needs_pairs():
    with pytest.raises(RecipeError, match="even number"):
        load_recipe("micrographs", ["mixup=0.5", "training.batch=5"])


def test_lr_is_the_learning_rate():
    assert load_recipe("micrographs", ["lr=1e-4"]).training.learning_rate == 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["working_diameter=20"],
            r"worlds\.across is 22 px, but working_diameter is 20\.0; make them the same",
        ),
        (["working_diameter=none"], r"worlds\.across is 22 px, but working_diameter is None"),
        (["net.ndim=3"], r"micrographs with one kind of particle.*; set net\.ndim to 2"),
        (["sampling.hard=0.1"], r"none of which comes twice.*leave sampling\.hard at 0"),
        (["classes=[a, b]", "working_pixel_size=5"], r"name one class"),
        (["worlds.together=5"], r"worlds\.together x worlds\.crops_each is 120, but training\.batch is 64"),
        (["worlds.across=60", "working_diameter=60", "worlds.side=128"], r"are 41\.4 to 87\.0 px across"),
        (["worlds.snr=[3, 1]"], r"worlds: snr is \(3, 1\); expected two numbers above 0, the lower first"),
        (["worlds.side=100"], r"worlds\.side cannot be 100"),
    ],
)
def test_simulated_micrographs_must_fit_the_recipe(changes, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("general", changes)


def test_simulated_micrographs_that_are_not_used_need_not_fit():
    recipe = load_recipe("general", ["worlds.use=false", "working_diameter=20", "sampling.hard=0.1"])
    assert (recipe.working_diameter, recipe.worlds.across) == (20, 22)
    assert not load_recipe("micrographs").worlds.use


def test_outlines_bring_the_maps_that_they_need():
    plain = load_recipe("objects", ["splitting.separator=none"])
    assert (plain.net.outputs, plain.net.independent) == (1, False)
    for separator in ("boundary", "distance"):
        recipe = load_recipe("objects", [f"splitting.separator={separator}"])
        assert (recipe.net.outputs, recipe.net.independent) == (2, True)
        assert recipe.outlining.splitting.separator == separator
    assert load_recipe("micrographs").outlining is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["classes=[a, b]", "splitting.separator=none"], "outlines, which is for one class"),
        (["method=peaks"], r"splitting\.separator is distance, but picking\.method is peaks"),
        (["method=components", "separator=none", "circularity=0.5"], r"keeping\.circularity is 0\.5"),
        (["net.outputs=3"], r"net\.outputs is 3, but splitting\.separator is distance"),
        (["net.independent=false"], r"net\.independent is False"),
    ],
)
def test_outlines_that_cannot_be_are_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe("objects", changes)
