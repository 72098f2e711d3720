"""Each kind of bad coordinates gets its own message."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.formats.picks import read_picks, write_picks
from motes.picks import Picks, empty_picks

Motes = Callable[..., Any]
COLUMNLESS = "data_\nloop_\n_rlnCoordinateX\n_rlnFoo\n1 2\n"


def train(motes: Motes, tiny: Any, picks: object, run: Path, *words: object) -> Any:
    settings = ("width=4", "training.steps=2", "epochs=1", "sampling.size=64", "training.batch=2")
    return motes(
        "train", "micrographs", "--images", tiny.images, "--picks", picks, "--out", run, *words, *settings
    )


def truth(tiny: Any, number: int) -> Picks:
    (picks,) = read_picks(tiny.truth / f"mic_000{number}.csv").values()
    return Picks(picks.points)


@pytest.fixture
def folder(tiny: Any, tmp_path: Path) -> Path:
    """The truth of all three images, in a folder that a test may spoil."""
    for number in (1, 2, 3):
        save(tmp_path / "picks", number, truth(tiny, number))
    return tmp_path / "picks"


def save(folder: Path, number: int, picks: Picks) -> None:
    write_picks(folder / f"mic_000{number}.csv", picks, format="csv", image_name=f"mic_000{number}.mrc")


def test_no_particle_at_all(motes: Motes, tiny: Any, folder: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(folder, number, empty_picks(2))
    answer = train(motes, tiny, folder, tmp_path / "run", "--diameter", 150)
    assert answer.code == 1
    assert "no particle to train on: the picks of all training images are empty" in answer.err
    inspected = motes("inspect", tiny.images, "--picks", folder)
    assert inspected.code == 1
    assert "not one particle" in inspected.out


def test_an_image_without_particles_is_trained_on(
    motes: Motes, tiny: Any, folder: Path, tmp_path: Path
) -> None:
    save(folder, 2, empty_picks(2))
    answer = train(motes, tiny, folder, tmp_path / "run", "--diameter", 150)
    assert answer.code == 0
    assert "mic_0002.mrc,train,mic_0002.mrc,0," in (tmp_path / "run" / "data.csv").read_text().replace(
        ",validation,", ",train,"
    )


def test_an_image_without_a_file_is_unlabelled_and_named(
    motes: Motes, tiny: Any, folder: Path, tmp_path: Path
) -> None:
    (folder / "mic_0002.csv").unlink()
    answer = train(motes, tiny, folder, tmp_path / "run", "--diameter", 150)
    assert answer.code == 0
    assert "without picks, left out: mic_0002.mrc" in answer.err
    assert "mic_0002" not in (tmp_path / "run" / "data.csv").read_text()


def test_finding_nothing_is_a_result(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    words = ("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out", "--format", "relion")
    assert motes(*words, "--threshold", 1).code == 0
    assert all(len(p) == 0 for p in read_picks(tmp_path / "out" / "relion" / "autopick.star").values())
    values = json.loads(motes("score", tmp_path / "out", tiny.truth, "--json").out)
    assert (values["precision"], values["recall"], values["picks"]) == (None, 0, 0)
    assert motes("score", tiny.truth, tmp_path / "out" / "relion", "--diameter", "40px").code == 0


def test_a_threshold_that_is_no_probability(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    answer = motes("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "out", "--threshold", 40)
    assert answer.code == 1
    assert "--threshold is a probability between 0 and 1, found 40" in answer.err


def test_many_coordinates_outside_cost_that_image_only(
    motes: Motes, tiny: Any, folder: Path, tmp_path: Path
) -> None:
    save(folder, 1, Picks(truth(tiny, 1).points * 4))
    answer = train(motes, tiny, folder, tmp_path / "run", "--diameter", 150)
    assert answer.code == 1
    assert (
        "picks lie outside the image (256 x 256 px, x first); were they made on another binning" in answer.err
    )
    assert "mic_0001" not in (tmp_path / "run" / "data.csv").read_text()
    inspected = motes("inspect", tiny.images, "--picks", folder)
    assert inspected.code == 1
    assert "another binning" in inspected.out.splitlines()[0]


def test_single_coordinates_outside_and_duplicates_are_left_out_and_counted(
    motes: Motes, tiny: Any, folder: Path, tmp_path: Path
) -> None:
    points = truth(tiny, 1).points
    save(folder, 1, Picks(np.concatenate([points, points[:3], [[300.0, 10.0]]])))
    answer = train(motes, tiny, folder, tmp_path / "run", "--diameter", 150)
    assert answer.code == 0
    assert "mic_0001.mrc: 1 picks outside the image left out" in answer.err
    assert "mic_0001.mrc: 3 repeated picks left out" in answer.err
    shown = motes("inspect", tiny.images, "--picks", folder).out
    assert "3 picks stand there more than once" in shown
    assert f"1 of {len(points) + 4} picks lie outside the image; they are left out" in shown


def test_conversion_leaves_out_what_lies_outside(
    motes: Motes, tiny: Any, folder: Path, tmp_path: Path
) -> None:
    save(folder, 1, Picks(np.concatenate([truth(tiny, 1).points, [[300.0, 10.0]]])))
    save(folder, 2, Picks(truth(tiny, 2).points * 4))
    answer = motes("convert", folder, tmp_path / "out", "--to", "relion", "--images", tiny.images)
    assert answer.code == 1
    assert "mic_0001.mrc: 1 picks outside the image left out" in answer.err
    assert "mic_0002.mrc: " in answer.err
    assert "were they made on another binning" in answer.err
    assert sorted(read_picks(tmp_path / "out" / "autopick.star")) == ["mic_0001.mrc", "mic_0003.mrc"]


def test_picks_made_twice_are_noticed(motes: Motes, tiny: Any, folder: Path) -> None:
    points = truth(tiny, 1).points
    save(folder, 1, Picks(np.concatenate([points, points + 3])))
    answer = motes("inspect", tiny.images, "--picks", folder, "--diameter", 150)
    assert answer.code == 0
    assert "nearer than half a diameter to another one" in answer.out


def test_picks_that_are_upside_down(motes: Motes, tiny: Any, folder: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        save(folder, number, Picks(truth(tiny, number).points * [-1, 1] + [255, 0]))
    words = ("--diameter", 150)
    inspected = motes("inspect", tiny.images, "--picks", folder, *words)
    assert inspected.code == 1
    assert "upside down" in inspected.out
    assert "--flip y" in inspected.out
    refused = train(motes, tiny, folder, tmp_path / "run", *words)
    assert refused.code == 1
    assert "motes convert ... --flip y" in refused.err
    right = ("convert", folder, tmp_path / "right", "--to", "csv", "--images", tiny.images, "--flip", "y")
    assert motes(*right).code == 0
    assert motes("inspect", tiny.images, "--picks", tmp_path / "right", *words).code == 0
    (turned,) = read_picks(tmp_path / "right" / "mic_0001.csv").values()
    np.testing.assert_allclose(turned.points, truth(tiny, 1).points, atol=1e-9)


def test_a_star_file_without_the_column_says_which_there_are(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    star = tmp_path / "mic_0001.star"
    star.write_text(COLUMNLESS)
    message = "no column rlnCoordinateY; the columns there are: rlnCoordinateX, rlnFoo"
    for answer in (
        train(motes, tiny, star, tmp_path / "run"),
        motes("score", star, tiny.truth),
        motes("convert", star, tmp_path / "out", "--to", "csv"),
    ):
        assert answer.code == 1
        assert message in answer.err
    inspected = motes("inspect", tiny.images, "--picks", star)
    assert inspected.code == 1
    assert message in inspected.out


def test_one_damaged_file_of_coordinates_costs_the_others_nothing(
    motes: Motes, tiny: Any, folder: Path, tmp_path: Path
) -> None:
    (folder / "mic_0001.csv").unlink()
    (folder / "mic_0001.star").write_text(COLUMNLESS)
    answer = train(motes, tiny, folder, tmp_path / "run", "--diameter", 150)
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert "no column rlnCoordinateY" in answer.err
    inspected = motes("inspect", tiny.images, "--picks", folder)
    assert inspected.code == 1
    assert "no column rlnCoordinateY" in inspected.out.splitlines()[0]
    scored = motes("score", folder, tiny.truth, "--diameter", "40px")
    assert scored.code == 1
    assert "1 of the files" in scored.err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mic_0001.csv", b"", "empty; a table without picks has at least its header"),
        ("mic_0001.csv", b"a,b\n1,2\n", "not a coordinate file of a known format"),
        ("mic_0001.csv", b"x,y\n1,two\n", "y in row 1 is 'two'"),
        ("mic_0001.csv", b"x,y\n1,nan\n", "not finite numbers"),
        ("mic_0001.box", b"\0\1\2", "a binary file"),
        ("other.csv", b"x,y\n1,2\n", "none of the picks belongs to one of the images"),
    ],
)
def test_files_that_hold_no_coordinates(
    motes: Motes, tiny: Any, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    answer = train(motes, tiny, path, tmp_path / "run")
    assert answer.code == 1
    assert message in answer.err


def test_picks_that_are_not_there(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, message in [
        (tmp_path / "none", "does not exist; give a coordinate file or a folder"),
        (tmp_path / "empty", "no coordinate file found; expected .star"),
    ]:
        answer = train(motes, tiny, source, tmp_path / "run")
        assert (answer.code, message in answer.err) == (1, True)
        assert message in motes("inspect", tiny.images, "--picks", source).out


def test_a_diameter_that_nobody_told(motes: Motes, tiny: Any, folder: Path, tmp_path: Path) -> None:
    answer = train(motes, tiny, folder, tmp_path / "run")
    assert answer.code == 1
    assert "give --diameter 150 (Angstrom) or --diameter 60px" in answer.err
    answer = motes("score", folder, folder)
    assert answer.code == 1
    assert "give --radius 20 (px) or --diameter 60px" in answer.err


def test_conversion_says_what_it_lacks(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    for words, message in [
        (["--to", "relin"], "Did you mean 'relion'"),
        (["--to", "cryoppp"], "can be read but not written"),
        (["--to", "eman"], "--box-size"),
        (["--to", "csv", "--flip", "y"], "give them with --images"),
        (["--to", "csv", "--flip", "z"], "--flip takes x"),
        (["--to", "csv", "--diameter", "150"], "give --pixel-size"),
    ]:
        answer = motes("convert", tiny.truth, tmp_path / "out", *words)
        assert (answer.code, message in answer.err) == (1, True), answer.err
    cryoppp = tmp_path / "mic_0001.csv"
    cryoppp.write_text("X-Coordinate,Y-Coordinate,Diameter\n10,20,30\n")
    answer = motes("convert", cryoppp, tmp_path / "out", "--to", "csv")
    assert (answer.code, "--images" in answer.err) == (1, True)
    assert motes("convert", cryoppp, tmp_path / "a.csv", "--to", "csv", "--images", tiny.images).code == 0
    (picks,) = read_picks(tmp_path / "a.csv").values()
    np.testing.assert_array_equal(picks.points, [[255 - 20, 10]])


def test_an_unquoted_pattern_names_the_quotes(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    images = sorted(tiny.images.iterdir())
    for command in (
        ["score", tiny.truth, tiny.truth],
        ["convert", tiny.truth, tmp_path / "out", "--to", "csv"],
    ):
        answer = motes(*command, "--images", *images)
        assert (answer.code, "put the pattern in quotes" in answer.err) == (1, True)


def test_a_missing_extension_is_noticed_before_relion_does(motes: Motes, tiny: Any, tmp_path: Path) -> None:
    words = ("convert", tiny.truth, tmp_path / "box", "--to", "eman", "--box-size", 40)
    assert motes(*words).code == 0
    answer = motes("convert", tmp_path / "box", tmp_path / "star", "--to", "relion")
    assert answer.code == 0
    assert "do not tell the extension of their images" in answer.err
