"""A net described by data: a small record, kept in the recipe and in the model file, that builds it again."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from motes.errors import RecipeError, did_you_mean

Block = Literal["plain", "residual"]
Norm = Literal["batch", "instance", "group", "none"]
Activation = Literal["relu", "leaky_relu", "silu", "prelu", "gelu"]
Attention = Literal["none", "se", "cbam", "eca"]
Bottleneck = Literal["none", "self_attention", "non_local"]

_RESNET: dict[str, object] = {"width": 16, "depth": 6, "block": "residual", "upsampling": "linear"}
_EFFICIENTNET: dict[str, object] = {**_RESNET, "activation": "silu", "encoder_attention": "se"}

# What each name sets. In a record of that name these fields have this value; other fields are free.
NAMED: dict[str, dict[str, object]] = {
    "unet": {},
    "attention_unet": {"skips": "gate"},
    "residual_unet": {"block": "residual"},
    "attention_residual_unet": {"block": "residual", "skips": "gate"},
    "se_unet": {"encoder_attention": "se"},
    "cbam_unet": {"encoder_attention": "cbam"},
    "unet_96": {"width": 96},
    "unet_128": {"width": 128},
    "resnet18_unet": _RESNET,
    "resnet34_unet": _RESNET,
    "resnet50_unet": _RESNET,
    "efficientnet_b0_unet": _EFFICIENTNET,
    "efficientnet_b3_unet": _EFFICIENTNET,
    "unet_plus_plus": {"width": 32, "depth": 5, "norm": "instance", "activation": "leaky_relu"},
    "segresnet": {"width": 8, "depth": 4, "block": "residual", "norm": "group", "upsampling": "linear"},
    "swin_unetr": {"width": 24, "depth": 6, "block": "residual", "norm": "instance"},
    "light_unet": {"width": 16, "depth": 5, "block": "residual", "norm": "instance", "activation": "prelu"},
}

# Which fields a borrowed net takes beside name, inputs and outputs; every other one it has its own way about.
_FLEXIBLE = ("ndim", "width", "dropout", "upsampling")
BORROWED: dict[str, tuple[str, ...]] = {
    "resnet18_unet": _FLEXIBLE,
    "resnet34_unet": _FLEXIBLE,
    "resnet50_unet": _FLEXIBLE,
    "efficientnet_b0_unet": _FLEXIBLE,
    "efficientnet_b3_unet": _FLEXIBLE,
    "unet_plus_plus": ("ndim", "width", "dropout"),
    "segresnet": _FLEXIBLE,
    "swin_unetr": ("ndim", "width", "dropout"),
    "light_unet": ("ndim", "width", "dropout"),
}
WIDTH_STEPS = {"segresnet": 8, "swin_unetr": 12}  # groups of the group norm; three heads of four channels


class NetDescription(BaseModel):
    """All that is needed to build a net again; kept in the model file.

    What the name sets is filled in where nothing, or None, is given, so that a record says everything and
    validating a dumped one changes nothing. RecipeError for a value that would have no effect.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("unet", description="which net; `motes nets` lists them")
    ndim: Literal[2, 3] = Field(2, description="2 for micrographs, 3 for volumes")
    inputs: int = Field(1, ge=1, description="channels of the input image")
    outputs: int = Field(1, ge=1, description="maps that come out: 1 for one class, else classes + 1")
    independent: bool = Field(
        False,
        description="whether each map is a probability of its own, as interior and boundary are, and not one of "
        "several classes of which a pixel has one",
    )
    width: int = Field(64, ge=1, le=1024, description="channels of the first level; each level doubles them")
    depth: int = Field(5, ge=1, le=8, description="levels, the bottleneck included")
    widths: tuple[int, ...] | None = Field(
        None,
        min_length=1,
        max_length=8,
        description="channels of each level, listed, in place of width and depth: [16, 32, 64, 128]",
    )
    block: Block = Field("plain", description="two convolutions, or two with a shortcut around them")
    norm: Norm = Field("batch", description="what follows each convolution")
    activation: Activation = Field("relu", description="what follows each norm")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of channels dropped at the end of each block")
    upsampling: Literal["transposed", "linear"] = Field(
        "transposed", description="transposed convolution, or linear interpolation and a 1x1 convolution"
    )
    skips: Literal["none", "gate"] = Field("none", description="attention on the skips: additive gates")
    gate_scales: Literal["one", "several"] = Field(
        "one", description="what a gate listens to: the next coarser level, or all coarser ones"
    )
    encoder_attention: Attention = Field("none", description="in each block down to the bottleneck")
    decoder_attention: Attention = Field("none", description="in each block on the way up")
    bottleneck: Bottleneck = Field("none", description="attention between all places of the coarsest level")
    deep_supervision: int = Field(
        0, ge=0, le=6, description="how many coarser levels also give maps while training"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        given = {key: value for key, value in values.items() if value is not None}
        filled = {**NAMED.get(str(given.get("name", "unet")), {}), **given}
        widths = given.get("widths")
        if isinstance(widths, list | tuple) and widths:
            filled.setdefault("width", widths[0])
            filled.setdefault("depth", len(widths))
        return filled

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NAMED:
            raise ValueError(f"there is no net called {name!r}.{did_you_mean(name, NAMED)}")
        return name

    @model_validator(mode="after")
    def _agrees(self) -> "NetDescription":
        _check_widths(self)
        _check_name(self)
        _check_effects(self)
        return self

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each level of our own nets, from full resolution down to the bottleneck."""
        return self.widths or tuple(self.width * 2**level for level in range(self.depth))

    @property
    def background(self) -> bool:
        """Whether the first of the maps is the background's."""
        return self.outputs > 1 and not self.independent

    @property
    def levels(self) -> int:
        """How many resolutions there are, the bottleneck's included."""
        return self.depth

    @property
    def multiple(self) -> int:
        """The sides of an input must be multiples of this."""
        return 1 << (self.depth - 1)


def _check_widths(net: NetDescription) -> None:
    """RecipeError unless widths, where given, agree with width and depth."""
    if net.widths is None:
        return
    if min(net.widths) < 1:
        raise RecipeError(f"net.widths is {list(net.widths)}; expected channels of at least 1")
    for field, value, expected in (
        ("width", net.width, net.widths[0]),
        ("depth", net.depth, len(net.widths)),
    ):
        if value != expected:
            raise RecipeError(
                f"net.{field} is {value}, but net.widths lists {len(net.widths)} levels that begin with "
                f"{net.widths[0]}; leave net.{field} out, set it to {expected}, or set net.widths to null"
            )


def _check_name(net: NetDescription) -> None:
    """RecipeError where a field contradicts what the name stands for, or has no effect in a borrowed net."""
    sets = NAMED[net.name]
    taken = BORROWED.get(net.name)
    for field, info in NetDescription.model_fields.items():
        free = (
            field not in sets
            if taken is None
            else field in ("name", "inputs", "outputs", "independent", *taken)
        )
        expected = sets.get(field, info.default)
        value = getattr(net, field)
        if free or value == expected:
            continue
        allowed = (
            "or take net.name unet, which has any value"
            if taken is None
            else f"or set it to null; what can be chosen there: inputs, outputs, {', '.join(taken)}"
        )
        raise RecipeError(
            f"net.{field} is {value!r}, but {net.name} always has {expected!r}: leave it out, {allowed}"
        )
    step = WIDTH_STEPS.get(net.name, 1)
    if net.width % step:
        raise RecipeError(f"net.width is {net.width}, but {net.name} needs a multiple of {step}")


def _check_effects(net: NetDescription) -> None:
    """RecipeError for a value that would change nothing in this net."""
    for field, off, levels, lacks in (
        ("skips", "none", 2, "skips"),
        ("decoder_attention", "none", 2, "decoder"),
        ("gate_scales", "one", 3, "second coarser level"),
    ):
        value = getattr(net, field)
        if value != off and net.depth < levels:
            raise RecipeError(
                f"net.{field} is {value!r}, but a net of net.depth {net.depth} has no {lacks}; set net.{field} to "
                f"{off}, or net.depth to {levels} or more"
            )
    if net.gate_scales == "several" and net.skips == "none":
        raise RecipeError(
            "net.gate_scales is 'several', but net.skips is 'none': there is no gate; set it to gate"
        )
    most = max(net.depth - 2, 0)
    if net.deep_supervision > most:
        raise RecipeError(
            f"net.deep_supervision is {net.deep_supervision}, but a net of net.depth {net.depth} has {most} decoder "
            f"levels below full resolution; expected 0 to {most}"
        )
