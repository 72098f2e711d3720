import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from motes.train.losses import LOSSES, LossDescription
from motes.train.losses_description import TERMS, USED_BY, parse_formula

DESCRIPTIONS = (
    "bce",
    "0.7 focal + 0.3 dice",
    {"formula": "focal", "focal_alpha": None},
    {"formula": "focal", "class_weights": "balanced"},
    {"formula": "bce + dice", "class_weights": [1, 2.5], "label_smoothing": 0.1},
    {"formula": "bce", "class_weights": "balanced"},
    {"formula": "tversky + dice", "tversky_false_positives": 0.5, "epsilon": 1},
    {"formula": "0.5 Focal_Tversky", "focal_tversky_gamma": 1},
)


def test_the_terms_of_a_formula_are_those_of_the_table():
    assert set(TERMS) == set(LOSSES)
    assert set(USED_BY) == set(LossDescription.model_fields) - {"formula"}
    assert {user for users in USED_BY.values() for user in users} == set(TERMS)


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("dice", {"dice": 1}),
        ("0.7 focal + 0.3 dice", {"focal": 0.7, "dice": 0.3}),
        (" 2*bce+.5 focal_tversky ", {"bce": 2, "focal_tversky": 0.5}),
        ("bce + dice + 1e-1 focal", {"bce": 1, "dice": 1, "focal": 0.1}),
        ("0.7focal+3e-1dice", {"focal": 0.7, "dice": 0.3}),
        ("0.5 BCE + 1e+1 Dice", {"bce": 0.5, "dice": 10}),
    ],
)
def test_a_formula_is_read(formula, terms):
    assert parse_formula(formula) == terms


@given(st.dictionaries(st.sampled_from(TERMS), st.floats(1e-3, 1e3), min_size=1))
def test_a_formula_that_is_written_is_read_again(terms):
    formula = " + ".join(f"{weight} {name}" for name, weight in terms.items())
    assert parse_formula(formula) == terms


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("dise", "Did you mean 'dice'"),
        ("0.7fokal", "no loss called 'fokal'.*Did you mean 'focal'"),
        ("bce - dice", "cannot read 'bce - dice'"),
        ("0.7 focal 0.3 dice", "cannot read '0.7 focal 0.3 dice'.*such as '0.7 focal"),
        ("", "cannot read ''"),
        ("bce +", "such as"),
        ("0 bce", "the weight 0 .* is not above 0"),
        ("-1 bce", "the weight -1 .* is not above 0"),
        ("0.1.2 bce", "'0.1.2' .* is not a number"),
        ("bce + 2 bce", "bce is twice"),
    ],
)
def test_a_formula_that_cannot_be_says_why(formula, message):
    with pytest.raises(ValidationError, match=message):
        LossDescription.model_validate(formula)


@pytest.mark.parametrize("given_", DESCRIPTIONS)
def test_a_description_validates_again_to_itself(given_):
    description = LossDescription.model_validate(given_)
    assert LossDescription.model_validate(description.model_dump()) == description
    assert LossDescription.model_validate_json(description.model_dump_json()) == description


def test_alpha_is_a_quarter_unless_the_classes_are_weighted():
    assert LossDescription().focal_alpha == 0.25
    assert LossDescription(focal_alpha=None).focal_alpha is None
    assert LossDescription(formula="focal", class_weights="balanced").focal_alpha is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"formula": "focal", "class_weights": "balanced", "focal_alpha": 0.25}, "focal_alpha to null"),
        ({"formula": "dice + focal", "class_weights": [1, 2], "focal_alpha": 0.25}, "both balance"),
        ({"class_weights": [1, 0]}, "label -1"),
        ({"class_weights": [1]}, "for background and for each class"),
        ({"class_weights": "balance"}, "balanced"),
        ({"tversky_false_positives": 0, "tversky_false_negatives": 0}, "both 0"),
        ({"epsilon": 0}, "greater than 0"),
        ({"label_smoothing": 1}, "less than 1"),
        ({"gamma": 2}, "Extra inputs"),
        ({"formula": "dice", "class_weights": "balanced"}, "class_weights=none, or add bce or focal"),
        ({"formula": "dice", "label_smoothing": 0.1}, "label_smoothing is 0.1, but it is for bce and focal"),
        ({"formula": "bce", "tversky_false_positives": 0.5}, "add tversky or focal_tversky to the formula"),
        ({"formula": "bce", "epsilon": 1}, "epsilon is 1.0, but"),
        ({"formula": "bce + dice", "focal_alpha": 0.5}, "set focal_alpha=0.25, or add focal"),
        ({"formula": "tversky", "focal_tversky_gamma": 1}, "no effect"),
        ({"formula": "bce", "focal_gamma": 0}, "no effect"),
    ],
)
def test_settings_that_cannot_be_say_why(values, message):
    with pytest.raises(ValidationError, match=message):
        LossDescription.model_validate(values)
