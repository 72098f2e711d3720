import time

import numpy as np
import pytest

from motes.score.metrics import Ranked, average_precision, precision_recall_curve
from motes.score.statistics import (
    percentile_interval,
    resample_images,
    resampled_average_precision,
    resampled_mean,
)


def random_images(images, picks, seed=0):
    random = np.random.default_rng(seed)
    ranked = []
    for _ in range(images):
        scores = np.round(random.random(picks), 3)
        hits = random.random(picks) < scores
        ranked.append(Ranked(scores, hits, ~hits & (random.random(picks) < 0.9), picks))
    return ranked


def test_draws_are_repeatable_and_complete():
    draws = resample_images(7, 50, seed=3)
    assert (draws.sum(axis=1) == 7).all()
    assert np.array_equal(draws, resample_images(7, 50, seed=3))
    assert not np.array_equal(draws, resample_images(7, 50, seed=4))


def test_a_resample_is_the_pooled_curve_of_the_drawn_images():
    images = random_images(4, 30)
    draws = np.array([[1.0, 1, 1, 1], [0, 2, 0, 2], [4, 0, 0, 0]])
    expected = [
        average_precision(precision_recall_curve([images[i] for i in drawn]))
        for drawn in ([0, 1, 2, 3], [1, 1, 3, 3], [0, 0, 0, 0])
    ]
    assert resampled_average_precision(draws, images) == pytest.approx(expected)


def test_means_leave_out_what_is_not_defined():
    draws = np.array([[1.0, 1, 1], [2, 1, 0], [0, 0, 3]])
    means = resampled_mean(draws, np.array([1.0, 0.0, np.nan]))
    assert means[:2] == pytest.approx([0.5, 2 / 3])
    assert np.isnan(means[2])


def test_intervals():
    assert percentile_interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
    assert percentile_interval(np.array([np.nan, 4.0])) == (4, 4)
    assert np.isnan(percentile_interval(np.zeros(0))).all()


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(size=400)
    low, high = percentile_interval(resampled_mean(resample_images(400, 2000, 0), values))
    half = 1.96 * values.std() / np.sqrt(400)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


def test_a_thousand_resamples_of_ten_images_are_quick():
    images = random_images(10, 700)
    draws = resample_images(10, 1000, 0)
    began = time.process_time()
    values = resampled_average_precision(draws, images)
    assert np.isfinite(values).all()
    assert time.process_time() - began < 2
