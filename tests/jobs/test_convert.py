import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motes.errors import InputError, OutputError, PicksError
from motes.formats.images import write_image
from motes.formats.picks import PICKS_FORMATS, read_picks, write_picks
from motes.jobs.convert import ConvertOptions, convert, flipped
from motes.picks import Picks
from motes.units import Length

WRITABLE = [name for name, entry in PICKS_FORMATS.items() if entry.write is not None]


def save(
    path: Path, points: list[list[float]], scores: list[float] | None = None, image: str = "a.mrc"
) -> None:
    picks = Picks(np.array(points), None if scores is None else np.array(scores))
    write_picks(path, picks, format="csv", image_name=image)


@given(st.lists(st.tuples(st.floats(0, 99), st.floats(0, 49)), min_size=1, max_size=9))
def test_flipping_twice_gives_the_same_picks(points: list[tuple[float, float]]) -> None:
    picks = Picks(np.array(points))
    twice = flipped(flipped(picks, -2, 100), -2, 100)
    np.testing.assert_allclose(twice.points, picks.points, atol=1e-12)


def test_the_first_row_becomes_the_last() -> None:
    np.testing.assert_array_equal(flipped(Picks(np.array([[0.0, 7.0]])), -2, 100).points, [[99, 7]])
    np.testing.assert_array_equal(flipped(Picks(np.array([[0.0, 7.0]])), -1, 50).points, [[0, 42]])


@pytest.mark.parametrize("to", WRITABLE)
def test_every_format_into_every_other(tmp_path: Path, to: str) -> None:
    save(tmp_path / "in" / "A" / "x.1.csv", [[4, 9], [30, 12]], [0.5, 0.75], "A/x.1.mrc")
    result = convert(str(tmp_path / "in"), tmp_path / to, to, ConvertOptions(box_size=10))
    assert result.files == [tmp_path / to / "A" / f"x.1{PICKS_FORMATS[to].suffix}"]
    assert result.picks == 2
    for number, back in enumerate(WRITABLE):
        again = convert(str(result.files[0]), tmp_path / f"{number}.csv", "csv", ConvertOptions(box_size=10))
        (found,) = read_picks(again.files[0]).values()
        np.testing.assert_array_equal(found.points, [[4, 9], [30, 12]])
        assert back in WRITABLE


def test_a_single_file_for_one_image_only(tmp_path: Path) -> None:
    save(tmp_path / "a.csv", [[4, 9]])
    assert convert(str(tmp_path / "a.csv"), tmp_path / "b.star", "relion").files == [tmp_path / "b.star"]
    (tmp_path / "two.csv").write_text("image,x,y\na.mrc,1,2\nb.mrc,3,4\n")
    with pytest.raises(InputError, match="picks of 2 images, which do not go into one file"):
        convert(str(tmp_path / "two.csv"), tmp_path / "c.star", "relion")


def test_names_that_would_share_a_file(tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text("image,x,y\na.mrc,1,2\na.tif,3,4\n")
    with pytest.raises(OutputError, match=r"a.mrc and a.tif would both be written to"):
        convert(str(tmp_path / "two.csv"), tmp_path / "out", "csv")
    assert not (tmp_path / "out").exists()


def test_dots_in_names_stay(tmp_path: Path) -> None:
    for name in ("May08_03.05.02", "May08_03.05.03"):
        save(tmp_path / "in" / f"{name}.csv", [[1, 2]], image=name)
    result = convert(str(tmp_path / "in"), tmp_path / "out", "eman", ConvertOptions(box_size=4))
    assert [path.name for path in result.files] == ["May08_03.05.02.box", "May08_03.05.03.box"]


def test_the_threshold_of_motes_pick_counts_unless_another_is_given(tmp_path: Path) -> None:
    save(tmp_path / "job" / "picks" / "a.mrc.csv", [[1, 2], [30, 40], [50, 60]], [0.9, 0.5, 0.1])
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": 0.4}))
    assert convert(str(tmp_path / "job"), tmp_path / "own", "relion").picks == 2
    options = ConvertOptions(threshold=0.6)
    assert convert(str(tmp_path / "job"), tmp_path / "given", "relion", options).picks == 1
    assert convert(str(tmp_path / "job" / "picks"), tmp_path / "all", "relion").picks == 3


def test_flips_and_diameters_take_what_the_images_say(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.mrc", np.zeros((20, 30), np.float32), 4.0)
    save(tmp_path / "in.csv", [[3, 4]])
    options = ConvertOptions([str(tmp_path / "images")], flip="x", diameter=Length(60, "A"))
    convert(str(tmp_path / "in.csv"), tmp_path / "out.csv", "csv", options)
    found = read_picks(tmp_path / "out.csv")["a.mrc"]
    np.testing.assert_array_equal(found.points, [[3, 25]])
    np.testing.assert_array_equal(found.diameters, [15])


def test_one_image_that_does_not_fit_costs_no_other(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.csv", [[1, 2]])
    save(tmp_path / "in" / "b.csv", [[1, 2, 3]], image="b.mrc")
    result = convert(str(tmp_path / "in"), tmp_path / "out", "relion")
    assert [failure.name for failure in result.failures] == ["b.mrc"]
    assert "2D" in result.failures[0].reason
    assert sorted(read_picks(result.indexes[0])) == ["a.mrc"]


def test_refusals(tmp_path: Path) -> None:
    save(tmp_path / "in.csv", [[1, 2]])
    source = str(tmp_path / "in.csv")
    with pytest.raises(PicksError, match="Did you mean 'cryolo'"):
        convert(source, tmp_path / "out", "crylo")
    with pytest.raises(InputError, match="at least 1"):
        convert(source, tmp_path / "out", "eman", ConvertOptions(box_size=0))
    with pytest.raises(OutputError, match="there already"):
        convert(source, tmp_path / "in.csv", "csv")
    convert(source, tmp_path / "in.csv", "csv", overwrite=True)
    assert list(read_picks(tmp_path / "in.csv")) == ["a.mrc"]


def test_picks_that_fit_the_mirrored_image_are_refused_until_they_are_turned(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(15, 185, (60, 2))
    rows, columns = np.mgrid[:200, :200]
    image = rng.normal(size=(200, 200)).astype(np.float32)
    for y, x in points:
        image -= (rows - y) ** 2 + (columns - x) ** 2 < 36
    write_image(tmp_path / "a.mrc", image, 1.0)
    save(tmp_path / "a.csv", flipped(Picks(points), -2, 200).points.tolist())
    known = ConvertOptions(images=[str(tmp_path / "a.mrc")], diameter=Length(12, "px"))
    with pytest.raises(PicksError, match=r"upside down.*--flip y"):
        convert(str(tmp_path / "a.csv"), tmp_path / "wrong", "relion", known)
    turned = convert(str(tmp_path / "a.csv"), tmp_path / "right", "relion", replace(known, flip="y"))
    assert turned.picks == 60
    kept = convert(str(tmp_path / "a.csv"), tmp_path / "kept", "relion", replace(known, check_flips=False))
    assert kept.picks == 60
