import importlib.machinery
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import torch

from motes.errors import RecipeError
from motes.nets.build import build_net
from motes.nets.cost import net_cost, padded_size
from motes.nets.description import NetDescription

ROOT = Path(__file__).parents[2]


def by_hand(width: int, depth: int, side: int) -> int:
    """Operations of the plain net in 2D: two for each weight and place that it is used at."""
    total = 2 * width * side**2  # the head
    for level in range(depth):
        channels, places = width * 2**level, (side >> level) ** 2
        before = channels // 2 if level else 1
        total += 2 * 9 * (before + channels) * channels * places
        if level < depth - 1:
            total += 2 * 9 * (2 * channels + channels) * channels * places  # the decoder's block
            total += 2 * 4 * 2 * channels * channels * places // 4  # the transposed convolution
    return total


def test_the_standard_net_costs_what_is_counted_by_hand():
    cost = net_cost(NetDescription(), (768, 768))
    assert cost.parameters == 31_042_369
    assert cost.operations == by_hand(64, 5, 768) == 865_654_013_952


def test_gates_cost_what_they_add():
    gated = net_cost(NetDescription(name="attention_unet"), (768, 768))
    assert gated.parameters == 31_393_901
    added = sum(2 * (f * f + f // 2) * (768 >> level) ** 2 for level, f in enumerate((64, 128, 256, 512)))
    assert gated.operations - by_hand(64, 5, 768) == added


def test_activations_of_one_convolution_block_are_those_that_autograd_keeps():
    # A net of one level: image, both convolutions' outputs and both activations' results; norms keep means and
    # deviations of each channel twice.
    cost = net_cost(NetDescription(width=4, depth=1), (16, 16))
    assert 0 <= cost.activation_bytes - 4 * 16 * 16 * (1 + 4 * 4) < 400


def test_memory_grows_with_the_image_and_operations_too():
    small, large = (net_cost(NetDescription(width=4, depth=3), (side, side)) for side in (32, 64))
    assert large.operations == 4 * small.operations
    assert large.activation_bytes == pytest.approx(4 * small.activation_bytes, rel=0.01)


def test_sizes_that_do_not_fit_are_named():
    net = NetDescription()
    with pytest.raises(RecipeError, match=r"multiples of 16, not 700x768; try 704x768"):
        net_cost(net, (700, 768))
    with pytest.raises(RecipeError, match="has 3 sides"):
        net_cost(net, (16, 64, 64))
    with pytest.raises(RecipeError, match="a single value a channel"):
        net_cost(net, (16, 16))
    assert padded_size(net, (700, 768)) == (704, 768)


def test_counting_leaves_chance_and_the_default_device_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net_cost(NetDescription(width=2, depth=2), (8, 8))
    assert torch.equal(torch.rand(3), expected)
    assert next(build_net(NetDescription(width=2, depth=2)).parameters()).device.type == "cpu"


def net_table() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("net_table", str(ROOT / "scripts" / "net-table"))
    spec = importlib.util.spec_from_loader("net_table", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_tables_in_the_docs_are_those_of_the_code():
    script = net_table()
    page = (ROOT / "docs" / "nets.md").read_text(encoding="utf-8")
    assert page.partition(script.START)[2].partition(script.END)[0].strip() == script.tables().strip()


def test_the_docs_name_every_field_and_every_net():
    from motes.nets.description import NAMED

    words = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "nets.md").read_text(encoding="utf-8")))
    assert set(NetDescription.model_fields) | set(NAMED) <= words
