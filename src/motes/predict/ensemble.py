"""Several nets that predict together: the mean of their probabilities."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from motes.errors import InputError
from motes.nets.model_file import Model
from motes.predict.maps import class_maps, probability_maps


def maps_of(model: Model, image: NDArray[np.float32], precision: torch.dtype) -> NDArray[np.float32]:
    """The probability of each class, (classes, [z,] y, x), in an image ([z,] y, x) at the model's working scale."""
    return class_maps(probability_maps(model.net, model.description.net, image, precision=precision))


def mean_maps(
    maps: Sequence[NDArray[np.float32]], weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """The weighted mean of several nets' maps, all of one shape; without weights all count the same.

    Raises InputError where weights are missing, negative, or sum to nothing.
    """
    shares = np.ones(len(maps)) if weights is None else np.asarray(weights, dtype=np.float64)
    if len(shares) != len(maps) or (shares < 0).any() or not shares.sum() > 0:
        raise InputError(
            f"expected {len(maps)} weights of 0 or more, one a net, not all 0; found {shares.tolist()}"
        )
    mean = np.zeros_like(maps[0])
    for share, each in zip(shares / shares.sum(), maps, strict=True):
        mean += np.float32(share) * each
    return mean


def agree(models: Sequence[Model]) -> str:
    """Why nets cannot predict together, or nothing: they must see an image alike and know the same classes."""
    first = models[0].description
    for model in models[1:]:
        other = model.description
        for what in ("classes", "working_diameter", "working_pixel_size", "normalisation"):
            if getattr(first, what) != getattr(other, what):
                return f"they differ in {what.replace('_', ' ')}: {getattr(first, what)} and {getattr(other, what)}"
    return ""
