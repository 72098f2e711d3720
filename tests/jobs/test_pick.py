"""Picking with scores that are calibrated, thresholds that adapt, and the model that ships."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motes.jobs.pick as motes_pick
from motes.errors import ModelError, PicksError
from motes.formats.images import read_image, write_image
from motes.formats.picks import read_picks
from motes.jobs.diameter import SeenDiameter
from motes.jobs.pick import PickOptions, PickResult, pick
from motes.jobs.picker import Picker
from motes.jobs.telling import Silent
from motes.nets.description import NetDescription
from motes.nets.model_file import load_model, save_model
from motes.picking.calibration import Calibration, calibrated
from motes.picking.control import Control
from motes.picks import AdaptedThreshold, Picks
from motes.units import Length
from small_model import saved

CALIBRATION = Calibration(slope=0.7, intercept=-0.5)
LIMITS = (0.1, 0.5)


def changed(tiny: Any, folder: Path, **changes: Any) -> Path:
    """The tiny model with other words beside its weights."""
    model = load_model(tiny.model)
    path = folder / "changed.safetensors"
    save_model(path, replace(model, description=model.description.model_copy(update=changes)))
    return path


def picks_in(out: Path) -> dict[str, Picks]:
    return {path.stem: next(iter(read_picks(path).values())) for path in sorted((out / "picks").iterdir())}


def rows_in(out: Path) -> dict[str, dict[str, str]]:
    with (out / "summary.csv").open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def picked(tiny: Any, model: Path, out: Path, **options: Any) -> PickResult:
    return pick([str(tiny.images)], model, out, PickOptions(formats=("relion",), **options))


def test_scores_are_written_calibrated_down_to_the_floor(tiny: Any, tmp_path: Path) -> None:
    low = load_model(tiny.model).description.picking.model_copy(update={"floor": 1e-4})
    picked(tiny, changed(tiny, tmp_path, picking=low), tmp_path / "raw")
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION), tmp_path / "out")
    raw = picks_in(tmp_path / "raw")
    for name, found in picks_in(tmp_path / "out").items():
        expected = calibrated(raw[name].scores, CALIBRATION)
        kept = expected >= 0.05
        assert kept.any()
        assert found.scores == pytest.approx(expected[kept])
        assert found.points == pytest.approx(raw[name].points[kept])


def test_each_image_has_a_threshold_of_its_own(tiny: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION, adaptive=LIMITS), out)
    rows = rows_in(out)
    for name, found in picks_in(out).items():
        threshold = AdaptedThreshold(*LIMITS).of(found.scores)
        row = rows[name]
        assert float(row["threshold"]) == threshold
        assert int(row["picks"]) == np.count_nonzero(found.scores >= threshold)
        star = next(iter(read_picks(out / "relion" / f"{Path(name).stem}_autopick.star").values()))
        assert len(star) == int(row["picks"])
    assert len({row["threshold"] for row in rows.values()}) > 1
    assert json.loads((out / "settings.json").read_text())["adaptive"] == list(LIMITS)


def test_images_that_promise_little_are_compared_with_their_negatives(tiny: Any, tmp_path: Path) -> None:
    """The negative as a file of its own gives the same control."""
    negatives = tmp_path / "negatives"
    negatives.mkdir()
    for path in sorted(tiny.images.iterdir()):
        image = read_image(path)
        write_image(negatives / path.name, -image.data, image.pixel_size)
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION), tmp_path / "plain", save_maps=True)
    area = read_image(next((tmp_path / "plain" / "maps").iterdir())).data.size  # as the net sees it
    control = Control(doubted=1, sure=1, slope=0.9, significance=0.2, intercept=-0.4, area=area // 4)
    pick(
        [str(negatives)],
        changed(tiny, tmp_path, calibration=CALIBRATION),
        tmp_path / "negative",
        PickOptions(),
    )
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION, control=control), tmp_path / "out")
    plain, negative = picks_in(tmp_path / "plain"), picks_in(tmp_path / "negative")
    for name, found in picks_in(tmp_path / "out").items():
        assert found.points == pytest.approx(plain[name].points)
        assert found.scores == pytest.approx(
            control.compared(plain[name].scores, negative[name].scores, area), abs=1e-5
        )
        assert abs(found.scores - plain[name].scores).max() > 0.01
    for folder, said in (("out", "yes"), ("plain", "")):
        assert {row["beside_negative"] for row in rows_in(tmp_path / folder).values()} == {said}


def test_images_that_promise_much_are_left_as_they_are(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their negatives are not even looked at."""
    monkeypatch.setattr(Picker, "_negative_scores", lambda *_: pytest.fail("it was looked at"))
    control = Control(doubted=0.1, sure=1, slope=0.9, significance=0.2, intercept=-0.4, area=512 * 512)
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION), tmp_path / "plain")
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION, control=control), tmp_path / "out")
    for name, found in picks_in(tmp_path / "out").items():
        assert np.array_equal(found.scores, picks_in(tmp_path / "plain")[name].scores)


@pytest.mark.parametrize("lost", ["summary.csv", "relion"])
def test_thresholds_of_images_done_earlier_are_found_again(tiny: Any, tmp_path: Path, lost: str) -> None:
    model, out = changed(tiny, tmp_path, calibration=CALIBRATION, adaptive=LIMITS), tmp_path / "out"
    picked(tiny, model, out)
    before = rows_in(out)
    stars = {path: path.read_text() for path in (out / "relion").rglob("*_autopick.star")}
    for path in stars if lost == "relion" else [out / lost]:
        path.unlink()
    picked(tiny, model, out)
    assert {path: path.read_text() for path in stars} == stars
    for name, row in rows_in(out).items():
        for key in ("picks", "candidates", "threshold", "mean_score"):
            assert row[key] == before[name][key]


def test_the_threshold_of_the_user_wins(tiny: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    picked(tiny, changed(tiny, tmp_path, calibration=CALIBRATION, adaptive=LIMITS), out, threshold=0.3)
    assert {row["threshold"] for row in rows_in(out).values()} == {"0.3"}
    settings = json.loads((out / "settings.json").read_text())
    assert (settings["threshold"], settings["adaptive"]) == (0.3, None)


def test_without_limits_the_threshold_is_the_models(tiny: Any) -> None:
    own = load_model(tiny.model).description.thresholds["particle"]
    assert {float(row["threshold"]) for row in rows_in(tiny.picked).values()} == {own}


def test_the_model_that_ships_needs_a_diameter(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = changed(tiny, tmp_path, diameters=[])
    asked = []
    monkeypatch.setattr(motes_pick, "model_path", lambda word: asked.append(word) or shipped)
    with pytest.raises(ModelError, match=r"give --diameter 150 .*`motes inspect IMAGES` estimates it"):
        pick([str(tiny.images)], "default", tmp_path / "out")
    found = pick([str(tiny.images)], "default", tmp_path / "out", PickOptions(diameter=Length(150, "A")))
    assert len(found.rows) == 3
    assert asked == ["default", "default"]


def test_without_a_model_the_command_line_takes_the_one_that_ships(
    motes: Any, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = changed(tiny, tmp_path, diameters=[])
    monkeypatch.setattr(motes_pick, "model_path", {"default": shipped}.__getitem__)
    answer = motes("pick", tiny.images, "--out", tmp_path / "out", "--diameter", 150)
    assert answer.code == 0, answer.err
    answer = motes("pick", tiny.images, "--out", tmp_path / "other")
    assert (answer.code, "motes inspect IMAGES" in answer.err) == (1, True)


class Heard(Silent):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def test_classes_that_a_format_mixes_are_named(tmp_path: Path) -> None:
    write_image(tmp_path / "a.mrc", np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32), 10.0)
    classes = ["ribosome", "proteasome"]
    model = saved(
        tmp_path / "model.safetensors",
        net=NetDescription(name="unet", width=2, depth=2, outputs=3),
        classes=classes,
        diameters=[80.0, 60.0],
        working_diameter=None,
        thresholds=dict.fromkeys(classes, 0.4),
    )
    heard = Heard()
    pick(
        [str(tmp_path / "a.mrc")],
        model,
        tmp_path / "out",
        PickOptions(formats=("csv", "topaz")),
        teller=heard,
    )
    assert heard.warnings == [
        "topaz holds no classes: ribosome, proteasome are written together; csv keeps them apart"
    ]


def worlds_model(tiny: Any, folder: Path) -> Path:
    """The tiny model, as if it had been trained on simulated worlds."""
    recipe = load_model(tiny.model).description.recipe
    return changed(tiny, folder, recipe=recipe | {"worlds": {"use": True}})


def test_a_diameter_that_does_not_fit_is_warned_of_once(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def misfit(_model: Any, _precision: Any, entries: Any, given: Length, pixel_size: float | None) -> Any:
        asked.append(([entry.name for entry in entries], given, pixel_size))
        return SeenDiameter(60.0, 45.0, 80.0, 240.0, 180.0, 320.0, 3)

    monkeypatch.setattr(motes_pick, "misfit", misfit)
    heard, options = Heard(), PickOptions(diameter=Length(150, "A"), pixel_size=4.0)
    for _ in range(2):
        pick([str(tiny.images)], worlds_model(tiny, tmp_path), tmp_path / "out", options, teller=heard)
    assert asked == [(["mic_0001.mrc", "mic_0002.mrc", "mic_0003.mrc"], Length(150, "A"), 4.0)]
    assert len(heard.warnings) == 1
    assert heard.warnings[0].startswith("the diameter 150 A does not fit what is seen in 3 images")
    assert "240 A (180 to 320 A; 60 px)" in heard.warnings[0]


def test_a_model_of_particles_of_one_size_judges_no_diameter(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motes_pick, "misfit", lambda *_: pytest.fail("it was asked"))
    pick([str(tiny.images)], tiny.model, tmp_path / "out", PickOptions(diameter=Length(150, "A")))


def test_each_image_gets_a_verdict(motes: Any, tiny: Any, tmp_path: Path) -> None:
    answer = motes(
        "pick",
        tiny.images,
        "--model",
        tiny.model,
        "--out",
        tmp_path / "out",
        "--threshold",
        1,
        "--threads",
        1,
    )
    assert {row["quality"] for row in rows_in(tmp_path / "out").values()} == {"probably nothing"}
    assert "quality: 3 probably nothing (mic_0001.mrc, mic_0002.mrc, mic_0003.mrc)" in answer.out


def test_no_row_of_an_image_that_is_done_again_outlives_a_kill(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    picked(tiny, tiny.model, out)
    before = rows_in(out)
    again, *kept = sorted(before)
    (out / "picks" / f"{again}.csv").unlink()
    seen = []

    def killed(*_: Any) -> None:
        seen.append(sorted(rows_in(out)))
        raise KeyboardInterrupt

    monkeypatch.setattr(motes_pick, "_pick_all", killed)
    with pytest.raises(KeyboardInterrupt):
        picked(tiny, tiny.model, out)
    assert seen == [kept]


def test_an_option_that_a_format_lacks_is_told_by_the_format(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(PicksError, match=r"^eman: .*--box-size"):
        pick([str(tiny.images)], tiny.model, tmp_path / "out", PickOptions(formats=("eman",)))
