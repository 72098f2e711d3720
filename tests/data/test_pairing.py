import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.data.pairing import bare_name, pair
from motes.errors import PicksError

names = st.lists(st.text("ab01._-", min_size=1, max_size=8), min_size=1, max_size=6, unique=True)


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("a.mrc", "a"),
        ("A/001.mrc.gz", "A/001"),
        ("May08_03.05.02.bin.png", "May08_03.05.02.bin"),
        ("x_autopick.star", "x"),
        ("x.mrc.csv", "x"),
        ("x_topaz.txt", "x"),
        ("0012", "0012"),
    ],
)
def test_bare_names(name: str, bare: str) -> None:
    assert bare_name(name) == bare


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("Micrographs/a.mrc", "Micrographs/a.mrc"),
        ("Micrographs/a.mrc", "a.csv"),
        ("a.mrc", "job7/Micrographs/a_autopick.star"),
        ("/data/x/a.mrc", "x/a"),
        ("May08_03.05.02.bin.png", "May08_03.05.02.bin"),
        ("0012.mrc", "0012"),
    ],
)
def test_pairs(image: str, key: str) -> None:
    found = pair([image], [key])
    assert (found.key_of, found.unlabelled, found.left_over) == ({image: key}, [], [])


def test_equal_names_in_two_folders_go_by_their_folder() -> None:
    found = pair(["A/001.mrc", "B/001.mrc"], ["x/B/001.csv", "x/A/001.csv"])
    assert found.key_of == {"A/001.mrc": "x/A/001.csv", "B/001.mrc": "x/B/001.csv"}


def test_guessing_is_refused() -> None:
    with pytest.raises(PicksError, match="cannot tell which picks belong to which image"):
        pair(["A/001.mrc", "B/001.mrc"], ["001.csv"])


def test_what_could_be_of_an_image_with_picks_of_its_own_is_named() -> None:
    found = pair(["A/001.mrc", "B/001.mrc"], ["A/001", "C/001"])
    assert found.key_of == {"A/001.mrc": "A/001"}
    assert (found.unlabelled, found.left_over) == (["B/001.mrc"], ["C/001"])
    beside = pair(["x.mrc", "x.tif"], ["x.mrc", "x"])
    assert (beside.key_of, beside.left_over) == ({"x.mrc": "x.mrc"}, ["x"])


def test_equal_whole_names_pair_whatever_lies_in_folders() -> None:
    assert pair(["A/001.mrc", "001.mrc"], ["A/001", "001"]).key_of == {"A/001.mrc": "A/001", "001.mrc": "001"}


def test_the_rest_is_named() -> None:
    found = pair(["a.mrc", "b.mrc"], ["b.csv", "c.csv"])
    assert (found.key_of, found.unlabelled, found.left_over) == ({"b.mrc": "b.csv"}, ["a.mrc"], ["c.csv"])


def test_names_that_begin_alike_are_not_mixed_up() -> None:
    assert pair(["a_1.mrc"], ["a_10.csv", "a_1.csv"]).key_of == {"a_1.mrc": "a_1.csv"}


@given(names)
def test_equal_names_always_pair(listed: list[str]) -> None:
    assert pair(listed, reversed(listed)).key_of == {name: name for name in listed}


def test_a_tomogram_belongs_to_its_tilt_series_where_nothing_fits_better() -> None:
    images = ["T/rec_TS_01.mrc", "T/TS_02_10.00Apx.mrc", "T/rec_TS_03.mrc", "T/TS_03.mrc"]
    found = pair(images, ["TS_01", "TS_02.tbl", "TS_03"], 3)
    assert found.key_of == {images[0]: "TS_01", images[1]: "TS_02.tbl", images[3]: "TS_03"}
    with pytest.raises(PicksError, match="cannot tell"):
        pair(["TS_01_bin4.mrc", "TS_01_bin8.mrc"], ["TS_01"], 3)


@pytest.mark.parametrize(
    ("images", "keys", "paired"),
    [
        (["TS_1_10.00Apx.mrc"], ["TS_1_10Apx_rec"], {"TS_1_10.00Apx.mrc": "TS_1_10Apx_rec"}),
        (["TS_1_bin4_10.00Apx.mrc"], ["TS_1_bin4"], {"TS_1_bin4_10.00Apx.mrc": "TS_1_bin4"}),
        (["TS_1_10.00Apx.mrc"], ["TS_1_5.00Apx"], {}),
        (["TS_1_bin4.mrc"], ["TS_1_10.00Apx"], {}),
        (["TS_1_bin4_10.00Apx.mrc"], ["TS_1_bin8_10.00Apx"], {}),
        (["a_bin1.mrc", "a_bin2.mrc"], ["a_bin1", "a_bin3"], {"a_bin1.mrc": "a_bin1"}),
        (["a_bin1.mrc", "a_bin2.mrc"], ["a_bin1", "a"], {"a_bin1.mrc": "a_bin1"}),
        (["a_bin4.mrc"], ["a_bin8", "a"], {}),
    ],
)
def test_tomograms_of_one_tilt_series_on_another_binning_are_left(
    images: list[str], keys: list[str], paired: dict[str, str]
) -> None:
    assert pair(images, keys, 3).key_of == paired


@pytest.mark.parametrize("key", ["mic_bin4", "mic", "mic_5.00Apx", "rec_mic_bin2"])
def test_flat_images_have_no_tilt_series(key: str) -> None:
    found = pair(["mic_bin2.mrc"], [key])
    assert (found.key_of, found.unlabelled, found.left_over) == ({}, ["mic_bin2.mrc"], [key])
