"""Crops of simulated micrographs without end: made in other processes while the net trains, each seen a few times."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motes.data.crops import CropSource, Labelled, Patches
from motes.data.normalise import Normalisation, normalise
from motes.simulate.worlds import Worlds, simulate_drawn

AHEAD = 2  # groups that are made before they are asked for
KEPT = 2  # groups before the present one that a late crop may still come from


def labelled_world(worlds: Worlds, seed: int, index: int, how: Normalisation) -> Labelled:
    """One micrograph of a series, ready to cut crops from."""
    made = simulate_drawn(worlds, seed, index)
    return Labelled(normalise(made.image.data, how, made.image.name), made.picks.points)


def makers_for(worlds: Worlds) -> int:
    """How many processes simulate: what the recipe says, or one less than there are cores."""
    return worlds.makers or max(1, len(os.sched_getaffinity(0)) - 1)


@contextmanager
def world_makers(worlds: Worlds) -> Iterator[ProcessPoolExecutor]:
    """Processes that simulate; they end with the block, and with this process in whatever way it ends."""
    pool = ProcessPoolExecutor(
        makers_for(worlds), multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """Leave when the process that started this one is gone, killed perhaps."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent says what is to be done
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@dataclass
class WorldStream:
    """The micrographs of a series by groups; those to come are made ahead. Safe to use from several threads."""

    worlds: Worlds
    seed: int
    normalisation: Normalisation
    pool: ProcessPoolExecutor
    _made: dict[int, list[Future[Labelled]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def group(self, number: int) -> list[Labelled]:
        """The micrographs of a group, made if they are not yet."""
        with self._lock:
            for each in range(number, number + AHEAD + 1):
                if each not in self._made:
                    self._made[each] = self._begin(each)
            for old in [each for each in self._made if each < number - KEPT]:
                del self._made[old]
            wanted = self._made[number]
        return [future.result() for future in wanted]

    def _begin(self, number: int) -> list[Future[Labelled]]:
        first = number * self.worlds.together
        return [
            self.pool.submit(labelled_world, self.worlds, self.seed, index, self.normalisation)
            for index in range(first, first + self.worlds.together)
        ]


@dataclass(frozen=True)
class WorldSource:
    """Cuts crops from a stream as CropSource does from images that are there.

    settings: a source whose images stand for those of the stream. crops: in an epoch. Crops with neighbouring
    numbers come from the same group, and each group gives worlds.together * worlds.crops_each of them.
    """

    stream: WorldStream
    settings: CropSource
    crops: int

    @property
    def _a_group(self) -> int:
        return self.stream.worlds.together * self.stream.worlds.crops_each

    def cut(self, seed: int, epoch: int, numbers: Sequence[int]) -> Patches:
        """What the crops of these numbers need; they must be of one group."""
        groups_before = epoch * -(-self.crops // self._a_group)
        images = self.stream.group(groups_before + numbers[0] // self._a_group)
        return replace(self.settings, images=images).cut(seed, epoch, numbers)

    def finish(self, patches: Patches, device: torch.device) -> tuple[Tensor, Tensor]:
        """The crops and their targets."""
        return self.settings.finish(patches, device)

    def with_hard(self, places: Sequence[tuple[int, NDArray[np.float64]]]) -> "WorldSource":
        """Itself: a micrograph that was hard does not come again."""
        del places
        return self
