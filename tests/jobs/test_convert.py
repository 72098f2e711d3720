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

VOLUMES_ONLY = ("relion5", "relion4", "dynamo", "eman-info", "challenge")
WRITABLE = [
    name for name, entry in PICKS_FORMATS.items() if entry.write is not None and name not in VOLUMES_ONLY
]


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
    assert convert(str(tmp_path / "job" / "picks"), tmp_path / "inner", "relion").picks == 2
    every = ConvertOptions(threshold=0)
    assert convert(str(tmp_path / "job" / "picks"), tmp_path / "all", "relion", every).picks == 3


def test_a_threshold_for_each_image_is_that_of_its_candidates(tmp_path: Path) -> None:
    save_noise(tmp_path / "images" / "a.mrc")
    save(tmp_path / "job" / "picks" / "a.mrc.csv", [[1, 2], [30, 40], [50, 60]], [0.9, 0.9, 0.35])
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": None, "adaptive": [0.2, 0.8]}))
    for name, options in (
        ("plain", ConvertOptions()),
        ("named", ConvertOptions([str(tmp_path / "images")])),
    ):
        assert convert(str(tmp_path / "job"), tmp_path / name, "csv", options).picks == 2
    assert convert(str(tmp_path / "job"), tmp_path / "given", "csv", ConvertOptions(threshold=0.3)).picks == 3


def test_flips_and_diameters_take_what_the_images_say(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.mrc", np.zeros((20, 30), np.float32), 4.0)
    save(tmp_path / "in.csv", [[3, 4]])
    options = ConvertOptions([str(tmp_path / "images")], flip="x", diameter=Length(60, "A"))
    convert(str(tmp_path / "in.csv"), tmp_path / "out.csv", "csv", options)
    found = read_picks(tmp_path / "out.csv")["a.mrc"]
    np.testing.assert_array_equal(found.points, [[3, 25]])
    np.testing.assert_array_equal(found.diameters, [15])


def test_picks_outside_their_image_are_left_out(tmp_path: Path) -> None:
    for name in ("a.mrc", "b.mrc"):
        save_noise(tmp_path / "images" / name)
    save(tmp_path / "in" / "a.csv", [[1, 2], [1, 2], [69, 89], [70, 5]])
    save(tmp_path / "in" / "b.csv", [[1, 2], [70, 5], [5, 90]], image="b.mrc")
    known = ConvertOptions([str(tmp_path / "images")])
    result = convert(str(tmp_path / "in"), tmp_path / "out", "csv", known)
    assert [path.name for path in result.files] == ["a.csv"]
    assert read_picks(result.files[0])["a.mrc"].points.tolist() == [[1, 2], [1, 2], [69, 89]]
    assert [failure.name for failure in result.failures] == ["b.mrc"]
    assert "2 of 3 picks lie outside the image (90 x 70 px, x first)" in result.failures[0].reason
    with pytest.raises(PicksError, match=r"^b.mrc: 2 of 3 picks lie outside"):
        convert(str(tmp_path / "in" / "b.csv"), tmp_path / "none", "csv", known)
    turned = convert(str(tmp_path / "in" / "a.csv"), tmp_path / "y", "csv", replace(known, flip="y"))
    assert read_picks(turned.files[0])["a.mrc"].points[:, 0].tolist() == [68, 68, 0]


def test_picks_of_an_image_that_is_not_there_are_taken_as_they_are(tmp_path: Path) -> None:
    star = tmp_path / "micrographs.star"
    star.write_text("data_\nloop_\n_rlnMicrographName\ngone.mrc\n")
    save(tmp_path / "in.csv", [[1, 2], [7000, 5]], image="gone.mrc")
    assert (
        convert(str(tmp_path / "in.csv"), tmp_path / "out", "relion", ConvertOptions([str(star)])).picks == 2
    )


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


def test_a_threshold_below_that_of_motes_pick_counts_with_images_too(tmp_path: Path) -> None:
    save_noise(tmp_path / "images" / "a.mrc")
    save(tmp_path / "job" / "picks" / "a.mrc.csv", [[1, 2], [30, 40], [50, 60]], [0.9, 0.5, 0.1])
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": 0.6}))
    for threshold, count in ((None, 1), (0.4, 2), (0.05, 3)):
        options = ConvertOptions([str(tmp_path / "images")], threshold=threshold)
        assert convert(str(tmp_path / "job"), tmp_path / f"{threshold}", "csv", options).picks == count


def test_a_pick_without_a_score_reaches_every_threshold(tmp_path: Path) -> None:
    save(tmp_path / "a.csv", [[1, 2], [3, 4], [5, 6]], [float("nan"), -4, 2])
    assert convert(str(tmp_path / "a.csv"), tmp_path / "all", "csv").picks == 3
    assert convert(str(tmp_path / "a.csv"), tmp_path / "cut", "csv", ConvertOptions(threshold=0)).picks == 2


@pytest.mark.parametrize("with_images", [True, False])
def test_a_file_that_cannot_be_read_costs_no_other(tmp_path: Path, with_images: bool) -> None:
    for name in ("a.mrc", "b.mrc"):
        save_noise(tmp_path / "images" / name)
    save(tmp_path / "in" / "a.csv", [[1, 2]])
    (tmp_path / "in" / "b.csv").write_text("x,y\n1,two\n")
    options = ConvertOptions([str(tmp_path / "images")] if with_images else ())
    result = convert(str(tmp_path / "in"), tmp_path / "out", "relion", options)
    assert [path.name for path in result.files] == ["a_autopick.star"]
    assert [failure.name for failure in result.failures] == ["b.csv"]
    assert "'two'" in result.failures[0].reason
    assert sorted(read_picks(result.indexes[0])) == ["a.mrc"]


def save_noise(path: Path) -> None:
    write_image(path, np.random.default_rng(0).normal(size=(70, 90)).astype(np.float32), 4.0)


def save_particles(path: Path, seed: int, count: int = 40) -> Picks:
    """An image of 200 px with particles of 12 px, and some of their centres."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(15, 185, (40, 2))
    rows, columns = np.mgrid[:200, :200]
    image = rng.normal(size=(200, 200)).astype(np.float32)
    for y, x in points:
        image -= (rows - y) ** 2 + (columns - x) ** 2 < 36
    write_image(path, image, 2.0)
    return Picks(points[:count])


def test_picks_of_unknown_diameter_are_checked_too(tmp_path: Path) -> None:
    for seed in range(2):
        picks = save_particles(tmp_path / "images" / f"{seed}.mrc", seed)
        picks = flipped(picks, -1, 200) if seed else picks
        save(tmp_path / "in" / f"{seed}.csv", picks.points.tolist(), image=f"{seed}.mrc")
    options = ConvertOptions([str(tmp_path / "images")])
    result = convert(str(tmp_path / "in"), tmp_path / "out", "relion", options)
    assert [path.name for path in result.files] == ["0_autopick.star"]
    assert [failure.name for failure in result.failures] == ["1.mrc"]
    assert "--flip x" in result.failures[0].reason


def test_images_with_few_picks_are_checked_together(tmp_path: Path) -> None:
    for seed in range(6):
        picks = flipped(save_particles(tmp_path / "images" / f"{seed}.mrc", seed, 8), -2, 200)
        save(tmp_path / "in" / f"{seed}.csv", picks.points.tolist(), image=f"{seed}.mrc")
    known = ConvertOptions([str(tmp_path / "images")], diameter=Length(12, "px"))
    with pytest.raises(PicksError, match=r"6 images with few .*--flip y"):
        convert(str(tmp_path / "in"), tmp_path / "wrong", "relion", known)
    assert not (tmp_path / "wrong").exists()
    assert convert(str(tmp_path / "in"), tmp_path / "right", "relion", replace(known, flip="y")).picks == 48
    options = replace(known, check_flips=False)
    assert convert(str(tmp_path / "in"), tmp_path / "kept", "relion", options).picks == 48


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
