"""From numbered objects to outlines: a tiny net is trained on simulated beads, and outlines others."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from motes.cli.main import app
from motes.formats.images import read_image, write_image
from motes.formats.picks import read_picks
from motes.nets.model_file import load_model
from motes.score.instances import count_objects, find_overlaps, object_metrics

SMALL = ("width=8", "depth=3", "size=64", "training.steps=60", "epochs=2", "batch=4", "learning_rate=0.01")


@dataclass(frozen=True)
class Beads:
    root: Path

    @property
    def images(self) -> Path:
        return self.root / "beads" / "images"

    @property
    def labels(self) -> Path:
        return self.root / "beads" / "labels"

    @property
    def model(self) -> Path:
        return self.root / "run" / "model.safetensors"


def run(*words: object) -> str:
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.fixture(scope="module")
def beads(tmp_path_factory) -> Beads:
    made = Beads(tmp_path_factory.mktemp("outlines"))
    run("simulate", "beads", made.root / "beads", "--count", 8, "--size", 96, "--density", 12, "--seed", 3)
    sources = ["--images", made.images, "--masks", made.labels]
    told = run("train", "objects", *sources, "--out", made.root / "run", *SMALL)
    assert "--diameter" not in told
    return made


def test_outlines_are_learnt_and_written(beads, tmp_path):
    out = tmp_path / "picked"
    formats = ["--format", "geojson", "--format", "imagej", "--pictures", "--save-maps"]
    told = run("pick", beads.images, "--model", beads.model, "--out", out, *formats)
    f1 = []
    for image in sorted(beads.images.iterdir()):
        truth = read_image(beads.labels / image.name).data
        found = read_image(out / "labels" / image.name).data
        picks = next(iter(read_picks(out / "picks" / f"{image.name}.csv").values()))
        assert sorted(picks.extra["label"]) == list(range(1, len(picks) + 1)) == [*np.unique(found)[1:]]
        shapes = json.loads((out / "geojson" / f"{image.stem}.geojson").read_text())["features"]
        assert len(shapes) == len(picks)
        for folder, name in (
            ("imagej", f"{image.stem}.zip"),
            ("pictures", f"{image.name}.png"),
            ("maps", f"{image.name}.interior.mrc"),
            ("maps", f"{image.name}.distance.mrc"),
        ):
            assert (out / folder / name).is_file()
        f1.append(object_metrics(count_objects(find_overlaps(found, truth)))["f1"][0])
    assert np.mean(f1) > 0.6
    assert f"{out / 'picks'}" in told


def test_a_lower_threshold_keeps_more_and_numbers_follow(beads, tmp_path):
    counts = []
    for threshold in ("0.3", "0.9"):
        run(
            "pick",
            beads.images,
            "--model",
            beads.model,
            "--out",
            tmp_path / threshold,
            "--threshold",
            threshold,
        )
        tables = [
            next(iter(read_picks(path).values())) for path in (tmp_path / threshold).rglob("picks/*.csv")
        ]
        counts.append(sum(map(len, tables)))
        assert all((each.scores >= float(threshold)).all() for each in tables)
    assert counts[0] > counts[1]


def test_a_rerun_does_what_is_missing(beads, tmp_path):
    words = ["pick", beads.images, "--model", beads.model, "--out", tmp_path / "picked"]
    run(*words)
    first = sorted((tmp_path / "picked" / "picks").iterdir())[-1]
    before = first.read_bytes()
    first.unlink()
    label = sorted((tmp_path / "picked" / "labels").iterdir())[0]
    kept = label.read_bytes()
    label.unlink()
    assert "6 of 8 images are done already" in run(*words)
    assert first.read_bytes() == before
    assert label.read_bytes() == kept


def test_the_report_shows_objects(beads):
    assert (beads.root / "run" / "report.html").stat().st_size > 10_000
    rows = [json.loads(line) for line in (beads.root / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["best_f1"] > 0.5
    assert rows[-1]["pixel_iou"] > 0.4
    page = " ".join((beads.root / "run" / "report.html").read_text().split())
    assert "of the objects, and" in page
    assert "the threshold was fitted on them and on training images" in page
    assert "since these are fewer than 12, on training images beside them" in page
    described = load_model(beads.model).description
    assert described.threshold_note == "fitted for f1 on 2 validation images and 6 training images"


def test_outlines_of_a_model_without_any_are_refused(motes, tiny, tmp_path):
    answer = motes("pick", tiny.images, "--model", tiny.model, "--out", tmp_path / "p", "--format", "geojson")
    assert answer.code != 0
    assert "is for outlines" in answer.err


def test_outlines_are_learnt_from_masks_only(motes, tiny, tmp_path):
    answer = motes(
        "train", "objects", "--images", tiny.images, "--picks", tiny.truth, "--out", tmp_path / "run"
    )
    assert answer.code != 0
    assert "learnt from masks" in answer.err
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("model*"))


def test_a_binary_mask_teaches_outlines_of_its_regions(beads, tmp_path):
    for path in beads.labels.iterdir():
        write_image(tmp_path / "masks" / path.name, (read_image(path).data > 0).astype(np.uint8))
    sources = ["--images", beads.images, "--masks", tmp_path / "masks"]
    run("train", "objects", *sources, "--out", tmp_path / "run", *SMALL, "masks.kind=binary", "epochs=1")
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["best_f1"] > 0.3


def test_balls_in_volumes_are_outlined_too(make, tmp_path):
    for number in range(4):
        image, mask, _ = make.objects((24, 48, 48), number, count=5, radius=6)
        write_image(tmp_path / "images" / f"v{number}.mrc", image)
        numbers = ndimage.label(mask)[0].astype(np.uint16)
        write_image(tmp_path / "labels" / f"v{number}.mrc", numbers)
    words = [
        "net.ndim=3",
        "net.widths=[4,8,16]",
        "size=[16,32,32]",
        "training.steps=40",
        "epochs=2",
        "batch=2",
    ]
    sources = ["--images", tmp_path / "images", "--masks", tmp_path / "labels"]
    run("train", "objects", *sources, "--out", tmp_path / "run", *words, "learning_rate=0.01")
    model, out = tmp_path / "run" / "model.safetensors", tmp_path / "picked"
    run("pick", tmp_path / "images", "--model", model, "--out", out, "--format", "geojson")
    f1 = []
    for number in range(4):
        truth = read_image(tmp_path / "labels" / f"v{number}.mrc", ndim=3).data
        found = read_image(out / "labels" / f"v{number}.tif", ndim=3).data
        picks = next(iter(read_picks(out / "picks" / f"v{number}.mrc.csv").values()))
        assert picks.ndim == 3
        assert len(picks) == len(np.unique(found)) - 1
        f1.append(object_metrics(count_objects(find_overlaps(found, truth)))["f1"][0])
    assert np.mean(f1) > 0.6
