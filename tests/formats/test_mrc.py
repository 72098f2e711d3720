import bz2
import gzip
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from motes.errors import ImageError, MotesError
from motes.formats.images import image_info, is_image, read_image, write_image

RAMP = np.arange(12, dtype=np.float32).reshape(3, 4)
NX, MODE, MX, CELL_X, CELL_Y, ISPG, IMOD_STAMP, MAP, MACHINE = 0, 12, 28, 40, 44, 88, 152, 208, 212


def patched(path: Path, *changes: tuple[int, bytes]) -> Path:
    raw = bytearray(path.read_bytes())
    for offset, content in changes:
        raw[offset : offset + len(content)] = content
    path.write_bytes(raw)
    return path


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    path = tmp_path / "ramp.mrc"
    write_image(path, RAMP, 1.77)
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "uint16", "float16"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_pixels_type_and_size_come_back(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    data = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    write_image(tmp_path / "a.mrc", data, 1.77)
    image = read_image(tmp_path / "a.mrc", ndim=len(shape))
    assert image.data.dtype == dtype
    assert image.pixel_size == 1.77
    assert image.name == "a.mrc"
    np.testing.assert_array_equal(image.data, data)


def test_row_0_is_the_first_row_of_the_file(ramp: Path) -> None:
    assert np.frombuffer(ramp.read_bytes()[1024:], "<f4")[1] == read_image(ramp).data[0, 1]


@pytest.mark.parametrize("group", [0, 1, 7])
def test_the_space_group_turns_nothing_around(ramp: Path, group: int) -> None:
    patched(ramp, (ISPG, np.int32(group).tobytes()))
    np.testing.assert_array_equal(read_image(ramp).data, RAMP)


def test_the_same_pixels_give_the_same_bytes(tmp_path: Path, ramp: Path) -> None:
    write_image(tmp_path / "again.mrc", RAMP, 1.77)
    assert (tmp_path / "again.mrc").read_bytes() == ramp.read_bytes()
    assert b"motes" in ramp.read_bytes()[:1024]
    assert mrcfile.validate(ramp)


def test_uncompressed_files_are_memory_mapped(ramp: Path) -> None:
    assert isinstance(read_image(ramp).data, np.memmap)


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed(ramp: Path, suffix: str, compress: object) -> None:
    packed = ramp.with_name("ramp.mrc" + suffix)
    packed.write_bytes(compress(ramp.read_bytes()))  # type: ignore[operator]
    assert is_image(packed)
    assert read_image(packed).pixel_size == 1.77
    np.testing.assert_array_equal(read_image(packed).data, RAMP)
    packed.write_bytes(compress(ramp.read_bytes()[:-5]))  # type: ignore[operator]
    with pytest.raises(ImageError, match=r"truncated, 1067 bytes found and 1072 expected"):
        read_image(packed)
    packed.write_bytes(compress(ramp.read_bytes())[:-12])  # type: ignore[operator]
    with pytest.raises(ImageError, match="truncated"):
        read_image(packed)


@pytest.mark.parametrize("machine", [b"\0\0\0\0", b"\x44\x44\0\0", b"\x11\x11\0\0", b"\0\0\x44\x44"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order_whatever_the_stamp_says(tmp_path: Path, machine: bytes, order: str) -> None:
    path = tmp_path / "a.mrc"
    raw = np.zeros(256, order + "i4")
    raw[:4] = [4, 3, 1, 2]
    path.write_bytes(raw.tobytes() + RAMP.astype(order + "f4").tobytes())
    patched(path, (MACHINE, machine))
    np.testing.assert_array_equal(read_image(path).data, RAMP)
    assert read_image(path).pixel_size is None


def test_old_header_without_map_stamp(ramp: Path) -> None:
    patched(ramp, (MAP, b"\0" * 8))
    np.testing.assert_array_equal(read_image(ramp).data, RAMP)


def test_bytes_of_imod_are_unsigned_unless_flagged(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    write_image(path, np.full((2, 2), -1, np.int8))
    assert read_image(path).data[0, 0] == -1
    patched(path, (IMOD_STAMP, np.array([1146047817, 0], "<i4").tobytes()))
    assert read_image(path).data[0, 0] == 255
    patched(path, (IMOD_STAMP, np.array([1146047817, 1], "<i4").tobytes()))
    assert read_image(path).data[0, 0] == -1


@pytest.mark.parametrize("size", [None, 1.0, 0.0, -2.0, np.nan, np.inf])
def test_a_pixel_size_that_says_nothing_is_unknown(ramp: Path, size: float | None) -> None:
    cell = np.array([size or 0.0] * 2, "<f4") * np.array([4, 3], "<f4")
    patched(ramp, (CELL_X, cell.tobytes()))
    assert read_image(ramp).pixel_size is None
    assert read_image(ramp, pixel_size=2.5).pixel_size == 2.5


def test_no_sampling_in_the_header_is_no_pixel_size(ramp: Path) -> None:
    assert read_image(patched(ramp, (MX, b"\0" * 8))).pixel_size is None


def test_pixels_that_are_not_square_need_the_option(ramp: Path) -> None:
    patched(ramp, (CELL_Y, np.float32(3 * 1.79).tobytes()))
    with pytest.raises(ImageError, match="--pixel-size"):
        image_info(ramp)
    assert image_info(ramp, pixel_size=1.77).pixel_size == 1.77
    patched(ramp, (CELL_Y, np.float32(3 * 1.78).tobytes()))
    assert image_info(ramp).pixel_size == 1.77


def test_stacks_of_images(tmp_path: Path) -> None:
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_image(tmp_path / "a.mrcs", data, 2.0)
    info = image_info(tmp_path / "a.mrcs")
    assert (info.shape, info.sections, info.pixel_size) == ((3, 4), 2, 2.0)
    np.testing.assert_array_equal(read_image(tmp_path / "a.mrcs", section=1).data, data[1])
    renamed = (tmp_path / "a.mrcs").rename(tmp_path / "a.mrc")
    assert image_info(renamed).sections == 2
    with pytest.raises(ImageError, match="no section 3, it holds 2"):
        read_image(renamed, section=2)
    with pytest.raises(ImageError, match="no section"):
        read_image(renamed, section=-1)
    assert read_image(renamed, ndim=3).shape == (2, 3, 4)


def test_volumes_and_images_are_told_apart(tmp_path: Path, ramp: Path) -> None:
    data = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    write_image(tmp_path / "v.mrc", data, 10.0)
    with pytest.raises(ImageError, match="volume of 2 sections"):
        image_info(tmp_path / "v.mrc")
    assert image_info(tmp_path / "v.mrc", 3).shape == (2, 3, 4)
    rec = patched((tmp_path / "v.mrc").rename(tmp_path / "v.rec"), (ISPG, b"\0\0\0\0"))
    with pytest.raises(ImageError, match="volume of 2 sections"):
        image_info(rec)
    with pytest.raises(ImageError, match="single image"):
        image_info(ramp, 3)


def test_stack_of_volumes(tmp_path: Path) -> None:
    data = np.arange(48, dtype=np.float32).reshape(4, 3, 4)
    with mrcfile.new(tmp_path / "s.mrc", data.reshape(2, 2, 3, 4)) as mrc:
        assert mrc.header.ispg == 401
    assert image_info(tmp_path / "s.mrc", 3).sections == 2
    np.testing.assert_array_equal(read_image(tmp_path / "s.mrc", ndim=3, section=1).data, data[2:])


def test_truncated_says_how_much_is_there(ramp: Path) -> None:
    ramp.write_bytes(ramp.read_bytes()[:-8])
    for call in (image_info, read_image):
        with pytest.raises(ImageError, match=r"1064 bytes found and 1072 expected"):
            call(ramp)


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "empty"), (b"abc", "3 bytes"), (b"x" * 5000, "not an MRC")]
)
def test_what_is_no_mrc(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.mrc").write_bytes(content)
    with pytest.raises(ImageError, match=message):
        read_image(tmp_path / "a.mrc")


@pytest.mark.parametrize("mode", [3, 4, 101])
def test_modes_that_are_not_supported(ramp: Path, mode: int) -> None:
    patched(ramp, (MODE, np.int32(mode).tobytes()))
    with pytest.raises(ImageError, match=rf"mode {mode} \("):
        read_image(ramp)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "a.mrc")
    with pytest.raises(ImageError, match="not a file"):
        read_image(tmp_path)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="int32"):
        write_image(tmp_path / "a.mrc", np.zeros((2, 2), np.int32))
    with pytest.raises(ImageError, match="choose one of"):
        write_image(tmp_path / "a.dat", RAMP)
    with pytest.raises(ImageError, match="shape"):
        write_image(tmp_path / "a.mrc", np.zeros(3))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.binary(max_size=300), kept=st.integers(0, 1072), ndim=st.sampled_from([2, 3]))
def test_damage_raises_our_errors_only(ramp: Path, start: bytes, kept: int, ndim: int) -> None:
    path = ramp.with_name("damaged.mrc")
    path.write_bytes((start + ramp.read_bytes()[len(start) :])[:kept])
    try:
        data: NDArray[np.float32] = read_image(path, ndim=ndim).data
    except MotesError:
        return
    assert data.ndim == ndim
