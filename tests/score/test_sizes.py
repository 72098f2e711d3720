import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

from motes.errors import InputError
from motes.score.sizes import compare_pairs, compare_sizes, kolmogorov_smirnov, wasserstein

SIZES = st.lists(st.floats(0.5, 100), min_size=1, max_size=20)
TIED = st.lists(st.sampled_from([1.0, 2.0, 2.5, 7.0]), min_size=1, max_size=20)


@given(SIZES | TIED, SIZES | TIED)
def test_the_distances_by_definition_and_by_scipy(first, second):
    assert wasserstein(first, second) == pytest.approx(wasserstein_distance(first, second), abs=1e-9)
    one, two = np.array(first), np.array(second)
    apart = max(abs(np.mean(one <= value) - np.mean(two <= value)) for value in first + second)
    assert kolmogorov_smirnov(first, second) == pytest.approx(apart)


def test_the_statistic_of_a_large_sample_is_that_of_scipy():
    random = np.random.default_rng(0)
    first, second = random.normal(size=300), random.normal(0.3, 1.2, size=400)
    assert kolmogorov_smirnov(first, second) == pytest.approx(ks_2samp(first, second).statistic)


@given(SIZES, st.floats(-5, 5))
def test_moving_all_sizes_moves_the_distribution_as_far(sizes, step):
    moved = np.array(sizes) + step
    result = compare_sizes(moved, sizes)
    assert result.wasserstein == pytest.approx(abs(step), abs=1e-9)
    assert result.mean_bias == pytest.approx(step, abs=1e-9)
    assert result.median_bias == pytest.approx(step, abs=1e-9)


@given(SIZES, SIZES, st.floats(0.1, 10), st.randoms(use_true_random=False))
def test_order_unit_and_direction(first, second, unit, random):
    shuffled = random.sample(first, len(first))
    assert wasserstein(shuffled, second) == pytest.approx(wasserstein(first, second))
    assert wasserstein(second, first) == pytest.approx(wasserstein(first, second))
    scaled = wasserstein(np.array(first) * unit, np.array(second) * unit)
    assert scaled == pytest.approx(unit * wasserstein(first, second), abs=1e-9)
    assert kolmogorov_smirnov(second, first) == pytest.approx(kolmogorov_smirnov(first, second))


def test_by_hand():
    result = compare_sizes([10, 12, 14], [10, 10, 10, 10])
    assert (result.found, result.truth) == (3, 4)
    assert (result.mean_bias, result.median_bias, result.wasserstein) == pytest.approx((2, 2, 2))
    assert result.relative_mean_bias == pytest.approx(0.2)
    assert result.kolmogorov_smirnov == pytest.approx(2 / 3)
    assert kolmogorov_smirnov([1, 2], [3, 4]) == 1


def test_two_sizes_instead_of_one_have_the_right_mean_but_another_distribution():
    result = compare_sizes([8.0, 12.0] * 10, [10.0] * 20)
    assert result.mean_bias == result.median_bias == 0
    assert result.wasserstein == pytest.approx(2)
    assert result.kolmogorov_smirnov == pytest.approx(0.5)


def test_pairs_by_hand():
    result = compare_pairs([9, 11, 24], [10, 10, 20])
    assert result.pairs == 3
    assert result.limits.bias.value == pytest.approx(4 / 3)
    assert result.mean_absolute_error == pytest.approx(2)
    assert result.root_mean_square_error == pytest.approx(np.sqrt(6))
    assert result.relative_error == pytest.approx(0.4 / 3)


def test_without_objects_nothing_is_defined():
    result = compare_sizes([], [1, 2])
    assert (result.found, result.truth) == (0, 2)
    assert np.isnan(
        [result.mean_bias, result.median_bias, result.wasserstein, result.kolmogorov_smirnov]
    ).all()
    assert np.isnan([wasserstein([1], []), kolmogorov_smirnov([], [1])]).all()
    pairs = compare_pairs([], [])
    assert pairs.pairs == 0
    assert np.isnan([pairs.mean_absolute_error, pairs.root_mean_square_error, pairs.limits.bias.value]).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="one length, found 1 and 2"):
        compare_pairs([1], [1, 2])
    with pytest.raises(InputError, match="found sizes are not numbers"):
        compare_sizes([np.nan], [1])
