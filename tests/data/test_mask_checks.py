import os
from pathlib import Path

import numpy as np
import pytest
import zarr
from PIL import Image as pillow
from scipy import ndimage

from motes.data.mask_checks import check_masks, check_values
from motes.data.mask_pairs import collect_masks
from motes.data.normalise import Normalisation
from motes.data.paint import Target, paint
from motes.errors import ImageError
from motes.formats.images import write_image

SIDE, RADIUS = 160, 6
NONE = Normalisation(kind="none")
REAL = os.environ.get("MOTES_REAL_DATA")


def discs(rng, count=12, radius=RADIUS, side=SIDE):
    points = rng.uniform(0, side, (count, 2))
    return (paint(points, (side, side), 2 * radius, Target(radius=1)) > 0).astype(np.uint8)


def marked_set(seed=0, count=10, contrast=-1.0, kind="white"):
    """Noisy images in [0, 1] and the true masks of what is in them."""
    rng = np.random.default_rng(seed)
    masks = np.stack([discs(rng) for _ in range(count)])
    images = contrast * masks + rng.normal(size=masks.shape)
    if kind == "blotches":
        images += 10 * ndimage.gaussian_filter(rng.normal(size=masks.shape), (0, 5, 5))
    if kind == "unmarked":
        images += 3 * np.stack([discs(rng, 5, 9) for _ in range(count)])
    if kind == "slope":
        images += np.linspace(0, 10, SIDE)
    images -= images.min()
    return (images / images.max()).astype(np.float32), masks


def save(folder: Path, images, masks) -> tuple[list[str], str]:
    for name, pixels in (("images", images), ("masks", masks)):
        path = folder / f"{name}.zarr"
        zarr.create_array(path, shape=pixels.shape, chunks=(1, *pixels.shape[1:]), dtype=pixels.dtype)[:] = (
            pixels
        )
    return [str(folder / "images.zarr")], str(folder / "masks.zarr")


def checked(folder, images, masks, kind="binary", how=NONE, classes=1, **options):
    return check_masks(collect_masks(*save(folder, images, masks), kind, how).images, classes, **options)


def test_good_masks_pass_and_leave_what_was_learnt(tmp_path):
    images, masks = marked_set()
    masks[3] = 0  # a single empty one is fine
    seen = []
    found = checked(tmp_path, images, masks, done=seen.append)
    assert seen == list(range(1, 11))
    assert len(found.usable) == 10
    assert (found.problems, found.notes) == ({}, [])
    assert found.foreground == pytest.approx(masks.mean())
    assert {each.name for each in found.usable} - found.with_objects == {"000004@images.zarr"}
    assert all(each._sha256 is not None for each in found.usable)


def test_a_set_in_which_nothing_is_marked_passes_where_there_are_others(tmp_path):
    images, masks = marked_set(count=3)
    found = checked(tmp_path, images, 0 * masks, alone=False)
    assert (len(found.usable), found.with_objects) == (3, frozenset())
    flat = checked(tmp_path / "flat", 0 * images, masks, how=Normalisation(), alone=False)
    assert (flat.usable, len(flat.problems)) == ([], 3)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("binary", np.array([0, 1], np.uint8)),
        ("binary", np.array([False, True])),
        ("binary", np.array([-1, 0, 1], np.int8)),
        ("binary", np.array([0.0, 1.0])),
        ("classes", np.array([-1, 0, 1, 2, 3])),
        ("instances", np.array([0, 5, 40000], np.uint16)),
        ("instances", np.array([0, 255], np.uint8)),
    ],
)
def test_values_that_fit_their_kind(kind, values):
    check_values(values, kind, 3, "m")


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("binary", np.array([0, 255], np.uint8), r"m: the mask holds 0 and 255.*mask // 255"),
        ("binary", np.array([255], np.uint8), "0 and 255"),
        ("classes", np.array([0, 255], np.uint8), "0 and 255"),
        ("binary", np.array([0, 12, 130, 255], np.uint8), "interpolation or from JPEG"),
        ("binary", np.array([0, 0.25, 1.0]), r"holds 0, 0.25, 1.*interpolation"),
        ("instances", np.array([0, 1.5, 3]), "interpolation"),
        ("binary", np.arange(9), r"8 \(9 different values\).*masks.kind=instances"),
        (
            "classes",
            np.array([0, 1, 4]),
            r"holds 0, 1, 4, where 0 to 3 \(0 background.*add the missing classes",
        ),
        ("binary", np.array([0, 1, np.nan]), "NaN"),
        ("instances", np.array([-3, 0, 1]), "nothing else may be below 0"),
    ],
)
def test_values_that_do_not_are_shown_with_what_to_do(kind, values, words):
    with pytest.raises(ImageError, match=words):
        check_values(values, kind, 3, "m")


def test_wrong_values_stop_the_check_at_once_and_name_the_mask(tmp_path):
    images, masks = marked_set(count=4)
    masks[2] *= 255
    seen = []
    with pytest.raises(ImageError, match=r"000003@masks.zarr: the mask holds 0 and 255"):
        checked(tmp_path, images, masks, done=seen.append)
    assert seen == [1, 2]


@pytest.mark.parametrize("kind", ["binary", "classes", "instances"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.int8])
def test_masks_of_0_and_255_are_refused_whatever_the_kind_and_type(tmp_path, kind, dtype):
    images, masks = marked_set(count=4)
    white = (255 * masks.astype(np.int16)).astype(dtype)  # -1 as a signed byte
    words = "255 as a signed byte is -1" if dtype is np.int8 else r"the mask holds 0 and 255.*mask // 255"
    with pytest.raises(ImageError, match=words):
        checked(tmp_path, images, white, kind, classes=2)


def test_instances_that_all_have_one_number_are_noted(tmp_path):
    images, masks = marked_set(count=4)
    found = checked(tmp_path, images, masks, "instances")
    assert [note[:49] for note in found.notes] == ["masks.kind is instances, but in each mask all obj"]
    assert set(found.objects.values()) == {1}
    numbered = np.stack([ndimage.label(mask)[0] for mask in masks]).astype(np.uint16)
    right = checked(tmp_path / "n", images, numbered, "instances")
    assert right.notes == []
    assert right.objects == checked(tmp_path / "b", images, masks).objects
    assert min(right.objects.values()) > 3


def test_images_beyond_0_and_1_that_are_to_stay_are_refused(tmp_path):
    images, masks = marked_set(count=3)
    images[1] *= 255
    with pytest.raises(ImageError, match=r"000002@images.zarr: its values go from .* to 255"):
        checked(tmp_path, images, masks)
    assert len(checked(tmp_path / "z", images, masks, how=Normalisation()).usable) == 3


def test_masks_that_are_all_empty_are_refused(tmp_path):
    images, masks = marked_set(count=3)
    with pytest.raises(ImageError, match=r"all 3 masks are empty, beginning with 000001@masks.zarr"):
        checked(tmp_path, images, masks * 0)
    with pytest.raises(ImageError, match=r"-1 means ignored"):
        checked(tmp_path / "i", images, masks.astype(np.int8) * 0 - 1)


def test_inverted_masks_are_refused_but_crowded_ones_are_not(tmp_path):
    images, masks = marked_set(count=6)
    with pytest.raises(ImageError, match=r"seem to be inverted.*1 - mask"):
        checked(tmp_path, images, 1 - masks)
    rng = np.random.default_rng(1)
    crowded = np.stack([discs(rng, 200, 8) for _ in range(6)])
    assert crowded.mean() > 0.5
    assert len(checked(tmp_path / "c", images, crowded).usable) == 6


def test_bad_images_cost_the_others_nothing(tmp_path):
    images, masks = marked_set(count=6)
    images[1, :100] = np.nan
    images[2, 0, :7] = np.nan
    images[4] = 0.5
    found = checked(tmp_path, images, masks, how=Normalisation())
    assert [each.name for each in found.usable] == [f"{n + 1:06d}@images.zarr" for n in (0, 2, 3, 5)]
    assert "NaN or infinite" in found.problems["000002@images.zarr"]
    assert "the same value" in found.problems["000005@images.zarr"]
    assert found.notes == ["000003@images.zarr: 7 NaN or infinite pixels masked"]


def test_damaged_files_and_other_sizes_cost_the_others_nothing(tmp_path):
    images, masks = marked_set(count=4)
    for number in range(4):
        write_image(tmp_path / "i" / f"{number}.tif", images[number])
        write_image(tmp_path / "m" / f"{number}.png", masks[number])
    (tmp_path / "i" / "0.tif").write_bytes(b"")
    write_image(tmp_path / "m" / "1.png", masks[1][:-1])
    pillow.fromarray(masks[2]).convert("RGB").save(tmp_path / "m" / "2.png")
    found = check_masks(collect_masks([str(tmp_path / "i")], str(tmp_path / "m"), "binary", NONE).images)
    assert [each.name for each in found.usable] == ["3.tif"]
    assert "empty (0 bytes)" in found.problems["0.tif"]
    assert "160 x 160 px and its mask 1.png 159 x 160 px" in found.problems["1.tif"]
    assert "2.png: a mask in colours" in found.problems["2.tif"]


def test_no_usable_image_is_an_error(tmp_path):
    images, masks = marked_set(count=2)
    with pytest.raises(ImageError, match=r"000001@images.zarr.*NaN"):
        checked(tmp_path, images * np.nan, masks)


@pytest.mark.parametrize("contrast", [-1.0, 2.0], ids=["dark", "bright"])
@pytest.mark.parametrize("shift", [(9, 0), (-7, 8)])
def test_shifted_masks_are_refused_with_the_way_back(tmp_path, contrast, shift):
    images, masks = marked_set(count=16, contrast=contrast)
    back = ", ".join(f"[+]?{-step} px in {axis}" for step, axis in zip(shift, "yx", strict=True) if step)
    with pytest.raises(ImageError, match=f"shifted.*fit best when moved by {back}"):
        checked(tmp_path, images, np.roll(masks, shift, (1, 2)))
    moved = checked(tmp_path / "sure", images, np.roll(masks, shift, (1, 2)), check_shift=False)
    assert len(moved.usable) == 16


@pytest.mark.parametrize("kind", ["white", "blotches", "unmarked", "slope"])
@pytest.mark.parametrize("contrast", [0.0, -0.05, -0.3, 2.0])
@pytest.mark.parametrize("count", [1, 3, 20])
def test_masks_in_their_place_accuse_nobody(tmp_path, kind, contrast, count):
    images, masks = marked_set(count, count, contrast, kind)
    assert len(checked(tmp_path, images, masks).usable) == count


def test_particles_that_keep_apart_do_not_look_shifted(tmp_path):
    """A bright halo around faint particles fits a mask beside them better than one on them."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(10, SIDE, 20)] * 2, indexing="ij"), -1).reshape(-1, 2)
    masks, images = [], []
    for _ in range(20):
        points = grid + rng.uniform(-3, 3, grid.shape)
        points = points[rng.random(len(points)) < 0.5]
        mask = paint(points, (SIDE, SIDE), 2 * RADIUS, Target(radius=1))
        halo = paint(points, (SIDE, SIDE), 4 * RADIUS, Target(radius=1)) - mask
        masks.append(mask.astype(np.uint8))
        images.append(halo - 0.2 * mask + rng.normal(size=mask.shape))
    scaled = (np.stack(images) + 9) / 18
    assert len(checked(tmp_path, scaled.astype(np.float32), np.stack(masks)).usable) == 20


def test_volumes_are_checked_in_the_same_way(tmp_path):
    rng = np.random.default_rng(0)
    points = [rng.uniform(0, 48, (9, 3)) for _ in range(10)]
    masks = np.stack([paint(each, (48, 48, 48), 8, Target(radius=1)) for each in points]).astype(np.uint8)
    images = (masks + 0.5 * rng.normal(size=masks.shape) + 5).astype(np.float32) / 20
    for name, moved, words in (("a", 0, None), ("b", 5, r"moved by -5 px in z$|moved by -5 px in z;")):
        paths = save(tmp_path / name, images, np.roll(masks, moved, 1))
        collected = collect_masks(*paths, "binary", NONE, ndim=3).images
        if words is None:
            assert len(check_masks(collected).usable) == 10
        else:
            with pytest.raises(ImageError, match=words):
                check_masks(collected)


@pytest.mark.real
@pytest.mark.skipif(REAL is None, reason="MOTES_REAL_DATA does not say where the real images are")
@pytest.mark.parametrize("folder", ["dsb2018_nuclei", "emps_em_particles"])
def test_real_masks_pass_and_are_noticed_when_shifted(folder):
    root = Path(str(REAL)) / folder
    found = collect_masks([str(root / "images")], str(root / "labels"), "instances", Normalisation())
    assert found.notes == []
    assert check_masks(found.images).problems == {}
    for each in found.images:
        labels = np.roll(each.mask[tuple(slice(0, side) for side in each.shape)], (12, -9), (0, 1))
        each.mask = labels
    with pytest.raises(ImageError, match=r"moved by -1\d px in y, \+\d+ px in x"):
        check_masks(found.images)
