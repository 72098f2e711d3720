"""Model files of small nets, as a training might have left them."""

from pathlib import Path
from typing import Any

from motes.data.normalise import Normalisation
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.nets.model_file import Model, ModelDescription, save_model
from motes.picking.picker import Picking

NET = NetDescription(name="attention_unet", width=3, depth=3, dropout=0.1)


def description(**changes: Any) -> ModelDescription:
    """What a model says that finds ribosomes; changes: other values of its fields."""
    values: dict[str, Any] = {
        "net": NET,
        "classes": ["ribosome"],
        "diameters": [250.0],
        "diameter_unit": "A",
        "working_diameter": 18.0,
        "working_pixel_size": None,
        "normalisation": Normalisation(clip_percent=0.5),
        "picking": Picking(minimum_distance=0.8),
        "thresholds": {"ribosome": 0.4},
        "threshold_note": "fitted for f1 on many worlds",
        "trained_on": [],
        "recipe": {"target": {"shape": "disc", "radius": 0.7}},
        "versions": {},
    }
    return ModelDescription(**{**values, **changes})


def model(**changes: Any) -> Model:
    """A model with random weights and that description."""
    described = description(**changes)
    return Model(build_net(described.net).eval(), described)


def saved(path: Path, **changes: Any) -> str:
    """The path of such a model's file."""
    save_model(path, model(**changes))
    return str(path)
