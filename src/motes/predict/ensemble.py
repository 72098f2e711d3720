"""What nets give for an image, and which of them can predict together: they must see it alike."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from motes.nets.model_file import Model
from motes.predict.maps import class_maps, probability_maps


def maps_of(model: Model, image: NDArray[np.float32], precision: torch.dtype) -> NDArray[np.float32]:
    """The probability of each class, (classes, [z,] y, x), in an image ([z,] y, x) at the model's working scale."""
    return class_maps(probability_maps(model.net, model.description.net, image, precision=precision))


def agree(models: Sequence[Model]) -> str:
    """Why nets cannot predict together, or nothing: they must see an image alike and know the same classes."""
    first = models[0].description
    for model in models[1:]:
        other = model.description
        for what in ("classes", "working_diameter", "working_pixel_size", "normalisation"):
            if getattr(first, what) != getattr(other, what):
                return f"they differ in {what.replace('_', ' ')}: {getattr(first, what)} and {getattr(other, what)}"
    return ""
