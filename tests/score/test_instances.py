import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from motes.errors import InputError
from motes.score import instances
from motes.score.instance_report import score_objects, summarise_objects
from motes.score.instances import (
    METRICS,
    PIXEL_METRICS,
    THRESHOLDS,
    count_objects,
    data_science_bowl,
    find_overlaps,
    interpolated_average_precision,
    match_objects,
    object_metrics,
)
from motes.score.metrics import Counts, precision_recall_curve

# StarDist 0.9.2, stardist/matching.py, matching(truth, found, thresh): true positives, false positives, false
# negatives, accuracy, f1, mean_true_score, mean_matched_score, panoptic_quality for discs(seed) below.
STARDIST = {
    (1, 0.5): (34, 18, 21, 0.465753425, 0.635514019, 0.417500585, 0.67536859, 0.429206206),
    (1, 0.6): (22, 30, 33, 0.258823529, 0.411214953, 0.298784882, 0.746962201, 0.307162026),
    (1, 0.75): (10, 42, 45, 0.103092784, 0.186915888, 0.147633046, 0.811981773, 0.151772294),
    (2, 0.5): (37, 17, 12, 0.560606061, 0.718446602, 0.486863434, 0.644765081, 0.463229281),
    (2, 0.7): (10, 44, 39, 0.107526882, 0.194174757, 0.151908368, 0.744351006, 0.144534176),
    (3, 0.5): (37, 14, 18, 0.536231884, 0.698113208, 0.442230642, 0.657369871, 0.458918589),
    (3, 0.9): (1, 50, 54, 0.00952381, 0.018867925, 0.017233202, 0.947826087, 0.017883511),
    (4, 0.5): (13, 19, 20, 0.25, 0.4, 0.254031926, 0.644850291, 0.257940116),
    (4, 0.65): (6, 26, 27, 0.101694915, 0.184615385, 0.132695436, 0.72982494, 0.134736912),
}
# matching_dataset over the seeds 1, 2, 3 at 0.5, by_image False and True: precision, recall, f1, accuracy,
# mean_true_score, mean_matched_score, panoptic_quality.
STARDIST_SUMMED = (0.687898089, 0.679245283, 0.683544304, 0.519230769, 0.44743097, 0.658717827, 0.450262818)
STARDIST_MEANS = (0.688173845, 0.682003711, 0.684024609, 0.520863790, 0.44886485, 0.659167847, 0.450451359)
# The score of the 2018 Data Science Bowl, from a full matrix of IoU: TP / (TP + FP + FN) of what exceeds a threshold.
BOWL = {1: 0.1665871417289138, 2: 0.1716052700147719, 3: 0.1649596379330198, 4: 0.0808148689699310}
# pycocotools 2.0.11, "segm", seeds 1, 2, 3 pooled, maxDets 100000, confidences as in sure(): AP at THRESHOLDS.
COCO = (0.4811390622, 0.3617750360, 0.2231011284, 0.1523536815, 0.0752317521)
COCO += (0.0217304660, 0.0107122667, 0.0018164928, 0.0001138045, 0.0)

SMALL = arrays(np.int32, (6, 7), elements=st.integers(0, 4))


def discs(seed, shape=(128, 128), count=60):
    """Truth, and what was found of it: round objects moved by up to 2 pixels, some lost, some invented."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    truth, found = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    for label in range(1, count + 1):
        centre, radius = random.uniform(0, shape), random.uniform(4, 8)
        moved, other = centre + random.uniform(-2, 2, len(shape)), radius + random.uniform(-1.5, 1.5)
        fate = random.random()
        if fate < 0.9:
            truth[((grid - centre) ** 2).sum(axis=-1) <= radius**2] = 3 * label
        if fate > 0.1:
            found[((grid - moved) ** 2).sum(axis=-1) <= other**2] = 2 * label + 5
    return truth, found


def example(seed):
    return discs(seed, (24, 40, 40), 40) if seed == 4 else discs(seed)


def sure(seed, found):
    labels = np.unique(found)[1:]
    return dict(zip(labels.tolist(), np.random.default_rng(seed + 100).random(len(labels)), strict=True))


def three(confident=False):
    images = []
    for seed in (1, 2, 3):
        truth, found = discs(seed)
        images.append(score_objects(str(seed), found, truth, sure(seed, found) if confident else None))
    return images


@pytest.mark.parametrize(("case", "expected"), STARDIST.items())
def test_the_values_are_those_of_stardist(case, expected):
    seed, threshold = case
    truth, found = example(seed)
    table = count_objects(find_overlaps(found, truth), [threshold])[0]
    values = object_metrics(table)
    assert tuple(table[:3]) == expected[:3]
    own = [
        values[name]
        for name in ("accuracy", "f1", "mean_true_score", "mean_matched_score", "panoptic_quality")
    ]
    assert own == pytest.approx(expected[3:], abs=1e-6)


def test_summed_and_averaged_values_are_those_of_stardist():
    report = summarise_objects(three(), bootstrap=0)
    assert [report.micro[f"{name}_50"].value for name in METRICS] == pytest.approx(STARDIST_SUMMED, abs=1e-6)
    assert [report.macro[f"{name}_50"].value for name in METRICS] == pytest.approx(STARDIST_MEANS, abs=1e-6)


@pytest.mark.parametrize("seed", BOWL)
def test_the_values_are_those_of_the_data_science_bowl(seed):
    truth, found = example(seed)
    assert data_science_bowl(find_overlaps(found, truth)) == pytest.approx(BOWL[seed], abs=1e-12)


def test_the_score_of_the_bowl_is_averaged_over_images():
    mean = np.mean([BOWL[seed] for seed in (1, 2, 3)])
    assert summarise_objects(three()).macro["data_science_bowl"].value == pytest.approx(mean)


def test_the_average_precision_of_coco():
    images = three(confident=True)
    own = [precision_recall_curve([image.ranked[k] for image in images]) for k in range(10)]
    assert [interpolated_average_precision(curve) for curve in own] == pytest.approx(COCO, abs=1e-9)
    report = summarise_objects(images, bootstrap=0)
    assert report.micro["average_precision_50"].value == pytest.approx(COCO[0], abs=0.02)
    mean = np.mean([report.micro[f"average_precision_{100 * at:g}"].value for at in THRESHOLDS])
    assert report.micro["mean_average_precision"].value == pytest.approx(mean)


def test_an_iou_that_equals_the_threshold_counts_except_in_the_bowl():
    truth, found = np.array([1, 1, 0, 0]), np.array([0, 7, 7, 7])
    assert find_overlaps(found, truth).iou == pytest.approx([0.25])
    truth, found = np.array([1, 1, 1, 1]), np.array([7, 7, 7, 0])
    overlaps = find_overlaps(found, truth)
    assert len(match_objects(overlaps, 0.75)) == 1
    assert len(match_objects(overlaps, 0.75, inclusive=False)) == 0
    assert data_science_bowl(overlaps) == pytest.approx(0.5)  # 0.5 to 0.7: five of ten
    for tenths in range(1, 11):
        part = find_overlaps((np.arange(10) < tenths).astype(int), np.ones(10, dtype=int))
        assert len(match_objects(part, tenths / 10)) == 1


@given(SMALL, SMALL)
def test_overlaps_are_those_of_counting_pixel_by_pixel(found, truth):
    overlaps = find_overlaps(found, truth)
    assert overlaps.found.tolist() == [label for label in np.unique(found) if label]
    assert overlaps.truth.tolist() == [label for label in np.unique(truth) if label]
    assert overlaps.found_sizes.tolist() == [np.sum(found == label) for label in overlaps.found]
    assert overlaps.truth_sizes.tolist() == [np.sum(truth == label) for label in overlaps.truth]
    expected = {
        (i, j): int(np.sum((found == one) & (truth == other)))
        for i, one in enumerate(overlaps.found)
        for j, other in enumerate(overlaps.truth)
    }
    own = dict(zip(map(tuple, overlaps.pairs.tolist()), overlaps.shared.tolist(), strict=True))
    assert own == {pair: pixels for pair, pixels in expected.items() if pixels}
    ours, theirs = found > 0, truth > 0
    assert overlaps.pixels == Counts((ours & theirs).sum(), (ours & ~theirs).sum(), (~ours & theirs).sum())


@given(SMALL, SMALL, st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.6]))
def test_as_many_pairs_as_possible_are_matched_and_then_the_best(found, truth, threshold):
    overlaps = find_overlaps(found, truth)
    matched = match_objects(overlaps, threshold)
    iou = np.zeros((len(overlaps.found), len(overlaps.truth)))
    iou[tuple(overlaps.pairs.T)] = overlaps.iou
    good = np.where(iou >= threshold, 1000 + iou, 0)
    best = good[linear_sum_assignment(good, maximize=True)].sum()
    assert (1000 + overlaps.iou[matched]).sum() == pytest.approx(best)
    assert (overlaps.iou[matched] >= threshold).all()
    for column in overlaps.pairs[matched].T:
        assert len(np.unique(column)) == len(column)


@given(SMALL, SMALL, st.randoms(use_true_random=False))
def test_labels_are_only_names(found, truth, random):
    def renamed(labels):
        names = np.array([0, *random.sample([2, 3, 9, 1000, 10**6, 2**40], 4)])
        return names[labels]

    plain, other = find_overlaps(found, truth), find_overlaps(renamed(found), renamed(truth))
    assert count_objects(plain, [0.1, *THRESHOLDS]) == pytest.approx(count_objects(other, [0.1, *THRESHOLDS]))
    assert plain.pixels == other.pixels


@given(SMALL, SMALL, st.permutations([0, 1]), st.integers(1, 20))
def test_axes_blocks_and_the_order_of_pixels_do_not_matter(found, truth, axes, block):
    plain = count_objects(find_overlaps(found, truth))
    turned = count_objects(find_overlaps(found.transpose(axes)[::-1], truth.transpose(axes)[::-1]))
    deep = count_objects(find_overlaps(found.reshape(3, 2, 7), truth.reshape(3, 2, 7)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instances, "BLOCK", block)
        parts = count_objects(find_overlaps(found, truth))
    for other in (turned, deep, parts):
        assert other == pytest.approx(plain)


@given(SMALL.filter(lambda labels: labels.any()))
def test_what_is_identical_scores_one(labels):
    confidences = dict.fromkeys(range(1, 5), 0.5)
    values = score_objects("image", labels.astype(np.uint8), labels.astype(np.int64), confidences).values()
    assert set(values.values()) == {1.0}


@given(SMALL, SMALL)
def test_exchanging_the_two_exchanges_precision_and_recall(found, truth):
    one = object_metrics(count_objects(find_overlaps(found, truth)))
    other = object_metrics(count_objects(find_overlaps(truth, found)))
    for name, mirrored in (("precision", "recall"), ("f1", "f1"), ("panoptic_quality", "panoptic_quality")):
        assert one[name] == pytest.approx(other[mirrored], nan_ok=True)


@pytest.mark.parametrize(
    ("found", "truth", "undefined"),
    [
        ([0, 0], [0, 0], {*METRICS}),
        ([0, 1], [0, 0], {"recall", "mean_true_score", "mean_matched_score"}),
        ([0, 0], [0, 1], {"precision", "mean_matched_score"}),
        ([0, 1], [1, 0], {"mean_matched_score"}),
    ],
)
def test_where_a_denominator_is_zero_the_value_is_nan(found, truth, undefined):
    values = object_metrics(count_objects(find_overlaps(np.array(found), np.array(truth)), [0.5])[0])
    assert {name for name, value in values.items() if np.isnan(value)} == undefined
    assert all(value == 0 for name, value in values.items() if name not in undefined)


def test_images_without_pixels_or_of_a_single_line():
    for shape in ((0,), (0, 5), (3, 0)):
        nothing = np.zeros(shape, dtype=np.uint16)
        assert np.isnan(data_science_bowl(find_overlaps(nothing, nothing)))
    mask = np.array([True, False, True])
    assert find_overlaps(mask, mask).iou == pytest.approx([1.0])


def test_labels_of_any_whole_type_are_kept_apart():
    large = np.array([2**62, 2**62 + 1, 0], dtype=np.uint64)
    overlaps = find_overlaps(large, np.array([1, 2, 3], dtype=np.int8))
    assert overlaps.found.tolist() == [2**62, 2**62 + 1]
    assert overlaps.pairs.tolist() == [[0, 0], [1, 1]]


def test_where_the_truth_is_negative_nothing_counts():
    truth = np.array([[1, 1, 0, 0, -1, -1, -1], [1, 1, 0, 0, -1, -1, -1]])
    found = np.array([[5, 5, 0, 6, 6, 6, 0], [5, 5, 0, 0, 0, 9, 9]])
    overlaps = find_overlaps(found, truth)
    assert overlaps.found.tolist() == [5, 6]  # 9 is not seen at all
    assert overlaps.excused.tolist() == [False, True]  # 6 lies there with two of its three pixels
    assert count_objects(overlaps, [0.5]).tolist() == [[1, 0, 0, 1.0]]
    assert overlaps.pixels == Counts(4, 1, 0)


def test_shapes_types_and_thresholds_that_cannot_be_are_refused():
    labels = np.ones((2, 3), dtype=int)
    with pytest.raises(InputError, match=r"\(2, 3\) and \(3, 2\)"):
        find_overlaps(labels, labels.T)
    with pytest.raises(InputError, match="float64"):
        find_overlaps(labels, labels.astype(float))
    with pytest.raises(InputError, match="found -1 among"):
        find_overlaps(-labels, labels)
    for wrong in (0, 1.5):
        with pytest.raises(InputError, match="above 0"):
            match_objects(find_overlaps(labels, labels), wrong)
    with pytest.raises(InputError, match="object 1 has no confidence"):
        score_objects("image", labels, labels, {2: 0.5})
    with pytest.raises(InputError, match="a number"):
        score_objects("image", labels, labels, {1: np.nan})
    with pytest.raises(InputError, match="one image or more"):
        summarise_objects([])


def test_the_report_has_intervals_and_names_the_worst_image_first():
    report = summarise_objects(three(confident=True), bootstrap=200, seed=1)
    assert [row["image"] for row in report.per_image] == ["1", "3", "2"]
    flat = report.as_dict()
    assert flat["images"] == 3
    assert flat["objects_true"] == 55 + 49 + 55
    assert flat["true_positives"] == 34 + 37 + 37
    for name in (
        "f1_50",
        "panoptic_quality_75",
        "average_precision_50",
        "mean_average_precision",
        *PIXEL_METRICS,
    ):
        assert flat[f"{name}_low"] <= flat[name] <= flat[f"{name}_high"]
        assert flat[f"{name}_low"] < flat[f"{name}_high"]
    assert flat["macro_data_science_bowl_low"] >= min(BOWL.values())
    assert report.as_dict() == summarise_objects(three(confident=True), bootstrap=200, seed=1).as_dict()


def test_an_image_without_anything_is_left_out_of_means_and_counted():
    empty = score_objects("empty", np.zeros((4, 4), dtype=int), np.zeros((4, 4), dtype=int))
    report = summarise_objects([*three(), empty])
    assert report.as_dict()["undefined_f1_50_images"] == 1
    assert report.macro["f1_50"].value == pytest.approx(STARDIST_MEANS[2], abs=1e-6)
    assert report.per_image[-1]["f1_50"] is None
    single = summarise_objects([empty]).as_dict()
    assert single["f1_50"] is None
    assert single["f1_50_low"] is None


def test_pixels_by_hand():
    image = score_objects("image", np.array([1, 1, 2, 0, 0]), np.array([0, 3, 3, 3, 0]))
    values = image.values()
    assert [values[name] for name in PIXEL_METRICS] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1 / 2])


def test_two_thousand_objects_in_four_million_pixels_are_quick():
    cell = np.arange(2048) // 45
    offset = np.arange(2048) % 45 - 22
    labels = cell[:, None] * 46 + cell + 1
    truth = np.where(offset[:, None] ** 2 + offset**2 < 400, labels, 0).astype(np.int32)
    found = np.roll(truth, (2, 1), axis=(0, 1))
    began = time.process_time()
    table = count_objects(find_overlaps(found, truth))
    assert time.process_time() - began < 1
    assert table[0, 0] >= 2025
