import json

import numpy as np
import pytest

from motes.formats.images import write_image


@pytest.fixture
def folder(tmp_path):
    labels = np.zeros((40, 50), np.uint16)
    labels[5:15, 5:15], labels[5:15, 15:25], labels[25:40, 30:45] = 1, 2, 9
    for name in ("a", "b"):
        write_image(tmp_path / "labels" / f"{name}.tif", labels)
        write_image(tmp_path / "images" / f"{name}.png", (labels * 20).astype(np.uint8))
    return tmp_path


def test_objects_are_counted_and_the_last_line_says_where_they_are(motes, folder):
    told = motes(
        "measure", folder / "labels", folder / "images", "--out", folder / "out", "--format", "imagej"
    )
    assert told.code == 0, told.err
    last = told.out.strip().splitlines()[-1]
    assert last.startswith("6 objects in 2 images: ")
    for name in ("objects.csv", "summary.csv", "pictures"):
        assert str(folder / "out" / name) in last
        assert (folder / "out" / name).exists()
    assert (folder / "out/imagej/a.zip").is_file()
    assert "touching" in told.out


def test_one_flat_object(motes, folder):
    told = motes(
        "measure", folder / "labels", "--out", folder / "out", "--json", "--no-edge", "--no-pictures",
        "--smallest", "0.5um", "--pixel-size", "0.1um",
    )  # fmt: skip
    found = json.loads(told.out)
    assert (told.code, found["objects"], found["images"], found["touching"]) == (0, 4, 2, 1)
    assert found["diameter_um_mean"] == pytest.approx(np.sqrt(100 * 4 / np.pi) / 10)
    assert not any(isinstance(value, dict | list) for value in found.values())
    assert not (folder / "out/pictures").exists()


def test_a_bad_image_is_named_and_the_code_is_1(motes, folder):
    (folder / "labels/b.tif").write_bytes(b"")
    told = motes("measure", folder / "labels", folder / "images", "--out", folder / "out")
    assert told.code == 1
    assert "3 objects in 1 images" in told.out
    assert "1 could not be used" in told.err
    assert "b.tif: empty (0 bytes)" in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["images", "more.png"], "belongs to no option"),
        (["images", "--pixel-size", "3px"], "--pixel-size 3px is in pixels"),
        (["images", "--smallest", "big"], "cannot read the length 'big'"),
        (["images", "--format", "svg"], "no format 'svg'"),
        (["nowhere"], "nowhere does not exist"),
    ],
)
def test_words_that_cannot_be(motes, folder, monkeypatch, words, said):
    monkeypatch.chdir(folder)
    told = motes("measure", "labels", *words, "--out", "out")
    assert (told.code, said in told.err) == (1, True)
    assert not (folder / "out").exists()
