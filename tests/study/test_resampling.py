import numpy as np
import pytest

from motes.study import resampling
from motes.study.resampling import hierarchical_bootstrap, image_weights, resampled_means, seed_weights


def test_bootstrap_is_repeatable_and_follows_its_seed():
    d = np.random.default_rng(0).normal(size=(9, 3))
    groups = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    means = hierarchical_bootstrap(d, groups, 100, seed=1)
    assert means.shape == (100,)
    assert np.array_equal(means, hierarchical_bootstrap(d, groups, 100, seed=1))
    assert not np.array_equal(means, hierarchical_bootstrap(d, groups, 100, seed=2))


def test_every_group_drawn_has_the_same_weight_and_its_own_images():
    numbers = np.array([0, 0, 0, 0, 1, 2, 2])
    weights = image_weights(numbers, 500, np.random.default_rng(0))
    by_group = np.stack([weights[:, numbers == group].sum(axis=1) for group in range(3)])
    assert by_group.sum(axis=0) == pytest.approx(1)
    assert np.allclose(3 * by_group, np.round(3 * by_group))
    assert set(np.round(3 * by_group).ravel()) == {0, 1, 2, 3}
    assert set(np.round(6 * weights[:, 5]).tolist()) <= set(range(7))  # halves of a third


def test_fixed_groups_are_always_there():
    numbers = np.array([0, 0, 0, 1, 1])
    weights = image_weights(numbers, 100, np.random.default_rng(0))
    assert weights[:, :3].sum(axis=1) == pytest.approx(0.5)
    assert len(np.unique(weights[:, 0])) > 1


def test_all_images_share_the_drawn_seeds():
    d = np.tile([0.0, 1, 10], (8, 1))  # the seeds alone differ
    means = hierarchical_bootstrap(d, [0, 0, 1, 1, 2, 2, 3, 3], 400)
    possible = {(b + 10 * c) / 3 for b in range(4) for c in range(4 - b)}
    assert set(np.round(means, 9)) == set(np.round(list(possible), 9))


def test_the_spread_of_means_is_that_of_theory():
    groups = np.repeat(np.arange(30), 5)
    d = np.random.default_rng(0).normal(size=30)[groups][:, None] * np.ones((1, 4))
    means = hierarchical_bootstrap(d, groups, 4000)
    assert means.mean() == pytest.approx(d.mean(), abs=0.01)
    assert means.std() == pytest.approx(d[::5, 0].std() / np.sqrt(30), rel=0.05)


def test_blocks_bound_the_memory_and_give_as_many(monkeypatch):
    monkeypatch.setattr(resampling, "CELLS_AT_ONCE", 20)
    assert hierarchical_bootstrap(np.ones((6, 2)), [0, 0, 1, 1, 2, 2], 10).tolist() == pytest.approx([1] * 10)


def test_resampled_means_are_weighted_means():
    d = np.array([[1.0, 2], [3, 4]])
    assert resampled_means(d, np.array([[1.0, 0]]), np.array([[0.5, 0.5]])) == pytest.approx([1.5])
    assert seed_weights(4, 50, np.random.default_rng(0)).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("d", "groups"), [(np.full((2, 2), np.nan), [0, 0]), (np.ones((1, 3)), [0]), (np.zeros((0, 2)), [])]
)
def test_nothing_is_known_where_nothing_can_be_drawn(d, groups):
    assert np.isnan(hierarchical_bootstrap(d, groups, 7)).tolist() == [True] * 7


def test_missing_values_are_left_out():
    d = np.array([[1.0, 1], [1, 1], [5, np.nan]])
    assert hierarchical_bootstrap(d, [0, 0, 0], 20) == pytest.approx(1)
