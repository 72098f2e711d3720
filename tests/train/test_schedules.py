import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.train.schedules import falls, learning_rate, restart_epochs, since_best
from motes.train.settings import Training

SCHEDULES = ["cosine", "cosine_restarts", "one_cycle", "plateau", "constant"]


def rates(training, steps=10, watched=()):
    return [learning_rate(training, step, steps, watched) for step in range(training.epochs * steps)]


def test_the_cosine_rises_and_falls():
    found = rates(Training(epochs=10, learning_rate=1e-3, warmup=0.1))
    assert found[0] == pytest.approx(1e-4)
    assert max(found) == found[9] == found[10] == 1e-3
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[-1] == pytest.approx(1e-5, rel=0.05)
    assert found[55] == pytest.approx(1e-3 * (0.01 + 0.99 / 2))


def test_system_1_ends_at_1e_minus_5():
    training = Training(epochs=100, learning_rate=1e-3, warmup=0, lowest_rate=0.01)
    assert learning_rate(training, 582 * 100 - 1, 582) == pytest.approx(1e-5, rel=1e-3)


def test_restarts_begin_again_at_the_highest_rate_with_longer_periods():
    training = Training(
        epochs=31,
        learning_rate=1.0,
        warmup=0.01,
        schedule="cosine_restarts",
        restart_epochs=10,
        lowest_rate=1e-3,
    )
    found = rates(training, steps=100)
    tops = [step for step in range(1, len(found)) if found[step] > found[step - 1] and found[step] == 1.0]
    assert tops == [1000, 3000]
    assert found[999] == pytest.approx(1e-3, abs=1e-4)
    assert found[0] == pytest.approx(1 / 31, rel=1e-3)
    assert restart_epochs(training) == [10, 30]


@given(st.floats(0, 0.02), st.integers(1, 4), st.integers(1, 3), st.integers(20, 60))
def test_a_period_ends_where_the_rate_is_lowest(warmup, first, factor, steps):
    training = Training(
        epochs=30,
        learning_rate=1.0,
        warmup=warmup,
        schedule="cosine_restarts",
        restart_epochs=first,
        restart_factor=factor,
        lowest_rate=0.01,
    )
    found = rates(training, steps)
    for epoch in restart_epochs(training):
        assert found[epoch * steps - 1] < 0.02
        assert found[epoch * steps - 1] == min(found[(epoch - 1) * steps + 15 : epoch * steps])


def test_one_cycle_starts_low_peaks_and_ends_low():
    found = rates(Training(epochs=10, learning_rate=1.0, warmup=0.3, schedule="one_cycle", lowest_rate=1e-4))
    assert found[0] == pytest.approx(1 / 25, abs=0.01)
    assert found[29] == pytest.approx(1.0)
    assert found[-1] == pytest.approx(1e-4, abs=1e-3)


def test_the_plateau_halves_the_rate_each_time_that_patience_ends():
    training = Training(epochs=10, learning_rate=1.0, warmup=0, schedule="plateau", plateau_patience=2)
    assert learning_rate(training, 50, 10, [0.1, 0.2, 0.2]) == 1.0
    assert learning_rate(training, 50, 10, [0.1, 0.2, 0.2, 0.1]) == 0.5
    assert learning_rate(training, 50, 10, [0.1, 0.2, 0.2, 0.1, 0.2, 0.2]) == 0.25
    assert learning_rate(training, 50, 10, [0.5, *[0.1] * 100]) == 0.01


@given(st.sampled_from(SCHEDULES), st.integers(0, 199), st.floats(0, 0.9))
def test_the_rate_is_above_zero_and_never_above_the_highest(schedule, step, warmup):
    training = Training(epochs=20, learning_rate=2e-3, warmup=warmup, schedule=schedule)
    assert 0 < learning_rate(training, step, 10, [0.3, 0.2, 0.1]) <= 2e-3 * (1 + 1e-12)


@given(st.lists(st.floats(0, 1), max_size=12), st.integers(1, 4))
def test_falls_counts_windows_without_a_new_best(watched, patience):
    found = falls(watched, patience)
    assert 0 <= found <= len(watched) // patience
    if watched == sorted(set(watched)):
        assert found == 0


def test_since_the_first_of_equal_best():
    assert since_best([]) == 0
    assert since_best([0.1, 0.5, 0.5, 0.2]) == 2
