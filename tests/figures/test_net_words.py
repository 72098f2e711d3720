"""Nets in words."""

from typing import Any, get_args

import pytest
import torch

from motes.figures.net_words import BORROWED_NETS, net_in_short, net_in_words
from motes.nets.build import NETS, parameter_count
from motes.nets.description import BORROWED, NAMED, NetDescription

# What a value needs beside it to be taken.
BESIDE: dict[str, dict[str, Any]] = {"several": {"skips": "gate"}}


def parameters(net: NetDescription) -> int:
    with torch.device("meta"):
        return parameter_count(NETS[net.name].build(net))


def literal_values() -> list[tuple[str, Any]]:
    """Every value of every field of a net that has a few to choose from."""
    fields = NetDescription.model_fields.items()
    return [
        (key, value)
        for key, field in fields
        for value in get_args(field.annotation)
        if isinstance(value, str | int)
    ]


@pytest.mark.parametrize(("key", "value"), literal_values())
def test_every_choice_has_words_for_it(key: str, value: Any) -> None:
    net = NetDescription.model_validate({key: value, **BESIDE.get(str(value), {})})
    words = net_in_words(net, 7)
    assert "7 trainable parameters" in words
    assert "None" not in words
    assert "  " not in words


@pytest.mark.parametrize("name", NAMED)
def test_every_name_has_words_for_it(name: str) -> None:
    net = NetDescription(name=name)
    assert net_in_short(net).startswith(f"{name} of width ")
    assert ("MONAI (Cardoso" in net_in_words(net, 7) or "MONAI has it (Cardoso" in net_in_words(net, 7)) == (
        name in BORROWED
    )


def test_all_borrowed_nets_are_known() -> None:
    assert set(BORROWED_NETS) == set(BORROWED)


def test_the_standard_net_in_words() -> None:
    net = NetDescription()
    words = net_in_words(net, parameters(net))
    assert "31,042,369 trainable parameters" in words
    assert "64, 128, 256, 512, 1024 channels" in words
    assert (
        "3 × 3 convolutions, each followed by batch normalisation (Ioffe & Szegedy 2015) and a rectified"
        in words
    )
    assert not any(word in words for word in ("attention", "residual", "dropped", "supervision", "MONAI"))


def test_a_net_for_volumes_speaks_of_voxels() -> None:
    words = net_in_words(NetDescription(ndim=3, width=4, upsampling="linear"), 1)
    assert "3D U-Net" in words
    assert "3 × 3 × 3 convolutions" in words
    assert "every voxel" in words
    assert "linear interpolation" in words


def test_attention_is_told_by_its_place() -> None:
    both = NetDescription(name="se_unet", decoder_attention="se", bottleneck="non_local")
    assert "Every block has squeeze-and-excitation (Hu et al. 2018)." in net_in_words(both, 1)
    assert "joined by a non-local block (Wang et al. 2018)" in net_in_words(both, 1)
    one = net_in_words(NetDescription(decoder_attention="eca"), 1)
    assert "Every block on the way up has efficient channel attention (ECA, Wang et al. 2020)." in one
    two = net_in_words(NetDescription(encoder_attention="cbam", decoder_attention="eca"), 1)
    assert (
        "Every block on the way down has attention to channels and places (CBAM, Woo et al. 2018) and every"
        in two
    )


def test_gates_supervision_and_shortcuts_are_told() -> None:
    net = NetDescription(
        name="attention_residual_unet", gate_scales="several", deep_supervision=2, dropout=0.25
    )
    words = net_in_words(net, 1)
    assert "gate (Oktay et al. 2018) which listens to all coarser levels" in words
    assert "2 coarser levels gave maps as well (deep supervision, Lee et al. 2015)" in words
    assert "added before its last activation (He et al. 2016)" in words
    assert "a share of 0.25 of the channels was dropped" in words


def test_several_classes_share_a_softmax() -> None:
    assert "A softmax after a convolution of size 1" in net_in_words(NetDescription(outputs=3), 1)
    assert "A logistic function after" in net_in_words(NetDescription(), 1)


def test_one_level_has_nothing_to_join() -> None:
    words = net_in_words(NetDescription(depth=1), 1)
    assert "1 level " in words
    assert "pooling" not in words


def test_an_encoder_with_weights_says_where_they_are_from() -> None:
    words = net_in_words(NetDescription(name="resnet34_unet"), 1, "/somewhere/resnet34.pth")
    assert "Its encoder started from the weights in resnet34.pth." in words
    assert "/somewhere" not in words


def test_a_net_that_started_from_a_model_says_which() -> None:
    words = net_in_words(NetDescription(), 1, start="/somewhere/general.safetensors")
    assert "Training started from the weights of the model general.safetensors." in words
    assert "/somewhere" not in words
    assert "He et al." not in words


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (NetDescription(name="attention_unet"), "attention_unet of width 64, depth 5"),
        (NetDescription(widths=(16, 32)), "unet of channels 16, 32"),
        (NetDescription(norm="group", dropout=0.1), "unet of width 64, depth 5 (norm group, dropout 0.1)"),
    ],
)
def test_a_net_in_one_line(net: NetDescription, words: str) -> None:
    assert net_in_short(net) == words
