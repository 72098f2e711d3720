from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.errors import PicksError
from motes.picks import Picks, empty_picks
from motes.score.matching import Ignored, candidate_pairs, gains, match

SMALL = st.integers(0, 5)


def picks_at(points, **columns):
    return Picks(np.array(points, dtype=float).reshape(len(points), -1 if len(points) else 2), **columns)


def tables(ndim=2):
    return st.lists(st.tuples(*[st.integers(0, 8)] * ndim), max_size=5).map(
        lambda points: Picks(np.array(points, dtype=float).reshape(-1, ndim))
    )


def brute_force(picks, truth, radius):
    """Find the best (number of pairs, -total distance) over all ways to pair."""
    few, many = sorted((picks.points, truth.points), key=len)
    best = (0, 0.0)
    for chosen in permutations(range(len(many)), len(few)):
        distances = np.linalg.norm(few - many[list(chosen)], axis=1) if len(few) else np.zeros(0)
        near = distances[distances <= radius]
        best = max(best, (len(near), -near.sum()))
    return best


@settings(deadline=None)
@given(tables(), tables(), SMALL)
def test_most_pairs_then_least_distance_as_brute_force(picks, truth, radius):
    found = match(picks, truth, radius)
    pairs, minus_distance = brute_force(picks, truth, radius)
    assert len(found.pairs) == pairs
    assert found.distances.sum() == pytest.approx(-minus_distance)


@settings(deadline=None)
@given(tables(3), tables(3), SMALL)
def test_in_volumes_as_brute_force(picks, truth, radius):
    found = match(picks, truth, radius)
    assert (len(found.pairs), pytest.approx(-found.distances.sum())) == brute_force(picks, truth, radius)


@settings(deadline=None)
@given(tables(), tables(), SMALL)
def test_one_to_one_within_the_radius_and_symmetric(picks, truth, radius):
    found, swapped = match(picks, truth, radius), match(truth, picks, radius)
    assert len(set(found.pairs[:, 0])) == len(set(found.pairs[:, 1])) == len(found.pairs)
    assert (found.distances <= radius).all()
    assert len(found.pairs) == len(swapped.pairs)
    assert found.distances.sum() == pytest.approx(swapped.distances.sum())


@settings(deadline=None)
@given(tables(), tables(), SMALL, st.randoms(use_true_random=False))
def test_the_order_of_the_tables_does_not_matter(picks, truth, radius, random):
    order = list(range(len(picks)))
    random.shuffle(order)
    plain, shuffled = match(picks, truth, radius), match(picks.select(order), truth, radius)
    assert len(plain.pairs) == len(shuffled.pairs)
    assert plain.distances.sum() == pytest.approx(shuffled.distances.sum())


@settings(deadline=None)
@given(tables(), tables(), SMALL)
def test_gains_count_the_maximum_matching_of_every_leading_part(picks, truth, radius):
    gained = gains(candidate_pairs(picks, truth, radius), np.arange(len(picks)), len(truth))
    sizes = [len(match(picks.select(np.arange(k + 1)), truth, radius).pairs) for k in range(len(picks))]
    assert np.cumsum(gained).tolist() == sizes


@settings(deadline=None)
@given(tables(), tables(), SMALL, st.data())
def test_ignoring_never_costs_pairs_and_counted_ones_come_first(picks, truth, radius, data):
    def some(table):
        return np.array(
            data.draw(st.lists(st.booleans(), min_size=len(table), max_size=len(table))), dtype=bool
        )

    ignored = Ignored(some(picks), some(truth))
    found = match(picks, truth, radius, ignored)
    assert len(found.pairs) == len(match(picks, truth, radius).pairs)
    counted_truth = np.count_nonzero(~ignored.truth[found.pairs[:, 1]])
    assert counted_truth == len(match(picks, truth.select(~ignored.truth), radius).pairs)
    counted_picks = np.count_nonzero(~ignored.picks[found.pairs[:, 0]])
    assert counted_picks == len(match(picks.select(~ignored.picks), truth, radius).pairs)


def test_the_radius_is_inclusive():
    picks, truth = picks_at([[3, 4]]), picks_at([[0, 0]])
    assert len(match(picks, truth, 5.0).pairs) == 1
    assert len(match(picks, truth, np.nextafter(5.0, 0)).pairs) == 0


def test_coinciding_points_pair_at_radius_zero():
    assert match(picks_at([[1, 1]]), picks_at([[1, 1]]), 0).distances.tolist() == [0.0]


def test_more_pairs_win_over_nearer_ones():
    picks, truth = picks_at([[0, 4], [0, 9]]), picks_at([[0, 5], [0, 0]])
    assert match(picks, truth, 4).pairs.tolist() == [[0, 1], [1, 0]]


def test_each_truth_may_have_its_own_radius():
    picks, truth = picks_at([[0, 2], [20, 2]]), picks_at([[0, 0], [20, 0]])
    assert match(picks, truth, np.array([1.0, 2.0])).pairs.tolist() == [[1, 1]]


def test_only_equal_classes_pair():
    truth = picks_at([[0, 0], [0, 3]], classes=np.array(["a", "b"]))
    picks = picks_at([[0, 0]], classes=np.array(["b"]))
    assert match(picks, truth, 3).pairs.tolist() == [[0, 1]]
    assert match(picks_at([[0, 0]]), truth, 3).pairs.tolist() == [[0, 0]]


def test_nothing_matches_nothing():
    assert match(empty_picks(3), picks_at([[0, 0]]), 1).pairs.shape == (0, 2)


@pytest.mark.parametrize(
    ("picks", "radius", "message"),
    [
        (picks_at([[0, 0, 0]]), 1, "picks have 3 coordinates and truth has 2"),
        (picks_at([[0, np.nan]]), 1, "not finite"),
        (picks_at([[0, 0]]), -1, "0 or more"),
        (picks_at([[0, 0]]), float("nan"), "0 or more"),
        (picks_at([[0, 0]]), np.ones(3), "one for each truth"),
    ],
)
def test_bad_input_says_what_is_wrong(picks, radius, message):
    with pytest.raises(PicksError, match=message):
        match(picks, picks_at([[0, 0]]), radius)


def test_a_thick_crowd_of_thousands_is_matched_at_once():
    random = np.random.default_rng(0)
    picks, truth = (Picks(random.uniform(0, 2000, (5000, 2))) for _ in range(2))
    gained = gains(candidate_pairs(picks, truth, 20), np.arange(5000), 5000)
    assert len(match(picks, truth, 20).pairs) == np.count_nonzero(gained) > 3000


def test_many_picks_on_one_spot():
    spot = Picks(np.zeros((300, 2)))
    assert len(match(spot, spot, 0).pairs) == 300
