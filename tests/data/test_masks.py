from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from motes.data.mask_pairs import collect_masks, pass_order
from motes.data.masks import ObjectNumbers, class_numbers, grey_scale_of_stored, whole
from motes.data.normalise import Normalisation, fill_bad_pixels, normalise
from motes.errors import ImageError, InputError
from motes.formats.images import write_image
from motes.formats.stores import ChunkCache

ZSCORE, NONE = Normalisation(clip_percent=1), Normalisation(kind="none")
RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 24, 32)).astype(np.float32)
MASKS = (RNG.random((6, 24, 32)) < 0.2).astype(np.uint8)


def save_store(path: Path, pixels, chunks=(2, 24, 32)) -> str:
    zarr.create_array(path, shape=pixels.shape, chunks=chunks, dtype=pixels.dtype)[:] = pixels
    return str(path)


@pytest.fixture
def stores(tmp_path) -> tuple[str, str]:
    return save_store(tmp_path / "images.zarr", IMAGES), save_store(tmp_path / "masks.zarr", MASKS)


def save_files(folder: Path, names=("a.tif", "b/c.tif"), end="") -> None:
    for number, name in enumerate(names):
        stem, dot, suffix = name.rpartition(".")
        write_image(folder / "images" / name, IMAGES[number])
        write_image(folder / "masks" / f"{stem}{end}{dot}{suffix}", MASKS[number])


def test_stores_give_normalised_pixels_and_labels_where_they_are_sliced(stores):
    found = collect_masks([stores[0]], stores[1], "binary", ZSCORE)
    assert [each.name for each in found.images] == [f"{n + 1:06d}@images.zarr" for n in range(6)]
    assert [each.chunk for each in found.images] == [0, 0, 1, 1, 2, 2]
    image = found.images[3]
    pixels, labels = image.pixels, image.labels
    assert image.shape == pixels.shape == labels.shape == (24, 32)
    assert image.ndim == pixels.ndim == labels.ndim == 2
    window = (slice(3, 20), slice(10, 31))
    cut = pixels[window]
    assert cut.dtype == np.float32
    np.testing.assert_allclose(cut, normalise(IMAGES[3], ZSCORE)[window], atol=2e-6)
    assert labels[window].dtype == np.int16
    np.testing.assert_array_equal(labels[window], MASKS[3][window])


@pytest.mark.parametrize("end", ["", "_mask", "_labels"])
def test_label_images_are_paired_by_name(tmp_path, end):
    save_files(tmp_path, end=end)
    found = collect_masks([str(tmp_path / "images")], str(tmp_path / "masks"), "binary", NONE)
    assert [each.name for each in found.images] == ["a.tif", "b/c.tif"]
    for number, each in enumerate(found.images):
        np.testing.assert_array_equal(whole(each.pixels), IMAGES[number])
        np.testing.assert_array_equal(whole(each.labels), MASKS[number])


def test_what_cannot_be_paired_is_named(tmp_path):
    save_files(tmp_path)
    write_image(tmp_path / "images" / "lonely.tif", IMAGES[0])
    write_image(tmp_path / "masks" / "other.tif", MASKS[0])
    found = collect_masks([str(tmp_path / "images")], str(tmp_path / "masks"), "binary", NONE)
    assert found.notes == [
        "without a mask, left out: lonely.tif",
        "masks without an image, left out: other.tif",
    ]
    with pytest.raises(InputError, match=r"images are named like 'a.tif', masks like 'other.tif'"):
        collect_masks(
            [str(tmp_path / "images" / "a.tif")], str(tmp_path / "masks" / "other.tif"), "binary", NONE
        )


def test_masks_in_the_same_place_need_no_common_name_and_share_a_cache(tmp_path):
    for number, (image, mask) in enumerate((("a.tif", "x.tif"), ("b.tif", "a.tif"))):
        write_image(tmp_path / "images" / image, IMAGES[number])
        write_image(tmp_path / "masks" / mask, MASKS[number])
    images = [str(tmp_path / "images" / name) for name in ("a.tif", "b.tif")]
    masks = [str(tmp_path / "masks" / name) for name in ("x.tif", "a.tif")]
    cache = ChunkCache()
    found = collect_masks(images, masks, "binary", NONE, cache=cache)
    assert [(each.name, each.mask_name) for each in found.images] == [("a.tif", "x.tif"), ("b.tif", "a.tif")]
    for number, each in enumerate(found.images):
        np.testing.assert_array_equal(whole(each.pixels), IMAGES[number])
        np.testing.assert_array_equal(whole(each.labels), MASKS[number])
    assert len(cache) == 4


def test_the_hash_of_an_image_does_not_depend_on_its_mask(stores, tmp_path):
    other = save_store(tmp_path / "m.zarr", 1 - MASKS)
    first, again = (collect_masks([stores[0]], each, "binary", NONE).images for each in (stores[1], other))
    assert first[0].sha256 != again[0].sha256
    assert [each.image_sha256 for each in first] == [each.image_sha256 for each in again]
    assert len({each.image_sha256 for each in first}) == 6


def test_two_masks_of_one_image_are_refused(tmp_path):
    save_files(tmp_path)
    write_image(tmp_path / "masks" / "a_mask.tif", MASKS[0])
    with pytest.raises(InputError, match=r"a.tif and a_mask.tif are both masks of a.tif"):
        collect_masks([str(tmp_path / "images")], str(tmp_path / "masks"), "binary", NONE)


def test_stores_must_be_of_one_length_and_size(tmp_path, stores):
    short = save_store(tmp_path / "short.zarr", MASKS[:5])
    with pytest.raises(ImageError, match=r"images.zarr holds 6 images and .*short.zarr 5 masks"):
        collect_masks([stores[0]], short, "binary", NONE)
    small = save_store(tmp_path / "small.zarr", MASKS[:, :20])
    with pytest.raises(ImageError, match=r"are 24 x 32 px and the masks of .*small.zarr 20 x 32 px"):
        collect_masks([stores[0]], small, "binary", NONE)


def test_a_store_goes_with_one_store(tmp_path, stores):
    save_files(tmp_path)
    with pytest.raises(ImageError, match=r"masks is not a store, but .*images.zarr is"):
        collect_masks([stores[0]], str(tmp_path / "masks"), "binary", NONE)
    with pytest.raises(ImageError, match="name one store"):
        collect_masks([stores[0], stores[0]], stores[1], "binary", NONE)
    with pytest.raises(ImageError, match="not a zarr store"):
        collect_masks([str(tmp_path / "images")], stores[1], "binary", NONE)


def test_what_mask_values_mean():
    values = np.array([-1, 0, 1, 2, 300], np.int16)
    assert class_numbers(values, "classes").tolist() == [-1, 0, 1, 2, 300]
    assert class_numbers(values, "instances").tolist() == [-1, 0, 1, 1, 1]
    assert class_numbers(np.array([0, 70000], np.uint32), "instances").tolist() == [0, 1]
    assert class_numbers(np.array([False, True]), "binary").tolist() == [0, 1]
    assert class_numbers(np.array([-1.0, 0, 1]), "binary").tolist() == [-1, 0, 1]


@pytest.mark.parametrize("how", [ZSCORE, NONE], ids=["zscore", "none"])
def test_the_grey_scale_of_the_whole_holds_in_every_part_bad_pixels_included(how):
    pixels = IMAGES[0].copy()
    pixels[2, 3:9] = np.nan
    pixels[4, 4] = np.inf
    expected = normalise(fill_bad_pixels(pixels, "a")[0], how)
    scale = grey_scale_of_stored(pixels, how, "a")
    for row in range(0, 24, 5):
        np.testing.assert_allclose(scale.apply(pixels[row : row + 5]), expected[row : row + 5], atol=2e-6)


def test_images_that_cannot_be_normalised_are_refused_with_their_name():
    with pytest.raises(ImageError, match=r"flat.mrc: all pixels have the same value"):
        grey_scale_of_stored(np.full((9, 9), 7.0), ZSCORE, "flat.mrc")
    with pytest.raises(ImageError, match=r"bright.mrc: its values go from 0 to 255"):
        grey_scale_of_stored(np.array([[0, 255]]), NONE, "bright.mrc")


def test_the_hash_is_that_of_pixels_and_mask(tmp_path, stores):
    first = collect_masks([stores[0]], stores[1], "binary", ZSCORE).images
    assert len({each.sha256 for each in first}) == 6
    copied = save_store(tmp_path / "copy.zarr", IMAGES, (5, 7, 9))
    again = collect_masks([copied], stores[1], "binary", NONE).images
    assert [each.sha256 for each in again] == [each.sha256 for each in first]
    changed = MASKS.copy()
    changed[2, 0, 0] ^= 1
    other = collect_masks([stores[0]], save_store(tmp_path / "m.zarr", changed), "binary", ZSCORE).images
    assert [a.sha256 == b.sha256 for a, b in zip(first, other, strict=True)] == [1, 1, 0, 1, 1, 1]


def test_grey_scale_and_hash_are_learnt_in_one_go(stores):
    image, fresh = (collect_masks([stores[0]], stores[1], "binary", ZSCORE).images[1] for _ in range(2))
    image.learn(IMAGES[1], MASKS[1])
    image.image = None  # nothing is read again
    assert (image.grey, image.sha256, image.image_sha256) == (fresh.grey, fresh.sha256, fresh.image_sha256)


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(0, 3), st.integers(0, 3), st.integers(1, 5))
def test_a_pass_takes_every_image_once_and_few_chunks_at_a_time(chunk_of, seed, epoch, together):
    order = pass_order(chunk_of, seed, epoch, together)
    assert sorted(order) == list(range(len(chunk_of)))
    chunks = [chunk_of[number] for number in order]
    for chunk in set(chunks):
        first, last = chunks.index(chunk), len(chunks) - 1 - chunks[::-1].index(chunk)
        assert len(set(chunks[first : last + 1])) <= together


def test_each_epoch_has_an_order_of_its_own_and_the_seed_repeats_it():
    chunk_of = [number // 8 for number in range(64)]
    orders = [pass_order(chunk_of, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4
    assert pass_order(chunk_of, 1, 1).tolist() == orders[-1]


def test_images_of_their_own_chunks_come_in_any_order():
    first = [int(pass_order(range(5), seed, 0)[0]) for seed in range(400)]
    assert np.bincount(first, minlength=5).min() > 50


def test_the_order_of_a_collection_keeps_chunks_together(stores):
    found = collect_masks([stores[0]], stores[1], "binary", ZSCORE)
    assert found.together == 4
    assert sorted(found.order(3, 1)) == list(range(6))


@pytest.mark.parametrize(("dtype", "low"), [(np.uint32, 2**31 + 5), (np.uint64, 2**40), (np.int64, 2**24)])
def test_objects_keep_apart_whatever_their_numbers(dtype, low):
    mask = np.zeros((4, 6), dtype)
    mask[1:3, 1:3], mask[1:3, 3:5] = low, low + 1
    if np.issubdtype(dtype, np.signedinteger):
        mask[0] = -1
    numbers = ObjectNumbers(mask, "instances")[:, :]
    assert numbers[1].tolist() == [0, 1, 1, 2, 2, 0]
    assert (numbers[0] == (-1 if np.issubdtype(dtype, np.signedinteger) else 0)).all()
