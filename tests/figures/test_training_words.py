"""Training in words."""

from typing import Any, get_args

import pytest

from motes.figures.training_words import Course, loss_in_words, schedule_in_words, training_in_words
from motes.recipe_file import check_recipe, load_recipe, shipped_recipes
from motes.train.losses import LossDescription
from motes.train.settings import Training

COURSE = Course(epochs=20, images=20, model_epoch=20, parameters=7)
OFF = {"rotation": 0, "flip": False, "scale": 0, "contrast": 0, "brightness": 0, "noise": 0}


def words_of(**sections: Any) -> str:
    return training_in_words(check_recipe({"name": "a", **sections}), COURSE)


def literal_values() -> list[tuple[str, str]]:
    """Every value of every field of a training that has a few to choose from."""
    fields = Training.model_fields.items()
    return [
        (key, value)
        for key, field in fields
        for value in get_args(field.annotation)
        if isinstance(value, str)
    ]


@pytest.mark.parametrize(("key", "value"), literal_values())
@pytest.mark.parametrize("keep", ["last", "best"])
def test_every_choice_has_words_for_it(key: str, value: str, keep: str) -> None:
    words = words_of(training={"keep": keep, key: value})
    assert "The optimiser was" in words
    assert "None" not in words
    assert "  " not in words


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_can_be_told(name: str) -> None:
    recipe = load_recipe(name)
    words = training_in_words(recipe, COURSE)
    assert f"The seed was {recipe.seed}." in words
    assert "None" not in words


def test_training_is_told_with_the_values_of_the_run() -> None:
    recipe = load_recipe("micrographs", ["epochs=7", "learning_rate=0.003", "seed=11"])
    words = training_in_words(recipe, Course(7, 20, 7, 1))
    assert "Training took 7 epochs of 50 steps with 8 crops each." in words
    assert "linearly to 0.003" in words
    assert "The seed was 11." in words


def test_a_training_that_ended_early_says_so_and_passes_are_counted_in_steps() -> None:
    recipe = check_recipe(
        {"name": "a", "training": {"steps": None, "patience": 3, "epochs": 50, "watch": "pixel_iou"}}
    )
    words = training_in_words(recipe, Course(epochs=9, images=20, model_epoch=9, parameters=1))
    assert "9 epochs of 3 steps with 8 crops each; it ended early, 50 were planned." in words
    assert "once 3 validations had not improved the IoU of pixels" in words


def test_the_epoch_that_was_kept_is_named() -> None:
    best = {"keep": "best", "watch": "pixel_f1", "average": 0.999, "validate_every": 10}
    words = training_in_words(check_recipe({"name": "a", "training": best}), Course(20, 9, 10, 1))
    assert (
        "a running average of the weights (decay 0.999 a step) after epoch 10, the one with the highest F1"
        in words
    )
    assert "validated every 10 epochs and after the last." in words


def test_parts_of_a_batch_are_told() -> None:
    assert "in 4 parts whose gradients were added" in words_of(training={"accumulate": 4})
    assert "parts" not in words_of()


def test_a_sum_of_losses_is_told_with_its_weights() -> None:
    words = loss_in_words(LossDescription(formula="0.7 focal + dice"), 1)
    assert (
        "0.7 times the focal loss (Lin et al. 2017; γ = 2, α = 0.25) plus the Dice loss (Milletari" in words
    )
    tversky = loss_in_words(LossDescription(formula="tversky + 2 focal_tversky"), 1)
    assert "the Tversky loss (Salehi et al. 2017; 0.3 for false positives, 0.7 for false negatives" in tversky
    assert "2 times the focal Tversky loss (Abraham & Khan 2019" in tversky


def test_cross_entropy_is_binary_for_one_class_only() -> None:
    assert "the binary cross-entropy." in loss_in_words(LossDescription(), 1)
    assert "is the cross-entropy." in loss_in_words(LossDescription(), 4)


def test_class_weights_and_smoothing_are_told_where_they_count() -> None:
    listed = LossDescription(formula="bce + dice", class_weights=[1, 2.5], label_smoothing=0.1)
    words = loss_in_words(listed, 1)
    assert "in cross-entropy background and classes counted with the weights 1 and 2.5" in words
    assert "smoothed by 0.1 (Szegedy et al. 2016)" in words
    balanced = loss_in_words(LossDescription(formula="focal", class_weights="balanced"), 1)
    assert "in the focal loss a class counted by the inverse of its number of pixels" in balanced
    assert "α" not in balanced


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "rose linearly to 0.001 in the first 5 % of the steps and fell along half a cosine"),
        ({"warmup": 0, "schedule": "constant"}, "started at 0.001 and stayed there"),
        ({"schedule": "one_cycle"}, "along half a cosine from 1/25 of its highest value to 0.001"),
        (
            {"schedule": "cosine_restarts"},
            "first within 10 epochs, then within 2 times as many as the time before",
        ),
        ({"schedule": "cosine_restarts", "restart_factor": 1}, "then within as many each time"),
        (
            {"schedule": "plateau", "watch": "pixel_auc"},
            "multiplied by 0.5 whenever 5 validations in a row had not improved the AUC of pixels, down to 1 %",
        ),
    ],
)
def test_schedules_in_words(settings: dict[str, Any], words: str) -> None:
    assert words in schedule_in_words(Training(**settings))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimiser": "adamw", "weight_decay": 0.01}, "AdamW (Loshchilov & Hutter 2019; weight decay 0.01)"),
        ({"optimiser": "adam", "weight_decay": 0}, "Adam (Kingma & Ba 2015);"),
        ({"optimiser": "sgd"}, "Nesterov momentum 0.9 (Sutskever et al. 2013; L2 penalty 0.0001)"),
    ],
)
def test_optimisers_in_words(settings: dict[str, Any], words: str) -> None:
    assert words in words_of(training=settings)


def test_where_crops_were_taken_is_told() -> None:
    words = words_of(sampling={"size": 64, "around_points": 0.5, "background": 0.5, "images": "pass"})
    assert "Crops measured 64 × 64 px and were centred near a particle (50 %) and away from every" in words
    assert "taken in turn in random order" in words
    assert "and were taken anywhere." in words_of(sampling={"around_points": 0})


def test_several_classes_are_drawn_as_told() -> None:
    classes = {"classes": ["a", "b"], "working_pixel_size": 10}
    assert "each was chosen equally often" in words_of(**classes)
    assert "as often as it is there" in words_of(**classes, sampling={"by_class": "natural"})
    assert "chosen" not in words_of(**classes, sampling={"around_points": 0})


def test_augmentation_that_is_off_is_not_told() -> None:
    assert "Crops were not augmented." in words_of(augmentation=OFF)
    assert "Crops were at random mirrored along each axis." in words_of(augmentation=OFF | {"flip": True})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rotation": 15, "on_grid": 0}, "Crops were at random rotated in the plane by up to ±15°."),
        ({"rotation": 90, "on_grid": 1}, "Crops were at random turned by multiples of 90°."),
        ({"scale": 0.2}, "50 % of them kept the pixels of the image as they are"),
        (
            {"elastic": 0.3},
            "30 % of the others were deformed elastically (Simard et al. 2003; α = 50 px, σ = 5 px)",
        ),
        ({"contrast": 0.3, "contrast_share": 0.5}, "changed in contrast by up to 30 % (50 % of the crops)"),
        ({"brightness": 0.3}, "shifted in brightness by up to 0.3 standard deviations"),
        ({"noise": 0.3}, "given noise of up to 0.3 standard deviations"),
        ({"blur": 2}, "blurred by a Gaussian of up to 2 px"),
        ({"squares": 3}, "set to zero in 3 squares of up to 16 px a side (cut-out, DeVries & Taylor 2017)"),
        ({"ice": 0.1}, "contamination ice with a probability of 10 %"),
        ({"defocus": 0.5}, "changed in defocus by up to 0.5 µm"),
        ({"mixup": 0.5}, "drawn from Beta(0.4, 0.4) (MixUp, Zhang et al. 2018)"),
        ({"cutmix": 0.5}, "drawn from Beta(1, 1) (CutMix, Yun et al. 2019)"),
    ],
)
def test_every_change_is_told_with_its_amount(change: dict[str, Any], words: str) -> None:
    told = words_of(augmentation=OFF | change)
    assert words in told
    assert "not augmented" not in told


def test_on_the_grid_nothing_is_scaled_or_deformed() -> None:
    words = words_of(augmentation=OFF | {"on_grid": 1})
    assert "Crops were not augmented." in words


def test_grey_values_that_stay_as_they_are_have_another_unit() -> None:
    words = words_of(augmentation=OFF | {"noise": 0.01}, normalisation={"kind": "none"})
    assert "noise of up to 0.01 of the range of grey values" in words
