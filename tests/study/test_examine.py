"""Looking at images with trained nets: scores of what is found, with thresholds from other images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from motes.data.paint import paint
from motes.data.sampling import Labelled
from motes.jobs.training_data import Prepared
from motes.recipe import Recipe
from motes.study.examine import Examiner, regions, with_centres

DIAMETER = 12.0
RECIPE = Recipe.model_validate({"name": "r", "target": {"radius": 1.0}})
EXAMINER = Examiner(RECIPE, torch.float32)
POINTS = np.array([[12.0, 12.0], [12.0, 40.0], [40.0, 12.0], [40.0, 40.0]])


def prepared(points: NDArray[np.float64] = POINTS) -> Prepared:
    labelled = Labelled(np.zeros((52, 52), np.float32), points)
    return Prepared("i", labelled, "", len(points), working=(DIAMETER,))


def map_of(points: NDArray[np.float64], height: float = 1.0) -> NDArray[np.float32]:
    """A map that is as high as it says in the discs around the points."""
    return height * paint(points, (52, 52), (DIAMETER,), RECIPE.target)[None]


def test_a_perfect_map_scores_one_in_everything() -> None:
    seen = EXAMINER.seen([(map_of(POINTS, 0.9), 0.1)], prepared())
    thresholds = EXAMINER.fitted([seen.picks], [prepared()])
    scores, found, picks = EXAMINER.scored(seen, prepared(), thresholds)
    counts = {"true_positives": 4, "false_positives": 0, "false_negatives": 0}
    assert scores == counts | {name: 1.0 for name in scores if name not in counts}
    assert found.all()
    assert len(picks[0]) == 4
    assert seen.seconds == 0.1


def test_which_particles_were_found_is_told_one_by_one() -> None:
    wrong = np.array([[26.0, 26.0]])
    seen = EXAMINER.seen([(map_of(np.concatenate([POINTS[[0, 2]], wrong]), 0.9), 0.0)], prepared())
    scores, found, _ = EXAMINER.scored(seen, prepared(), {"particle": 0.5})
    assert found.tolist() == [True, False, True, False]
    assert (scores["true_positives"], scores["false_positives"], scores["false_negatives"]) == (2, 1, 2)
    assert scores["recall"] == 0.5
    assert scores["precision"] == pytest.approx(2 / 3)


def test_nothing_above_the_threshold_leaves_precision_undefined() -> None:
    seen = EXAMINER.seen([(map_of(POINTS, 0.3), 0.0)], prepared())
    scores, found, _ = EXAMINER.scored(seen, prepared(), {"particle": 0.5})
    assert scores["precision"] is None
    assert scores["f1"] == 0.0
    assert not found.any()


def test_nets_together_are_seen_through_their_mean() -> None:
    one, other = map_of(POINTS, 0.8), map_of(POINTS[:2], 0.4)
    seen = EXAMINER.seen([(one, 0.1), (other, 0.3)], prepared())
    np.testing.assert_allclose(seen.maps, (one + other) / 2)
    assert seen.seconds == pytest.approx(0.4)
    heights = sorted(seen.picks[0].scores.round(3).tolist())  # type: ignore[union-attr]
    assert heights == [0.4, 0.4, 0.6, 0.6]


def test_classes_count_by_their_weights() -> None:
    classes = [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}]
    recipe = Recipe.model_validate(
        {"name": "r", "classes": classes, "working_diameter": None, "target": {"radius": 1.0}}
    )
    examiner = Examiner(recipe, torch.float32)
    labelled = replace(prepared().labelled, classes=np.array([0, 0, 1, 1]))
    image = replace(prepared(), labelled=labelled, working=(DIAMETER, DIAMETER))
    maps = np.concatenate([map_of(POINTS[:2], 0.9), map_of(POINTS[2:3], 0.9)])
    seen = examiner.seen([(maps, 0.0)], image)
    scores, found, _ = examiner.scored(seen, image, {"a": 0.5, "b": 0.5})
    assert scores["recall"] == pytest.approx((3 * 1 + 1 * 0.5) / 4)
    assert scores["true_positives"] == 3
    assert found.tolist() == [True, True, True, False]


def masked() -> Prepared:
    mask = np.zeros((52, 52), np.int16)
    mask[10:15, 10:15] = 1
    mask[30:35, 30:35] = 1
    mask[40:50, 5:15] = 2
    return Prepared("m", Labelled(np.zeros((52, 52), np.float32), np.zeros((0, 2)), labels=mask), "", None)


def test_regions_of_masks_become_centres_with_the_median_size_of_their_class() -> None:
    found = regions(masked().labelled, 2)
    assert found.points.tolist() == [[12, 12], [32, 32], [44.5, 9.5]]
    (image,) = with_centres([masked()], 2)
    assert image.labelled.classes is not None
    assert image.labelled.classes.tolist() == [0, 0, 1]
    assert image.particles == 3
    assert image.working == pytest.approx((2 * (25 / np.pi) ** 0.5, 2 * (100 / np.pi) ** 0.5))
    assert (image.labelled.labels is None, len(with_centres([prepared()], 1)[0].labelled.points)) == (
        False,
        4,
    )


def test_masks_are_scored_by_their_pixels_and_by_their_centres() -> None:
    recipe = Recipe.model_validate({"name": "r"})
    labels = np.asarray(masked().labelled.labels) == 1
    (image,) = with_centres(
        [replace(masked(), labelled=replace(masked().labelled, labels=labels.astype(np.int16)))], 1
    )
    examiner = Examiner(recipe, torch.float32)
    maps = 0.9 * labels[None].astype(np.float32)
    scores, found, _ = examiner.scored(examiner.seen([(maps, 0.0)], image), image, {"particle": 0.5})
    assert scores["pixel_f1"] == scores["f1"] == 1.0
    assert found.tolist() == [True, True]
