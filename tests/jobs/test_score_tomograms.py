"""Picks of several classes in tomograms, in pixels and in Angstrom."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motes.errors import InputError, PicksError, UnitError
from motes.formats import copick
from motes.formats.copick_config import CopickObject
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.jobs.score import ChallengeReport, ScoreOptions, score_picks
from motes.picks import Picks
from motes.score.classes import ClassReport
from motes.score.scores import Report
from motes.units import Length

VOXEL = 10.012444
Rows = Sequence[tuple[Any, ...]]
OFFICIAL = ScoreOptions(metric="czii")


def challenge(path: Path, rows: Rows) -> str:
    """A table of rows (experiment, particle_type, x, y, z)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [",".join(map(str, (number, *row))) for number, row in enumerate(rows)]
    path.write_text("\n".join(["id,experiment,particle_type,x,y,z", *lines]) + "\n")
    return str(path)


def voxels(folder: Path, tomogram: str, rows: Rows, **columns: Any) -> str:
    """A CSV of one tomogram, rows (class, x, y, z) in voxels."""
    points = np.array([row[:0:-1] for row in rows], dtype=np.float64).reshape(-1, 3)
    table = Picks(points, classes=np.array([row[0] for row in rows], dtype=np.str_), **columns)
    write_picks(folder / f"{tomogram}.csv", table, format="csv", image_name=tomogram)
    return str(folder)


TRUTH = [
    ("TS_1", "apo-ferritin", 100, 200, 300),
    ("TS_1", "ribosome", 500.5, 200, 300),
    ("TS_2", "ribosome", 9, 9, 9),
]


def counts(values: dict[str, Any], name: str, prefix: str = "") -> tuple[int, int, int]:
    keys = ("true_positives", "false_positives", "false_negatives")
    return tuple(values[f"{prefix}{key}_{name}"] for key in keys)  # type: ignore[return-value]


def test_tables_of_the_challenge_are_scored_in_angstrom_as_they_stand(tmp_path: Path) -> None:
    truth = challenge(tmp_path / "truth.csv", TRUTH)
    rows = [("TS_1", "apo-ferritin", 130, 200, 300), ("TS_1", "ribosome", 500.5, 275.0001, 300)]
    report = score_picks(challenge(tmp_path / "picks.csv", rows), truth, OFFICIAL)
    assert isinstance(report, ChallengeReport)
    values = report.as_dict()
    assert counts(values, "apo-ferritin", "czii_") == counts(values, "apo-ferritin") == (1, 0, 0)
    assert counts(values, "ribosome", "czii_") == counts(values, "ribosome") == (0, 1, 2)
    assert (values["score"], values["czii_f4_apo-ferritin"], values["czii_f4_ribosome"]) == (1 / 7, 1, 0)
    assert (values["median_distance"], values["distance_unit"]) == (30, "A")
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_what_the_official_metric_gives_for_one_pick_between_two_particles(tmp_path: Path) -> None:
    truth = challenge(tmp_path / "truth.csv", [("TS", "apo-ferritin", x, 0, 0) for x in (0, 20)])
    picks = challenge(tmp_path / "picks.csv", [("TS", "apo-ferritin", 10, 0, 0)])
    values = score_picks(picks, truth, OFFICIAL).as_dict()
    assert counts(values, "apo-ferritin", "czii_") == (2, -1, 0)
    assert values["czii_f4_apo-ferritin"] == pytest.approx(34 / 33)
    assert counts(values, "apo-ferritin") == (1, 0, 1)
    assert values["f4_apo-ferritin"] == pytest.approx(17 / 33)


def test_voxels_become_angstrom_from_the_corner(tmp_path: Path) -> None:
    truth = challenge(
        tmp_path / "truth.csv", [("TS_1", "ribosome", 10.5 * VOXEL, 20.5 * VOXEL, 30.5 * VOXEL)]
    )
    picks = voxels(tmp_path / "picks", "TS_1.mrc", [("ribosome", 10, 20, 30)])
    report = score_picks(picks, truth, ScoreOptions(metric="czii", pixel_size=VOXEL))
    assert report.as_dict()["median_distance"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(UnitError, match=r"TS_1: its coordinates are in pixels.*--pixel-size"):
        score_picks(picks, truth, OFFICIAL)
    write_image(tmp_path / "TS_1.mrc", np.zeros((4, 5, 6), np.float32), 20.0)
    report = score_picks(picks, truth, ScoreOptions(metric="czii", images=[str(tmp_path / "TS_1.mrc")]))
    assert report.as_dict()["true_positives_ribosome"] == 0  # 20 A are another place


def test_a_pick_three_voxels_away_is_at_the_radius(tmp_path: Path) -> None:
    truth = challenge(
        tmp_path / "truth.csv", [("TS", "apo-ferritin", 10 * n + 5, 5, 5) for n in range(0, 700, 7)]
    )
    picks = voxels(tmp_path / "picks", "TS", [("apo-ferritin", n + 3, 0, 0) for n in range(0, 700, 7)])
    values = score_picks(picks, truth, ScoreOptions(metric="czii", pixel_size=10.0)).as_dict()
    assert values["czii_f4_apo-ferritin"] == values["f1_apo-ferritin"] == 1


def test_a_copick_project_is_the_truth_of_a_table(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    copick.write_config(
        config, [CopickObject("ribosome", 1, radius=150.0), CopickObject("thyroglobulin", 2, radius=130.0)]
    )
    for name, x in (("ribosome", 100.0), ("thyroglobulin", 400.0)):
        place = copick.picks_file(tmp_path, "TS_1", "curation", "0", name)
        about = {"object_name": name, "user": "curation", "session": "0", "run": "TS_1"}
        copick.write_picks_file(place, np.array([[3.0, 4.0, x]]), VOXEL, **about)
    at = [(x + 0.5) * VOXEL for x in (100.0, 400.0)]
    rows = [
        ("TS_1", name, x, 4.5 * VOXEL, 3.5 * VOXEL)
        for name, x in zip(("ribosome", "thyroglobulin"), at, strict=True)
    ]
    picks = challenge(tmp_path / "picks.csv", rows)
    values = score_picks(picks, f"{config}@*:curation/0", OFFICIAL).as_dict()
    assert values["score"] == pytest.approx(3 / 7)
    # without the official metric the radius of the project counts: half its particles' diameter
    far = challenge(tmp_path / "far.csv", [(*row[:2], row[2] + 140, *row[3:]) for row in rows])
    plain = score_picks(far, f"{config}@*:curation/0").as_dict()
    assert (plain["recall_ribosome"], plain["recall_thyroglobulin"]) == (1, 0)
    assert "score" not in plain


def test_the_official_metric_takes_picks_above_their_thresholds(tmp_path: Path) -> None:
    truth = voxels(tmp_path / "truth", "TS", [("ribosome", 10, 10, 10), ("apo-ferritin", 50, 50, 10)])
    rows = [("ribosome", 10, 10, 10), ("ribosome", 90, 90, 10), ("apo-ferritin", 50, 50, 10)]
    picks = voxels(tmp_path / "picks", "TS", rows, scores=np.array([0.9, 0.3, 0.2]))
    given = ScoreOptions(metric="czii", pixel_size=10.0, threshold={"ribosome": 0.5})
    values = score_picks(picks, truth, given).as_dict()
    assert (values["score"], values["czii_false_positives_ribosome"], values["threshold_ribosome"]) == (
        2 / 7,
        0,
        0.5,
    )
    assert values["average_precision_ribosome"] == 1  # of all candidates
    everything = score_picks(picks, truth, ScoreOptions(metric="czii", pixel_size=10.0)).as_dict()
    assert everything["czii_false_positives_ribosome"] == 1


def test_each_class_has_its_own_diameter_from_the_truth_or_the_options(tmp_path: Path) -> None:
    diameters = np.array([20.0, 20.0, 4.0])
    truth = voxels(
        tmp_path / "truth",
        "TS",
        [("big", 10, 10, 10), ("big", 60, 10, 10), ("small", 10, 60, 10)],
        diameters=diameters,
    )
    moved = [("big", 20, 10, 10), ("big", 60, 10, 10), ("small", 12.5, 60, 10)]
    picks = voxels(tmp_path / "picks", "TS", moved)
    report = score_picks(picks, truth)
    assert isinstance(report, ClassReport)
    values = report.as_dict()
    assert (values["recall_big"], values["recall_small"], values["distance_unit"]) == (1, 0, "px")
    given = {"big": Length(200, "A"), "small": Length(5, "px")}
    values = score_picks(picks, truth, ScoreOptions(diameter=given, pixel_size=20.0)).as_dict()
    assert (values["recall_big"], values["recall_small"]) == (0.5, 1)
    both = score_picks(
        picks, truth, ScoreOptions(diameter=Length(20, "px"), weights={"small": 3}, beta=2)
    ).as_dict()
    assert (both["weighted_f2"], both["weight_small"]) == (1, 3)


def test_picks_without_classes_are_matched_with_the_radius_of_the_truth_they_find(tmp_path: Path) -> None:
    truth = voxels(
        tmp_path / "truth",
        "TS",
        [("big", 10, 10, 10), ("small", 60, 10, 10)],
        diameters=np.array([20.0, 4.0]),
    )
    bare = Picks(np.array([[10.0, 10, 18], [10, 10, 68]]))
    write_picks(tmp_path / "picks" / "TS.csv", bare, format="csv", image_name="TS")
    report = score_picks(str(tmp_path / "picks"), truth)
    assert isinstance(report, Report)
    assert report.as_dict()["true_positives"] == 1


def test_one_class_is_scored_as_without_its_name(tmp_path: Path) -> None:
    truth = voxels(tmp_path / "truth", "TS", [("big", 10, 10, 10)])
    report = score_picks(truth, truth, ScoreOptions(radius=Length(2, "px")))
    assert isinstance(report, Report)
    assert not any(key.endswith("_big") for key in report.as_dict())


def test_a_class_without_a_diameter_is_named(tmp_path: Path) -> None:
    truth = voxels(tmp_path / "truth", "TS", [("big", 10, 10, 10), ("small", 60, 10, 10)])
    with pytest.raises(UnitError, match=r"picks of small .*--diameter small=60px"):
        score_picks(truth, truth, ScoreOptions(diameter={"big": Length(20, "px")}))


@pytest.mark.parametrize("option", ["diameter", "threshold", "weights"])
def test_a_class_that_is_not_there_is_named_with_those_that_are(tmp_path: Path, option: str) -> None:
    truth = voxels(tmp_path / "truth", "TS", [("big", 10, 10, 10), ("small", 60, 10, 10)])
    given: dict[str, Any] = {option: {"bigg": Length(9, "px") if option == "diameter" else 1.0}}
    with pytest.raises(InputError, match=rf"--{option} bigg=.*Did you mean 'big'"):
        score_picks(truth, truth, ScoreOptions(**given))


def test_the_official_metric_needs_classes_and_volumes(tmp_path: Path) -> None:
    truth = challenge(tmp_path / "truth.csv", TRUTH)
    bare = Picks(np.array([[1.0, 2, 3]]))
    write_picks(tmp_path / "bare" / "TS_1.csv", bare, format="csv", image_name="TS_1")
    with pytest.raises(PicksError, match="the picks carry none"):
        score_picks(str(tmp_path / "bare"), truth, ScoreOptions(metric="czii", pixel_size=10.0))
    flat = Picks(np.array([[1.0, 2]]), classes=np.array(["ribosome"]))
    write_picks(tmp_path / "flat" / "TS_1.csv", flat, format="csv", image_name="TS_1")
    with pytest.raises(PicksError, match="no z"):
        score_picks(
            str(tmp_path / "flat"), str(tmp_path / "flat"), ScoreOptions(metric="czii", pixel_size=10.0)
        )


def test_the_official_metric_leaves_out_empty_tomograms_and_says_so(tmp_path: Path) -> None:
    truth = voxels(tmp_path / "truth", "TS_1", [("ribosome", 10, 10, 10)])
    voxels(tmp_path / "truth", "TS_2", [])
    picks = voxels(tmp_path / "picks", "TS_1", [("ribosome", 10, 10, 10)])
    voxels(tmp_path / "picks", "TS_2", [("ribosome", 10, 10, 10)])
    heard: list[str] = []

    class Listener:
        def say(self, message: str) -> None: ...

        def warn(self, message: str) -> None:
            heard.append(message)

        def progress(self, title: str, total: int, unit: str) -> Any: ...

    values = score_picks(picks, truth, ScoreOptions(metric="czii", pixel_size=10.0), Listener()).as_dict()
    assert (values["czii_f4_ribosome"], values["czii_tomograms"], values["precision"]) == (1, 1, 0.5)
    assert any("TS_2" in line for line in heard)


def test_the_rim_is_for_pixels(tmp_path: Path) -> None:
    truth = challenge(tmp_path / "truth.csv", TRUTH)
    with pytest.raises(InputError, match="--ignore-rim is in pixels"):
        score_picks(truth, truth, ScoreOptions(metric="czii", ignore_rim=10))


def test_the_command(motes: Callable[..., Any], tmp_path: Path) -> None:
    truth = challenge(tmp_path / "truth.csv", TRUTH)
    answer = motes("score", truth, truth, "--metric", "czii", "--json")
    assert answer.code == 0, answer.err
    values = json.loads(answer.out)
    assert (values["score"], values["czii_f4_ribosome"], values["f4"]) == (2 / 7, 1, 1)
    shown = motes("score", truth, truth, "--metric", "czii")
    assert (shown.code, "official metric" in shown.out, "classes, each pick" in shown.out) == (0, True, True)
    words = (
        "--diameter",
        "ribosome=100",
        "--diameter",
        "apo-ferritin=60",
        "--weights",
        "ribosome=2",
        "--beta",
        4,
    )
    plain = json.loads(motes("score", truth, truth, *words, "--json").out)
    assert (plain["weighted_f4"], plain["weight_ribosome"], "score" in plain) == (1, 2, False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--threshold", "ribosome=high"), "--threshold is a number; found 'ribosome=high'"),
        (("--threshold", "0.4", "--threshold", "0.5"), "once for all classes, or for each as class=value"),
        (
            ("--diameter", "100", "--diameter", "ribosome=300"),
            "once for all classes, or for each as class=value",
        ),
        (("--weights", "2"), "--weights is written class=value"),
        (("--weights", "ribosome=-1"), "--weights is a number; found 'ribosome=-1'"),
        (("--weights", "ribosome=1", "--weights", "ribosome=2"), "given twice for ribosome"),
    ],
)
def test_options_by_class_that_cannot_be_read(
    motes: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    truth = challenge(tmp_path / "truth.csv", TRUTH)
    answer = motes("score", truth, truth, *words)
    assert answer.code == 1
    assert told in " ".join(answer.err.split())


def test_classes_that_are_called_otherwise_are_an_error_and_no_score_of_zero(tmp_path: Path) -> None:
    truth = voxels(tmp_path / "truth", "TS_1", [("ribosome", 5, 5, 5)])
    picks = voxels(tmp_path / "picks", "TS_1", [("particle", 5, 5, 5)])
    with pytest.raises(PicksError, match=r"no class is in both picks \(particle\) and truth \(ribosome\)"):
        score_picks(picks, truth, ScoreOptions(radius=Length(2, "px")))
