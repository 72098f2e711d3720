"""Which images are kept out of training."""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

from motes.recipe import Recipe

Key = TypeVar("Key", bound=Hashable)


def validation_groups(groups: Mapping[Key, str], useful: set[Key], recipe: Recipe) -> set[Key]:
    """The images to keep out of training: whole groups, chosen by the seed.

    groups: by image. useful: the images that hold particles. Both parts get particles, or there is nothing to
    validate on.
    """
    ordered = sorted(set(groups.values()))
    holding = {groups[name] for name in useful}
    if recipe.split.validation == 0 or len(holding) < 2:
        return set()
    count = min(max(round(recipe.split.validation * len(ordered)), 1), len(ordered) - 1)
    order = [ordered[i] for i in np.random.default_rng([recipe.seed, 0x5917]).permutation(len(ordered))]
    chosen, others = order[:count], order[count:]
    if not holding & set(chosen):  # take one with particles in place of one without
        chosen[-1] = next(group for group in others if group in holding)
    elif not holding & set(others):
        chosen.remove(next(group for group in chosen if group in holding))
    return {name for name, group in groups.items() if group in chosen}
