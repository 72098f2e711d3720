import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from motes.data.image_list import find_images
from motes.errors import ImageError, OutputError
from motes.formats import ome_zarr
from motes.formats.images import image_info, is_image, is_store_of_images, read_image
from motes.formats.ome_zarr import halved, open_volume, write_ome_zarr
from motes.formats.stores import ChunkCache

VOLUME = np.random.default_rng(0).normal(size=(9, 20, 13)).astype(np.float32)
TRUE_SIZE = 10.012444  # of the challenge's tomograms, whose folder says 10.000


def made(
    path: Path, axes: Any, scale: Any, data: Any = VOLUME, shared: Any = None, version: str = "0.4"
) -> Path:
    """An OME-Zarr image of one level with metadata of one's own."""
    transformations = [] if scale is None else [{"type": "scale", "scale": scale}]
    multiscale = {
        "axes": axes,
        "datasets": [{"path": "0", "coordinateTransformations": transformations}],
        **({} if shared is None else {"coordinateTransformations": [{"type": "scale", "scale": shared}]}),
    }
    metadata = {"multiscales": [multiscale]}
    group = zarr.create_group(
        path,
        zarr_format=2 if version == "0.4" else 3,
        attributes=metadata if version == "0.4" else {"ome": {"version": version, **metadata}},
    )
    group.create_array("0", data=np.asarray(data))
    return path


def space(unit: str | None, names: str = "zyx") -> list[dict[str, str]]:
    return [{"name": name, "type": "space", **({} if unit is None else {"unit": unit})} for name in names]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_is_written_is_read(tmp_path: Path, version: Any) -> None:
    path = tmp_path / "t.zarr"
    write_ome_zarr(path, VOLUME, TRUE_SIZE, version=version)
    image = read_image(path, ndim=3)
    assert (image.pixel_size, image.shape, image.name) == (TRUE_SIZE, VOLUME.shape, "t.zarr")
    np.testing.assert_array_equal(image.as_float32(), VOLUME)
    np.testing.assert_array_equal(image.data[2:5, 3:4, :7], VOLUME[2:5, 3:4, :7])
    np.testing.assert_array_equal(image.data[4:], VOLUME[4:])
    assert (image.data.nbytes, image.data.dtype, image.ndim) == (VOLUME.nbytes, VOLUME.dtype, 3)
    assert image_info(path, 3) == ome_zarr.info(path, 3, None)
    assert image_info(path, 3).note is None
    metadata = json.loads((path / (".zattrs" if version == "0.4" else "zarr.json")).read_text())
    found = metadata if version == "0.4" else metadata["attributes"]["ome"]
    assert [axis["unit"] for axis in found["multiscales"][0]["axes"]] == ["angstrom"] * 3


def test_levels_halve_and_a_voxel_of_each_is_twice_as_large(tmp_path: Path) -> None:
    path = tmp_path / "t.zarr"
    write_ome_zarr(path, VOLUME, 7.5)
    expected = VOLUME
    for level in range(3):
        np.testing.assert_allclose(np.asarray(open_volume(path, level=level)), expected, rtol=1e-6, atol=1e-7)
        assert image_info(path / str(level), 3).pixel_size == 7.5 * 2**level
        np.testing.assert_array_equal(
            read_image(path / str(level), ndim=3).as_float32(), open_volume(path, level=level)
        )
        expected = halved(expected)
    with pytest.raises(ImageError, match="there is no level 3; it has 3, from 0 to 2"):
        open_volume(path, level=3)


@given(shape=st.tuples(*[st.integers(1, 7)] * 3))
def test_halving_keeps_the_mean_of_what_is_there(shape: tuple[int, int, int]) -> None:
    data = np.random.default_rng(1).normal(size=shape)
    found = halved(data)
    assert found.shape == tuple(-(-side // 2) for side in shape)
    for z, y, x in np.ndindex(found.shape):
        block = data[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        assert found[z, y, x] == pytest.approx(block.mean(), abs=1e-6)


@pytest.mark.parametrize(("side", "slab"), [(2, 1), (4, 1), (4, 3), (3, 2)])
def test_levels_are_the_same_however_the_work_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: int, slab: int
) -> None:
    monkeypatch.setattr(ome_zarr, "SIDE", side)
    monkeypatch.setattr(ome_zarr, "SLAB", slab)
    small = VOLUME[:, :7, :6]
    write_ome_zarr(tmp_path / "t.zarr", small, 1.5)
    once = halved(small)
    for level, expected in enumerate((small, once, halved(once))):
        found = np.asarray(open_volume(tmp_path / "t.zarr", level=level))
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "scale", "expected"),
    [
        ("angstrom", 10.012444, 10.012444),
        ("angstrom", 1.0, 1.0),
        ("nanometer", 1.0012444, 10.012444),
        ("nanometre", 1.5, 15),
        ("nm", 1.5, 15),
        ("micrometer", 0.00135, 13.5),
        ("µm", 0.00135, 13.5),
        ("picometer", 673, 6.73),
        ("Å", 3.0, 3.0),
    ],
)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_unit_counts(tmp_path: Path, unit: str, scale: float, expected: float, version: str) -> None:
    path = made(tmp_path / "t.zarr", space(unit), [scale] * 3, version=version)
    assert image_info(path, 3).pixel_size == pytest.approx(expected, rel=1e-12)
    assert image_info(path, 3, pixel_size=4.2).pixel_size == 4.2


def test_transformations_of_all_levels_multiply(tmp_path: Path) -> None:
    path = made(tmp_path / "t.zarr", space("nanometer"), [2.0] * 3, shared=[0.5] * 3)
    assert image_info(path, 3).pixel_size == pytest.approx(10)


@pytest.mark.parametrize(
    ("axes", "scale", "words"),
    [
        (space(None), [10.0] * 3, "no unit of length"),
        (space("parsec"), [10.0] * 3, "no unit of length"),
        (space("angstrom"), None, "no scale"),
        (["z", "y", "x"], [10.0] * 3, "no unit of length"),
    ],
)
def test_without_a_unit_or_scale_the_size_is_not_known_and_that_is_said(
    tmp_path: Path, axes: Any, scale: Any, words: str
) -> None:
    info = image_info(made(tmp_path / "t.zarr", axes, scale), 3)
    assert info.pixel_size is None
    assert words in (info.note or "")
    assert "--pixel-size" in (info.note or "")


def test_leading_axes_of_length_one_are_left_out(tmp_path: Path) -> None:
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *space("angstrom")]
    path = made(tmp_path / "t.zarr", axes, [1, 1, 5, 5, 5], VOLUME[None, None])
    image = read_image(path, ndim=3)
    assert image.pixel_size == 5
    np.testing.assert_array_equal(image.as_float32(), VOLUME)
    np.testing.assert_array_equal(image.data[1:3, :, 2:], VOLUME[1:3, :, 2:])
    two = made(tmp_path / "two.zarr", axes, [1, 1, 5, 5, 5], np.stack([VOLUME, VOLUME])[None])
    with pytest.raises(ImageError, match="further axes must have the length 1"):
        read_image(two, ndim=3)


def test_a_flat_image_is_one_in_two_dimensions(tmp_path: Path) -> None:
    path = made(tmp_path / "m.zarr", space("angstrom", "yx"), [1.5, 1.5], VOLUME[0])
    image = read_image(path)
    assert (image.shape, image.pixel_size) == ((20, 13), 1.5)
    with pytest.raises(ImageError, match=r"where one of shape \(z, y, x\) is expected"):
        read_image(path, ndim=3)
    with pytest.raises(ImageError, match=r"where one of shape \(y, x\) is expected"):
        read_image(made(tmp_path / "v.zarr", space("angstrom"), [1.5] * 3))


@pytest.mark.parametrize(
    ("scale", "fits"), [((10, 10, 10.09), True), ((10, 10, 10.2), False), ((20, 10, 10), False)]
)
def test_voxels_that_are_not_cubes_are_refused(tmp_path: Path, scale: tuple[float, ...], fits: bool) -> None:
    path = made(tmp_path / "t.zarr", space("angstrom"), list(scale))
    if fits:
        assert image_info(path, 3).pixel_size == scale[-1]
        return
    with pytest.raises(ImageError, match="not cubes"):
        image_info(path, 3)
    assert image_info(path, 3, pixel_size=10.0).pixel_size == 10.0


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"multiscales": [{"axes": space("angstrom")}]}, "cannot be understood"),
        ({"multiscales": [{"axes": space("angstrom"), "datasets": []}]}, "cannot be understood"),
        ({"multiscales": [7]}, "cannot be understood"),
        (
            {"multiscales": [{"axes": space("angstrom", "xyz"), "datasets": [{"path": "0"}]}]},
            "its axes are x, y, z",
        ),
        ({"multiscales": [{"axes": space("angstrom"), "datasets": [{"path": "1"}]}]}, "no such store"),
    ],
)
def test_metadata_without_sense_are_named(tmp_path: Path, metadata: Any, words: str) -> None:
    path = made(tmp_path / "t.zarr", space("angstrom"), [1.0] * 3)
    (path / ".zattrs").write_text(json.dumps(metadata))
    with pytest.raises(ImageError, match=words):
        read_image(path, ndim=3)


def test_a_damaged_chunk_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "t.zarr"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ome_zarr, "SIDE", 8)
        write_ome_zarr(path, VOLUME, 10)
    (path / "0" / "1" / "0" / "0").write_bytes(b"no chunk")
    image = read_image(path, ndim=3)
    np.testing.assert_array_equal(image.data[:8, :, :], VOLUME[:8])
    with pytest.raises(
        ImageError, match=r"t.zarr/0: cannot read its chunk at 8 to 8, 0 to 7, 0 to 7 .*damaged"
    ):
        image.data[8:9, :3, :3]
    with pytest.raises(ImageError, match="damaged"):
        image.as_float32()


def test_only_the_chunks_that_a_crop_touches_are_read(tmp_path: Path) -> None:
    path, cache = tmp_path / "t.zarr", ChunkCache()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ome_zarr, "SIDE", 4)
        write_ome_zarr(path, VOLUME, 10)
    volume = open_volume(path, cache=cache)
    assert len(cache) == 0
    volume[3:5, 0:4, 1:2]
    assert len(cache) == 2
    np.asarray(volume)
    assert len(cache) == 2


def test_an_old_store_is_replaced_and_something_else_is_not(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "t.zarr", VOLUME, 10)
    write_ome_zarr(tmp_path / "t.zarr", VOLUME[:4] + 1, 5, levels=1)
    assert read_image(tmp_path / "t.zarr", ndim=3).shape == (4, 20, 13)
    assert not (tmp_path / "t.zarr" / "1").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["t.zarr"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="is no zarr store"):
        write_ome_zarr(tmp_path / "folder", VOLUME, 10)


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    class Broken:
        ndim, shape = 3, (4, 4, 4)

        def __getitem__(self, _: object) -> Any:
            raise RuntimeError("the source is gone")

    write_ome_zarr(tmp_path / "t.zarr", VOLUME, 10)
    with pytest.raises(RuntimeError, match="the source is gone"):
        write_ome_zarr(tmp_path / "t.zarr", Broken(), 10)
    assert [each.name for each in tmp_path.iterdir()] == ["t.zarr"]
    np.testing.assert_array_equal(read_image(tmp_path / "t.zarr", ndim=3).as_float32(), VOLUME)


def test_a_folder_of_tomograms_is_a_collection_and_their_chunks_are_not(tmp_path: Path) -> None:
    for name in ("A/one.zarr", "two.zarr"):
        write_ome_zarr(tmp_path / name, VOLUME, 10)
    zarr.create_array(tmp_path / "store.zarr", data=VOLUME)
    assert [entry.name for entry in find_images([str(tmp_path)], ndim=3)] == ["A/one.zarr", "two.zarr"]
    (level,) = find_images([str(tmp_path / "two.zarr" / "1")], ndim=3)
    assert (level.name, level.read(3).pixel_size) == ("two.zarr", 20)
    assert is_image(tmp_path / "two.zarr")
    assert not is_store_of_images(tmp_path / "two.zarr")
    assert is_store_of_images(tmp_path / "store.zarr")


def test_the_array_of_a_level_is_a_store_of_layers_for_flat_images(tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "t.zarr", VOLUME, 10)
    layers = find_images([str(tmp_path / "t.zarr" / "0")])
    assert len(layers) == 9
    np.testing.assert_array_equal(layers[3].read().as_float32(), VOLUME[3])
