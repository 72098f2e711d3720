from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import motes.jobs.diameter
from motes.data.image_list import ImageEntry
from motes.errors import InputError, ModelError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.jobs.diameter import SeenDiameter
from motes.jobs.inspect import inspect
from motes.jobs.inspection import Inspection, InspectOptions
from motes.picks import Picks
from motes.units import Length

DIAMETER = InspectOptions(Length(40, "A"))


def noise(seed: int, shape: tuple[int, int] = (120, 160)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def save(folder: Path, name: str, pixels: NDArray[np.float32], pixel_size: float | None = 4.0) -> None:
    write_image(folder / "images" / name, pixels, pixel_size)


def save_picks(folder: Path, name: str, points: NDArray[np.float64]) -> None:
    write_picks(folder / "picks" / f"{name}.csv", Picks(points), format="csv", image_name=name)


def look(folder: Path, options: InspectOptions = DIAMETER) -> Inspection:
    picks = folder / "picks"
    return inspect([str(folder / "images")], str(picks) if picks.exists() else None, options)


def messages(found: Inspection) -> str:
    return "\n".join(problem.message for problem in found.problems)


def test_facts_of_an_image(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4)
    pixels[0, 0], pixels[0, 1] = np.nan, np.inf
    save(tmp_path, "a.mrc", pixels, 2.5)
    (facts,) = look(tmp_path).images
    assert (facts.shape, facts.dtype) == ((3, 4), "float32")
    assert (facts.pixel_size, facts.pixel_size_from) == (2.5, "header")
    assert (facts.low, facts.high, facts.mean, facts.bad_pixels) == (2, 11, 6.5, 2)
    assert facts.std == pytest.approx(np.std(np.arange(2, 12)))


def test_where_a_pixel_size_comes_from(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0), None)
    assert look(tmp_path).images[0].pixel_size_from is None
    assert "give --pixel-size" in messages(look(tmp_path))
    (facts,) = look(tmp_path, InspectOptions(pixel_size=3.0)).images
    assert (facts.pixel_size, facts.pixel_size_from) == (3.0, "option")
    star = tmp_path / "micrographs.star"
    star.write_text(
        f"data_micrographs\nloop_\n_rlnMicrographName\n_rlnMicrographPixelSize\n{tmp_path}/images/a.mrc 1.5\n"
    )
    (facts,) = inspect([str(star)]).images
    assert (facts.pixel_size, facts.pixel_size_from) == (1.5, "list")


def test_the_same_pixels_twice_and_mixed_sets(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    save(tmp_path, "copy.mrc", noise(0), 8.0)
    save(tmp_path, "small.mrc", noise(1, (50, 60)))
    found = look(tmp_path)
    assert found.usable
    assert ("a.mrc", "copy.mrc") in [problem.images for problem in found.problems]
    assert "the same pixels" in messages(found)
    assert "2 images with 4 A/px, 1 images with 8 A/px" in messages(found)
    assert "2 of 120x160, 1 of 50x60" in messages(found)


def test_clean_data_have_no_problem(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    save_picks(tmp_path, "a.mrc", np.array([[20.0, 30.0], [60.0, 80.0]]))
    found = look(tmp_path)
    assert found.problems == []
    assert found.paired == {"a.mrc": "a.mrc"}
    assert found.images[0].picks is not None
    assert found.images[0].picks.nearest == pytest.approx(np.hypot(40, 50))


def test_unusable_things_come_first(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0), None)
    save(tmp_path, "b.mrc", np.zeros((20, 30), np.float32))
    found = look(tmp_path)
    assert [problem.unusable for problem in found.problems] == sorted(
        (problem.unusable for problem in found.problems), reverse=True
    )
    assert found.problems[0].images == ("b.mrc",)
    assert not found.usable


def test_pairing_is_told(tmp_path: Path) -> None:
    for name in ("a.mrc", "b.mrc"):
        save(tmp_path, name, noise(ord(name[0])))
    for name in ("a.mrc", "c.mrc"):
        save_picks(tmp_path, name, np.array([[20.0, 30.0]]))
    found = look(tmp_path)
    assert (found.paired, found.without_picks, found.without_image) == (
        {"a.mrc": "a.mrc"},
        ("b.mrc",),
        ("c.mrc",),
    )
    assert found.usable
    assert found.as_dict()["usable"] is True


def test_picks_of_other_images_are_unusable(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    save_picks(tmp_path, "z.mrc", np.array([[20.0, 30.0]]))
    found = look(tmp_path)
    assert not found.usable
    assert "named like 'a.mrc', picks like 'z.mrc'" in messages(found)


def test_points_outside_repeated_and_close(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    apart = np.array([[10.0 + 30 * i, 10.0 + 30 * j] for i in range(4) for j in range(5)])
    save_picks(tmp_path, "a.mrc", np.concatenate([apart, apart[:2], [[-1.0, 5.0]], apart[:3] + 3]))
    found = look(tmp_path)
    facts = found.images[0].picks
    assert facts is not None
    assert (facts.count, facts.outside, facts.repeated, facts.close) == (26, 1, 2, 6)
    assert found.usable
    save_picks(tmp_path, "a.mrc", apart * 3)
    assert not look(tmp_path).usable
    assert "another binning" in messages(look(tmp_path))


def test_flipped_picks_are_found_on_the_right_axis(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = noise(0, (300, 340)) * 0.5
    points = np.column_stack([rng.uniform(15, 285, 40), rng.uniform(15, 325, 40)])
    y, x = np.mgrid[:300, :340]
    for row, column in points:
        pixels[np.hypot(y - row, x - column) <= 5] += 2
    save(tmp_path, "a.mrc", pixels)
    save_picks(tmp_path, "a.mrc", points)
    right = look(tmp_path)
    assert right.usable
    assert right.images[0].picks is not None
    assert right.images[0].picks.as_given > 3 * max(right.images[0].picks.flipped.values())
    for axis, size, suspect in ((0, 300, "upside down"), (1, 340, "left to right")):
        turned = points.copy()
        turned[:, axis] = size - 1 - turned[:, axis]
        save_picks(tmp_path, "a.mrc", turned)
        found = look(tmp_path)
        assert found.images[0].picks is not None
        assert found.images[0].picks.suspect == suspect
        assert f"--flip {'yx'[axis]}" in messages(found)
        assert not found.usable


@pytest.mark.parametrize(("diameter", "message"), [(10, "too small to find"), (900, "larger than the image")])
def test_a_diameter_that_cannot_be(tmp_path: Path, diameter: float, message: str) -> None:
    save(tmp_path, "a.mrc", noise(0))
    save_picks(tmp_path, "a.mrc", np.array([[20.0, 30.0]]))
    found = look(tmp_path, replace(DIAMETER, diameter=Length(diameter, "A")))
    assert not found.usable
    assert message in messages(found)


def test_without_a_diameter_it_says_what_was_not_checked(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    save_picks(tmp_path, "a.mrc", np.array([[20.0, 30.0]]))
    assert "distances were not checked" in messages(look(tmp_path, InspectOptions()))


def test_an_image_that_picking_refuses_is_a_problem(tmp_path: Path) -> None:
    pixels = np.zeros((200, 200), np.float32)
    pixels[50:54, 60:64] = 9
    save(tmp_path, "a.mrc", pixels)
    found = look(tmp_path)
    assert not found.usable
    assert "the same value (0) after clipping 0.1 % at both ends" in messages(found)


def test_picks_of_motes_pick_are_those_above_its_threshold(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    picks = Picks(np.array([[20.0, 30.0], [60.0, 80.0]]), np.array([0.9, 0.1]))
    write_picks(tmp_path / "job" / "picks" / "a.csv", picks, format="csv", image_name="a.mrc")
    (tmp_path / "job" / "settings.json").write_text('{"threshold": 0.5}')
    found = inspect([str(tmp_path / "images")], str(tmp_path / "job"), DIAMETER)
    assert found.images[0].picks is not None
    assert found.images[0].picks.count == 1


def test_a_file_passed_over_is_a_note(tmp_path: Path) -> None:
    save(tmp_path, "a.mrc", noise(0))
    save_picks(tmp_path, "a.mrc", np.array([[20.0, 30.0]]))
    (tmp_path / "picks" / "README.txt").write_text("Picked by hand.\n")
    found = look(tmp_path)
    assert found.usable
    assert "README.txt" in messages(found)


@pytest.mark.parametrize("options", [DIAMETER, InspectOptions()], ids=["diameter", "spacing"])
def test_flipped_picks_are_found_in_images_with_few_of_them(tmp_path: Path, options: InspectOptions) -> None:
    y, x = np.mgrid[:160, :200]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        points = np.column_stack([rng.uniform(15, 145, 8), rng.uniform(15, 185, 8)])
        pixels = noise(seed, (160, 200)) * 0.3
        for row, column in points:
            pixels[np.hypot(y - row, x - column) <= 5] += 2
        save(tmp_path, f"{seed}.mrc", pixels)
        save_picks(tmp_path, f"{seed}.mrc", points * [-1, 1] + [159, 0])
    found = look(tmp_path, options)
    assert not found.usable
    assert "6 images with few or faint particles, taken together: the picks seem to be upside" in messages(
        found
    )


def test_the_diameter_is_estimated_where_neither_it_nor_picks_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    seen = SeenDiameter(60.0, 45.0, 80.0, 240.0, 180.0, 320.0, 1)

    def estimate(entries: list[ImageEntry], pixel_size: float | None) -> SeenDiameter:
        asked.append(([entry.name for entry in entries], pixel_size))
        return seen

    monkeypatch.setattr(motes.jobs.diameter, "estimate", estimate)
    save(tmp_path, "a.mrc", noise(0))
    (tmp_path / "images" / "broken.mrc").write_text("no image")
    assert look(tmp_path, InspectOptions(pixel_size=3.0)).as_dict()["estimated_diameter"] == asdict(seen)
    assert asked == [(["a.mrc"], 3.0)]
    assert look(tmp_path).estimated_diameter is None
    save_picks(tmp_path, "a.mrc", np.array([[20.0, 30.0]]))
    assert look(tmp_path, InspectOptions()).estimated_diameter is None
    assert len(asked) == 1


def test_why_there_is_no_estimate_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, "a.mrc", noise(0))
    monkeypatch.setattr(motes.jobs.diameter, "estimate", lambda *_: None)
    found = look(tmp_path, InspectOptions())
    assert found.usable
    assert "cannot be estimated: too few stand out" in messages(found)

    def missing(*_: object) -> None:
        raise ModelError("this installation has no default model")

    monkeypatch.setattr(motes.jobs.diameter, "estimate", missing)
    found = look(tmp_path, InspectOptions())
    assert found.usable
    assert "is not estimated: this installation has no default model" in messages(found)


def test_no_image_at_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image found"):
        inspect([str(tmp_path)])
