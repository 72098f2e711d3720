"""Picking with a model that outlines: what goes where."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.errors import OutputError
from motes.formats.images import write_image
from motes.formats.picks import read_picks
from motes.jobs.pick import PickOptions, PickResult, pick
from motes.nets.description import NetDescription
from motes.picking.instances import Keeping, Splitting
from motes.picking.picker import Picking
from motes.units import Length
from small_model import saved


@pytest.fixture
def model(tmp_path: Path) -> str:
    return saved(
        tmp_path / "model.safetensors",
        net=NetDescription(width=4, depth=2, outputs=2, independent=True),
        classes=["bead"],
        diameters=[],
        working_diameter=None,
        picking=Picking(method="outlines"),
        splitting=Splitting(separator="boundary"),
        keeping=Keeping(),
        thresholds={"bead": 0.5},
        recipe={"training": {"precision": "float32"}},
    )


def picked(tmp_path: Path, model: str, *names: str, **options: Any) -> PickResult:
    for name in names:
        noise = np.random.default_rng(0).normal(size=(48, 48)).astype(np.float32)
        write_image(tmp_path / "images" / name, noise)
    return pick([str(tmp_path / "images")], model, tmp_path / "out", PickOptions(**options))


def test_two_images_do_not_share_a_file_of_labels(tmp_path: Path, model: str) -> None:
    with pytest.raises(OutputError, match=r"both be written to labels/a\.tif"):
        picked(tmp_path, model, "a.tif", "a.mrc")
    assert not list((tmp_path / "out").rglob("*.csv"))


@pytest.mark.parametrize("method", ["peaks", "components"])
def test_such_a_model_gives_centres_where_another_method_is_asked_for(
    tmp_path: Path, model: str, method: str
) -> None:
    (row,) = picked(
        tmp_path, model, "a.tif", method=method, diameter=Length(8, "px"), save_maps=True, pictures=True
    ).rows
    assert row.status == "done"
    assert row.doubt is None
    out = tmp_path / "out"
    assert (out / "maps" / "a.tif.mrc").is_file()
    assert "label" not in next(iter(read_picks(out / "picks" / "a.tif.csv").values())).extra
