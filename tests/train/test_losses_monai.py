"""The values of MONAI, where it has the same loss."""

import pytest
import torch

from motes.train.losses import LossDescription, find_loss

monai = pytest.importorskip("monai.losses", reason="MONAI is not installed (extra monai)")

CLASSES = 4


def ours(logits, target, **description):
    return find_loss(LossDescription(**description))(logits, target, lambda sums: sums).item()


@pytest.fixture(params=[(6, 5), (4, 3, 5)], ids=["2d", "3d"])
def binary(request):
    draw = torch.Generator().manual_seed(1)
    shape = (3, 1, *request.param)
    return 2 * torch.randn(shape, generator=draw), (torch.rand(shape, generator=draw) < 0.3).float()


@pytest.fixture
def classes():
    draw = torch.Generator().manual_seed(2)
    logits = 2 * torch.randn((3, CLASSES, 8, 7), generator=draw)
    return logits, torch.randint(0, CLASSES, (3, 1, 8, 7), generator=draw).float()


def test_dice(binary, classes):
    options = {"batch": True, "smooth_nr": 1e-6, "smooth_dr": 1e-6}
    expected = monai.DiceLoss(sigmoid=True, **options)(*binary)
    assert ours(*binary, formula="dice") == pytest.approx(expected.item(), rel=1e-5)
    expected = monai.DiceLoss(softmax=True, to_onehot_y=True, **options)(*classes)
    assert ours(*classes, formula="dice") == pytest.approx(expected.item(), rel=1e-5)


def test_tversky(binary, classes):
    options = {"batch": True, "alpha": 0.2, "beta": 0.6, "smooth_nr": 1e-6, "smooth_dr": 1e-6}
    own = {"formula": "tversky", "tversky_false_positives": 0.2, "tversky_false_negatives": 0.6}
    expected = monai.TverskyLoss(sigmoid=True, **options)(*binary)
    assert ours(*binary, **own) == pytest.approx(expected.item(), rel=1e-5)
    expected = monai.TverskyLoss(softmax=True, to_onehot_y=True, **options)(*classes)
    assert ours(*classes, **own) == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.25), (1.5, None), (0.0, 0.6)])
def test_focal(binary, classes, gamma, alpha):
    own = {"formula": "focal", "focal_gamma": gamma, "focal_alpha": alpha}
    expected = monai.FocalLoss(gamma=gamma, alpha=alpha)(*binary)
    assert ours(*binary, **own) == pytest.approx(expected.item(), rel=1e-5)
    softmax = monai.FocalLoss(gamma=gamma, alpha=alpha, use_softmax=True, to_onehot_y=True)
    per_pixel = CLASSES * softmax(*classes).item()  # its mean is over classes as well
    assert ours(*classes, **own) == pytest.approx(per_pixel, rel=1e-5)


def test_dice_and_cross_entropy(classes):
    options = {"batch": True, "smooth_nr": 1e-6, "smooth_dr": 1e-6}
    expected = monai.DiceCELoss(softmax=True, to_onehot_y=True, **options)(*classes)
    assert ours(*classes, formula="dice + bce") == pytest.approx(expected.item(), rel=1e-5)


def test_bce_is_that_of_torch(binary, classes):
    expected = torch.nn.functional.binary_cross_entropy_with_logits(*binary)
    assert ours(*binary, formula="bce") == pytest.approx(expected.item(), rel=1e-5)
    logits, target = classes
    for smoothing in (0.0, 0.1):
        expected = torch.nn.functional.cross_entropy(logits, target[:, 0].long(), label_smoothing=smoothing)
        found = ours(logits, target, formula="bce", label_smoothing=smoothing)
        assert found == pytest.approx(expected.item(), rel=1e-5)
