"""Micrographs that are made while a net trains: which, how often, and that the processes that make them end."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.normalise import Normalisation
from motes.data.paint import Target
from motes.simulate import endless
from motes.simulate.endless import WorldSource, WorldStream, labelled_world, makers_for, world_makers
from motes.simulate.worlds import Worlds, simulate_drawn

WORLDS = Worlds(side=128, together=3, crops_each=4, makers=1)
HOW = Normalisation()
PATIENCE = 30  # s
KEEPS_MAKING = """
import os, time
from motes.simulate.endless import world_makers
from motes.simulate.worlds import Worlds
if __name__ == "__main__":
    with world_makers(Worlds(makers=1)) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 600).result()
"""


class AtOnce:
    """In place of processes: does what it is given at once, and remembers the numbers of the micrographs."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def submit(self, make: Callable[..., Any], *words: Any) -> Future[Any]:
        """What a process would have given."""
        self.numbers.append(words[2])
        done: Future[Any] = Future()
        done.set_result(make(*words))
        return done


def numbered(_worlds: Worlds, _seed: int, index: int, _how: Normalisation) -> Labelled:
    """A micrograph that is quickly made: its pixels are its number."""
    return Labelled(np.full((64, 64), index, np.float32), np.array([[30.0, 30.0]]))


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> WorldStream:
    monkeypatch.setattr(endless, "labelled_world", numbered)
    return WorldStream(WORLDS, 0, HOW, AtOnce())  # type: ignore[arg-type]


def numbers_of(images: list[Labelled]) -> list[int]:
    return [int(image.data[0, 0]) for image in images]


def source(stream: WorldStream, crops: int, **changes: Any) -> WorldSource:
    steady = Augmentation(contrast=0, brightness=0, noise=0, rotation=0, scale=0)
    sampling = Sampling(size=32, images="pass")
    values = {"images": [numbered(WORLDS, 0, 0, HOW)], "diameters": (22.0,), "sampling": sampling}
    settings = CropSource(**{**values, "augmentation": steady, "target": Target(), **changes})
    return WorldSource(stream, settings, crops)


def test_a_labelled_world_is_the_simulated_one_normalised() -> None:
    made, found = simulate_drawn(WORLDS, 2, 3), labelled_world(WORLDS, 2, 3, HOW)
    assert np.array_equal(found.points, made.picks.points)
    assert found.data[:, :].mean() == pytest.approx(0, abs=0.01)
    assert found.data[:, :].std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(found.data[:, :].ravel(), made.image.data.ravel())[0, 1] > 0.97


def test_a_group_is_the_next_few_of_the_series(stream: WorldStream) -> None:
    assert [numbers_of(stream.group(number)) for number in (0, 1, 4)] == [[0, 1, 2], [3, 4, 5], [12, 13, 14]]


def test_groups_to_come_are_begun_before_they_are_asked_for_and_once(stream: WorldStream) -> None:
    begun = stream.pool.numbers  # type: ignore[attr-defined]
    stream.group(0)
    assert begun == list(range(9))
    stream.group(0)
    stream.group(1)
    assert begun == list(range(12))


def test_a_late_crop_still_finds_its_group_and_older_ones_are_forgotten(stream: WorldStream) -> None:
    begun = stream.pool.numbers  # type: ignore[attr-defined]
    for number in range(5):
        stream.group(number)
    made = len(begun)
    assert numbers_of(stream.group(2)) == [6, 7, 8]
    assert len(begun) == made
    assert numbers_of(stream.group(0)) == [0, 1, 2]  # made once more, the same
    assert len(begun) > made


def test_several_threads_may_ask_at_the_same_time(stream: WorldStream) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: numbers_of(stream.group(n // 8)), range(32)))
    assert found == [[3 * (n // 8) + k for k in range(3)] for n in range(32)]
    begun = stream.pool.numbers  # type: ignore[attr-defined]
    assert set(begun) == set(range(18))


def test_each_micrograph_gives_so_many_crops_and_never_comes_again(stream: WorldStream) -> None:
    crops = source(stream, crops=20)  # a group and two thirds of another
    shown: list[list[int]] = []
    for epoch in range(2):
        batches = [crops.cut(0, epoch, range(first, first + 4)) for first in range(0, 20, 4)]
        pixels = torch.cat([batch.pixels for batch in batches])[:, 0, 16, 16]
        shown.append([int(value) for value in pixels])
    assert Counter(shown[0][:12]) == {0: 4, 1: 4, 2: 4}
    assert set(shown[0][12:]) == {3, 4, 5}
    assert Counter(shown[1][:12]) == {6: 4, 7: 4, 8: 4}
    assert set(shown[1][12:]) == {9, 10, 11}


def test_crops_are_those_that_the_micrographs_of_the_group_give(stream: WorldStream) -> None:
    crops = source(stream, crops=12, augmentation=Augmentation())
    group = CropSource(
        stream.group(1), (22.0,), crops.settings.sampling, crops.settings.augmentation, crops.settings.target
    )
    numbers = range(4, 8)
    ours = crops.finish(crops.cut(5, 1, numbers), torch.device("cpu"))
    assert all(torch.equal(one, other) for one, other in zip(ours, group.batch(5, 1, numbers), strict=True))
    assert ours[0].shape == ours[1].shape == (4, 1, 32, 32)


def test_hard_places_are_of_no_use_where_nothing_comes_twice(stream: WorldStream) -> None:
    crops = source(stream, crops=12)
    assert crops.with_hard([(0, np.array([3.0, 4.0]))]) is crops


def test_one_core_is_left_to_the_net(monkeypatch: pytest.MonkeyPatch) -> None:
    assert makers_for(Worlds(makers=3)) == 3
    for cores, makers in ((1, 1), (2, 1), (16, 15)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        assert makers_for(Worlds()) == makers


def is_alive(process: int) -> bool:
    """Whether a process is there and runs; one that has ended but not been buried counts as gone."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def ends(process: int) -> bool:
    patience = time.monotonic() + PATIENCE
    while is_alive(process) and time.monotonic() < patience:
        time.sleep(0.02)
    return not is_alive(process)


def test_processes_make_the_same_and_end_with_the_block() -> None:
    with world_makers(WORLDS) as pool:
        maker = pool.submit(os.getpid).result()
        assert maker != os.getpid()
        time.sleep(0.1)  # until it waits for work
        os.kill(maker, signal.SIGINT)  # Ctrl-C in a terminal reaches all processes
        assert pool.submit(os.getpid).result() == maker
        stream = WorldStream(WORLDS, 4, HOW, pool)
        (first, *_) = stream.group(0)
        assert is_alive(maker)
    here = labelled_world(WORLDS, 4, 0, HOW)
    assert np.array_equal(first.data[:, :], here.data[:, :])
    assert np.array_equal(first.points, here.points)
    assert ends(maker)


def test_processes_end_when_the_one_that_started_them_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", KEEPS_MAKING], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        maker = int(parent.stdout.readline())
        assert is_alive(maker)
        parent.kill()
        parent.wait()
        assert ends(maker)
