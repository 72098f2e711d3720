import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.errors import PicksError
from motes.picks import Picks, empty_picks
from motes.score.metrics import precision_recall_curve
from motes.score.scores import score


def table(points, scores=None, ndim=2):
    points = np.array(points, dtype=float).reshape(-1, ndim)
    return Picks(points, scores=None if scores is None else np.array(scores, dtype=float))


def two_images():
    truth = {"a.mrc": table([[10, 10], [50, 50]]), "b.mrc": table([[10, 10]])}
    picks = {
        "a.mrc": table([[10, 11], [50, 50], [80, 80]], [0.9, 0.8, 0.3]),
        "b.mrc": table([[40, 40]], [0.6]),
    }
    return picks, truth


def test_two_images_by_hand():
    picks, truth = two_images()
    values = score(picks, truth, radius=5).as_dict()
    assert (values["true_positives"], values["false_positives"], values["false_negatives"]) == (2, 2, 1)
    assert (values["images"], values["picks"], values["truth"]) == (2, 4, 3)
    assert values["precision"] == 0.5
    assert values["recall"] == pytest.approx(2 / 3)
    assert values["f1"] == pytest.approx(4 / 7)
    assert values["average_precision"] == pytest.approx(2 / 3)
    assert values["macro_precision"] == pytest.approx((2 / 3 + 0) / 2)
    assert values["macro_f1"] == pytest.approx((0.8 + 0) / 2)
    assert values["macro_average_precision"] == pytest.approx((1 + 0) / 2)
    assert values["median_distance"] == 0.5
    assert values["f1_low"] == 0
    assert values["f1_high"] == pytest.approx(0.8)


def test_the_dictionary_is_flat_json_with_fixed_keys():
    full = score(*two_images(), radius=5).as_dict()
    bare = score({}, {"a": empty_picks(2)}, radius=5).as_dict()
    assert list(full) == list(bare)
    assert json.loads(json.dumps(full, allow_nan=False)) == full
    for metric in ("precision", "recall", "f1", "average_precision"):
        for key in (metric, f"macro_{metric}"):
            assert full[f"{key}_low"] <= full[key] <= full[f"{key}_high"]


def test_a_perfect_prediction_scores_one():
    truth = {str(k): table(np.random.default_rng(k).uniform(0, 99, (k, 3)), ndim=3) for k in range(1, 6)}
    picks = {name: Picks(t.points, scores=np.linspace(0, 1, len(t))) for name, t in truth.items()}
    values = score(picks, truth, radius=0).as_dict()
    for metric in ("precision", "recall", "f1", "average_precision"):
        assert values[metric] == values[f"macro_{metric}"] == values[f"{metric}_low"] == 1


def test_images_without_picks_or_truth_count_as_they_should():
    truth = {
        "both": table([[1, 1]]),
        "no picks": table([[1, 1]]),
        "no truth": table([]),
        "neither": table([]),
    }
    picks = {"both": table([[1, 1]], [0.5]), "no truth": table([[1, 1]], [0.5]), "neither": empty_picks(2)}
    report = score(picks, truth, radius=1)
    values = report.as_dict()
    assert report.without_picks == ("no picks",)
    assert (values["true_positives"], values["false_positives"], values["false_negatives"]) == (1, 1, 1)
    assert values["undefined_precision_images"] == values["undefined_recall_images"] == 2
    assert values["undefined_f1_images"] == 1
    assert values["macro_precision"] == values["macro_recall"] == 0.5
    assert values["macro_f1"] == pytest.approx(1 / 3)
    assert [row["image"] for row in report.per_image] == ["no picks", "no truth", "both", "neither"]
    assert report.per_image[-1]["f1"] is None


def test_picks_of_images_without_truth_are_left_out_and_named():
    picks, truth = two_images()
    report = score({**picks, "c.mrc": table([[1, 1]], [1])}, truth, radius=5)
    assert report.without_truth == ("c.mrc",)
    assert report.as_dict()["picks"] == 4


def test_the_threshold_leaves_average_precision_alone():
    picks, truth = two_images()
    all_picks = score(picks, truth, radius=5).as_dict()
    values = score(picks, truth, radius=5, threshold=0.8).as_dict()
    assert values["precision"] == 1
    assert values["threshold"] == 0.8
    assert values["average_precision"] == all_picks["average_precision"]


def test_without_scores_there_is_no_average_precision():
    values = score({"a": table([[1, 1]])}, {"a": table([[1, 1]])}, radius=1).as_dict()
    assert values["average_precision"] is None
    assert values["undefined_average_precision_images"] == 1
    assert values["f1"] == 1
    with pytest.raises(PicksError, match="leave out --threshold"):
        score({"a": table([[1, 1]])}, {"a": table([[1, 1]])}, radius=1, threshold=0.5)


def test_where_one_pick_has_no_score_there_is_no_average_precision():
    picks = table([[1, 1], [5, 5]], [0.9, np.nan])
    values = score({"a": picks}, {"a": table([[1, 1], [5, 5]])}, radius=1).as_dict()
    assert (values["average_precision"], values["f1"]) == (None, 1)


def test_one_image_has_no_interval():
    values = score({"a": table([[1, 1]])}, {"a": table([[1, 1]])}, radius=1).as_dict()
    assert values["f1_low"] is None
    assert values["macro_f1_high"] is None


def test_the_seed_fixes_the_intervals():
    picks, truth = two_images()
    first, second = (score(picks, truth, radius=5, bootstrap=200, seed=4).as_dict() for _ in range(2))
    assert first == second


def test_a_radius_for_each_image():
    truth = {"a": table([[0, 0]]), "b": table([[0, 0]])}
    picks = {"a": table([[0, 3]]), "b": table([[0, 3]])}
    assert score(picks, truth, radius={"a": 3, "b": 2}).as_dict()["true_positives"] == 1
    with pytest.raises(PicksError, match="no matching radius is known for b"):
        score(picks, truth, radius={"a": 3})


RIM = {"radius": 5, "ignore_rim": 10, "shapes": {"a": (100, 100)}}


@pytest.mark.parametrize(
    ("picks", "truth", "counts"),
    [
        ([[50, 12]], [[50, 8]], (0, 0, 0)),  # the particle lies in the rim
        ([[50, 8]], [[50, 12]], (1, 0, 0)),  # only its pick does
        ([[50, 3]], [[50, 5]], (0, 0, 0)),  # both do
        ([[50, 3]], [], (0, 0, 0)),
        ([[50, 30]], [], (0, 1, 0)),
        ([], [[50, 8]], (0, 0, 0)),
        ([], [[50, 12]], (0, 0, 1)),
        ([[50, 10]], [[50, 9], [50, 13]], (1, 0, 0)),  # a particle that counts comes first
        ([[50, 7], [50, 11]], [[50, 9]], (0, 0, 0)),  # a pick that counts is excused first
        ([[50, 11], [50, 12]], [[50, 9]], (0, 1, 0)),  # one truth excuses one pick
    ],
)
def test_near_the_rim_nothing_is_rewarded_or_punished(picks, truth, counts):
    report = score({"a": table(picks, np.ones(len(picks)))}, {"a": table(truth)}, **RIM)
    values = report.as_dict()
    assert tuple(values[name] for name in ("true_positives", "false_positives", "false_negatives")) == counts
    assert len(report.images[0].distances) == counts[0]


POINTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=8)


@settings(deadline=None)
@given(POINTS, POINTS, st.integers(0, 4), st.data())
def test_average_precision_ends_at_the_counts_of_f1(points, truth, rim, data):
    scores = data.draw(st.lists(st.floats(0, 1), min_size=len(points), max_size=len(points)))
    report = score(
        {"a": table(points, scores)}, {"a": table(truth)}, radius=3, ignore_rim=rim, shapes={"a": (13, 13)}
    )
    image = report.images[0]
    assert np.count_nonzero(image.ranked.hits) == image.counts.true_positives
    assert np.count_nonzero(image.ranked.misses) == image.counts.false_positives
    assert image.ignored_picks >= 0
    assert precision_recall_curve([image.ranked]).truth + image.ignored_truth == len(truth)


def test_the_rim_needs_the_size_of_the_images():
    with pytest.raises(PicksError, match="--images"):
        score(*two_images(), radius=5, ignore_rim=10)
    with pytest.raises(PicksError, match=r"size of b.mrc"):
        score(*two_images(), radius=5, ignore_rim=10, shapes={"a.mrc": (100, 100)})


def test_without_anything_in_common_there_is_nothing_to_score():
    picks, truth = two_images()
    with pytest.raises(PicksError, match="no image has any"):
        score(picks, {}, radius=5)
    with pytest.raises(PicksError, match=r"picks are for 'x\.mrc'"):
        score({"x.mrc": picks["a.mrc"]}, truth, radius=5)
