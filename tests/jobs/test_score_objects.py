import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from motes.errors import ImageError, InputError
from motes.formats.images import write_image
from motes.formats.picks import write_picks
from motes.formats.stores import create_store
from motes.jobs.label_pairs import are_objects, what_is_held
from motes.jobs.score_objects import ObjectOptions, save_pictures, score_label_images
from motes.jobs.telling import Silent
from motes.picks import Picks
from motes.score.label_report import LabelReport

REAL = os.environ.get("MOTES_REAL_DATA")


@dataclass(frozen=True)
class Listener(Silent):
    warnings: list[str] = field(default_factory=list)

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def squares(*corners: tuple[int, int], side: int = 4, shape: tuple[int, int] = (24, 24)) -> np.ndarray:
    """Squares by their first row and column, numbered from 1."""
    labels = np.zeros(shape, dtype=np.uint16)
    for number, (row, column) in enumerate(corners, start=1):
        labels[row : row + side, column : column + side] = number
    return labels


TRUTH = squares((2, 2), (2, 14), (14, 2))


def found() -> np.ndarray:
    """The first square as it is, the second one column beside (IoU 12 / 20), the third missed, a small one invented."""
    labels = squares((2, 2), (2, 15))
    labels[18:20, 18:20] = 7
    return labels


def save(folder: Path, **images: np.ndarray) -> str:
    for name, labels in images.items():
        write_image(folder / f"{name}.tif", labels)
    return str(folder)


def save_picked(folder: Path, name: str, labels: np.ndarray, scores: dict[int, float]) -> str:
    """What `motes pick` writes."""
    save(folder / "labels", **{name: labels})
    numbers = np.array(list(scores))
    points = np.array([np.argwhere(labels == number).mean(axis=0) for number in numbers])
    picks = Picks(points, np.array(list(scores.values())), extra={"label": numbers})
    write_picks(folder / "picks" / f"{name}.mrc.csv", picks, format="csv", image_name=f"{name}.mrc")
    return str(folder)


def score(ours: str, theirs: str, **options: object) -> LabelReport:
    return score_label_images(ours, theirs, ObjectOptions(**options))  # type: ignore[arg-type]


def test_values_by_hand(tmp_path: Path) -> None:
    ours, theirs = save(tmp_path / "found", a=found()), save(tmp_path / "truth", a=TRUTH)
    values = score(ours, theirs).as_dict()
    assert [values[key] for key in ("true_positives", "false_positives", "false_negatives")] == [2, 1, 1]
    expected = {
        "precision_50": 2 / 3,
        "recall_50": 2 / 3,
        "f1_60": 2 / 3,  # 0.6 reaches 0.6
        "f1_65": 1 / 3,
        "accuracy_50": 1 / 2,
        "mean_matched_score_50": 0.8,
        "panoptic_quality_50": 1.6 / 3,
        "macro_data_science_bowl": (2 * 0.5 + 8 * 0.2) / 10,  # 0.6 has to be exceeded there
        "pixel_iou": 28 / 56,
        "pixel_dice": 56 / 84,
        "pixel_precision": 28 / 36,
        "pixel_recall": 28 / 48,
        "count_bias": 0,
        "count_total_error": 0,
        "count_mean_absolute_error": 0,
        "diameter_kolmogorov_smirnov": 1 / 3,
        "diameter_wasserstein": math.sqrt(4 / math.pi) * 2 / 3,  # a third of the objects is half as wide
        "diameter_median_bias": 0,
        "matched_diameter_bias": 0,
        "nearest_neighbour_true": 12,
    }
    assert {key: values[key] for key in expected} == pytest.approx(expected)
    assert "average_precision_50" not in values


def test_what_is_perfect_is_one_everywhere(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH, b=squares((3, 3), (12, 12)), c=squares((9, 5)))
    others = np.array([0, 90, 4, 31], dtype=np.uint16)
    ours = save(tmp_path / "found", a=others[TRUTH], b=squares((12, 12), (3, 3)), c=squares((9, 5)))
    for values in (score(ours, truth).as_dict(), score(truth, truth).as_dict()):
        kinds = ("precision", "recall", "f1", "accuracy", "score", "quality", "pixel", "bowl", "concordance")
        ones = [key for key in values if any(kind in key for kind in kinds)]
        assert len(ones) > 200
        assert {values[key] for key in ones} == {1.0}
        zeros = [key for key in values if "bias" in key or "error" in key or "wasserstein" in key]
        assert {values[key] for key in zeros} == {0.0}
        assert values["macro_ripley_difference"] == 0


def test_counts_and_sizes_that_are_off(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH, b=squares((3, 3), (12, 12)))
    ours = save(tmp_path / "found", a=squares((2, 2)), b=squares((3, 3), (12, 12), (3, 12), (12, 3)))
    values = score(ours, truth).as_dict()
    assert values["count_bias"] == 0
    assert values["count_upper_limit"] == pytest.approx(1.959964 * math.sqrt(8))
    assert values["count_mean_absolute_error"] == 2
    assert values["count_total_error"] == 0
    larger = save(tmp_path / "larger", a=squares((2, 2), side=5))
    # 16 of 25 pixels; the bias is that of the diameter of a disc
    grown = score(larger, save(tmp_path / "one", a=squares((2, 2)))).as_dict()
    assert grown["matched_diameter_bias"] == pytest.approx(2 * (5 - 4) / math.sqrt(math.pi))
    assert grown["matched_diameter_relative_error"] == pytest.approx(1 / 4)


def test_nothing_found_and_nothing_there(tmp_path: Path) -> None:
    empty = np.zeros((24, 24), dtype=np.uint8)
    truth = save(tmp_path / "truth", a=TRUTH, b=empty)
    listener = Listener()
    report = score_label_images(save(tmp_path / "found", b=empty), truth, None, listener)
    values = report.as_dict()
    assert (values["recall_50"], values["precision_50"], values["images_without_found"]) == (0, None, 1)
    assert values["undefined_f1_50_images"] == 1
    assert "a.tif" in listener.warnings[0]
    assert [row["image"] for row in report.per_image] == ["a.tif", "b.tif"]
    invented = score(save(tmp_path / "more", a=empty, b=found()), truth).as_dict()
    assert (invented["true_positives"], invented["false_positives"], invented["false_negatives"]) == (0, 3, 3)
    nothing = score(save(tmp_path / "none", b=empty), save(tmp_path / "no", b=empty)).as_dict()
    assert nothing["f1_50"] is None
    assert nothing["objects_true"] == 0


def test_the_worst_image_comes_first(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH, b=TRUTH, c=TRUTH)
    rows = score(save(tmp_path / "found", a=TRUTH, b=squares((2, 2)), c=found()), truth).per_image
    assert [row["image"] for row in rows] == ["b.tif", "c.tif", "a.tif"]
    assert [row["f1_50"] for row in rows] == pytest.approx([0.5, 2 / 3, 1])
    assert rows[0]["clark_evans_found"] is None
    assert rows[0]["nearest_neighbour_true"] == 12


def test_confidences_come_from_the_picks_beside_the_labels(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a_mask=TRUTH)
    picked = save_picked(tmp_path / "job", "a", found(), {1: 0.9, 2: 0.4, 7: 0.6})
    values = score(picked, truth).as_dict()
    # of three true ones: right, wrong, right
    assert values["average_precision_50"] == pytest.approx((1 + 2 / 3) / 3)
    assert values["average_precision_75"] == pytest.approx(1 / 3)
    cut = score(picked, truth, threshold=0.5).as_dict()
    assert (cut["true_positives"], cut["false_positives"], cut["threshold"]) == (1, 1, 0.5)
    assert cut["average_precision_50"] == values["average_precision_50"]
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": 0.7}))
    own = score(picked, truth).as_dict()
    assert (own["objects_found"], own["threshold"]) == (1, 0.7)


def test_a_threshold_needs_confidences(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH)
    with pytest.raises(InputError, match=r"confidence of the objects .* --threshold cannot be used"):
        score(truth, truth, threshold=0.5)
    picked = save_picked(tmp_path / "job", "a", found(), {1: 0.9, 2: 0.4, 7: 0.6})
    with pytest.raises(InputError, match="between two raters"):
        score(picked, truth, threshold=0.5, raters=True)
    (tmp_path / "job" / "settings.json").write_text(json.dumps({"threshold": 0.7}))
    assert score(picked, truth, raters=True).as_dict()["objects_a"] == 3


def test_every_object_needs_a_confidence(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH)
    with pytest.raises(InputError, match=r"a\.tif: object 7 has no confidence"):
        score(save_picked(tmp_path / "job", "a", found(), {1: 0.9, 2: 0.4}), truth)


def test_masks_are_told_and_numbered(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH)
    ours = save(tmp_path / "found", a=np.where(TRUTH > 0, 255, 0).astype(np.uint8))
    listener = Listener()
    assert score_label_images(ours, truth, None, listener).as_dict()["objects_found"] == 1
    assert "found: all objects of an image have the same number" in listener.warnings[0]
    assert "--objects found-binary" in listener.warnings[0]
    assert score(ours, truth, kind="found-binary").as_dict()["f1_50"] == 1
    assert score(ours, ours, kind="binary").as_dict()["objects_true"] == 3
    with pytest.raises(ImageError, match="3 different values above 0, where a binary mask has one"):
        score(ours, truth, kind="binary")


def test_one_object_is_no_mask_to_be_told(tmp_path: Path) -> None:
    one = save(tmp_path / "truth", a=squares((2, 2)))
    listener = Listener()
    assert score_label_images(one, one, None, listener).as_dict()["f1_50"] == 1
    assert listener.warnings == []


def test_shapes_have_to_agree(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH, b=TRUTH)
    ours = save(tmp_path / "found", a=TRUTH[:12], b=TRUTH[:, :5])
    with pytest.raises(ImageError, match=r"a\.tif: .*12 x 24 px.*24 x 24 px.*\(2 images cannot be scored\)"):
        score(ours, truth)


def test_a_damaged_file_is_refused_as_that_of_picks_is(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH, b=TRUTH)
    ours = save(tmp_path / "found", a=TRUTH, b=TRUTH)
    (tmp_path / "found" / "b.tif").write_bytes(b"II*\0nonsense")
    with pytest.raises(ImageError, match=r"b\.tif"):
        score(ours, truth)


def test_values_that_are_no_labels(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH)
    assert score(save(tmp_path / "f", a=TRUTH.astype(np.float32)), truth).as_dict()["f1_50"] == 1
    with pytest.raises(ImageError, match="not whole numbers"):
        score(save(tmp_path / "maps", a=TRUTH / np.float32(3)), truth)
    below = TRUTH.astype(np.int16)
    below[0, 0] = -1
    with pytest.raises(ImageError, match="holds -1"):
        score(save(tmp_path / "below", a=below), truth)


def test_pixels_below_zero_in_the_truth_do_not_count(tmp_path: Path) -> None:
    truth = TRUTH.astype(np.int16)
    truth[18:20, 18:20] = -1
    values = score(save(tmp_path / "found", a=found()), save(tmp_path / "truth", a=truth)).as_dict()
    assert values["false_positives"] == 0
    assert values["count_bias"] == -1
    assert values["pixel_precision"] == 28 / 32
    with pytest.raises(ImageError, match="holds -1"):
        score(str(tmp_path / "found"), str(tmp_path / "truth"), raters=True)


def test_sizes_are_compared_where_somebody_looked(tmp_path: Path) -> None:
    labels = squares((2, 2), (12, 12), side=8)
    truth = labels.astype(np.int16)
    truth[:, 15:] = -1
    report = score_label_images(save(tmp_path / "a", x=labels), save(tmp_path / "b", x=truth))
    values = report.as_dict()
    assert values["f1_50"] == 1
    assert values["matched_diameter_bias"] == values["diameter_mean_bias"] == 0


def test_two_raters(tmp_path: Path) -> None:
    first = save(tmp_path / "anna", a=found(), only_hers=TRUTH)
    second = save(tmp_path / "ben", a=TRUTH, only_his=TRUTH)
    listener = Listener()
    values = score_label_images(first, second, ObjectOptions(raters=True), listener).as_dict()
    assert values["f1_50"] == pytest.approx(2 / 3)
    assert [values[key] for key in ("objects_of_both", "objects_only_a", "objects_only_b")] == [2, 1, 1]
    assert [values[key] for key in ("images", "images_only_a", "images_only_b")] == [1, 1, 1]
    pixels = 24 * 24
    observed, chance = (pixels - 28) / pixels, (36 * 48 + (pixels - 36) * (pixels - 48)) / pixels**2
    assert values["pixel_kappa"] == pytest.approx((observed - chance) / (1 - chance))
    assert any("only_his" in warning for warning in listener.warnings)
    assert any("only_hers" in warning for warning in listener.warnings)


def test_volumes_are_those_whose_pages_belong_together(tmp_path: Path) -> None:
    volume = np.stack([TRUTH] * 4)
    truth = save(tmp_path / "truth", a=volume)
    listener = Listener()
    pages = score_label_images(truth, truth, None, listener).as_dict()
    assert (pages["images"], pages["objects_true"]) == (4, 12)
    assert "--volumes" in listener.warnings[0]
    whole = score(truth, truth, volumes=True).as_dict()
    assert (whole["images"], whole["objects_true"], whole["f1_50"]) == (1, 3, 1)
    write_image(tmp_path / "mrc" / "a.mrc", volume.astype(np.float32))
    assert score(truth, str(tmp_path / "mrc")).as_dict()["objects_found"] == 3  # a header that says so


def test_two_stores_are_paired_in_order(tmp_path: Path) -> None:
    for name in ("found", "truth"):
        writer = create_store(tmp_path / f"{name}.zarr", TRUTH.shape, TRUTH.dtype)
        for number, labels in enumerate((TRUTH, found())):
            writer.write(number, labels)
        writer.resize(2)
    values = score(str(tmp_path / "found.zarr"), str(tmp_path / "truth.zarr")).as_dict()
    assert (values["images"], values["f1_50"]) == (2, 1)


def test_names_that_do_not_agree(tmp_path: Path) -> None:
    truth = save(tmp_path / "truth", a=TRUTH, b=TRUTH)
    with pytest.raises(InputError, match=r"no label image of .* the names must agree"):
        score(save(tmp_path / "found", c=TRUTH, d=TRUTH), truth)
    with pytest.raises(InputError, match="both labels of a"):
        score(save(tmp_path / "twice", a=TRUTH, a_mask=TRUTH), truth)
    listener = Listener()
    more = save(tmp_path / "more", a_labels=TRUTH, b=TRUTH, c=TRUTH)
    values = score_label_images(more, truth, None, listener).as_dict()
    assert (values["f1_50"], values["images_without_truth"]) == (1, 1)
    assert "c.tif" in listener.warnings[0]


def test_what_a_source_holds(tmp_path: Path) -> None:
    labels = save(tmp_path / "labels_only", a=TRUTH)
    (tmp_path / "labels_only" / "SOURCE.txt").write_text("Drawn by hand.\n")
    picked = save_picked(tmp_path / "job", "a", TRUTH, {1: 0.5})
    centres = str(tmp_path / "job" / "picks")
    assert what_is_held(labels).picks is None
    assert what_is_held(picked).labels == f"{picked}/labels"
    assert what_is_held(centres).labels is None
    assert are_objects(labels, labels)
    assert are_objects(picked, labels)
    assert are_objects(labels, picked)
    assert are_objects(f"{labels}/*.tif", f"{labels}/a.tif")
    assert not are_objects(centres, centres)
    assert not are_objects(centres, picked)
    assert not are_objects(picked, picked)
    assert are_objects(picked, picked, asked=True)
    with pytest.raises(InputError, match=r"what was found in .* is not label images"):
        are_objects(centres, labels)
    with pytest.raises(InputError, match=r"holds label images and .* centres"):
        are_objects(labels, centres)
    with pytest.raises(InputError, match="nowhere does not exist"):
        are_objects("nowhere", labels)


def test_pictures(tmp_path: Path) -> None:
    report = score(save(tmp_path / "found", a=found()), save(tmp_path / "truth", a=TRUTH))
    paths = save_pictures(tmp_path / "pictures", report)
    assert [path.name for path in paths] == ["counts.svg", "sizes.svg", "iou.svg"]
    assert all(path.read_text().startswith("<?xml") for path in paths)


@pytest.mark.real
@pytest.mark.skipif(REAL is None, reason="MOTES_REAL_DATA does not say where the real images are")
def test_real_nuclei_are_themselves() -> None:
    labels = f"{REAL}/dsb2018_nuclei/labels"
    values = score(labels, labels).as_dict()
    assert values["objects_true"] == values["true_positives"] > 1000
    assert values["f1_95"] == values["pixel_iou"] == values["count_concordance"] == 1
