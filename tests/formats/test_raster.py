import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as pillow

from motes.errors import ImageError, MotesError
from motes.formats.images import image_info, is_image, read_image, write_image

PLANE = np.arange(12).reshape(3, 4)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_keeps_its_bits(tmp_path: Path, dtype: str) -> None:
    data = (PLANE * np.iinfo(dtype).max // 11).astype(dtype)
    write_image(tmp_path / "a.png", data, 1.77)
    image = read_image(tmp_path / "a.png")
    assert (image.data.dtype, image.pixel_size) == (dtype, None)
    np.testing.assert_array_equal(image.data, data)
    assert read_image(tmp_path / "a.png", pixel_size=1.77, name="A/a.png").name == "A/a.png"


@pytest.mark.parametrize(
    ("mode", "noted"), [("L", False), ("LA", False), ("RGB", True), ("RGBA", True), ("P", True)]
)
def test_grey_in_any_mode_stays_as_it_is(tmp_path: Path, mode: str, noted: bool) -> None:
    grey = pillow.fromarray((PLANE * 20).astype(np.uint8))
    grey.convert(mode).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").data, PLANE * 20)
    assert (image_info(tmp_path / "a.png").note is not None) == noted


def test_colour_becomes_luminance(tmp_path: Path) -> None:
    pillow.new("RGB", (4, 3), (100, 50, 10)).save(tmp_path / "a.png")
    assert np.all(read_image(tmp_path / "a.png").data == 60)


def test_jpeg(tmp_path: Path) -> None:
    pillow.new("L", (4, 3), 77).save(tmp_path / "a.JPG", format="JPEG")
    assert is_image(tmp_path / "a.JPG")
    assert image_info(tmp_path / "a.JPG").shape == (3, 4)
    assert np.all(np.abs(read_image(tmp_path / "a.JPG").data.astype(int) - 77) <= 1)


def test_large_micrographs_are_no_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", np.zeros((30, 40), np.uint8))
    monkeypatch.setattr(pillow, "MAX_IMAGE_PIXELS", 100)
    assert read_image(tmp_path / "a.png").shape == (30, 40)


def test_no_volumes(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", PLANE.astype(np.uint8))
    with pytest.raises(ImageError, match="volume"):
        read_image(tmp_path / "a.png", ndim=3)
    with pytest.raises(ImageError, match="uint8 or uint16"):
        write_image(tmp_path / "b.png", PLANE.astype(np.float32))


def test_hidden_files_and_other_names_are_no_images(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", PLANE.astype(np.uint8))
    (tmp_path / "._a.mrc").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    assert [p.name for p in sorted(tmp_path.iterdir()) if is_image(p)] == ["a.png"]
    assert not is_image(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(8, 70), content=st.binary(max_size=10), kept=st.integers(1, 75))
def test_damage_raises_our_errors_only(tmp_path: Path, at: int, content: bytes, kept: int) -> None:
    path = tmp_path / "damaged.png"
    write_image(path, PLANE.astype(np.uint8))
    raw = bytearray(path.read_bytes())
    raw[at : at + len(content)] = content
    path.write_bytes(raw[:kept])
    try:
        data = read_image(path).data
    except MotesError:
        return
    assert data.ndim == 2


@pytest.mark.real
@pytest.mark.skipif("MOTES_REAL_DATA" not in os.environ, reason="MOTES_REAL_DATA is not set")
def test_real_images() -> None:
    root = Path(os.environ["MOTES_REAL_DATA"])
    png = read_image(next((root / "empiar10146_apoferritin/images").glob("*.png")))
    assert (png.shape, png.data.dtype) == ((1200, 1240), np.uint16)
    for path in (root / "mrc_small_real").glob("*_512.mrc"):
        assert read_image(path).shape == (512, 512)
        assert read_image(path).pixel_size is None
    crops = root / "microtubule_tomogram_crops"
    assert read_image(crops / "13pf_MT.tif", ndim=3).pixel_size == 10.52
    assert read_image(crops / "tardis_mrc3D_78x64x32_int8.mrc", ndim=3).shape == (78, 64, 32)
    foam = image_info(root / "unannotated_spots_and_beads/trackpy_foam.tif")
    assert (foam.shape, foam.pixel_size) == ((768, 768), None)
