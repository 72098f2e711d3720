"""Comparisons of arms as weights: pairs, steps of a ladder, effects of crossed factors."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from motes.errors import InputError, did_you_mean

Levels = Mapping[str, Hashable]

ROUNDING = 1e-12  # a difference this small beside the values is none


@dataclass(frozen=True)
class Contrast:
    """A difference of arms: the sum of weight times value. weights: by arm, their sum is zero, or 1 for a mean."""

    name: str
    weights: Mapping[str, float]
    kind: Literal["pair", "step", "main effect", "interaction", "mean"]


def pairs(arms: Sequence[str], base: str) -> list[Contrast]:
    """Give each other arm minus the base. Raises InputError where the base is not among the arms."""
    if base not in arms:
        raise InputError(f"arms are compared with {base!r}, which is not an arm.{did_you_mean(base, arms)}")
    return [Contrast(f"{arm} - {base}", {arm: 1.0, base: -1.0}, "pair") for arm in arms if arm != base]


def steps(ladder: Sequence[str]) -> list[Contrast]:
    """Give each arm of a ladder minus the one before it."""
    return [
        Contrast(f"{arm} - {before}", {arm: 1.0, before: -1.0}, "step") for before, arm in pairwise(ladder)
    ]


def factorial(factors: Mapping[str, Levels], order: int = 2) -> list[Contrast]:
    """Give the main effects and the interactions of fully crossed factors, main effects first.

    factors: arm -> factor -> level. The level that appears first is the reference. order: how many factors the highest
    interactions have. A main effect is a level minus the reference, averaged over all other factors; an
    interaction of two is what the one effect gains from the other; and so on. Raises InputError unless there is one arm
    for each combination of levels.
    """
    levels = levels_by_factor(factors)
    check_crossed(factors, levels)
    return [
        effect(factors, levels, dict(zip(names, chosen, strict=True)))
        for count in range(1, min(order, len(levels)) + 1)
        for names in combinations(levels, count)
        for chosen in product(*(levels[name][1:] for name in names))
    ]


def between_levels(factors: Mapping[str, Levels]) -> list[Contrast]:
    """Give the main effects that `factorial` leaves out: of each pair of levels neither of which is the reference.

    Of three or four levels people ask for all differences, such as of two kinds of attention; these are sums of those
    in `factorial`. Raises InputError as that.
    """
    levels = levels_by_factor(factors)
    check_crossed(factors, levels)
    return [
        effect(factors, {**levels, name: [low, *levels[name]]}, {name: high})
        for name in levels
        for low, high in combinations(levels[name][1:], 2)
    ]


def mean_at(factors: Mapping[str, Levels], name: str, level: Hashable) -> Contrast:
    """Give the mean of the arms at one level of a factor, over all other factors; its weights sum to 1."""
    there = [arm for arm, described in factors.items() if described[name] == level]
    weights = {arm: (arm in there) / len(there) for arm in factors}
    return Contrast(f"{name} {level}", weights, "mean")


def shares(factors: Mapping[str, Levels], values: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """Give the share of each factor, and of each interaction, in the differences among the arms; they sum to 1.

    values: by arm. The sum of squares of a balanced design, parted without rest (Fisher 1925); empty where all arms
    are equal, or a value is missing. What trainings differ by chance is in all of them.
    """
    levels = levels_by_factor(factors)
    table = np.full([len(found) for found in levels.values()], np.nan)
    for arm, described in factors.items():
        table[tuple(found.index(described[name]) for name, found in levels.items())] = values.get(
            arm, math.nan
        )
    whole = float(((table - table.mean()) ** 2).sum())
    if not whole > 0:
        return {}
    numbers = range(len(levels))
    parts: dict[tuple[int, ...], NDArray[np.float64]] = {(): table.mean(keepdims=True)}
    for count in range(1, len(levels) + 1):
        for chosen in combinations(numbers, count):
            others = tuple(number for number in numbers if number not in chosen)
            below = [part for own, part in parts.items() if set(own) < set(chosen)]
            parts[chosen] = table.mean(axis=others, keepdims=True) - sum(below)
    names = list(levels)
    return {
        tuple(names[number] for number in own): float((part**2).sum() * table.size / part.size) / whole
        for own, part in parts.items()
        if own
    }


def levels_by_factor(factors: Mapping[str, Levels]) -> dict[str, list[Hashable]]:
    """Give the levels of each factor in the order of first appearance."""
    levels: dict[str, dict[Hashable, None]] = {}
    for described in factors.values():
        for name, level in described.items():
            levels.setdefault(name, {})[level] = None
    return {name: list(found) for name, found in levels.items()}


def check_crossed(factors: Mapping[str, Levels], levels: Mapping[str, Sequence[Hashable]]) -> None:
    """Raise InputError unless every combination of levels has exactly one arm."""
    owners: dict[tuple[Hashable, ...], str] = {}
    for arm, described in factors.items():
        missing = [name for name in levels if name not in described]
        if missing:
            raise InputError(f"arm {arm!r} has no level of {', '.join(missing)}; give one for every factor")
        cell = tuple(described[name] for name in levels)
        if cell in owners:
            raise InputError(f"arms {owners[cell]!r} and {arm!r} have the same levels; keep one of them")
        owners[cell] = arm
    empty = [cell for cell in product(*levels.values()) if cell not in owners]
    if empty:
        words = ", ".join(f"{name} {level}" for name, level in zip(levels, empty[0], strict=True))
        raise InputError(
            f"{len(empty)} combinations of levels have no arm, the first is {words}; "
            "effects of factors need all of them: add these arms, or compare the arms in pairs"
        )


def effect(
    factors: Mapping[str, Levels],
    levels: Mapping[str, Sequence[Hashable]],
    chosen: Mapping[str, Hashable],
) -> Contrast:
    """Give the effect of the chosen levels, by factor, against the references; several factors: their interaction.

    The weight of an arm is the product over these factors of 1 at the chosen level, -1 at the reference and 0
    elsewhere, divided by the number of combinations of the other factors, over which it is an average.
    """
    others = math.prod(len(found) for name, found in levels.items() if name not in chosen)
    weights = {}
    for arm, described in factors.items():
        signs = [
            (described[name] == level) - (described[name] == levels[name][0])
            for name, level in chosen.items()
        ]
        weights[arm] = math.prod(signs) / others
    changes = [f"{level} - {levels[name][0]}" for name, level in chosen.items()]
    if len(chosen) == 1:
        return Contrast(f"{next(iter(chosen))}: {changes[0]}", weights, "main effect")
    words = " x ".join(f"({change})" for change in changes)
    return Contrast(f"{' x '.join(chosen)}: {words}", weights, "interaction")


def differences(values: Mapping[str, NDArray[np.float64]], contrast: Contrast) -> NDArray[np.float64]:
    """Give the contrast for each image and seed, (images, seeds); nan where an arm that counts is nan.

    values: arm -> (images, seeds), the same images and seeds for all arms. What rounding leaves of equal values is 0.
    Raises InputError for an unknown arm, or where shapes differ.
    """
    weights = {arm: weight for arm, weight in contrast.weights.items() if weight}
    for arm in weights:
        if arm not in values:
            raise InputError(f"{contrast.name!r} needs the arm {arm!r}.{did_you_mean(arm, values)}")
    shapes = {values[arm].shape for arm in weights}
    if len(shapes) != 1:
        raise InputError(
            f"{contrast.name!r} needs the same images and seeds for each arm, found the shapes {sorted(shapes)}"
        )
    terms = np.array([weight * values[arm] for arm, weight in weights.items()])
    d: NDArray[np.float64] = terms.sum(axis=0)
    d[np.abs(d) <= ROUNDING * np.abs(terms).max(axis=0)] = 0
    return d
