"""Scores that promise little, beside those of the negative: more than noise gives makes them likelier."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from motes.errors import PicksError
from motes.nets.model_file import load_model, model_path
from motes.picking.control import ENOUGH, Control, fit_control, promises_little, significance
from motes.picks import AdaptedThreshold

SCORES = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=40).map(np.array)
shipped = load_model(model_path("default")).description
AREA = 512 * 512
CONTROL = Control(doubted=0.35, sure=0.9, slope=0.5, significance=0.3, intercept=-1.5, area=AREA)


@given(SCORES, SCORES)
def test_significance_counts_what_reaches_a_score_or_a_lower_one(scores, negative) -> None:
    found = significance(scores, negative)
    for score, one in zip(scores, found, strict=True):
        counts = [((scores >= each).sum(), (negative >= each).sum()) for each in scores if each <= score]
        most = max((more - less) / np.sqrt(more + less + 1) for more, less in counts)
        assert one == pytest.approx(min(most, ENOUGH))


@given(SCORES)
def test_an_image_like_its_negative_has_no_significance(scores) -> None:
    assert not significance(scores, scores).any()


def test_many_candidates_prove_more_than_few_that_are_as_many_times_as_many() -> None:
    few, many = (significance(np.full(2 * n, 0.2), np.full(n, 0.2))[0] for n in (1, 100))
    assert few == pytest.approx(0.5)
    assert many == pytest.approx(100 / np.sqrt(301))
    assert significance(np.full(2000, 0.2), np.full(1000, 0.2))[0] == ENOUGH


@given(SCORES, st.integers(2, 9))
def test_a_larger_micrograph_counts_as_one_of_the_size_that_was_learnt_from(scores, times) -> None:
    negative = np.linspace(0.01, 0.5, 20)
    small = CONTROL.compared(scores, negative, AREA)
    large = CONTROL.compared(np.repeat(scores, times), np.repeat(negative, times), times * AREA)
    np.testing.assert_allclose(large, np.repeat(small, times))
    on_less = CONTROL.compared(scores, negative, AREA // 2)
    np.testing.assert_array_equal(on_less, small)  # half of it proves no more than what was found


def test_significance_of_noise_has_a_standard_deviation_of_one() -> None:
    """So its unit means what it says: at the lowest score, counts of the same Poisson distribution differ by noise."""
    rng = np.random.default_rng(0)
    found = [
        significance(np.full(one, 0.1), np.full(other, 0.1))[0] for one, other in rng.poisson(60, (2000, 2))
    ]
    assert np.std(found) == pytest.approx(1, abs=0.05)


@given(st.sets(st.integers(1, 99), min_size=1).map(lambda found: np.array(sorted(found)) / 100), SCORES)
def test_the_order_of_candidates_stays_and_sure_ones_are_not_lowered(scores, negative) -> None:
    found = CONTROL.compared(scores, negative, AREA)
    assert np.all((found > 0) & (found < 1))
    assert np.all(np.diff(found) > 0)
    assert np.all(found[scores >= CONTROL.sure] >= scores[scores >= CONTROL.sure])


def test_the_more_an_image_has_than_its_negative_the_likelier_are_its_candidates() -> None:
    scores = np.full(50, 0.3)
    found = [CONTROL.compared(scores, np.full(others, 0.3), AREA)[0] for others in (80, 50, 20, 0)]
    assert found == sorted(found)
    assert found[-1] > 3 * found[0]


@pytest.mark.parametrize(("weak", "most"), [(100, 20), (200, 20), (400, 30), (1000, 20)])
def test_particles_that_stand_out_neither_lift_noise_nor_sink_with_it(weak: int, most: int) -> None:
    """Forty good candidates beside noise, with noise of the same kind in the negative: not much more is picked."""
    control, limits = shipped.control, AdaptedThreshold(*shipped.adaptive)
    picked = []
    for seed in range(40):
        noise, negative = np.random.default_rng([weak, seed]).uniform(0.05, 0.2, (2, weak))
        settled = control.compared(np.concatenate([np.linspace(0.65, 0.97, 40), noise]), negative, AREA)
        threshold = limits.of(settled)
        assert (settled[:40] >= threshold).mean() > 0.9
        picked.append(np.count_nonzero(settled[40:] >= threshold))
    assert np.mean(picked) < most


def test_scores_promise_little_where_few_stand_out_of_many() -> None:
    assert promises_little(np.full(100, 0.2), 0.35)
    assert not promises_little([0.95] * 40 + [0.1] * 100, 0.35)
    assert not promises_little([], 0.35)


def test_the_line_that_made_the_truth_is_found_again() -> None:
    """Many micrographs of noise, half of them with more than their negative, true as often as a line says."""
    rng = np.random.default_rng(3)
    scores, negatives, true = [], [], []
    for number in range(400):
        negatives.append(rng.uniform(0.02, 0.35, rng.poisson(60)))
        scores.append(rng.uniform(0.02, 0.35, rng.poisson(60 + 90 * (number % 2))))
        line = 0.5 * logit(scores[-1]) + 0.3 * significance(scores[-1], negatives[-1]) - 1.5
        true.append(rng.random(len(line)) < expit(line))
    slope, by_significance, intercept = fit_control(scores, negatives, true)
    assert slope == pytest.approx(0.5, abs=0.1)
    assert by_significance == pytest.approx(0.3, abs=0.03)
    assert intercept == pytest.approx(-1.5, abs=0.2)


def test_what_cannot_be_learnt_from_is_refused() -> None:
    weak = np.full(20, 0.2)
    with pytest.raises(PicksError, match="0 true and 20 false picks in 1 micrographs"):
        fit_control([weak], [weak], [np.zeros(20, bool)])
    with pytest.raises(PicksError, match="0 true and 0 false picks in 0 micrographs"):
        fit_control([], [], [])
    mixed = np.linspace(0.05, 0.3, 40)
    with pytest.raises(PicksError, match="stand out neither"):
        fit_control([mixed], [mixed], [mixed < 0.1])
