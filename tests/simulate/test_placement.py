import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.simulate.placement import add_patch, clump, fraction_seen, place

FREE = np.zeros((200, 200), dtype=bool)


@pytest.mark.parametrize("ndim", [2, 3])
def test_centres_keep_their_distance_and_their_area(ndim: int) -> None:
    low, high = np.full(ndim, 10.0), np.full(ndim, 90.0)
    free = np.zeros((100,) * ndim, dtype=bool)
    centres = place(low, high, np.full(30, 12.0), free, np.random.default_rng(0))
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e9 * np.eye(len(centres))
    assert 15 < len(centres) <= 30
    assert gaps.min() >= 12
    assert ((centres >= low) & (centres <= high)).all()


def test_no_centre_lies_where_it_is_blocked() -> None:
    blocked = FREE.copy()
    blocked[:, :100] = True
    centres = place(np.zeros(2), np.full(2, 199.0), np.full(50, 1.0), blocked, np.random.default_rng(0))
    assert len(centres) == 50
    assert (centres[:, 1] >= 99.5).all()


def test_what_does_not_fit_is_left_out() -> None:
    centres = place(np.zeros(2), np.full(2, 10.0), np.full(20, 50.0), FREE, np.random.default_rng(0))
    assert len(centres) == 1


def test_an_aggregate_hangs_together() -> None:
    points = clump(np.array([50.0, 60.0]), 10.0, np.random.default_rng(0))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1) + 1e9 * np.eye(len(points))
    assert 6 <= len(points) <= 15
    assert gaps.min(axis=1).max() <= 9


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([2, 3]))
def test_centres_that_stick_lie_beside_another_one(seed: int, ndim: int) -> None:
    low, high, free = np.full(ndim, 5.0), np.full(ndim, 95.0), np.zeros((100,) * ndim, dtype=bool)
    centres = place(low, high, np.full(20, 10.0), free, np.random.default_rng(seed), sticking=1.0)
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e9 * np.eye(len(centres))
    assert len(centres) == 20
    assert gaps.min() >= 10
    assert gaps.min(axis=1).max() <= 11 + 1e-9
    assert ((centres >= low) & (centres <= high)).all()


def test_what_sticks_keeps_out_of_what_is_blocked_too() -> None:
    blocked = FREE.copy()
    blocked[:, :100] = True
    low, high = np.zeros(2), np.full(2, 199.0)
    centres = place(low, high, np.full(40, 8.0), blocked, np.random.default_rng(0), sticking=1.0)
    assert len(centres) == 40
    assert (centres[:, 1] >= 99.5).all()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.1, 1.0), st.floats(0, 0.5))
def test_the_steps_of_an_aggregate_are_those_asked_for(seed: int, least: float, more: float) -> None:
    points = clump(np.zeros(2), 20.0, np.random.default_rng(seed), (least, least + more))
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    for number in range(1, len(points)):
        before = gaps[number, :number] / 20
        assert ((before >= least - 1e-9) & (before <= least + more + 1e-9)).any()


def test_a_patch_is_cut_at_the_edges() -> None:
    canvas = np.zeros((6, 6), np.float32)
    add_patch(canvas, np.ones((4, 4), np.float32), np.array([-2, 4]))
    assert canvas.sum() == 4
    assert canvas[:2, 4:].all()
    add_patch(canvas, np.ones((4, 4), np.float32), np.array([20, -30]))
    assert canvas.sum() == 4


def test_visibility_is_the_free_part_of_the_disc() -> None:
    covered = np.zeros((101, 101), np.float32)
    assert fraction_seen(np.array([50.0, 50.0]), 10, covered) == 1
    assert fraction_seen(np.array([0.0, 50.0]), 20, covered) == pytest.approx(0.5, abs=0.03)
    assert fraction_seen(np.array([0.0, 0.0]), 20, covered) == pytest.approx(0.25, abs=0.03)
    covered[:, :50] = 1
    assert fraction_seen(np.array([50.0, 49.5]), 20, covered) == pytest.approx(0.5, abs=0.01)
