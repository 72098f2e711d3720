"""A loss as a recipe describes it."""

import math
import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from motes.errors import did_you_mean

TERMS = ("bce", "focal", "dice", "tversky", "focal_tversky")

# Which terms each setting is for.
USED_BY = {
    "focal_alpha": ("focal",),
    "focal_gamma": ("focal",),
    "tversky_false_positives": ("tversky", "focal_tversky"),
    "tversky_false_negatives": ("tversky", "focal_tversky"),
    "focal_tversky_gamma": ("focal_tversky",),
    "epsilon": ("dice", "tversky", "focal_tversky"),
    "class_weights": ("bce", "focal"),
    "label_smoothing": ("bce", "focal"),
}

# A weight, perhaps with an exponent, and the name of a term; the sign is read for a message about it.
TERM = re.compile(r"\s*(-?[\d.]+(?:e[-+]?\d+)?)?\s*\*?\s*([a-z_]\w*)\s*", re.IGNORECASE)
PLUS = re.compile(r"(?<!\de)\+", re.IGNORECASE)  # but not that of 1e+2

EXAMPLE = "write a sum of weighted terms such as '0.7 focal + 0.3 dice'"


class LossDescription(BaseModel):
    """A weighted sum of terms and their settings; a bare string in its place is the formula."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formula: str = Field("bce", description="such as '0.7 focal + 0.3 dice'; terms: " + ", ".join(TERMS))
    focal_alpha: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="weight of particles in focal, background has the rest; null: none. "
        "0.25 if not given, null beside class_weights",
    )
    focal_gamma: float = Field(2.0, ge=0, description="how little focal cares for what is right already")
    tversky_false_positives: float = Field(0.3, ge=0, description="weight of false positives in Tversky")
    tversky_false_negatives: float = Field(0.7, ge=0, description="weight of false negatives in Tversky")
    focal_tversky_gamma: float = Field(
        0.75, gt=0, description="(1 - Tversky index) to this power; 1/gamma of the paper"
    )
    epsilon: float = Field(1e-6, gt=0, description="keeps the overlap of nothing with nothing defined")
    class_weights: Literal["none", "balanced"] | list[float] = Field(
        "none", description="of bce and focal: none, balanced (by inverse frequency), or one a class"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of each label given to all classes alike; bce and focal"
    )

    @model_validator(mode="before")
    @classmethod
    def _filled_in(cls, values: Any) -> Any:
        """Take a bare formula, and choose focal_alpha where it is not given."""
        if isinstance(values, str):
            values = {"formula": values}
        if not isinstance(values, dict) or "focal_alpha" in values:
            return values
        return {**values, "focal_alpha": 0.25 if values.get("class_weights", "none") == "none" else None}

    @field_validator("formula")
    @classmethod
    def _readable_formula(cls, formula: str) -> str:
        parse_formula(formula)
        return formula

    @field_validator("class_weights")
    @classmethod
    def _positive_weights(cls, weights: str | list[float]) -> str | list[float]:
        if isinstance(weights, list) and not (
            len(weights) > 1 and all(0 < weight < math.inf for weight in weights)
        ):
            raise ValueError(
                f"found {weights}; expected a positive number for background and for each class; "
                "pixels that must not count have the label -1"
            )
        return weights

    @model_validator(mode="after")
    def _parts_fit(self) -> "LossDescription":
        if self.focal_alpha is not None and self.class_weights != "none" and "focal" in self.terms:
            raise ValueError(
                "focal_alpha and class_weights both balance the classes, and together they have made nets "
                "that call everything background while the loss falls; set focal_alpha to null or "
                "class_weights to none"
            )
        if self.tversky_false_positives + self.tversky_false_negatives == 0:
            raise ValueError("tversky_false_positives and tversky_false_negatives are both 0; raise one")
        return self

    @model_validator(mode="after")
    def _has_effect(self) -> "LossDescription":
        for name, users in USED_BY.items():
            value = getattr(self, name)
            unset = (0.25, None) if name == "focal_alpha" else (type(self).model_fields[name].default,)
            if value not in unset and not set(users) & set(self.terms):
                raise ValueError(
                    f"{name} is {value}, but it is for {' and '.join(users)}, and the loss is {self.formula!r}: "
                    f"it would have no effect; set {name}={unset[0]}, or add {' or '.join(users)} to the formula"
                )
        return self

    @property
    def terms(self) -> dict[str, float]:
        """The terms of the formula with their weights."""
        return parse_formula(self.formula)


def parse_formula(formula: str) -> dict[str, float]:
    """The terms of a formula with their weights; a term without a number has weight 1, capitals do not matter.

    Raises ValueError where it cannot be read, a term is not known or is there twice, or a weight is not
    above 0.
    """
    terms: dict[str, float] = {}
    for part in PLUS.split(formula):
        found = TERM.fullmatch(part)
        if found is None:
            raise ValueError(f"cannot read {part.strip()!r} in the loss {formula!r}; {EXAMPLE}")
        number, name = found[1], found[2].lower()
        if name not in TERMS:
            raise ValueError(f"there is no loss called {name!r}.{did_you_mean(name, TERMS)}")
        if name in terms:
            raise ValueError(f"{name} is twice in the loss {formula!r}; give it one weight")
        terms[name] = _weight(number or "1", formula)
    return terms


def _weight(number: str, formula: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        raise ValueError(f"{number!r} in the loss {formula!r} is not a number; {EXAMPLE}") from None
    if not 0 < weight < math.inf:
        raise ValueError(f"the weight {number} in the loss {formula!r} is not above 0; {EXAMPLE}")
    return weight
