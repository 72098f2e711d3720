"""Samples: one test set, disjoint trainings; what the repeats are."""

import numpy as np
import pytest

from motes.study.samples import Place, by_sample, distinct, repeats_of, repeats_planned

NAN = float("nan")


def places(samples: int, images: int = 3) -> list[Place]:
    return [Place(fold, f"g{n}", f"i{n}") for fold in range(samples) for n in range(images)]


def test_without_samples_values_stay_as_they_are() -> None:
    values = np.arange(6.0).reshape(3, 2)
    found = repeats_of(values, places(1), 1)
    np.testing.assert_array_equal(found.values, values)
    assert (found.groups.tolist(), found.samples, found.seeds, found.words) == (["g0", "g1", "g2"], 1, 2, "")


def test_an_image_of_two_samples_is_one_image() -> None:
    values = np.arange(12.0).reshape(6, 2)
    table = by_sample(values, places(2), 2)
    assert distinct(places(2)) == [("g0", "i0"), ("g1", "i1"), ("g2", "i2")]
    assert table.shape == (3, 2, 2)
    np.testing.assert_array_equal(table[1], [[2, 3], [8, 9]])


def test_two_samples_with_seeds_are_fixed_and_the_seeds_of_each_are_the_repeats() -> None:
    values = np.arange(12.0).reshape(6, 2)
    found = repeats_of(values, places(2), 2)
    np.testing.assert_array_equal(found.values, [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]])
    assert found.sample_of is not None
    assert found.sample_of.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(found.averaged, [[3, 4], [5, 6], [7, 8]])
    assert (found.samples, found.seeds) == (2, 2)
    assert found.words == "it speaks of these samples only"


def test_with_one_seed_the_samples_are_the_repeats() -> None:
    found = repeats_of(np.arange(6.0)[:, None], places(2), 2)
    np.testing.assert_array_equal(found.values, [[0, 3], [1, 4], [2, 5]])
    assert (found.samples, found.seeds) == (2, 1)
    assert found.words == "trainings on other samples are the repeats"


def test_three_samples_are_a_sample_of_samples_whatever_the_seeds() -> None:
    found = repeats_of(np.arange(18.0).reshape(9, 2), places(3), 3)
    np.testing.assert_array_equal(found.values[0], [0.5, 6.5, 12.5])
    assert (found.samples, found.seeds) == (3, 2)


def test_a_training_that_failed_costs_its_seed_and_a_sample_without_any_is_left_out() -> None:
    values = np.ones((6, 2))
    values[3:, 1] = NAN  # sample 1, seed 1
    found = repeats_of(values, places(2), 2)
    assert np.isnan(found.averaged).tolist() == [[False, True]] * 3
    assert np.isnan(found.values).tolist() == [[False, False, False, True]] * 3
    values[3:] = NAN
    found = repeats_of(values, places(2), 2)
    assert not np.isnan(found.values).any()
    assert found.samples == 1
    assert "1 of 2 samples left out" in found.words
    three = np.ones((9, 2))
    three[:3, 0] = NAN
    assert not np.isnan(repeats_of(three, places(3), 3).values).any()


@pytest.mark.parametrize(
    ("samples", "seeds", "repeats"), [(1, 3, 3), (2, 1, 2), (2, 3, 3), (3, 2, 3), (1, 1, 1)]
)
def test_a_plan_counts_repeats_as_the_statistics_do(samples: int, seeds: int, repeats: int) -> None:
    assert repeats_planned(samples, seeds) == repeats
    found = repeats_of(np.ones((3 * samples, seeds)), places(samples), samples)
    assert found.averaged.shape == (3, repeats)
