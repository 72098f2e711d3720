import json
import sys

import pytest
import typer
from typer.testing import CliRunner

from motes.cli.nets import nets
from motes.errors import InputError
from motes.jobs import nets as jobs
from motes.jobs.nets import net_rows
from motes.nets.build import NETS

app = typer.Typer()
app.command()(nets)


FEW = ("unet", "attention_unet", "segresnet", "swin_unetr")


@pytest.fixture
def few(monkeypatch):
    """A short table: borrowed nets take a second each."""
    monkeypatch.setattr(jobs, "NETS", {name: NETS[name] for name in FEW})


def answer(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_nets_are_listed_with_their_costs(few):
    text = answer()
    assert "31,042,369" in text
    assert "31,393,901" in text
    assert "865.7" in text
    assert all(name in text for name in FEW)
    assert "swin_unetr: cannot be exported with sizes left open" in text


def test_as_json_in_three_dimensions(few):
    found = json.loads(answer("--size", "32x64x64", "--json"))
    assert found["size"] == [32, 64, 64]
    assert tuple(row["name"] for row in found["nets"]) == FEW
    assert all(row["parameters"] > 0 and row["missing"] is None for row in found["nets"])


def test_an_image_that_does_not_fit_is_counted_at_the_next_size(few):
    row = net_rows((700, 760), ["unet"])[0]
    assert row.size == (704, 768)
    text = answer("--size", "700x760")
    assert "unet, attention_unet, swin_unetr: counted at 704x768" in text
    assert "segresnet: counted at 704x760" in text


def test_what_is_too_small_says_so():
    row = net_rows((10, 10), ["unet"])[0]
    assert row.parameters is None
    assert "expected one side of 32 or more" in row.missing


@pytest.mark.parametrize("size", ["0", "768x0", "3x3x3x3", "wide"])
def test_sizes_that_cannot_be(size):
    with pytest.raises(InputError, match="size"):
        answer("--size", size)


def test_without_monai_our_own_nets_are_still_there(monkeypatch):
    for loaded in [each for each in sys.modules if each == "monai" or each.startswith("monai.")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "monai", None)
    rows = {row.name: row for row in net_rows((64, 64))}
    assert rows["unet"].parameters == 31_042_369
    assert "pip install 'motes[monai]'" in rows["segresnet"].missing
