import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from motes.errors import RecipeError
from motes.nets.description import BORROWED, NAMED, NetDescription


@pytest.mark.parametrize("name", NAMED)
def test_a_dumped_record_says_everything_and_validating_it_changes_nothing(name):
    net = NetDescription(name=name)
    dumped = net.model_dump(mode="json")
    assert NetDescription.model_validate(dumped) == net
    assert {field: dumped[field] for field in NAMED[name]} == NAMED[name]


@given(widths=st.lists(st.integers(1, 64), min_size=1, max_size=8))
def test_listed_channels_say_width_and_depth(widths):
    net = NetDescription(widths=widths)
    assert (net.channels, net.levels, net.width) == (tuple(widths), len(widths), widths[0])
    assert net.multiple == 2 ** (len(widths) - 1)
    assert NetDescription.model_validate(net.model_dump(mode="json")) == net


def test_width_and_depth_say_the_channels():
    net = NetDescription(width=64, depth=5)
    assert (net.channels, net.multiple) == ((64, 128, 256, 512, 1024), 16)


def test_none_is_as_if_nothing_was_given():
    assert NetDescription(name="unet_96", width=None, depth=None) == NetDescription(name="unet_96")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"widths": (16, 32), "depth": 5}, "net.depth is 5, but net.widths lists 2 levels"),
        ({"widths": (16, 32), "width": 8}, "net.width is 8.*set it to 16"),
        ({"widths": (16, 0)}, "channels of at least 1"),
        ({"name": "unet_96", "width": 16}, "net.width is 16, but unet_96 always has 96.*take net.name unet"),
        (
            {"name": "attention_unet", "skips": "none"},
            "net.skips is 'none', but attention_unet always has 'gate'",
        ),
        (
            {"name": "segresnet", "skips": "gate"},
            "net.skips is 'gate', but segresnet always has 'none'.*ndim, width",
        ),
        ({"name": "resnet18_unet", "depth": 5}, "net.depth is 5, but resnet18_unet always has 6"),
        ({"name": "unet_plus_plus", "deep_supervision": 1}, "net.deep_supervision is 1, but unet_plus_plus"),
        ({"name": "segresnet", "width": 12}, "net.width is 12, but segresnet needs a multiple of 8"),
        ({"name": "swin_unetr", "width": 16}, "needs a multiple of 12"),
        ({"gate_scales": "several"}, "there is no gate"),
        ({"gate_scales": "several", "skips": "gate", "depth": 2}, "no second coarser level"),
        ({"skips": "gate", "depth": 1}, "has no skips; set net.skips to none"),
        ({"decoder_attention": "se", "depth": 1}, "has no decoder"),
        ({"deep_supervision": 4, "depth": 5}, "expected 0 to 3"),
    ],
)
def test_a_value_that_would_change_nothing_is_refused_by_name(values, words):
    with pytest.raises(RecipeError, match=words):
        NetDescription(**values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "atention_unet"}, "Did you mean 'attention_unet'"),
        ({"norm": "layer"}, "norm"),
        ({"dropout": 1.0}, "less than 1"),
        ({"heads": 3}, "heads"),
    ],
)
def test_a_value_that_is_not_known_is_refused(values, words):
    with pytest.raises(ValidationError, match=words):
        NetDescription(**values)


def test_what_a_name_leaves_open_is_free():
    net = NetDescription(name="attention_unet", width=8, depth=3, norm="group", encoder_attention="se")
    assert (net.skips, net.norm, net.encoder_attention) == ("gate", "group", "se")
    assert set(BORROWED) < set(NAMED)
