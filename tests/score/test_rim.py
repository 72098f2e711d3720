import numpy as np
import pytest

from motes.errors import PicksError
from motes.picks import Picks, empty_picks
from motes.score.rim import in_rim


def test_a_rim_of_ten_holds_the_ten_outermost_pixels():
    along = np.arange(100.0)
    picks = Picks(np.stack([np.full(100, 50.0), along], axis=1))
    assert along[in_rim(picks, (100, 100), 10)].tolist() == [*range(10), *range(90, 100)]


def test_every_axis_of_a_volume_has_a_rim():
    picks = Picks(np.array([[1.0, 50, 50], [15, 50, 50], [15, 50, 99]]))
    assert in_rim(picks, (30, 100, 100), 5).tolist() == [True, False, True]


def test_no_picks_need_no_dimension():
    assert in_rim(empty_picks(2), (5, 5, 5), 1).shape == (0,)


def test_a_wrong_dimension_is_refused():
    with pytest.raises(PicksError, match="2 coordinates"):
        in_rim(Picks(np.zeros((1, 2))), (5, 5, 5), 1)
