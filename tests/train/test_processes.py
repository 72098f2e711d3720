"""Two processes that train one net give what one process gives."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from easy_training import NET, plan, source
from motes.errors import InputError
from motes.nets.build import build_net
from motes.train.checkpoint import Progress
from motes.train.loop import make_trainee, train_net, train_step, upcoming
from motes.train.processes import ALONE, Processes, joined, named_by_environment
from motes.train.settings import Training

SETTINGS = Training(epochs=2, steps=2, batch=4, precision="float32")
LOSSES = ["bce", "0.7 focal + 0.3 dice", "0.5 tversky + 0.5 bce"]


def first_gradients(run: Path, loss: str, processes: Processes) -> dict[str, torch.Tensor]:
    """The gradients of the first step, before they are clipped and used."""
    net = build_net(NET.model_copy(update={"norm": "none"}), 0)
    settings = SETTINGS.model_copy(update={"clip": 1e9})
    making = plan(run, settings, loss=loss, processes=processes, source=source(around_points=0.5))
    trainee = make_trainee(net, settings)
    parts, _ = next(upcoming(making, Progress()))
    train_step(trainee, making, Progress(), parts, torch.device("cpu"))
    return {name: parameter.grad for name, parameter in net.named_parameters()}


def work(run: Path) -> None:
    """What each of the two processes does; the first one keeps the results."""
    torch.set_num_threads(1)
    with joined("cpu") as processes:
        for number, loss in enumerate(LOSSES):
            gradients = first_gradients(run, loss, processes)
            if processes.first:
                torch.save(gradients, run / f"gradients-{number}.pt")
        net = build_net(NET, 0)
        averaging = SETTINGS.model_copy(update={"average": 0.5})
        train_net(net, plan(run / "training", averaging, processes=processes))
        torch.save(net.state_dict(), run / f"net-{processes.rank}.pt")
        try:
            processes.once(fail)
        except InputError as error:
            (run / f"error-{processes.rank}.txt").write_text(str(error))


def fail() -> None:
    raise InputError("the first one found a fault")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("pair")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"import sys; sys.path[:0] = {sys.path!r}; sys.path.insert(0, {str(Path(__file__).parent)!r}); "
    code += f"import test_processes; from pathlib import Path; test_processes.work(Path({str(run)!r}))"
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen([sys.executable, "-c", code], env={**shared, "RANK": str(rank)}) for rank in (0, 1)
    ]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    return run


@pytest.mark.parametrize("number", range(len(LOSSES)), ids=LOSSES)
def test_the_first_gradients_of_two_are_those_of_one(pair, tmp_path, number):
    ours = torch.load(pair / f"gradients-{number}.pt")
    alone = first_gradients(tmp_path, LOSSES[number], ALONE)
    assert ours.keys() == alone.keys()
    assert max(float(gradient.abs().max()) for gradient in alone.values()) > 1e-3
    for name, gradient in alone.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-5, rtol=0)


def test_both_end_with_the_same_net(pair):
    one, other = (torch.load(pair / f"net-{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_an_error_of_the_first_reaches_all(pair):
    assert {(pair / f"error-{rank}.txt").read_text() for rank in (0, 1)} == {"the first one found a fault"}


def test_torchrun_and_srun_say_who_one_is():
    assert named_by_environment({}) == ALONE
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "x"}
    assert named_by_environment(torchrun) == Processes(3, 4, 1)
    slurm = {"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}
    assert named_by_environment(slurm) == ALONE  # a job's script, which srun has not started
    step = {**slurm, "SLURM_STEP_NUM_TASKS": "2"}
    assert named_by_environment({**step, "MASTER_ADDR": "node1"}) == Processes(1, 2, 0)
    with pytest.raises(InputError, match=r"process 1 of 2.*MASTER_ADDR"):
        named_by_environment(step)
    assert named_by_environment({**step, "SLURM_STEP_NUM_TASKS": "1"}).count == 1


def test_a_batch_is_shared_in_neighbours():
    assert list(Processes(1, 2).share(range(8, 16))) == [12, 13, 14, 15]
    assert list(ALONE.share(range(3))) == [0, 1, 2]
