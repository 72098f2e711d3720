from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motes.errors import ImageError, MotesError
from motes.formats.images import image_info, is_image, read_image, write_image

PLANE = np.arange(12).reshape(3, 4)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "uint32", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(3, 4), (5, 3, 4)])
def test_pixels_type_and_size_come_back(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_image(tmp_path / "a.tif", data, 1.77)
    image = read_image(tmp_path / "a.tif", ndim=len(shape))
    assert (image.data.dtype, image.pixel_size) == (dtype, 1.77)
    np.testing.assert_array_equal(image.data, data)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"tile": (16, 16)}])
def test_pages_are_sections_in_2d_and_z_in_3d(tmp_path: Path, options: dict[str, Any]) -> None:
    data = np.arange(5 * 20 * 30, dtype=np.uint16).reshape(5, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack", **options)
    assert image_info(tmp_path / "a.tif").sections == 5
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", section=3).data, data[3])
    assert image_info(tmp_path / "a.tif", 3).shape == (5, 20, 30)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", ndim=3).data, data)


def test_channels_are_no_volume(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 2, 5, 6), np.uint8), imagej=True)
    with pytest.raises(ImageError, match="ZCYX"):
        image_info(tmp_path / "a.tif", 3)
    assert image_info(tmp_path / "a.tif").sections == 8
    write_image(tmp_path / "b.tif", PLANE.astype(np.uint8))
    with pytest.raises(ImageError, match="one volume"):
        image_info(tmp_path / "b.tif", 3)


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colour_becomes_luminance(tmp_path: Path, planes: str) -> None:
    colour = np.stack([np.full((3, 4), v, np.uint8) for v in (100, 50, 10)], axis=-1)
    stored = colour if planes == "contig" else np.moveaxis(colour, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planes)
    info = image_info(tmp_path / "a.tif")
    assert (info.shape, info.sections) == ((3, 4), 1)
    assert "luminance" in str(info.note)
    assert np.all(read_image(tmp_path / "a.tif").data == round(29.9 + 29.35 + 1.14))


def test_palette_becomes_luminance(tmp_path: Path) -> None:
    greys = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    tifffile.imwrite(tmp_path / "a.tif", PLANE.astype(np.uint8), photometric="palette", colormap=greys)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").data, PLANE * 257)


@pytest.mark.parametrize(
    ("unit", "angstrom"), [("nm", 10.0), ("micron", 1e4), ("\\u00b5m", 1e4), ("pixel", None)]
)
def test_imagej_units(tmp_path: Path, unit: str, angstrom: float | None) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", PLANE.astype(np.uint8), imagej=True, resolution=(2, 2), metadata={"unit": unit}
    )
    assert image_info(tmp_path / "a.tif").pixel_size == (None if angstrom is None else angstrom / 2)


@pytest.mark.parametrize(
    ("size", "unit", "expected"), [(0.177, "nm", 1.77), (0.5, "µm", 5e3), (3, "pixel", None)]
)
def test_ome_units(tmp_path: Path, size: float, unit: str, expected: float | None) -> None:
    sizes = {f"PhysicalSize{axis}": size for axis in "XY"} | {
        f"PhysicalSize{axis}Unit": unit for axis in "XY"
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", PLANE.astype(np.uint8), metadata={"axes": "YX", **sizes})
    assert image_info(tmp_path / "a.ome.tif").pixel_size == expected


@pytest.mark.parametrize(
    ("per_unit", "unit"), [(72, "INCH"), (2.2e7, "INCH"), (28.3, "CENTIMETER"), (5, "NONE")]
)
def test_the_resolution_of_a_print_is_no_pixel_size(tmp_path: Path, per_unit: float, unit: str) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", PLANE.astype(np.uint8), resolution=(per_unit, per_unit), resolutionunit=unit
    )
    assert image_info(tmp_path / "a.tif").pixel_size is None
    assert image_info(tmp_path / "a.tif", pixel_size=3.0).pixel_size == 3.0


def test_pixels_that_are_not_square_need_the_option(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", PLANE.astype(np.uint8), resolution=(1e7, 2e7), resolutionunit="CENTIMETER"
    )
    with pytest.raises(ImageError, match="--pixel-size"):
        image_info(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_truncated(tmp_path: Path, compression: str | None) -> None:
    noise = np.random.default_rng(0).random((4, 50, 60), np.float32)
    tifffile.imwrite(tmp_path / "a.tif", noise, photometric="minisblack", compression=compression)
    raw = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(ImageError):
        read_image(tmp_path / "a.tif", ndim=3)


def test_complex_pixels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE.astype(np.complex64))
    with pytest.raises(ImageError, match="complex64"):
        read_image(tmp_path / "a.tif")


def test_known_by_content(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", PLANE.astype(np.uint8))
    other = (tmp_path / "a.tif").rename(tmp_path / "a.dat")
    assert is_image(other)
    np.testing.assert_array_equal(read_image(other).data, PLANE)
    (tmp_path / "b.tif").write_bytes(b"no tiff at all")
    with pytest.raises(ImageError, match="neither TIFF"):
        read_image(tmp_path / "b.tif")


def test_strips_without_number_are_not_looked_for(tmp_path: Path) -> None:
    """A damaged height once made a list of four billion strips, which took all memory."""
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, PLANE.astype(np.uint8), compression="zlib", rowsperstrip=1)
    with tifffile.TiffFile(path, mode="r+") as tif:
        tif.pages[0].tags["ImageLength"].overwrite(2**32 - 1)
    with pytest.raises(ImageError, match=f"is to have {2**32 - 1} strips or tiles and names 3; .* damaged"):
        read_image(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 400), content=st.binary(min_size=1, max_size=20), kept=st.integers(1, 400))
def test_damage_raises_our_errors_only(tmp_path: Path, at: int, content: bytes, kept: int) -> None:
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, PLANE.astype(np.uint8), compression="zlib")
    raw = bytearray(path.read_bytes())
    raw[at : at + len(content)] = content
    path.write_bytes(raw[:kept])
    try:
        data = read_image(path).data
    except MotesError:
        return
    assert data.ndim == 2
