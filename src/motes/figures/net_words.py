"""A net in words: short for the terminal, in full for a paper. Citations are keys of REFERENCES."""

from pathlib import Path

from motes.figures.pages import counted, listed
from motes.nets.description import BORROWED, NAMED, NetDescription

ACTIVATIONS = {
    "relu": "a rectified linear unit",
    "leaky_relu": "a leaky rectified linear unit",
    "silu": "a sigmoid-weighted linear unit (Elfwing et al. 2018)",
    "prelu": "a parametric rectified linear unit (He et al. 2015)",
    "gelu": "a Gaussian error linear unit (Hendrycks & Gimpel 2016)",
}
NORMS = {
    "batch": "batch normalisation (Ioffe & Szegedy 2015)",
    "instance": "instance normalisation (Ulyanov et al. 2016)",
    "group": "group normalisation (Wu & He 2018)",
}
IN_BLOCKS = {
    "se": "squeeze-and-excitation (Hu et al. 2018)",
    "cbam": "attention to channels and places (CBAM, Woo et al. 2018)",
    "eca": "efficient channel attention (ECA, Wang et al. 2020)",
}
BETWEEN_PLACES = {
    "self_attention": "self-attention (Vaswani et al. 2017)",
    "non_local": "a non-local block (Wang et al. 2018)",
}
WITH_ENCODER = "a U-Net (Ronneberger et al. 2015) whose encoder is"
BORROWED_NETS = {
    "resnet18_unet": f"{WITH_ENCODER} a ResNet-18 (He et al. 2016)",
    "resnet34_unet": f"{WITH_ENCODER} a ResNet-34 (He et al. 2016)",
    "resnet50_unet": f"{WITH_ENCODER} a ResNet-50 (He et al. 2016)",
    "efficientnet_b0_unet": f"{WITH_ENCODER} an EfficientNet-B0 (Tan & Le 2019)",
    "efficientnet_b3_unet": f"{WITH_ENCODER} an EfficientNet-B3 (Tan & Le 2019)",
    "unet_plus_plus": "a U-Net++ (Zhou et al. 2018)",
    "segresnet": "a SegResNet (Myronenko 2018)",
    "swin_unetr": "a Swin UNETR (Hatamizadeh et al. 2022)",
    "light_unet": "a U-Net with residual units (Kerfoot et al. 2019)",
}
UNTOLD = (
    "name",
    "ndim",
    "inputs",
    "outputs",
    "independent",
    "width",
    "depth",
    "widths",
)  # or told in another way


def net_in_short(net: NetDescription) -> str:
    """Name and size, then what differs from what the name stands for: 'unet of width 64, depth 5 (skips gate)'."""
    size = (
        f"channels {', '.join(map(str, net.widths))}"
        if net.widths
        else f"width {net.width}, depth {net.depth}"
    )
    usual = {key: field.default for key, field in NetDescription.model_fields.items()} | NAMED[net.name]
    own = [key for key in usual if key not in UNTOLD and getattr(net, key) != usual[key]]
    changes = ", ".join(f"{key.replace('_', ' ')} {getattr(net, key)}" for key in own)
    return f"{net.name} of {size}" + (f" ({changes})" if changes else "")


def net_in_words(
    net: NetDescription, parameters: int, encoder_weights: str | None = None, start: str | None = None
) -> str:
    """The architecture with its parameter count."""
    sentences = _borrowed(net, parameters) if net.name in BORROWED else _own(net, parameters)
    sentences += [_output(net), _initial_weights(net, encoder_weights, start)]
    return " ".join(sentences)


def _borrowed(net: NetDescription, parameters: int) -> list[str]:
    upsampling = f", up-sampling by {_upsampling(net)}" if "upsampling" in BORROWED[net.name] else ""
    dropout = f", a share of {net.dropout:g} dropped in its dropout layers" if net.dropout else ""
    return [
        f"Particles were found with {BORROWED_NETS[net.name]} for {net.ndim}D images, as MONAI has it (Cardoso et "
        f"al. 2022): {net.width} channels at its finest level{upsampling}{dropout}, {parameters:,} trainable "
        "parameters."
    ]


def _own(net: NetDescription, parameters: int) -> list[str]:
    """The family of U-Nets, a sentence for each part that there is."""
    source = "Ronneberger et al. 2015" if net.ndim == 2 else "Ronneberger et al. 2015; Çiçek et al. 2016"
    channels = ", ".join(map(str, net.channels))
    parts = [
        f"Particles were found with a fully convolutional net (Long et al. 2015), a {net.ndim}D U-Net ({source}) of "
        f"{counted(net.depth, 'level')} with {channels} channels and {parameters:,} trainable parameters.",
        _blocks(net),
        _levels(net) if net.depth > 1 else "",
        _gates(net) if net.skips == "gate" else "",
        _attention(net),
        ""
        if net.bottleneck == "none"
        else f"All places of the coarsest level are joined by {BETWEEN_PLACES[net.bottleneck]}.",
        _supervision(net) if net.deep_supervision else "",
    ]
    return [part for part in parts if part]


def _blocks(net: NetDescription) -> str:
    kernel = " × ".join("3" * net.ndim)
    followed = listed([*([] if net.norm == "none" else [NORMS[net.norm]]), ACTIVATIONS[net.activation]])
    sentences = [f"A block holds two {kernel} convolutions, each followed by {followed}."]
    if net.block == "residual":
        sentences.append("The input of a block is added before its last activation (He et al. 2016).")
    if net.depth > 1:
        sentences.append(
            "Each level has a block on the way down and one on the way up, the coarsest a single one."
        )
    if net.dropout:
        sentences.append(
            f"At the end of each block a share of {net.dropout:g} of the channels was dropped while training "
            "(Tompson et al. 2015)."
        )
    return " ".join(sentences)


def _levels(net: NetDescription) -> str:
    pooling = " × ".join("2" * net.ndim)
    return (
        f"Levels are joined by {pooling} max pooling on the way down and by {_upsampling(net)} on the way up, where "
        "the map of the same level is concatenated."
    )


def _upsampling(net: NetDescription) -> str:
    if net.upsampling == "linear":
        return "linear interpolation and a convolution of size 1"
    return f"{' × '.join('2' * net.ndim)} transposed convolutions"


def _gates(net: NetDescription) -> str:
    heard = "all coarser levels" if net.gate_scales == "several" else "the next coarser level"
    return f"That map passes an additive attention gate (Oktay et al. 2018) which listens to {heard}."


def _attention(net: NetDescription) -> str:
    """Attention within blocks; nothing where there is none."""
    down, up = net.encoder_attention, net.decoder_attention
    if down == up:
        return "" if down == "none" else f"Every block has {IN_BLOCKS[down]}."
    told = [
        f"every block on the way {way} has {IN_BLOCKS[kind]}"
        for way, kind in (("down", down), ("up", up))
        if kind != "none"
    ]
    words = listed(told)
    return f"{words[0].upper()}{words[1:]}."


def _supervision(net: NetDescription) -> str:
    return (
        f"While training, {counted(net.deep_supervision, 'coarser level')} gave maps as well (deep supervision, Lee et "
        "al. 2015), each counting half as much as the next finer one."
    )


def _output(net: NetDescription) -> str:
    where = "pixel" if net.ndim == 2 else "voxel"
    last = "" if net.name in BORROWED else " after a convolution of size 1"
    if net.outputs == 1:
        return f"A logistic function{last} gives a probability for every {where}."
    if net.independent:
        return f"A logistic function{last} gives two maps, of the interior of objects and of what tells them apart."
    return f"A softmax{last} gives the probabilities of background and classes for every {where}."


def _initial_weights(net: NetDescription, encoder_weights: str | None, start: str | None) -> str:
    if start is not None:
        return f"Training started from the weights of the model {Path(start).name}."
    if encoder_weights is not None:
        return f"Its encoder started from the weights in {Path(encoder_weights).name}."
    if net.name in BORROWED:
        return "Its weights were initialised at random as MONAI does."
    return "Convolution weights were initialised as proposed by He et al. 2015."
