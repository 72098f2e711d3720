import numpy as np
import pytest
import torch

from motes.data.augment import NO_AUGMENTATION
from motes.data.mixing import Pair, class_shares, draw_pair, mix


def test_mixup_blends_both_ways_and_ignores_where_either_does():
    crops, targets = torch.tensor([1.0, 5]).reshape(2, 1, 1, 1), torch.tensor([0.0, 1]).reshape(2, 1, 1, 1)
    crops, targets = crops.repeat(1, 1, 1, 2), targets.repeat(1, 1, 1, 2)
    targets[0, ..., 1] = -1
    mix(crops, targets, [Pair(0.75, None)])
    assert crops[:, 0, 0].tolist() == [[2, 2], [4, 4]]
    assert targets[:, 0, 0].tolist() == [[0.25, -1], [0.75, -1]]


def test_cutmix_exchanges_a_box_with_its_targets():
    crops = torch.arange(2.0).reshape(2, 1, 1, 1).repeat(1, 1, 4, 4)
    targets = -crops
    mix(crops, targets, [Pair(1, (slice(0, 2), slice(1, 3)))])
    assert crops[0, 0].sum() == 4
    assert crops[1, 0, :2, 1:3].sum() == 0
    assert torch.equal(targets, -crops)


def test_an_odd_last_crop_stays():
    crops = torch.arange(3.0).reshape(3, 1, 1, 1)
    targets = crops.clone()
    mix(crops, targets, [Pair(0.5, None)])
    assert crops.ravel().tolist() == [0.5, 0.5, 2]


def test_class_numbers_become_shares():
    numbers = torch.tensor([0.0, 2, -1]).reshape(1, 1, 3)
    shares = class_shares(numbers, 3)
    assert shares[0].T.tolist() == [[1, 0, 0], [0, 0, 1], [-1, -1, -1]]


@pytest.mark.parametrize("shape", [(40, 60), (16, 32, 32)])
def test_the_share_of_the_box_follows_beta(shape):
    on = NO_AUGMENTATION.model_copy(update={"cutmix": 0.5, "mixup": 0.5, "mixup_alpha": 1.0})
    pairs = [draw_pair(on, shape, np.random.default_rng(seed)) for seed in range(600)]
    boxes = [pair.box for pair in pairs if pair.box is not None]
    assert len(boxes) / 600 == pytest.approx(0.5, abs=0.07)
    assert all(0 <= part.start <= part.stop <= n for box in boxes for part, n in zip(box, shape, strict=True))
    blended = [pair.own for pair in pairs if pair.own < 1]
    assert len(blended) / 600 == pytest.approx(0.5, abs=0.07)
    assert np.mean(blended) == pytest.approx(0.5, abs=0.06)


def test_one_kind_of_mixing_leaves_the_draws_of_the_other():
    both = NO_AUGMENTATION.model_copy(update={"cutmix": 1, "mixup": 1})
    one = NO_AUGMENTATION.model_copy(update={"cutmix": 1})
    for seed in range(10):
        pairs = [draw_pair(which, (20, 20), np.random.default_rng(seed)) for which in (both, one)]
        assert pairs[0].box == pairs[1].box
        assert pairs[1].own == 1
