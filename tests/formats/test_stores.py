from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from motes.data.image_list import find_images
from motes.errors import ImageError, OutputError
from motes.formats.images import image_info, read_image
from motes.formats.stores import ChunkCache, create_store, is_store, open_store, reopen_store

PIXELS = np.arange(7 * 20 * 30, dtype=np.float32).reshape(7, 20, 30)


def saved(path: Path, chunks=(2, 16, 16), pixels=PIXELS, **how) -> Path:
    array = zarr.create_array(path, shape=pixels.shape, chunks=chunks, dtype=pixels.dtype, **how)
    array[:] = pixels
    return path


@pytest.mark.parametrize(
    "how",
    [{"zarr_format": 2}, {"zarr_format": 3}, {"compressors": None}, {"shards": (4, 32, 32)}],
    ids=["v2", "v3", "raw", "sharded"],
)
def test_every_kind_of_store_reads_the_same(tmp_path, how):
    store = open_store(saved(tmp_path / "images.zarr", **how))
    assert store.shape == PIXELS.shape
    assert len(store) == 7
    for number in range(7):
        image = store.image(number)
        assert (image.shape, image.ndim) == ((20, 30), 2)
        np.testing.assert_array_equal(image[0:20, 0:30], PIXELS[number])


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_window_is_that_of_the_array(tmp_path_factory, data):
    sides = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9)))
    chunks = data.draw(st.tuples(*(st.integers(1, side) for side in sides)))
    pixels = np.random.default_rng(0).integers(0, 99, sides).astype(np.uint8)
    store = open_store(saved(tmp_path_factory.mktemp("s") / "a.zarr", chunks, pixels))
    number = data.draw(st.integers(0, sides[0] - 1))
    window = tuple(
        slice(*sorted(data.draw(st.tuples(st.integers(0, side), st.integers(0, side))))) for side in sides[1:]
    )
    np.testing.assert_array_equal(store.image(number)[window], pixels[number][window])


def test_volumes_are_stored_as_well(tmp_path):
    pixels = np.arange(2 * 4 * 5 * 6, dtype=np.int16).reshape(2, 4, 5, 6)
    store = open_store(saved(tmp_path / "v.zarr", (1, 2, 5, 6), pixels), ndim=3)
    np.testing.assert_array_equal(store.image(1)[1:3, :, 2:], pixels[1, 1:3, :, 2:])


def test_a_group_with_one_array_is_that_array(tmp_path):
    group = zarr.open_group(tmp_path / "g.zarr", mode="w")
    with pytest.raises(ImageError, match="a zarr group with no array"):
        open_store(tmp_path / "g.zarr")
    group.create_array("data", shape=(3, 4, 5), dtype="uint8")
    assert open_store(tmp_path / "g.zarr").shape == (3, 4, 5)
    group.create_array("more", shape=(3, 4, 5), dtype="uint8")
    with pytest.raises(ImageError, match=r"2 arrays \(data, more\).*g.zarr/data"):
        open_store(tmp_path / "g.zarr")


@pytest.mark.parametrize(
    ("shape", "dtype", "words"),
    [
        ((4, 5), "uint8", r"shape \(4, 5\), where one of shape \(image, y, x\)"),
        ((2, 1, 4, 5), "uint8", "such as one for colours"),
        ((0, 4, 5), "uint8", "holds no image"),
        ((2, 4, 5), "complex64", "real numbers are expected"),
    ],
)
def test_what_is_no_store_of_images_is_refused(tmp_path, shape, dtype, words):
    zarr.create_array(tmp_path / "a.zarr", shape=shape, chunks=tuple(max(1, n) for n in shape), dtype=dtype)
    with pytest.raises(ImageError, match=words):
        open_store(tmp_path / "a.zarr")


def test_what_is_not_zarr_is_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    assert not is_store(tmp_path / "folder")
    with pytest.raises(ImageError, match="not a zarr store"):
        open_store(tmp_path / "folder")
    with pytest.raises(ImageError, match="no such store"):
        open_store(tmp_path / "gone.zarr")
    (tmp_path / "folder" / "zarr.json").write_text("{")
    with pytest.raises(ImageError, match="cannot read the description"):
        open_store(tmp_path / "folder")


def test_a_damaged_chunk_is_named(tmp_path):
    path = saved(tmp_path / "a.zarr", (2, 20, 30), zarr_format=2)
    (path / "1.0.0").write_bytes(b"no chunk")
    store = open_store(path)
    np.testing.assert_array_equal(store.image(1)[:, :], PIXELS[1])
    with pytest.raises(
        ImageError, match=r"a.zarr: cannot read its chunk at 2 to 3, 0 to 19, 0 to 29 .*damaged"
    ):
        store.image(2)[:, :]


def test_a_store_larger_than_the_cache_is_read_with_few_chunks_in_memory(tmp_path):
    pixels = np.zeros((40, 16, 16), np.float32)
    path = saved(tmp_path / "a.zarr", (2, 16, 16), pixels)
    cache = ChunkCache(3 * 2 * 16 * 16 * 4)
    store = open_store(path, cache=cache)
    held = []
    for number in range(40):
        store.image(number)[:, :]
        held.append(len(cache))
    assert max(held) == 3
    assert store.chunks_held == 3
    assert store.images_per_chunk == 2


def test_a_chunk_is_read_once_for_all_its_images_and_all_threads(tmp_path, monkeypatch):
    store = open_store(saved(tmp_path / "a.zarr", (7, 20, 30)))
    read = []
    load = store._read_chunk
    monkeypatch.setattr(store, "_read_chunk", lambda index: (read.append(index), load(index))[1])
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: store.image(number)[:, :], [*range(7)] * 8))
    assert read == [(0, 0, 0)]
    for number, pixels in zip([*range(7)] * 8, found, strict=True):
        np.testing.assert_array_equal(pixels, PIXELS[number])


def test_the_newest_array_is_held_however_large_and_the_oldest_goes_first():
    cache = ChunkCache(16)
    loaded = []

    def load(name, size):
        return cache.get(name, lambda: loaded.append(name) or np.zeros(size, np.uint8))

    load("a", 8), load("b", 8), load("a", 8), load("c", 8)
    assert loaded == ["a", "b", "c"]
    load("a", 8), load("b", 8)
    assert loaded == ["a", "b", "c", "b"]
    load("d", 99)
    assert len(cache) == 1


def test_an_error_is_not_kept():
    cache = ChunkCache()
    with pytest.raises(ImageError, match="once"):
        cache.get("a", lambda: (_ for _ in ()).throw(ImageError("once")))
    assert cache.get("a", lambda: np.ones(2)).tolist() == [1, 1]


def test_what_is_written_one_by_one_is_read_back(tmp_path):
    writer = create_store(tmp_path / "a.zarr", (20, 30), "float32")
    for number in range(4):
        writer.write(number, PIXELS[number])
    again = reopen_store(tmp_path / "a.zarr")
    for number in range(4, 7):
        again.write(number, PIXELS[number])
    again.resize(7)
    store = open_store(tmp_path / "a.zarr")
    assert (len(store), store.images_per_chunk, store.dtype) == (7, 1, np.dtype("float32"))
    np.testing.assert_array_equal(store.read([slice(0, 7), slice(0, 20), slice(0, 30)]), PIXELS)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        create_store(tmp_path / "file" / "a.zarr", (4, 4), "uint8")


def test_a_store_is_a_stack_of_images_for_whoever_reads_images(tmp_path):
    writer = create_store(tmp_path / "a.zarr", (20, 30), "float32")
    for number in range(3):
        writer.write(number, PIXELS[number])
    writer.resize(3)
    entries = find_images([str(tmp_path / "a.zarr")])
    assert [entry.name for entry in entries] == [f"{n:06d}@a.zarr" for n in (1, 2, 3)]
    read = entries[2].read(pixel_size=2.5)
    np.testing.assert_array_equal(read.data, PIXELS[2])
    assert (read.pixel_size, image_info(tmp_path / "a.zarr").sections) == (2.5, 3)
    with pytest.raises(ImageError, match="there is no section 4"):
        read_image(tmp_path / "a.zarr", section=3)
