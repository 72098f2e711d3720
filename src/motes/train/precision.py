"""The number format of a training and of the net that comes out of it."""

import torch

from motes.predict.forward import fast_precision
from motes.train.settings import Training


def chosen_precision(training: Training, device: torch.device) -> torch.dtype:
    """The number format that a training with these settings computes in."""
    if training.precision == "auto":
        return fast_precision(device)
    return torch.bfloat16 if training.precision == "bfloat16" else torch.float32
