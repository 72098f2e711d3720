"""Which images are kept out of training."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)


def validation_groups(
    groups: Mapping[Key, str], objects: Mapping[Key, int], share: float, seed: int, stratified: bool = False
) -> set[Key]:
    """The images to keep out of training: whole groups, chosen by the seed.

    groups: by image. objects: how many each image holds. share: of the groups, at least one, or 0 for none.
    stratified: from groups in the order of their objects an image one of every 1 / share is taken, so that both
    parts are equally dense. Both parts get objects, or there is nothing to validate on.
    """
    holding = {groups[name] for name, count in objects.items() if count > 0}
    order = _shuffled(sorted(set(groups.values())), seed)
    if share == 0 or len(holding) < 2:
        return set()
    count = min(max(round(share * len(order)), 1), len(order) - 1)
    if stratified:
        density = _objects_an_image(groups, objects)
        chosen = _one_of_each(sorted(order, key=lambda group: density[group]), count, seed)
    else:
        chosen = order[:count]
    others = [group for group in order if group not in chosen]
    if not holding & set(chosen):  # take one with objects in place of one without
        chosen[-1] = next(group for group in others if group in holding)
    elif not holding & set(others):
        chosen[chosen.index(next(group for group in chosen if group in holding))] = others[0]
    return {name for name, group in groups.items() if group in chosen}


def _shuffled(groups: Sequence[str], seed: int) -> list[str]:
    return [groups[i] for i in np.random.default_rng([seed, 0x5917]).permutation(len(groups))]


def _objects_an_image(groups: Mapping[Key, str], objects: Mapping[Key, int]) -> dict[str, float]:
    """The mean of each group."""
    found: dict[str, list[int]] = {}
    for name, group in groups.items():
        found.setdefault(group, []).append(objects[name])
    return {group: sum(counts) / len(counts) for group, counts in found.items()}


def _one_of_each(ordered: Sequence[str], count: int, seed: int) -> list[str]:
    """One of each of so many strata, which are as equal in size as can be."""
    rng = np.random.default_rng([seed, 0x57A7])
    strata = np.array_split(np.arange(len(ordered)), count)
    return [ordered[int(rng.choice(stratum))] for stratum in strata]
