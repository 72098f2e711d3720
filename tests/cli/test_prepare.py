import pytest

from motes.formats.stores import open_store


def test_stores_from_images_and_picks(motes, tiny, tmp_path):
    answer = motes("prepare", tiny.images, tiny.truth, tmp_path / "out", "--size", 128, "--radius", 12)
    assert answer.code == 0, answer.err
    assert "3 images with" in answer.out
    assert "motes train fair-standard --images" in answer.out
    assert open_store(tmp_path / "out" / "images.zarr").shape == (3, 128, 128)
    assert open_store(tmp_path / "out" / "masks.zarr").shape == (3, 128, 128)


def test_a_bad_image_is_named_and_gives_exit_code_1(motes, tiny, tmp_path):
    images = tiny.copy_images(tmp_path / "images")
    (images / "mic_0002.mrc").write_bytes(b"")
    answer = motes("prepare", images, tiny.truth, tmp_path / "out", "--size", 64, "--diameter", "30px")
    assert answer.code == 1
    assert "1 could not be used" in answer.err
    assert "mic_0002.mrc: " in answer.err
    assert len(open_store(tmp_path / "out" / "images.zarr")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.mrc", "b.mrc", "picks", "out"), "put it in quotes"),
        (("{images}", "{truth}", "{out}", "--radius", "wide"), "cannot read the length 'wide'"),
        (("nowhere", "{truth}", "{out}"), "nowhere does not exist"),
    ],
)
def test_what_goes_wrong_is_one_line(motes, tiny, tmp_path, words, said):
    known = {"images": tiny.images, "truth": tiny.truth, "out": tmp_path / "out"}
    answer = motes("prepare", *(word.format(**known) for word in words))
    assert answer.code == 1
    assert said in answer.err
    assert answer.err.count("\n") == 1
