import os
from dataclasses import replace
from pathlib import Path

import pytest

from motes.data.image_list import ImageEntry
from motes.errors import OutputError
from motes.jobs.pick_folder import claim, csv_file, take_stock


def entry(folder: Path, name: str, text: str = "pixels") -> ImageEntry:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return ImageEntry(name, path)


def pretend_done(out: Path, one: ImageEntry) -> None:
    csv_file(out, one).parent.mkdir(parents=True, exist_ok=True)
    csv_file(out, one).write_text("x,y\n1,2\n")


def test_a_folder_of_the_users_own_is_never_touched(tmp_path):
    (tmp_path / "picks").mkdir()
    (tmp_path / "picks" / "by_hand.csv").write_text("x,y\n1,2\n")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="holds other files"):
            claim(tmp_path, {"model": "a"}, overwrite)
    assert (tmp_path / "picks" / "by_hand.csv").read_text() == "x,y\n1,2\n"


def test_other_options_need_overwrite_which_clears_what_motes_made(tmp_path):
    claim(tmp_path, {"model": "a"}, False)
    one = entry(tmp_path / "images", "1.mrc")
    pretend_done(tmp_path, one)
    claim(tmp_path, {"model": "a"}, False)
    with pytest.raises(OutputError, match="another model"):
        claim(tmp_path, {"model": "b"}, False)
    assert csv_file(tmp_path, one).is_file()
    claim(tmp_path, {"model": "b"}, True)
    assert not csv_file(tmp_path, one).exists()
    assert one.path.is_file()


def test_a_folder_without_picks_takes_any_options(tmp_path):
    """The first try may have failed on its options; what is typed next must not fail on that try."""
    claim(tmp_path, {"pixel_size": None}, False)
    claim(tmp_path, {"pixel_size": 2.0}, False)
    assert '"pixel_size": 2.0' in (tmp_path / "settings.json").read_text()


def test_images_of_the_same_name_from_another_folder_are_refused(tmp_path):
    out = tmp_path / "out"
    pretend_done(out, entry(tmp_path / "A", "001.mrc"))
    assert take_stock(out, [entry(tmp_path / "A", "001.mrc")]) == []
    with pytest.raises(OutputError, match=r"picks of 001\.mrc from .*A"):
        take_stock(out, [entry(tmp_path / "B", "001.mrc")])


def test_a_file_that_has_changed_is_done_again(tmp_path):
    out = tmp_path / "out"
    same, changed = entry(tmp_path / "A", "1.mrc"), entry(tmp_path / "A", "2.mrc")
    take_stock(out, [same, changed])
    pretend_done(out, same)
    pretend_done(out, changed)
    os.utime(changed.path, (1, 1))
    take_stock(out, [same, changed])
    assert csv_file(out, same).is_file()
    assert not csv_file(out, changed).exists()


def test_a_file_that_is_away_keeps_its_picks(tmp_path):
    out, one = tmp_path / "out", entry(tmp_path / "A", "1.mrc")
    take_stock(out, [one])
    pretend_done(out, one)
    away = one.path.rename(tmp_path / "away.mrc")
    take_stock(out, [one])
    assert csv_file(out, one).is_file()
    away.rename(one.path)
    take_stock(out, [one])
    assert csv_file(out, one).is_file()


def test_a_pixel_size_that_the_list_corrects_is_picked_again(tmp_path):
    out = tmp_path / "out"
    one = replace(entry(tmp_path / "A", "1.mrc"), pixel_size=14.0)
    take_stock(out, [one])
    pretend_done(out, one)
    take_stock(out, [one])
    assert csv_file(out, one).is_file()
    take_stock(out, [replace(one, pixel_size=7.0)])
    assert not csv_file(out, one).exists()


def test_a_pixel_size_that_was_not_noted_before_does_not_count_as_changed(tmp_path):
    out, one = tmp_path / "out", entry(tmp_path / "A", "1.mrc")
    take_stock(out, [one])
    pretend_done(out, one)
    take_stock(out, [replace(one, pixel_size=14.0)])
    assert csv_file(out, one).is_file()


def test_the_pixel_size_of_an_image_of_an_earlier_call_is_remembered(tmp_path):
    out = tmp_path / "out"
    first = replace(entry(tmp_path / "A", "1.mrc"), pixel_size=2.0)
    take_stock(out, [first])
    pretend_done(out, first)
    assert [each.pixel_size for each in take_stock(out, [entry(tmp_path / "A", "2.mrc")])] == [2.0]


def test_a_tomogram_whose_chunks_have_changed_is_done_again(tmp_path):
    out, store = tmp_path / "out", tmp_path / "tomo.zarr"
    (store / "0").mkdir(parents=True)
    (store / "0" / "0").write_text("voxels")
    tomogram = ImageEntry("tomo.zarr", store)
    take_stock(out, [tomogram])
    pretend_done(out, tomogram)
    take_stock(out, [tomogram])
    assert csv_file(out, tomogram).is_file()
    (store / "0" / "0").write_text("VOXELS")
    os.utime(store / "0" / "0", (1, 1))  # the folders' own times stay
    take_stock(out, [tomogram])
    assert not csv_file(out, tomogram).exists()


def test_images_of_an_earlier_call_are_remembered(tmp_path):
    out = tmp_path / "out"
    first, second = entry(tmp_path / "A", "1.mrc"), entry(tmp_path / "A", "2.mrc")
    take_stock(out, [first])
    pretend_done(out, first)
    assert [each.name for each in take_stock(out, [second])] == ["1.mrc"]


def test_two_names_never_share_a_file(tmp_path):
    one, two = entry(tmp_path / "A", "1.mrc"), entry(tmp_path / "B", "1.mrc")
    absolute = [ImageEntry("/A/1.mrc", one.path), ImageEntry("A/1.mrc", two.path)]
    with pytest.raises(OutputError, match=r"/A/1\.mrc and A/1\.mrc"):
        take_stock(tmp_path / "out", absolute)
