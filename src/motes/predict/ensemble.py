"""What nets give for an image, and which of them can predict together: they must see it alike."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from motes.data.sampling import Sampling
from motes.nets.folded import folded
from motes.nets.model_file import Model, ModelDescription
from motes.predict.maps import class_maps, probability_maps


def maps_of(model: Model, image: NDArray[np.float32], precision: torch.dtype) -> NDArray[np.float32]:
    """The probability of each class, (classes, [z,] y, x), in an image ([z,] y, x) at the model's working scale."""
    net, described = folded(model.net, precision), model.description
    return class_maps(
        probability_maps(net, described.net, image, precision=precision, trained=trained_crop(described)),
        described.net,
    )


def trained_crop(described: ModelDescription) -> tuple[int, ...] | None:
    """The sides of the crops that a model was trained on, px of the working scale; None where it does not say."""
    sampling = described.recipe.get("sampling")
    return None if sampling is None else Sampling.model_validate(sampling).shape(described.net.ndim)


def agree(models: Sequence[Model]) -> str:
    """Why nets cannot predict together, or nothing: they must see an image alike and know the same classes."""
    first = models[0].description
    for model in models[1:]:
        other = model.description
        for what in ("classes", "working_diameter", "working_pixel_size", "normalisation"):
            if getattr(first, what) != getattr(other, what):
                return f"they differ in {what.replace('_', ' ')}: {getattr(first, what)} and {getattr(other, what)}"
    return ""
