import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from motes.errors import ImageError, PicksError, UnitError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.jobs.score import ScoreOptions, score_picks
from motes.jobs.telling import Silent
from motes.picks import Picks
from motes.units import Length

POINTS = np.array([[20.0, 20], [60, 20], [20, 60], [60, 60]])


@dataclass(frozen=True)
class Listener(Silent):
    warnings: list[str] = field(default_factory=list)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def save(
    path: Path, points: np.ndarray, scores: list[float] | None = None, diameter: float | None = None
) -> str:
    diameters = None if diameter is None else np.full(len(points), diameter)
    picks = Picks(points, None if scores is None else np.array(scores), diameters=diameters)
    write_picks(path, picks, format="csv", image_name=f"{path.stem}.mrc")
    return str(path.parent)


def save_image(path: Path, pixel_size: float | None, seed: int = 0) -> str:
    pixels = np.random.default_rng(seed).normal(size=(80, 90)).astype(np.float32)
    write_image(path, pixels, pixel_size)
    return str(path.parent)


def test_truth_with_scores_of_any_kind_is_all_truth(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth" / "a.csv", POINTS, [-3.5, -999, 0.5, float("nan")])
    picks = save(tmp_path / "picks" / "a.csv", POINTS)
    report = score_picks(picks, truth, ScoreOptions(radius=Length(5, "px")))
    assert report.as_dict()["f1"] == 1


def test_truth_that_motes_picked_ends_at_its_threshold(tmp_path: Path) -> None:
    save(tmp_path / "job" / "picks" / "a.csv", POINTS, [0.9, 0.8, 0.2, 0.1])
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": 0.5}))
    picks = save(tmp_path / "picks" / "a.csv", POINTS[:2])
    report = score_picks(picks, str(tmp_path / "job"), ScoreOptions(radius=Length(5, "px")))
    assert report.as_dict()["recall"] == 1


def test_each_image_that_motes_picked_can_have_a_threshold_of_its_own(tmp_path: Path) -> None:
    save(tmp_path / "job" / "picks" / "sure.csv", POINTS, [0.9, 0.9, 0.9, 0.35])
    save(tmp_path / "job" / "picks" / "unsure.csv", POINTS, [0.5, 0.5, 0.5, 0.35])
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": None, "adaptive": [0.2, 0.8]}))
    for name in ("sure", "unsure"):
        save(tmp_path / "truth" / f"{name}.csv", POINTS)
    report = score_picks(str(tmp_path / "job"), str(tmp_path / "truth"), ScoreOptions(radius=Length(5, "px")))
    assert {image.name: image.counts.true_positives for image in report.images} == {
        "sure.mrc": 3,
        "unsure.mrc": 4,
    }
    assert report.as_dict()["threshold"] is None
    given = ScoreOptions(radius=Length(5, "px"), threshold=0.6)
    report = score_picks(str(tmp_path / "job"), str(tmp_path / "truth"), given)
    assert {image.name: image.counts.true_positives for image in report.images} == {
        "sure.mrc": 3,
        "unsure.mrc": 0,
    }


def test_the_radius_comes_from_the_diameters_that_are_known(tmp_path: Path) -> None:
    folder, picks = tmp_path / "truth", save(tmp_path / "picks" / "a.csv", np.array([[14.0, 10], [50, 50]]))
    folder.mkdir()
    (folder / "a.csv").write_text("x,y,diameter\n10,10,10\n50,50,\n")
    assert score_picks(picks, str(folder)).as_dict()["f1"] == 1
    (folder / "a.csv").write_text("x,y,diameter\n10,10,\n50,50,\n")
    with pytest.raises(UnitError, match="give --radius"):
        score_picks(picks, str(folder))


def test_each_image_has_its_own_pixel_size(tmp_path: Path) -> None:
    images = save_image(tmp_path / "images" / "a.mrc", 2.0)
    save_image(tmp_path / "images" / "b.mrc", 8.0)
    for name in ("a", "b"):
        truth = save(tmp_path / "truth" / f"{name}.csv", POINTS)
        picks = save(tmp_path / "picks" / f"{name}.csv", POINTS + np.array([0, 3]))
    options = ScoreOptions(radius=Length(8, "A"), images=[images])
    rows = {row["image"]: row["f1"] for row in score_picks(picks, truth, options).per_image}
    assert rows == {"a.mrc": 1, "b.mrc": 0}


def test_an_unknown_pixel_size_names_the_image(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth" / "a.csv", POINTS)
    images = save_image(tmp_path / "images" / "a.mrc", None)
    with pytest.raises(UnitError, match=r"a.mrc: .*--pixel-size"):
        score_picks(truth, truth, ScoreOptions(radius=Length(8, "A"), images=[images]))


def test_a_damaged_image_costs_only_what_needs_it(tmp_path: Path) -> None:
    images = save_image(tmp_path / "images" / "a.mrc", 2.0)
    (tmp_path / "images" / "b.mrc").write_bytes(b"")
    for name in ("a", "b"):
        truth = save(tmp_path / "truth" / f"{name}.csv", POINTS, diameter=10)
    listener = Listener()
    for options in (
        ScoreOptions(images=[images]),
        ScoreOptions(images=[images], radius=Length(5, "A"), pixel_size=2.0),
    ):
        assert score_picks(truth, truth, options, listener).as_dict()["f1"] == 1
    assert "b.mrc: the orientation of its picks was not checked" in listener.warnings[0]
    for options in (
        ScoreOptions(images=[images], ignore_rim=5),
        ScoreOptions(images=[images], radius=Length(5, "A")),
    ):
        with pytest.raises(ImageError, match=r"b\.mrc: empty"):
            score_picks(truth, truth, options)


def test_what_is_passed_over_is_told(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth" / "a.csv", POINTS, diameter=10)
    (tmp_path / "truth" / "README.txt").write_text("Picked by hand.\n")
    listener = Listener()
    assert score_picks(truth, truth, None, listener).as_dict()["f1"] == 1
    assert any("README.txt" in line for line in listener.warnings)


@pytest.mark.parametrize("turned", ["truth", "picks"])
def test_mirrored_picks_or_truth_are_refused(tmp_path: Path, turned: str) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(12, 188, (60, 2))
    rows, columns = np.mgrid[:200, :200]
    pixels = rng.normal(size=(200, 200)).astype(np.float32)
    for y, x in points:
        pixels -= (rows - y) ** 2 + (columns - x) ** 2 < 36
    write_image(tmp_path / "images" / "a.mrc", pixels, 2.0)
    for name in ("truth", "picks"):
        save(tmp_path / name / "a.csv", points * [-1, 1] + [199, 0] if name == turned else points)
    sources = (str(tmp_path / "picks"), str(tmp_path / "truth"))
    options = ScoreOptions(diameter=Length(24, "A"), images=[str(tmp_path / "images")])
    with pytest.raises(PicksError, match=f"{turned}: a.mrc: .*upside down"):
        score_picks(*sources, options)
    unchecked = ScoreOptions(diameter=Length(24, "A"), images=options.images, check_flips=False)
    assert score_picks(*sources, unchecked).as_dict()["f1"] < 0.5
