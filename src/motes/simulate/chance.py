"""Where all chance of a simulation comes from: independent streams, each from a seed of its own."""

from enum import IntEnum

import numpy as np

from motes.errors import RecipeError


def chance(seed: int, index: int, stream: IntEnum) -> np.random.Generator:
    """The generator of one stream of image number `index`; it depends on nothing else.

    Raises RecipeError for a negative seed or index.
    """
    if seed < 0 or index < 0:
        raise RecipeError(f"seed and index must be 0 or more, found {seed} and {index}")
    return np.random.default_rng(np.random.SeedSequence([seed, index, int(stream)]))
