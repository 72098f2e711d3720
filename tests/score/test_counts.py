import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import InputError
from motes.score.counts import agreement, concordance, limits_of_agreement

# Peak expiratory flow of 17 subjects by two meters, l/min: Bland & Altman 1986, first readings.
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

COUNTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=3, max_size=12)


def test_the_limits_of_bland_and_altman():
    limits = agreement(WRIGHT, MINI).limits
    # printed in the paper: -2.1 l/min (-22.0 to 17.8), and s = 38.8; its limits are 2 s, these 1.96 s wide
    assert limits.bias.value == pytest.approx(-2.1, abs=0.05)
    assert (limits.bias.low, limits.bias.high) == pytest.approx((-22.0, 17.8), abs=0.06)
    assert limits.lower.value == pytest.approx(-2.1176 - 1.959964 * 38.7651, abs=1e-3)
    assert limits.upper.value == pytest.approx(-2.1176 + 1.959964 * 38.7651, abs=1e-3)
    # the paper's interval of a limit is 34.6 wide on each side, from its round form 3 s^2 / n
    assert limits.lower.value - limits.lower.low == pytest.approx(34.6, abs=0.3)
    assert limits.upper.high - limits.upper.value == pytest.approx(34.6, abs=0.3)


def test_the_concordance_of_the_same_readings_is_that_of_epir():
    # epi.ccc of the R package epiR 2.0.57, ci = "z-transform"
    value = concordance(WRIGHT, MINI)
    assert value.value == pytest.approx(0.942742431427, abs=1e-11)
    assert (value.low, value.high) == pytest.approx((0.850491873169, 0.97872627917), abs=1e-6)


def test_by_hand():
    result = agreement([12, 20, 31], [10, 22, 28])
    assert result.differences.tolist() == [2, -2, 3]
    assert result.means.tolist() == [11, 21, 29.5]
    assert result.limits.bias.value == 1
    assert result.total_error.value == pytest.approx(3 / 60)
    assert result.mean_absolute_error.value == pytest.approx(7 / 3)
    first, second = np.array([12, 20, 31]), np.array([10, 22, 28])
    expected = 2 * np.cov(first, second, ddof=0)[0, 1] / (first.var() + second.var() + 1)
    assert result.concordance.value == pytest.approx(expected)
    assert result.correlation == pytest.approx(np.corrcoef(first, second)[0, 1])


@given(COUNTS)
def test_a_rater_agrees_with_himself(pairs):
    counts = [first for first, _ in pairs]
    result = agreement(counts, counts, bootstrap=10)
    assert result.limits.bias.value == result.limits.lower.value == result.limits.upper.value == 0
    assert result.mean_absolute_error.value == 0
    constant = len(set(counts)) == 1
    assert np.isnan(result.concordance.value) if constant else result.concordance.value == pytest.approx(1)
    assert constant or (result.concordance.low, result.concordance.high) == pytest.approx((1, 1))


@given(COUNTS)
def test_exchanging_the_raters_turns_the_sign(pairs):
    first, second = np.array(pairs).T
    one, other = agreement(first, second, bootstrap=10), agreement(second, first, bootstrap=10)
    assert one.limits.bias.value == pytest.approx(-other.limits.bias.value)
    assert one.limits.lower.value == pytest.approx(-other.limits.upper.value)
    assert one.limits.lower.low == pytest.approx(-other.limits.upper.high)
    assert one.concordance.value == pytest.approx(other.concordance.value, nan_ok=True)
    assert one.concordance.low == pytest.approx(other.concordance.low, nan_ok=True)


@given(COUNTS)
def test_the_concordance_is_never_above_the_correlation(pairs):
    first, second = np.array(pairs).T
    result = agreement(first, second, bootstrap=0)
    if np.isfinite(result.correlation):
        assert abs(result.concordance.value) <= abs(result.correlation) + 1e-12
        assert result.concordance.low <= result.concordance.value <= result.concordance.high


def test_a_bias_lowers_the_concordance_but_not_the_correlation():
    counts = np.array([10.0, 20, 30, 40])
    result = agreement(counts + 10, counts)
    assert result.correlation == pytest.approx(1)
    assert result.concordance.value == pytest.approx(250 / 350)
    assert result.limits.upper.value == result.limits.lower.value == 10


def test_the_limits_hold_95_percent_and_their_intervals_cover():
    random = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        limits = limits_of_agreement(random.normal(3, 2, size=40))
        covered.append(limits.upper.low <= 3 + 1.959964 * 2 <= limits.upper.high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)
    many = random.normal(3, 2, size=100_000)
    limits = limits_of_agreement(many)
    inside = np.mean((many > limits.lower.value) & (many < limits.upper.value))
    assert inside == pytest.approx(0.95, abs=0.003)


def test_the_interval_of_the_concordance_covers():
    random = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        first, second = random.multivariate_normal([0, 0.5], [[1, 0.8], [0.8, 1]], size=50).T
        value = concordance(first, second)
        covered.append(value.low <= 1.6 / 2.25 <= value.high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.035)


def test_what_is_not_defined_is_nan():
    one = agreement([5], [4]).as_dict()
    assert one["bias"] == 1
    assert one["mean_absolute_error"] == 1
    assert {
        one[name] for name in ("lower_limit", "upper_limit", "bias_low", "concordance_low", "correlation")
    } == {None}
    assert np.isnan(agreement([1, 2], [0, 0]).total_error.value)
    assert np.isnan(limits_of_agreement([]).bias.value)


@pytest.mark.parametrize(
    ("first", "second"), [([1, 2], [1]), ([], []), ([1, np.nan], [1, 2]), ([[1]], [[1]])]
)
def test_counts_that_do_not_fit_are_refused(first, second):
    with pytest.raises(InputError):
        agreement(first, second)
