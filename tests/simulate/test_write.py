import json
from pathlib import Path

import numpy as np
import pytest

from motes.errors import InputError, OutputError
from motes.formats.images import read_image, write_image
from motes.formats.picks import read_picks
from motes.simulate import MicrographWorld, simulate_micrograph, write, write_micrographs

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
    assert table.splitlines()[0] == "image,x,y,class,diameter,visibility,snr"
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


def test_the_record_grows_by_a_line_an_image(tmp_path: Path) -> None:
    grown: list[tuple[int, int]] = []

    def measure(done: int, count: int) -> None:
        lines = (tmp_path / ".parameters.jsonl").read_text().splitlines()
        grown.append((len(lines), len(json.loads((tmp_path / "parameters.json").read_text())["images"])))

    write_micrographs(WORLD, tmp_path, 3, progress=measure)
    assert grown == [(1, 0), (2, 0), (3, 0)]
    assert not (tmp_path / ".parameters.jsonl").exists()
    assert len(json.loads((tmp_path / "parameters.json").read_text())["images"]) == 3


def test_a_run_that_was_killed_goes_on_after_its_last_whole_line(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    write_micrographs(WORLD, whole, 3)

    def kill(done: int, count: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_micrographs(WORLD, killed, 3, progress=kill)
    journal = killed / ".parameters.jsonl"
    journal.write_text(journal.read_text()[:-9])
    times = [(killed / "images" / f"mic_000{n}.mrc").stat().st_mtime_ns for n in (1, 2)]
    write_micrographs(WORLD, killed, 3)
    again = [(killed / "images" / f"mic_000{n}.mrc").stat().st_mtime_ns for n in (1, 2)]
    assert [a == b for a, b in zip(times, again, strict=True)] == [True, False]
    one, other = snapshot(whole), snapshot(killed)
    one["micrographs.star"] = one["micrographs.star"].replace(b"/whole/", b"/killed/")
    assert one == other


def test_structure_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 24
    ball = sum((axis - size / 2) ** 2 for axis in np.indices((size, size, size))) < 64
    write_image(tmp_path / "ball.mrc", ball.astype(np.float32), 8.0)
    hashed: list[int] = []
    sha256 = write.hashlib.sha256
    monkeypatch.setattr(write.hashlib, "sha256", lambda data: hashed.append(len(data)) or sha256(data))
    world = WORLD.model_copy(update={"structures": (str(tmp_path / "ball.mrc"),)})
    write_micrographs(world, tmp_path / "sim", 3)
    size_on_disk = (tmp_path / "ball.mrc").stat().st_size
    assert hashed.count(size_on_disk) == 1


def test_a_call_that_made_nothing_leaves_the_folder_free(tmp_path: Path) -> None:
    wrong = WORLD.model_copy(update={"structures": (str(tmp_path / "missing.pdb"),)})
    with pytest.raises(InputError):
        write_micrographs(wrong, tmp_path / "sim", 1)
    assert len(write_micrographs(WORLD, tmp_path / "sim", 1)) == 1
