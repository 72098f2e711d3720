"""Looking at images with trained nets: scores of what is found, with thresholds from other images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from motes.data.paint import paint
from motes.data.sampling import Labelled
from motes.jobs.parts import Prepared
from motes.recipe import Recipe
from motes.score.metrics import Counts
from motes.study.examine import Ensemble, Examiner, Mean
from motes.study.true_centres import regions, with_centres

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
    seen = EXAMINER.seen(map_of(POINTS, 0.9), prepared(), 0.1)
    thresholds = EXAMINER.fitted([EXAMINER.ranked(seen, prepared())])
    scores, found, picks = EXAMINER.scored(seen, prepared(), thresholds)
    counts = {"true_positives": 4, "false_positives": 0, "false_negatives": 0}
    assert scores == counts | {name: 1.0 for name in scores if name not in counts}
    assert found.all()
    assert len(picks[0]) == 4
    assert seen.seconds == 0.1


def test_which_particles_were_found_is_told_one_by_one() -> None:
    wrong = np.array([[26.0, 26.0]])
    seen = EXAMINER.seen(map_of(np.concatenate([POINTS[[0, 2]], wrong]), 0.9), prepared())
    scores, found, _ = EXAMINER.scored(seen, prepared(), {"particle": 0.5})
    assert found.tolist() == [True, False, True, False]
    assert (scores["true_positives"], scores["false_positives"], scores["false_negatives"]) == (2, 1, 2)
    assert scores["recall"] == 0.5
    assert scores["precision"] == pytest.approx(2 / 3)


def test_nothing_above_the_threshold_leaves_precision_undefined() -> None:
    seen = EXAMINER.seen(map_of(POINTS, 0.3), prepared())
    scores, found, _ = EXAMINER.scored(seen, prepared(), {"particle": 0.5})
    assert scores["precision"] is None
    assert scores["f1"] == 0.0
    assert not found.any()


def test_a_mean_is_whole_with_its_last_net_and_that_of_one_is_its_own_to_the_bit() -> None:
    maps = [np.random.default_rng(seed).random((1, 4, 4), dtype=np.float32) for seed in range(3)]
    mean = Mean(3)
    assert [mean.add(each, 0.1) for each in maps] == [False, False, True]
    np.testing.assert_allclose(mean.maps, np.mean(maps, axis=0), rtol=1e-6)
    assert mean.seconds == pytest.approx(0.3)
    alone = Mean(1)
    assert alone.add(maps[0], 0.1)
    np.testing.assert_array_equal(alone.maps, maps[0])


def test_each_net_sees_an_image_once_and_ensembles_are_seen_through_their_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maps = {"a": map_of(POINTS, 0.8), "b": map_of(POINTS[:2], 0.4)}
    asked: list[str] = []

    def known(model: str, *_: object) -> NDArray[np.float32]:
        asked.append(model)
        return maps[model]

    monkeypatch.setattr("motes.study.examine.maps_of", known)
    ensembles = [Ensemble("a", ("a",)), Ensemble("both", ("a", "b")), Ensemble("b", ("b",))]
    models = {name: name for name in maps}
    found = EXAMINER.examine(models, ensembles, [prepared()], [prepared()] * 2, kept=[1])  # type: ignore[arg-type]
    assert asked == ["a", "b"] * 3
    assert [each.ensemble.name for each in found] == ["a", "both", "b"]
    assert [len(each.scores) for each in found] == [2, 2, 2]
    assert [each.scores[0]["recall"] for each in found] == [1.0, 1.0, 0.5]
    assert [list(each.maps) for each in found] == [[1], [], []]
    assert found[1].thresholds["particle"] < 0.5  # two of the particles are at 0.4 in the mean


def test_an_image_without_particles_counts_in_no_metric_of_picks_whatever_is_picked() -> None:
    empty = prepared(np.zeros((0, 2)))
    for maps in (map_of(POINTS, 0.9), map_of(POINTS[:0])):
        scores, _, _ = EXAMINER.scored(EXAMINER.seen(maps, empty), empty, {"particle": 0.5})
        assert [scores[name] for name in ("f1", "precision", "recall", "average_precision")] == [None] * 4
    assert scores["false_positives"] == 0


def test_classes_count_by_their_weights() -> None:
    classes = [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}]
    recipe = Recipe.model_validate(
        {"name": "r", "classes": classes, "working_diameter": None, "target": {"radius": 1.0}}
    )
    examiner = Examiner(recipe, torch.float32)
    labelled = replace(prepared().labelled, classes=np.array([0, 0, 1, 1]))
    image = replace(prepared(), labelled=labelled, working=(DIAMETER, DIAMETER))
    maps = np.concatenate([map_of(POINTS[:2], 0.9), map_of(POINTS[2:3], 0.9)])
    seen = examiner.seen(maps, image)
    scores, found, _ = examiner.scored(seen, image, {"a": 0.5, "b": 0.5})
    assert scores["recall"] == pytest.approx((3 * 1 + 1 * 0.5) / 4)
    assert scores["true_positives"] == 3
    assert found.tolist() == [True, True, True, False]


def two_classes(**values: object) -> tuple[Recipe, Prepared]:
    classes = [{"name": "a", "weight": 3}, {"name": "b", "weight": 1}]
    recipe = Recipe.model_validate(
        {"name": "r", "classes": classes, "working_diameter": None, "target": {"radius": 1.0}, **values}
    )
    labelled = replace(prepared().labelled, classes=np.array([0, 0, 1, 1]))
    return recipe, replace(prepared(), labelled=labelled, working=(DIAMETER, DIAMETER))


@pytest.mark.parametrize("metric", ["f1", "f4"])
def test_several_classes_have_scores_together_and_counts_of_each(
    monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    recipe, image = two_classes()
    maps = np.concatenate([map_of(POINTS[:2], 0.9), map_of(POINTS[2:3], 0.9)])
    monkeypatch.setattr("motes.study.examine.maps_of", lambda *_: maps)
    examiner = Examiner(recipe, torch.float32, metric)
    (found,) = examiner.examine({"n": "n"}, [Ensemble("n", ("n",))], [image], [image])  # type: ignore[dict-item]
    (counts,) = found.classes
    assert counts["a"].strict == counts["a"].official == Counts(2, 0, 0)
    assert counts["b"].strict == counts["b"].official == Counts(1, 0, 1)
    half = 17 / (17 + 16)
    assert found.scores[0]["f4"] == pytest.approx((3 + half) / 4)
    assert found.scores[0]["czii"] == pytest.approx((3 + half) / 4)


def test_a_threshold_for_f4_takes_no_pick_that_f4_calls_wrong() -> None:
    """A pick at a third of the diameter is right within half of it, and wrong within a quarter."""
    off = np.array([[0.0, DIAMETER / 3]])
    maps = np.maximum(map_of(POINTS[:2], 0.9), map_of(POINTS[2:] + off, 0.3))
    fitted = {}
    for metric in ("f1", "f4"):
        examiner = Examiner(RECIPE, torch.float32, metric)
        seen = examiner.seen(maps, prepared())
        fitted[metric] = examiner.fitted([examiner.ranked(seen, prepared())])["particle"]
    assert fitted["f1"] < 0.31
    assert fitted["f4"] > 0.5


def test_one_class_has_no_scores_of_several_unless_they_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("motes.study.examine.maps_of", lambda *_: map_of(POINTS, 0.9))
    models, ensembles = {"n": "n"}, [Ensemble("n", ("n",))]
    (found,) = EXAMINER.examine(models, ensembles, [prepared()], [prepared()])  # type: ignore[arg-type]
    assert found.classes == []
    assert "f4" not in found.scores[0]
    deciding = replace(EXAMINER, metric="czii")
    (found,) = deciding.examine(models, ensembles, [prepared()], [prepared()])  # type: ignore[arg-type]
    assert found.scores[0]["czii"] == found.scores[0]["f4"] == 1.0


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
    (tested,) = with_centres([masked()], 2, sizes=(7.0, 9.0))
    assert tested.working == (7.0, 9.0)  # what is true of test images does not say how they are picked
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
    scores, found, _ = examiner.scored(examiner.seen(maps, image), image, {"particle": 0.5})
    assert scores["pixel_f1"] == scores["f1"] == 1.0
    assert found.tolist() == [True, True]
