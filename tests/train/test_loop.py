import numpy as np
import pytest
import torch

from motes.data.augment import Augmentation
from motes.data.crops import CropSource, Labelled, Sampling
from motes.data.paint import Target
from motes.errors import TrainingError
from motes.nets.build import build_net
from motes.nets.unet import NetDescription
from motes.picking.picker import Picking
from motes.train.checkpoint import LAST
from motes.train.loop import train_net
from motes.train.settings import Training
from motes.train.validate import Validator, summary

NET = NetDescription(width=4, depth=3)


def easy_image(seed: int) -> Labelled:
    """Dark discs on noise, plain to see."""
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(np.arange(12, 120, 24), np.arange(12, 120, 24)), -1).reshape(-1, 2)
    points = points + rng.uniform(-4, 4, points.shape)
    rows, columns = np.mgrid[:120, :120]
    image = rng.normal(0, 0.3, (120, 120))
    for y, x in points:
        image -= 2.0 * ((rows - y) ** 2 + (columns - x) ** 2 < 36)
    return Labelled(image.astype(np.float32), points)


def source(images=None) -> CropSource:
    return CropSource(
        images or [easy_image(0), easy_image(1)], 12, Sampling(size=48), Augmentation(), Target()
    )


def weights_after(run, training, seed=0, images=None):
    net = build_net(NET, seed)
    losses = []
    train_net(net, source(images), training, seed, run, lambda result: losses.append(result.loss))
    return net, losses


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))


@pytest.mark.slow
def test_particles_plain_to_see_are_learnt(tmp_path):
    net, losses = weights_after(tmp_path, Training(epochs=3, steps=20, batch=4, learning_rate=5e-3))
    assert losses[-1] < 0.7 * losses[0]
    validator = Validator([easy_image(5)], NET, Picking(), 12, torch.float32)
    found = summary(validator.curve(net.eval()))
    assert found["best_f1"] > 0.95
    assert found["average_precision"] > 0.95


def test_the_same_seed_trains_the_same_net_and_another_seed_another(tmp_path):
    training = Training(epochs=2, steps=2, batch=2)
    one, _ = weights_after(tmp_path / "a", training)
    again, _ = weights_after(tmp_path / "b", training)
    other, _ = weights_after(tmp_path / "c", training, seed=1)
    assert same(one, again)
    assert not same(one, other)


def test_a_run_stopped_between_epochs_ends_with_the_same_weights(tmp_path):
    training = Training(epochs=3, steps=2, batch=2)
    whole, _ = weights_after(tmp_path / "whole", training)

    class Killed(Exception):
        pass

    def killer(result):
        if result.epoch == 2:  # its checkpoint is not written yet, so this epoch is done again
            raise Killed

    net = build_net(NET, 0)
    with pytest.raises(Killed):
        train_net(net, source(), training, 0, tmp_path / "part", killer)
    resumed, losses = weights_after(tmp_path / "part", training)
    assert len(losses) == 2
    assert same(whole, resumed)


def test_a_damaged_checkpoint_says_what_to_do(tmp_path):
    training = Training(epochs=1, steps=1, batch=1)
    weights_after(tmp_path, training)
    (tmp_path / LAST).write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="train again"):
        weights_after(tmp_path, training)


def test_a_loss_that_is_not_finite_stops_with_a_reason(tmp_path):
    broken = Labelled(np.full((64, 64), np.nan, dtype=np.float32), np.array([[30.0, 30.0]]))
    with pytest.raises(TrainingError, match="the loss became nan at step 1"):
        weights_after(tmp_path, Training(epochs=1, steps=2, batch=1), images=[broken])


def test_steps_are_counted_over_all_epochs(tmp_path):
    seen = []
    net = build_net(NET, 0)
    train_net(net, source(), Training(epochs=2, steps=3, batch=1), 0, tmp_path, lambda _: None, seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_the_learning_rate_rises_and_falls():
    training = Training(epochs=10, steps=10, learning_rate=1e-3, warmup=0.1)
    rates = [training.learning_rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == rates[9] == rates[10] == 1e-3
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(1e-5, rel=0.05)
    assert rates[55] == pytest.approx(1e-3 * (0.01 + 0.99 / 2))


def test_nothing_found_is_no_number():
    blank = Labelled(np.zeros((64, 64), dtype=np.float32), np.array([[30.0, 30.0]]))
    net = build_net(NET).eval()
    with torch.no_grad():
        net.head.bias.fill_(-20)
    found = summary(Validator([blank], NET, Picking(), 12, torch.float32).curve(net))
    assert found == {"average_precision": None, "best_f1": None, "best_threshold": None}
