"""Stores of many images: one zarr array (image, [z,] y, x), read and written chunk by chunk.

Zarr formats 2 and 3 are read, chunked and compressed in any way, sharded too; format 2 is written, which
every zarr library reads.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from motes.errors import ImageError
from motes.formats.header import ImageInfo
from motes.output import explained

if TYPE_CHECKING:  # zarr takes 0.4 s to import, and most commands meet no store
    import zarr

MARKS = ("zarr.json", ".zarray", ".zgroup")
CACHE_BYTES = 2**29


def is_store(path: Path) -> bool:
    """Whether this is a zarr store: a folder that holds zarr's description of an array or a group."""
    return any((path / mark).is_file() for mark in MARKS)


class ChunkCache:
    """The arrays used last, up to so many bytes together; the newest one stays however large it is.

    Threads may share it: what several ask for at once is loaded once.
    """

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self.most_bytes = most_bytes
        self._held: OrderedDict[Hashable, Future[NDArray[Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Hashable, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array of that key, loaded where it is not held. An error of load is raised to all who wait."""
        with self._lock:
            known = self._held.get(key)
            future: Future[NDArray[Any]] = known or Future()
            self._held[key] = future
            self._held.move_to_end(key)
        if known is None:
            self._load(key, future, load)
        return future.result()

    def _load(self, key: Hashable, future: Future[NDArray[Any]], load: Callable[[], NDArray[Any]]) -> None:
        try:
            future.set_result(load())
        except BaseException as error:
            with self._lock:
                self._held.pop(key, None)
            future.set_exception(error)
            return
        with self._lock:
            sizes = {key: each.result().nbytes for key, each in self._held.items() if each.done()}
            excess = sum(sizes.values()) - self.most_bytes
            for old, size in sizes.items():
                if excess > 0 and old != key:
                    del self._held[old]
                    excess -= size


class Store:
    """One zarr array of images, open for reading.

    shape: (image, [z,] y, x). dtype: as stored. images_per_chunk: how many images are read at once.
    """

    def __init__(self, path: Path, array: "zarr.Array[Any]", cache: ChunkCache | None = None) -> None:
        self.path = path
        self.shape = tuple(map(int, array.shape))
        self.dtype = np.dtype(array.dtype)
        self.cache = ChunkCache() if cache is None else cache
        self._array = array
        self._chunk = tuple(max(1, int(side)) for side in array.chunks)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def images_per_chunk(self) -> int:
        """How many images lie in one chunk."""
        return self._chunk[0]

    @property
    def chunks_held(self) -> int:
        """How many layers of chunks, each with images_per_chunk whole images, the cache can hold; at least 1."""
        layer = self.images_per_chunk * int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        return max(1, self.cache.most_bytes // max(layer, 1))

    def image(self, number: int) -> "StoredImage":
        """The image of that number, from 0, not yet read."""
        return StoredImage(self, (number,))

    def read(self, window: Sequence[slice]) -> NDArray[Any]:
        """A copy of a window (image, [z,] y, x) of the array, given by start and stop of each axis.

        Raises ImageError where a chunk cannot be read.
        """
        wanted = np.empty([each.stop - each.start for each in window], self.dtype)
        touched = [
            range(each.start // side, -(-each.stop // side)) if each.stop > each.start else range(0)
            for each, side in zip(window, self._chunk, strict=True)
        ]
        for index in itertools.product(*touched):
            begin = [i * side for i, side in zip(index, self._chunk, strict=True)]
            block = self.cache.get((self.path, index), partial(self._read_chunk, index))
            shared = [
                (max(each.start, b), min(each.stop, b + size))
                for each, b, size in zip(window, begin, block.shape, strict=True)
            ]
            target = tuple(
                slice(a - each.start, z - each.start) for (a, z), each in zip(shared, window, strict=True)
            )
            wanted[target] = block[
                tuple(slice(a - b, z - b) for (a, z), b in zip(shared, begin, strict=True))
            ]
        return wanted

    def read_whole(self, place: tuple[int, ...]) -> NDArray[Any]:
        """All that lies at the given indices of the leading axes; ImageError where it cannot be read."""
        with _explained(self.path, "its chunks"):
            return np.asarray(self._array[place] if place else self._array[:])

    def _read_chunk(self, index: Sequence[int]) -> NDArray[Any]:
        place = tuple(
            slice(i * side, min((i + 1) * side, size))
            for i, side, size in zip(index, self._chunk, self.shape, strict=True)
        )
        ends = ", ".join(f"{each.start} to {each.stop - 1}" for each in place)
        with _explained(self.path, f"its chunk at {ends}"):
            return np.asarray(self._array[place])


class StoredImage:
    """One image of a store, read where it is sliced, as in image[10:20, 30:40]; np.asarray reads it all.

    place: the indices of the leading axes that lead to it, such as its number in a store of many images.
    """

    def __init__(self, store: Store, place: tuple[int, ...]) -> None:
        self.store = store
        self.place = place
        self.shape = store.shape[len(place) :]
        self.ndim = len(self.shape)
        self.dtype = store.dtype

    @property
    def nbytes(self) -> int:
        """What all of its pixels take in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __getitem__(self, window: slice | tuple[slice, ...]) -> NDArray[Any]:
        """([z,] y, x) pixels as stored; slices run as NumPy's do, forward and without a step.

        Axes without a slice are taken whole.
        """
        given = window if isinstance(window, tuple) else (window,)
        full = (*given, *(slice(None),) * (self.ndim - len(given)))
        inner = [slice(*each.indices(size)[:2]) for each, size in zip(full, self.shape, strict=True)]
        pixels = self.store.read([*(slice(number, number + 1) for number in self.place), *inner])
        return np.asarray(pixels[(0,) * len(self.place)])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All pixels ([z,] y, x), read without filling the cache."""
        del copy  # there is nothing yet that could be shared
        return self.store.read_whole(self.place).astype(dtype or self.dtype, copy=False)


def open_store(path: Path, ndim: int = 2, cache: ChunkCache | None = None) -> Store:
    """Open a zarr array of images, or a group that holds just one array.

    Raises ImageError for what is not zarr, of another shape, without images, or not of numbers.
    """
    array = open_array(path)
    axes = "(image, y, x)" if ndim == 2 else "(image, z, y, x)"
    if array.ndim != ndim + 1:
        raise ImageError(
            f"{path}: an array of shape {array.shape}, where one of shape {axes} is expected; "
            "write it again without other axes, such as one for colours"
        )
    return Store(path, array, cache)


def open_array(path: Path) -> "zarr.Array[Any]":
    """A zarr array of real numbers, or that of a group that holds just one; ImageError where there is none."""
    import zarr

    if not path.exists():
        raise ImageError(f"{path}: no such store")
    if not is_store(path):
        raise ImageError(f"{path}: not a zarr store; expected a folder with {', '.join(MARKS[:2])} in it")
    with _explained(path, "the description of its array"):
        found = zarr.open(path, mode="r")
        array = found if isinstance(found, zarr.Array) else _only_array(path, found)
    if 0 in array.shape:
        raise ImageError(f"{path}: holds no image, its shape is {array.shape}")
    if np.dtype(array.dtype).kind not in "biuf":
        raise ImageError(f"{path}: holds {array.dtype} values, where real numbers are expected")
    return array


def info(path: Path, ndim: int, pixel_size: float | None) -> ImageInfo:
    """What is known of the images of a store; ImageError as open_store raises it."""
    store = open_store(path, ndim)
    return ImageInfo(store.shape[1:], pixel_size, len(store), None)


def read(path: Path, ndim: int, section: int) -> NDArray[Any]:
    """([z,] y, x) pixels of one image of a store, 0-based; ImageError as open_store raises it."""
    store = open_store(path, ndim)
    return store.image(section)[(slice(None),) * ndim]


def _only_array(path: Path, group: "zarr.Group") -> "zarr.Array[Any]":
    import zarr

    names = sorted(group.array_keys())
    if len(names) != 1:
        found = f"{len(names)} arrays ({', '.join(names[:5])})" if names else "no array"
        hint = f"; name one of them, as in {path / names[0]}" if names else ""
        raise ImageError(f"{path}: a zarr group with {found}, where one array is expected{hint}")
    array = group[names[0]]
    if not isinstance(array, zarr.Array):
        raise ImageError(f"{path}: {names[0]} is not an array")
    return array


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Turn whatever zarr and its decoders raise on damaged files into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(
            f"{path}: cannot read {what} ({type(error).__name__}: {error}); the store may be damaged, "
            "copy or write it again"
        ) from error


class StoreWriter:
    """A store that is being written, one image at a time, each a chunk that appears whole or not at all."""

    def __init__(self, path: Path, array: "zarr.Array[Any]") -> None:
        self.path = path
        self._array = array

    def write(self, number: int, pixels: NDArray[Any]) -> None:
        """Put ([z,] y, x) pixels in the place of that number, and make room for more where it is short.

        Raises OutputError where that is not possible.
        """
        if number >= self._array.shape[0]:
            self.resize(max(number + 1, 2 * self._array.shape[0]))
        with explained(self.path):
            self._array[number] = pixels

    def resize(self, count: int) -> None:
        """Make room for, or cut down to, so many images; new ones are 0."""
        with explained(self.path):
            self._array.resize((count, *self._array.shape[1:]))


def create_store(path: Path, shape: Sequence[int], dtype: DTypeLike) -> StoreWriter:
    """A new store of images ([z,] y, x), with room for one; OutputError where it cannot be written."""
    import zarr

    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        array = zarr.create_array(
            path, shape=(1, *shape), chunks=(1, *shape), dtype=np.dtype(dtype).name, zarr_format=2
        )
    return StoreWriter(path, array)


def reopen_store(path: Path) -> StoreWriter:
    """A store that create_store made, open for more; ImageError where it is none."""
    import zarr

    with _explained(path, "the description of its array"):
        array = zarr.open_array(path, mode="r+")
    return StoreWriter(path, array)
