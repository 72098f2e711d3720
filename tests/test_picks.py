import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motes.errors import PicksError
from motes.picks import Picks, empty_picks


def four_picks() -> Picks:
    return Picks(
        np.array([[0.0, 0.0], [1, 2], [3, 4], [5, 6]]),
        scores=np.array([0.1, 0.5, 0.5, 0.9]),
        classes=np.array(["a", "b", "a", "b"]),
        diameters=np.full(4, 10.0),
        extra={"psi": np.arange(4.0)},
    )


def test_selecting_keeps_all_columns_in_step():
    chosen = four_picks().select([3, 1])
    assert chosen.points.tolist() == [[5, 6], [1, 2]]
    assert chosen.scores is not None
    assert chosen.scores.tolist() == [0.9, 0.5]
    assert chosen.classes is not None
    assert chosen.classes.tolist() == ["b", "b"]
    assert chosen.extra["psi"].tolist() == [3, 1]


def test_selecting_nothing_gives_no_picks():
    assert len(four_picks().select([])) == 0


def test_a_threshold_is_inclusive():
    assert len(four_picks().above(0.5)) == 3


def test_without_scores_every_pick_is_above():
    assert len(Picks(np.zeros((2, 2))).above(0.9)) == 2


def test_a_pick_without_a_score_is_no_reason_to_drop_it():
    assert len(Picks(np.zeros((2, 2)), scores=np.array([np.nan, 0.1])).above(0.5)) == 1


def test_columns_of_another_length_are_refused():
    with pytest.raises(PicksError, match="scores"):
        Picks(np.zeros((2, 2)), scores=np.zeros(3))
    with pytest.raises(PicksError, match="shape"):
        Picks(np.zeros((2, 4)))


def test_no_picks_know_their_dimension():
    assert empty_picks(3).ndim == 3
    assert len(empty_picks(2)) == 0


def test_scaling_moves_pixel_centres_as_the_convention_says():
    halved = Picks(np.array([[0.0, 1.0]])).scaled(0.5)
    assert halved.points.tolist() == [[-0.25, 0.25]]


@given(
    arrays(np.float64, (3, 3), elements=st.floats(-1e4, 1e4)),
    arrays(np.float64, 3, elements=st.floats(0.05, 20)),
)
def test_scaling_there_and_back_changes_nothing(points, factors):
    back = Picks(points).scaled(factors).scaled(1 / factors)
    np.testing.assert_allclose(back.points, points, atol=1e-8)
