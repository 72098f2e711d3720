"""A study as its file describes it."""

from typing import Any

import pytest

from motes.errors import RecipeError
from motes.study.description import Study
from motes.study.file import check_study

PARTS = {"train": 1, "validation": 1, "test": 1}


def study(**values: Any) -> Study:
    return check_study(
        {
            "name": "s",
            "question": "which?",
            "recipe": "micrographs",
            "base": "a",
            "arms": {"a": None, "b": {"changes": ["net.width=8"]}},
            **values,
        }
    )


def test_a_number_of_seeds_counts_from_zero() -> None:
    assert study(seeds=4).seeds == (0, 1, 2, 3)
    assert study(seeds=[7, 3]).seeds == (7, 3)


def test_the_arms_of_a_factorial_are_all_combinations() -> None:
    made = study(
        arms={},
        factors={
            "gate": {"plain": [], "gated": ["net.skips=gate"]},
            "width": {"w8": ["net.width=8"], "w16": []},
        },
        base="plain-w8",
    )
    assert list(made.all_arms) == ["plain-w8", "plain-w16", "gated-w8", "gated-w16"]
    assert made.all_arms["gated-w8"].changes == ("net.skips=gate", "net.width=8")
    assert made.levels["gated-w16"] == {"gate": "gated", "width": "w16"}


def test_a_single_change_and_numbers_as_names_are_taken_as_they_are_meant() -> None:
    made = study(
        changes="epochs=5",
        arms={},
        factors={"width": {8: "net.width=8", 16: ["net.width=16"]}},
        base="8",
    )
    assert made.changes == ("epochs=5",)
    assert made.all_arms["8"].changes == ("net.width=8",)


def test_a_ladder_adds_changes_up_after_its_first_step() -> None:
    arms = {"a": None, "b": {"changes": ["x"]}, "c": {"changes": ["y", "z"]}, "d": {"changes": ["w"]}}
    made = study(arms=arms, ladder=["b", "c", "d"])
    assert made.steps == ["a", "b", "up_to_c", "up_to_d"]
    assert list(made.all_arms) == ["a", "b", "c", "d", "up_to_c", "up_to_d"]
    assert made.all_arms["up_to_d"].changes == ("x", "y", "z", "w")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"base": "standrad", "arms": {"standard": None}}, "no arm 'standrad'. Did you mean 'standard'"),
        ({"ladder": ["x"]}, "no arm 'x'"),
        ({"ladder": ["bb", "a"]}, "no arm 'bb'. Did you mean 'b'"),
        ({"ladder": ["b", "a"]}, "the ladder begins at the base, a, by itself"),
        ({"factors": {"f": {"on": []}}}, "either arms or factors, found both"),
        ({"arms": {}, "base": "a"}, "either arms or factors, found neither"),
        ({"recipe": None}, "the arm a has no recipe"),
        ({"seeds": [1, 1]}, "the seed 1 stands twice"),
        ({"metric": "fscore"}, "no metric 'fscore'"),
        ({"metrics": "f1"}, "no field 'metrics'. Did you mean 'metric'"),
        ({"division": {"kind": "random"}}, "division.kind cannot be 'random'"),
        ({"budget": {"hours": 0}}, "budget.hours cannot be 0"),
        ({"seeds": []}, "seeds cannot be"),
        ({"base": "a/b", "arms": {"a/b": None}}, "an arm is called 'a/b'; its name is that of files too"),
        (
            {"arms": {"a": None, "b": {"recipe": "fair-standard"}}, "ladder": ["b"]},
            "b has a recipe of its own",
        ),
        (
            {"arms": {"a": None, "b": None, "c": None, "up_to_c": None}, "ladder": ["b", "c"]},
            "up_to_c is the name of a step",
        ),
        (
            {"arms": {}, "base": "a-b-c", "factors": {"f": {"a-b": [], "a": []}, "g": {"c": [], "b-c": []}}},
            "two combinations of levels have one name",
        ),
        (
            {"arms": {}, "factors": {"gate": {True: [], False: []}}},
            "a level of gate is called True: YAML reads on",
        ),
        ({"base": "a, b", "arms": {"a, b": None}}, "an arm is called 'a, b'"),
        (
            {"division": {"kind": "k_fold", "samples": 2}},
            "division.samples is 2, but division.kind is k_fold",
        ),
        ({"published": {"source": "s", "values": {"aa": [1]}}}, "numbers of 'aa', which is no arm"),
        (
            {"data": {"worlds": PARTS, "tomograms": PARTS}},
            "data has worlds and tomograms; images are of one kind",
        ),
        ({"data": {"tomograms": PARTS, "vary": {"snr": [1, 2]}}}, "data.vary is for groups of micrographs"),
    ],
)
def test_what_cannot_be_is_refused_in_words(values: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        study(**values)
