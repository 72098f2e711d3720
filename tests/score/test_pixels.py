import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score, roc_auc_score

from motes.errors import InputError
from motes.score.pixels import METRICS, PixelCounts, macro_mean

KINDS = ("easy", "hard", "saturated", "saturated on both sides", "tied", "undecided", "constant")


def example(kind, seed, dtype=np.float32, count=20_000):
    """Probabilities and truth, (count,)."""
    draw = np.random.default_rng(seed)
    truth = (draw.random(count) < draw.uniform(0.02, 0.9)).astype(np.float32)
    truth[:2] = 0, 1
    noise = draw.normal(size=count)
    logits = {
        "easy": 6 * truth - 3 + noise,
        "hard": 0.2 * truth - 2 + noise,
        "saturated": 4 * truth - 40 + 8 * noise,
        "saturated on both sides": np.where(noise > 0, 60, -60) + 12 * truth,
        "tied": np.round(truth + noise),
        "undecided": 0.02 * (truth + noise),
        "constant": np.full(count, -1.25),
    }[kind]
    return (1 / (1 + np.exp(-logits))).astype(dtype), truth


def counted(probabilities, truth):
    counts = PixelCounts()
    counts.add(probabilities, truth)
    return counts


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([np.float32, np.float64]))
@settings(max_examples=6, deadline=None)
def test_the_auc_is_that_of_scikit_learn(kind, seed, dtype):
    probabilities, truth = example(kind, seed, dtype)
    expected = roc_auc_score(truth, probabilities)
    assert counted(probabilities, truth).auc == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), dtype=st.sampled_from([np.float32, np.float64]))
@settings(max_examples=4, deadline=None)
def test_counts_at_a_half_are_exact(kind, seed, dtype):
    probabilities, truth = example(kind, seed, dtype, count=2000)
    probabilities[:4] = 0.5, np.nextafter(dtype(0.5), dtype(0)), np.nextafter(dtype(0.5), dtype(1)), 0.5
    found = probabilities >= 0.5
    metrics = counted(probabilities, truth).metrics()
    assert tuple(metrics) == METRICS
    if found.any():
        assert metrics["precision"] == pytest.approx(precision_score(truth, found))
    assert metrics["recall"] == pytest.approx(recall_score(truth, found))
    assert metrics["f1"] == pytest.approx(f1_score(truth, found))
    assert metrics["iou"] == pytest.approx(jaccard_score(truth, found))


@given(
    arrays(np.float64, st.integers(2, 60), elements=st.floats(0, 1)),
    st.randoms(use_true_random=False),
)
def test_the_best_f1_is_reached_at_its_threshold(probabilities, draw):
    truth = np.array([draw.random() < 0.5 for _ in probabilities])
    counts = counted(probabilities, truth)
    best = counts.best_f1()
    if not truth.any():
        assert best == (None, None)
        return
    assert best.f1 == pytest.approx(counts.f1(best.threshold))
    assert best.f1 == pytest.approx(f1_score(truth, probabilities >= best.threshold))
    assert best.f1 >= max(counts.f1(threshold) or 0 for threshold in (0, 0.1, 0.5, 0.9, 1)) - 1e-12


def test_by_hand():
    counts = counted(np.array([0.9, 0.6, 0.4, 0.2]), np.array([1, 0, 1, 0]))
    assert counts.metrics() == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "iou": 1 / 3, "auc": 0.75}
    assert counts.metrics(0.3)["recall"] == 1
    best = counts.best_f1()
    assert best.f1 == pytest.approx(0.8)
    assert best.threshold == pytest.approx(0.4, abs=2e-4)


def test_zero_and_one_stay_apart_from_what_is_close_to_them():
    probabilities = np.array([0, 1e-30, 1e-20, 1 - 2e-7, 1 - 6e-8, 1], dtype=np.float32)
    for first in range(1, 6):
        assert counted(probabilities, np.arange(6) >= first).auc == 1


def test_a_threshold_of_one_takes_what_is_one():
    counts = counted(np.array([1, 1 - 6e-8, 0], dtype=np.float32), np.array([1, 1, 0]))
    assert counts.recall(1) == 0.5
    assert counts.precision(0) == pytest.approx(2 / 3)


def test_what_is_negative_is_ignored():
    probabilities, truth = example("hard", 1)
    ignored = np.random.default_rng(2).random(truth.size) < 0.4
    some = counted(probabilities, np.where(ignored, -1, truth))
    assert some.metrics() == counted(probabilities[~ignored], truth[~ignored]).metrics()


def test_pieces_add_up_to_the_whole():
    probabilities, truth = example("hard", 3, count=300_000)
    whole = counted(probabilities, truth)
    first, second = counted(probabilities[:100], truth[:100]), PixelCounts()
    second.add(probabilities[100:].reshape(2, -1), truth[100:].reshape(2, -1))
    assert np.array_equal((first + second).pixels, whole.pixels)
    assert whole.pixels.sum() == 300_000


@pytest.mark.parametrize(
    ("probabilities", "truth", "undefined"),
    [
        ([], [], {"precision", "recall", "f1", "iou", "auc"}),
        ([0.1], [0], {"precision", "recall", "f1", "iou", "auc"}),
        ([0.9], [0], {"recall", "auc"}),
        ([0.1], [1], {"precision", "auc"}),
        ([0.9, 0.9], [-1, 1], {"auc"}),
    ],
)
def test_what_is_not_defined_is_none(probabilities, truth, undefined):
    metrics = counted(np.array(probabilities, dtype=np.float32), np.array(truth)).metrics()
    assert {name for name, value in metrics.items() if value is None} == undefined


@pytest.mark.parametrize("wrong", [np.nan, 1.5, -0.1])
def test_what_is_no_probability_is_refused(wrong):
    with pytest.raises(InputError, match="logits"):
        counted(np.array([0.5, wrong], dtype=np.float32), np.zeros(2))


def test_shapes_and_thresholds_that_cannot_be_are_refused():
    with pytest.raises(InputError, match=r"\(2,\).*\(3,\)"):
        counted(np.zeros(2), np.zeros(3))
    with pytest.raises(InputError, match="from 0 to 1, found 2"):
        PixelCounts().counts(2)


def test_a_macro_mean_leaves_out_what_is_not_defined():
    assert macro_mean([0.5, None, 1.0]) == (0.75, 1)
    assert macro_mean([None]) == (None, 1)
    assert macro_mean([]) == (None, 0)
