"""A small copick project for tests: two runs, as the CZII challenge lays them out."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from motes.formats.copick import CopickObject, picks_file, tomogram_file, write_config, write_picks_file
from motes.formats.ome_zarr import write_ome_zarr

SIZE = 10.012444  # A, where the folders say 10.000
SHAPE = (12, 24, 20)
RUNS = ("TS_5_4", "TS_6_4")
OBJECTS = (
    CopickObject("ribosome", 1, 150.0, color=(0, 92, 49, 255), metadata={"score_weight": 1}),
    CopickObject("apo-ferritin", 2, 60.0),
    CopickObject("membrane", 3, None, is_particle=False),
)
POINTS = {
    "ribosome": np.array([[2.0, 5.0, 7.0], [8.25, 20.5, 11.0]]),
    "apo-ferritin": np.array([[0.0, 0.0, 0.0]]),
}


def made_project(folder: Path) -> Path:
    """Tomograms and picks of curation/0 in the static root, nothing in the overlay yet; the config."""
    static, overlay = folder / "static", folder / "overlay"
    for number, run in enumerate(RUNS):
        volume = np.random.default_rng(number).normal(size=SHAPE)
        write_ome_zarr(tomogram_file(static, run, "denoised", 10.0), volume, SIZE)
        for name, points in POINTS.items():
            save_picks(static, run, name, points + number)
    write_config(folder / "config.json", OBJECTS, static_root=static, overlay_root=overlay, name="small")
    return folder / "config.json"


def save_picks(root: Path, run: str, name: str, points: Any, user: str = "curation", **more: Any) -> Path:
    """Picks of an object, in voxels."""
    file = picks_file(root, run, user, "0", name)
    write_picks_file(file, points, SIZE, object_name=name, user=user, session="0", run=run, **more)
    return file


def changed(config: Path, **fields: Any) -> Path:
    """The config with other fields; None takes one away."""
    found = {**json.loads(config.read_text()), **fields}
    config.write_text(json.dumps({key: value for key, value in found.items() if value is not None}))
    return config
