from dataclasses import replace

import numpy as np
import pytest
import torch

from easy_training import easy_image
from motes.data.crops import Labelled
from motes.data.object_targets import relative_depth
from motes.data.paint import Target
from motes.nets.build import build_net
from motes.nets.description import NetDescription
from motes.picking.instances import Keeping, Splitting
from motes.picking.outlining import Outlining
from motes.picking.picker import Picking, pick_map
from motes.predict.maps import class_maps, probability_maps
from motes.predict.windows import Windows
from motes.score.pixels import PixelCounts
from motes.train.mining import Mine
from motes.train.validate import Validator, is_class

ONE = NetDescription(width=1, depth=1)
TWO = NetDescription(width=1, depth=1, outputs=3)


class Given(torch.nn.Module):
    """A net that answers with logits that are known beforehand."""

    def __init__(self, logits: np.ndarray) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.from_numpy(logits.astype(np.float32))[None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self.logits.shape[2:]
        answer = torch.full((1, self.logits.shape[1], *x.shape[2:]), -9.0)
        top, left = (x.shape[2] - rows) // 2, (x.shape[3] - columns) // 2
        answer[..., top : top + rows, left : left + columns] = self.logits
        return answer


def looking_at(images, net=ONE, classes=("particle",), diameters=(8.0,)) -> Validator:
    return Validator(images, classes, net, Picking(), diameters, Target(radius=1), torch.float32)


def discs(shape, points, radius) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.any([(rows - y) ** 2 + (columns - x) ** 2 <= radius**2 for y, x in points], axis=0)


def test_a_perfect_answer_scores_one_in_every_metric():
    points = np.array([[10.0, 12], [30, 40]])
    image = Labelled(np.zeros((48, 64), dtype=np.float32), points)
    rows, columns = np.mgrid[:48, :64]
    distance = np.min([np.hypot(rows - y, columns - x) for y, x in points], axis=0)
    validator = looking_at([image])
    row = validator.row(validator.look(Given((4.05 - distance)[None])))
    perfect = ["pixel_precision", "pixel_recall", "pixel_f1", "pixel_iou", "pixel_auc", "best_f1"]
    assert {name: row[name] for name in perfect} == dict.fromkeys(perfect, 1.0)
    assert row["pixels_called"] == pytest.approx(2 * np.pi * 16 / (48 * 64), rel=0.05)


def test_classes_are_scored_one_by_one_and_averaged():
    points = np.array([[10.0, 12], [30, 40]])
    image = Labelled(np.zeros((48, 64), dtype=np.float32), points, classes=np.array([0, 1]))
    first = np.where(discs((48, 64), points[:1], 4), 6.0, -6)
    missing = np.full((48, 64), -6.0)
    validator = looking_at([image], TWO, ("a", "b"), (8.0, 8.0))
    row = validator.row(validator.look(Given(np.stack([np.zeros_like(first), first, missing]))))
    assert row["best_f1_a"] == 1.0
    assert row["best_f1_b"] is None
    assert row["pixel_recall"] == pytest.approx(0.5, abs=0.01)
    weighted = replace(validator, weights=(3.0, 1.0))
    row = weighted.row(weighted.look(Given(np.stack([np.zeros_like(first), first, missing]))))
    assert row["pixel_recall"] == pytest.approx(0.75, abs=0.01)


def test_with_masks_pixels_are_scored_and_ignored_ones_are_not():
    labels = np.zeros((32, 32), dtype=np.int16)
    labels[:16] = 1
    labels[:, 20:] = -1
    image = Labelled(np.zeros((32, 32), dtype=np.float32), np.zeros((0, 2)), labels=labels)
    answer = np.full((32, 32), -3.0)
    answer[:8] = 3.0
    answer[:, 20:] = 3.0
    validator = looking_at([image], diameters=())
    seen = validator.look(Given(answer[None]))
    row = validator.row(seen)
    assert (row["pixel_precision"], row["pixel_recall"], row["pixel_iou"]) == (1.0, 0.5, 0.5)
    assert "best_f1" not in row
    curve = validator.curve(seen, 0)
    assert curve.truth == 16 * 20
    assert curve.recall[0] == 0.5


def test_truth_of_one_class_may_be_soft_and_of_several_is_a_number():
    assert is_class(np.array([0.4, 0.5, 1, -1], dtype=np.float32), 0, 1).tolist() == [0, 1, 1, -1]
    assert is_class(np.array([0, 1, 2, -1], dtype=np.float32), 0, 2).tolist() == [0, 1, 0, -1]
    assert is_class(np.array([0, 1, 2, -1], dtype=np.float32), 1, 2).tolist() == [0, 0, 1, -1]


def test_hard_places_are_false_peaks_and_never_particles():
    image = easy_image(3)
    fooled = np.full(image.data.shape, -6.0)
    for y, x in [*image.points[:5], (60, 50), (72, 72)]:
        fooled[round(float(y)), round(float(x))] = 6.0
    wrong = [(60, 50), (72, 72)]
    apart = [np.linalg.norm(image.points - place, axis=1).min() for place in wrong]
    expected = {place for place, distance in zip(wrong, apart, strict=True) if distance > 6}
    mine = Mine(looking_at([image], diameters=(12.0,)), seed=0)
    found = mine.places(Given(fooled[None]), 0)
    assert {tuple(np.rint(point).astype(int)) for _, point in found} == expected
    assert len(expected) >= 1


def test_an_untrained_net_is_looked_at_without_particles():
    blank = Labelled(np.zeros((64, 64), dtype=np.float32), np.array([[30.0, 30.0]]))
    net = build_net(ONE).eval()
    with torch.no_grad():
        net.head.bias.fill_(-20)
    row = looking_at([blank]).row(looking_at([blank]).look(net))
    assert (row["average_precision"], row["best_f1"], row["best_threshold"]) == (None, None, None)
    assert row["pixels_called"] == 0


def test_the_best_f_of_another_beta_counts_a_class_that_is_never_found():
    points = np.array([[10.0, 12], [30, 40]])
    image = Labelled(np.zeros((48, 64), dtype=np.float32), points, classes=np.array([0, 1]))
    first = np.where(discs((48, 64), points[:1], 4), 6.0, -6)
    missing = np.full((48, 64), -6.0)
    validator = replace(looking_at([image], TWO, ("a", "b"), (8.0, 8.0)), betas=(4.0,), weights=(3.0, 1.0))
    row = validator.row(validator.look(Given(np.stack([np.zeros_like(first), first, missing]))))
    assert (row["best_f4_a"], row["best_f4_b"], row["best_f4"]) == (1.0, 0.0, 0.75)


def test_a_volume_is_looked_at_slab_by_slab_with_the_result_of_its_whole_maps():
    net = NetDescription(name="se_unet", ndim=3, widths=(4, 8), outputs=3)
    data = np.random.default_rng(0).normal(size=(30, 40, 36)).astype(np.float32)
    image = Labelled(data, np.array([[8.0, 9, 10], [20, 30, 20]]), classes=np.array([0, 1]))
    validator = replace(looking_at([image], net, ("a", "b"), (8.0, 6.0)), trained=(8, 16, 16))
    built = build_net(net).eval()
    seen = validator.look(built)
    maps = class_maps(probability_maps(built, net, data, windows=Windows(patch=(8, 16, 16))), net)
    truth = validator.true_classes(image)
    for number, map_ in enumerate(maps):
        found, expected = seen.picks[number][0], pick_map(map_, (8.0, 6.0)[number], Picking())
        assert len(found) == len(expected) > 3
        np.testing.assert_allclose(found.points, expected.points, atol=1e-3)
        counts = PixelCounts()
        counts.add(map_, is_class(truth, number, 2))
        assert seen.pixels[number].counts(0.3) == pytest.approx(counts.counts(0.3), abs=2)
        assert seen.pixels[number].pixels.sum() == data.size


def test_how_near_a_pick_must_be_is_a_share_of_the_diameter():
    image = Labelled(np.zeros((48, 64), dtype=np.float32), np.array([[30.0, 40]]))
    beside = np.where(discs((48, 64), [(33, 40)], 1), 6.0, -6)  # 3 px away from a particle of 8 px
    for share, expected in ((0.5, 1.0), (0.25, 0.0)):
        validator = replace(looking_at([image]), match_distance=share)
        assert validator.row(validator.look(Given(beside[None])))["best_f1"] == expected


def test_objects_are_right_where_they_cover_their_own_truth():
    numbers = np.zeros((48, 64), dtype=np.int32)
    for number, (y, x) in enumerate([(12, 12), (12, 24), (36, 40)], start=1):
        numbers[discs((48, 64), [(y, x)], 6)] = number
    image = Labelled(np.zeros((48, 64), dtype=np.float32), np.zeros((0, 2)), labels=numbers)
    depth = relative_depth(torch.from_numpy(numbers.astype(np.float32))[None, None])[0, 0].numpy()
    logits = np.stack([np.where(numbers > 0, 6.0, -6.0), np.where(depth > 0, 8 * depth - 4, -9)])
    outlining = Outlining(Splitting(separator="distance"), Keeping())
    net = NetDescription(width=1, depth=1, outputs=2, independent=True)
    validator = replace(looking_at([image], net, diameters=()), outlining=outlining)
    seen = validator.look(Given(logits))
    row = validator.row(seen)
    assert row["best_f1"] == row["average_precision"] == row["pixel_iou"] == 1
    assert seen.objects[0].truth == 3
    merged = validator.row(validator.look(Given(np.stack([logits[0], np.zeros_like(logits[0])]))))
    assert merged["best_f1"] < 1
    assert validator.maps(Given(logits), np.zeros((48, 64), np.float32)).shape == (1, 48, 64)


def test_the_depth_of_splitting_is_fitted_to_the_objects():
    """A dent of a third between the summits of one object: it must not be split, two others must."""
    numbers = np.zeros((40, 60), dtype=np.int32)
    numbers[10:20, 5:25], numbers[10:20, 30:40], numbers[10:20, 40:50] = 1, 2, 3
    column = np.arange(60)
    dent = np.where(np.abs(column - 14.5) < 2, 0.67, np.where(np.abs(column - 39.5) < 2, 0.05, 1.0))
    depth = np.where(numbers > 0, 0.9 * dent, 0.01)
    logits = np.stack([np.where(numbers > 0, 6.0, -6.0), np.log(depth / (1 - depth))])
    image = Labelled(np.zeros((40, 60), dtype=np.float32), np.zeros((0, 2)), labels=numbers)
    net = NetDescription(width=1, depth=1, outputs=2, independent=True)
    outlining = Outlining(Splitting(separator="distance"), Keeping())
    validator = replace(looking_at([image], net, diameters=()), outlining=outlining)
    before = validator.row(validator.look(Given(logits)))
    fitted, curve = validator.fitted_outlining(Given(logits), outlining)
    after = replace(validator, outlining=fitted)
    assert fitted.splitting.depth in (0.4, 0.6)
    assert after.row(after.look(Given(logits)))["best_f1"] == 1 > before["best_f1"]
    assert fitted == fitted.split_at(fitted.splitting.depth)
    assert np.nanmax(curve.f_beta()) == 1
    assert after.fitted_outlining(Given(logits), fitted)[0] == fitted
    same, other = validator.fitted_outlining(Given(logits), outlining, depths=())
    assert same == outlining
    assert np.nanmax(other.f_beta()) == pytest.approx(before["best_f1"], abs=1e-5)


@pytest.mark.parametrize("hidden", [slice(0, 32), slice(32, 64)])
def test_objects_where_the_truth_is_not_known_do_not_count(hidden):
    found = np.where(discs((48, 64), [(24, 16), (24, 48)], 6), 6.0, -6)
    numbers = np.where(found > 0, 1, 0).astype(np.int32)
    numbers[:, hidden] = -1
    image = Labelled(np.zeros((48, 64), dtype=np.float32), np.zeros((0, 2)), labels=numbers)
    validator = replace(looking_at([image], diameters=()), outlining=Outlining(Splitting(), Keeping()))
    assert validator.row(validator.look(Given(found[None])))["best_f1"] == 1
