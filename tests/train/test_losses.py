import math

import pytest
import torch

from motes.errors import RecipeError
from motes.train.losses import LOSSES, bce, find_loss


def test_bce_of_a_coin_toss_is_the_logarithm_of_two():
    assert bce(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)).item() == pytest.approx(math.log(2))


def test_bce_by_hand():
    logits, target = torch.tensor([2.0, -1.0]), torch.tensor([1.0, 0.0])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert bce(logits, target).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
class TestEveryLoss:
    def test_what_is_ignored_changes_neither_value_nor_gradient(self, loss):
        target = (torch.rand(2, 1, 8, 8) > 0.5).float()
        target[:, :, :, 4:] = -1
        one = torch.randn(2, 1, 8, 8, requires_grad=True)
        other = one.detach().clone()
        other[:, :, :, 4:] = 50
        value = loss(one, target)
        assert value.item() == pytest.approx(loss(other, target).item())
        value.backward()
        assert one.grad[:, :, :, 4:].abs().max() == 0
        assert one.grad[:, :, :, :4].abs().max() > 0

    def test_nothing_that_counts_is_no_loss(self, loss):
        assert loss(torch.randn(1, 1, 4, 4), torch.full((1, 1, 4, 4), -1.0)).item() == 0

    def test_right_is_better_than_wrong(self, loss):
        target = (torch.rand(1, 1, 16, 16) > 0.5).float()
        logits = (2 * target - 1) * 3
        assert loss(logits, target) < loss(torch.zeros_like(logits), target) < loss(-logits, target)


def test_an_unknown_loss_names_the_known_ones():
    with pytest.raises(RecipeError, match="Did you mean 'bce'"):
        find_loss("bc")
