"""Reading studies, and the recipe of each arm."""

from pathlib import Path

import pytest
import yaml

from motes.errors import RecipeError
from motes.study.file import arm_recipe, as_yaml, differences_of, load_study, shipped_studies

OWN = """
question: which is better?
base: one
recipe: own.yaml
arms:
  one:
  two: {changes: [net.width=8]}
  three: {recipe: micrographs}
  apart: {changes: [seed=7]}
changes: [training.epochs=3]
sizes:
  quick: {seeds: 1, changes: [training.steps=2]}
  full: {seeds: 5, arms: {four: {changes: [loss=dice]}}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own.yaml").write_text("based_on: micrographs\nnet: {width: 4}\n")
    (tmp_path / "study.yaml").write_text(OWN)
    return tmp_path / "study.yaml"


@pytest.mark.parametrize("name", sorted(shipped_studies()))
@pytest.mark.parametrize("size", ["quick", "full"])
def test_shipped_studies_load_at_both_sizes_and_come_back_from_their_yaml(
    name: str, size: str, tmp_path: Path
) -> None:
    study = load_study(name, size)
    assert study.name == name
    assert len(study.all_arms) > 1
    (tmp_path / "again.yaml").write_text(as_yaml(study))
    assert load_study(str(tmp_path / "again.yaml")) == study


def test_a_size_is_laid_over_the_study_and_its_changes_are_added(own: Path) -> None:
    quick, full = load_study(str(own)), load_study(str(own), "full", ["net.depth=3"])
    assert (quick.seeds, quick.changes) == ((0,), ("training.epochs=3", "training.steps=2"))
    assert (full.seeds, full.changes) == ((0, 1, 2, 3, 4), ("training.epochs=3", "net.depth=3"))
    assert list(full.all_arms) == ["one", "two", "three", "apart", "four"]


SINGLE = """
question: which is better?
base: one
recipe: own.yaml
arms:
  one: {changes: net.width=8}
changes: training.epochs=3
sizes:
  quick: {changes: training.steps=2, arms: {one: {changes: net.depth=3}}}
"""


def test_a_single_change_needs_no_brackets_anywhere(own: Path) -> None:
    own.write_text(SINGLE)
    study = load_study(str(own), changes=["training.batch=2"])
    assert study.changes == ("training.epochs=3", "training.steps=2", "training.batch=2")
    assert study.arms["one"].changes == ("net.width=8", "net.depth=3")


def test_recipes_beside_the_study_are_found_from_anywhere(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    study = load_study(str(own))
    assert arm_recipe(study, "one").net.width == 4
    assert arm_recipe(study, "three").net.width == 16
    assert arm_recipe(study, "two").training.epochs == 3


def test_the_study_gives_each_run_its_seed(own: Path) -> None:
    study = load_study(str(own))
    assert arm_recipe(study, "one", seed=2).seed == 2
    assert arm_recipe(study, "apart", seed=2).seed == 9


def test_declared_differences_are_those_of_the_whole_recipes(own: Path) -> None:
    study = load_study(str(own))
    one, two, apart = (arm_recipe(study, name) for name in ("one", "two", "apart"))
    assert differences_of(one, one) == {}
    assert differences_of(one, two) == {"net.width": (4, 8)}
    assert differences_of(one, apart) == {"seed": (0, 7)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", "expected a study"),
        ("a: [", "not readable YAML"),
        (
            "question: q\nbase: a\narms: {a: {recipe: micrograph}}",
            "no recipe 'micrograph'.*Did you mean 'micrographs'",
        ),
        ("question: q\nbase: a\nrecipe: micrographs\narms: {a: {changes: [widht=8]}}", "no field 'widht'"),
        (
            "question: q\nbase: a\nrecipe: micrographs\narms: {a: , b: {changes: [diameter=90]}}",
            "b differs from a in diameter, which says what is looked for",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=words):
        load_study(str(path))


@pytest.mark.parametrize(
    ("value", "found"), [("3", "3"), ("{net.width: 4}", "{'net.width': 4}"), ("false", "False")]
)
@pytest.mark.parametrize(
    "text",
    [
        "changes: VALUE",
        "sizes: {quick: {changes: VALUE}}",
        "arms: {a: {changes: VALUE}}",
        "arms: {a: {changes: VALUE}}\nsizes: {quick: {arms: {a: {changes: net.width=8}}}}",
    ],
)
def test_changes_that_are_no_words_are_refused(tmp_path: Path, text: str, value: str, found: str) -> None:
    path = tmp_path / "study.yaml"
    arms = "" if "arms" in text.partition("\n")[0] else "arms: {a: }\n"
    path.write_text("question: q\nbase: a\nrecipe: micrographs\n" + arms + text.replace("VALUE", value))
    with pytest.raises(RecipeError) as caught:
        load_study(str(path))
    assert str(caught.value) == (
        f"changes cannot be {found}; expected key=value, or a list of such words: [net.width=8, training.epochs=20]"
    )


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ("3", r"study\.yaml: sizes cannot be 3; expected the values of each size by its name"),
        ("[quick]", r"study\.yaml: sizes cannot be \['quick'\]; expected"),
        ("{quick: 3}", r"study\.yaml: the size quick cannot be 3; expected values \(key: value\)"),
        ("{quick: net.width=8}", r"the size quick cannot be 'net\.width=8'; expected values"),
    ],
)
def test_sizes_that_are_none_are_refused(tmp_path: Path, sizes: str, words: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"question: q\nbase: a\nrecipe: micrographs\narms: {{a: }}\nsizes: {sizes}\n")
    with pytest.raises(RecipeError, match=words):
        load_study(str(path), "quick")


def test_a_size_may_be_called_by_a_number_and_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("question: q\nbase: a\nrecipe: micrographs\narms: {a: }\nsizes: {10: }\n")
    assert load_study(str(path), "10").name == "study"
    with pytest.raises(RecipeError, match="no size '11'"):
        load_study(str(path), "11")


def test_unknown_studies_and_sizes_are_refused(own: Path) -> None:
    with pytest.raises(RecipeError, match=r"no study 'fair-comparision'.*Did you mean 'fair-comparison'"):
        load_study("fair-comparision")
    with pytest.raises(RecipeError, match=r"no size 'ful'. Did you mean 'full'"):
        load_study(str(own), "ful")
    plain = own.parent / "plain.yaml"
    plain.write_text(
        yaml.safe_dump({"question": "q", "base": "a", "recipe": "micrographs", "arms": {"a": None}})
    )
    with pytest.raises(RecipeError, match=r"no size 'full'"):
        load_study(str(plain), "full")


def test_a_metric_of_objects_is_for_arms_that_outline_them(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("question: q\nrecipe: beads-unet\nbase: a\narms: {a: {}, b: {}}\nmetric: object_f1\n")
    with pytest.raises(RecipeError, match=r"a outlines no objects; add picking.method=outlines"):
        load_study(str(path))
    outlined = ["masks.kind=instances", "picking.method=outlines"]
    assert load_study(str(path), changes=outlined).metric == "object_f1"
