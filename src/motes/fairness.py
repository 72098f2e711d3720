"""What a fair comparison holds equal, and which of it a field of a recipe may change.

Each field says so where it is declared: `Field(..., json_schema_extra=may_change("steps"))`; a section says it for
all its fields in its `model_config`. What a field does not name it must leave as it is, and an audit of two runs
that differ in that field sees to it.
"""

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Check = Literal["images", "order", "places", "draws", "steps", "weights", "stopping", "threshold", "device"]

# Chance is no treatment: arms that differ in these are not paired, whatever else they declare.
SEEDS = ("seed", "augmentation.seed")

CHECKS: dict[Check, str] = {
    "images": "the same images to train on and to validate on",
    "order": "images shown in the same order",
    "places": "crops taken at the same places",
    "draws": "the same augmentation draws",
    "steps": "the same number of optimiser steps",
    "weights": "the same initial weights in every layer that both nets have",
    "stopping": "the same rule for stopping and for the epoch that is kept",
    "threshold": "thresholds fitted by the same rule, on validation images",
    "device": "the same kind of device, precision and number of processes and threads",
}

KEY = "may_change"


def may_change(*checks: Check) -> dict[str, Any]:
    """What to give a field, or a section, as json_schema_extra."""
    return {KEY: list(checks)}


def changed_by(model: type[BaseModel], key: str) -> frozenset[Check]:
    """The checks that a field, by its dotted key, may change.

    KeyError where there is no such field.
    """
    *sections, name = key.split(".")
    for section in sections:
        inner = model.model_fields[section].annotation
        assert isinstance(inner, type)
        assert issubclass(inner, BaseModel)
        model = inner
    return _declared(model, model.model_fields[name])


def _declared(model: type[BaseModel], field: FieldInfo) -> frozenset[Check]:
    own = field.json_schema_extra
    extra = own if isinstance(own, dict) else model.model_config.get("json_schema_extra")
    return frozenset(extra.get(KEY, ())) if isinstance(extra, dict) else frozenset()  # type: ignore[arg-type]
