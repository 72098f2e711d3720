import json
from pathlib import Path

import numpy as np
import pytest

from motes.errors import OutputError
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.simulate import MicrographWorld, simulate_micrograph, write_micrographs

WORLD = MicrographWorld(size=192, particles=(5, 8), contamination=0, aggregates=0, carbon_probability=0)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_holds_images_truth_index_and_parameters(tmp_path: Path) -> None:
    out, steps = tmp_path / "sim", []
    paths = write_micrographs(WORLD, out, 2, 7, lambda done, count: steps.append((done, count)))
    assert [p.name for p in paths] == ["mic_0001.mrc", "mic_0002.mrc"]
    assert steps == [(1, 2), (2, 2)]
    made = simulate_micrograph(WORLD, 7, 1)
    image = read_image(paths[1])
    assert np.array_equal(image.data, made.image.data)
    assert image.pixel_size == pytest.approx(4)
    table = (out / "picks" / "mic_0002.csv").read_text()
    assert table.splitlines()[0] == "image,x,y,class,diameter,visibility"
    assert len(table.splitlines()) == 1 + len(made.picks)
    read = read_picks(out / "picks" / "mic_0002.csv")
    picks = next(iter(read.values()))
    assert picks.points == pytest.approx(made.picks.points, abs=5e-4)
    star = (out / "micrographs.star").read_text()
    assert "data_optics" in star
    assert all(path.as_posix() in star for path in paths)
    record = json.loads((out / "parameters.json").read_text())
    assert record["seed"] == 7
    assert record["images"]["mic_0001.mrc"]["defocus_u"] > 0


def test_a_second_call_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    write_micrographs(WORLD, whole, 3)
    write_micrographs(WORLD, parts, 1)
    first = (parts / "images" / "mic_0001.mrc").stat().st_mtime_ns
    write_micrographs(WORLD, parts, 3)
    assert (parts / "images" / "mic_0001.mrc").stat().st_mtime_ns == first
    (parts / "picks" / "mic_0002.csv").unlink()
    write_micrographs(WORLD, parts, 3)
    one, other = snapshot(whole), snapshot(parts)
    one["micrographs.star"] = one["micrographs.star"].replace(b"/whole/", b"/parts/")
    assert one == other


def test_other_parameters_are_refused_unless_overwritten(tmp_path: Path) -> None:
    write_micrographs(WORLD, tmp_path, 2)
    other = WORLD.model_copy(update={"snr": 0.5})
    with pytest.raises(OutputError, match=r"snr: 0\.1 there, 0\.5 now"):
        write_micrographs(other, tmp_path, 1)
    with pytest.raises(OutputError, match="seed: 0 there, 1 now"):
        write_micrographs(WORLD, tmp_path, 1, seed=1)
    before = (tmp_path / "images" / "mic_0001.mrc").read_bytes()
    write_micrographs(other, tmp_path, 1, overwrite=True)
    assert (tmp_path / "images" / "mic_0001.mrc").read_bytes() != before
    assert not (tmp_path / "images" / "mic_0002.mrc").exists()
    assert "mic_0002" not in (tmp_path / "micrographs.star").read_text()


def test_a_strange_record_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "parameters.json").write_text("[1, 2]")
    with pytest.raises(OutputError, match="not a record of motes"):
        write_micrographs(WORLD, tmp_path, 1)
