"""Each kind of bad image gets its own message, and costs no other image."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.formats.images import read_image, write_image

Motes = Callable[..., Any]
Spoil = Callable[[Path], None]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def cut_inside_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def complex_mode(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[12:16] = (4).to_bytes(4, "little")
    path.write_bytes(bytes(content))


def other_file(path: Path) -> None:
    path.write_text("this is a letter, not a micrograph\n" * 100)


def constant(path: Path) -> None:
    write_image(path, np.full((256, 256), 7, np.float32), 4.0)


def mostly_nan(path: Path) -> None:
    pixels = np.full((256, 256), np.nan, np.float32)
    pixels[:100] = np.arange(256)
    write_image(path, pixels, 4.0)


def oblong_pixels(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[40:44] = np.float32(256 * 5).tobytes()
    path.write_bytes(bytes(content))


BAD: list[tuple[Spoil, str]] = [
    (cut_short, "truncated, "),
    (cut_inside_header, "500 bytes found where an MRC header needs 1024"),
    (emptied, "empty (0 bytes)"),
    (complex_mode, "MRC mode 4 (complex floats) is not supported"),
    (other_file, "not an MRC file"),
    (constant, "all pixels"),
    (mostly_nan, "pixels are NaN or infinite; the file is damaged"),
    (oblong_pixels, "pixels that are not square"),
]
EACH_BAD = pytest.mark.parametrize(("spoil", "message"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])


@EACH_BAD
def test_picking_does_the_rest_and_names_it(
    motes: Motes, tiny: Any, tmp_path: Path, spoil: Spoil, message: str
) -> None:
    images = tiny.copy_images(tmp_path / "images")
    spoil(images / "mic_0001.mrc")
    answer = motes("pick", images, "--model", tiny.model, "--out", tmp_path / "out")
    rows = {
        row["image"]: row
        for row in csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines())
    }
    assert answer.code == 1
    assert message in rows["mic_0001.mrc"]["status"]
    assert rows["mic_0002.mrc"]["status"] == "done"
    assert (tmp_path / "out" / "picks" / "mic_0002.mrc.csv").is_file()
    assert not (tmp_path / "out" / "picks" / "mic_0001.mrc.csv").exists()
    assert "1 could not be used" in answer.err
    assert message in answer.err


@EACH_BAD
def test_inspection_puts_it_first(
    motes: Motes, tiny: Any, tmp_path: Path, spoil: Spoil, message: str
) -> None:
    images = tiny.copy_images(tmp_path / "images")
    spoil(images / "mic_0001.mrc")
    answer = motes("inspect", images)
    assert answer.code == 1
    assert answer.out.startswith("WRONG")
    assert message in answer.out.splitlines()[0]


def test_training_leaves_a_bad_image_out_and_says_so(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    images = tiny.copy_images(tmp_path / "images", ["mic_0001.mrc", "mic_0002.mrc", "mic_0003.mrc"])
    cut_short(images / "mic_0001.mrc")
    answer = train(motes, images, tiny.truth, tmp_path)
    assert answer.code == 1
    assert "truncated" in answer.err
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert "mic_0001" not in (tmp_path / "run" / "data.csv").read_text()


def test_when_no_image_can_be_read_training_says_why(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    images = tiny.copy_images(tmp_path / "images")
    for path in images.iterdir():
        other_file(path)
    answer = train(motes, images, tiny.truth, tmp_path)
    assert answer.code == 1
    assert "no particle to train on" in answer.err
    assert "not an MRC file" in answer.err


def test_nan_and_infinite_pixels_are_masked_and_counted(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    images = tiny.copy_images(tmp_path / "images", ["mic_0001.mrc", "mic_0002.mrc", "mic_0003.mrc"])
    pixels = read_image(images / "mic_0001.mrc").as_float32().copy()
    pixels[10, :5], pixels[20, :2], pixels[30, 0] = np.nan, np.inf, -np.inf
    write_image(images / "mic_0001.mrc", pixels, 4.0)
    answer = motes("pick", images, "--model", tiny.model, "--out", tmp_path / "out")
    rows = {
        row["image"]: row
        for row in csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines())
    }
    assert answer.code == 0
    assert (rows["mic_0001.mrc"]["bad_pixels"], rows["mic_0002.mrc"]["bad_pixels"]) == ("8", "0")
    assert "8 NaN or infinite pixels; they are masked" in motes("inspect", images).out
    trained = train(motes, images, tiny.truth, tmp_path)
    assert trained.code == 0
    assert "mic_0001.mrc: 8 NaN or infinite pixels masked" in trained.err


def test_an_image_smaller_than_a_tile_or_a_crop(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    for number in (1, 2):
        name = f"mic_000{number}"
        small = read_image(tiny.images / f"{name}.mrc").as_float32()[:70, :90]
        write_image(tmp_path / "images" / f"{name}.mrc", small, 4.0)
        (tmp_path / "truth").mkdir(exist_ok=True)
        (tmp_path / "truth" / f"{name}.csv").write_text("x,y\n30,30\n60,20\n")
    assert motes("pick", tmp_path / "images", "--model", tiny.model, "--out", tmp_path / "out").code == 0
    assert train(motes, tmp_path / "images", tmp_path / "truth", tmp_path, "--diameter", 150).code == 0
    assert (tmp_path / "run" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.mrc"], "missing.mrc does not exist; give a file, a folder, a quoted glob"),
        (["*.mrc"], "no image found in *.mrc"),
        (["empty"], "no image found in empty"),
        (["list.star"], "no column rlnMicrographName; the columns there are: rlnFoo"),
        (["none.star"], "none.star does not exist"),
    ],
)
def test_images_that_are_not_there(
    motes: Motes,
    tiny: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("list.star").write_text("data_micrographs\nloop_\n_rlnFoo\na\nb\n")
    for answer in (
        motes("inspect", *words),
        motes("pick", *words, "--model", tiny.model, "--out", "out"),
        train(motes, words[0], tiny.truth, tmp_path),
    ):
        assert answer.code == 1
        assert message in answer.err


def test_a_micrograph_that_the_list_names_but_is_gone(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    images = tiny.copy_images(tmp_path / "images", ["mic_0002.mrc"])
    listed = "\n".join(f"{images}/mic_000{n}.mrc" for n in (1, 2))
    star = tmp_path / "micrographs.star"
    star.write_text(f"data_micrographs\nloop_\n_rlnMicrographName\n{listed}\n")
    answer = motes("pick", star, "--model", tiny.model, "--out", tmp_path / "out")
    statuses = [
        row["status"] for row in csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines())
    ]
    assert answer.code == 1
    assert "no such file" in statuses[0]
    assert statuses[1] == "done"


@pytest.mark.parametrize(
    ("diameter", "message"),
    [
        ("12", "the particle would be 3 px across, too small to find; check --diameter and --pixel-size"),
        ("1500", "the particle would be 375 px across, larger than the image (256 x 256)"),
        ("150um", "larger than the image"),
    ],
)
def test_a_diameter_in_the_wrong_unit(
    motes: Motes, tiny: Any, tmp_path: Path, diameter: str, message: str
) -> None:
    words = ("--diameter", diameter)
    for answer in (
        motes("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out", *words),
        train(motes, tiny.images, tiny.truth, tmp_path, *words),
    ):
        assert answer.code == 1
        assert message in answer.err
    inspected = motes("inspect", tiny.images, "--picks", tiny.truth, *words)
    assert inspected.code == 1
    assert message in inspected.out


def test_lengths_that_are_none(motes: Motes, tiny: Any) -> None:
    answer = motes("inspect", tiny.images, "--diameter", "sixty")
    assert (answer.code, "write it as 150 (Angstrom)" in answer.err) == (1, True)
    answer = motes("score", tiny.truth, tiny.truth, "--diameter", "60px", "--ignore-rim", "wide")
    assert (answer.code, "--ignore-rim is a number of pixels" in answer.err) == (1, True)


def test_an_image_without_a_pixel_size_names_the_option(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    pixels = read_image(tiny.images / "mic_0001.mrc").as_float32()
    write_image(tmp_path / "images" / "a.mrc", pixels, None)
    words = ("pick", tmp_path / "images", "--model", tiny.model, "--out", tmp_path / "out")
    answer = motes(*words)
    assert answer.code == 1
    assert "give --pixel-size" in answer.err
    assert motes(*words, "--pixel-size", 4, "--overwrite").code == 0


def train(motes: Motes, images: object, picks: object, place: Path, *words: object) -> Any:
    tiny = ("width=4", "training.steps=2", "epochs=1", "sampling.size=64", "training.batch=2")
    return motes(
        "train", "micrographs", "--images", images, "--picks", picks, "--out", place / "run", *words, *tiny
    )


def test_tomograms_with_picks_are_inspected_as_volumes(motes: Motes, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).normal(size=(12, 40, 40)).astype(np.float32)
    write_image(tmp_path / "tomograms" / "a.mrc", voxels, 10.0)
    (tmp_path / "picks").mkdir()
    (tmp_path / "picks" / "a.csv").write_text("x,y,z\n20,20,6\n10,30,4\n")
    answer = motes("inspect", tmp_path / "tomograms", "--picks", tmp_path / "picks", "--diameter", "100")
    assert (answer.code, "2 picks in 1 images" in answer.out, "WRONG" in answer.out) == (0, True, False)
