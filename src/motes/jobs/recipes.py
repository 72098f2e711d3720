"""Recipes for people: which there are, and every field of one with its value, what is allowed and what it means."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from motes.nets.description import NAMED
from motes.recipe import Recipe
from motes.recipe_file import load_recipe, shipped_recipes

CHOICES: dict[str, Mapping[str, object]] = {"net.name": NAMED}
BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false"}


@dataclass(frozen=True)
class FieldRow:
    """One field of a recipe. value, default: as YAML writes them; default empty where there is none."""

    key: str
    value: str
    default: str
    allowed: str
    meaning: str


def recipe_list() -> list[tuple[str, str]]:
    """Name and purpose of each recipe that ships."""
    return [(name, load_recipe(name).about) for name in sorted(shipped_recipes())]


def field_rows(recipe: Recipe) -> list[FieldRow]:
    """Every field of a recipe, those of a part under their dotted keys."""
    return list(_rows(Recipe, recipe, ""))


def _rows(model: type[BaseModel], values: BaseModel, prefix: str) -> Iterator[FieldRow]:
    for name, field in model.model_fields.items():
        inner, value = field.annotation, getattr(values, name)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _rows(inner, value, f"{prefix}{name}.")
        else:
            key = prefix + name
            default = "" if field.is_required() else written(field.get_default(call_default_factory=True))
            yield FieldRow(key, written(value), default, allowed(key, field), field.description or "")


def written(value: Any) -> str:
    """A value as YAML writes it in one line; none for a field that is left open."""
    if value in (None, ""):
        return "none"
    if isinstance(value, BaseModel):
        return written(value.model_dump(mode="json", exclude_defaults=True))
    if isinstance(value, tuple | list):
        return "[" + ", ".join(written(each) for each in value) + "]"
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=1000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...").strip()


def allowed(key: str, field: FieldInfo) -> str:
    """What a field takes: the choices, or the type with its bounds."""
    if key in CHOICES:
        return ", ".join(sorted(CHOICES[key]))
    kinds, optional = _alternatives(field.annotation)
    words = " or ".join(dict.fromkeys(_in_words(kind) for kind in kinds))
    bounds = [f"{word} {value:g}" for each in field.metadata for word, value in _bounds_of(each)]
    return ", ".join([words, *bounds, *(["none"] if optional else [])])


def _alternatives(annotation: Any) -> tuple[list[Any], bool]:
    """The types that a field may have, and whether it may be left open."""
    if get_origin(annotation) not in (types.UnionType, Union):
        return [annotation], False
    kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
    return kinds, len(kinds) < len(get_args(annotation))


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    if get_origin(kind) in (list, tuple):
        inner = get_args(kind)[0]
        return (
            "list" if isinstance(inner, type) and issubclass(inner, BaseModel) else f"list of {TYPES[inner]}s"
        )
    return TYPES[kind]


def _bounds_of(limit: Any) -> Iterator[tuple[str, float]]:
    """('at least', 1) and such."""
    for name, words in BOUNDS.items():
        if hasattr(limit, name):
            yield words, getattr(limit, name)
