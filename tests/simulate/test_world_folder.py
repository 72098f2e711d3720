"""A folder of simulated micrographs that each differ in everything."""

import json
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from motes.errors import OutputError
from motes.formats.images import read_image
from motes.formats.picks import read_picks
from motes.simulate import world_folder
from motes.simulate.world_folder import write_worlds
from motes.simulate.worlds import Worlds, simulate_drawn

WORLDS = Worlds(side=128, empty=0, makers=1)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate in this process: to start another one takes longer than all micrographs here."""

    @contextmanager
    def threads(_: Worlds) -> Iterator[Executor]:
        with ThreadPoolExecutor(1) as pool:
            try:
                yield pool
            finally:
                pool.shutdown(cancel_futures=True)

    monkeypatch.setattr(world_folder, "world_makers", threads)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def image(folder: Path, number: int) -> Path:
    return folder / "images" / f"world_{number:06d}.mrc"


def test_a_folder_holds_images_truth_and_what_was_drawn(tmp_path: Path) -> None:
    steps: list[int] = []
    drawn = write_worlds(WORLDS, tmp_path, 2, 7, steps.append)
    assert steps == [1, 2]
    assert [each["image"] for each in drawn] == ["world_000001.mrc", "world_000002.mrc"]
    made = simulate_drawn(WORLDS, 7, 1)
    written = read_image(image(tmp_path, 2))
    assert np.array_equal(written.data, made.image.data)
    assert written.pixel_size == pytest.approx(made.image.pixel_size, rel=1e-5)
    table = tmp_path / "picks" / "world_000002.csv"
    header, *rows = table.read_text().splitlines()
    assert {"image", "x", "y", "class", "diameter", "visibility", "snr"} <= set(header.split(","))
    assert len(rows) == len(made.picks) == drawn[1]["particles"]
    (picks,) = read_picks(table).values()
    assert picks.points == pytest.approx(made.picks.points, abs=5e-4)
    record = json.loads((tmp_path / "parameters.json").read_text())
    assert record["seed"] == 7
    assert record["world"]["side"] == 128
    assert record["images"]["world_000002.mrc"] == made.parameters
    assert snapshot(tmp_path).keys() == {
        "parameters.json", "images/world_000001.mrc", "images/world_000002.mrc", "picks/world_000001.csv",
        "picks/world_000002.csv",
    }  # fmt: skip


def test_the_same_call_gives_the_same_bytes_and_another_goes_on(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    drawn = write_worlds(WORLDS, whole, 3)
    write_worlds(WORLDS, parts, 1)
    first = image(parts, 1).stat().st_mtime_ns
    steps: list[int] = []
    assert write_worlds(WORLDS, parts, 3, progress=steps.append) == drawn
    assert steps == [2, 3]
    assert image(parts, 1).stat().st_mtime_ns == first
    (parts / "picks" / "world_000002.csv").unlink()
    image(parts, 3).unlink()
    assert write_worlds(WORLDS, parts, 3) == drawn
    assert snapshot(whole) == snapshot(parts)
    assert write_worlds(WORLDS, parts, 2) == drawn[:2]
    assert snapshot(whole) == snapshot(parts)


def test_other_worlds_are_refused_unless_overwritten(tmp_path: Path) -> None:
    write_worlds(WORLDS, tmp_path, 2)
    before = snapshot(tmp_path)
    other = WORLDS.model_copy(update={"empty": 0.5})
    with pytest.raises(OutputError, match=r"empty: 0\.0 there, 0\.5 now"):
        write_worlds(other, tmp_path, 1)
    with pytest.raises(OutputError, match="seed: 0 there, 1 now"):
        write_worlds(WORLDS, tmp_path, 1, seed=1)
    assert snapshot(tmp_path) == before
    (tmp_path / "images" / "mine.mrc").write_bytes(b"")
    write_worlds(WORLDS, tmp_path, 1, seed=1, overwrite=True)
    assert image(tmp_path, 1).read_bytes() != before["images/world_000001.mrc"]
    assert not image(tmp_path, 2).exists()
    assert not (tmp_path / "picks" / "world_000002.csv").exists()
    assert (tmp_path / "images" / "mine.mrc").exists()


def test_a_strange_record_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "parameters.json").write_text("[1, 2]")
    with pytest.raises(OutputError, match="not a record of motes"):
        write_worlds(WORLDS, tmp_path, 1)


def test_a_call_that_was_killed_goes_on_after_what_it_noted_down(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    drawn = write_worlds(WORLDS, whole, 3)

    def kill(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_worlds(WORLDS, killed, 3, progress=kill)
    times = [image(killed, number).stat().st_mtime_ns for number in (1, 2)]
    with pytest.raises(OutputError, match="seed"):
        write_worlds(WORLDS, killed, 3, seed=5)
    assert write_worlds(WORLDS, killed, 3) == drawn
    assert [image(killed, number).stat().st_mtime_ns for number in (1, 2)] == times
    assert snapshot(whole) == snapshot(killed)
