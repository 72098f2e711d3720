import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import InputError
from motes.study.contrasts import (
    Contrast,
    between_levels,
    differences,
    factorial,
    mean_at,
    pairs,
    shares,
    steps,
)

CROSSED = {
    "plain": {"attention": "none", "width": 16},
    "gate": {"attention": "gate", "width": 16},
    "wide": {"attention": "none", "width": 32},
    "wide gate": {"attention": "gate", "width": 32},
}


def effects(factors, values, order=2):
    """The value of each contrast, by name, where each arm has one value."""
    arrays = {arm: np.full((1, 1), float(value)) for arm, value in values.items()}
    return {c.name: differences(arrays, c).item() for c in factorial(factors, order)}


def crossed(counts):
    """Arms of all combinations of levels, counts[i] levels of factor i."""
    arms = np.ndindex(*counts)
    return {str(cell): {f"f{i}": level for i, level in enumerate(cell)} for cell in arms}


def test_pairs_and_steps():
    assert pairs(["a", "b", "c"], "b") == [
        Contrast("a - b", {"a": 1, "b": -1}, "pair"),
        Contrast("c - b", {"c": 1, "b": -1}, "pair"),
    ]
    assert [step.name for step in steps(["a", "b", "c"])] == ["b - a", "c - b"]
    assert steps(["a"]) == []
    with pytest.raises(InputError, match="'x', which is not an arm"):
        pairs(["a", "b"], "x")


def test_the_effects_of_two_factors_by_hand():
    values = {"plain": 1, "gate": 3, "wide": 5, "wide gate": 10}
    assert effects(CROSSED, values) == {
        "attention: gate - none": (2 + 5) / 2,
        "width: 32 - 16": (4 + 7) / 2,
        "attention x width: (gate - none) x (32 - 16)": 5 - 2,
    }
    assert [c.kind for c in factorial(CROSSED)] == ["main effect", "main effect", "interaction"]
    assert len(factorial(CROSSED, order=1)) == 2


def test_additive_factors_give_their_effects_and_no_interaction():
    added = [[0, 2.5, -1], [0, 7], [0, 0.25, 0.5]]
    factors = crossed([3, 2, 3])
    values = {
        arm: 4 + sum(added[i][level] for i, level in enumerate(levels.values()))
        for arm, levels in factors.items()
    }
    for name, value in effects(factors, values, order=3).items():
        if " x " in name:
            assert value == 0
        else:
            factor, change = name.split(": ")
            assert value == pytest.approx(added[int(factor[1])][int(change[0])])


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 4))
def test_there_is_one_contrast_for_each_degree_of_freedom_and_weights_sum_to_zero(counts, order):
    contrasts = factorial(crossed(counts), order)
    for contrast in contrasts:
        assert sum(contrast.weights.values()) == pytest.approx(0)
        assert sum(weight for weight in contrast.weights.values() if weight > 0) == pytest.approx(
            2 ** (contrast.name.count(" x (") if contrast.kind == "interaction" else 0)
        )
    if order >= len(counts):
        assert len(contrasts) == np.prod(counts) - 1
    matrix = np.array([list(contrast.weights.values()) for contrast in contrasts])
    assert not len(matrix) or np.linalg.matrix_rank(matrix) == len(contrasts)


def test_factors_must_be_crossed():
    without = {arm: levels for arm, levels in CROSSED.items() if arm != "wide gate"}
    with pytest.raises(InputError, match=r"1 combinations .* the first is attention gate, width 32"):
        factorial(without)
    with pytest.raises(InputError, match="'gate' and 'again' have the same levels"):
        factorial({**CROSSED, "again": CROSSED["gate"]})
    with pytest.raises(InputError, match="'more' has no level of width"):
        factorial({**CROSSED, "more": {"attention": "gate"}})


def test_differences_are_weighted_sums_and_nan_where_an_arm_that_counts_is():
    nan = np.nan
    values = {"a": np.array([[1.0, nan, 3]]), "b": np.array([[5.0, 5, 7]]), "c": np.full((1, 3), nan)}
    contrast = Contrast("half", {"a": -0.5, "b": 0.5, "c": 0.0}, "pair")
    np.testing.assert_array_equal(differences(values, contrast), [[2, nan, 2]])


def test_rounding_is_no_difference():
    values = {"a": np.array([[0.1 + 0.2]]), "b": np.array([[0.3]])}
    assert values["a"] != values["b"]
    assert differences(values, pairs(["a", "b"], "b")[0]) == 0


def test_differences_need_the_arms_in_one_shape():
    contrast = pairs(["a", "b"], "a")[0]
    with pytest.raises(InputError, match="needs the arm 'a'"):
        differences({"b": np.zeros((2, 3))}, contrast)
    with pytest.raises(InputError, match=r"shapes \[\(2, 3\), \(2, 4\)\]"):
        differences({"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}, contrast)


def test_levels_other_than_the_reference_are_compared_too():
    factors = crossed([4, 3, 2])
    names = [c.name for c in between_levels(factors)]
    assert names == ["f0: 2 - 1", "f0: 3 - 1", "f0: 3 - 2", "f1: 2 - 1"]
    values = {arm: 10.0 * levels["f0"] ** 2 + levels["f1"] for arm, levels in factors.items()}
    arrays = {arm: np.full((1, 1), value) for arm, value in values.items()}
    found = {c.name: differences(arrays, c).item() for c in between_levels(factors)}
    assert found == pytest.approx({"f0: 2 - 1": 30, "f0: 3 - 1": 80, "f0: 3 - 2": 50, "f1: 2 - 1": 1})


def test_the_mean_at_a_level_is_over_all_other_factors():
    values = {"plain": 1, "gate": 3, "wide": 5, "wide gate": 10}
    arrays = {arm: np.full((1, 1), float(value)) for arm, value in values.items()}
    assert differences(arrays, mean_at(CROSSED, "attention", "gate")).item() == 6.5
    assert differences(arrays, mean_at(CROSSED, "width", 16)).item() == 2


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 99))
def test_shares_part_the_differences_of_the_arms_without_rest(counts, seed):
    factors = crossed(counts)
    rng = np.random.default_rng(seed)
    found = shares(factors, {arm: rng.random() for arm in factors})
    if len(factors) > 1:
        assert sum(found.values()) == pytest.approx(1)
        assert min(found.values()) >= 0
    else:
        assert found == {}


def test_what_only_one_factor_does_is_its_share_alone_and_gaps_leave_it_unknown():
    factors = crossed([3, 2])
    found = shares(factors, {arm: 2.0 * levels["f0"] for arm, levels in factors.items()})
    assert found == pytest.approx({("f0",): 1, ("f1",): 0, ("f0", "f1"): 0})
    product = {
        arm: float((levels["f0"] == 1) == (levels["f1"] == 1)) for arm, levels in crossed([2, 2]).items()
    }
    assert shares(crossed([2, 2]), product) == pytest.approx({("f0",): 0, ("f1",): 0, ("f0", "f1"): 1})
    assert shares(factors, {}) == {}
