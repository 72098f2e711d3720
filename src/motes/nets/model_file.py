"""The model file: safetensors with all that picking needs to know, as one key of sorted JSON.

Loading one never runs code. The bytes hold no times and no paths, so the same training gives the same file.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from motes.data.normalise import Normalisation
from motes.data.working import Scale
from motes.errors import ModelError
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.output import replacing
from motes.picking.picker import Picking
from motes.units import Length, Unit

FORMAT_VERSION = 2
KEY = "motes"


class TrainedOn(BaseModel):
    """One image that a model has seen: its name, the hash of its file and labels, and its part.

    particles: None where masks said where they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    sha256: str
    particles: int | None
    part: str


class ModelDescription(BaseModel):
    """What a model knows beside its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: int = FORMAT_VERSION
    net: NetDescription
    classes: list[str] = Field(description="names of the classes that the maps stand for")
    diameters: list[float] = Field(
        description="of each class in the unit below; empty where they are not known, or differ between images"
    )
    diameter_unit: Unit = Field(description="A: needs the pixel size of an image; px: does not use it")
    working_diameter: float | None = Field(
        description="what the diameter is on the image that the net sees, px; None: by pixel size, or unscaled"
    )
    working_pixel_size: float | None = Field(
        description="A/px of the image that the net sees, if that is fixed"
    )
    normalisation: Normalisation
    picking: Picking
    thresholds: dict[str, float] = Field(description="by class, fitted on validation images")
    threshold_note: str = Field(description="for what the thresholds were fitted, and on what")
    trained_on: list[TrainedOn]
    recipe: dict[str, Any]
    versions: dict[str, str]

    @property
    def lengths(self) -> list[Length]:
        """The diameter of each class with its unit; empty where they are not known."""
        return [Length(diameter, self.diameter_unit) for diameter in self.diameters]

    @property
    def scale(self) -> Scale:
        """How large an image is made before the net sees it."""
        return Scale(self.working_diameter, self.working_pixel_size)


@dataclass(frozen=True)
class Model:
    """A net, ready to predict, and what it knows."""

    net: nn.Module
    description: ModelDescription


def save_model(path: Path, model: Model) -> None:
    """Write a model file in one step; the same model gives the same bytes."""
    tensors = {name: tensor.contiguous() for name, tensor in sorted(model.net.state_dict().items())}
    described = json.dumps(model.description.model_dump(mode="json"), sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={KEY: described}))


def load_model(path: Path, device: str = "cpu") -> Model:
    """Read a model file; ModelError where it is not one, is damaged, or comes from a newer version."""
    if not path.is_file():
        raise ModelError(f"{path} does not exist; expected a model file such as RUN/model.safetensors")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is not a model file of motes, or is damaged ({error}); expected what "
            "`motes train` wrote as RUN/model.safetensors"
        ) from None
    description = _read_description(path, metadata)
    net = build_net(description.net)
    try:
        net.load_state_dict(tensors)
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights do not fit the net that it describes ({error})") from None
    return Model(net.to(device=torch.device(device)).eval(), description)


def _read_description(path: Path, metadata: dict[str, str]) -> ModelDescription:
    if KEY not in metadata:
        raise ModelError(f"{path} holds weights, but was not written by motes: it has no description")
    try:
        described = json.loads(metadata[KEY])
        version = int(described["format_version"])
        if version > FORMAT_VERSION:
            raise ModelError(
                f"{path} was written by a newer motes (format {version}, this one reads {FORMAT_VERSION}); "
                "update motes"
            )
        if version < FORMAT_VERSION:
            raise ModelError(
                f"{path} was written by an older motes (format {version}, this one reads {FORMAT_VERSION}); "
                "train the model again with this version"
            )
        return ModelDescription.model_validate(described)
    except (ValueError, KeyError, TypeError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ModelError(f"{path}: its description cannot be read ({detail}); the file is damaged") from None
