"""Which checks of a fair comparison each field of a recipe may change, and that it changes no other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from easy_training import DIAMETER, easy_image
from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.normalise import Normalisation, grey_scale
from motes.data.paint import Target
from motes.fairness import CHECKS, changed_by
from motes.recipe import Recipe
from motes.recipe_file import leaf_keys
from motes.train.shown import Shown

PARTS = ("order", "places", "draws")
IMAGES = [easy_image(seed) for seed in range(3)]

# A value for each field that differs from the default, and what else must be set for it to matter.
OTHERWISE: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "sampling.size": (64, {"augmentation.cutmix": 1.0}),
    "sampling.images": ("pass", {}),
    "sampling.around_points": (1.0, {}),
    "sampling.background": (0.5, {}),
    "sampling.boundaries": (0.5, {}),
    "sampling.informative": (0.5, {}),
    "sampling.by_class": ("natural", {}),
    "augmentation.on_grid": (0.0, {}),
    "augmentation.rotation": (90, {}),
    "augmentation.flip": (False, {}),
    "augmentation.scale": (0.3, {}),
    "augmentation.elastic": (1.0, {}),
    "augmentation.elastic_alpha": (20, {"augmentation.elastic": 1.0}),
    "augmentation.elastic_sigma": (7, {"augmentation.elastic": 1.0}),
    "augmentation.contrast": (0.5, {}),
    "augmentation.contrast_share": (0.5, {}),
    "augmentation.brightness": (0.5, {}),
    "augmentation.brightness_share": (0.5, {}),
    "augmentation.noise": (0.5, {}),
    "augmentation.noise_share": (0.5, {}),
    "augmentation.blur": (2.0, {}),
    "augmentation.blur_share": (0.5, {"augmentation.blur": 1.0}),
    "augmentation.squares": (4, {}),
    "augmentation.squares_size": (8, {"augmentation.squares": 4}),
    "augmentation.squares_share": (0.5, {"augmentation.squares": 4}),
    "augmentation.ice": (0.5, {}),
    "augmentation.defocus": (0.5, {}),
    "augmentation.defocus_share": (0.5, {"augmentation.defocus": 0.5}),
    "augmentation.mixup": (1.0, {}),
    "augmentation.mixup_alpha": (2.0, {"augmentation.mixup": 1.0}),
    "augmentation.cutmix": (1.0, {}),
    "augmentation.cutmix_alpha": (2.0, {"augmentation.cutmix": 1.0}),
    "target.shape": ("gaussian", {}),
    "target.radius": (1.0, {}),
}

# What a field may change, but does not in these crops.
NOT_HERE = {"sampling.by_class": {"places"}}  # there is one class


def source(values: Mapping[str, Any]) -> CropSource:
    sections: dict[str, dict[str, Any]] = {"sampling": {"size": 48}, "augmentation": {}, "target": {}}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections[section][name] = value
    return CropSource(
        IMAGES,
        (DIAMETER,),
        Sampling.model_validate(sections["sampling"]),
        Augmentation.model_validate(sections["augmentation"]),
        Target.model_validate(sections["target"]),
        pixel_size=4.0,
    )


def shown(made: CropSource) -> Shown:
    found = Shown()
    found.add(made.cut(0, 0, range(24)))
    return found


def changed(one: Shown, other: Shown) -> set[str]:
    return {part for part in PARTS if getattr(one, part) != getattr(other, part)}


@pytest.mark.parametrize("key", OTHERWISE)
def test_a_field_changes_of_what_is_shown_what_it_declares_and_nothing_else(key: str) -> None:
    value, beside = OTHERWISE[key]
    found = changed(shown(source(beside)), shown(source({**beside, key: value})))
    assert found == changed_by(Recipe, key) & set(PARTS) - NOT_HERE.get(key, set())


def test_all_fields_of_crops_but_two_are_tried_above() -> None:
    """Hard places need a trained net; another seed is chance and may change nothing between arms."""
    sections = ("sampling.", "augmentation.", "target.")
    known = {key for key in leaf_keys() if key.startswith(sections)}
    assert known - set(OTHERWISE) == {"sampling.hard", "augmentation.seed"}


def test_grey_values_move_informative_places_only() -> None:
    one, other = (
        Labelled(
            grey_scale(IMAGES[0].data, Normalisation(clip_percent=clip)).apply(IMAGES[0].data),
            IMAGES[0].points,
        )
        for clip in (0.1, 10.0)
    )
    sampling = Sampling(size=48, informative=1.0, around_points=0)
    first, second = (
        shown(CropSource([each], (DIAMETER,), sampling, Augmentation(), Target())) for each in (one, other)
    )
    assert changed(first, second) <= changed_by(Recipe, "normalisation.clip_percent")


def test_chance_is_no_treatment() -> None:
    assert changed_by(Recipe, "seed") == changed_by(Recipe, "augmentation.seed") == frozenset()
    assert changed(shown(source({})), shown(source({"augmentation.seed": 1}))) == {"places", "draws"}


def test_every_field_declares_known_checks_only() -> None:
    for key in leaf_keys():
        assert changed_by(Recipe, key) <= set(CHECKS), key


@pytest.mark.parametrize(
    ("key", "checks"),
    [
        ("net.name", set()),
        ("loss.formula", set()),
        ("training.learning_rate", set()),
        ("training.patience", {"steps", "stopping"}),
        ("training.epochs", {"steps", "stopping"}),
        ("training.precision", {"device"}),
        ("encoder_weights", {"weights"}),
        ("start", {"weights", "threshold"}),
        ("labels", {"threshold"}),
        ("goal", {"threshold"}),
        ("picking.minimum_distance", {"threshold"}),
        ("augmentation.noise", {"draws"}),
        ("sampling.hard", {"order", "places"}),
    ],
)
def test_what_fields_declare(key: str, checks: set[str]) -> None:
    assert changed_by(Recipe, key) == checks


def test_a_field_that_is_not_there_has_no_declaration() -> None:
    with pytest.raises(KeyError):
        changed_by(Recipe, "net.size")


def test_images_without_points_still_have_a_hash() -> None:
    empty = Labelled(IMAGES[0].data, np.zeros((0, 2)))
    assert shown(CropSource([empty], (DIAMETER,), Sampling(size=48), Augmentation(), Target())).order
