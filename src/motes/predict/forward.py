"""A net's forward pass, in the precision and on the device that it is asked for."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from motes.nets.folded import FoldedUNet

MEMORY = 1_500_000_000  # bytes of activations that one pass may take on a processor
GPU_SHARE = 0.5  # of a GPU's free memory


@torch.inference_mode()
def predict(net: nn.Module, image: NDArray[np.float32], precision: torch.dtype) -> NDArray[np.float32]:
    """One pass over one image whose sides are multiples of the net's; classes, (outputs, [z,] y, x)."""
    batch = torch.from_numpy(np.ascontiguousarray(image))[None, None].to(device_of(net))
    found: NDArray[np.float32] = probabilities(logits_of(net, batch, precision))[0].cpu().numpy()
    return found


def logits_of(net: nn.Module, batch: Tensor, precision: torch.dtype) -> Tensor:
    """What a net gives, (b, outputs, [z,] y, x), of a batch (b, channels, [z,] y, x) on its device.

    A folded net computes in its own precision.
    """
    if isinstance(net, FoldedUNet):
        folded: Tensor = net(batch)
        return folded
    with torch.autocast(batch.device.type, dtype=precision, enabled=precision != torch.float32):
        logits: Tensor = net(to_device(batch, batch.device))
    return logits


def probabilities(logits: Tensor, independent: bool = False) -> Tensor:
    """Of one output channel, or of independent ones, by the logistic function, else by softmax; in float32."""
    if independent or logits.shape[1] == 1:
        return torch.sigmoid(logits.float())
    return torch.softmax(logits.contiguous(), dim=1, dtype=torch.float32)


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """Move (batch, channel, [z,] y, x) to a device, with the channels last in memory."""
    layout = torch.channels_last if batch.ndim == 4 else torch.channels_last_3d
    return batch.to(device).to(memory_format=layout)


def device_of(net: nn.Module) -> torch.device:
    """Where a net computes."""
    return next(net.parameters()).device


def values_that_fit(net: nn.Module, precision: torch.dtype) -> int:
    """How many values of that precision one pass may keep in the memory of the net's device."""
    device = device_of(net)
    memory = GPU_SHARE * torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else MEMORY
    return int(memory / precision.itemsize)


def fast_precision(device: torch.device) -> torch.dtype:
    """bfloat16 where the processor computes in it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32


def cpu_has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; without them it is slower than float32."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # torch before 2.6 cannot say
    return bool(asked is not None and asked())
