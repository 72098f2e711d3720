"""Folds: groups are never divided, and each is where it should be."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import InputError, RecipeError
from motes.study.data_description import Division
from motes.study.division import folds_of

GROUPS = [f"g{number}" for number in range(12)]


@given(
    groups=st.integers(4, 12),
    validation=st.integers(1, 2),
    folds=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_folds_test_each_group_once_and_validate_on_others(
    groups: int, validation: int, folds: int, seed: int
) -> None:
    names = GROUPS[:groups]
    division = Division(kind="k_fold", folds=folds, validation=validation, seed=seed)
    if groups - -(-groups // folds) < validation + 1:
        with pytest.raises(InputError, match="too few"):
            folds_of(names, division)
        return
    made = folds_of(names, division)
    assert len(made) == folds
    assert Counter(group for fold in made for group, part in fold.items() if part == "test") == Counter(names)
    for fold in made:
        assert fold.keys() == set(names)
        assert Counter(fold.values())["validation"] == validation
        assert "train" in fold.values()


def test_hold_out_has_as_many_groups_as_it_says() -> None:
    (fold,) = folds_of(GROUPS[:6], Division(validation=1, test=2))
    assert Counter(fold.values()) == {"train": 3, "validation": 1, "test": 2}


def test_leave_one_group_out_has_a_fold_for_each_group() -> None:
    made = folds_of(GROUPS[:5], Division(kind="leave_one_group_out"))
    assert [[group for group, part in fold.items() if part == "test"] for fold in made] == [
        [group] for group in dict.fromkeys(g for fold in made for g, p in fold.items() if p == "test")
    ]
    assert len({next(g for g, p in fold.items() if p == "validation") for fold in made}) == 5


def test_the_order_of_rows_does_not_matter_but_the_seed_does() -> None:
    division = Division(test=3)
    assert folds_of(GROUPS, division) == folds_of(GROUPS[::-1] * 2, division)
    others = [folds_of(GROUPS, Division(test=3, seed=seed)) for seed in range(5)]
    assert len({tuple(sorted(fold.items())) for (fold,) in others}) > 1


def test_parts_that_a_table_names_are_kept() -> None:
    given_parts = {"a": "train", "b": "validation", "c": "test"}
    assert folds_of(["a", "b", "c", "a"], Division(), given_parts) == [given_parts]


@pytest.mark.parametrize(
    ("parts", "kind", "words"),
    [
        ({"a": "train", "b": "validation", "c": ""}, "hold_out", "the group 'c' has none"),
        ({"a": "train", "b": "validation", "c": "train"}, "hold_out", "no group has the split test"),
        (
            {"a": "train", "b": "validation", "c": "test"},
            "k_fold",
            "deals groups out in folds itself; set division.kind to hold_out",
        ),
    ],
)
def test_parts_that_do_not_make_one_division_are_refused(
    parts: dict[str, str], kind: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        folds_of(list(parts), Division.model_validate({"kind": kind}), parts)  # type: ignore[arg-type]


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(
        InputError, match="have 3 groups, too few for hold_out with 2 to test on, 1 to validate"
    ):
        folds_of(GROUPS[:3], Division(validation=1, test=2))


@given(
    samples=st.integers(2, 3), validation=st.integers(1, 2), test=st.integers(1, 3), seed=st.integers(0, 9)
)
def test_samples_share_the_test_and_nothing_else(samples: int, validation: int, test: int, seed: int) -> None:
    division = Division(samples=samples, validation=validation, test=test, seed=seed)
    made = folds_of(GROUPS, division)
    assert len(made) == samples
    tested = [{group for group, part in fold.items() if part == "test"} for fold in made]
    assert all(each == tested[0] and len(each) == test for each in tested)
    used = [group for fold in made for group, part in fold.items() if part != "test"]
    assert len(used) == len(set(used)) == len(GROUPS) - test
    for fold in made:
        assert Counter(fold.values())["validation"] == validation
        assert "train" in fold.values()


def test_samples_deal_out_the_parts_that_a_table_names() -> None:
    parts = {"a": "train", "b": "train", "c": "train", "d": "validation", "e": "validation", "f": "test"}
    one, other = folds_of(list(parts), Division(samples=2), parts)  # type: ignore[arg-type]
    assert {group for fold in (one, other) for group in fold} == set(parts)
    assert one.keys() & other.keys() == {"f"}
    assert all(parts[group] == part for fold in (one, other) for group, part in fold.items())


def test_too_few_groups_for_samples_are_refused() -> None:
    with pytest.raises(InputError, match="have 5 groups, too few for 2 samples with 1 to validate on"):
        folds_of(GROUPS[:5], Division(samples=2, test=2))
    parts = {"a": "train", "b": "train", "c": "validation", "d": "test"}
    with pytest.raises(InputError, match="names 1 groups for validation, too few for 2 samples"):
        folds_of(list(parts), Division(samples=2), parts)  # type: ignore[arg-type]


def test_samples_are_of_a_hold_out_only() -> None:
    with pytest.raises(RecipeError, match=r"samples is 2, but division.kind is k_fold"):
        Division(kind="k_fold", samples=2)
