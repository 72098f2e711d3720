"""The method in words."""

import pytest

from motes.figures.methods import (
    REFERENCES,
    Course,
    cited,
    data_in_words,
    method_paragraphs,
    thresholds_in_words,
)
from motes.nets.model_file import ModelDescription, TrainedOn
from motes.picking.thresholds import FittedThreshold
from motes.recipe import Recipe
from motes.recipe_file import check_recipe, load_recipe, shipped_recipes

FITTED = FittedThreshold(0.42, 0.9, 0.8, 0.847)
UNFITTED = FittedThreshold(0.5, None, None, None, "no truth to fit the threshold on; 0.5 is taken")
COURSE = Course(epochs=2, images=2, model_epoch=2, parameters=7)


def trained_on(particles: int | None, *parts: str) -> list[TrainedOn]:
    return [
        TrainedOn(image=f"{n}.mrc", sha256=str(n), particles=particles, part=p) for n, p in enumerate(parts)
    ]


def description(
    recipe: Recipe, images: list[TrainedOn] | None = None, diameters: list[float] | None = None
) -> ModelDescription:
    return ModelDescription(
        net=recipe.net,
        classes=recipe.class_names,
        diameters=diameters or [],
        diameter_unit="A",
        working_diameter=recipe.scale.diameter,
        working_pixel_size=recipe.scale.pixel_size,
        normalisation=recipe.normalisation,
        picking=recipe.picking,
        thresholds={},
        threshold_note="",
        trained_on=images or [],
        recipe=recipe.model_dump(mode="json"),
        versions={"motes": "1.2.3", "torch": "4.5.6"},
    )


@pytest.mark.parametrize("particles", [5, None])
@pytest.mark.parametrize("fitted", [FITTED, UNFITTED])
@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_can_be_told(name: str, fitted: FittedThreshold, particles: int | None) -> None:
    recipe = load_recipe(name)
    images = trained_on(particles, "train", "validation")
    thresholds = dict.fromkeys(recipe.class_names, fitted)
    paragraphs = method_paragraphs(recipe, description(recipe, images), thresholds, COURSE)
    assert len(paragraphs) == 4
    assert not any("None" in text or "  " in text for text in paragraphs)
    assert cited(paragraphs)


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("f1", "the highest F1"),
        ("f2", "the highest F2"),
        ("precision=0.9", "the highest recall at a precision of at least 0.9"),
        ("recall=0.95", "the highest precision at a recall of at least 0.95"),
    ],
)
def test_the_goal_of_the_threshold_in_words(goal: str, words: str) -> None:
    recipe = check_recipe({"name": "a", "goal": goal})
    told = thresholds_in_words(recipe, description(recipe), {"particle": FITTED})
    assert f"on the training images: 0.420 gives {words} (precision 0.900, recall 0.800, F1 0.847)" in told
    assert "motes 1.2.3 on PyTorch 4.5.6" in told


def outlining(*changes: str, validated: int = 1) -> tuple[Recipe, ModelDescription]:
    """A recipe, and a model of it with another depth of splitting."""
    recipe = load_recipe("objects", list(changes))
    images = trained_on(None, "train", *["validation"] * validated)
    splitting = recipe.splitting.model_copy(update={"depth": 0.4})
    described = description(recipe, images).model_copy(
        update={"splitting": splitting, "keeping": recipe.keeping}
    )
    return recipe, described


def test_objects_are_told_with_the_splitting_that_the_model_has() -> None:
    told = thresholds_in_words(*outlining("keeping.smallest=4", "keeping.edge=false"), {"particle": FITTED})
    assert "a watershed (Vincent & Soille 1991) from the summits of the map of how deep a pixel lies" in told
    assert "less than 0.4 of the lower, chosen after training for the F1 of objects." in told
    assert (
        "Objects smaller than a disc or ball of 4 px across, or cut by the edge of the image were left out."
        in told
    )
    assert "IoU of 0.5" in told
    assert "A pixel is taken" not in told
    large = outlining("keeping.largest=40", "splitting.fit=false", "splitting.smoothing=0")
    told = thresholds_in_words(*large, {"particle": FITTED})
    assert "Objects larger than a disc or ball of 40 px across were left out." in told
    assert "chosen after training" not in told
    assert "Gaussian" not in told
    assert "left out" not in thresholds_in_words(*outlining(), {"particle": FITTED})


@pytest.mark.parametrize(
    ("separator", "words"),
    [
        ("none", "the summits of the shape of the interior"),
        ("boundary", "lowered where a boundary is likely"),
    ],
)
def test_what_tells_objects_apart_is_named(separator: str, words: str) -> None:
    told = thresholds_in_words(*outlining(f"splitting.separator={separator}"), {"particle": FITTED})
    assert words in told


def test_a_threshold_from_training_images_too_is_told_with_figures_of_the_others() -> None:
    told = thresholds_in_words(*outlining(), {"particle": FITTED})
    assert (
        "the validation images and, since these are fewer than 12, on training images beside them: 0.42"
        in told
    )
    assert (
        "F1 of objects there; of the validation images alone: precision 0.900, recall 0.800, F1 0.847."
        in told
    )
    recipe, described = outlining("goal=precision=0.9")
    told = thresholds_in_words(recipe, described, {"particle": FITTED})
    assert "gives the highest recall of objects at a precision of at least 0.9 there" in told
    none = FittedThreshold(0.9, None, 0, None, "nothing in the validation images reaches it")
    told = thresholds_in_words(*outlining(), {"particle": none})
    assert (
        "of objects there; of the validation images alone: nothing in the validation images reaches it."
        in told
    )
    told = thresholds_in_words(*outlining(validated=12), {"particle": FITTED})
    assert "fitted on the validation images: 0.420 gives the highest F1 of objects (precision 0.900" in told


def test_each_class_has_its_threshold() -> None:
    recipe = check_recipe({"name": "a", "classes": ["big", "small"], "working_pixel_size": 10})
    told = thresholds_in_words(recipe, description(recipe), {"big": FITTED, "small": UNFITTED})
    assert "0.420 for big gives the highest F1" in told
    assert "0.500 for small, unfitted (no truth to fit the threshold on; 0.5 is taken)" in told
    assert "Of picks of one class closer than" in told


def test_a_threshold_that_was_kept_is_not_said_to_serve_a_goal_best() -> None:
    recipe = check_recipe({"name": "a"})
    kept = FittedThreshold(0.3, 0.9, 0.8, 0.847, "the threshold is that of default", kept=True)
    told = thresholds_in_words(recipe, description(recipe), {"particle": kept})
    assert "0.300, unfitted (the threshold is that of default)" in told
    assert "highest" not in told.partition("Thresholds were")[2]


def test_with_masks_it_is_pixels_that_are_told_of() -> None:
    recipe = check_recipe({"name": "a", "working_diameter": None, "masks": {"kind": "instances"}})
    masked = description(recipe, trained_on(None, "train", "train", "validation"))
    told = thresholds_in_words(recipe, masked, {"particle": FITTED})
    assert "on the validation images: 0.420 gives the highest F1 of pixels" in told
    assert "Picks" not in told
    data = data_in_words(recipe, masked)
    assert "trained on 2 images with masks; 1 image with masks was kept for validation" in data
    assert "every numbered object is a particle" in data
    assert "Images were not resampled." in data


def test_the_scale_is_told_as_it_was_set() -> None:
    one = check_recipe({"name": "a"})
    assert "so that a particle measures 20 px across. The particle's diameter was taken to be 150 Å." in (
        data_in_words(one, description(one, diameters=[150]))
    )
    assert "diameter was taken" not in data_in_words(one, description(one))
    two = check_recipe({"name": "a", "classes": ["big", "small"], "working_pixel_size": 10})
    told = data_in_words(two, description(two, diameters=[300, 120.5]))
    assert (
        "resampled to 10 Å per pixel. The particle's diameter was taken to be 300 Å (big) and 120.5 Å" in told
    )
    assert "the nearest centre in units of its radius wins" in told


def test_grey_values_are_told_as_they_were_brought_to_a_scale() -> None:
    none = check_recipe({"name": "a", "normalisation": {"kind": "none"}})
    assert "were left as they are" in data_in_words(none, description(none))
    unclipped = check_recipe({"name": "a", "normalisation": {"clip_percent": 0}})
    assert " Its grey values were brought to mean 0" in data_in_words(unclipped, description(unclipped))


@pytest.mark.parametrize(
    ("target", "ndim", "words"),
    [
        ({}, 2, "a disc around each particle's centre, its radius 0.5 times"),
        ({}, 3, "a ball around each particle's centre"),
        (
            {"shape": "gaussian"},
            2,
            "a Gaussian around each particle's centre, twice the standard deviation 0.5",
        ),
        ({"shape": "voxel"}, 3, "the one voxel at each particle's centre"),
    ],
)
def test_targets_in_words(target: dict[str, str], ndim: int, words: str) -> None:
    recipe = check_recipe({"name": "a", "target": target, "net": {"ndim": ndim}})
    assert words in data_in_words(recipe, description(recipe, trained_on(3, "train")))


def test_only_what_is_cited_is_listed() -> None:
    assert cited(["as by Long et al. 2015, and"]) == [REFERENCES["Long et al. 2015"]]
    assert cited(["nothing"]) == []


def test_every_reference_is_found_by_the_names_in_it() -> None:
    for key, entry in REFERENCES.items():
        assert entry.startswith(key.split(" ")[0])
        assert f"({key[-4:]})" in entry


def test_no_key_is_part_of_another() -> None:
    keys = list(REFERENCES)
    assert not [(a, b) for a in keys for b in keys if a != b and a in b]


def test_plain_standard_methods_cite_no_more_than_they_use() -> None:
    recipe = load_recipe("micrographs")
    paragraphs = method_paragraphs(
        recipe, description(recipe, trained_on(3, "train")), {"particle": FITTED}, COURSE
    )
    found = [key for key, entry in REFERENCES.items() if entry in cited(paragraphs)]
    assert found == [
        *("Ronneberger et al. 2015", "Long et al. 2015", "He et al. 2015", "Ioffe & Szegedy 2015"),
        *("Loshchilov & Hutter 2017", "Loshchilov & Hutter 2019"),
    ]
