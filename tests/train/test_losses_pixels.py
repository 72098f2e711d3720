import pytest
import torch

from motes.train.losses import LossDescription, find_loss
from motes.train.losses_pixels import pool_target


def alone(sums):
    return sums


def row(*numbers):
    return torch.tensor([[numbers]], dtype=torch.float32).view(1, 1, 1, -1)


class TestPoolTarget:
    def test_one_pixel_of_a_particle_makes_a_coarse_one(self):
        assert torch.equal(pool_target(row(0, 1, 0, 0), (1, 2)), row(1, 0))

    def test_ignored_stays_where_no_particle_is(self):
        target = row(-1, 1, -1, 0, -1, -1, 0, 0)
        assert torch.equal(pool_target(target, (1, 4)), row(1, -1, -1, 0))

    def test_step_by_step_is_at_once(self):
        target = torch.randint(-1, 3, (2, 1, 16, 16)).float()
        steps = pool_target(pool_target(target, (8, 8)), (4, 4))
        assert torch.equal(steps, pool_target(target, (4, 4)))

    def test_of_class_numbers_the_highest_stands(self):
        assert torch.equal(pool_target(row(0, 2, 1, 1), (1, 1)), row(2))

    def test_the_same_size_is_left_alone(self):
        target = row(0.25, -1)
        assert pool_target(target, (1, 2)) is target

    def test_volumes(self):
        target = torch.zeros(1, 1, 4, 4, 4)
        target[..., 3, 0, 1] = 1
        coarse = pool_target(target, (2, 2, 2))
        assert coarse.sum() == coarse[0, 0, 1, 0, 0] == 1

    def test_shares_still_add_up_to_one(self):
        particles = torch.tensor([[0.0, 0.5, 0.9, 0.0, -1, -1], [0.0, 0.0, 0.0, 0.6, -1, 0.0]])
        background = torch.where((particles < 0).any(0), -1, 1 - particles.clamp(min=0).sum(0))
        target = torch.cat([background[None], particles])
        target[:, 4:] = torch.tensor([[-1.0, 1.0], [-1.0, 0.0], [-1.0, 0.0]])
        coarse = pool_target(target.view(1, 3, 1, 6), (1, 3))[0, :, 0]
        expected = torch.tensor([[0.5, 0.0, -1], [0.5, 0.6, -1], [0.0, 0.4, -1]])
        torch.testing.assert_close(coarse, expected)


class TestDeepSupervision:
    def test_coarser_maps_weigh_half_each(self):
        loss = find_loss(LossDescription.model_validate("bce + dice"))
        target = (torch.rand(2, 1, 8, 8) < 0.2).float()
        target[0, 0, :3] = -1
        maps = [torch.randn(2, 1, side, side) for side in (8, 4, 2)]
        each = [loss(map_, pool_target(target, tuple(map_.shape[2:])), alone).item() for map_ in maps]
        expected = (each[0] + each[1] / 2 + each[2] / 4) / 1.75
        assert loss(maps, target, alone).item() == pytest.approx(expected)

    def test_one_map_is_as_if_there_were_no_list(self):
        loss = find_loss(LossDescription())
        logits, target = torch.randn(1, 3, 4, 4, 4), torch.randint(-1, 3, (1, 1, 4, 4, 4)).float()
        assert loss([logits], target, alone).item() == loss(logits, target, alone).item()

    def test_every_map_gets_a_gradient(self):
        maps = [torch.randn(1, 3, side, side, side, requires_grad=True) for side in (8, 4, 2)]
        target = torch.randint(0, 3, (1, 1, 8, 8, 8)).float()
        find_loss(LossDescription.model_validate("tversky"))(maps, target, alone).backward()
        assert all(map_.grad.any() for map_ in maps)
