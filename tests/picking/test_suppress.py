import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.picking.suppress import suppress
from motes.picks import Picks, empty_picks


def tables(ndim):
    rows = st.lists(st.tuples(*[st.integers(0, 9)] * ndim, st.integers(0, 4)), max_size=20)
    return rows.map(
        lambda rows: Picks(
            np.array([row[:-1] for row in rows], dtype=float).reshape(-1, ndim),
            scores=np.array([row[-1] for row in rows], dtype=float),
        )
    )


@settings(deadline=None)
@given(st.one_of(tables(2), tables(3)), st.floats(0.1, 6))
def test_what_stays_keeps_its_distance_and_what_goes_is_near_something_better(picks, distance):
    kept = suppress(picks, distance)
    apart = np.linalg.norm(kept.points[:, None] - kept.points, axis=2)
    assert (apart[~np.eye(len(kept), dtype=bool)] >= distance).all()
    for point, value in zip(picks.points, picks.scores, strict=True):
        near = np.linalg.norm(kept.points - point, axis=1) < distance
        assert (kept.scores[near] >= value).any()


@settings(deadline=None)
@given(tables(2), st.floats(0.1, 6))
def test_twice_is_as_once(picks, distance):
    once = suppress(picks, distance)
    assert np.array_equal(once.points, suppress(once, distance).points)


@settings(deadline=None)
@given(st.permutations(range(8)), st.floats(0.1, 60))
def test_the_order_does_not_matter_where_scores_differ(order, distance):
    picks = Picks(np.random.default_rng(0).uniform(0, 99, (8, 2)), scores=np.arange(8.0))
    expected = set(suppress(picks, distance).scores)
    assert set(suppress(picks.select(order), distance).scores) == expected


def test_at_exactly_the_distance_both_stay():
    picks = Picks(np.array([[0.0, 0], [3, 4]]))
    assert len(suppress(picks, 5)) == 2
    assert len(suppress(picks, 5.001)) == 1


def test_a_suppressed_pick_suppresses_nothing():
    picks = Picks(np.array([[0.0, 0], [0, 4], [0, 8]]), scores=np.array([3.0, 2, 1]))
    assert suppress(picks, 5).scores.tolist() == [3, 1]


def test_classes_leave_each_other_alone():
    picks = Picks(np.zeros((3, 2)), scores=np.array([1.0, 2, 3]), classes=np.array(["a", "a", "b"]))
    assert suppress(picks, 5).scores.tolist() == [2, 3]


def test_without_scores_the_first_stays_with_its_columns():
    picks = Picks(np.zeros((2, 3)), extra={"row": np.array([7, 8])})
    assert suppress(picks, 1).extra["row"].tolist() == [7]


def test_nothing_stays_nothing():
    assert len(suppress(empty_picks(3), 5)) == 0
