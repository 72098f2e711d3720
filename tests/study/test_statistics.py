import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from motes.study.statistics import Effect, estimate, holm, in_words, paired_t, wilcoxon
from motes.study.variance import training_spread

SHAPES = [(8, 20), (4, 5, 3), (2, 2, 2, 2, 9)]  # images in each group: fixed groups, then random ones


def drawn(sizes, seeds, random, spreads=(0.5, 1, 0.5, 0.5, 1)):
    """Differences and groups from the model; spreads: groups, images, seeds, groups x seeds, rest."""
    groups, images, by_seed, cells, rest = spreads
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    means = groups * random.normal(size=(len(sizes), 1)) + cells * random.normal(size=(len(sizes), seeds))
    d = means[numbers] + by_seed * random.normal(size=(1, seeds))
    d += images * random.normal(size=(len(numbers), 1)) + rest * random.normal(size=(len(numbers), seeds))
    return d, numbers


def numbers_of(effect: Effect) -> list[float]:
    return [effect.low, effect.value, effect.high, effect.p, effect.standard_error, effect.degrees_of_freedom]


cases = st.tuples(st.sampled_from(SHAPES), st.integers(1, 5), st.integers(0, 10**6))


def test_groups_of_equal_size_give_the_plain_mean_and_others_equal_weight():
    d = np.arange(24.0).reshape(6, 4)
    assert estimate(d, [0, 0, 1, 1, 2, 2]).value == d.mean()
    assert estimate(d, [0, 0, 0, 0, 1, 1]).value == (d[:4].mean() + d[4:].mean()) / 2


def test_one_seed_of_one_group_is_the_t_test_of_its_images():
    values = np.array([1.0, 2, 4, 9])
    effect = estimate(values[:, None], ["p"] * 4)
    expected = stats.ttest_1samp(values, 0)
    assert effect.p == pytest.approx(expected.pvalue)
    assert (effect.low, effect.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert "one seed, so it says nothing of other seeds" in effect.method
    assert effect.groups_fixed


def test_one_seed_of_many_groups_is_the_t_test_of_their_means():
    effect = estimate(np.array([[1.0], [3], [4], [9], [9]]), ["a", "a", "b", "c", "c"])
    expected = stats.ttest_1samp([2, 4, 9], 0)
    assert effect.p == pytest.approx(expected.pvalue)
    assert effect.degrees_of_freedom == 2
    assert not effect.groups_fixed


def test_where_only_seeds_differ_it_is_the_t_test_of_seeds():
    seeds = np.array([1.0, 2, 6])
    expected = stats.ttest_1samp(seeds, 0)
    for groups in ([0, 0, 1, 1, 1], [0, 0, 1, 1, 2]):
        effect = estimate(np.tile(seeds, (5, 1)), groups)
        assert (effect.low, effect.high) == pytest.approx(tuple(expected.confidence_interval()))
        assert effect.degrees_of_freedom == pytest.approx(2)


def test_two_sources_add_up_less_what_both_contain():
    table = np.array([[0.0, 4, 9], [6, 7, 18], [-5, 0, 2]])
    units, seeds = table.mean(axis=1).var(ddof=1) / 3, table.mean(axis=0).var(ddof=1) / 3
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    effect = estimate(table, [0, 1, 2])
    assert effect.standard_error**2 == pytest.approx(units + seeds - (left**2).sum() / 4 / 9)
    assert 2 < effect.degrees_of_freedom < 4


def test_the_rest_alone_is_pooled():
    table = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])  # means of rows and of columns are all alike
    effect = estimate(table, [0, 1, 2])
    assert effect.degrees_of_freedom == 8
    assert effect.standard_error == pytest.approx(table.std(ddof=1) / 3)


@given(cases, st.floats(-10, 10))
def test_a_shift_of_all_differences_shifts_the_interval(case, shift):
    sizes, seeds, start = case
    d, groups = drawn(sizes, seeds, np.random.default_rng(start))
    first, second = estimate(d, groups), estimate(d + shift, groups)
    assert second.value == pytest.approx(first.value + shift)
    assert second.low == pytest.approx(first.low + shift)
    assert second.high == pytest.approx(first.high + shift)


@given(cases, st.floats(0.01, 100))
def test_a_change_of_unit_changes_the_unit_only(case, factor):
    sizes, seeds, start = case
    d, groups = drawn(sizes, seeds, np.random.default_rng(start))
    low, value, high, p, error, freedom = numbers_of(estimate(d, groups))
    expected = [factor * low, factor * value, factor * high, p, factor * error, freedom]
    assert numbers_of(estimate(factor * d, groups)) == pytest.approx(expected)


@given(cases)
def test_swapping_the_arms_mirrors_the_interval(case):
    sizes, seeds, start = case
    d, groups = drawn(sizes, seeds, np.random.default_rng(start))
    low, value, high, *others = numbers_of(estimate(d, groups))
    assert numbers_of(estimate(-d, groups)) == pytest.approx([-high, -value, -low, *others])


@given(cases)
def test_the_order_of_images_seeds_and_groups_and_their_names_do_not_matter(case):
    sizes, seeds, start = case
    random = np.random.default_rng(start)
    d, groups = drawn(sizes, seeds, random)
    images, columns = random.permutation(len(d)), random.permutation(seeds)
    names = random.permutation([f"group {i}" for i in range(len(sizes))])
    again = estimate(d[images][:, columns], names[groups][images])
    assert numbers_of(again) == pytest.approx(numbers_of(estimate(d, groups)))


@given(cases)
def test_the_interval_and_the_test_agree(case):
    sizes, seeds, start = case
    d, groups = drawn(sizes, seeds, np.random.default_rng(start))
    effect = estimate(d, groups)
    assert (effect.low <= 0 <= effect.high) == (effect.p >= 0.05)
    at_the_limit = estimate(d - effect.low, groups)
    assert at_the_limit.p == pytest.approx(0.05)


@given(cases)
def test_missing_seeds_and_images_are_left_out_and_told(case):
    sizes, seeds, start = case
    d, groups = drawn(sizes, seeds + 1, np.random.default_rng(start))
    d[:, 0] = np.nan
    d[-1, -1] = np.nan
    effect = estimate(d, groups)
    whole = estimate(d[:-1, 1:], groups[:-1])
    assert numbers_of(effect) == pytest.approx(numbers_of(whole))
    assert (effect.images, effect.seeds) == (len(d) - 1, seeds)
    assert f"1 of {len(d)} images left out for missing values" in effect.method
    assert f"1 of {seeds + 1} seeds left out for missing values" in effect.method


@pytest.mark.parametrize(
    ("d", "groups", "words"),
    [
        (np.zeros((0, 3)), [], "no values"),
        (np.full((4, 3), np.nan), [0, 0, 1, 1], "no values"),
        (np.ones((3, 2)), ["a", "a", "b"], "a group has one image only"),
        (np.ones((1, 1)), [0], "a group has one image only"),
    ],
)
def test_where_no_interval_can_be_had_it_says_so(d, groups, words):
    effect = estimate(d, groups)
    assert words in effect.method
    assert np.isnan([effect.low, effect.high, effect.p]).all()
    assert in_words(effect) == "no interval, so nothing can be said"


def test_what_never_varies_is_certain():
    same = estimate(np.zeros((6, 3)), [0, 0, 1, 1, 2, 2])
    assert (same.low, same.high, same.p) == (0, 0, 1)
    more = estimate(np.full((4, 3), 2.0), [0, 0, 1, 1])
    assert (more.low, more.high, more.p) == (2, 2, 0)


def test_words():
    d, groups = drawn((5, 5, 5), 3, np.random.default_rng(0))
    assert in_words(estimate(d - d.mean(), groups)) == "not distinguishable from no difference"
    assert in_words(estimate(d + 100, groups)) == "higher"
    assert in_words(estimate(d - 100, groups)) == "lower"


@pytest.mark.parametrize("sizes", [(8, 20), (8, 20, 9, 15)])
def test_intervals_hold_the_truth_as_often_as_they_should(sizes):
    random = np.random.default_rng(0)
    spreads = (0.5 if len(sizes) > 2 else 0, 1, 0.5, 0.5, 1)
    held = 0
    for _ in range(1000):
        d, groups = drawn(sizes, 3, random, spreads)
        effect = estimate(d + 0.3, groups)
        held += effect.low <= 0.3 <= effect.high
    assert 930 <= held <= 980


@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_hold_the_truth_where_nets_were_trained_on_two_samples_of_images(seeds):
    """Groups and images are the same for both samples; each has a level, seeds and a rest of its own."""
    random = np.random.default_rng(0)
    held = 0
    for _ in range(1000):
        shared, groups = drawn(SHAPES[1] * 2, 1, random, (0.5, 1, 0, 0, 0))
        own = [drawn(SHAPES[1] * 2, seeds, random, (0, 0, 0.5, 0.5, 1))[0] + level for level in (-0.4, 1.0)]
        effect = estimate(shared + np.concatenate(own, axis=1), groups, np.repeat([0, 1], seeds))
        held += effect.low <= 0.3 <= effect.high
    assert 925 <= held <= 985


def test_samples_have_equal_weight_and_a_seed_that_is_missing_counts_in_its_sample_alone():
    d = np.array([[0.0, 0, 3, 3], [1, 1, 4, np.nan], [2, 2, 5, 5]])
    assert estimate(d, [0, 1, 2], [0, 0, 1, 1]).value == pytest.approx(2.5)
    d[:, 3] = np.nan
    found = estimate(d, [0, 1, 2], [0, 0, 1, 1])
    assert found.value == pytest.approx(2.5)
    assert (found.images, found.seeds) == (3, 3)


def test_one_sample_is_no_other_than_none():
    d, groups = drawn((4, 5, 3), 3, np.random.default_rng(1))
    assert astuple(estimate(d, groups, [0, 0, 0])) == pytest.approx(astuple(estimate(d, groups)))


def test_tests_on_images_are_those_of_scipy_on_their_means_over_seeds():
    d, groups = drawn((7, 9), 3, np.random.default_rng(0))
    means = d.mean(axis=1)
    assert paired_t(d, groups).p == pytest.approx(stats.ttest_1samp(means, 0).pvalue)
    assert wilcoxon(d, groups).p == pytest.approx(stats.wilcoxon(means).pvalue)
    assert paired_t(d, groups).n == wilcoxon(d, groups).n == 16


@pytest.mark.parametrize("test", [paired_t, wilcoxon])
def test_tests_on_images_where_nothing_differs_or_too_little_is_known(test):
    assert astuple(test(np.zeros((5, 2)), [0] * 5)) == (1, 5)
    for few in (0, 1):
        p, n = astuple(test(np.ones((few, 2)), [0] * few))
        assert math.isnan(p)
        assert n == few
    assert test(np.array([[1.0, 2], [3, np.nan], [2, 2]]), [0, 0, 0]).n == 2


def test_holm_on_known_numbers():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.9]), [0.04, np.nan, 0.9])
    assert holm([]).size == 0


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values):
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.5):
        rejected = set()
        for place, index in enumerate(np.argsort(p_values, kind="stable")):
            if p_values[index] * (len(p_values) - place) > level:
                break
            rejected.add(index)
        assert set(np.flatnonzero(adjusted <= level)) == rejected


def test_the_spread_of_trainings_is_parted_into_samples_and_seeds():
    rng = np.random.default_rng(0)
    tables = [
        rng.normal(0, 0.03, (4, 1)) + rng.normal(0, 0.01, (4, 3)) + rng.normal(0.5, 0.1) for _ in range(4000)
    ]
    found = training_spread(tables)
    assert (found.samples, found.seeds) == pytest.approx((0.03, 0.01), rel=0.03)
    assert found.tables == 4000


def test_with_one_seed_the_spread_of_samples_holds_that_of_seeds_and_gaps_are_left_out():
    found = training_spread([np.array([[0.5], [0.7]]), np.array([[0.5], [np.nan]])])
    assert found.samples == pytest.approx(0.2 / 2**0.5)
    assert np.isnan(found.seeds)
    assert found.tables == 1
    assert training_spread([]).tables == 0
