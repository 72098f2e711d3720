import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from easy_training import (
    NET,
    KilledError,
    easy_image,
    plan,
    source,
    stopping_after,
    validator,
)
from motes.data.crops import Labelled
from motes.errors import TrainingError
from motes.nets.build import build_net
from motes.train import loop
from motes.train.checkpoint import LAST, best_place, snapshot_place
from motes.train.loop import best_epochs, snapshot_epochs, train_net
from motes.train.mining import Mine
from motes.train.settings import Training

EVERYTHING = Training(
    epochs=3, steps=3, batch=4, accumulate=2, average=0.8, schedule="plateau", plateau_patience=1, snapshots=3
)
NETS = {"plain": NET, "dropout": NET.model_copy(update={"dropout": 0.3})}


def trained(run, training, seed=0, net=NET, **more):
    built = build_net(net, seed)
    progress = train_net(built, plan(run, training, seed=seed, **more))
    return built, progress


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(a, b) for a, b in zip(*(s.values() for s in states), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["bce", "0.7 focal + 0.3 dice"])
def test_particles_plain_to_see_are_learnt(tmp_path, loss):
    training = Training(epochs=3, steps=20, batch=4, learning_rate=5e-3)
    rows = []
    net, _ = trained(tmp_path, training, loss=loss, on_epoch=rows.append)
    assert rows[-1]["loss"] < 0.75 * rows[0]["loss"]
    found = validator().row(validator().look(net))
    assert found["best_f1"] > 0.95
    assert found["average_precision"] > 0.95
    assert found["pixel_auc"] > 0.95


def test_the_same_seed_trains_the_same_net_and_another_seed_another(tmp_path):
    training = Training(epochs=2, steps=2, batch=2)
    one, _ = trained(tmp_path / "a", training)
    again, _ = trained(tmp_path / "b", training)
    other, _ = trained(tmp_path / "c", training, seed=1)
    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize("killed_after", [1, 3, 5, 8])
@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_a_run_killed_anywhere_ends_with_the_same_weights(tmp_path, killed_after, net):
    training = EVERYTHING.model_copy(update={"checkpoint_minutes": 1e-9})
    mine = Mine(replace(validator(), images=source().images), 0)
    more = {"source": source(hard=0.5), "mine": mine, "net": net}
    whole, _ = trained(tmp_path / "whole", training, **more)
    with pytest.raises(KilledError):
        trained(tmp_path / "part", training, on_step=stopping_after(killed_after), **more)
    resumed, progress = trained(tmp_path / "part", training, **more)
    assert same(whole, resumed)
    assert progress.epochs == 3
    for epoch in (1, 2, 3):
        ours, others = (load_file(snapshot_place(tmp_path / run, epoch)) for run in ("whole", "part"))
        assert all(torch.equal(ours[name], others[name]) for name in ours)


def test_an_epoch_killed_before_its_checkpoint_is_recorded_once_more(tmp_path):
    training = Training(epochs=2, steps=2, batch=2)
    seen = []

    def killer(row):
        seen.append(row["epoch"])
        if seen == [1, 2]:
            raise KilledError

    with pytest.raises(KilledError):
        trained(tmp_path, training, on_epoch=killer)
    trained(tmp_path, training, on_epoch=killer)
    assert seen == [1, 2, 2]


def test_batches_in_parts_train_as_whole_ones(tmp_path):
    """Without batch norm, and with a loss that is a mean over pixels, the parts add up."""
    net = NET.model_copy(update={"norm": "none"})
    inside = source([Labelled(easy_image(0).data, np.array([[60.0, 60.0]]))], around_points=1.0, size=16)
    settings = Training(epochs=1, steps=2, batch=4, precision="float32")
    whole, _ = trained(tmp_path / "a", settings, net=net, source=inside)
    parts, _ = trained(tmp_path / "b", settings.model_copy(update={"accumulate": 4}), net=net, source=inside)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
def test_every_optimiser_lowers_the_loss(tmp_path, optimiser):
    rate = 0.3 if optimiser == "sgd" else 5e-3
    rows = []
    trained(
        tmp_path,
        Training(epochs=3, steps=8, batch=2, optimiser=optimiser, learning_rate=rate),
        on_epoch=rows.append,
    )
    assert rows[-1]["loss"] < rows[0]["loss"]


def test_the_average_of_the_weights_follows_them_slowly(tmp_path):
    start = build_net(NET, 0)
    plainly, _ = trained(tmp_path / "a", Training(epochs=1, steps=3, batch=2))
    averaged, _ = trained(tmp_path / "b", Training(epochs=1, steps=3, batch=2, average=0.9))
    far = torch.linalg.vector_norm(plainly.head.weight - start.head.weight)
    near = torch.linalg.vector_norm(averaged.head.weight - start.head.weight)
    assert 0 < near < 0.5 * far


def scores(values):
    """A validation that gives these values of best_f1, one after the other."""
    waiting = iter(values)
    return lambda _net: {"best_f1": next(waiting)}


def test_the_best_epoch_becomes_the_model_and_the_best_are_kept(tmp_path):
    training = Training(epochs=4, steps=1, batch=2, keep="best", best=2)
    net, progress = trained(tmp_path, training, validate=scores([0.2, 0.9, 0.8, 0.1]))
    assert best_epochs(progress, training.model_copy(update={"watch": "best_f1"})) == [2, 3]
    kept = sorted(path.name for path in (tmp_path / "checkpoints").glob("best-*"))
    assert kept == [best_place(tmp_path, 2).name, best_place(tmp_path, 3).name]
    weights = load_file(best_place(tmp_path, 2))
    assert all(torch.equal(weights[name], tensor) for name, tensor in net.state_dict().items())


def test_training_stops_when_nothing_has_improved_for_long_enough(tmp_path):
    training = Training(epochs=9, steps=1, batch=2, patience=2)
    _, progress = trained(tmp_path, training, validate=scores([0.2, 0.5, None, 0.4, 0.9]))
    assert progress.epochs == 4
    assert "has not improved in the last 2 validations" in progress.stopped


def test_validation_every_second_epoch_and_after_the_last(tmp_path):
    rows = []
    training = Training(epochs=5, steps=1, batch=2, validate_every=2)
    trained(tmp_path, training, on_epoch=rows.append, validate=scores([0.1, 0.2, 0.3]))
    assert [row["epoch"] for row in rows if "best_f1" in row] == [2, 4, 5]
    assert json.loads(json.dumps(rows)) == rows


def test_snapshots_are_spread_evenly_or_end_the_periods_of_restarts():
    assert snapshot_epochs(Training(epochs=10, snapshots=3)) == [3, 7, 10]
    assert snapshot_epochs(Training(epochs=10)) == []
    restarts = Training(epochs=7, snapshots=3, schedule="cosine_restarts", restart_epochs=1, warmup=0)
    assert snapshot_epochs(restarts) == [1, 3, 7]


def test_a_run_killed_before_its_checkpoint_still_has_the_best_of_before(tmp_path):
    """Done again the epoch may come out worse, as it may on a GPU, and the earlier best is wanted after all."""
    training = Training(epochs=2, steps=1, batch=2, keep="best")

    def killer(row):
        if row["epoch"] == 2:
            raise KilledError

    with pytest.raises(KilledError):
        trained(tmp_path, training, validate=scores([0.5, 0.9]), on_epoch=killer)
    trained(tmp_path, training, validate=scores([0.1]))
    assert best_place(tmp_path, 1).is_file()


def test_a_metric_that_is_never_defined_leaves_the_last_epoch_in_use(tmp_path):
    training = Training(epochs=2, steps=1, batch=2, keep="best")
    net, progress = trained(tmp_path, training, validate=scores([None, None]))
    assert best_epochs(progress, training.model_copy(update={"watch": "best_f1"})) == []
    last = torch.load(tmp_path / LAST, weights_only=True)["net"]
    assert all(torch.equal(last[name], tensor) for name, tensor in net.state_dict().items())


def test_a_gradient_that_is_not_finite_never_reaches_a_checkpoint(tmp_path):
    def steep(logits, target, total):
        return (logits - logits.detach()).abs().sqrt().sum() + 1.0  # a slope without end at zero

    with pytest.raises(TrainingError, match="the gradient became nan at step 1"):
        trained(tmp_path, Training(epochs=1, steps=1, batch=2), loss_given=steep)
    assert not (tmp_path / LAST).exists()


def blind(_net):
    """A validation of a net that calls no pixel a particle; the fifth in a row raises an alarm."""
    return {"best_f1": 0.0, "pixel_auc": 0.5, "pixels_called": 0.0}


def test_an_alarm_after_the_last_epoch_leaves_the_model_also_when_resumed(tmp_path):
    training = Training(epochs=5, steps=1, batch=1)
    _, progress = trained(tmp_path, training, validate=blind)
    assert "calls no pixel a particle" in progress.stopped
    _, resumed = trained(tmp_path, training, validate=blind)
    assert resumed == progress


def test_a_damaged_checkpoint_says_what_to_do(tmp_path):
    training = Training(epochs=1, steps=1, batch=1)
    trained(tmp_path, training)
    (tmp_path / LAST).write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match="train again"):
        trained(tmp_path, training)


def test_a_loss_that_is_not_finite_stops_with_a_reason(tmp_path):
    broken = source([Labelled(np.full((64, 64), np.nan, dtype=np.float32), np.array([[30.0, 30.0]]))])
    with pytest.raises(TrainingError, match="the loss became nan at step 1"):
        trained(tmp_path, Training(epochs=1, steps=2, batch=1), source=broken)


def test_a_collapse_stops_the_training_with_everything_kept(tmp_path):
    with pytest.raises(TrainingError, match=r"calls no pixel a particle.*kept in"):
        trained(tmp_path, Training(epochs=9, steps=1, batch=1), validate=blind)
    assert torch.load(tmp_path / LAST, weights_only=True)["progress"]["epochs"] == 5


@pytest.mark.parametrize("patience", [0, 4])  # with 4 the alarm comes when training would stop anyway
def test_a_training_that_an_alarm_ended_ends_so_when_resumed(tmp_path, patience):
    training = Training(epochs=9, steps=1, batch=1, patience=patience)
    said = []
    for _ in range(2):
        with pytest.raises(TrainingError, match=r"no pixel.*going on from there ends in the same") as error:
            trained(tmp_path, training, validate=blind)
        said.append(str(error.value))
        assert torch.load(tmp_path / LAST, weights_only=True)["progress"]["epochs"] == 5
    assert said[0] == said[1]


def test_a_training_killed_right_before_its_alarm_hears_it_when_resumed(tmp_path, monkeypatch):
    training = Training(epochs=9, steps=1, batch=1)

    def killer(run, epochs):
        if torch.load(run / LAST, weights_only=True)["progress"]["epochs"] == 5:
            raise KilledError

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(loop, "drop_all_but", killer)  # called when the checkpoint is written
        trained(tmp_path, training, validate=blind)
    with pytest.raises(TrainingError, match="calls no pixel a particle"):
        trained(tmp_path, training, validate=blind)
    assert torch.load(tmp_path / LAST, weights_only=True)["progress"]["epochs"] == 5


def test_steps_are_counted_over_all_epochs(tmp_path):
    seen = []
    trained(tmp_path, Training(epochs=2, steps=3, batch=1), on_step=seen.append)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_the_random_numbers_of_the_caller_are_left_alone(tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    trained(tmp_path, Training(epochs=1, steps=1, batch=1))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what torch uses of itself
def test_a_translated_net_trains_to_the_same_place(tmp_path, monkeypatch):
    """With a backend that translates nothing: a real one takes minutes to compile."""
    translate = torch.compile
    asked = []

    def quickly(net):
        asked.append(net)
        return translate(net, backend="eager")

    monkeypatch.setattr(torch, "compile", quickly)
    settings = Training(epochs=2, steps=2, batch=2)
    plainly, _ = trained(tmp_path / "a", settings)
    assert asked == []
    translated, _ = trained(tmp_path / "b", settings.model_copy(update={"compile": True}))
    assert asked == [translated]
    assert same(plainly, translated)
