"""The model file: safetensors with all that picking needs to know, as one key of sorted JSON.

Loading one never runs code. The bytes hold no times and no paths, so the same training gives the same file.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from motes.data.normalise import Normalisation
from motes.data.working import Scale
from motes.errors import ModelError
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.output import replacing
from motes.picking.calibration import Calibration
from motes.picking.control import Control
from motes.picking.instances import Keeping, Splitting
from motes.picking.outlining import Outlining
from motes.picking.picker import Picking
from motes.units import Length, Unit

FORMAT_VERSION = 2
KEY = "motes"
Share = Annotated[float, Field(ge=0, le=1)]
DEFAULT = "default"  # the word for the model that ships


class TrainedOn(BaseModel):
    """One image that a model has seen: its name, the hash of its file and labels, and its part.

    particles: None where masks said where they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    sha256: str
    particles: int | None
    part: str


class StartedFrom(BaseModel):
    """The model that a training started from: what it was called, and the hash of its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str


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
    splitting: Splitting | None = Field(
        None, description="how objects are told apart, where they are outlined"
    )
    keeping: Keeping | None = Field(None, description="which objects stay, where they are outlined")
    thresholds: dict[str, float] = Field(description="by class, fitted on validation images")
    threshold_note: str = Field(description="for what the thresholds were fitted, and on what")
    calibration: Calibration | None = Field(
        None,
        description="what makes probabilities of scores; thresholds are on that scale. None: scores stay",
    )
    control: Control | None = Field(
        None,
        description="how an image whose scores promise little is compared with its negative; None: it is not",
    )
    adaptive: tuple[Share, Share] | None = Field(
        None,
        description="lowest and highest threshold of an image, which has its own; None: the fixed one for all",
    )
    trained_on: list[TrainedOn]
    started_from: StartedFrom | None = Field(
        None, description="the model whose weights training began with; None: random ones"
    )
    recipe: dict[str, Any]
    versions: dict[str, str]

    @property
    def lengths(self) -> list[Length]:
        """The diameter of each class with its unit; empty where they are not known."""
        return [Length(diameter, self.diameter_unit) for diameter in self.diameters]

    @property
    def outlining(self) -> Outlining | None:
        """How objects are outlined; None for a model that does not outline."""
        if self.splitting is None or self.keeping is None:
            return None
        return Outlining(self.splitting, self.keeping)

    @property
    def scale(self) -> Scale:
        """How large an image is made before the net sees it."""
        return Scale(self.working_diameter, self.working_pixel_size)


@dataclass(frozen=True)
class Model:
    """A net, ready to predict, and what it knows."""

    net: nn.Module
    description: ModelDescription


def model_path(word: str) -> Path:
    """The file that a word names: `default` the model that ships, everything else a path.

    ModelError where there is no such file.
    """
    shipped = Path(str(resources.files("motes") / "models" / f"{DEFAULT}.safetensors"))
    path = shipped if word == DEFAULT else Path(word)
    if path.is_file():
        return path
    if word == DEFAULT:
        raise ModelError(
            f"this installation of motes has no default model ({shipped} does not exist); install motes again, or "
            "name a model file such as RUN/model.safetensors"
        )
    raise ModelError(
        f"{path} does not exist; expected a model file such as RUN/model.safetensors, or the word {DEFAULT} for the "
        "model that ships"
    )


def started_from(word: str) -> StartedFrom:
    """How a model file records the one that a word names; ModelError where there is none."""
    with model_path(word).open("rb") as file:
        return StartedFrom(name=Path(word).name, sha256=hashlib.file_digest(file, "sha256").hexdigest())


def save_model(path: Path, model: Model, *, half: bool = False) -> None:
    """Write a model file in one step; the same model gives the same bytes.

    half: store weights in half precision (float16), in half the space; whole numbers stay as they are. ModelError
    where a weight is too large for that.
    """
    tensors = {name: tensor.contiguous() for name, tensor in sorted(model.net.state_dict().items())}
    if half:
        tensors = {name: _halved(name, tensor) for name, tensor in tensors.items()}
    described = json.dumps(model.description.model_dump(mode="json"), sort_keys=True)
    with replacing(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={KEY: described}))


def _halved(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    if not torch.equal(half.isfinite(), tensor.isfinite()):
        raise ModelError(
            f"{name} holds values up to {tensor.abs().max():g}, and half precision ends at 65504; save the model with "
            "half=False"
        )
    return half


def load_model(path: Path, device: str = "cpu") -> Model:
    """Read a model file; weights that are stored in half precision become float32.

    ModelError where it is not one, is damaged, or comes from a newer version.
    """
    tensors, metadata = _read_file(path, weights=True)
    description = _read_description(path, metadata)
    net = build_net(description.net)
    try:
        net.load_state_dict(tensors)  # copies into the float32 of the net
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights do not fit the net that it describes ({error})") from None
    return Model(net.to(device=torch.device(device)).eval(), description)


def read_model_description(path: Path) -> ModelDescription:
    """What a model file says beside its weights, which are not read; ModelError as from load_model."""
    return _read_description(path, _read_file(path, weights=False)[1])


def _read_file(path: Path, weights: bool) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights by name, none unless wanted, and the metadata."""
    if not path.is_file():
        raise ModelError(f"{path} does not exist; expected a model file such as RUN/model.safetensors")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = file.keys() if weights else ()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is not a model file of motes, or is damaged ({error}); expected what "
            "`motes train` wrote as RUN/model.safetensors"
        ) from None


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
