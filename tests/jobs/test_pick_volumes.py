"""Volumes are picked slab by slab: with the picks of the whole maps, and no map in memory."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motes.data.working import to_working_scale
from motes.errors import ModelError, OutputError, RecipeError
from motes.formats.images import read_image, write_image
from motes.formats.picks import read_picks
from motes.jobs.pick import PickOptions, pick
from motes.jobs.telling import Silent
from motes.nets.description import NetDescription
from motes.nets.folded import folded
from motes.nets.model_file import Model, load_model, save_model
from motes.picking.calibration import Calibration, pick_calibrated
from motes.picking.picker import Picking
from motes.picks import Picks
from motes.predict.maps import class_maps, probability_maps
from motes.predict.windows import Windows
from small_model import model as small_model

SHAPE = (30, 40, 36)
CLASSES = ["ribosome", "apo-ferritin"]
SMALL = Windows(patch=(8, 16, 16))


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "tomograms" / "one.mrc"
    write_image(path, np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), 10.0)
    return path


@pytest.fixture
def model(tmp_path: Path) -> str:
    return made_model(tmp_path)


def made_model(folder: Path, **changes: Any) -> str:
    values = {
        "net": NetDescription(name="se_unet", ndim=3, widths=(8, 16), outputs=3),
        "classes": CLASSES,
        "diameters": [80.0, 60.0],
        "working_diameter": None,
        "picking": Picking(minimum_distance=0.8, component_threshold=0.64, minimum_area=0),
        "thresholds": dict.fromkeys(CLASSES, 0.4),
        "recipe": {"training": {"precision": "float32"}},
    }
    sure = small_model(**{**values, **changes})
    with torch.no_grad():
        sure.net.head.weight *= 2
    save_model(folder / "model.safetensors", sure)
    return str(folder / "model.safetensors")


def picks_in(out: Path, name: str = "one.mrc") -> Picks:
    return next(iter(read_picks(out / "picks" / f"{name}.csv").values()))


def whole_maps(model: Model, path: Path, windows: Windows) -> np.ndarray:
    described = model.description
    image = read_image(path, ndim=3)
    data = to_working_scale(image, None, described.scale, described.normalisation).data
    maps = probability_maps(folded(model.net, torch.float32), described.net, data, windows=windows)
    return class_maps(maps, described.net)


@dataclass(frozen=True)
class Heard(Silent):
    """Writes down what is told."""

    said: list[str] = field(default_factory=list)
    bars: list[tuple[str, int, str]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def say(self, message: str) -> None:
        self.said.append(message)

    @contextmanager
    def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        self.bars.append((title, total, unit))
        yield self.counts.append


@pytest.mark.parametrize("method", ["peaks", "components"])
@pytest.mark.parametrize("calibration", [None, Calibration(slope=0.8, intercept=-0.2)])
def test_picks_are_those_of_the_whole_maps(
    tmp_path: Path, volume: Path, method: Any, calibration: Any
) -> None:
    path = made_model(tmp_path, calibration=calibration)
    pick([str(volume)], path, tmp_path / "out", PickOptions(windows=SMALL, method=method))
    model = load_model(Path(path))
    picking = model.description.picking.model_copy(update={"method": method})
    found = picks_in(tmp_path / "out")
    assert found.classes is not None
    assert found.scores is not None
    for name, diameter, map_ in zip(CLASSES, (8, 6), whole_maps(model, volume, SMALL), strict=True):
        expected = pick_calibrated(map_, diameter, picking, calibration)
        own = found.select(found.classes == name)
        assert len(own) == len(expected) > 3
        np.testing.assert_allclose(own.points, expected.points, atol=1e-3)
        np.testing.assert_allclose(own.scores, expected.scores, atol=1e-4)


def test_saved_maps_are_the_whole_ones(tmp_path: Path, volume: Path, model: str) -> None:
    pick([str(volume)], model, tmp_path / "out", PickOptions(windows=SMALL, save_maps=True, pictures=True))
    for name, expected in zip(CLASSES, whole_maps(load_model(Path(model)), volume, SMALL), strict=True):
        saved_map = read_image(tmp_path / "out" / "maps" / f"one.mrc.{name}.mrc", ndim=3)
        assert saved_map.pixel_size == pytest.approx(10)
        np.testing.assert_allclose(saved_map.data, expected, atol=1e-6)
    assert (tmp_path / "out" / "pictures" / "one.mrc.png").is_file()


def test_the_plan_is_told_before_and_windows_are_counted(tmp_path: Path, volume: Path, model: str) -> None:
    heard = Heard()
    pick([str(volume)], model, tmp_path / "out", PickOptions(windows=SMALL), teller=heard)
    assert heard.bars == [("one.mrc (1 of 1)", 7 * 4 * 4, "windows")]
    assert heard.counts == sorted(heard.counts)
    assert heard.counts[-1] == 7 * 4 * 4
    assert heard.said[0].startswith(
        "one.mrc: 112 windows of 8 x 16 x 16 px; each pixel is computed 5.3 times; about"
    )


def test_volumes_are_seen_in_windows_of_the_training(tmp_path: Path, volume: Path) -> None:
    model, heard = made_model(tmp_path, recipe={"sampling": {"size": [16, 32, 32]}}), Heard()
    pick([str(volume)], model, tmp_path / "out", teller=heard)
    assert "12 windows of 16 x 32 x 32 px" in heard.said[0]


def test_what_is_broken_off_costs_one_volume(
    tmp_path: Path, volume: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = volume.with_name("two.mrc")
    write_image(second, np.random.default_rng(1).normal(size=SHAPE).astype(np.float32), 10.0)
    options = PickOptions(windows=SMALL, save_maps=True)
    sources, out = [str(volume.parent)], tmp_path / "out"

    class Impatient(Heard):
        """Ends in the middle of the second volume."""

        @contextmanager
        def progress(self, title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
            def told(done: int) -> None:
                if title.startswith("two") and done > total / 2:
                    raise KeyboardInterrupt

            yield told

    with pytest.raises(KeyboardInterrupt):
        pick(sources, model, out, options, teller=Impatient())
    assert [path.name for path in (out / "picks").iterdir()] == ["one.mrc.csv"]
    assert sorted(path.name for path in (out / "maps").iterdir()) == [
        f"one.mrc.{name}.mrc" for name in sorted(CLASSES)
    ]
    heard = Heard()
    pick(sources, model, out, options, teller=heard)
    assert [bar[0] for bar in heard.bars] == ["two.mrc (1 of 1)"]
    assert len(list((out / "picks").iterdir())) == 2


def test_windows_belong_to_the_folder(tmp_path: Path, volume: Path, model: str) -> None:
    pick([str(volume)], model, tmp_path / "out", PickOptions(windows=SMALL))
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert (settings["patch"], settings["overlap"], settings["views"]) == ("8x16x16", None, None)
    pick([str(volume)], model, tmp_path / "out", PickOptions(windows=SMALL))
    with pytest.raises(OutputError, match="made with another patch, views"):
        pick([str(volume)], model, tmp_path / "out", PickOptions(windows=Windows(patch=16, views=2)))


def test_each_class_may_have_its_threshold(tmp_path: Path, volume: Path, model: str) -> None:
    def accepted(number: int, **options: Any) -> dict[str, int]:
        out = tmp_path / f"out{number}"
        result = pick([str(volume)], model, out, PickOptions(windows=SMALL, **options))
        settings, found = json.loads((out / "settings.json").read_text()), picks_in(out)
        kept = found.above(settings["threshold"])
        assert result.rows[0].picks == len(kept)
        assert kept.classes is not None
        return {name: int(np.count_nonzero(kept.classes == name)) for name in CLASSES}

    own = accepted(0)
    strict = accepted(1, threshold=0.7)
    mixed = accepted(2, threshold=0.7, thresholds={"ribosome": 0.4})
    assert all(own[name] > strict[name] > 0 for name in CLASSES)
    assert mixed == {"ribosome": own["ribosome"], "apo-ferritin": strict["apo-ferritin"]}
    assert accepted(3, thresholds={"apo-ferritin": 0.7}) == mixed


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"thresholds": {"ribosom": 0.4}},
            ModelError,
            "finds ribosome, apo-ferritin. Did you mean 'ribosome'",
        ),
        ({"thresholds": {"ribosome": 4}}, ModelError, "between 0 and 1, found 4 for ribosome"),
        ({"windows": Windows(patch=15)}, RecipeError, "multiples of 2; try 16x16x16"),
        ({"windows": Windows(blend="exact")}, RecipeError, "looks over its whole input"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(
    tmp_path: Path, model: str, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        pick([str(tmp_path / "nowhere.mrc")], model, tmp_path / "out", PickOptions(**options))
    assert not (tmp_path / "out").exists()


def test_words_of_the_command_line(motes: Any, tmp_path: Path, volume: Path, model: str) -> None:
    words = ["pick", volume, "--model", model, "--out", tmp_path / "out", "--threads", 1]
    answer = motes(
        *words,
        "--patch",
        "8x16x16",
        "--overlap",
        0.25,
        "--tta",
        2,
        "--threshold",
        0.9,
        "--threshold",
        "ribosome=0.4",
    )
    assert answer.code == 0, answer.err
    settings = json.loads((tmp_path / "out" / "settings.json").read_text())
    assert settings["threshold"] == {"ribosome": 0.4, "apo-ferritin": 0.9}
    assert [settings[name] for name in ("patch", "overlap", "blend", "views")] == ["8x16x16", 0.25, None, 2]
    assert "windows of 8 x 16 x 16 px, seen in 2 ways" in answer.err
    for wrong, said in (
        (["--patch", "8x16x"], "cannot read --patch '8x16x'"),
        (["--patch", "0"], "has a side below 1"),
        (["--threshold", "high"], "cannot read --threshold 'high'"),
        (["--overlap", "0.9"], "0.75"),
    ):
        refused = motes(*words, *wrong)
        assert refused.code != 0
        assert said in refused.err


def test_tomograms_of_one_name_are_refused_before_any_is_picked(
    tmp_path: Path, volume: Path, model: str
) -> None:
    again = tmp_path / "tomograms" / "later" / volume.name
    write_image(again, np.zeros(SHAPE, dtype=np.float32), 10.0)
    options = PickOptions(formats=("relion",), windows=SMALL)
    with pytest.raises(OutputError, match=r"later/one.mrc and one.mrc would both be the tomogram 'one'"):
        pick([str(tmp_path / "tomograms")], model, tmp_path / "out", options)
    assert not (tmp_path / "out" / "summary.csv").exists()


def test_regions_of_several_classes_keep_their_boxes(tmp_path: Path, volume: Path, model: str) -> None:
    options = PickOptions(method="components", windows=SMALL)
    pick([str(volume)], model, tmp_path / "out", options)
    assert {"size", "box_z0", "box_x1"} <= set(picks_in(tmp_path / "out").extra)
