from dataclasses import astuple

import numpy as np
import pytest

from motes.errors import InputError
from motes.study.power import Spread, detectable, spread
from motes.study.statistics import estimate

TRUE = Spread(groups=1, images=0.8, seeds=0.6, groups_by_seeds=0.5, rest=0.7)


def drawn(truth, sizes, seeds, random):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    scales = astuple(truth)
    shapes = [(len(sizes), 1), (len(groups), 1), (1, seeds), (len(sizes), seeds), (len(groups), seeds)]
    g, i, s, gs, r = (scale * random.normal(size=shape) for scale, shape in zip(scales, shapes, strict=True))
    return (g + gs)[groups] + i + s + r, groups


def mean_squares(truth, sizes, seeds, repeats=400):
    random = np.random.default_rng(0)
    found = [np.square(astuple(spread(*drawn(truth, sizes, seeds, random)))) for _ in range(repeats)]
    return np.sqrt(np.mean(found, axis=0))


@pytest.mark.parametrize("sizes", [(6,) * 20, (2, 10) * 10])
def test_the_spread_of_the_model_is_found(sizes):
    assert mean_squares(TRUE, sizes, 10) == pytest.approx(list(astuple(TRUE)), rel=0.05)


def test_what_a_pilot_cannot_tell_is_nan_and_counted_with_the_coarser_one():
    nan = np.nan
    together = [
        ((8,), 10, [nan, 0.8, np.hypot(0.6, 0.5), nan, 0.7]),
        ((1,) * 20, 10, [np.hypot(1, 0.8), nan, 0.6, np.hypot(0.5, 0.7), nan]),
        ((6,) * 20, 1, [np.hypot(1, 0.5), np.hypot(0.8, 0.7), nan, nan, nan]),
    ]
    for sizes, seeds, expected in together:
        found = mean_squares(TRUE, sizes, seeds)
        np.testing.assert_allclose(found, expected, rtol=0.06)


def test_a_table_without_noise_gives_the_exact_parts():
    groups = np.array([0, 0, 1, 1, 2, 2])
    rows = np.array([1.0, 2, 6])[groups][:, None]
    seeds = np.array([[0.0, 2, 4]])
    assert astuple(spread(rows + seeds, groups)) == pytest.approx((np.std([1, 2, 6], ddof=1), 0, 2, 0, 0))


def test_nothing_known_of_nothing():
    assert np.isnan(astuple(spread(np.zeros((0, 2)), []))).all()


@pytest.mark.parametrize(("groups", "images", "seeds"), [(2, 10, 5), (5, 8, 4)])
def test_the_detectable_difference_is_found_with_the_power_asked_for(groups, images, seeds):
    difference = detectable(TRUE, groups, images, seeds)
    random = np.random.default_rng(0)
    truth = TRUE if groups > 2 else Spread(0, *astuple(TRUE)[1:])  # fixed groups: their own mean is meant
    found = 0
    for _ in range(1000):
        d, labels = drawn(truth, (images,) * groups, seeds, random)
        found += estimate(d + difference, labels).p < 0.05
    assert 760 <= found <= 840


def test_more_of_anything_finds_less():
    base = detectable(TRUE, 4, 8, 3)
    assert detectable(TRUE, 8, 8, 3) < base
    assert detectable(TRUE, 4, 8, 6) < base
    assert detectable(TRUE, 4, 80, 3) < base
    assert detectable(TRUE, 4, 8, 3, power=0.5) < base
    assert detectable(Spread(*2 * np.array(astuple(TRUE))), 4, 8, 3) == pytest.approx(2 * base)


def test_plans_that_cannot_be_judged():
    nan = np.nan
    assert np.isnan(detectable(TRUE, 4, 8, seeds=1))
    assert np.isnan(detectable(TRUE, 2, 1, 3))
    assert np.isnan(detectable(TRUE, 4, 0, 3))
    one_group, one_seed = Spread(nan, 0.8, 0.6, nan, 0.7), Spread(1, 0.8, nan, nan, nan)
    assert np.isnan(detectable(one_group, 4, 8, 3))
    assert detectable(one_group, 1, 8, 3) == detectable(Spread(1, 0.8, 0.6, 0, 0.7), 1, 8, 3)
    assert np.isnan(detectable(one_seed, 4, 8, 3))
    assert detectable(Spread(0, 0, 0, 0, 0), 4, 8, 3) == 0
    with pytest.raises(InputError, match="a power of 80"):
        detectable(TRUE, 4, 8, 3, power=80)
