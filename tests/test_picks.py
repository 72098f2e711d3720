import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from motes.errors import PicksError
from motes.picks import AdaptedThreshold, Picks, empty_picks, joined


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


probabilities = st.lists(st.floats(0.01, 1), min_size=1, max_size=12).map(np.array)


def expected_f1(found, threshold):
    taken = found[found >= threshold]
    return 2 * taken.sum() / (len(taken) + found.sum())


def test_a_threshold_of_an_image_by_hand():
    # taking 0.9, 0.8 gives 2 * 1.7 / (2 + 2.1), taking 0.4 too 2 * 2.1 / (3 + 2.1), which is less
    assert AdaptedThreshold(0, 1).of([0.4, 0.9, 0.8]) == pytest.approx(1.7 / 4.1, abs=1e-6)
    # among others that are no better the same 0.4 is worth taking: 2 * 1.4 / (3 + 1.4)
    assert AdaptedThreshold(0, 1).of([0.4, 0.5, 0.5]) == pytest.approx(1.4 / 4.4, abs=1e-6)


@given(probabilities)
def test_no_other_threshold_of_an_image_has_a_higher_expected_f1(found):
    best = max(expected_f1(found, threshold) for threshold in found)
    assert expected_f1(found, AdaptedThreshold(0, 1).of(found)) == pytest.approx(best, abs=1e-5)


@given(probabilities, st.floats(0, 0.4), st.floats(0.4, 1))
def test_the_limits_of_a_threshold_hold(found, lowest, highest):
    threshold = AdaptedThreshold(lowest, highest).of(found)
    free = AdaptedThreshold(0, 1).of(found)
    assert free <= 0.5
    assert lowest - 1e-6 <= threshold <= highest + 1e-6
    if abs(free - lowest) > 1e-5:
        assert threshold == pytest.approx(min(free, highest) if free > lowest else highest, abs=1e-6)


@given(probabilities, st.randoms())
def test_the_order_of_the_candidates_plays_no_part(found, random):
    shuffled = random.sample(list(found), len(found))
    assert AdaptedThreshold(0, 1).of(shuffled) == pytest.approx(AdaptedThreshold(0, 1).of(found), abs=2e-6)


def test_noise_is_not_taken_for_particles():
    noise = np.append(np.full(500, 0.1), 0.6)
    assert AdaptedThreshold(0, 1).of(noise) < 0.1  # all of it, were there no limit
    assert AdaptedThreshold(0.3, 0.8).of(noise) == 0.8
    particles = np.append(noise, np.full(100, 0.9))
    assert 0.3 < AdaptedThreshold(0.3, 0.8).of(particles) < 0.5
    assert AdaptedThreshold(0.3, 0.8).of([]) == 0.8


def test_picks_above_a_threshold_of_their_own():
    picks = Picks(np.zeros((3, 2)), scores=np.array([0.4, 0.9, 0.8]))
    assert len(picks.above(AdaptedThreshold(0, 1))) == 2
    assert len(Picks(np.zeros((3, 2))).above(AdaptedThreshold(0, 1))) == 3


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), min_size=1, max_size=4))
def test_joined_picks_keep_what_all_have(parts: list[tuple[int, bool, bool]]) -> None:
    every = [
        Picks(
            np.full((count, 3), float(number)),
            np.full(count, float(number)) if scored else None,
            np.full(count, f"class {number}") if named else None,
            extra={"psi": np.full(count, number), f"own {number}": np.zeros(count)},
        )
        for number, (count, scored, named) in enumerate(parts)
    ]
    found = joined(every)
    numbers = np.repeat(np.arange(len(parts)), [count for count, *_ in parts])
    np.testing.assert_array_equal(found.points[:, 0], numbers)
    assert (found.scores is None) == (not any(scored for _, scored, _ in parts))
    if found.scores is not None:
        scored = np.array([scored for _, scored, _ in parts])
        np.testing.assert_array_equal(found.scores, np.where(scored[numbers], numbers, np.nan))
    assert (found.classes is not None) == all(named for *_, named in parts)
    if found.classes is not None:
        assert list(found.classes) == [f"class {number}" for number in numbers]
    assert set(found.extra) == ({"psi"} if len(parts) > 1 else {"psi", "own 0"})
    np.testing.assert_array_equal(found.extra["psi"], numbers)
