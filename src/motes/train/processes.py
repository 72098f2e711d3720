"""Several processes that train one net: each works through its share of every batch.

Started by `torchrun` or `srun`, they agree on gradients after each step. The sums that losses are made of
run over all processes, so the loss, and the gradient after they have been added up, are those of one process
that has the whole batch.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from motes.errors import InputError

Value = TypeVar("Value")
PATIENCE = timedelta(hours=12)  # the others wait while the first one validates or prepares images


@dataclass(frozen=True)
class Processes:
    """This process among its kind. local: its number on this machine, which is that of its GPU."""

    rank: int = 0
    count: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this one writes and speaks for all."""
        return self.rank == 0

    def share(self, numbers: Sequence[int]) -> Sequence[int]:
        """This process's part of a batch: neighbours stay together."""
        size = len(numbers) // self.count
        return numbers[self.rank * size : (self.rank + 1) * size]

    def total(self, part: Tensor) -> Tensor:
        """The sum over all processes; its gradient is that of this process's own part."""
        if self.count == 1:
            return part
        whole = part.detach().clone()
        dist.all_reduce(whole)
        return whole + (part - part.detach())

    def add_gradients(self, net: nn.Module) -> None:
        """Give each process the sum of all gradients."""
        self._add_up([p.grad for p in net.parameters() if p.grad is not None])

    def average_statistics(self, net: nn.Module) -> None:
        """Give each process the mean of the running statistics of batch norm."""
        self._add_up([b for b in net.buffers() if b.is_floating_point()], 1 / self.count)

    def _add_up(self, tensors: Sequence[Tensor], factor: float = 1.0) -> None:
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for own, summed in zip(tensors, torch.split(flat, [each.numel() for each in tensors]), strict=True):
            own.copy_(summed.view(own.shape) * factor)

    def gathered(self, value: Value) -> list[Value]:
        """Each process's value, in the order of their ranks."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def once(self, work: Callable[[], Value]) -> Value:
        """Let the first process do some work, and give all what came of it, or the error that it raised."""
        if self.count == 1:
            return work()
        box: list[Any] = [None, None]
        if self.first:
            try:
                box[0] = work()
            except Exception as error:
                box[1] = error
        dist.broadcast_object_list(box, src=0)
        if box[1] is not None:
            raise box[1]
        value: Value = box[0]
        return value


ALONE = Processes()


@contextmanager
def joined(device: str | None = None) -> Iterator[Processes]:
    """Join the processes that were started together; alone where there is one only.

    device: as the user named it. GPUs talk over NCCL, processors over Gloo. InputError where the
    environment is incomplete.
    """
    found = named_by_environment(os.environ)
    if found.count == 1:
        yield ALONE
        return
    on_gpu = torch.cuda.is_available() and not (device or "cuda").startswith("cpu")
    if on_gpu:  # a task of Slurm may see its own GPU only, whatever its number on the machine
        found = replace(found, local=found.local % torch.cuda.device_count())
        torch.cuda.set_device(found.local)
    try:
        dist.init_process_group(
            "nccl" if on_gpu else "gloo", rank=found.rank, world_size=found.count, timeout=PATIENCE
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"process {found.rank} of {found.count} cannot reach the others ({error}); start them with "
            "torchrun, or with srun and MASTER_ADDR and MASTER_PORT set"
        ) from None
    try:
        yield found
    finally:
        dist.destroy_process_group()


def named_by_environment(environment: Mapping[str, str]) -> Processes:
    """Who this process is, by the variables of torchrun or of srun; alone where neither has started it.

    InputError where srun has started several that cannot find each other: they would all write one run.
    """
    for rank, count, local in (
        ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    ):
        if rank in environment and count in environment:
            found = Processes(*(int(environment.get(name, "0")) for name in (rank, count, local)))
            if found.count > 1 and "MASTER_ADDR" not in environment:
                raise InputError(
                    f"this is process {found.rank} of {found.count} that should train one net, but MASTER_ADDR is "
                    "not set; export MASTER_ADDR (the first machine) and MASTER_PORT (29500, say) before srun, or "
                    "start one process"
                )
            return found
    return ALONE


def with_shared_statistics(net: nn.Module, processes: Processes, device: torch.device) -> nn.Module:
    """Batch norm over the whole batch on GPUs; on processors each process has its own statistics."""
    if processes.count > 1 and device.type == "cuda":
        shared: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(net)  # type: ignore[no-untyped-call]
        return shared
    return net
